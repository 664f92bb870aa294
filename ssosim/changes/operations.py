"""The operations of a change on zones, as values: the same in a change file, in the control API and in Python."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec
from dns.rdatatype import DS, SOA, RdataType

from ssosim.changes.diff import Difference, Kind, compare
from ssosim.dns.zones.edits import (
    delete_profile,
    point_alias,
    point_alias_record,
    put_profile,
    put_rrset,
    remove_name,
    remove_rrset,
)
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager

__all__ = [
    "AnyOperation",
    "DeleteProfile",
    "Operation",
    "PointAlias",
    "PutProfile",
    "PutRecords",
    "RemoveName",
    "RemoveRecords",
    "apply_operations",
    "operations_between",
]


class Operation(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="op"):
    """Base of the operations. In TOML the key ``op`` holds the operation's name."""

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """Return the zones after the operation. Raises DnsChangeError if it cannot be applied."""
        raise NotImplementedError


class PutRecords(Operation, frozen=True, kw_only=True, tag="put-records"):
    """Create or replace the plain record set of that name and type; without ``values`` it is empty (NODATA).

    ``zone`` is for NS records of a delegation, whose name is in two zones: the parent zone. The default is the child.
    """

    name: str
    type: str
    values: tuple[str, ...] = ()
    ttl: int | None = None
    zone: str | None = None

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """Return the zones with the record set."""
        return put_rrset(zones, self.name, self.type, self.values, self.ttl, self.zone)


class PointAlias(Operation, frozen=True, kw_only=True, tag="point-alias"):
    """Make a record set an alias of a traffic manager ``profile``, or of the record set at ``record``."""

    name: str
    type: str
    profile: str = ""
    record: str = ""
    ttl: int | None = None

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """Return the zones with the alias record set."""
        if bool(self.profile) == bool(self.record):
            raise DnsChangeError(f"{self.name}: an alias has one target: give either profile or record")
        if self.record:
            return point_alias_record(zones, self.name, self.type, self.record, self.ttl)
        return point_alias(zones, self.name, self.type, self.profile, self.ttl)


class RemoveRecords(Operation, frozen=True, kw_only=True, tag="remove-records"):
    """Remove one record set; ``zone`` is as in ``PutRecords``."""

    name: str
    type: str
    zone: str | None = None

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """Return the zones without the record set."""
        return remove_rrset(zones, self.name, self.type, self.zone)


class RemoveName(Operation, frozen=True, kw_only=True, tag="remove-name"):
    """Remove all record sets of a name."""

    name: str

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """Return the zones without the name."""
        return remove_name(zones, self.name)


class PutProfile(Operation, frozen=True, kw_only=True, tag="put-profile"):
    """Create or change a traffic manager profile."""

    profile: TrafficManager

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """Return the zones with the profile."""
        return put_profile(zones, self.profile)


class DeleteProfile(Operation, frozen=True, kw_only=True, tag="delete-profile"):
    """Delete a traffic manager profile, which empties every alias record set that points at it."""

    profile: str

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """Return the zones without the profile."""
        return delete_profile(zones, self.profile)


AnyOperation = PutRecords | PointAlias | RemoveRecords | RemoveName | PutProfile | DeleteProfile


def apply_operations(zones: ZoneSet, operations: Iterable[Operation]) -> ZoneSet:
    """Apply all operations in order. Raises DnsChangeError, which begins with the number of the operation."""
    for number, operation in enumerate(operations):
        try:
            zones = operation.apply(zones)
        except DnsChangeError as error:
            raise DnsChangeError(f"operations[{number}]: {error}") from error
    return zones


def operations_between(before: ZoneSet, after: ZoneSet) -> tuple[AnyOperation, ...]:
    """The operations that change ``before`` into ``after``.

    The order keeps every name resolvable: profiles are created first and deleted last, and an alias gets its new target
    before its old profile is deleted (crates.io, 25 January 2023: replace is not delete and create). Raises
    DnsChangeError if whole zones were added or removed, which no operation can do.
    """
    delta = compare(before, after)
    if whole := delta.zones_added + delta.zones_removed:
        raise DnsChangeError(
            f"the two trees do not hold the same zones: {', '.join(map(plain, whole))} is in one only; "
            "a change is about record sets, add or remove the zone in both"
        )
    made: list[AnyOperation] = [PutProfile(profile=each.after) for each in delta.profiles if each.after is not None]
    records = [each for each in delta.records if not each.rrset.is_profile_name]
    made += [
        RemoveRecords(
            name=_full(each.rrset), type=RdataType.to_text(each.type), zone=_find_parent_zone(each, before, after)
        )
        for each in records
        if each.kind is Kind.DELETE
    ]
    put = [(each.after, _find_parent_zone(each, before, after)) for each in records if each.after is not None]
    made += [_put(rrset, zone) for rrset, zone in sorted(put, key=lambda each: each[0].alias_record is not None)]
    made += [DeleteProfile(profile=each.name) for each in delta.profiles if each.after is None]
    return tuple(made)


def _find_parent_zone(difference: Difference, before: ZoneSet, after: ZoneSet) -> str | None:
    """The parent zone, if the difference is in the parent's records of a zone (its delegation); else None."""
    name, kind = difference.name, difference.type
    child_before, child_after = before.zones.get(name), after.zones.get(name)
    if child_before is None or child_after is None or len(name) == 1 or kind == DS:
        return None
    own = [None if kind in zone.missing else zone.node(name).get(kind) for zone in (child_before, child_after)]
    if kind == SOA or (own[0] is difference.before and own[1] is difference.after):
        return None
    return after.zone_of(name.parent()).origin.to_text()


def _put(rrset: RRset, zone: str | None = None) -> PointAlias | PutRecords:
    name, kind = _full(rrset), RdataType.to_text(rrset.type)
    if rrset.alias_record is not None:
        return PointAlias(name=name, type=kind, record=rrset.alias_record.to_text(), ttl=rrset.ttl)
    if rrset.alias is not None:
        return PointAlias(name=name, type=kind, profile=rrset.alias, ttl=rrset.ttl)
    values = tuple(rdata.to_text() for rdata in rrset.rdatas)
    return PutRecords(name=name, type=kind, values=values, ttl=rrset.ttl, zone=zone)


def _full(rrset: RRset) -> str:
    return rrset.name.to_text()
