"""Zones that stay, and whose parent zone no longer delegates to them: nobody reaches them any more.

The DNS server of a lab and a set of files answer for such a zone as before, since both hold it. A resolver comes from
the parent zone, which answers NXDOMAIN. So a change is judged by the zones that can be reached. Source: RFC 1034
sections 4.2 and 5.3.3; Zoom, 16 April 2025 (a delegation that was gone, while the servers of the zone still answered).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from types import MappingProxyType

from dns.name import Name
from dns.rdatatype import NS

from ssosim.changes.level import Level
from ssosim.changes.risk import Reason
from ssosim.dns.zones.lint import targets_of
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.dns.zones.zone import Zone, find_names_below
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["find_lost_delegations", "reachable_zones"]

_MOST_NAMED = 3
_PLACEHOLDER = to_name("invalid.")
"""The name servers of a zone whose provider adds its own are below it."""


def find_lost_delegations(before: ZoneSet, after: ZoneSet) -> Iterator[Reason]:
    """Reasons of risk: each zone that was delegated by its parent zone, and is not any more; records that move to one.

    Private zones have no NS records at all, and need no delegation.
    """
    for zone, parent in _list_lost(before, after):
        name = plain(zone.origin)
        text = f"{name} NS is gone from zone {plain(parent.origin)}: nobody finds the servers of zone {name} any more"
        yield Reason(Level.HIGH, text)
    for origin, names in _find_moved(before, after):
        parent = after.zone_of(origin.parent())
        if len(parent.origin) > 1 and not _delegates(parent, origin) and _has_own_servers(parent):
            shown = ", ".join(names[:_MOST_NAMED]) + (" and others" if len(names) > _MOST_NAMED else "")
            text = f"{shown}: in zone {plain(origin)} only, to which zone {plain(parent.origin)} does not delegate"
            yield Reason(Level.HIGH, f"{text}: resolvers get NXDOMAIN from its servers")


def reachable_zones(before: ZoneSet, after: ZoneSet) -> ZoneSet:
    """``after`` without the zones that lost their delegation, and without the zones below these."""
    lost = [zone.origin for zone, _ in _list_lost(before, after)]
    if not lost:
        return after
    kept = {origin: zone for origin, zone in after.zones.items() if not any(origin.is_subdomain(gone) for gone in lost)}
    return dataclasses.replace(after, zones=MappingProxyType(kept))


def _list_lost(before: ZoneSet, after: ZoneSet) -> Iterator[tuple[Zone, Zone]]:
    """Each zone that lost its delegation, and the zone that is its parent after the change.

    A parent that no tree has may delegate to it: that is not known here.
    """
    for origin, zone in after.zones.items():
        if origin not in before.zones or len(origin) == 1:
            continue
        was, now = (zones.zone_of(origin.parent()) for zones in (before, after))
        if len(now.origin) > 1 and _delegates(was, origin) and not _delegates(now, origin):
            yield zone, now


def _find_moved(before: ZoneSet, after: ZoneSet) -> Iterator[tuple[Name, list[str]]]:
    """Each new zone with the names that were in the zone above it, and are in the new one alone."""
    added: dict[Name, list[Name]] = {}
    for origin in sorted(after.zones.keys() - before.zones.keys()):
        added.setdefault(before.zone_of(origin).origin, []).append(origin)
    for above, origins in added.items():
        now, found = after.zones.get(above), dict[Name, list[str]]()
        if now is None or len(above) == 1:
            continue
        for origin, name in find_names_below(before.zones[above], origins):
            if not now.node(name) and after.zones[origin].node(name):
                found.setdefault(origin, []).append(plain(name))
        yield from ((origin, sorted(names)) for origin, names in found.items())


def _has_own_servers(zone: Zone) -> bool:
    servers = zone.node(zone.origin).get(NS)
    if servers is None or NS in zone.missing:
        return False
    return not any(name.is_subdomain(_PLACEHOLDER) for name in targets_of(servers))


def _delegates(parent: Zone, origin: Name) -> bool:
    servers = parent.node(origin).get(NS)
    return servers is not None and bool(servers.rdatas)
