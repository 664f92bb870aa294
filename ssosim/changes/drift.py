"""Drift: differences between production and the desired state, in three directions (TMS9-035, TMS9-052 … TMS9-057).

1. *desired → actual*: compare every record of the desired state with production;
2. *outside-in*: compare the answers of resolvers for every endpoint with the inventory (module ``outside_in``);
3. *scan*: search all resources for dangling links, orphaned profiles and missing owners.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from dns.name import Name
from dns.rdatatype import CNAME
from msgspec import Struct

from ssosim.changes.answers import serves
from ssosim.changes.diff import Difference, Kind, compare, describe
from ssosim.changes.inventory import Inventory
from ssosim.changes.references import link_targets, value_targets
from ssosim.dns.zones.lint import find_node
from ssosim.dns.zones.rrset import RRset, plain, to_name
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["Detector", "Direction", "DriftFinding", "compare_with_desired", "scan"]

Direction = Literal["desired", "outside", "scan", "inventory"]


class DriftFinding(Struct, frozen=True):
    """One difference. Severity 1 is the worst; ``pages`` is whether it pages the operator on call.

    ``zone`` is the origin of the zone with the difference; None for findings that belong to no zone.
    """

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


class Detector(Struct, frozen=True, forbid_unknown_fields=True):
    """Settings of the drift detector.

    ``aliases``: whether it supports alias record sets. The detector of February 2025 did not, and skipped them without
    a message (TMS9-044). It does since (TMS9-045).
    """

    enabled: bool = True
    aliases: bool = True

    def supports(self, rrset: RRset | None) -> bool:
        """Whether the detector compares record sets of this shape."""
        return rrset is None or self.aliases or rrset.shape == "plain"


def make_finding(
    inventory: Inventory, direction: Direction, kind: str, name: str, text: str, zone: Name | None
) -> DriftFinding:
    """Make a finding with the severity that the inventory gives to ``name`` (TMS9-066)."""
    severity = inventory.severity_of(name)
    return DriftFinding(direction, kind, name, text, severity, severity <= inventory.pages_at, zone)


def compare_with_desired(
    desired: ZoneSet, actual: ZoneSet, inventory: Inventory, detector: Detector | None = None
) -> tuple[DriftFinding, ...]:
    """Direction 1: find record sets that production lacks, has with other content, or has in addition."""
    detector = detector or Detector()
    if not detector.enabled:
        return ()
    scope = frozenset(to_name(zone) for zone in inventory.scan_zones)
    found = [
        make_finding(
            inventory, "desired", "zone-missing", plain(zone), "scan_zones has it, and there is no such zone", None
        )
        for zone in sorted(scope)
        if zone not in actual.zones and zone not in desired.zones
    ]
    for difference in compare(desired, actual).records:
        zone = actual.zone_of(difference.name).origin
        visible = detector.supports(difference.before) and detector.supports(difference.after)
        if visible and (not scope or zone in scope):
            kind, text = _describe_difference(difference)
            found.append(make_finding(inventory, "desired", kind, plain(difference.name), text, zone))
    return tuple(found)


def _describe_difference(difference: Difference) -> tuple[str, str]:
    before, after = difference.before, difference.after
    kind = difference.type.name
    if difference.kind is Kind.DELETE and before is not None:
        return "missing", f"{kind} record set is missing in production; desired: {describe(before)}"
    if before is None and after is not None:
        return "unexpected", f"{kind} record set is in production and not desired: {describe(after)}"
    assert before is not None and after is not None  # noqa: S101, PT018 - an update has both
    return "different", f"{kind} record set: desired {describe(before)}; production has {describe(after)}"


def scan(zones: ZoneSet, inventory: Inventory) -> tuple[DriftFinding, ...]:
    """Direction 3: find dangling links, empty record sets, orphaned profiles, and resources without an owner."""
    return (*_find_dangling_links(zones, inventory), *_check_profiles(zones, inventory))


def list_clean_up_candidates(zones: ZoneSet, inventory: Inventory) -> tuple[str, ...]:
    """The profiles that a clean-up job would delete if it used ownership tags only: the error of TMS9-064.

    A profile without a tag is a candidate even if record sets point at it.
    """
    return tuple(name for name in sorted(zones.profiles) if not _owner_of(zones, inventory, name))


def _owner_of(zones: ZoneSet, inventory: Inventory, profile: str) -> str:
    return inventory.owner_of(profile) or zones.profiles[profile].owner


def _find_dangling_links(zones: ZoneSet, inventory: Inventory) -> Iterator[DriftFinding]:
    for origin in sorted(zones.zones):
        for rrset in zones.zones[origin].rrsets():
            if rrset.shape == "empty":
                text = f"{rrset.type.name} record set is empty: its alias's target was deleted, the link is cut"
                yield make_finding(inventory, "scan", "empty-record-set", plain(rrset.name), text, origin)
            elif rrset.shape == "alias" and not rrset.is_profile_name and not _has_records(zones, rrset):
                text = f"{rrset.type.name} alias of {_describe_target(rrset)}, which has no record of that type"
                yield make_finding(inventory, "scan", "dangling-alias", plain(rrset.name), text, origin)
            for target in value_targets(rrset) if rrset.type == CNAME else ():
                if not _resolves(zones, target):
                    text = f"CNAME to {plain(target)}, which has no address"
                    yield make_finding(inventory, "scan", "dangling-cname", plain(rrset.name), text, origin)


def _has_records(zones: ZoneSet, alias: RRset) -> bool:
    """Whether an alias record set has records for somebody: a profile may answer by the place of who asks."""
    end = zones.end_of(alias)
    return bool(end.rdatas) if end.alias is None else serves(zones.profiles[end.alias], end.type)


def _resolves(zones: ZoneSet, target: Name) -> bool:
    """Whether ``target`` has records, itself or by a wildcard.

    True for a name outside of the zones, and for one that is delegated or redirected, which cannot be checked here.
    """
    zone = zones.zone_of(target)
    if len(zone.origin) == 1:
        return True
    node = find_node(zones, target)
    return node is None or any(
        rrset.is_profile_name or rrset.rdatas or _is_alias(zones, rrset) for rrset in node.values()
    )


def _is_alias(zones: ZoneSet, rrset: RRset) -> bool:
    return rrset.shape == "alias" and _has_records(zones, rrset)


def _describe_target(rrset: RRset) -> str:
    return plain(rrset.alias_record) if rrset.alias_record is not None else str(rrset.alias)


def _check_profiles(zones: ZoneSet, inventory: Inventory) -> Iterator[DriftFinding]:
    nested = {endpoint.profile for profile in zones.profiles.values() for endpoint in profile.endpoints}
    used = frozenset((*_iter_link_targets(zone.rrsets() for zone in zones.zones.values()), *nested))
    for name in sorted(zones.profiles):
        profile = zones.profiles[name]
        own = to_name(profile.dns_name)
        if name not in used and own not in used:
            text = "no record set points at this traffic manager profile"
            yield make_finding(inventory, "scan", "orphaned-profile", name, text, zones.zone_of(own).origin)
        if not _owner_of(zones, inventory, name):
            text = "has no ownership tag: a clean-up job would take it for unused; name its owner in the inventory"
            yield make_finding(inventory, "scan", "owner-missing", name, text, None)
    for resource in inventory.resources:
        if resource.profile not in zones.profiles:
            text = f"is in the inventory (owner {resource.owner}) and does not exist"
            yield make_finding(inventory, "scan", "profile-missing", resource.profile, text, None)


def _iter_link_targets(nodes: Iterable[Iterable[RRset]]) -> Iterator[str | Name]:
    for rrsets in nodes:
        for rrset in rrsets:
            yield from link_targets(rrset)
