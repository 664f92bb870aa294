"""The hierarchy of name servers: root, registries, and the servers of each zone.

A Hierarchy is immutable, like the zones. ``join_hierarchy`` adds its data to the zones: the zones of the registries,
the zone of the names of the name servers, and the NS records in parent and child zones.

Which servers have a zone
-------------------------

The servers that the zone's own NS records name have the zone, and no others. So a move to other name servers can be
rehearsed: a delegation to a server that the zone does not name is lame, and a server without an address is not reached.
A zone whose NS records are the placeholder (below ``invalid.``) is on the lab's own servers, ``ns1`` to ``ns4``.

The addresses of a server are those of its records in the estate's zones; it needs an IPv4 address, because the lab's
resolvers use IPv4. A name outside these zones, such as that
of a DNS provider, is assumed to resolve: it gets an address of the block of RFC 2544, and its registry knows it. A name
inside these zones without an address has none, as in the internet.

Delegations are those of the user's parent zone, if it has them. Else the parent (mostly a registry of the lab) gets a
copy of the zone's own NS records, with glue.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import dns.name
from dns.name import Name
from dns.rdatatype import AAAA, CNAME, NS, SOA, A, RdataType

from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.name_match import match_name
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_rdatas
from ssosim.dns.zones.zone import Zone, count_descendants
from ssosim.dns.zones.zone_set import ZoneSet, enclosing

__all__ = ["SPARE_ADDRESSES", "Hierarchy", "View", "join_hierarchy", "make_blank_zone"]

SERVERS_ZONE = to_name("dns.example.")
ROOT_SERVER = to_name("a.root.dns.example.")
REGISTRY_SERVER = to_name("a.registry.dns.example.")
BLOCK = "198.18.0"
"""Addresses of name servers that the estate does not define: the block of RFC 2544, which is not routed."""

INVENTED = 0xC6130000
"""198.19.0.0 as a number: the half of that block for name servers outside the estate's zones."""

SPARE_ADDRESSES = tuple(f"{BLOCK}.{number}" for number in range(201, 205))
"""Addresses of the servers that stand in for name servers which NS records name after the start."""

DELEGATION_TTL = 3600
MAX_LEVELS = 8
"""The most sets of servers: zones that are nested deeper share the last one."""

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

    ``other_addresses`` are the names of servers by their further addresses.
    ``removed`` are the zones whose delegation the parent has removed, ``delegated`` those that the parent delegates to
    other servers than their own; ``views`` are the faulty copies by (zone, server). ``removed_by`` and ``delegated_by``
    have the number of the fault that did it. ``negative_ttls``: by removed zone, the SOA minimum of its parent, if the
    fault sets one.
    """

    addresses: Mapping[Name, str]
    serves: Mapping[Name, tuple[Name, ...]]
    removed: frozenset[Name] = frozenset()
    removed_by: Mapping[Name, int] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    views: Mapping[tuple[Name, Name], View] = field(default_factory=lambda: MappingProxyType({}))
    negative_ttls: Mapping[Name, int] = field(default_factory=lambda: MappingProxyType({}))
    delegated: Mapping[Name, tuple[Name, ...]] = field(default_factory=lambda: MappingProxyType({}))
    delegated_by: Mapping[Name, int] = field(default_factory=lambda: MappingProxyType({}), compare=False)
    other_addresses: Mapping[str, Name] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def standard(cls, zones: ZoneSet, per_zone: int = SERVERS_PER_ZONE) -> Hierarchy:
        """Make a root server, a registry for all top-level domains, and ``per_zone`` servers for all zones.

        A zone whose parent zone is in the estate too has other servers than the parent: a server of both answers for
        the child whatever the parent delegates. That of the last zones is kept, since many labs have the same ones.
        """
        for known_zones, known_number, known in _LAST:
            if known_zones is zones and known_number == per_zone:
                return known
        made = cls._build_standard(zones, per_zone)
        _LAST[:] = [(zones, per_zone, made)]
        return made

    @classmethod
    def _build_standard(cls, zones: ZoneSet, per_zone: int) -> Hierarchy:
        addresses = {ROOT_SERVER: f"{BLOCK}.1", REGISTRY_SERVER: f"{BLOCK}.2"}
        levels = {origin: count_parents(zones, origin) for origin in zones.zones}
        groups = [
            tuple(to_name(f"ns{level * per_zone + number}", SERVERS_ZONE) for number in range(1, per_zone + 1))
            for level in range(max(levels.values(), default=0) + 1)
        ]
        hosts = enumerate((server for group in groups for server in group), start=11)
        addresses |= {server: f"{BLOCK}.{number}" for number, server in hosts}
        servers = groups[0]
        serves: dict[Name, tuple[Name, ...]] = {SERVERS_ZONE: servers}
        named: set[Name] = set()
        for origin, zone in zones.zones.items():
            own = own_servers(zone)
            named.update(own)
            for cut in zone.cuts:
                named.update(servers_at(zone, cut))
            if origin != dns.name.root:
                serves[origin] = own or groups[levels[origin]]
        for origin in (*serves, *named):
            serves.setdefault(top_level(origin), (REGISTRY_SERVER,))
        serves[dns.name.root] = (ROOT_SERVER,)
        found, others = find_addresses(zones, named - addresses.keys())
        return cls(
            MappingProxyType(addresses | found), MappingProxyType(serves), other_addresses=MappingProxyType(others)
        )

    def server_at(self, address: str) -> Name | None:
        """The name of the server that has the address; None if there is none."""
        primary = next((name for name, own in self.addresses.items() if own == address), None)
        return primary or self.other_addresses.get(address)

    @property
    def root_addresses(self) -> tuple[str, ...]:
        """The addresses of the root servers, as root hints for a resolver."""
        return tuple(self.addresses[server] for server in self.serves[dns.name.root])

    @property
    def healthy(self) -> bool:
        """Whether every delegation is right and no server has a faulty copy."""
        return not self.removed and not self.delegated and not self.views

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

    def without_delegation(self, zone: Name, negative_ttl: int | None = None) -> Hierarchy:
        """This hierarchy without the delegation of ``zone``; ``negative_ttl``: the parent's SOA minimum."""
        ttls = {**self.negative_ttls, **({} if negative_ttl is None else {zone: negative_ttl})}
        return dataclasses.replace(self, removed=self.removed | {zone}, negative_ttls=MappingProxyType(ttls))

    def with_delegation_to(self, zone: Name, servers: tuple[Name, ...], zones: ZoneSet) -> Hierarchy:
        """This hierarchy with a delegation of ``zone`` to ``servers``, which do not serve it."""
        addresses, others = find_addresses(zones, set(servers) - self.addresses.keys())
        serves = dict(self.serves)
        for server in servers:
            serves.setdefault(top_level(server), (REGISTRY_SERVER,))
        return dataclasses.replace(
            self,
            addresses=MappingProxyType({**self.addresses, **addresses}),
            other_addresses=MappingProxyType({**self.other_addresses, **others}),
            serves=MappingProxyType(serves),
            delegated=MappingProxyType({**self.delegated, zone: servers}),
        )

    def faults_of_delegation(self, server: Name, name: Name) -> tuple[int, ...]:
        """The numbers of the faults by which a parent of ``name`` delegates to ``server``, which has no such zone."""
        found = [
            self.delegated_by[zone]
            for zone in self.path(name)
            if server in self.delegated.get(zone, ()) and zone in self.delegated_by
        ]
        return tuple(sorted(found))

    def with_view(self, zone: Name, server: Name, view: View) -> Hierarchy:
        """This hierarchy with a faulty copy of ``zone`` on ``server``."""
        return dataclasses.replace(self, views=MappingProxyType({**self.views, (zone, server): view}))

    def path(self, name: Name) -> Iterator[Name]:
        """The origins at or above ``name``, from the root down."""
        for length in range(1, len(name) + 1):
            origin = name.split(length)[1]
            if origin in self.serves:
                yield origin


_LAST: list[tuple[ZoneSet, int, Hierarchy]] = []
"""The zones for which a hierarchy was made last, by their identity, the servers per zone, and that hierarchy."""


def count_parents(zones: ZoneSet, origin: Name) -> int:
    """The number of zones of the estate above ``origin`` whose servers the estate does not name, without the root."""
    above = (origin.split(length)[1] for length in range(2, len(origin)))
    return min(sum(each in zones.zones and not own_servers(zones.zones[each]) for each in above), MAX_LEVELS - 1)


def servers_at(zone: Zone, name: Name) -> tuple[Name, ...]:
    """The name servers that the NS records at ``name`` name."""
    stored = zone.node(name).get(NS)
    return () if stored is None else tuple(rdata.target for rdata in stored.rdatas)  # type: ignore[attr-defined]


def own_servers(zone: Zone) -> tuple[Name, ...]:
    """The name servers of the zone's apex; none if they are the placeholder below ``invalid.``."""
    found = servers_at(zone, zone.origin)
    return () if all(server.labels[-2:-1] == (b"invalid",) for server in found) else found


def find_addresses(zones: ZoneSet, servers: Iterable[Name]) -> tuple[dict[Name, str], dict[str, Name]]:
    """One address of each name server, and the names by further addresses.

    They are those of the records in the zones, else an invented one if no zone has the name. The invented address
    depends on the name only, so that it stays when zones change.
    """
    found: dict[Name, str] = {}
    others: dict[str, Name] = {}
    for server in sorted(servers):
        zone = zones.zone_of(server)
        first, *rest = [*address_texts(zone, server, A), ""]
        if first:
            found[server] = first
            others |= dict.fromkeys([*rest[:-1], *address_texts(zone, server, AAAA)], server)
        elif not address_texts(zone, server, AAAA) and (
            len(zone.origin) == 1 or match_name(zone, server).kind == "delegation"
        ):
            found[server] = invent_address(server, found)
    return found, others


def address_texts(zone: Zone, name: Name, kind: RdataType) -> list[str]:
    """The addresses that the zone has for a name."""
    stored = zone.node(name).get(kind)
    return [] if stored is None else [rdata.to_text() for rdata in stored.rdatas]


def invent_address(server: Name, taken: Mapping[Name, str]) -> str:
    """An address of 198.19.0.0/16 for a name server outside the estate's zones."""
    number = zlib.crc32(server.to_digestable())
    while (text := str(ipaddress.IPv4Address(INVENTED + number % 0xFFFE + 1))) in taken.values():
        number += 1
    return text


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
        cuts=frozenset(),
    )


def join_hierarchy(zones: ZoneSet, hierarchy: Hierarchy) -> ZoneSet:
    """Join ``zones`` and the data of the hierarchy. A zone whose delegation is removed stays in the result.

    The parent of such a zone has no delegation for it, and no names below it: they are NXDOMAIN there.
    """
    joined = dict(zones.zones)
    for origin in hierarchy.serves:
        if origin not in joined:
            joined[origin] = make_added_zone(zones, origin)
    for origin, servers in hierarchy.serves.items():
        if origin not in zones.zones or not own_servers(zones.zones[origin]):
            names = to_rdatas((server.to_text() for server in servers), NS, dns.name.root)
            joined[origin] = joined[origin].with_rrset(RRset(origin, NS, DELEGATION_TTL, names))
    for server, address in hierarchy.addresses.items():
        zone = enclosing(joined, server)
        if not {A, AAAA} & zone.node(server).keys():
            joined[zone.origin] = zone.with_rrset(make_address(server, address))
    for origin in sorted(joined.keys() - {dns.name.root}, key=len):
        parent = enclosing(joined, origin.parent())
        joined[parent.origin] = delegate(parent, joined, origin, hierarchy, zones)
    return dataclasses.replace(zones, zones=MappingProxyType(joined))


def make_address(server: Name, address: str) -> RRset:
    """The record set with the address of a name server."""
    kind = AAAA if ":" in address else A
    return RRset(server, kind, DELEGATION_TTL, to_rdatas((address,), kind, dns.name.root))


def delegate(parent: Zone, joined: Mapping[Name, Zone], origin: Name, hierarchy: Hierarchy, zones: ZoneSet) -> Zone:
    """``parent`` with the delegation of ``origin`` that the hierarchy says, or without one."""
    if origin in hierarchy.removed:
        parent = without_subtree(parent, origin, counted=is_counted(zones, parent, origin))
        return with_negative_ttl(parent, hierarchy.negative_ttls.get(origin))
    if origin in hierarchy.delegated:
        return with_other_servers(parent, origin, hierarchy.delegated[origin], zones)
    if NS in parent.node(origin):
        return parent
    return with_delegation(parent, joined, origin, hierarchy, zones.delegation_ttl)


def with_negative_ttl(zone: Zone, negative_ttl: int | None) -> Zone:
    """``zone`` whose negative answers may be cached for so many seconds; None changes nothing."""
    if negative_ttl is None:
        return zone
    return dataclasses.replace(zone, ttl=max(zone.ttl, negative_ttl), negative_ttl=negative_ttl)


def with_other_servers(parent: Zone, origin: Name, servers: Iterable[Name], zones: ZoneSet) -> Zone:
    """``parent`` with a delegation of ``origin`` to ``servers`` instead of the present one, without glue and DS."""
    for name in [name for name in parent.nodes if name.is_subdomain(origin)]:
        parent = parent.without(name, *parent.node(name))
    ttl = DELEGATION_TTL if zones.delegation_ttl is None else zones.delegation_ttl
    rdatas = to_rdatas((server.to_text() for server in servers), NS, dns.name.root)
    return parent.with_rrset(RRset(origin, NS, ttl, rdatas))


def with_delegation(
    parent: Zone, joined: Mapping[Name, Zone], origin: Name, hierarchy: Hierarchy, ttl: int | None = None
) -> Zone:
    """``parent`` with the NS records of the zone ``origin``, and glue for its servers whose names are below a cut.

    ``ttl`` is the TTL of the NS records; None: that of the zone's own ones.
    """
    child = joined[origin]
    parent = parent.without(origin, *(kind for kind in parent.node(origin) if kind == CNAME))
    servers = child.node(origin)[NS]
    parent = parent.with_rrset(servers if ttl is None else dataclasses.replace(servers, ttl=ttl))
    for server in servers_at(child, origin):
        if not server.is_subdomain(parent.origin) or match_name(parent, server).kind != "delegation":
            continue
        stored = enclosing(joined, server).node(server)
        glue = [stored[kind] for kind in (A, AAAA) if kind in stored and stored[kind].rdatas]
        if not glue and server in hierarchy.addresses:
            glue = [make_address(server, hierarchy.addresses[server])]
        for rrset in glue:
            parent = parent.with_rrset(rrset)
    return parent


def is_counted(zones: ZoneSet, parent: Zone, origin: Name) -> bool:
    """Whether the ancestors of the zone ``origin`` exist in ``parent`` because of it (``ZoneSet.build``)."""
    return origin in zones.zones and zones.zone_of(origin.parent()).origin == parent.origin


def without_subtree(parent: Zone, origin: Name, *, counted: bool) -> Zone:
    """``parent`` without the delegation ``origin`` and everything below it, such as glue and DS."""
    gone = [name for name in parent.nodes if name.is_subdomain(origin)]
    for name in gone:
        parent = parent.without(name, *parent.node(name))
    if not counted:
        return parent
    return dataclasses.replace(parent, below=count_descendants(parent.below, parent.origin, (origin,), -1))


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
