"""SPN rules compared with the measurements of real clients."""

from __future__ import annotations

from random import Random

import pytest
from msgspec.structs import replace
from ssosim_clients.failures import DnsFailure, TicketFailure
from ssosim_clients.flows.negotiate import respond_to_challenge
from ssosim_clients.spn import RULES, NameForm, NegotiateAbandoned, OnLookupFailure, OnUnknown, guess_realm
from ssosim_clients.spn.rule import PortInSpn

from .conftest import ClientEnvironment

CORP = "corp.test"


@pytest.fixture
def zone() -> ClientEnvironment:
    """The zone in which the real clients were measured."""
    environment = ClientEnvironment()
    environment.cnames = {f"alias.{CORP}": f"real.{CORP}", f"chain.{CORP}": f"mid.{CORP}", f"mid.{CORP}": f"end.{CORP}"}
    environment.cnames[f"ptrcname.{CORP}"] = "lb.cloud.test"
    environment.cnames["short"] = f"short.{CORP}"  # what a search list does
    names = ["plain", "real", "end", "ptrdiff", "noptr", "short", "twoa", "ptrext"]
    environment.addresses = {f"{name}.{CORP}": (f"127.0.1.{n}",) for n, name in enumerate(names, 1)}
    environment.addresses[f"twoa.{CORP}"] = ("127.0.2.10", "127.0.2.11")
    environment.addresses["lb.cloud.test"] = ("127.0.3.1",)
    environment.addresses[f"ptrext.{CORP}.evil.test"] = environment.addresses[f"ptrext.{CORP}"]
    for name in ["plain", "real", "end", "short"]:
        environment.pointers[environment.addresses[f"{name}.{CORP}"][0]] = f"{name}.{CORP}"
    environment.pointers |= {
        environment.addresses[f"ptrdiff.{CORP}"][0]: f"node7.dc.{CORP}",
        environment.addresses[f"ptrext.{CORP}"][0]: f"ptrext.{CORP}.evil.test",
        "127.0.2.10": f"n10.{CORP}",
        "127.0.2.11": f"n11.{CORP}",
        "127.0.3.1": "ec2-1-2-3-4.cloud.test",
    }
    return environment


def _dice(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - which of two DNS answers comes first


def _ask(environment: ClientEnvironment, rule: str, host: str, port: int = 443) -> tuple[str, ...]:
    found = environment.play(
        RULES[rule].form_candidates(host, environment.device().resolver, port=port, search_domain=CORP)
    )
    assert found is not None
    return tuple(spn.removeprefix("HTTP/").removesuffix(f".{CORP}") for spn in found)


@pytest.mark.parametrize(
    ("host", "default", "no_rdns", "no_canon", "fallback", "java"),
    [
        ("plain", "plain", "plain", "plain", "plain", "plain"),
        ("alias", "real", "real", "alias", "alias real", "alias"),
        ("chain", "end", "end", "chain", "chain end", "chain"),
        ("ptrdiff", "node7.dc", "ptrdiff", "ptrdiff", "ptrdiff node7.dc", "ptrdiff"),
        ("noptr", "noptr", "noptr", "noptr", "noptr", "noptr"),
        (
            "ptrcname", "ec2-1-2-3-4.cloud.test", "lb.cloud.test", "ptrcname",
            "ptrcname ec2-1-2-3-4.cloud.test", "ptrcname",
        ),
        ("twoa", "n10", "twoa", "twoa", "twoa n10", "twoa"),
        (
            "ptrext", "ptrext.corp.test.evil.test", "ptrext", "ptrext",
            "ptrext ptrext.corp.test.evil.test", "ptrext.corp.test.evil.test",
        ),
        ("gone", "gone", "gone", "gone", "gone", "gone"),
        ("PLAIN", "plain", "plain", "plain", "plain", "plain"),
    ],
)  # fmt: skip
def test_measured_cells(
    zone: ClientEnvironment, host: str, default: str, no_rdns: str, no_canon: str, fallback: str, java: str
) -> None:
    """Each rule gives the SPN that the real client requested, for each form of DNS records (measured-spn)."""
    fqdn = f"{host}.{CORP}"
    expected = {
        "mit-default": default, "mit-no-rdns": no_rdns, "mit-no-canon": no_canon, "mit-fallback": fallback,
        "java": java, "java-no-canon": no_canon,
    }  # fmt: skip
    assert {rule: " ".join(_ask(zone, rule, fqdn)) for rule in expected} == expected


@pytest.mark.parametrize("rule", ["mit-default", "mit-no-rdns", "mit-no-canon", "mit-fallback", "java"])
def test_short_name_is_qualified(zone: ClientEnvironment, rule: str) -> None:
    """A one-label name becomes the full one, by look-up, by PTR or by the search domain alone."""
    assert _ask(zone, rule, "short") == ("short",)


def test_trailing_dot_is_cut(zone: ClientEnvironment) -> None:
    """``plain.corp.test.`` and ``plain.corp.test`` are one service."""
    assert _ask(zone, "mit-no-canon", f"plain.{CORP}.") == ("plain",)


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("mit-default", ("real",)),
        ("mit-no-rdns", ("127.0.1.2",)),
        ("mit-no-canon", ("127.0.1.2",)),
        ("mit-fallback", ("127.0.1.2", "real")),
        ("java", ("127.0.1.2",)),
    ],
)
def test_address_literal(zone: ClientEnvironment, rule: str, expected: tuple[str, ...]) -> None:
    """Only a reverse look-up gives an address a name."""
    assert _ask(zone, rule, "127.0.1.2") == expected


def test_families_under_a_cname(zone: ClientEnvironment) -> None:
    """The same CNAME changes the SPN of the forward families and not of the typed family (TMS9-082)."""
    host = f"alias.{CORP}"
    moved = {name for name, rule in RULES.items() if rule.service == "HTTP" and _ask(zone, name, host) == ("real",)}
    kept = {name for name, rule in RULES.items() if rule.service == "HTTP" and _ask(zone, name, host) == ("alias",)}
    java = {"java", "java-no-canon", "java-jgss", "httpclient5-as-typed"}
    assert kept == {"mit-no-canon", "sspi", "winhttp-typed", "curl-sspi", *java}
    assert moved | kept | {"mit-fallback", "heimdal-rules"} == {
        name for name, rule in RULES.items() if rule.service == "HTTP"
    }


def test_typed_asks_no_dns(zone: ClientEnvironment) -> None:
    """A rule that takes the name as typed makes no look-up at all."""
    _ask(zone, "mit-no-canon", f"alias.{CORP}")
    assert zone.events == []


def test_two_canonicalisers(zone: ClientEnvironment) -> None:
    """Chromium on Linux looks up once, libkrb5 again: without rdns the PTR has no effect."""
    rule = RULES["chromium-linux"]
    host = f"ptrdiff.{CORP}"
    assert _ask(zone, "chromium-linux", host) == ("node7.dc",)
    assert len(zone.seen("dns")) == 2
    plain = rule.with_library(RULES["mit-no-rdns"])
    assert zone.play(plain.form_candidates(host, zone.device().resolver)) == (f"HTTP/ptrdiff.{CORP}",)
    assert RULES["sspi"].with_library(RULES["mit-default"]) is RULES["sspi"]


def test_look_up_failure(zone: ClientEnvironment) -> None:
    """After a failed look-up the client uses the typed name, gives up Negotiate, or raises the error (read-spn)."""
    host = f"gone.{CORP}"
    resolver = zone.device().resolver
    for rule in RULES.values():
        if rule.on_lookup_failure is OnLookupFailure.USE_TYPED:
            found = zone.play(rule.form_candidates(host, resolver))
            assert found in ((f"{rule.service}/{host}",), (f"{rule.service}/{host}:443",))
    with pytest.raises(NegotiateAbandoned):
        zone.play(RULES["firefox-windows"].form_candidates(host, resolver))
    with pytest.raises(DnsFailure):
        zone.play(RULES["dotnet"].form_candidates(host, resolver))


def test_fallback_asks_the_second_name_only_if_needed(zone: ClientEnvironment) -> None:
    """MIT's fallback makes no look-up for a registered typed name; an old registration hides the canonical name."""
    zone.spns = {f"HTTP/alias.{CORP}"}
    zone.play(respond_to_challenge(zone.device(), RULES["mit-fallback"], f"https://alias.{CORP}/"))
    assert zone.log == [f"tgs HTTP/alias.{CORP}"]
    zone.spns = {f"HTTP/real.{CORP}"}
    zone.events.clear()
    reply = zone.play(respond_to_challenge(zone.device(), RULES["mit-fallback"], f"https://alias.{CORP}/"))
    assert zone.seen("tgs") == [f"tgs HTTP/alias.{CORP}", f"tgs HTTP/real.{CORP}"]
    assert reply is not None
    assert reply.header is not None


def test_java_checks_a_pointer_forward(zone: ClientEnvironment) -> None:
    """A longer PTR name is used only if it resolves to the address."""
    del zone.addresses[f"ptrext.{CORP}.evil.test"]
    assert _ask(zone, "java", f"ptrext.{CORP}") == ("ptrext",)
    zone.addresses[f"ptrext.{CORP}.evil.test"] = ("127.0.9.9",)
    assert _ask(zone, "java", f"ptrext.{CORP}") == ("ptrext",)


def test_java_remembers(zone: ClientEnvironment) -> None:
    """After one failed negotiation the process requests no ticket for that host again; a new process does."""
    device = zone.device()
    url = f"https://alias.{CORP}/"
    for _ in range(2):
        reply = zone.play(respond_to_challenge(device, RULES["java"], url))
        assert reply is not None
        assert reply.header is None
    assert len(zone.seen("tgs")) == 1
    zone.play(respond_to_challenge(zone.device(), RULES["java"], url))
    assert len(zone.seen("tgs")) == 2


def test_sql_spn_has_its_port(zone: ClientEnvironment) -> None:
    """SqlClient names the service MSSQLSvc with its port."""
    assert _ask(zone, "sqlclient", f"alias.{CORP}", port=1433) == (f"MSSQLSvc/real.{CORP}:1433",)


@pytest.mark.parametrize(
    ("host", "httpclient5", "jgss", "go_spnego"),
    [
        ("plain", "plain", "plain", "plain"),
        ("alias", "real", "alias", "real"),
        ("ptrdiff", "ptrdiff", "ptrdiff", "node7.dc"),
        ("ptrext", "ptrext.corp.test.evil.test", "ptrext.corp.test.evil.test", "ptrext.corp.test.evil.test"),
        ("noptr", "noptr", "noptr", None),
        ("gone", "gone", "gone", None),
    ],
)
def test_reverse_look_ups_differ(
    zone: ClientEnvironment, host: str, httpclient5: str, jgss: str, go_spnego: str | None
) -> None:
    """A PTR name that leads elsewhere: HttpClient keeps the typed name, go-spnego uses it, and fails without any."""
    fqdn = f"{host}.{CORP}"
    assert _ask(zone, "httpclient5", fqdn) == (httpclient5,)
    assert _ask(zone, "java-jgss", fqdn) == (jgss,)
    if go_spnego is None:
        with pytest.raises(DnsFailure):
            _ask(zone, "go-spnego", fqdn)
    else:
        assert _ask(zone, "go-spnego", fqdn) == (go_spnego,)


# read-spn, row by row: how the client and its library canonicalise, what happens when the look-up fails, and when the
# KDC knows no candidate. One of typed, forward, forward+reverse and lengthen, twice; "" where there is no library.
TABLE_1_1 = {
    "mit-default": ("forward+reverse", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "mit-no-rdns": ("forward", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "mit-no-canon": ("typed", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "mit-fallback": ("typed forward+reverse", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "heimdal": ("forward", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "heimdal-rules": ("typed forward", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "chromium-windows": ("forward", "", OnLookupFailure.USE_TYPED, OnUnknown.NTLM),
    "chromium-linux": ("forward", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.RESEND_PLAIN),
    "firefox-windows": ("forward", "", OnLookupFailure.GIVE_UP_SCHEME, OnUnknown.NEXT_SCHEME),
    "firefox-linux": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.NEXT_SCHEME),
    "dotnet": ("forward", "", OnLookupFailure.RAISE, OnUnknown.PLAIN_401),
    "dotnet-linux": ("forward", "forward+reverse", OnLookupFailure.RAISE, OnUnknown.PLAIN_401),
    "dotnet-framework": ("forward", "", OnLookupFailure.USE_TYPED, OnUnknown.NTLM),
    "wininet": ("forward", "", OnLookupFailure.USE_TYPED, OnUnknown.NTLM),
    "winhttp": ("forward", "", OnLookupFailure.USE_TYPED, OnUnknown.NTLM),
    "winhttp-typed": ("typed", "", OnLookupFailure.USE_TYPED, OnUnknown.NTLM),
    "sspi": ("typed", "", OnLookupFailure.USE_TYPED, OnUnknown.NTLM),
    "curl-gssapi": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.PLAIN_401),
    "curl-sspi": ("typed", "", OnLookupFailure.USE_TYPED, OnUnknown.PLAIN_401),
    "java": ("lengthen", "", OnLookupFailure.USE_TYPED, OnUnknown.NEXT_SCHEME),
    "java-no-canon": ("typed", "", OnLookupFailure.USE_TYPED, OnUnknown.NEXT_SCHEME),
    "java-jgss": ("typed", "lengthen", OnLookupFailure.USE_TYPED, OnUnknown.PLAIN_401),
    "httpclient5": ("confirmed reverse", "lengthen", OnLookupFailure.USE_TYPED, OnUnknown.RESEND_PLAIN),
    "httpclient5-as-typed": ("typed", "lengthen", OnLookupFailure.USE_TYPED, OnUnknown.RESEND_PLAIN),
    "go-spnego": ("reverse only", "", OnLookupFailure.RAISE, OnUnknown.ERROR),
    "gokrb5": ("first or last target", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "requests-gssapi": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.PLAIN_401),
    "requests-kerberos": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.PLAIN_401),
    "httpx-gssapi": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.RESEND_PLAIN),
    "libsoup": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.PLAIN_401),
    "lwp-negotiate": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.PLAIN_401),
    "pyspnego": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "python-gssapi": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "node-kerberos": ("typed", "forward+reverse", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "sqlclient": ("host entry", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "mssql-jdbc": ("typed", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
    "mssql-jdbc-realm": ("confirmed reverse", "", OnLookupFailure.USE_TYPED, OnUnknown.ERROR),
}


def test_every_row_of_the_table_is_a_rule(zone: ClientEnvironment) -> None:
    """read-spn: each client as (its own canonicaliser, its library's), and what it does when either step fails."""
    found = {
        name: (" ".join(rule.forms), " ".join(rule.library_forms), rule.on_lookup_failure, rule.on_unknown)
        for name, rule in RULES.items()
    }
    assert found == TABLE_1_1
    families = {name: rule.family for name, rule in RULES.items()}
    assert families["chromium-linux"] == families["curl-gssapi"] == "forward+reverse"
    assert families["mit-fallback"] == "typed, then forward+reverse"
    assert {name for name, rule in RULES.items() if rule.remembers_failure} == {"java", "java-no-canon"}
    assert zone.events == []


def _possible(environment: ClientEnvironment, rule: str, host: str) -> list[str]:
    found = environment.play(RULES[rule].form_possibilities(f"{host}.{CORP}", environment.device().resolver))
    assert found is not None
    return [" ".join(spn.removeprefix("HTTP/").removesuffix(f".{CORP}") for spn in way) for way in found]


def test_go_takes_the_first_or_the_last_target(zone: ClientEnvironment) -> None:
    """With a chain of CNAMEs gokrb5 uses the first or the last target, as measured with Go 1.26; others the last."""
    zone.cnames[f"long.{CORP}"] = f"chain.{CORP}"
    assert _ask(zone, "gokrb5", f"long.{CORP}") == ("chain", "end")
    assert _possible(zone, "gokrb5", "long") == ["chain", "end"]
    assert _possible(zone, "dotnet", "long") == ["end"]
    for host, name in (("alias", "real"), ("end", "end"), ("nothing", "nothing")):
        assert _possible(zone, "gokrb5", host) == [name], "one target, or none: nothing to decide"


def test_a_race_is_no_second_try(zone: ClientEnvironment) -> None:
    """gokrb5 requests one name per sign-in; over many sign-ins both occur, and the same for the same seed."""

    def names(seed: int) -> list[str]:
        device = zone.device(random=_dice(seed))
        asked = []
        for _ in range(20):
            zone.events.clear()
            with pytest.raises(TicketFailure):
                zone.play(respond_to_challenge(device, RULES["gokrb5"], f"https://chain.{CORP}/"))
            (event,) = [event for event in zone.events if event.kind == "tgs"]
            asked.append(event.what.removeprefix("HTTP/").partition(".")[0])
        return asked

    assert names(1) == names(1)
    assert set(names(1)) == set(names(2)) == {"mid", "end"}
    assert names(1) != names(2)


def test_a_race_that_nobody_decided_is_a_mistake(zone: ClientEnvironment) -> None:
    """``form_spn`` gives one name, so the race must be resolved; a rule without a race needs nothing."""
    rule = RULES["gokrb5"]
    with pytest.raises(ValueError, match="race between DNS answers"):
        zone.play(rule.form_spn(rule.form_pairs[0], f"chain.{CORP}", zone.device().resolver))
    assert {each.forms for each in rule.race_outcomes} == {(NameForm.FIRST_TARGET,), (NameForm.FORWARD,)}
    assert rule.resolve_race(_dice(0)) in rule.race_outcomes
    assert [name for name, each in RULES.items() if each.has_race] == ["gokrb5"]
    dice = _dice(0)
    assert RULES["java"].resolve_race(dice) is RULES["java"]
    assert dice.random() == _dice(0).random(), "no random number is used if there is no race"
    above = replace(RULES["curl-gssapi"], library_forms=(NameForm.FIRST_OR_LAST,))
    assert [each.library_forms for each in above.race_outcomes] == [(NameForm.FIRST_TARGET,), (NameForm.FORWARD,)]


def test_round_robin_decides_where_the_ptr_is_asked_for(zone: ClientEnvironment) -> None:
    """measured-spn, twoa: the PTR is that of the first address, which rotates; other rules do not depend on it."""
    assert _possible(zone, "mit-default", "twoa") == ["n10", "n11"]
    assert _possible(zone, "mit-fallback", "twoa") == ["twoa n10", "twoa n11"]
    for rule in ("mit-no-rdns", "mit-no-canon", "java", "dotnet", "gokrb5"):
        assert _possible(zone, rule, "twoa") == ["twoa"], rule
    assert _ask(zone, "mit-default", f"twoa.{CORP}") == ("n10",), "for the answer as it came"


def test_addresses_of_another_version_do_not_come_first(zone: ClientEnvironment) -> None:
    """A host prefers one IP version whatever the order of records is (RFC 6724), so that only its addresses rotate."""
    zone.addresses[f"both.{CORP}"] = ("2001:db8::1", "2001:db8::2", "127.0.2.10")
    zone.pointers |= {"2001:db8::1": f"six1.{CORP}", "2001:db8::2": f"six2.{CORP}"}
    assert _possible(zone, "mit-default", "both") == ["six1", "six2"]


def test_two_pointers(zone: ClientEnvironment) -> None:
    """Of two PTR names the first in the answer is used (measured-spn, twoptr)."""
    zone.addresses[f"twoptr.{CORP}"] = ("127.0.4.1",)
    zone.pointers["127.0.4.1"] = f"zeta.{CORP}"
    assert _ask(zone, "mit-default", f"twoptr.{CORP}") == ("zeta",)
    assert _ask(zone, "mit-fallback", f"twoptr.{CORP}") == ("twoptr", "zeta")
    assert _ask(zone, "mit-no-rdns", f"twoptr.{CORP}") == ("twoptr",)


@pytest.mark.parametrize(
    ("spn", "guess"),
    [
        ("HTTP/lb.cloud.test", "krbtgt/CLOUD.TEST"),
        ("MSSQLSvc/db.cloud.test:1433", None),
        (f"HTTP/plain.{CORP}", None),
        (f"HTTP/{CORP}", None),
        ("HTTP/short", None),
        ("HTTP/10.20.1.2", None),
    ],
)
def test_guessed_realm(spn: str, guess: str | None) -> None:
    """A name outside the mapped domain makes MIT guess a realm from its parent (measured-spn, ptrcname)."""
    assert guess_realm(spn, "CORP.TEST", CORP) == guess
    assert guess_realm("HTTP/x.corp.test", "CORP.TEST", "elsewhere.test") is None, "the parent is the realm itself"


def test_every_rule_has_a_source() -> None:
    """Every rule has a source, and every value of ``OnUnknown`` is used by some client."""
    assert all(rule.source and rule.name == name for name, rule in RULES.items())
    assert {rule.on_unknown for rule in RULES.values()} == set(OnUnknown)


@pytest.mark.parametrize(("port", "suffix"), [(80, ""), (443, ""), (81, ":81"), (8443, ":8443")])
def test_the_usual_ports_of_http_are_left_out_of_a_name(port, suffix):
    """A rule that names the port in an SPN leaves it out for 80 and 443, and for no other."""
    rule = replace(RULES["curl-gssapi"], port=PortInSpn.NON_STANDARD)
    assert rule._port_suffix(port) == suffix
