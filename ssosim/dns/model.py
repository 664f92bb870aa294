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

import dns.name
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import AAAA, CNAME, A, RdataType

from ssosim.dns.errors import DnsChangeError
from ssosim.dns.rrset import RRset, plain, to_name, to_rdatas
from ssosim.dns.zone import Zone
from ssosim.estate import Estate, TrafficManager

__all__ = ["ZoneSet", "endpoint_records", "own_rrsets"]


@dataclass(frozen=True, slots=True)
class ZoneSet:
    """Zones by origin and profiles by name. ``version`` grows by one with every change; it is the SOA serial.

    Two are equal when they would answer alike, down to record types and shapes, whatever their versions: an alias that
    became a CNAME is a difference even while the addresses behind it are the same.
    """

    zones: Mapping[Name, Zone]
    profiles: Mapping[str, TrafficManager]
    version: int = field(default=1, compare=False)

    @classmethod
    def build(cls, zones: Iterable[Zone], profiles: Iterable[TrafficManager] = ()) -> ZoneSet:
        """Put zones together; adds a root zone where there is none. The names of profiles must be in the zones.

        Raises DnsChangeError for a zone that is there twice.
        """
        held: dict[Name, Zone] = {}
        for zone in zones:
            if zone.origin in held:
                raise DnsChangeError(f"zone {plain(zone.origin)} is there twice: put its records into one")
            held[zone.origin] = zone
        if dns.name.root not in held:
            held[dns.name.root] = empty_root()
        for origin in tuple(held):
            if origin != dns.name.root:
                parent = enclosing(held, origin.parent())
                held[parent.origin] = parent.reserving((origin,))
        named = {profile.name: profile for profile in profiles}
        return cls(MappingProxyType(held), MappingProxyType(named))

    @classmethod
    def from_estate(cls, estate: Estate) -> ZoneSet:
        """The zones and profiles that ``estate`` describes.

        Raises ``ssosim.estate.EstateError`` with the key path of the mistake.
        """
        from ssosim.dns.loading import read_estate  # noqa: PLC0415 - loading builds ZoneSets, so it imports this

        return read_estate(estate)

    def zone_of(self, name: Name) -> Zone:
        """The zone that ``name`` is in: the deepest one whose origin is ``name`` or above it."""
        return enclosing(self.zones, name)

    def find(self, name: str | Name, rdtype: RdataType) -> RRset | None:
        """The stored record set of that name and type, as it stands (aliases not followed)."""
        wanted = to_name(name)
        return self.zone_of(wanted).node(wanted).get(rdtype)

    def records(self, rrset: RRset) -> RRset:
        """``rrset`` with its records in it: an alias is looked up in its profile, anything else is what it is.

        The TTL of an alias is its own, not its profile's (unconfirmed which one Azure DNS sends).
        """
        if rrset.alias is None:
            return rrset
        return dataclasses.replace(rrset, rdatas=endpoint_records(self.profiles[rrset.alias], rrset.type))

    def with_zone(self, zone: Zone) -> ZoneSet:
        """This set with ``zone`` in the place of the one of its origin; the version stays."""
        return dataclasses.replace(self, zones=MappingProxyType({**self.zones, zone.origin: zone}))


def endpoint_records(profile: TrafficManager, rdtype: RdataType) -> tuple[Rdata, ...]:
    """What a traffic manager profile answers to a question of type A or AAAA, or to an alias of type CNAME.

    ``priority``: the first endpoint of the family; ``multivalue``: all of them. A family that no endpoint has is
    NODATA. Source: Traffic Manager documentation, query type and endpoint type.
    """
    if rdtype == CNAME:
        return to_rdatas((f"{to_name(profile.dns_name)}",), CNAME, dns.name.root)
    family = {A: 4, AAAA: 6}.get(rdtype)
    ranked = sorted(profile.endpoints, key=lambda endpoint: endpoint.priority)
    addresses = [ipaddress.ip_address(endpoint.address) for endpoint in ranked]
    found = [str(address) for address in addresses if address.version == family]
    return to_rdatas(found[:1] if profile.routing == "priority" else found, rdtype, dns.name.root)


def own_rrsets(profile: TrafficManager) -> tuple[RRset, RRset]:
    """The record sets at the profile's own DNS name: A and AAAA, of which one may have no records."""
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
