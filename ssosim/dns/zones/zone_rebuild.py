"""Build a zone from one that has almost the same record sets: the two states of a change share their nodes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from types import MappingProxyType
from typing import Any, TypedDict

from dns.name import Name
from dns.rdatatype import NS, SOA, RdataType

from ssosim.dns.zones.rrset import RRset, to_name
from ssosim.dns.zones.zone import Node, Zone, count_descendants, gather_nodes, is_cut

__all__ = ["ApexSettings", "rebuild", "settings_of"]

_MOST_CHANGED = 0.5
"""The share of changed record sets above which a zone is rather built anew."""


def rebuild(former: Zone, before: Sequence[RRset], after: Sequence[RRset]) -> Zone | None:
    """The zone of the record sets ``after``, as ``Zone.build`` makes it; ``former`` is that of ``before``.

    Record sets that are the same objects are not looked at. None if the zone has to be built anew: too much has
    changed, or its apex lacks SOA or NS. Raises DnsChangeError if two record sets conflict.
    """
    kept = frozenset(map(id, before)) & frozenset(map(id, after))
    gone = [rrset for rrset in before if id(rrset) not in kept]
    new = [rrset for rrset in after if id(rrset) not in kept]
    if len(gone) + len(new) > _MOST_CHANGED * len(after):
        return None
    changed: dict[Name, dict[RdataType, RRset]] = {}
    for rrset in gone:
        changed.setdefault(rrset.name, {**former.node(rrset.name)}).pop(rrset.type)
    for rrset in new:
        changed.setdefault(rrset.name, {**former.node(rrset.name)})
    gather_nodes(new, former.origin, changed)
    apex = changed.get(former.origin, former.node(former.origin))
    if NS not in apex or SOA not in apex:
        return None
    nodes = former.nodes.copy()
    cuts = set(former.cuts)
    for name, node in changed.items():
        nodes.pop(name, None)
        cuts.discard(name)
        if node or name == former.origin:
            nodes[name] = MappingProxyType(node)
            if is_cut(node, name, former.origin):
                cuts.add(name)
    below = former.below
    for names, step in (
        ([name for name in changed if name not in nodes and former.node(name)], -1),
        ([name for name in changed if name in nodes and not former.node(name)], 1),
    ):
        below = count_descendants(below, former.origin, names, step) if names else below
    zone = dataclasses.replace(former, nodes=MappingProxyType(nodes), below=below, cuts=frozenset(cuts))
    return dataclasses.replace(zone, **settings_of(apex)) if former.origin in changed else zone


class ApexSettings(TypedDict):
    """The fields of a zone that come from its apex."""

    ttl: int
    negative_ttl: int
    name_server: Name
    contact: Name


def settings_of(apex: Node) -> ApexSettings:
    """TTL, negative TTL, name server and contact by the SOA and the NS records of ``apex``, if it has them."""
    soa, ns = apex.get(SOA), apex.get(NS)
    found = ApexSettings(
        ttl=300, negative_ttl=60, name_server=to_name("ns1.lab.invalid."), contact=to_name("hostmaster.lab.invalid.")
    )
    if soa is not None:
        rdata: Any = soa.rdatas[0]
        return ApexSettings(ttl=soa.ttl, negative_ttl=rdata.minimum, name_server=rdata.mname, contact=rdata.rname)
    if ns is not None and ns.rdatas:
        found["name_server"] = ns.rdatas[0].target  # type: ignore[attr-defined]
    return found
