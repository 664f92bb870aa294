"""All DNS data as one immutable value: zones, traffic manager profiles, and a version number.

The DNS server of the lab is the only resolver of its devices, and there is no internet behind it. So the root is an
ordinary zone: a name outside the lab does not exist in the root zone, and answers NXDOMAIN with the SOA of the root.
"""

from __future__ import annotations

import dataclasses
import functools
import ipaddress
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import dns.name
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import AAAA, CNAME, A, RdataType

from ssosim.dns.zones.cached_name import lower_labels_of
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.query_context import ANYBODY, Locations, QueryContext
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_rdatas
from ssosim.dns.zones.traffic_manager import NO_LOCATIONS, RoutingResult, route
from ssosim.dns.zones.zone import Zone
from ssosim.estate import TrafficManager

__all__ = ["ZoneChange", "ZoneSet", "make_profile_rrsets", "routed_records"]


@dataclass(frozen=True, slots=True)
class ZoneChange:
    """One change of zones: its number, and the zones before and after it, both without a list of changes."""

    number: int
    before: ZoneSet
    after: ZoneSet


@dataclass(frozen=True, slots=True)
class ZoneSet:
    """Zones by origin and profiles by name. ``version`` increases by one with every change; it is the SOA serial.

    Two sets are equal if they give the same answers and have the same record types and shapes; the version is ignored.
    A CNAME instead of an alias is a difference, even if the addresses are the same.

    ``locations`` maps client networks to locations. ``empty_set`` is the answer of a name that has only empty record
    sets. ``changes`` are the temporary changes in them, the oldest first; an answer names those that changed it.
    ``interruptions`` says of record sets why they may be missing while the change that leads here is made, or after it.
    ``delegation_ttl`` is the TTL of NS records in parent zones that no zone file gives; None: that of the zone's own.
    """

    zones: Mapping[Name, Zone]
    profiles: Mapping[str, TrafficManager]
    version: int = field(default=1, compare=False)
    locations: Locations = NO_LOCATIONS
    empty_set: Literal["nodata", "nxdomain"] = "nodata"
    changes: tuple[ZoneChange, ...] = field(default=(), compare=False)
    delegation_ttl: int | None = None
    interruptions: tuple[tuple[Name, RdataType, str], ...] = field(default=(), compare=False)
    _by_labels: dict[tuple[bytes, ...], Zone] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_by_labels", {lower_labels_of(name): zone for name, zone in self.zones.items()})

    @classmethod
    def build(cls, zones: Iterable[Zone], profiles: Iterable[TrafficManager] = ()) -> ZoneSet:
        """Build a set; a root zone is added if there is none. The names of profiles must be in the zones.

        Raises DnsChangeError if a zone is defined twice.
        """
        zones_by_origin: dict[Name, Zone] = {}
        for zone in zones:
            if zone.origin in zones_by_origin:
                raise DnsChangeError(f"zone {plain(zone.origin)} is defined twice: put its records into one")
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
        labels, by_labels = lower_labels_of(name), self._by_labels
        while (zone := by_labels.get(labels)) is None:
            if not labels:
                raise dns.name.NoParent  # of a relative name
            labels = labels[1:]
        return zone

    def find(self, name: str | Name, rdtype: RdataType) -> RRset | None:
        """The stored record set of that name and type; aliases are not followed."""
        wanted = to_name(name)
        return self.zone_of(wanted).node(wanted).get(rdtype)

    def end_of(self, rrset: RRset) -> RRset:
        """The record set at the end of ``rrset``'s links to others: itself, if it has none.

        A link to a missing record set, and a loop, end in an empty record set; edits refuse both.
        """
        if rrset.alias_record is None:
            return rrset
        end, seen = rrset, {rrset.name}
        while end.alias_record is not None:
            found = self.zone_of(rrset.name).node(end.alias_record).get(rrset.type)
            if found is None or found.name in seen:
                return RRset(end.alias_record, rrset.type, rrset.ttl)
            seen.add(found.name)
            end = found
        return end

    def route(self, profile: str, context: QueryContext = ANYBODY) -> RoutingResult:
        """Choose the endpoints of the profile of that name for ``context``."""
        return route(self.profiles[profile], self.profiles, context, self.locations)

    def records(self, rrset: RRset, context: QueryContext = ANYBODY) -> RRset:
        """``rrset`` with its records: an alias has the records of its target, with its own name and TTL.

        It is not confirmed whether Azure DNS sends the TTL of the alias or of its target.
        """
        end = self.end_of(rrset)
        rdatas = end.rdatas if end.alias is None else self.endpoint_records(end.alias, end.type, context)
        return rrset if end is rrset and end.alias is None else dataclasses.replace(rrset, rdatas=rdatas)

    def endpoint_records(self, profile: str, rdtype: RdataType, context: QueryContext = ANYBODY) -> tuple[Rdata, ...]:
        """The records of an alias of a profile: addresses for A and AAAA, the DNS name of the profile for CNAME."""
        if rdtype == CNAME:
            return _read_targets((f"{to_name(self.profiles[profile].dns_name)}",), CNAME)
        return routed_records(self.route(profile, context), rdtype)

    def with_zone(self, zone: Zone) -> ZoneSet:
        """This set with ``zone`` instead of the zone of the same origin; the version stays."""
        return dataclasses.replace(self, zones=MappingProxyType({**self.zones, zone.origin: zone}))


def routed_records(routed: RoutingResult, rdtype: RdataType) -> tuple[Rdata, ...]:
    """The records of that type from the chosen endpoints; an empty tuple means NODATA.

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
    return _read_targets(tuple(found[: routed.limit]), rdtype) if found else ()


@functools.lru_cache(maxsize=1024)
def _read_targets(targets: tuple[str, ...], rdtype: RdataType) -> tuple[Rdata, ...]:
    """Read the absolute names or addresses of endpoints, which answers repeat in each set of zones."""
    return to_rdatas(targets, rdtype, dns.name.root)


def make_profile_rrsets(profile: TrafficManager) -> tuple[RRset, RRset]:
    """Make the record sets at the DNS name of the profile: A and AAAA; either may have no records.

    They represent the whole name: its answer, possibly a CNAME, is chosen for each question.
    """
    name = to_name(profile.dns_name)
    return (
        RRset(name, A, profile.ttl, alias=profile.name, is_profile_name=True),
        RRset(name, AAAA, profile.ttl, alias=profile.name, is_profile_name=True),
    )


def enclosing(zones: Mapping[Name, Zone], name: Name) -> Zone:
    """The deepest zone at or above ``name``; the root zone always exists."""
    while (zone := zones.get(name)) is None:
        name = name.parent()
    return zone


def empty_root() -> Zone:
    """Make the root zone of a network without internet: no delegation and no records."""
    return Zone.build(
        dns.name.root,
        ttl=300,
        negative_ttl=60,
        name_server=to_name("ns1.lab.invalid."),
        contact=to_name("hostmaster.lab.invalid."),
        rrsets=(),
    )
