"""Replace zones of an estate by those of a user's tree; zones that are not in the tree stay, so that sign-in works."""

from __future__ import annotations

import dataclasses

from ssosim.dns.zones.from_estate import add_profile_name
from ssosim.dns.zones.links import check_links
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["overlay"]


def overlay(base: ZoneSet, tree: ZoneSet) -> ZoneSet:
    """Return ``base`` with its zones and profiles replaced by those of ``tree`` with the same names.

    The version increases by one. Raises DnsChangeError if the two conflict.
    """
    zones = {origin: zone for origin, zone in (*base.zones.items(), *tree.zones.items()) if len(origin) > 1}
    profiles = {**base.profiles, **tree.profiles}
    merged = ZoneSet.build(zones.values(), profiles.values())
    for profile in base.profiles.values():
        name = to_name(profile.dns_name)
        if profile.name not in tree.profiles and not merged.zone_of(name).node(name):
            merged = add_profile_name(merged, profile)
    whole = dataclasses.replace(
        merged,
        locations=base.locations,
        empty_set=base.empty_set,
        delegation_ttl=base.delegation_ttl,
        version=base.version + 1,
    )
    return check_links(whole)
