"""The zone linter."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from types import MappingProxyType

import dns.name
import msgspec
import pytest
from dns.rdatatype import CNAME, A

from ssosim.dns import ZoneSet, delete_profile, point_alias, put_profile, put_rrset, remove_name, zones_of
from ssosim.dns.zones.answer import MAX_CHAIN
from ssosim.dns.zones.edits import point_alias_record
from ssosim.dns.zones.lint import LintFinding, lint, lint_estate_records
from ssosim.dns.zones.rrset import RRset, to_rdatas
from ssosim.estate import RecordSet, TrafficManager, TrafficManagerEndpoint, Zone, default_estate

PROFILE = "aadg-autologon"
AUTOLOGON = "autologon.microsoftazuread-sso.com"
BASE = zones_of(default_estate())


def new(zones: ZoneSet) -> set[LintFinding]:
    """The findings that a change added."""
    return set(lint(zones)) - set(lint(BASE))


def test_the_default_estate_has_the_incidents_own_findings() -> None:
    """TMS9-046, TMS9-064: the only alias record set and a profile without an owner give warnings, not errors."""
    assert [(each.name, each.severity, each.source) for each in lint(BASE)] == [
        ("_kerberos.corp.contoso.com", "warning", "TMS9-046"),
        (AUTOLOGON, "warning", "TMS9-046"),
        ("www.tm.a.prd.aadg.trafficmanager.net", "warning", "TMS9-064"),
    ]
    owned = put_profile(BASE, msgspec.structs.replace(BASE.profiles[PROFILE], owner="sso"))
    assert {each.source for each in lint(owned)} == {"TMS9-046"}
    twice = point_alias(BASE, "b.microsoftazuread-sso.com", "A", PROFILE)
    assert AUTOLOGON not in {each.name for each in lint(twice)}


@pytest.mark.parametrize(
    ("change", "name", "row", "words"),
    [
        (
            lambda z: put_rrset(z, "fabrikam.com", "NS", ["ns1.fabrikam.com", "ns2.lab.invalid."]),
            "fabrikam.com",
            "se-2009",
            "looks like ns1.fabrikam.com. without its trailing dot",
        ),
        (
            lambda z: put_rrset(z, "www.fabrikam.com", "CNAME", ["login.windows.net"]),
            "www.fabrikam.com",
            "se-2009",
            "looks like login.windows.net.",
        ),
        (lambda z: delete_profile(z, PROFILE), AUTOLOGON, "TMS9-059", "A is empty"),
        (
            lambda z: put_rrset(z, "www.fabrikam.com", "CNAME", ["gone.fabrikam.com."]),
            "www.fabrikam.com",
            "TMS9-057",
            "which is not in zone fabrikam.com",
        ),
        (
            lambda z: put_rrset(z, "fabrikam.com", "MX", ["10 mail.fabrikam.com."]),
            "fabrikam.com",
            "TMS9-057",
            "MX mail.fabrikam.com has no address",
        ),
        (
            lambda z: put_rrset(z, "fabrikam.com", "NS", ["ns1.windows.net.", "ns2.lab.invalid."]),
            "fabrikam.com",
            "TMS9-057",
            "NS ns1.windows.net has no address",
        ),
        (
            lambda z: remove_name(z, "dc1.corp.contoso.com"),
            "_kerberos._tcp.corp.contoso.com",
            "TMS9-057",
            "SRV dc1.corp.contoso.com has no address",
        ),
        (
            lambda z: put_profile(
                z,
                TrafficManager(
                    name="x",
                    dns_name="x.trafficmanager.net",
                    owner="sso",
                    endpoints=(TrafficManagerEndpoint(name="e", target="gone.windows.net"),),
                ),
            ),
            "x.trafficmanager.net",
            "TMS9-057",
            "endpoint e of profile x: gone.windows.net has no address",
        ),
        (
            lambda z: put_rrset(z, "fabrikam.com", "NS", ["sts.fabrikam.com."]),
            "fabrikam.com",
            "TMS9-032",
            "one name server only (sts.fabrikam.com)",
        ),
        (
            lambda z: put_rrset(z, "sts.fabrikam.com", "A", ["198.51.100.30"], ttl=0),
            "sts.fabrikam.com",
            "TMS9-030",
            "TTL 0 s",
        ),
        (
            lambda z: put_rrset(z, "sts.fabrikam.com", "A", ["198.51.100.30"], ttl=172800),
            "sts.fabrikam.com",
            "se-2009",
            "TTL 172800 s",
        ),
        (
            lambda z: put_rrset(z, "fabrikam.com", "SOA", ["a. b. 1 1 1 1 86400"], ttl=86400),
            "fabrikam.com",
            "RFC 2308 5",
            "cached for 86400 s",
        ),
        (
            lambda z: put_rrset(z, "dc1.corp.contoso.com", "A", ["10.10.0.89"]),
            "88.0.10.10.in-addr.arpa",
            "RFC 1912 2.1",
            "no A 10.10.0.88",
        ),
    ],
)
def test_a_mistake_is_found(change: Callable[[ZoneSet], ZoneSet], name: str, row: str, words: str) -> None:
    """Each rule finds its mistake at its name, and gives its source; se-2009 and TMS9-057 are errors."""
    found = [each for each in new(change(BASE)) if each.name == name and each.source == row]
    assert len(found) == 1
    assert words in found[0].text
    errors = row in ("TMS9-057", "TMS9-059") or "dot" in found[0].text
    assert (found[0].severity == "error") == errors


def test_loops_are_found_at_every_name_in_them() -> None:
    """CNAME loops, across zones too; a chain that ends is not a loop."""
    there = put_rrset(BASE, "a.fabrikam.com", "CNAME", ["b.windows.net."])
    loop = put_rrset(there, "b.windows.net", "CNAME", ["a.fabrikam.com."])
    found = [each for each in new(loop) if "loops" in each.text]
    assert {each.name for each in found} == {"a.fabrikam.com", "b.windows.net"}
    assert "a.fabrikam.com > b.windows.net > a.fabrikam.com" in found[0].text + found[1].text
    ends = put_rrset(there, "b.windows.net", "CNAME", ["login.windows.net."])
    assert not [each for each in new(ends) if each.severity == "error"]


def test_a_chain_longer_than_resolvers_follow_is_found() -> None:
    """A chain that is too long is SERVFAIL like a loop, but a different finding."""
    zones = BASE
    for step in range(20):
        zones = put_rrset(zones, f"c{step}.fabrikam.com", "CNAME", [f"c{step + 1}"])
    zones = put_rrset(zones, "c20.fabrikam.com", "A", ["192.0.2.1"])
    assert "c0.fabrikam.com" in {each.name for each in new(zones) if f"longer than {MAX_CHAIN}" in each.text}
    assert not [each for each in new(zones) if "loops" in each.text]


def with_rrsets(zones: ZoneSet, *rrsets: RRset) -> ZoneSet:
    """The zones with record sets added without checks."""
    for rrset in rrsets:
        zone = zones.zone_of(rrset.name)
        node = MappingProxyType({**zone.node(rrset.name), rrset.type: rrset})
        zones = zones.with_zone(dataclasses.replace(zone, nodes=MappingProxyType({**zone.nodes, rrset.name: node})))
    return zones


def test_what_loading_refuses_is_still_found() -> None:
    """Zones built without checks: CNAME beside other data, aliases without a target, alias loops."""
    sts, here = dns.name.from_text("sts.fabrikam.com"), dns.name.from_text("a.fabrikam.com")
    beside = with_rrsets(BASE, RRset(sts, CNAME, 300, to_rdatas(["login.windows.net."], CNAME, sts)))
    assert {each.source for each in new(beside)} >= {"RFC 1034 3.6.2"}
    lost = with_rrsets(BASE, RRset(here, A, 300, alias="nope"))
    assert {each.source for each in new(lost)} == {"TMS9-075"}
    nowhere = with_rrsets(BASE, RRset(here, A, 300, alias_record=dns.name.from_text("b.fabrikam.com")))
    assert [each.text for each in new(nowhere)] == ["A alias of b.fabrikam.com, which has no A records"]
    round_about = with_rrsets(BASE, RRset(here, A, 300, alias_record=here))
    assert {each.source for each in new(round_about)} >= {"RFC 1034 5.2.2"}


def test_good_links_are_left_in_peace() -> None:
    """A CNAME to a name outside our zones, to an alias, to a profile; an alias of a record set; a relative target."""
    zones = put_rrset(BASE, "x.fabrikam.com", "CNAME", ["www.example.org."])
    zones = put_rrset(zones, "y.fabrikam.com", "CNAME", [f"{AUTOLOGON}."])
    zones = put_rrset(zones, "z.fabrikam.com", "CNAME", ["www.tm.a.prd.aadg.trafficmanager.net."])
    zones = put_rrset(zones, "w.fabrikam.com", "CNAME", ["sts"])
    zones = put_rrset(zones, "fabrikam.com", "MX", ["10 v"])
    zones = put_rrset(zones, "windows.net", "MX", ["0 ."])
    zones = point_alias_record(zones, "v.fabrikam.com", "A", "sts.fabrikam.com")
    assert new(zones) == set()


def test_written_targets_with_inner_dots_want_the_last_one() -> None:
    """se-2009: in the file the missing dot is visible, even where the expanded name happens to exist."""
    records = (
        RecordSet(name="@", type="NS", values=("ns1.x.test", "ns2.x.test.", "ns3")),
        RecordSet(name="_s._tcp", type="SRV", values=("0 1 88 dc1.x.test",)),
        RecordSet(name="t", type="TXT", values=('"v=spf1 a.b"',)),
        RecordSet(name="e", type="CNAME", values=()),
    )
    found = lint_estate_records((Zone(name="x.test", records=records),))
    assert [(each.zone, each.name, each.severity, each.source) for each in found] == [
        ("x.test", "@", "error", "se-2009"),
        ("x.test", "_s._tcp", "error", "se-2009"),
    ]
    assert "means dc1.x.test.x.test" in found[1].text
