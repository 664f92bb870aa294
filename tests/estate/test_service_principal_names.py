"""Which service principal names an estate may have: those that a client can ask a KDC for, each on one account."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.estate.spn_checks import find_spn_problem

from .changed_estate import both, mistakes, put, two_realms

CLOUD = "HTTP/autologon.microsoftazuread-sso.com"


@pytest.mark.parametrize(
    "spn",
    [
        "HTTP/web.corp.contoso.com",
        "http/WEB.corp.contoso.com",
        "HOST/web",
        "MSSQLSvc/db.corp.contoso.com:1433",
        "HTTP/web:1",
        "HTTP/web:65535",
        "HTTP/10.20.0.7",
        "HTTP/_sip.corp.contoso.com",
        f"HTTP/{'a' * 63}.test",
        f"HTTP/{'.'.join(['a' * 49] * 5)}.abc",
    ],
)
def test_names_of_services_and_hosts(spn: str) -> None:
    """A service, a slash, a host name or an IPv4 address of up to 253 characters, and a port from 1 to 65535."""
    assert find_spn_problem(spn) == ""


@pytest.mark.parametrize(
    ("spn", "words"),
    [
        ("", "expected SERVICE/host"),
        ("HTTP", "expected SERVICE/host"),
        ("HTTP/", "expected SERVICE/host"),
        ("/web", "expected SERVICE/host"),
        ("HTTP/web/corp", "expected SERVICE/host"),
        ("HTTP/web@CORP.CONTOSO.COM", "expected SERVICE/host"),
        ("HTTP/web corp", "expected SERVICE/host"),
        ("HTTP/web\n", "expected SERVICE/host"),
        ("HTTP/bücher.test", "expected SERVICE/host"),
        ("HTTP/web.corp.contoso.com.", "a dot at its end"),
        ("HTTP/.", "a dot at its end"),
        ("HTTP/web..corp", "'web..corp' is not a host name"),
        ("HTTP/.corp", "'.corp' is not a host name"),
        ("HTTP/-web", "'-web' is not a host name"),
        ("HTTP/web-.corp", "'web-.corp' is not a host name"),
        (f"HTTP/{'a' * 64}", "is not a host name"),
        (f"HTTP/{'.'.join(['a' * 49] * 5)}.abcd", "is not a host name"),
        ("HTTP/web:", "expected SERVICE/host"),
        ("HTTP/web:0", "there is no port 0"),
        ("HTTP/web:65536", "there is no port 65536"),
        ("HTTP/web:0x50", "expected SERVICE/host"),
        ("HTTP/web:\uff18\uff10", "expected SERVICE/host"),
    ],
)
def test_what_no_client_asks_for(spn: str, words: str) -> None:
    """A name that no client can form is refused with what is expected: in a realm it would never be found."""
    assert words in find_spn_problem(spn)


@pytest.mark.parametrize(
    "spn",
    [
        "krbtgt/CORP.CONTOSO.COM",
        "krbtgt/B.TEST",
        "KRBTGT/b.test",
        "kadmin/admin",
        "kadmin/changepw",
        "K/M",
        "kiprop/dc",
    ],
)
def test_a_principal_of_the_kdc_is_no_service(spn: str) -> None:
    """A service called krbtgt/REALM would be a trust that no realm has; kadmin and K/M are there in each database."""
    assert "is a principal of the KDC itself" in mistakes(put("realms.0.services.+", spn))["realms[0].services[2]"]


@settings(max_examples=60)
@given(spn=st.text("Hh/.:-_@ 09\x1bé", max_size=12) | st.text(max_size=8))
def test_what_is_accepted_can_be_a_principal(spn: str) -> None:
    """No text that is accepted holds anything but the characters of names: it goes into commands of kadmin."""
    if not find_spn_problem(spn):
        assert re.fullmatch(r"[A-Za-z]+/[A-Za-z0-9._-]+(:[1-9][0-9]*|:0+[1-9][0-9]*)?", spn)


@pytest.mark.parametrize("key", ["realms.0.services", "realms.0.service_account.spns"])
def test_a_bad_name_is_shown_escaped_and_short(key: str) -> None:
    """What is wrong is quoted on one line with its control characters as numbers, and cut."""
    text = mistakes(both(put(f"{key}.+", "HTTP/\x1b[2J\n"), put(f"{key}.+", "HTTP/" + "é" * 9000)))
    shown = [each for path, each in text.items() if path.startswith(f"realms[0].{key[9:]}")]
    assert len(shown) == 2
    assert "\\x1b[2J\\n" in shown[0]
    assert all(each.isprintable() and len(each) < 450 for each in shown)


def test_a_name_is_on_one_account_of_a_realm_in_whatever_letters() -> None:
    """MS-ADTS 3.1.1.5.1.3: a name that two accounts have is refused, between services and with the cloud's account."""
    found = mistakes(
        both(put("realms.0.services.+", CLOUD.lower()), put("realms.0.services.+", "HTTP/STS.fabrikam.com"))
    )
    assert set(found) == {"realms[0].services[2]", "realms[0].services[3]"}
    assert all("is an SPN of this realm already" in each for each in found.values())


def test_another_realm_may_have_the_name_too() -> None:
    """Each forest has its own AZUREADSSOACC with the same name (Entra documentation, Seamless single sign-on)."""
    assert mistakes(both(two_realms, put("realms.1.service_account.spns", [CLOUD]))) == {}


@pytest.mark.parametrize("spn", ["HTTP/sts.fabrikam.com", "http/STS.fabrikam.com"])
def test_a_federation_service_has_a_name_that_a_realm_has(spn: str) -> None:
    """The name may be written in other letters: Active Directory compares it without regard to case."""
    assert mistakes(put("federation_services.0.spn", spn)) == {}


@pytest.mark.parametrize("spn", ["HTTP/typo.fabrikam.com", "HTTP/sts.fabrikam.com.", CLOUD, ""])
def test_a_federation_service_whose_name_no_realm_has(spn: str) -> None:
    """It would have no key, and every sign-in with a ticket would fail without a word about this key."""
    found = mistakes(put("federation_services.0.spn", spn))
    assert "add it to the services of a realm" in found["federation_services[0].spn"]


def test_a_federation_service_may_be_in_the_second_realm() -> None:
    """Its account is where its name is registered."""
    change = both(
        two_realms, put("realms.1.services", ["HTTP/sts2.b.test"]), put("federation_services.0.spn", "HTTP/sts2.b.test")
    )
    assert mistakes(change) == {}
