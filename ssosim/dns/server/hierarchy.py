"""The hierarchy of name servers: root, registries, and the servers of each zone.

A Hierarchy is immutable, like the zones. ``join_hierarchy`` adds its data to the zones: the zones of the registries,
the zone of the names of the name servers, and the NS records in parent and child zones.
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
"""Addresses of name servers that the estate does not define: the block of RFC 2544, which is not routed."""

DELEGATION_TTL = 3600
SERVERS_PER_ZONE = 4
"""The number of servers of a zone in Azure DNS. Source: Azure DNS documentation, delegation."""


@dataclass(frozen=True, slots=True)
class View:
    """What is wrong with one server's copy of one zone.

    ``blank``: the zone is empty; names below its apex are NXDOMAIN. ``lame``: the server does not have the zone and
    answers REFUSED. ``dead``: it never answers. ``stale``: it answers from the old zones in ``zones``. ``fault`` is the
    number of the fault that did it.
    """

    kind: Literal["blank", "lame", "dead", "stale"]
    zones: ZoneSet | None = None
    fault: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Hierarchy:
    """Which name servers serve which zones. ``addresses`` by server name; ``serves``: servers by zone origin.

    ``removed`` are the zones whose delegation the parent has removed; ``views`` are the faulty copies by (zone,
    server). ``removed_by`` has the number of the fault that removed a delegation.
    """

    addresses: Mapping[Name, str]
    serves: Mapping[Name, tuple[Name, ...]]
    removed: frozenset[Name] = frozenset()
    removed_by: Mapping[Name, int] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    views: Mapping[tuple[Name, Name], View] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def standard(cls, zones: ZoneSet, per_zone: int = SERVERS_PER_ZONE) -> Hierarchy:
        """Make a root server, a registry for all top-level domains, and ``per_zone`` servers for all zones."""
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
        """The addresses of the root servers, as root hints for a resolver."""
        return tuple(self.addresses[server] for server in self.serves[dns.name.root])

    @property
    def healthy(self) -> bool:
        """Whether no delegation is removed and no server has a faulty copy."""
        return not self.removed and not self.views

    def zone(self, text: str) -> Name:
        """The origin of the zone ``text``; raises DnsChangeError if there is no such zone."""
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
        """This hierarchy without the delegation of ``zone`` in its parent."""
        return dataclasses.replace(self, removed=self.removed | {zone})

    def with_view(self, zone: Name, server: Name, view: View) -> Hierarchy:
        """This hierarchy with a faulty copy of ``zone`` on ``server``."""
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
    """Make an empty copy of ``zone``: only SOA and NS at the apex."""
    apex = {kind: rrset for kind, rrset in zone.node(zone.origin).items() if kind in (NS, SOA)}
    return dataclasses.replace(
        zone,
        nodes=MappingProxyType({zone.origin: MappingProxyType(apex)}),
        below=MappingProxyType({}),
    )


def join_hierarchy(zones: ZoneSet, hierarchy: Hierarchy) -> ZoneSet:
    """Join ``zones`` and the data of the hierarchy. A zone whose delegation is removed stays in the result.

    The parent of such a zone has no delegation for it: its names are NXDOMAIN there.
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
    """Add the child zone ``origin`` to its parent, or remove it."""
    parent = enclosing(zones_by_origin, origin.parent())
    known = origin in zones.zones and enclosing(zones.zones, origin.parent()).origin == parent.origin
    if known and removed:
        zones_by_origin[parent.origin] = dataclasses.replace(
            parent, below=count_descendants(parent.below, parent.origin, (origin,), -1)
        )
    elif not known and not removed:
        zones_by_origin[parent.origin] = parent.with_child_zones((origin,))


def make_added_zone(zones: ZoneSet, origin: Name) -> Zone:
    """Make a zone that the estate does not define: of a registry, or of the name servers."""
    root = zones.zones[dns.name.root]
    return Zone.build(
        origin,
        ttl=root.ttl,
        negative_ttl=root.negative_ttl,
        name_server=REGISTRY_SERVER,
        contact=root.contact,
        rrsets=(),
    )
