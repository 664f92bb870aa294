"""The whole of the DNS as one immutable value: zones, traffic manager profiles, a version number.

The lab's server is its devices' only resolver and there is no internet behind it, so the root is a zone like any other:
a name outside the lab is a name that the root zone does not have, and answers NXDOMAIN with the root's SOA.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import dns.name
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import AAAA, CNAME, A, RdataType

from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.query_context import ANYBODY, Locations, QueryContext
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_rdatas
from ssosim.dns.zones.traffic_manager import NO_LOCATIONS, RoutingResult, route
from ssosim.dns.zones.zone import Zone
from ssosim.estate import TrafficManager

__all__ = ["ZoneSet", "make_profile_rrsets", "routed_records"]


@dataclass(frozen=True, slots=True)
class ZoneSet:
    """Zones by origin and profiles by name. ``version`` grows by one with every change; it is the SOA serial.

    Two are equal when they would answer alike, down to record types and shapes, whatever their versions: an alias that
    became a CNAME is a difference even while the addresses behind it are the same.

    ``locations`` says where askers are; ``empty_set`` what a name answers that has none but empty record sets.
    """

    zones: Mapping[Name, Zone]
    profiles: Mapping[str, TrafficManager]
    version: int = field(default=1, compare=False)
    locations: Locations = NO_LOCATIONS
    empty_set: Literal["nodata", "nxdomain"] = "nodata"

    @classmethod
    def build(cls, zones: Iterable[Zone], profiles: Iterable[TrafficManager] = ()) -> ZoneSet:
        """Put zones together; adds a root zone where there is none. The names of profiles must be in the zones.

        Raises DnsChangeError for a zone that is there twice.
        """
        zones_by_origin: dict[Name, Zone] = {}
        for zone in zones:
            if zone.origin in zones_by_origin:
                raise DnsChangeError(f"zone {plain(zone.origin)} is there twice: put its records into one")
            zones_by_origin[zone.origin] = zone
        if dns.name.root not in zones_by_origin:
            zones_by_origin[dns.name.root] = empty_root()
        for origin in tuple(zones_by_origin):
            if origin != dns.name.root:
                parent = enclosing(zones_by_origin, origin.parent())
                zones_by_origin[parent.origin] = parent.with_child_zones((origin,))
        named = {profile.name: profile for profile in profiles}
        return cls(MappingProxyType(zones_by_origin), MappingProxyType(named))

    def zone_of(self, name: Name) -> Zone:
        """The zone that ``name`` is in: the deepest one whose origin is ``name`` or above it."""
        return enclosing(self.zones, name)

    def find(self, name: str | Name, rdtype: RdataType) -> RRset | None:
        """The stored record set of that name and type, as it stands (aliases not followed)."""
        wanted = to_name(name)
        return self.zone_of(wanted).node(wanted).get(rdtype)

    def end_of(self, rrset: RRset) -> RRset:
        """The record set at the end of ``rrset``'s links to others: itself, if it has none.

        A link that leads nowhere, or round and round, ends in an empty record set; changes do not let it come to that.
        """
        end, seen = rrset, {rrset.name}
        while end.alias_record is not None:
            found = self.zone_of(rrset.name).node(end.alias_record).get(rrset.type)
            if found is None or found.name in seen:
                return RRset(end.alias_record, rrset.type, rrset.ttl)
            seen.add(found.name)
            end = found
        return end

    def route(self, profile: str, context: QueryContext = ANYBODY) -> RoutingResult:
        """The endpoints that the profile of that name chooses for ``context``."""
        return route(self.profiles[profile], self.profiles, context, self.locations)

    def records(self, rrset: RRset, context: QueryContext = ANYBODY) -> RRset:
        """``rrset`` with its records in it: an alias answers with what its target has, under its own name and TTL.

        Unconfirmed which TTL Azure DNS sends, the alias's or its target's.
        """
        end = self.end_of(rrset)
        rdatas = end.rdatas if end.alias is None else self.endpoint_records(end.alias, end.type, context)
        return rrset if end is rrset and end.alias is None else dataclasses.replace(rrset, rdatas=rdatas)

    def endpoint_records(self, profile: str, rdtype: RdataType, context: QueryContext = ANYBODY) -> tuple[Rdata, ...]:
        """What a profile answers to an alias of type A, AAAA or CNAME: addresses, or its own name."""
        if rdtype == CNAME:
            return to_rdatas((f"{to_name(self.profiles[profile].dns_name)}",), CNAME, dns.name.root)
        return routed_records(self.route(profile, context), rdtype)

    def with_zone(self, zone: Zone) -> ZoneSet:
        """This set with ``zone`` in the place of the one of its origin; the version stays."""
        return dataclasses.replace(self, zones=MappingProxyType({**self.zones, zone.origin: zone}))


def routed_records(routed: RoutingResult, rdtype: RdataType) -> tuple[Rdata, ...]:
    """What a question of that type gets from the endpoints that were chosen; none is NODATA.

    An endpoint with a DNS name answers CNAME questions. Source: Traffic Manager FAQ, query type and endpoint type.
    """
    if rdtype == CNAME:
        found = [f"{to_name(endpoint.target)}" for endpoint in routed.endpoints if endpoint.target is not None]
    else:
        family = {A: 4, AAAA: 6}.get(rdtype)
        found = [
            endpoint.address
            for endpoint in routed.endpoints
            if endpoint.address is not None and ipaddress.ip_address(endpoint.address).version == family
        ]
    return to_rdatas(found[: routed.limit], rdtype, dns.name.root) if found else ()


def make_profile_rrsets(profile: TrafficManager) -> tuple[RRset, RRset]:
    """The record sets at the profile's own DNS name: A and AAAA, of which either may have no records.

    They stand for the name as a whole: what it answers, a CNAME perhaps, is decided question by question.
    """
    name = to_name(profile.dns_name)
    return (
        RRset(name, A, profile.ttl, alias=profile.name, own=True),
        RRset(name, AAAA, profile.ttl, alias=profile.name, own=True),
    )


def enclosing(zones: Mapping[Name, Zone], name: Name) -> Zone:
    """The deepest zone at or above ``name``; there always is the root."""
    while (zone := zones.get(name)) is None:
        name = name.parent()
    return zone


def empty_root() -> Zone:
    """The root of a network without internet: no delegation, nothing but what the lab's zones imply."""
    return Zone.build(
        dns.name.root,
        ttl=300,
        negative_ttl=60,
        name_server=to_name("ns1.lab.invalid."),
        contact=to_name("hostmaster.lab.invalid."),
        rrsets=(),
    )
