"""Alias record sets, profiles as changes, and what the zones answer for them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import dns.name
import msgspec
import pytest
from dns.rdatatype import AAAA, ANY, CNAME, TXT, A, RdataType

from ssosim.dns import (
    Answer,
    DnsChangeError,
    ZoneSet,
    answer,
    delete_profile,
    point_alias,
    put_profile,
    put_rrset,
    remove_name,
    remove_rrset,
    zones_of,
)
from ssosim.dns.zones.edits import point_alias_record
from ssosim.dns.zones.links import MAX_ALIASES
from ssosim.dns.zones.query_context import QueryContext, network
from ssosim.estate import (
    DnsSettings,
    Estate,
    EstateError,
    Location,
    Monitor,
    RecordSet,
    TrafficManager,
    TrafficManagerEndpoint,
    Zone,
    default_estate,
    parse_estate,
)

AUTOLOGON = "autologon.microsoftazuread-sso.com"
PROFILE = "aadg-autologon"
OWN = "www.tm.a.prd.aadg.trafficmanager.net"


def ask(zones: ZoneSet, name: str, rdtype: RdataType = A, context: QueryContext | None = None) -> Answer:
    """One question."""
    return answer(zones, dns.name.from_text(name), rdtype, context or QueryContext())


def said(
    zones: ZoneSet, name: str, rdtype: RdataType = A, context: QueryContext | None = None
) -> tuple[str, tuple[str, ...]]:
    """Outcome and answers of one question, as the trace has them."""
    event = ask(zones, name, rdtype, context).event("udp")
    return event.rcode, event.answers


def with_profile(zones: ZoneSet, *endpoints: TrafficManagerEndpoint, **more: object) -> ZoneSet:
    """The zones with other endpoints in a new profile tm."""
    profile = TrafficManager(name="tm", dns_name="tm.trafficmanager.net", endpoints=endpoints, **more)  # type: ignore[arg-type]
    return put_profile(zones, profile)


V4 = TrafficManagerEndpoint(name="v4", address="192.0.2.20")
V6 = TrafficManagerEndpoint(name="v6", address="2001:db8::20", priority=2)
NAMED = TrafficManagerEndpoint(name="named", target="login.microsoftonline.com")
TM = "tm.trafficmanager.net"


@pytest.mark.parametrize(
    ("endpoints", "rdtype", "expected"),
    [
        ((V4, V6), A, ("NOERROR", ("A 192.0.2.20",))),
        ((V4, V6), AAAA, ("NODATA", ())),
        ((V4, V6), CNAME, ("NODATA", ())),
        ((V4, V6), TXT, ("NODATA", ())),
        ((NAMED,), A, ("NOERROR", ("CNAME login.microsoftonline.com.", "A 192.0.2.10"))),
        ((NAMED,), CNAME, ("NOERROR", ("CNAME login.microsoftonline.com.",))),
        ((NAMED,), AAAA, ("NODATA", ("CNAME login.microsoftonline.com.",))),
        ((), A, ("NODATA", ())),
    ],
)
def test_the_endpoint_is_chosen_before_the_type_is_looked_at(
    contoso: ZoneSet, endpoints: tuple[TrafficManagerEndpoint, ...], rdtype: RdataType, expected: tuple[str, object]
) -> None:
    """azure-traffic-manager: a type that the chosen endpoint has not is NODATA, though the next has it (TMS9-063)."""
    assert said(with_profile(contoso, *endpoints), TM, rdtype) == expected


def test_multivalue_filters_by_type_before_it_cuts(contoso: ZoneSet) -> None:
    """A multivalue profile answers each family from its own endpoints, up to the most it returns."""
    more = [msgspec.structs.replace(V4, name=f"e{n}", address=f"192.0.2.{n}", priority=3) for n in range(5)]
    zones = with_profile(contoso, V4, V6, *more, routing="multivalue", max_return=2)
    assert said(zones, TM) == ("NOERROR", ("A 192.0.2.20", "A 192.0.2.0"))
    assert said(zones, TM, AAAA) == ("NOERROR", ("AAAA 2001:db8::20",))


def test_a_disabled_profile_is_nxdomain(contoso: ZoneSet) -> None:
    """azure-traffic-manager: the name of a disabled profile is NXDOMAIN for every type; its aliases have no records."""
    zones = put_profile(contoso, msgspec.structs.replace(contoso.profiles[PROFILE], enabled=False))
    assert [said(zones, OWN, rdtype)[0] for rdtype in (A, AAAA, TXT, CNAME)] == ["NXDOMAIN"] * 4
    assert said(zones, AUTOLOGON) == ("NODATA", ())
    assert said(put_profile(zones, contoso.profiles[PROFILE]), AUTOLOGON) == said(contoso, AUTOLOGON)


def test_answers_tell_who_chose_and_for_whom(contoso: ZoneSet) -> None:
    """The location of the client reaches the profile behind an alias, and the result records it."""
    near = [TrafficManagerEndpoint(name=where, address=f"192.0.2.{n}", location=where) for n, where in enumerate("ab")]
    zones = with_profile(contoso, *near, routing="performance")
    zones = point_alias(zones, "near.fabrikam.com", "A", "tm")
    estate = DnsSettings(
        locations=tuple(
            Location(name=w, subnets=(s,), latency={w: 1, "ab".replace(w, ""): 9})
            for w, s in (("a", "10.1.0.0/16"), ("b", "10.2.0.0/16"))
        )
    )
    locations = msgspec.structs.replace(zones.locations, locations=estate.locations)
    zones = dataclasses.replace(zones, locations=locations)
    assert said(zones, "near.fabrikam.com", context=QueryContext(network("10.1.0.1"))) == ("NOERROR", ("A 192.0.2.0",))
    reply = ask(zones, "near.fabrikam.com", context=QueryContext(network("10.2.0.1")))
    assert reply.event("udp").answers == ("A 192.0.2.1",)
    (routed,) = reply.routing_results
    assert (routed.profiles, routed.by_location, routed.scope, routed.drawn) == (("tm",), True, 16, False)


def test_an_alias_of_a_record_set_follows_it(contoso: ZoneSet) -> None:
    """azure-dns-alias: an alias answers with another record set of its zone, under its own name, without a CNAME."""
    zones = point_alias_record(contoso, "adfs.fabrikam.com", "A", "sts.fabrikam.com", ttl=7)
    reply = ask(zones, "ADFS.fabrikam.com")
    assert reply.event("udp").answers == ("A 198.51.100.30",)
    assert (str(reply.answer[0].name), reply.answer[0].ttl) == ("ADFS.fabrikam.com.", 7)
    assert [str(name) for name in reply.through] == ["sts.fabrikam.com."]
    moved = put_rrset(zones, "sts.fabrikam.com", "A", ["198.51.100.31"])
    assert said(moved, "adfs.fabrikam.com") == ("NOERROR", ("A 198.51.100.31",))
    assert said(zones, "adfs.fabrikam.com", ANY)[1] == ('HINFO "RFC8482" ""',)
    assert zones != put_rrset(contoso, "adfs.fabrikam.com", "A", ["198.51.100.30"], ttl=7)


@pytest.mark.parametrize("remove", [lambda z, n: remove_rrset(z, n, "A"), remove_name])
def test_removing_the_target_empties_the_alias_and_cuts_the_link(
    contoso: ZoneSet, remove: Callable[[ZoneSet, str], ZoneSet]
) -> None:
    """azure-dns-alias, TMS9-075, TMS9-076: as with a profile, the name stays, NODATA; a new target does not heal it."""
    zones = point_alias_record(contoso, "adfs.fabrikam.com", "A", "sts.fabrikam.com")
    zones = point_alias_record(zones, "far.fabrikam.com", "A", "adfs.fabrikam.com")
    gone = remove(zones, "sts.fabrikam.com")
    left = gone.find("adfs.fabrikam.com", A)
    assert left is not None
    assert (left.shape, left.alias_record) == ("empty", None)
    assert said(gone, "sts.fabrikam.com")[0] == "NXDOMAIN"
    assert [said(gone, f"{name}.fabrikam.com") for name in ("adfs", "far")] == [("NODATA", ())] * 2
    again = put_rrset(gone, "sts.fabrikam.com", "A", ["198.51.100.30"])
    assert said(again, "adfs.fabrikam.com") == ("NODATA", ())
    healed = point_alias_record(again, "adfs.fabrikam.com", "A", "sts.fabrikam.com")
    assert said(healed, "far.fabrikam.com") == ("NOERROR", ("A 198.51.100.30",))


def test_an_alias_of_a_profiles_own_name_goes_with_the_profile(contoso: ZoneSet) -> None:
    """The profile's own record sets are targets too; deleting the profile empties what pointed at them."""
    zones = point_alias_record(contoso, "short.trafficmanager.net", "A", OWN)
    assert said(zones, "short.trafficmanager.net") == ("NOERROR", ("A 192.0.2.20",))
    assert said(delete_profile(zones, PROFILE), "short.trafficmanager.net") == ("NODATA", ())


def test_an_alias_of_an_alias_of_a_profile_is_routed(contoso: ZoneSet) -> None:
    """Links lead on to the profile at their end, and its deletion leaves the nearer alias empty, the farther linked."""
    zones = point_alias_record(contoso, "sso.microsoftazuread-sso.com", "A", AUTOLOGON)
    reply = ask(zones, "sso.microsoftazuread-sso.com")
    assert (reply.event("udp").answers, reply.routing_results[0].profiles) == (("A 192.0.2.20",), (PROFILE,))
    after = delete_profile(zones, PROFILE)
    assert said(after, "sso.microsoftazuread-sso.com") == ("NODATA", ())
    far = after.find("sso.microsoftazuread-sso.com", A)
    assert far is not None
    assert far.shape == "alias"


def test_an_emptied_name_is_nodata_or_nxdomain_by_choice(contoso: ZoneSet) -> None:
    """TMS9-059, azure-dns-alias (unconfirmed which): NODATA by default; NXDOMAIN if nothing is at or below it."""
    emptied = delete_profile(contoso, PROFILE)
    assert said(emptied, AUTOLOGON)[0] == "NODATA"
    hard = dataclasses.replace(emptied, empty_set="nxdomain")
    assert [said(hard, AUTOLOGON, rdtype)[0] for rdtype in (A, AAAA, TXT)] == ["NXDOMAIN"] * 3
    reply = ask(hard, AUTOLOGON)
    assert (reply.authoritative, len(reply.authority)) == (True, 1)
    kept = put_rrset(hard, AUTOLOGON, "TXT", ['"owner: sso"'])
    assert said(kept, AUTOLOGON)[0] == "NODATA"
    below = put_rrset(hard, f"x.{AUTOLOGON}", "A", ["192.0.2.1"])
    assert said(below, AUTOLOGON)[0] == "NODATA"
    assert said(dataclasses.replace(contoso, empty_set="nxdomain"), AUTOLOGON)[0] == "NOERROR"
    assert hard.find(AUTOLOGON, A) is not None


def nest(zones: ZoneSet, depth: int) -> ZoneSet:
    """Profiles n1 … n<depth>, each nested in the next."""
    for level in range(1, depth + 1):
        inner = V4 if level == 1 else TrafficManagerEndpoint(name="in", profile=f"n{level - 1}")
        zones = put_profile(
            zones, TrafficManager(name=f"n{level}", dns_name=f"n{level}.trafficmanager.net", endpoints=(inner,))
        )
    return zones


def test_ten_levels_of_profiles_answer(contoso: ZoneSet) -> None:
    """azure-traffic-manager: nesting goes to ten levels; an eleventh is refused; a nested profile is not deleted."""
    zones = nest(contoso, 10)
    assert said(zones, "n10.trafficmanager.net") == ("NOERROR", ("A 192.0.2.20",))
    with pytest.raises(DnsChangeError, match="11 levels"):
        nest(contoso, 11)
    with pytest.raises(DnsChangeError, match="nested in profile 'n2'"):
        delete_profile(zones, "n1")


def many_aliases(zones: ZoneSet, count: int) -> ZoneSet:
    """That many aliases of one profile, the one in the estate included."""
    for number in range(count - 1):
        zones = point_alias(zones, f"a{number}.fabrikam.com", "A", PROFILE)
    return zones


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda z: many_aliases(z, MAX_ALIASES + 1), (PROFILE, "21 alias record sets", "20")),
        (lambda z: point_alias_record(z, "a.fabrikam.com", "A", "login.windows.net"), ("own zone",)),
        (lambda z: point_alias_record(z, "a.fabrikam.com", "AAAA", "sts.fabrikam.com"), ("no record set", "one type")),
        (lambda z: point_alias_record(z, "a.fabrikam.com", "TXT", "sts.fabrikam.com"), ("A, AAAA or CNAME",)),
        (lambda z: point_alias_record(z, "sts.fabrikam.com", "A", "sts.fabrikam.com"), ("form a loop",)),
        (
            lambda z: point_alias_record(
                point_alias_record(z, "a.fabrikam.com", "A", "sts.fabrikam.com"),
                "sts.fabrikam.com",
                "A",
                "a.fabrikam.com",
            ),
            ("form a loop", "a.fabrikam.com"),
        ),
        (lambda z: point_alias(with_profile(z, NAMED), "a.fabrikam.com", "A", "tm"), ("'named'", "not an IP")),
        (lambda z: with_profile(point_alias(with_profile(z, V4), "a.fabrikam.com", "A", "tm"), NAMED), ("not an IP",)),
        (lambda z: with_profile(z, TrafficManagerEndpoint(name="e", profile="nope")), ("'nope'", PROFILE)),
        (lambda z: with_profile(z, TrafficManagerEndpoint(name="e", profile="tm")), ("loop", "tm > tm")),
        (lambda z: with_profile(z, V4, V4), ("endpoints[1].name", "twice")),
        (lambda z: with_profile(z, TrafficManagerEndpoint(name="e")), ("give one of address",)),
        (lambda z: with_profile(z, msgspec.structs.replace(V4, weight=1001)), ("<= 1000", "endpoints[0].weight")),
        (lambda z: with_profile(z, V4, routing="performance"), ("location",)),
        (lambda z: with_profile(z, NAMED, routing="multivalue"), ("IP addresses only",)),
        (lambda z: with_profile(z, V4, monitor=Monitor(timeout=11)), ("monitor.timeout", "5 to 10")),
        (lambda z: with_profile(z, V4, monitor=Monitor(interval=10, timeout=10)), ("5 to 9",)),
        (lambda z: with_profile(z, V4, monitor=Monitor(expected=("200",) * 9)), ("expected", "8")),
        (lambda z: with_profile(z, V4, monitor=Monitor(expected=("299-200",))), ("the larger number first",)),
        (lambda z: with_profile(z, V4, monitor=Monitor(headers=("a: b\r\nc: d",))), ("headers",)),
        (lambda z: with_profile(z, V4, monitor=Monitor(tolerated_failures=10)), ("<= 9",)),
    ],
)
def test_a_link_or_profile_that_cannot_be_is_refused(
    contoso: ZoneSet, change: Callable[[ZoneSet], ZoneSet], words: tuple[str, ...]
) -> None:
    """Rows 2.6 and 2.7: every documented limit is kept, and the text says what and where."""
    with pytest.raises(DnsChangeError) as caught:
        change(contoso)
    for word in words:
        assert word in str(caught.value)


def test_twenty_aliases_and_a_cname_alias_of_names_are_allowed(contoso: ZoneSet) -> None:
    """The limits themselves are within bounds; an alias of type CNAME takes any endpoints."""
    assert said(many_aliases(contoso, MAX_ALIASES), "a18.fabrikam.com")[0] == "NOERROR"
    zones = point_alias(with_profile(contoso, NAMED), "any.fabrikam.com", "CNAME", "tm")
    assert said(zones, "any.fabrikam.com")[1] == (f"CNAME {TM}.", "CNAME login.microsoftonline.com.", "A 192.0.2.10")


TOML = """
[dns]
empty_set = "nxdomain"
seed = 7

[[dns.locations]]
name = "westeurope"
subnets = ["10.10.1.0/24"]
regions = ["NL", "GEO-EU"]
latency = { westeurope = 2, eastus = 80.5 }

[[traffic_managers]]
name = "parent"
dns_name = "parent.trafficmanager.net"
routing = "weighted"
owner = "sso-team"
monitor = { interval = 10, path = "/health", expected = ["200-299", "401"], headers = ["Host: login.windows.net"] }

[[traffic_managers.endpoints]]
name = "nested"
profile = "aadg-autologon"
weight = 10

[[traffic_managers.endpoints]]
name = "dns"
target = "login.windows.net"
enabled = false
"""


def contoso_text(extra: str = "") -> str:
    """The default estate's file and more."""
    from importlib.resources import files  # noqa: PLC0415 - only here

    return files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8") + extra


def test_an_estate_file_says_all_of_it() -> None:
    """Profiles with monitors, nesting and locations are read from TOML and answer."""
    estate = parse_estate(contoso_text(TOML), "estate.toml")
    zones = zones_of(estate)
    assert said(zones, "parent.trafficmanager.net") == ("NOERROR", ("A 192.0.2.20",))
    assert zones.empty_set == "nxdomain"
    here = zones.locations.locate(network("10.10.1.9"))
    assert here is not None
    assert here.name == "westeurope"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('profile = "aadg-autologon"', 'profile = "aadg-autologin"', ("endpoints[0].profile", "did you mean")),
        ("weight = 10", "weight = 0", ("endpoints[0].weight", ">= 1")),
        ("interval = 10", "interval = 20", ("monitor.interval", "20")),
        ('"200-299"', '"2xx"', ("monitor.expected",)),
        ('target = "login.windows.net"', 'target = "login..windows.net"', ("endpoints[1].target",)),
        ('target = "login.windows.net"', 'address = "login.windows.net"', ("endpoints[1].address", "target")),
        ("10.10.1.0/24", "10.10.1.1/24", ("dns.locations[0].subnets[0]", "host bits")),
        ('"nxdomain"', '"servfail"', ("dns.empty_set",)),
    ],
)
def test_a_mistake_in_the_file_is_named_by_its_place(old: str, new: str, words: tuple[str, ...]) -> None:
    """Bad input: the key path and what is expected, before anything runs."""
    with pytest.raises(EstateError) as caught:
        parse_estate(contoso_text(TOML.replace(old, new)), "estate.toml")
    for word in words:
        assert word in str(caught.value)


def test_alias_records_in_an_estate(contoso: ZoneSet) -> None:
    """``alias_record`` is relative to its zone; one with two targets, or none that exists, is refused."""
    base = default_estate()

    def with_record(record: RecordSet) -> Estate:
        zone = Zone(name="x.test", records=(RecordSet(name="a", type="A", values=("192.0.2.1",)), record))
        return msgspec.structs.replace(base, zones=(*base.zones, zone))

    zones = zones_of(with_record(RecordSet(name="b", type="A", alias_record="a")))
    assert said(zones, "b.x.test") == ("NOERROR", ("A 192.0.2.1",))
    assert contoso.find("b.x.test", A) is None
    for record, words in (
        (RecordSet(name="b", type="A", alias_record="c"), "no record set c.x.test A"),
        (RecordSet(name="b", type="A", alias_record="a", alias=PROFILE), "one target"),
    ):
        with pytest.raises(EstateError, match=words):
            zones_of(with_record(record))
