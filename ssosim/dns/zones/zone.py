"""One zone: names and their record sets, and the names that exist only because there are names below them.

A Zone is immutable. A change copies the two dictionaries of the zone (2 ms at 100,000 names) and shares all record
sets. The cost of a look-up does not depend on the number of names.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import dns.name
from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import CNAME, DNAME, DS, KEY, NS, NSEC, NSEC3, NSEC3PARAM, NXT, RRSIG, SIG, SOA, RdataType

from ssosim.dns.zones.cached_name import cached, lower_labels_of
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, plain, to_rdatas

__all__ = ["Node", "Zone"]

Node = Mapping[RdataType, RRset]
"""All record sets of one name."""

NO_RECORDS: Node = MappingProxyType({})

BESIDE_CNAME = frozenset({RRSIG, NSEC, KEY, SIG, NXT})
"""The types that may stand beside a CNAME. Source: RFC 4034 sections 3 and 4, RFC 3007 section 2, RFC 2535 2.3.5."""


@dataclass(frozen=True, slots=True)
class Zone:
    """An authoritative zone.

    ``ttl`` is the TTL of SOA and NS, ``negative_ttl`` the SOA minimum, both in seconds. The SOA is not stored unless
    the estate gives one: its serial is the version of the ZoneSet. ``below`` counts the names under each name: one with
    a count and no records is an *empty non-terminal* and answers NODATA (RFC 8020). ``cuts`` are the names at which
    the authority of the zone ends, or its names go elsewhere: delegations (NS below the apex) and DNAMEs.
    ``missing`` are types that the zone file must have at its apex and has not (SOA, NS).
    """

    origin: Name
    ttl: int
    negative_ttl: int
    name_server: Name
    contact: Name
    nodes: MappingProxyType[Name, Node]
    below: MappingProxyType[Name, int] = field(compare=False)
    cuts: frozenset[Name] = field(compare=False, default=frozenset())
    missing: frozenset[RdataType] = field(compare=False, default=frozenset())
    cut_labels: frozenset[tuple[bytes, ...]] = field(init=False, repr=False, compare=False)
    """The labels of the cuts in lower case, for ``match_name``."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "cut_labels", frozenset(map(lower_labels_of, self.cuts)))

    @classmethod
    def build(
        cls,
        origin: Name,
        *,
        ttl: int,
        negative_ttl: int,
        name_server: Name,
        contact: Name,
        rrsets: Iterable[RRset],
    ) -> Zone:
        """Make a zone with NS at its apex (``name_server``, unless ``rrsets`` bring their own).

        Raises DnsChangeError if two record sets conflict.
        """
        origin = cached(origin)
        nodes = gather_nodes(rrsets, origin, {origin: {}})
        if NS not in nodes[origin]:
            nodes[origin][NS] = RRset(origin, NS, ttl, to_rdatas((name_server.to_text(),), NS, origin))
        frozen = MappingProxyType({name: MappingProxyType(node) for name, node in nodes.items()})
        return cls(
            origin,
            ttl,
            negative_ttl,
            name_server,
            contact,
            frozen,
            count_descendants(MappingProxyType({}), origin, frozen, 1),
            find_cuts(frozen, origin),
        )

    def node(self, name: Name) -> Node:
        """The record sets of ``name``; an empty mapping if it has none."""
        return self.nodes.get(name, NO_RECORDS)

    def exists(self, name: Name) -> bool:
        """Whether ``name`` exists: for a type that it does not have, it answers NODATA, not NXDOMAIN.

        A name that has NSEC3 records only does not exist (RFC 5155 section 7.2.8).
        """
        return self.exists_with(name, self.nodes.get(name))

    def exists_with(self, name: Name, node: Node | None) -> bool:
        """As ``exists``, for a caller that has the ``node`` of ``name`` already: hashing a name takes long."""
        return (node is not None and NSEC3 not in node) or name in self.below or name == self.origin

    def soa(self, serial: int, *, negative: bool = False) -> RRset:
        """The SOA record set; in a negative answer its TTL is the TTL of that answer (RFC 2308 section 5)."""
        stored = self.node(self.origin).get(SOA)
        if stored is None or not stored.rdatas:
            stored = RRset(
                self.origin, SOA, self.ttl, make_default_soa(self.name_server, self.contact, serial, self.negative_ttl)
            )
        if not negative:
            return stored
        minimum: int = stored.rdatas[0].minimum  # type: ignore[attr-defined]
        return dataclasses.replace(stored, ttl=minimum) if minimum < stored.ttl else stored

    def with_rrset(self, rrset: RRset) -> Zone:
        """This zone with ``rrset`` added; it replaces the record set of the same name and type.

        Raises DnsChangeError if it conflicts with another record set.
        """
        node = self.node(rrset.name)
        refuse_conflict({kind: other for kind, other in node.items() if kind != rrset.type}, rrset, self.origin)
        nodes = self.nodes.copy()
        nodes[rrset.name] = MappingProxyType({**node, rrset.type: rrset})
        below = self.below if node else count_descendants(self.below, self.origin, (rrset.name,), 1)
        changed = self._with_nodes(MappingProxyType(nodes), below, rrset.name)
        if rrset.name != self.origin or rrset.type not in self.missing:
            return changed
        return dataclasses.replace(changed, missing=self.missing - {rrset.type})

    def without(self, name: Name, *types: RdataType) -> Zone:
        """This zone without those record sets of ``name``; a name without record sets no longer exists."""
        rest = {kind: rrset for kind, rrset in self.node(name).items() if kind not in types}
        nodes = self.nodes.copy()
        if rest:
            nodes[name] = MappingProxyType(rest)
            return self._with_nodes(MappingProxyType(nodes), self.below, name)
        if nodes.pop(name, None) is None:
            return self
        below = count_descendants(self.below, self.origin, (name,), -1)
        return self._with_nodes(MappingProxyType(nodes), below, name)

    def _with_nodes(
        self, nodes: MappingProxyType[Name, Node], below: MappingProxyType[Name, int], changed: Name
    ) -> Zone:
        """This zone with those nodes, of which only that of ``changed`` is another one."""
        cuts, cut = self.cuts, is_cut(nodes.get(changed, NO_RECORDS), changed, self.origin)
        if cut != (changed in cuts):
            cuts = cuts | {changed} if cut else cuts - {changed}
        return dataclasses.replace(self, nodes=nodes, below=below, cuts=cuts)

    def with_child_zones(self, names: Iterable[Name]) -> Zone:
        """This zone with the ancestors of ``names`` (the origins of child zones) as empty non-terminals."""
        return dataclasses.replace(self, below=count_descendants(self.below, self.origin, names, 1))

    def rrsets(self) -> Iterator[RRset]:
        """Every stored record set, name by name."""
        for node in self.nodes.values():
            yield from node.values()


@functools.lru_cache(maxsize=1024)
def make_default_soa(name_server: Name, contact: Name, serial: int, negative_ttl: int) -> tuple[Rdata, ...]:
    """Make the SOA of a zone that has none. It is cached, because every negative answer has one."""
    return to_rdatas((f"{name_server} {contact} {serial} 3600 900 1209600 {negative_ttl}",), SOA, dns.name.root)


def share_nodes_of(former: Zone, zone: Zone) -> Zone:
    """``zone`` with the nodes of ``former`` for names whose record sets are the same objects."""
    nodes = {
        name: old if (old := former.nodes.get(name)) is not None and _are_same(old, node) else node
        for name, node in zone.nodes.items()
    }
    return dataclasses.replace(zone, nodes=MappingProxyType(nodes))


def _are_same(first: Node, second: Node) -> bool:
    return len(first) == len(second) and all(second.get(kind) is rrset for kind, rrset in first.items())


def changed_names(before: Mapping[Name, Node], after: Mapping[Name, Node]) -> list[Name]:
    """The names whose node is a different object in ``after``, and those in only one of the two mappings.

    It compares identities and looks up no name: hashing 100,000 names takes a tenth of a second, this a tenth of that.
    """
    former, latter = set(map(id, before.values())), set(map(id, after.values()))
    found = dict.fromkeys(name for name, node in before.items() if id(node) not in latter)
    found |= dict.fromkeys(name for name, node in after.items() if id(node) not in former)
    return [*found]


def describe_rrset(rrset: RRset) -> str:
    """The text that names a record set in messages."""
    return f"record set {plain(rrset.name)} {rrset.type.name}"


def gather_nodes(
    rrsets: Iterable[RRset], origin: Name, nodes: dict[Name, dict[RdataType, RRset]]
) -> dict[Name, dict[RdataType, RRset]]:
    """``nodes`` with ``rrsets`` added. Raises DnsChangeError if two of them conflict."""
    for rrset in rrsets:
        name, kind = rrset.name, rrset.type
        node = nodes.get(name)
        if node is None:
            node = nodes[name] = {}
        elif kind in node:
            raise DnsChangeError(f"{describe_rrset(rrset)} is defined twice: put its values into one record set")
        if kind in _CHECKED or CNAME in node:
            refuse_conflict(node, rrset, origin)
        node[kind] = rrset
    return nodes


_CHECKED = frozenset({CNAME, SOA, NSEC3PARAM, DS, NS})
"""The types that ``refuse_conflict`` may refuse where no CNAME is."""


def find_cuts(nodes: Mapping[Name, Node], origin: Name) -> frozenset[Name]:
    """The names among ``nodes`` at which queries leave the zone."""
    return frozenset(
        name for name, node in nodes.items() if (NS in node or DNAME in node) and is_cut(node, name, origin)
    )


def find_names_below(zone: Zone, tops: Iterable[Name]) -> Iterator[tuple[Name, Name]]:
    """The names with records at or below ``tops``, each after the deepest one of these; one pass over the zone."""
    wanted = {lower_labels_of(top): top for top in tops if top.is_subdomain(zone.origin) and zone.exists(top)}
    if not wanted:
        return
    least = min(map(len, wanted))
    for name in zone.nodes:
        labels = lower_labels_of(name)
        for at in range(len(labels) - least + 1):
            top = wanted.get(labels[at:])
            if top is not None:
                yield top, name
                break


def is_cut(node: Node, name: Name, origin: Name) -> bool:
    """Whether queries at or below ``name`` leave the zone: NS below the apex, or a DNAME."""
    found = (node.get(DNAME), node.get(NS) if name != origin else None)
    return any(rrset is not None and rrset.rdatas for rrset in found)


def refuse_conflict(others: Node, rrset: RRset, origin: Name) -> None:
    """Raise DnsChangeError if ``rrset`` conflicts with ``others``, or may not be at its name (RFC 1034 section 3.6.2).

    NS at a wildcard is refused, as BIND does: its meaning is not defined (RFC 4592 section 4.2).
    """
    name, kind = rrset.name, rrset.type
    conflicting = [other.name for other in others if other not in BESIDE_CNAME]
    if kind == CNAME and (conflicting or name == origin):
        present = ", ".join(conflicting) or "SOA, NS"
        advice = "use an alias record set at a zone's apex" if name == origin else f"remove {present} first"
        raise DnsChangeError(f"{describe_rrset(rrset)} cannot stand beside other data ({present}): {advice}")
    if CNAME in others and kind not in BESIDE_CNAME:
        raise DnsChangeError(f"{describe_rrset(rrset)} cannot stand beside a CNAME: remove {plain(name)} CNAME first")
    if mistake := find_owner_mistake(rrset, origin):
        raise DnsChangeError(f"{describe_rrset(rrset)} {mistake}")


def find_owner_mistake(rrset: RRset, origin: Name) -> str:
    """The reason why a zone may not have that type at that name; empty if it may."""
    name, kind = rrset.name, rrset.type
    if kind in (SOA, NSEC3PARAM) and name != origin:
        return f"is below its zone's apex: put it at {plain(origin)}"
    if kind == DS and name == origin:
        return "is at its zone's apex: it belongs to the parent zone (RFC 4035 section 2.4)"
    if kind in (NS, DS) and name.is_wild():
        return "is at a wildcard, which cannot be delegated (RFC 4592 section 4.2): delegate each name"
    return ""


def count_descendants(
    below: MappingProxyType[Name, int], origin: Name, names: Iterable[Name], step: int
) -> MappingProxyType[Name, int]:
    """``below`` with ``step`` added for each ancestor of ``names`` within the zone."""
    counts = below.copy()  # unlike dict(below), this does not hash every name again
    under_origin, apex = 0, len(origin.labels)
    for name in names:
        ancestor = name
        depth = len(name.labels) - apex
        for _ in range(depth - 1):  # names are not compared: that takes longer than all the rest
            ancestor = ancestor.parent()
            _add(counts, ancestor, step)
        under_origin += step if depth > 0 else 0
    if under_origin:
        _add(counts, origin, under_origin)
    return MappingProxyType(counts)


def _add(counts: dict[Name, int], name: Name, step: int) -> None:
    total = counts.get(name, 0) + step
    if total:
        counts[name] = total
    else:
        del counts[name]
