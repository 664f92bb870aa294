"""Drift: where what is differs from what should be, looked for in three directions (TMS9-035, TMS9-052 … TMS9-057).

1. *desired → actual*: every record of the desired state against production;
2. *outside-in*: every endpoint of the inventory as resolvers answer it, against what is expected (``outside`` module);
3. *scan*: every resource there is, for dangling links, orphans and missing owners.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

from dns.name import Name
from dns.rdatatype import CNAME

from ssosim.changes.diff import Difference, Kind, compare, describe
from ssosim.changes.inventory import Inventory
from ssosim.changes.references import linked, targets
from ssosim.dns.zones.rrset import RRset, plain, to_name
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["Detector", "Direction", "Finding", "desired_to_actual", "scan"]

Direction = Literal["desired", "outside", "scan", "inventory"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it should be. ``zone`` is the one that it locks, if any; severity 1 is the worst."""

    direction: Direction
    kind: str
    name: str
    text: str
    severity: int
    pages: bool
    zone: Name | None = None

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "direction": self.direction,
            "kind": self.kind,
            "name": self.name,
            "text": self.text,
            "severity": self.severity,
            "pages": self.pages,
            "zone": None if self.zone is None else plain(self.zone),
        }


@dataclass(frozen=True, slots=True)
class Detector:
    """What a detector can see.

    The one in use in February 2025 had no support for alias records: it passed them over in silence (TMS9-044).
    Both switches are True since (TMS9-045).
    """

    enabled: bool = True
    aliases: bool = True

    def sees(self, rrset: RRset | None) -> bool:
        """Whether it looks at such a record set at all."""
        return rrset is None or self.aliases or rrset.shape == "plain"


def finding(inventory: Inventory, direction: Direction, kind: str, name: str, text: str, zone: Name | None) -> Finding:
    """A finding with the severity that the inventory's policy gives to its name (TMS9-066)."""
    severity = inventory.severity_of(name)
    return Finding(direction, kind, name, text, severity, severity <= inventory.pages_at, zone)


def desired_to_actual(
    desired: ZoneSet, actual: ZoneSet, inventory: Inventory, detector: Detector | None = None
) -> tuple[Finding, ...]:
    """Direction 1: what production lacks, has in another form, or has beyond what is desired."""
    detector = detector or Detector()
    if not detector.enabled:
        return ()
    scope = frozenset(to_name(zone) for zone in inventory.scan_zones)
    found = []
    for difference in compare(desired, actual).records:
        zone = actual.zone_of(difference.name).origin
        visible = detector.sees(difference.before) and detector.sees(difference.after)
        if visible and (not scope or zone in scope):
            kind, text = _words(difference)
            found.append(finding(inventory, "desired", kind, plain(difference.name), text, zone))
    return tuple(found)


def _words(difference: Difference) -> tuple[str, str]:
    before, after = difference.before, difference.after
    kind = difference.type.name
    if difference.kind is Kind.DELETE and before is not None:
        return "missing", f"{kind} record set is missing in production; desired: {describe(before)}"
    if before is None and after is not None:
        return "unexpected", f"{kind} record set is in production and not desired: {describe(after)}"
    assert before is not None and after is not None  # noqa: S101, PT018 - an update has both
    return "different", f"{kind} record set: desired {describe(before)}; production has {describe(after)}"


def scan(zones: ZoneSet, inventory: Inventory) -> tuple[Finding, ...]:
    """Direction 3: dangling links, empty record sets, orphaned profiles, resources without an owner."""
    return (*_dangling(zones, inventory), *_profiles(zones, inventory))


def clean_up_candidates(zones: ZoneSet, inventory: Inventory) -> tuple[str, ...]:
    """What a clean-up job that goes by ownership tags alone would delete: the trap of TMS9-064.

    A profile without a tag is a candidate even while record sets point at it.
    """
    return tuple(name for name in sorted(zones.profiles) if not _owner(zones, inventory, name))


def _owner(zones: ZoneSet, inventory: Inventory, profile: str) -> str:
    return inventory.owner_of(profile) or zones.profiles[profile].owner


def _dangling(zones: ZoneSet, inventory: Inventory) -> Iterator[Finding]:
    for origin in sorted(zones.zones):
        for rrset in zones.zones[origin].rrsets():
            if rrset.shape == "empty":
                text = f"{rrset.type.name} record set is empty: its alias's target was deleted, the link is cut"
                yield finding(inventory, "scan", "empty-record-set", plain(rrset.name), text, origin)
            elif rrset.shape == "alias" and not rrset.own and not zones.records(rrset).rdatas:
                text = f"{rrset.type.name} alias of {_target(rrset)}, which has no record of that type"
                yield finding(inventory, "scan", "dangling-alias", plain(rrset.name), text, origin)
            for target in targets(rrset) if rrset.type == CNAME else ():
                if not _answers(zones, target):
                    text = f"CNAME to {plain(target)}, which has no address"
                    yield finding(inventory, "scan", "dangling-cname", plain(rrset.name), text, origin)


def _answers(zones: ZoneSet, target: Name) -> bool:
    """Whether a name of ours has records; one outside our zones is not ours to judge."""
    zone = zones.zone_of(target)
    if len(zone.origin) == 1:
        return True
    return any(zones.records(rrset).rdatas or rrset.own for rrset in zone.node(target).values())


def _target(rrset: RRset) -> str:
    return plain(rrset.alias_record) if rrset.alias_record is not None else str(rrset.alias)


def _profiles(zones: ZoneSet, inventory: Inventory) -> Iterator[Finding]:
    nested = {endpoint.profile for profile in zones.profiles.values() for endpoint in profile.endpoints}
    used = frozenset((*_referred(zone.rrsets() for zone in zones.zones.values()), *nested))
    for name in sorted(zones.profiles):
        profile = zones.profiles[name]
        own = to_name(profile.dns_name)
        if name not in used and own not in used:
            text = "no record set points at this traffic manager profile"
            yield finding(inventory, "scan", "orphaned-profile", name, text, zones.zone_of(own).origin)
        if not _owner(zones, inventory, name):
            text = "has no ownership tag: a clean-up job would take it for unused; name its owner in the inventory"
            yield finding(inventory, "scan", "owner-missing", name, text, None)
    for resource in inventory.resources:
        if resource.profile not in zones.profiles:
            text = f"is in the inventory (owner {resource.owner}) and does not exist"
            yield finding(inventory, "scan", "profile-missing", resource.profile, text, None)


def _referred(nodes: Iterable[Iterable[RRset]]) -> Iterator[str | Name]:
    for rrsets in nodes:
        for rrset in rrsets:
            yield from linked(rrset)
