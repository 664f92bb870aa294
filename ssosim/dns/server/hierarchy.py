"""How zones are spread over name servers: root, registries, and the servers of each zone.

A Hierarchy is a value, like the zones. ``tree`` joins the two: it adds the registries' zones, the zone in which the
name servers themselves live, and the NS records that parents and children publish.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import dns.name
from dns.name import Name
from dns.rdatatype import AAAA, NS, SOA, A

from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_rdatas
from ssosim.dns.zones.zone import Zone, count_descendants
from ssosim.dns.zones.zone_set import ZoneSet, enclosing

__all__ = ["Hierarchy", "View", "join_hierarchy", "make_blank_zone"]

SERVERS_ZONE = to_name("dns.example.")
ROOT_SERVER = to_name("a.root.dns.example.")
REGISTRY_SERVER = to_name("a.registry.dns.example.")
BLOCK = "198.18.0"
"""Addresses of name servers that an estate does not give: RFC 2544's block, routed nowhere."""

DELEGATION_TTL = 3600
SERVERS_PER_ZONE = 4
"""As many as Azure DNS gives a zone. Source: Azure DNS documentation, delegation."""


@dataclass(frozen=True, slots=True)
class View:
    """What is wrong with one server's copy of one zone.

    ``blank``: the zone is there with nothing in it, NXDOMAIN for all names below its apex. ``lame``: the server does
    not know the zone, REFUSED. ``dead``: it never answers. ``stale``: it has the zone as it is in ``zones_by_origin``.
    """

    kind: Literal["blank", "lame", "dead", "stale"]
    zones: ZoneSet | None = None


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Who serves what. ``addresses`` are the servers', ``serves`` names the servers of each zone by its origin.

    ``removed`` holds the zones whose delegation the parent has taken away; ``views`` what is wrong with (zone, server).
    """

    addresses: Mapping[Name, str]
    serves: Mapping[Name, tuple[Name, ...]]
    removed: frozenset[Name] = frozenset()
    views: Mapping[tuple[Name, Name], View] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def standard(cls, zones: ZoneSet, per_zone: int = SERVERS_PER_ZONE) -> Hierarchy:
        """A root server, a registry for every top-level domain, and ``per_zone`` servers that hold all of the zones."""
        servers = tuple(to_name(f"ns{number}", SERVERS_ZONE) for number in range(1, per_zone + 1))
        addresses = {ROOT_SERVER: f"{BLOCK}.1", REGISTRY_SERVER: f"{BLOCK}.2"}
        addresses |= {server: f"{BLOCK}.{number}" for number, server in enumerate(servers, start=11)}
        serves: dict[Name, tuple[Name, ...]] = {SERVERS_ZONE: servers}
        for origin in (*zones.zones, SERVERS_ZONE):
            if origin == dns.name.root:
                continue
            serves[origin] = servers
            serves.setdefault(top_level(origin), (REGISTRY_SERVER,))
        serves[dns.name.root] = (ROOT_SERVER,)
        return cls(MappingProxyType(addresses), MappingProxyType(serves))

    @property
    def root_addresses(self) -> tuple[str, ...]:
        """What a resolver has as root hints."""
        return tuple(self.addresses[server] for server in self.serves[dns.name.root])

    @property
    def healthy(self) -> bool:
        """Whether every delegation and every server is as it should be."""
        return not self.removed and not self.views

    def zone(self, text: str) -> Name:
        """The origin called ``text``; raises DnsChangeError if nobody serves such a zone."""
        origin = to_name(text)
        if origin not in self.serves or origin == dns.name.root:
            known = ", ".join(sorted(plain(name) for name in self.serves if name != dns.name.root))
            raise DnsChangeError(f"there is no zone {text!r}: there are: {known}")
        return origin

    def server(self, zone: Name, number: int) -> Name:
        """The ``number``-th server of a zone, counted from 1; raises DnsChangeError."""
        servers = self.serves[zone]
        if not 1 <= number <= len(servers):
            raise DnsChangeError(f"{plain(zone)} has name servers 1 to {len(servers)}, no {number}")
        return servers[number - 1]

    def without_delegation(self, zone: Name) -> Hierarchy:
        """This hierarchy after the parent of ``zone`` has removed its delegation."""
        return dataclasses.replace(self, removed=self.removed | {zone})

    def with_view(self, zone: Name, server: Name, view: View) -> Hierarchy:
        """This hierarchy with something wrong with the copy of ``zone`` that ``server`` has."""
        return dataclasses.replace(self, views=MappingProxyType({**self.views, (zone, server): view}))

    def path(self, name: Name) -> Iterator[Name]:
        """The origins at or above ``name``, from the root down."""
        for length in range(1, len(name) + 1):
            origin = name.split(length)[1]
            if origin in self.serves:
                yield origin


def top_level(name: Name) -> Name:
    """The top-level domain of ``name``."""
    return name.split(2)[1]


def make_blank_zone(zone: Zone) -> Zone:
    """``zone`` with empty zone files: SOA and NS at the apex and nothing else."""
    apex = {kind: rrset for kind, rrset in zone.node(zone.origin).items() if kind in (NS, SOA)}
    return dataclasses.replace(
        zone,
        nodes=MappingProxyType({zone.origin: MappingProxyType(apex)}),
        below=MappingProxyType({}),
    )


def join_hierarchy(zones: ZoneSet, hierarchy: Hierarchy) -> ZoneSet:
    """``zones`` with all that the hierarchy adds; a zone whose delegation is removed still is in it.

    The parent of such a zone does not know of it: its names are NXDOMAIN there.
    """
    zones_by_origin = dict(zones.zones)
    added = [origin for origin in hierarchy.serves if origin not in zones_by_origin]
    for origin in added:
        zones_by_origin[origin] = make_added_zone(zones, origin)
    for origin, servers in hierarchy.serves.items():
        names = to_rdatas((server.to_text() for server in servers), NS, dns.name.root)
        zones_by_origin[origin] = zones_by_origin[origin].with_rrset(RRset(origin, NS, DELEGATION_TTL, names))
    for server, address in hierarchy.addresses.items():
        zone = enclosing(zones_by_origin, server)
        kind = AAAA if ":" in address else A
        rdatas = to_rdatas((address,), kind, dns.name.root)
        zones_by_origin[zone.origin] = zone.with_rrset(RRset(server, kind, DELEGATION_TTL, rdatas))
    for origin in zones_by_origin:
        if origin != dns.name.root:
            update_parent(zones_by_origin, zones, origin, removed=origin in hierarchy.removed)
    return dataclasses.replace(zones, zones=MappingProxyType(zones_by_origin))


def update_parent(zones_by_origin: dict[Name, Zone], zones: ZoneSet, origin: Name, *, removed: bool) -> None:
    """Let the parent of ``origin`` know that there is a zone below, or that there is none any more."""
    parent = enclosing(zones_by_origin, origin.parent())
    known = origin in zones.zones and enclosing(zones.zones, origin.parent()).origin == parent.origin
    if known and removed:
        zones_by_origin[parent.origin] = dataclasses.replace(
            parent, below=count_descendants(parent.below, parent.origin, (origin,), -1)
        )
    elif not known and not removed:
        zones_by_origin[parent.origin] = parent.with_child_zones((origin,))


def make_added_zone(zones: ZoneSet, origin: Name) -> Zone:
    """A zone that no estate describes: a registry's, or that of the name servers."""
    root = zones.zones[dns.name.root]
    return Zone.build(
        origin,
        ttl=root.ttl,
        negative_ttl=root.negative_ttl,
        name_server=REGISTRY_SERVER,
        contact=root.contact,
        rrsets=(),
    )
