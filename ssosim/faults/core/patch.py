"""The changes that an operator makes while faults are active, so that they stay when the faults are undone.

A patch holds the record sets and profiles that differ between two ZoneSets, as they are in the later one. Applied to
other zones it sets these record sets and profiles to the same values, and changes nothing else. Of a record set that
both have it sets what differs only, the TTL or the records: the other part may be that of a fault.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

from dns.name import Name
from dns.rdatatype import CNAME, RdataType
from msgspec import Struct

from ssosim.dns import RRset, Zone, ZoneSet
from ssosim.dns.zones.zone import changed_names
from ssosim.estate import TrafficManager

__all__ = ["Patch", "patch_between"]


Part = Literal["ttl", "records"]
"""What of a record set is the same before and after a change."""

_SETTINGS = ("ttl", "negative_ttl", "name_server", "contact")
"""The fields of a zone that are no records."""


class Patch(Struct, frozen=True):
    """The differences between two ZoneSets; None: removed. ``zones`` are zones that were added or removed.

    ``same`` is the part of a changed record set that is the same. ``zone_settings`` are zones whose settings differ.
    """

    rrsets: Mapping[tuple[Name, Name, RdataType], RRset | None]
    same: Mapping[tuple[Name, Name, RdataType], Part]
    profiles: Mapping[str, TrafficManager | None]
    zones: Mapping[Name, Zone | None]
    zone_settings: Mapping[Name, Zone]
    settings: ZoneSet

    @property
    def empty(self) -> bool:
        """Whether nothing is different."""
        return not (self.rrsets or self.profiles or self.zones or self.zone_settings)

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """Return ``zones`` with the operator's changes."""
        held = dict(zones.zones)
        for origin, whole in self.zones.items():
            if whole is None:
                held.pop(origin, None)
            else:
                held[origin] = whole
        for origin, zone in self.zone_settings.items():
            if origin in held:
                held[origin] = dataclasses.replace(held[origin], **{name: getattr(zone, name) for name in _SETTINGS})
        for (origin, name, kind), rrset in self.rrsets.items():
            if origin in held:
                same = self.same.get((origin, name, kind))
                held[origin] = put_rrset(held[origin], name, kind, rrset, same)
        profiles = {**zones.profiles, **self.profiles}
        kept = {name: profile for name, profile in profiles.items() if profile is not None}
        later = dataclasses.replace(
            self.settings,
            zones=MappingProxyType(held),
            profiles=MappingProxyType(kept),
            version=zones.version,
            changes=zones.changes,
        )
        return empty_dangling_aliases(later) if None in self.profiles.values() else later


def put_rrset(zone: Zone, name: Name, kind: RdataType, rrset: RRset | None, same: Part | None = None) -> Zone:
    """Return ``zone`` with that record set; record sets that cannot exist beside it (CNAME) are removed.

    ``same`` is the part that stays as it is in ``zone``. A record set of which only the TTL was changed is not made.
    """
    if rrset is None:
        return zone.without(name, kind)
    present = zone.node(name).get(kind)
    if present is None and same == "records":
        return zone
    if present is not None and same is not None:
        records, ttl = (rrset, present.ttl) if same == "ttl" else (present, rrset.ttl)
        rrset = dataclasses.replace(records, ttl=ttl)
    others = [other for other in zone.node(name) if other != kind and CNAME in (kind, other)]
    return (zone.without(name, *others) if others else zone).with_rrset(rrset)


def empty_dangling_aliases(zones: ZoneSet) -> ZoneSet:
    """Return ``zones`` in which each alias record set of a removed profile is empty."""
    for zone in zones.zones.values():
        for rrset in tuple(zone.rrsets()):
            if rrset.alias is not None and rrset.alias not in zones.profiles:
                held = zones.zones[zone.origin]
                empty = dataclasses.replace(rrset, alias=None)
                changed = held.without(rrset.name, rrset.type) if rrset.is_profile_name else held.with_rrset(empty)
                zones = zones.with_zone(changed)
    return zones


def patch_between(before: ZoneSet, after: ZoneSet) -> Patch:
    """Return the differences of ``after`` from ``before``."""
    rrsets: dict[tuple[Name, Name, RdataType], RRset | None] = {}
    same: dict[tuple[Name, Name, RdataType], Part] = {}
    changed_zones: dict[Name, Zone] = {}
    wholes: dict[Name, Zone | None] = {origin: None for origin in before.zones if origin not in after.zones}
    for origin, zone in after.zones.items():
        former = before.zones.get(origin)
        if former is None:
            wholes[origin] = zone
        elif former is not zone:
            if any(getattr(former, name) != getattr(zone, name) for name in _SETTINGS):
                changed_zones[origin] = zone
            for (name, kind), rrset in changed_rrsets(former, zone).items():
                rrsets[origin, name, kind] = rrset
                if part := find_same_part(former.node(name).get(kind), rrset):
                    same[origin, name, kind] = part
    profiles: dict[str, TrafficManager | None] = {
        name: after.profiles.get(name)
        for name in {**before.profiles, **after.profiles}
        if before.profiles.get(name) != after.profiles.get(name)
    }
    return Patch(rrsets, same, profiles, wholes, changed_zones, after)


def find_same_part(before: RRset | None, after: RRset | None) -> Part | None:
    """Return which part of a changed record set is the same; None if it is new or removed, or if all is different."""
    if before is None or after is None:
        return None
    if before.ttl == after.ttl:
        return "ttl"
    return "records" if dataclasses.replace(before, ttl=after.ttl) == after else None


def changed_rrsets(before: Zone, after: Zone) -> dict[tuple[Name, RdataType], RRset | None]:
    """Return the record sets that were added, removed (None) or changed."""
    found: dict[tuple[Name, RdataType], RRset | None] = {}
    for name in changed_names(before.nodes, after.nodes):
        old, new = before.node(name), after.node(name)
        for kind in {**old, **new}:
            if old.get(kind) != new.get(kind):
                found[name, kind] = new.get(kind)
    # Removals come first: a CNAME cannot be put beside the record sets that it replaces.
    return dict(sorted(found.items(), key=lambda item: item[1] is not None))
