"""Revert one change while later changes stay in force."""

from __future__ import annotations

from ssosim.changes.diff import compare
from ssosim.changes.operations import apply_operations, operations_between
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["revert_change"]


def revert_change(now: ZoneSet, before: ZoneSet, after: ZoneSet, number: int) -> ZoneSet:
    """The zones ``now`` without change ``number``, which changed ``before`` to ``after``; all other records stay.

    Raises DnsChangeError if a record or profile that it changed was changed again after it.
    """
    mine, since = compare(before, after), compare(after, now)
    keys = {(each.name, each.type) for each in mine.records}
    profiles = {each.name for each in mine.profiles}
    clashes = [f"{plain(each.name)} {each.type.name}" for each in since.records if (each.name, each.type) in keys]
    clashes += [f"traffic manager {each.name}" for each in since.profiles if each.name in profiles]
    if clashes:
        raise DnsChangeError(
            f"change {number} cannot be rolled back alone: {', '.join(dict.fromkeys(clashes))} was changed after it; "
            "roll back the later change first"
        )
    try:
        zones = apply_operations(now, operations_between(after, before))
    except DnsChangeError as error:
        raise DnsChangeError(f"change {number} cannot be rolled back alone: {error}") from error
    left = compare(before, zones)
    if any((each.name, each.type) in keys for each in left.records) or profiles & {each.name for each in left.profiles}:
        raise DnsChangeError(f"change {number} cannot be rolled back alone: its records would differ from before")
    return zones
