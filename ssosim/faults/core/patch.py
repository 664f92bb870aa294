"""The changes that an operator makes while faults are active, so that they stay when the faults are undone.

A patch holds the record sets and profiles that differ between two ZoneSets, as they are in the later one. Applied to
other zones it sets these record sets and profiles to the same values, and changes nothing else.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType

from dns.name import Name
from dns.rdatatype import CNAME, RdataType
from msgspec import Struct

from ssosim.dns import RRset, Zone, ZoneSet
from ssosim.dns.zones.zone import changed_names
from ssosim.estate import TrafficManager

__all__ = ["Patch", "patch_between"]


class Patch(Struct, frozen=True):
    """The differences between two ZoneSets; None: removed. ``zones``: zones added, removed, or changed as a whole."""

    rrsets: Mapping[tuple[Name, Name, RdataType], RRset | None]
    profiles: Mapping[str, TrafficManager | None]
    zones: Mapping[Name, Zone | None]
    settings: ZoneSet

    @property
    def empty(self) -> bool:
        """Whether nothing is different."""
        return not (self.rrsets or self.profiles or self.zones)

    def apply(self, zones: ZoneSet) -> ZoneSet:
        """Return ``zones`` with the operator's changes."""
        held = dict(zones.zones)
        for origin, whole in self.zones.items():
            if whole is None:
                held.pop(origin, None)
            else:
                held[origin] = whole
        for (origin, name, kind), rrset in self.rrsets.items():
            if origin in held:
                held[origin] = put_rrset(held[origin], name, kind, rrset)
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


def put_rrset(zone: Zone, name: Name, kind: RdataType, rrset: RRset | None) -> Zone:
    """Return ``zone`` with that record set; record sets that cannot exist beside it (CNAME) are removed."""
    if rrset is None:
        return zone.without(name, kind)
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
    wholes: dict[Name, Zone | None] = {origin: None for origin in before.zones if origin not in after.zones}
    for origin, zone in after.zones.items():
        former = before.zones.get(origin)
        if former is None or dataclasses.replace(former, nodes=zone.nodes, below=zone.below) != zone:
            wholes[origin] = zone
        elif former is not zone:
            rrsets |= {(origin, *key): rrset for key, rrset in changed_rrsets(former, zone).items()}
    profiles: dict[str, TrafficManager | None] = {
        name: after.profiles.get(name)
        for name in {**before.profiles, **after.profiles}
        if before.profiles.get(name) != after.profiles.get(name)
    }
    return Patch(rrsets, profiles, wholes, after)


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
