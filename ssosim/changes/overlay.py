"""Zones of a user's tree in the place of an estate's: what is not in the tree stays, so that sign-ins can be played."""

from __future__ import annotations

import dataclasses

from ssosim.dns.zones.from_estate import add_profile_name
from ssosim.dns.zones.links import check_links
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["overlay"]


def overlay(base: ZoneSet, tree: ZoneSet) -> ZoneSet:
    """``base`` with the zones and profiles of ``tree`` in the place of those of their names, as the next version.

    Raises DnsChangeError where the two do not fit together.
    """
    zones = {origin: zone for origin, zone in (*base.zones.items(), *tree.zones.items()) if len(origin) > 1}
    profiles = {**base.profiles, **tree.profiles}
    merged = ZoneSet.build(zones.values(), profiles.values())
    for profile in base.profiles.values():
        name = to_name(profile.dns_name)
        if profile.name not in tree.profiles and not merged.zone_of(name).node(name):
            merged = add_profile_name(merged, profile)
    whole = dataclasses.replace(merged, locations=base.locations, empty_set=base.empty_set, version=base.version + 1)
    return check_links(whole)
