"""How host names of every shape become SPNs, by each kind of client."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from ssosim_clients.failures import DnsFailure
from ssosim_clients.ports import Resolution
from ssosim_clients.spn import RULES, NegotiateAbandoned, PortInSpn, SpnRule

from .dictionary_resolver import DictionaryResolver, answer, run

DOMAIN = "corp.test"
NOTHING = DictionaryResolver({})
QUALIFYING = sorted(name for name, rule in RULES.items() if rule.adds_search_domain)
LOOKING_UP = {"mit-default", "mit-no-rdns", "mit-fallback", "curl-gssapi", "requests-gssapi", "node-kerberos"}


def form(rule: str | SpnRule, host: str, resolver: DictionaryResolver = NOTHING, **more: Any) -> tuple[str, ...]:
    """The candidates of a rule, without the service where it is HTTP."""
    chosen = RULES[rule] if isinstance(rule, str) else rule
    found = run(chosen.form_candidates(host, resolver, search_domain=more.pop("search_domain", DOMAIN), **more))
    return tuple(each.removeprefix("HTTP/") for each in found)


@pytest.mark.parametrize("rule", [name for name in QUALIFYING if not name.startswith("dotnet")])
def test_a_short_name_that_no_look_up_knows_is_qualified(rule: str) -> None:
    """krb5.conf(5), qualify_shortname: the search domain is added where DNS has no answer for one label."""
    assert form(rule, "gone") == ("gone.corp.test",)


@pytest.mark.parametrize("rule", sorted(set(RULES) - set(QUALIFYING) - {"dotnet", "firefox-windows", "go-spnego"}))
def test_clients_without_that_setting_keep_a_short_name(rule: str) -> None:
    """Only libkrb5 qualifies by itself: SSPI, Heimdal, Java and Go use what was typed if a look-up fails."""
    (spn,) = form(rule, "gone")
    assert spn.partition("/")[2] in ("", "gone:443")
    assert spn.removeprefix("MSSQLSvc/").partition(":")[0] == "gone"


@pytest.mark.parametrize("rule", sorted(LOOKING_UP))
def test_a_short_canonical_name_is_not_qualified(rule: str) -> None:
    """A hosts file may say that the canonical name is one label: libkrb5 qualifies no name that a look-up gave."""
    resolver = DictionaryResolver({"web": answer("web", "127.0.1.1")})
    assert form(rule, "web", resolver)[-1] == "web"


def test_a_library_qualifies_what_the_clients_own_look_up_gave() -> None:
    """Chromium finds a canonical name of one label; libkrb5's own look-up of it fails: it is qualified then."""
    resolver = DictionaryResolver({"alias.corp.test": answer("alias.corp.test", "127.0.1.1", chain=("real",))})
    assert form("chromium-linux", "alias.corp.test", resolver) == ("real.corp.test",)


@pytest.mark.parametrize("rule", sorted(set(QUALIFYING) - {"chromium-linux", "dotnet-linux"}))
def test_a_dot_at_the_end_keeps_a_short_name_short(rule: str) -> None:
    """``web.`` is a name of the root (RFC 1034, section 3.1): no search list is applied to it (measured)."""
    resolver = DictionaryResolver({"web.": answer("web", "127.0.1.1"), "web": answer("web.corp.test", "127.0.1.2")})
    assert set(form(rule, "web.", resolver)) == {"web"}
    assert "web" not in resolver.asked, "with the search list the resolver would find another host"
    assert set(form(rule, "WEB.")) == {"web"}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_case_and_a_last_dot_make_no_other_service(rule: str) -> None:
    """Each client writes the host in lower case without a last dot, from the URL, an alias and a PTR record alike."""
    found = Resolution("web.corp.test", "Real.Corp.Test.", ("127.0.1.1",), ("Real.Corp.Test.",))
    resolver = DictionaryResolver(
        dict.fromkeys(("web.corp.test", "Real.Corp.Test", "real.corp.test", "real.corp.test."), found)
        | {"Real.Corp.Test.": found},
        {"127.0.1.1": "Real.Corp.Test."},
    )
    for host in ("web.corp.test", "WEB.Corp.Test."):
        for spn in form(rule, host, resolver):
            name = spn.rpartition("/")[2].partition(":")[0]
            assert name in ("web.corp.test", "real.corp.test")


@pytest.mark.parametrize("host", ["10.20.1.2", "2001:db8::7"])
@pytest.mark.parametrize(
    ("rule", "name"),
    [
        ("mit-default", "node.corp.test"),
        ("mit-no-rdns", None),
        ("sspi", None),
        ("curl-sspi", None),
        ("chromium-windows", None),
        ("firefox-windows", None),
        ("dotnet", None),
        ("gokrb5", None),
        ("java", None),
        ("java-no-canon", None),
        ("heimdal", None),
        ("curl-gssapi", "node.corp.test"),
        ("go-spnego", "node.corp.test"),
        ("mssql-jdbc-realm", None),  # the name does not lead back to the address
        ("sqlclient", "node.corp.test"),
        ("mssql-jdbc", None),
    ],
)
def test_an_address_has_a_name_by_its_pointer_only(rule: str, name: str | None, host: str) -> None:
    """No forward look-up is made for an IP address: a PTR record, or nothing, gives it a name."""
    resolver = DictionaryResolver({}, {host: "node.corp.test"})
    (spn,) = form(rule, host, resolver)
    assert spn.removeprefix("MSSQLSvc/").removesuffix(":443") == (name or host)
    assert set(resolver.asked) <= {host, "node.corp.test"}


@pytest.mark.parametrize("rule", sorted(RULES))
def test_a_port_is_in_the_spn_of_sql_clients_alone(rule: str) -> None:
    """Browsers, .NET 6, curl and Java leave the port out; SqlClient and mssql-jdbc write it, the usual one too."""
    resolver = DictionaryResolver(
        {"web.corp.test": answer("web.corp.test", "127.0.1.1")}, {"127.0.1.1": "web.corp.test"}
    )
    sql = rule in ("sqlclient", "mssql-jdbc", "mssql-jdbc-realm")
    for port in (80, 443, 1433, 8443):
        expected = f"MSSQLSvc/web.corp.test:{port}" if sql else "web.corp.test"
        assert form(rule, "web.corp.test", resolver, port=port) == (expected,)


@pytest.mark.parametrize(
    ("rule", "host", "expected"),
    [
        ("curl-gssapi", "web.corp.test", "web.corp.test:8080"),
        ("mit-no-canon", "web", "web.corp.test:8080"),
        ("mit-no-canon", "web.", "web:8080"),
        ("sspi", "2001:db8::7", "2001:db8::7:8080"),
    ],
)
def test_a_port_comes_after_the_whole_name(rule: str, host: str, expected: str) -> None:
    """The policy EnableAuthNegotiatePort adds the port to the name that is used in the end."""
    assert form(replace(RULES[rule], port=PortInSpn.NON_STANDARD), host, port=8080) == (expected,)


@pytest.mark.parametrize("domain", ["", "corp.test", ".corp.test", "CORP.test."])
def test_the_search_domain_may_be_written_in_any_way(domain: str) -> None:
    """A search domain with dots around it, or in capitals, is the same; without one a short name stays as it is."""
    assert form("mit-no-canon", "web", search_domain=domain) == ("web.corp.test" if domain else "web",)


def test_what_a_failed_look_up_means_to_each_client() -> None:
    """Chromium and libkrb5 go on with the typed name, Firefox leaves Negotiate, .NET and go-spnego raise (read-spn)."""
    assert form("chromium-windows", "gone.corp.test") == ("gone.corp.test",)
    with pytest.raises(NegotiateAbandoned, match=r"gone\.corp\.test"):
        form("firefox-windows", "gone.corp.test")
    for rule in ("dotnet", "dotnet-linux", "go-spnego"):
        with pytest.raises(DnsFailure):
            form(rule, "gone.corp.test")


def test_a_pointer_that_is_missing_fails_for_the_name_of_the_pointer() -> None:
    """go-spnego reports the reverse name that it asked for, with the digits of the address (RFC 1035, section 3.5)."""
    resolver = DictionaryResolver({"web.corp.test": answer("web.corp.test", "10.20.1.2")})
    with pytest.raises(DnsFailure, match=r"2\.1\.20\.10\.in-addr\.arpa"):
        form("go-spnego", "web.corp.test", resolver)


@pytest.mark.parametrize(
    ("pointer", "leads_back", "java", "httpclient5"),
    [
        ("web.corp.test.dc.test", True, "web.corp.test.dc.test", "web.corp.test.dc.test"),
        ("WEB.Corp.Test.dc.test", True, "web.corp.test.dc.test", "web.corp.test.dc.test"),
        ("web.corp.testing.test", True, "web.corp.test", "web.corp.testing.test"),  # no dot after the typed name
        ("node.corp.test", True, "web.corp.test", "node.corp.test"),
        ("web.corp.test.dc.test", False, "web.corp.test", "web.corp.test"),
    ],
)
def test_java_takes_a_pointer_that_leads_back_and_begins_with_the_name(
    pointer: str, leads_back: bool, java: str, httpclient5: str
) -> None:
    """PrincipalName.java of OpenJDK: a canonical name counts if it begins with the typed name and a dot."""
    resolver = DictionaryResolver(
        {
            "web.corp.test": answer("web.corp.test", "127.0.1.1"),
            pointer: answer(pointer, "127.0.1.1" if leads_back else "127.0.9.9"),
        },
        {"127.0.1.1": pointer},
    )
    assert form("java", "web.corp.test", resolver) == (java,)
    assert form("httpclient5-as-typed", "web.corp.test", resolver) == (java,)
    assert form(replace(RULES["httpclient5"], library_forms=()), "web.corp.test", resolver) == (httpclient5,)
    assert form("mssql-jdbc-realm", "web.corp.test", resolver) == (f"MSSQLSvc/{httpclient5}:443",)


def test_sql_client_asks_for_the_name_of_an_address() -> None:
    """Dns.GetHostEntry: the PTR name, and its canonical name if it has one; without a PTR the address as typed."""
    address = "10.20.0.7"
    named = DictionaryResolver(
        {"alias.test": answer("alias.test", address, chain=("db.test",))}, {address: "alias.test"}
    )
    assert form("sqlclient", address, named, port=1433) == ("MSSQLSvc/db.test:1433",)
    assert form("sqlclient", address, DictionaryResolver({}, {address: "gone.test"})) == ("MSSQLSvc/gone.test:443",)
    assert form("sqlclient", address) == (f"MSSQLSvc/{address}:443",)
    assert form("sqlclient", "alias.test", named) == ("MSSQLSvc/db.test:443",)
    assert named.asked.count(address) == 1, "a name is looked up forwards alone"


def test_of_a_chain_go_takes_the_first_target_or_the_last() -> None:
    """golang/go issue 59943: which one depends on the answer that comes first; a plain name has one possibility."""
    chain = ("mid.corp.test", "next.corp.test", "end.corp.test")
    resolver = DictionaryResolver(
        {"long.corp.test": answer("long.corp.test", "127.0.1.1", chain=chain), "a.test": answer("a.test", "127.0.1.2")}
    )
    assert form("gokrb5", "long.corp.test", resolver) == ("mid.corp.test", "end.corp.test")
    assert form("gokrb5", "a.test", resolver) == ("a.test",)
    assert form("dotnet", "long.corp.test", resolver) == ("end.corp.test",)


@settings(max_examples=40)
@given(
    rule=st.sampled_from(sorted(RULES)),
    host=st.builds(
        lambda labels, end: ".".join(labels) + end,
        st.lists(st.text("aZ9", min_size=1, max_size=3), min_size=1, max_size=3),
        st.sampled_from(["", "."]),
    ),
    chain=st.lists(st.sampled_from(["b.corp.test", "c.cloud.test"]), max_size=2, unique=True),
    pointer=st.none() | st.sampled_from(["p.corp.test", "b.corp.test"]),
)
def test_a_rule_gives_a_service_and_a_plain_name_for_every_shape(
    rule: str, host: str, chain: list[str], pointer: str | None
) -> None:
    """Whatever DNS says: service, slash, and a name in lower case without a last dot; no rule raises another error."""
    typed = host.lower().rstrip(".")
    found = answer(typed, "127.0.1.1", chain=tuple(chain))
    names = (typed, f"{typed}.", *chain, *([pointer] if pointer else ()))
    resolver = DictionaryResolver(dict.fromkeys(names, found), {"127.0.1.1": pointer} if pointer else {})
    try:
        spns = run(RULES[rule].form_candidates(host, resolver, search_domain=DOMAIN))
    except DnsFailure:
        assert rule == "go-spnego"
        assert pointer is None
        return
    allowed = {typed, f"{typed}.{DOMAIN}", *chain, pointer}
    assert spns
    assert len(set(spns)) == len(spns)
    for spn in spns:
        service, _, name = spn.partition("/")
        assert service == RULES[rule].service
        assert name.partition(":")[0] in allowed
