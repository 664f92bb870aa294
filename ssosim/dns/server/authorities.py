"""The answers of each authoritative server: several servers for a zone, each with its own view of the data.

The default server of the lab answers for all zones at once. Here the same zones are spread over servers as in the
internet, so that a recursive resolver can walk from the root: root servers delegate to registries (``com.``, ``net.``,
``arpa.``), and these to the name servers of each zone.

Sources: azure-dns-2019 (one of four name servers with empty zone files), zoom-2025 (a registry removes a delegation
while the servers of the zone still answer).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from random import Random
from types import MappingProxyType

import dns.name
import msgspec
from dns.name import Name
from dns.rcode import REFUSED, SERVFAIL
from dns.rdatatype import CNAME, DS, RdataType

from ssosim.dns.server.hierarchy import Hierarchy, View, join_hierarchy, make_blank_zone
from ssosim.dns.zones.answer import (
    MAX_CHAIN,
    NOT_SERVED,
    Answer,
    ZoneAnswer,
    answer_in_zone,
    find_changes,
    join_steps,
    resolve_in_zones,
)
from ssosim.dns.zones.extended_errors import ExtendedError
from ssosim.dns.zones.query_context import ANYBODY, QueryContext
from ssosim.dns.zones.store import ZoneStore
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["Authorities", "answer_as", "answer_as_resolver"]


class Authorities:
    """The current zones joined with the current hierarchy: the data of all authoritative servers."""

    def __init__(self, store: ZoneStore, hierarchy: Hierarchy | None = None) -> None:
        self.store = store
        self._followed = store.current
        self._standard = Hierarchy.standard(store.current)
        self.hierarchy = hierarchy or self._standard
        self._joined: tuple[ZoneSet, Hierarchy, ZoneSet] | None = None

    @property
    def tree(self) -> ZoneSet:
        """All zones of the hierarchy as they are now."""
        return self.join()

    def join(self) -> ZoneSet:
        """Make the hierarchy follow the current zones, and join them."""
        zones = self.store.current
        if zones is not self._followed:
            standard = Hierarchy.standard(zones)
            if standard != self._standard:
                # Zones came or went, or NS records name other servers.
                faulty = self.hierarchy
                self.hierarchy = dataclasses.replace(
                    standard,
                    addresses=MappingProxyType({**faulty.addresses, **standard.addresses})
                    if faulty.delegated
                    else standard.addresses,
                    removed=faulty.removed,
                    removed_by=faulty.removed_by,
                    views=faulty.views,
                    negative_ttls=faulty.negative_ttls,
                    delegated=faulty.delegated,
                    delegated_by=faulty.delegated_by,
                )
            self._followed, self._standard = zones, standard
        if self._joined is None or self._joined[0] is not zones or self._joined[1] is not self.hierarchy:
            self._joined = (zones, self.hierarchy, join_hierarchy(zones, self.hierarchy))
        return self._joined[2]

    def find_server_at(self, address: str) -> Name | None:
        """The name of the server that has the address now; None if there is none."""
        self.join()
        return self.hierarchy.server_at(address)

    def answer_as(self, server: Name, name: Name, rdtype: RdataType, context: QueryContext = ANYBODY) -> Answer:
        """The present answer of ``server``."""
        tree = self.tree
        return answer_as(server, tree, self.hierarchy, name, rdtype, context)

    def is_dead(self, server: Name, name: Name) -> bool:
        """Whether ``server`` never answers queries for ``name``."""
        return self.find_dead(server, name) is not None

    def find_dead(self, server: Name, name: Name) -> int | None:
        """Return the number of the fault by which ``server`` never answers queries for ``name``; None if it answers."""
        origin = find_served_zone(server, self.hierarchy, name)
        view = None if origin is None else self.hierarchy.views.get((origin, server))
        return view.fault if view is not None and view.kind == "dead" else None


def answer_as(
    server: Name, zones: ZoneSet, hierarchy: Hierarchy, name: Name, rdtype: RdataType, context: QueryContext = ANYBODY
) -> Answer:
    """The answer of the authoritative server ``server``; ``zones`` come from ``join_hierarchy``. A pure function.

    The server follows CNAMEs within its zone only, refers to the servers of child zones, and refuses names outside its
    zones. A loop is sent as far as it was followed: the resolver detects it.
    """
    origin = find_served_zone(server, hierarchy, name, rdtype)
    view = None if origin is None else hierarchy.views.get((origin, server))
    if origin is None or rdtype in NOT_SERVED or (view is not None and view.kind == "lame"):
        lame = None if rdtype in NOT_SERVED else ExtendedError.NOT_AUTHORITATIVE
        refused = Answer(name=name, type=rdtype, rcode=REFUSED, authoritative=False, extended_error=lame)
        faults = hierarchy.faults_of_delegation(server, name) if view is None else (view.fault,)
        return refused if not faults or rdtype in NOT_SERVED else msgspec.structs.replace(refused, faults=faults)
    if view is not None and view.kind == "dead":
        return Answer(name=name, type=rdtype, rcode=SERVFAIL, authoritative=False, faults=(view.fault,))
    healthy = answer_from_copy(zones, hierarchy, origin, name, rdtype, context)
    if view is None:
        return healthy
    found = answer_from_copy(apply_view(zones, hierarchy, origin, view), hierarchy, origin, name, rdtype, context)
    if (found.rcode, found.answer) == (healthy.rcode, healthy.answer):
        return found
    return msgspec.structs.replace(found, faults=(*found.faults, view.fault))


def answer_from_copy(
    data: ZoneSet, hierarchy: Hierarchy, origin: Name, name: Name, rdtype: RdataType, context: QueryContext
) -> Answer:
    """The answer of a server of the zone ``origin`` whose copy is in ``data``, with the faults that changed it."""
    found = walk_zone(data, origin, name, rdtype, context)
    faults: tuple[int, ...] = ()
    if data.changes and not (found.is_referral and data.zone_of(name).origin != origin):
        complete = not (found.is_referral or found.is_partial)
        faults = find_changes(data, name, rdtype if complete or not found.answer else CNAME)
    gone = [
        zone for zone in hierarchy.removed if name.is_subdomain(zone) and zone != origin and zone.is_subdomain(origin)
    ]
    faults = (*faults, *_removers(hierarchy, gone))
    return msgspec.structs.replace(found, faults=faults) if faults else found


def _removers(hierarchy: Hierarchy, zones: Iterable[Name]) -> tuple[int, ...]:
    """Return the numbers of the faults that removed the delegations of ``zones``."""
    return tuple(sorted({hierarchy.removed_by[zone] for zone in zones if zone in hierarchy.removed_by}))


def walk_zone(data: ZoneSet, origin: Name, name: Name, rdtype: RdataType, context: QueryContext) -> Answer:
    """The answer from the zone ``origin`` of ``data`` alone, with the part of a chain that is in it."""
    zone = data.zones[origin]
    owner, seen, steps = name, {name}, list[ZoneAnswer]()
    while True:
        step = answer_in_zone(data, zone, owner, rdtype, context)
        steps.append(step)
        owner = step.target or owner
        if step.target is None or owner in seen or len(seen) > MAX_CHAIN or not owner.is_subdomain(origin):
            return join_steps(name, rdtype, steps)
        seen.add(owner)


def find_served_zone(server: Name, hierarchy: Hierarchy, name: Name, rdtype: RdataType | None = None) -> Name | None:
    """The deepest zone at or above ``name`` that ``server`` serves, by any of its names; for DS at its apex the parent.

    A server may have several names with one address.
    """
    address = hierarchy.addresses.get(server)
    names = {server, *(other for other, own in hierarchy.addresses.items() if own == address is not None)}
    served = [origin for origin in hierarchy.path(name) if not names.isdisjoint(hierarchy.serves[origin])]
    if rdtype == DS and len(served) > 1 and served[-1] == name:
        return served[-2]
    return served[-1] if served else None


def apply_view(zones: ZoneSet, hierarchy: Hierarchy, origin: Name, view: View | None) -> ZoneSet:
    """The zones on a server with that view of ``origin``."""
    if view is not None and view.kind == "blank":
        return zones.with_zone(make_blank_zone(zones.zones[origin]))
    if view is not None and view.zones is not None:
        return join_hierarchy(view.zones, hierarchy)
    return zones


def answer_as_resolver(
    joined: ZoneSet, hierarchy: Hierarchy, name: Name, rdtype: RdataType, pick: Random, context: QueryContext = ANYBODY
) -> Answer:
    """The answer that a resolver without a cache gets: from a random server of the zone that is not lame or dead.

    The default server of the lab has the role of such a resolver. It uses this answer while the hierarchy is not
    healthy, so one blank server out of four gives a quarter of the answers (Azure DNS, 2 May 2019). ``joined`` comes
    from ``tree``.
    """
    pruned = without_removed(joined, hierarchy, dns.name.root, name)
    if pruned is not joined:
        gone = [zone for zone in hierarchy.path(name) if zone in hierarchy.removed]
        found = resolve_in_zones(pruned, name, rdtype, context)
        return msgspec.structs.replace(found, faults=(*found.faults, *_removers(hierarchy, gone)))
    if lame := [zone for zone in hierarchy.path(name) if zone in hierarchy.delegated]:
        numbers = tuple(sorted(hierarchy.delegated_by[zone] for zone in lame if zone in hierarchy.delegated_by))
        return Answer(name=name, type=rdtype, rcode=SERVFAIL, authoritative=False, faults=numbers)
    zone: Zone = joined.zone_of(name)
    servers = list(hierarchy.serves.get(zone.origin, ()))
    pick.shuffle(servers)
    for server in servers:
        view = hierarchy.views.get((zone.origin, server))
        if view is None:
            return resolve_in_zones(joined, name, rdtype, context)
        if view.kind in ("blank", "stale"):
            found = resolve_in_zones(apply_view(joined, hierarchy, zone.origin, view), name, rdtype, context)
            healthy = resolve_in_zones(joined, name, rdtype, context)
            same = (found.rcode, found.answer) == (healthy.rcode, healthy.answer)
            return found if same else msgspec.structs.replace(found, faults=(*found.faults, view.fault))
    faults = {view.fault for (origin, _), view in hierarchy.views.items() if origin == zone.origin}
    return Answer(name=name, type=rdtype, rcode=SERVFAIL, authoritative=False, faults=tuple(sorted(faults)))


def without_removed(zones: ZoneSet, hierarchy: Hierarchy, origin: Name, name: Name) -> ZoneSet:
    """``zones`` without the zones between ``origin`` and ``name`` whose delegation is removed."""
    gone = [zone for zone in hierarchy.path(name) if zone in hierarchy.removed and len(zone) > len(origin)]
    if not gone:
        return zones
    kept = {each: zone for each, zone in zones.zones.items() if not each.is_subdomain(gone[0])}
    return dataclasses.replace(zones, zones=MappingProxyType(kept))
