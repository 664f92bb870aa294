"""Names and realms compared with what the machine's libkrb5 makes of the same host names, without any network."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ssosim_clients.spn import RULES, guess_realm

from ssosim.kerberos.kinit import ClientOptions, OtherRealms, write_krb5_conf

from .dictionary_resolver import DictionaryResolver, run
from .libkrb5 import LibKrb5

REALM, DOMAIN = "CORP.TEST", "corp.test"

_LABELS = st.text("abcDEF019-", min_size=1, max_size=4).filter(lambda text: text.strip("-") == text)
_HOSTS = st.builds(
    lambda labels, end: ".".join(labels) + end, st.lists(_LABELS, min_size=1, max_size=5), st.sampled_from(["", "."])
)
_KNOWN = st.sampled_from(
    [
        "corp.test", "Corp.Test.", "web.corp.test", "WEB.Corp.Test", "a.b.corp.test", "mycorp.test", "test",
        "10.20.1.2", "1.2.3", "1.2", "host.10", "10.20.1.2.", "2001:db8::1", "fe80::1", "sso.cloud", "x.sso.cloud",
        "partner.test", "web.partner.test", "corp.test.partner.test",
    ]
)  # fmt: skip


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> LibKrb5:
    """libkrb5 with a krb5.conf as a lab writes it: a second realm, one host of it, and no look-ups."""
    path = tmp_path_factory.mktemp("names") / "krb5.conf"
    options = ClientOptions(dns_canonicalize_hostname="false", qualify_shortname=DOMAIN)
    hosts = ((".partner.test", "PARTNER.TEST"), ("partner.test", "PARTNER.TEST"), ("sso.cloud", "PARTNER.TEST"))
    write_krb5_conf(path, REALM, DOMAIN, (), options, OtherRealms(hosts=hosts))
    return LibKrb5(path)


@settings(max_examples=40)
@given(host=_HOSTS | _KNOWN)
def test_a_realm_is_guessed_as_libkrb5_guesses_it(library: LibKrb5, host: str) -> None:
    """The krbtgt that is requested for an unknown name: none in the mapped domain and for what looks as an address."""
    if library.find_realm(host) == "PARTNER.TEST":
        return  # mapped to another realm, which guess_realm is not told of
    fallback = REALM if library.find_realm(host) else library.guess_realm(host)
    expected = None if fallback == REALM else f"krbtgt/{fallback}"
    assert guess_realm(f"HTTP/{host}", REALM, DOMAIN) == expected


def test_the_realm_of_the_client_is_no_guess(tmp_path: Path) -> None:
    """A host whose parent domain is the realm, and which no mapping has: the same request is sent again."""
    path = tmp_path / "krb5.conf"
    write_krb5_conf(path, REALM, "elsewhere.test", ())
    library = LibKrb5(path)
    assert (library.find_realm("x.corp.test"), library.guess_realm("x.corp.test")) == ("", REALM)
    assert guess_realm("HTTP/x.corp.test", REALM, "elsewhere.test") is None


@pytest.mark.parametrize("host", ["db.cloud.test:1433", "db.cloud.test:", "a.b:instance"])
def test_nothing_is_guessed_for_a_name_with_a_port(library: LibKrb5, host: str) -> None:
    """libkrb5 takes a colon for an IPv6 address, so a SQL client sees its own SPN refused and no foreign krbtgt."""
    assert library.guess_realm(host) == REALM
    assert guess_realm(f"MSSQLSvc/{host}", REALM, DOMAIN) is None


@settings(max_examples=40)
@given(host=_HOSTS | _KNOWN)
def test_the_name_as_typed_is_that_of_libkrb5(library: LibKrb5, host: str) -> None:
    """Without canonicalisation: lower case, one dot cut, and the search domain for one label without a dot alone."""
    rule = RULES["mit-no-canon"]
    formed = run(rule.form_spn(rule.form_pairs[0], host, DictionaryResolver({}), search_domain=DOMAIN))
    assert formed == library.form_principal("HTTP", host)


@pytest.mark.parametrize(
    ("host", "realm"),
    [
        ("corp.test", REALM),
        ("web.corp.test", REALM),
        ("WEB.Corp.Test.", REALM),
        ("mycorp.test", ""),
        ("corp.test.example", ""),
        ("web.partner.test", "PARTNER.TEST"),
        ("partner.test", "PARTNER.TEST"),
        ("corp.test.partner.test", "PARTNER.TEST"),
        ("SSO.cloud", "PARTNER.TEST"),
        ("x.sso.cloud", "PARTNER.TEST"),  # krb5 hostrealm_profile.c: each suffix, with a dot before it and without
        ("ysso.cloud", ""),
    ],
)
def test_a_written_krb5_conf_maps_hosts_to_their_realm(library: LibKrb5, host: str, realm: str) -> None:
    """krb5.conf(5), [domain_realm]: the domain, its hosts and those of other realms, and no name that ends alike."""
    assert library.find_realm(host) == realm


def test_a_domain_may_be_written_in_capitals(tmp_path: Path) -> None:
    """DNS names have no case; libkrb5 finds a mapping in lower case alone (hostrealm.c, k5_clean_hostname)."""
    path = tmp_path / "krb5.conf"
    hosts = ((".Partner.Test", "PARTNER.TEST"), ("SSO.cloud", "PARTNER.TEST"), (".CORP.test", REALM))
    write_krb5_conf(path, REALM, "Corp.Test", (), ClientOptions(), OtherRealms(hosts=hosts))
    library = LibKrb5(path)
    found = [library.find_realm(host) for host in ("web.corp.test", "Corp.Test", "x.partner.test", "sso.cloud")]
    assert found == [REALM, REALM, "PARTNER.TEST", "PARTNER.TEST"]


def test_dns_decides_the_realm_where_it_shall(tmp_path: Path) -> None:
    """With ``dns_lookup_realm`` no mapping is in the file: one there would come before the TXT records."""
    path = tmp_path / "krb5.conf"
    others = OtherRealms(hosts=((".partner.test", "PARTNER.TEST"),))
    write_krb5_conf(path, REALM, DOMAIN, (), ClientOptions(dns_lookup_realm=True), others)
    text = path.read_text(encoding="utf-8")
    assert "dns_lookup_realm = true" in text
    path.write_text(text.replace("dns_lookup_realm = true", "dns_lookup_realm = false"), encoding="utf-8")
    assert [LibKrb5(path).find_realm(host) for host in ("web.corp.test", "web.partner.test")] == ["", ""]
