"""The differences between two states of the zones, including types, shapes and targets of alias record sets."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from dns.name import Name
from dns.rdatatype import SOA, RdataType
from msgspec import Struct

from ssosim.changes.profile_diff import describe_profile, list_profile_changes
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone import BESIDE_CNAME, NO_RECORDS, Node, Zone, changed_names
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager

__all__ = ["Delta", "Difference", "Effect", "Kind", "ProfileDifference", "compare", "describe", "describe_profile"]


class Kind(StrEnum):
    """What happens to a record set or a profile."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"


class Effect(StrEnum):
    """The effect of a difference on DNS answers. A difference may have several."""

    CREATED = "created"
    DELETED = "deleted"
    EMPTIED = "emptied"
    """the name stays and the answer is NODATA"""
    SHAPE = "shape"
    """plain, alias and empty exchanged, or another type at the same name: canonical names, and with them SPNs, move"""
    VALUES = "values"
    TTL = "ttl"


class Difference(Struct, frozen=True):
    """One record set before and after; None if it does not exist.

    ``retyped``: afterwards the name has records of other types only, such as a CNAME in place of an A record set.
    """

    before: RRset | None
    after: RRset | None
    retyped: bool = False

    @property
    def rrset(self) -> RRset:
        """The record set after, or before if there is none after."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 - ``compare`` makes no difference of nothing
        return found

    @property
    def name(self) -> Name:
        """The name of the record set."""
        return self.rrset.name

    @property
    def type(self) -> RdataType:
        """The type of the record set."""
        return self.rrset.type

    @property
    def kind(self) -> Kind:
        """Created, updated or deleted."""
        if self.before is None:
            return Kind.CREATE
        return Kind.DELETE if self.after is None else Kind.UPDATE

    @property
    def effects(self) -> frozenset[Effect]:
        """All effects of the difference."""
        found: set[Effect] = {Effect.SHAPE} if self.retyped else set()
        if self.before is None or self.after is None:
            return frozenset(found | {Effect.CREATED if self.before is None else Effect.DELETED})
        if self.before.shape != self.after.shape:
            found.add(Effect.SHAPE)
            if self.after.shape == "empty":
                found.add(Effect.EMPTIED)
        elif _content(self.before) != _content(self.after):
            found.add(Effect.VALUES)
        if self.before.ttl != self.after.ttl:
            found.add(Effect.TTL)
        return frozenset(found)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "name": plain(self.name),
            "type": RdataType.to_text(self.type),
            "kind": self.kind,
            "effects": sorted(self.effects),
            "before": None if self.before is None else describe(self.before),
            "after": None if self.after is None else describe(self.after),
        }


class ProfileDifference(Struct, frozen=True):
    """One traffic manager profile before and after."""

    before: TrafficManager | None
    after: TrafficManager | None

    @property
    def name(self) -> str:
        """The profile's name."""
        found = self.after or self.before
        assert found is not None  # noqa: S101 - as above
        return found.name

    @property
    def kind(self) -> Kind:
        """Created, updated or deleted."""
        if self.before is None:
            return Kind.CREATE
        return Kind.DELETE if self.after is None else Kind.UPDATE

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "profile": self.name,
            "kind": self.kind,
            "before": None if self.before is None else describe_profile(self.before),
            "after": None if self.after is None else describe_profile(self.after),
            "fields": list(list_profile_changes(self.before, self.after)),
        }


class Delta(Struct, frozen=True):
    """All differences, sorted by name and type. ``zones_added`` and ``zones_removed`` are origins of whole zones.

    ``interrupted`` are record sets that may be missing while the change is made, or after it, and why.
    """

    records: tuple[Difference, ...] = ()
    profiles: tuple[ProfileDifference, ...] = ()
    zones_added: tuple[Name, ...] = ()
    zones_removed: tuple[Name, ...] = ()
    interrupted: tuple[tuple[Name, RdataType, str], ...] = ()

    def __bool__(self) -> bool:
        return bool(self.records or self.profiles or self.zones_added or self.zones_removed or self.interrupted)

    @property
    def names(self) -> tuple[Name, ...]:
        """The names of the record sets that differ, without duplicates."""
        return tuple(dict.fromkeys(difference.name for difference in self.records))

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "records": [difference.as_data() for difference in self.records],
            "profiles": [difference.as_data() for difference in self.profiles],
            "zones_added": [plain(origin) for origin in self.zones_added],
            "zones_removed": [plain(origin) for origin in self.zones_removed],
        }


def compare(before: ZoneSet, after: ZoneSet) -> Delta:
    """The differences from ``before`` to ``after``. Zones that are the identical object are skipped."""
    records: list[Difference] = []
    for origin in before.zones.keys() | after.zones.keys():
        old, new = before.zones.get(origin), after.zones.get(origin)
        if old is new:
            continue
        old_nodes: Mapping[Name, Node] = {} if old is None else old.nodes
        new_nodes: Mapping[Name, Node] = {} if new is None else new.nodes
        for name in changed_names(old_nodes, new_nodes):
            was, now = old_nodes.get(name, NO_RECORDS), new_nodes.get(name, NO_RECORDS)
            if name == origin:
                was, now = _without_missing(was, old), _without_missing(now, new)
            records += _node_differences(was, now)
        records += _soa_difference(old, new)
    records.sort(key=lambda difference: (difference.name, RdataType.to_text(difference.type)))
    profiles = [
        ProfileDifference(before.profiles.get(name), after.profiles.get(name))
        for name in sorted(before.profiles.keys() | after.profiles.keys())
        if before.profiles.get(name) != after.profiles.get(name)
    ]
    added, removed = after.zones.keys() - before.zones.keys(), before.zones.keys() - after.zones.keys()
    interrupted = tuple(each for each in after.interruptions if each not in before.interruptions)
    return Delta(tuple(records), tuple(profiles), tuple(sorted(added)), tuple(sorted(removed)), interrupted)


def _without_missing(node: Node, zone: Zone | None) -> Node:
    """The node at the apex without the NS records that were made up for a zone file that has none."""
    if zone is None or not zone.missing:
        return node
    return {kind: rrset for kind, rrset in node.items() if kind not in zone.missing}


def _node_differences(was: Node, now: Node) -> list[Difference]:
    old, new = was.keys() - BESIDE_CNAME, now.keys() - BESIDE_CNAME  # signatures say nothing about the type of a name
    retyped = bool(old) and bool(new) and not old & new
    return [
        Difference(was.get(kind), now.get(kind), retyped and kind not in BESIDE_CNAME)
        for kind in was.keys() | now.keys()
        if kind != SOA and was.get(kind) != now.get(kind)
    ]


def _soa_difference(was: Zone | None, now: Zone | None) -> list[Difference]:
    """The difference of the SOA that the zones serve, whether it is stored or made from their settings.

    The serial of an SOA that is made is the version of the ZoneSet, which is no difference. A zone file that must have
    an SOA and has none has none here too.
    """
    old, new = (None if zone is None or SOA in zone.missing else zone.soa(0) for zone in (was, now))
    return [] if old == new else [Difference(old, new)]


def _content(rrset: RRset) -> tuple[object, ...]:
    return rrset.content, rrset.alias, rrset.alias_record


def describe(rrset: RRset) -> str:
    """A record set as text: type, values or target, TTL in seconds."""
    if rrset.alias_record is not None:
        return f"{rrset.type.name} alias of record set {plain(rrset.alias_record)}, TTL {rrset.ttl}"
    if rrset.alias is not None:
        own = "own name of" if rrset.is_profile_name else "alias of"
        return f"{rrset.type.name} {own} traffic manager {rrset.alias}, TTL {rrset.ttl}"
    if rrset.shape == "empty":
        return f"{rrset.type.name} empty record set (NODATA), TTL {rrset.ttl}"
    return f"{rrset.type.name} {', '.join(rdata.to_text() for rdata in rrset.rdatas)}, TTL {rrset.ttl}"
