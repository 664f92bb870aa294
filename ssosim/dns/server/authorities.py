"""The answers of each authoritative server: several servers for a zone, each with its own view of the data.

The default server of the lab answers for all zones at once. Here the same zones are spread over servers as in the
internet, so that a recursive resolver can walk from the root: root servers delegate to registries (``com.``, ``net.``,
``arpa.``), and these to the name servers of each zone.

Sources: azure-dns-2019 (one of four name servers with empty zone files), zoom-2025 (a registry removes a delegation
while the servers of the zone still answer).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable
from random import Random
from types import MappingProxyType

import dns.name
from dns.name import Name
from dns.rcode import NOERROR, REFUSED, SERVFAIL
from dns.rdatatype import AAAA, CNAME, DS, NS, A, RdataType

from ssosim.dns.server.hierarchy import Hierarchy, View, join_hierarchy, make_blank_zone
from ssosim.dns.zones.answer import NOT_SERVED, Answer, answer, find_changes
from ssosim.dns.zones.query_context import ANYBODY, QueryContext
from ssosim.dns.zones.store import ZoneStore
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["Authorities", "answer_as", "answer_as_resolver"]


class Authorities:
    """The current zones joined with the current hierarchy: the data of all authoritative servers."""

    def __init__(self, store: ZoneStore, hierarchy: Hierarchy | None = None) -> None:
        self.store = store
        self.hierarchy = hierarchy or Hierarchy.standard(store.current)
        self._joined: tuple[ZoneSet, Hierarchy, ZoneSet] | None = None

    @property
    def tree(self) -> ZoneSet:
        """All zones of the hierarchy as they are now."""
        zones = self.store.current
        if any(origin not in self.hierarchy.serves for origin in zones.zones):
            standard = Hierarchy.standard(zones)
            self.hierarchy = dataclasses.replace(standard, removed=self.hierarchy.removed, views=self.hierarchy.views)
        if self._joined is None or self._joined[0] is not zones or self._joined[1] is not self.hierarchy:
            self._joined = (zones, self.hierarchy, join_hierarchy(zones, self.hierarchy))
        return self._joined[2]

    def answer_as(self, server: Name, name: Name, rdtype: RdataType, context: QueryContext = ANYBODY) -> Answer:
        """The present answer of ``server``."""
        return answer_as(server, self.tree, self.hierarchy, name, rdtype, context)

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
    zones.
    """
    origin = find_served_zone(server, hierarchy, name)
    view = None if origin is None else hierarchy.views.get((origin, server))
    if origin is None or rdtype in NOT_SERVED or (view is not None and view.kind == "lame"):
        refused = Answer(name=name, type=rdtype, rcode=REFUSED, authoritative=False)
        return refused if view is None or rdtype in NOT_SERVED else dataclasses.replace(refused, faults=(view.fault,))
    if view is not None and view.kind == "dead":
        return Answer(name=name, type=rdtype, rcode=SERVFAIL, authoritative=False, faults=(view.fault,))
    if view is not None:
        return _name_view(view, answer_as_healthy, (origin, zones, hierarchy, name, rdtype, context))
    return answer_as_healthy(zones, origin, zones, hierarchy, name, rdtype, context)


def _name_view(
    view: View,
    make: Callable[..., Answer],
    question: tuple[Name, ZoneSet, Hierarchy, Name, RdataType, QueryContext],
) -> Answer:
    """Return the answer from a faulty copy, with the number of its fault if a healthy copy gives another answer."""
    origin, zones, hierarchy, *_ = question
    found, healthy = make(apply_view(zones, hierarchy, origin, view), *question), make(zones, *question)
    if (found.rcode, found.answer) == (healthy.rcode, healthy.answer):
        return found
    return dataclasses.replace(found, faults=(*found.faults, view.fault))


def answer_as_healthy(
    data: ZoneSet,
    origin: Name,
    zones: ZoneSet,  # noqa: ARG001 - the arguments of a question
    hierarchy: Hierarchy,
    name: Name,
    rdtype: RdataType,
    context: QueryContext,
) -> Answer:
    """The answer of a server of the zone ``origin`` whose copy is ``data``."""
    child = find_delegation(origin, hierarchy, name)
    if child is not None and not (child == name and rdtype == DS):
        return make_referral(data, hierarchy, origin, child, Answer(name=name, type=rdtype, authoritative=False))
    result = answer(without_removed(data, hierarchy, origin, name), name, rdtype, context)
    for number, link in enumerate(result.answer):
        target = link.rdatas[0].target if link.type == CNAME != rdtype else origin  # type: ignore[attr-defined]
        below = find_delegation(origin, hierarchy, target)
        if below is not None:
            chain = _cut(data, result, number)
            return make_referral(data, hierarchy, origin, below, chain)
        if not target.is_subdomain(origin):
            return _cut(data, result, number)
    gone = [
        zone for zone in hierarchy.removed if name.is_subdomain(zone) and zone != origin and zone.is_subdomain(origin)
    ]
    if gone:
        result = dataclasses.replace(result, faults=(*result.faults, *_removers(hierarchy, gone)))
    return (
        dataclasses.replace(result, rcode=NOERROR) if result.rcode == SERVFAIL else result
    )  # the resolver detects loops


def _cut(data: ZoneSet, result: Answer, number: int) -> Answer:
    """Return the part of a chain that the server has, up to the record set ``number``."""
    faults = find_changes(data, result.name, CNAME) if data.changes else ()
    return dataclasses.replace(result, rcode=NOERROR, answer=result.answer[: number + 1], authority=(), faults=faults)


def _removers(hierarchy: Hierarchy, zones: Iterable[Name]) -> tuple[int, ...]:
    """Return the numbers of the faults that removed the delegations of ``zones``."""
    return tuple(sorted({hierarchy.removed_by[zone] for zone in zones if zone in hierarchy.removed_by}))


def find_served_zone(server: Name, hierarchy: Hierarchy, name: Name) -> Name | None:
    """The deepest zone at or above ``name`` that ``server`` serves."""
    return next((origin for origin in reversed([*hierarchy.path(name)]) if server in hierarchy.serves[origin]), None)


def find_delegation(origin: Name, hierarchy: Hierarchy, name: Name) -> Name | None:
    """The child zone of ``origin`` that contains ``name``; None if there is none or its delegation is removed."""
    if not name.is_subdomain(origin):
        return None
    for below in hierarchy.path(name):
        if len(below) > len(origin):
            return None if below in hierarchy.removed else below
    return None


def apply_view(zones: ZoneSet, hierarchy: Hierarchy, origin: Name, view: View | None) -> ZoneSet:
    """The zones on a server with that view of ``origin``."""
    if view is not None and view.kind == "blank":
        return zones.with_zone(make_blank_zone(zones.zones[origin]))
    if view is not None and view.zones is not None:
        return join_hierarchy(view.zones, hierarchy)
    return zones


def make_referral(zones: ZoneSet, hierarchy: Hierarchy, origin: Name, child: Name, response: Answer) -> Answer:
    """``response`` with the name servers of ``child``, and glue for those whose names are below ``origin``."""
    servers = zones.zones[child].node(child)[NS]
    glue = tuple(
        rrset
        for server in hierarchy.serves[child]
        if server.is_subdomain(origin)
        for kind in (A, AAAA)
        if (rrset := zones.find(server, kind)) is not None
    )
    chained = bool(response.answer)
    return dataclasses.replace(response, authoritative=chained, authority=(servers,), additional=glue)


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
        found = answer(pruned, name, rdtype, context)
        return dataclasses.replace(found, faults=(*found.faults, *_removers(hierarchy, gone)))
    zone: Zone = joined.zone_of(name)
    servers = list(hierarchy.serves.get(zone.origin, ()))
    pick.shuffle(servers)
    for server in servers:
        view = hierarchy.views.get((zone.origin, server))
        if view is None:
            return answer(joined, name, rdtype, context)
        if view.kind in ("blank", "stale"):
            found = answer(apply_view(joined, hierarchy, zone.origin, view), name, rdtype, context)
            healthy = answer(joined, name, rdtype, context)
            same = (found.rcode, found.answer) == (healthy.rcode, healthy.answer)
            return found if same else dataclasses.replace(found, faults=(*found.faults, view.fault))
    faults = {view.fault for (origin, _), view in hierarchy.views.items() if origin == zone.origin}
    return Answer(name=name, type=rdtype, rcode=SERVFAIL, authoritative=False, faults=tuple(sorted(faults)))


def without_removed(zones: ZoneSet, hierarchy: Hierarchy, origin: Name, name: Name) -> ZoneSet:
    """``zones`` without the zones between ``origin`` and ``name`` whose delegation is removed."""
    gone = [zone for zone in hierarchy.path(name) if zone in hierarchy.removed and len(zone) > len(origin)]
    if not gone:
        return zones
    kept = {each: zone for each, zone in zones.zones.items() if not each.is_subdomain(gone[0])}
    return dataclasses.replace(zones, zones=MappingProxyType(kept))
