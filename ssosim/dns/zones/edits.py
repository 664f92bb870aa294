"""The changes that an operator can make to zones, as pure functions: each takes a ZoneSet and returns the next version.

Each raises DnsChangeError if the change is not allowed; then nothing has changed. Names are full domain names; the
trailing dot is optional.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from types import MappingProxyType

from dns.name import Name
from dns.rdatatype import DS, NS, SOA, RdataType

from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.from_estate import add_profile_name, check_profile, check_ttl
from ssosim.dns.zones.links import aliases_of_profile, aliases_of_record, check_links
from ssosim.dns.zones.rrset import ALIAS_TYPES, RRset, plain, to_name, to_rdatas, to_type
from ssosim.dns.zones.zone import Node, Zone
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager

__all__ = [
    "delete_profile",
    "point_alias",
    "point_alias_record",
    "put_profile",
    "put_rrset",
    "remove_name",
    "remove_rrset",
]

DEFAULT_TTL = 300


def delete_profile(zones: ZoneSet, profile: str) -> ZoneSet:
    """Delete a traffic manager profile and its DNS name.

    Every alias record set that pointed at it, in all zones, becomes an empty record set without a link.
    Source: Azure DNS documentation of alias record sets; the incident of 25 February 2025.
    A profile that is nested in another is not deleted (unconfirmed for Azure): remove it from the parent first.
    """
    deleted = require_profile(zones, profile)
    for parent in zones.profiles.values():
        if any(endpoint.profile == profile for endpoint in parent.endpoints):
            raise DnsChangeError(f"profile {profile!r} is nested in profile {parent.name!r}: remove it there first")
    left = empty_aliases(zones, aliases_of_profile(zones, profile))
    own = to_name(deleted.dns_name)
    zone = left.zone_of(own)
    kinds = tuple(kind for kind, rrset in zone.node(own).items() if rrset.is_profile_name and rrset.alias == profile)
    left = empty_aliases(left, tuple(alias for kind in kinds for alias in aliases_of_record(left, own, kind)))
    left = left.with_zone(left.zone_of(own).without(own, *kinds))
    profiles = {name: kept for name, kept in zones.profiles.items() if name != profile}
    return dataclasses.replace(left, profiles=MappingProxyType(profiles), version=zones.version + 1)


def put_profile(zones: ZoneSet, profile: TrafficManager) -> ZoneSet:
    """Create a profile, or change the one of that name.

    Alias record sets follow a profile that is changed. After a profile was deleted and is created again, they stay
    empty: the deletion removed the link, and only ``point_alias`` restores it.
    """
    check_profile(profile)
    base = zones
    former = zones.profiles.get(profile.name)
    if former is not None:
        old = to_name(former.dns_name)
        zone = zones.zone_of(old)
        base = zones.with_zone(zone.without(old, *zone.node(old)))
    named = add_profile_name(base, profile)
    profiles = {**zones.profiles, profile.name: profile}
    changed = dataclasses.replace(named, profiles=MappingProxyType(profiles), version=zones.version + 1)
    return check_links(changed)


def put_rrset(
    zones: ZoneSet,
    name: str | Name,
    rdtype: str | RdataType,
    values: Iterable[str],
    ttl: int | None = None,
    zone: str | Name | None = None,
) -> ZoneSet:
    """Add a plain record set, or replace the one of that name and type, alias or not.

    ``values`` are in zone-file form; no values make an empty record set. ``ttl`` is in seconds; the default is that of
    the replaced record set, else 300. ``zone`` is the zone to change, for names that are in a zone and in its parent
    (the NS records of a delegation); the default is the deepest one, for DS the parent.
    """
    owner, kind, changed = require_record_set(zones, name, rdtype, zone)
    rdatas = to_rdatas(values, kind, changed.origin)
    return commit(zones, changed.with_rrset(RRset(owner, kind, time_to_live(changed, owner, kind, ttl), rdatas)))


def point_alias(
    zones: ZoneSet, name: str | Name, rdtype: str | RdataType, profile: str, ttl: int | None = None
) -> ZoneSet:
    """Make that record set an alias of a traffic manager profile. This repairs a record set that was emptied.

    ``ttl`` is in seconds; the default is that of the replaced record set, else 300.
    """
    require_profile(zones, profile)
    owner, kind, zone = require_alias_set(zones, name, rdtype)
    alias = RRset(owner, kind, time_to_live(zone, owner, kind, ttl), alias=profile)
    return check_links(commit(zones, zone.with_rrset(alias)))


def point_alias_record(
    zones: ZoneSet, name: str | Name, rdtype: str | RdataType, record: str | Name, ttl: int | None = None
) -> ZoneSet:
    """Make that record set an alias of the record set of the same type at ``record``, in the same zone.

    If the target is removed later, this record set becomes empty and loses its link. ``ttl`` is as in ``point_alias``.
    """
    owner, kind, zone = require_alias_set(zones, name, rdtype)
    alias = RRset(owner, kind, time_to_live(zone, owner, kind, ttl), alias_record=to_name(record))
    return check_links(commit(zones, zone.with_rrset(alias)))


def remove_rrset(zones: ZoneSet, name: str | Name, rdtype: str | RdataType, zone: str | Name | None = None) -> ZoneSet:
    """Remove one record set. If it was the last one, the name no longer exists and answers NXDOMAIN.

    Aliases of the record set become empty and lose their links. ``zone`` is as in ``put_rrset``.
    """
    owner, kind, changed = require_record_set(zones, name, rdtype, zone)
    node = require_node(changed, owner)
    if kind not in node:
        present = ", ".join(other.name for other in node)
        raise DnsChangeError(f"{plain(owner)} has no {kind.name} record set: it has {present}")
    if owner == changed.origin and kind in (NS, SOA):
        raise DnsChangeError(f"{plain(owner)} {kind.name}: a zone must have SOA and NS: replace them instead")
    if changed is not zones.zone_of(owner):
        return commit(zones, changed.without(owner, kind))  # no alias points at NS or DS
    return remove_rrsets(zones, owner, (kind,))


def remove_name(zones: ZoneSet, name: str | Name) -> ZoneSet:
    """Remove every record set of a name. It answers NXDOMAIN then, unless there are names below it.

    Aliases of its record sets become empty and lose their links.
    """
    owner, zone = require_writable(zones, name)
    node = require_node(zone, owner)
    if owner == zone.origin:
        raise DnsChangeError(f"{plain(owner)} is the apex of its zone and cannot be removed: name a record set")
    return remove_rrsets(zones, owner, tuple(node))


def remove_rrsets(zones: ZoneSet, owner: Name, kinds: tuple[RdataType, ...]) -> ZoneSet:
    """``zones`` without those record sets, as the next version; aliases of them are emptied."""
    left = empty_aliases(zones, tuple(alias for kind in kinds for alias in aliases_of_record(zones, owner, kind)))
    return commit(left, left.zone_of(owner).without(owner, *kinds))


def empty_aliases(zones: ZoneSet, aliases: tuple[RRset, ...]) -> ZoneSet:
    """``zones`` with those alias record sets empty and without a link; the version stays."""
    for alias in aliases:
        empty = dataclasses.replace(alias, alias=None, alias_record=None)
        zones = zones.with_zone(zones.zone_of(alias.name).with_rrset(empty))
    return zones


def commit(zones: ZoneSet, zone: Zone) -> ZoneSet:
    """``zones`` with ``zone`` changed, as the next version."""
    return dataclasses.replace(zones.with_zone(zone), version=zones.version + 1)


def require_record_set(
    zones: ZoneSet, name: str | Name, rdtype: str | RdataType, zone: str | Name | None = None
) -> tuple[Name, RdataType, Zone]:
    """The name, type and zone of a record set to change; raises DnsChangeError if it may not be changed."""
    owner, found = require_writable(zones, name)
    kind = to_type(rdtype)
    if zone is None:
        return owner, kind, find_zone_of_type(zones, owner, kind)
    chosen = zones.zones.get(to_name(zone))
    if chosen is None or not owner.is_subdomain(chosen.origin) or len(chosen.origin) == 1:
        raise DnsChangeError(f"{plain(owner)} is in zone {plain(found.origin)}, not in {zone}: correct the zone")
    return owner, kind, chosen


def find_zone_of_type(zones: ZoneSet, owner: Name, kind: RdataType) -> Zone:
    """The zone that holds that type of a name: the deepest one; for DS at its apex the parent (RFC 4035 2.4)."""
    zone = zones.zone_of(owner)
    if kind == DS and owner == zone.origin:
        parent = zones.zone_of(owner.parent())
        return parent if len(parent.origin) > 1 else zone
    return zone


def require_alias_set(zones: ZoneSet, name: str | Name, rdtype: str | RdataType) -> tuple[Name, RdataType, Zone]:
    """As ``require_record_set``, for a record set that can be an alias."""
    owner, kind, zone = require_record_set(zones, name, rdtype)
    if kind not in ALIAS_TYPES:
        raise DnsChangeError(f"{plain(owner)}: an alias record set is of type A, AAAA or CNAME, not {kind.name}")
    return owner, kind, zone


def require_writable(zones: ZoneSet, name: str | Name) -> tuple[Name, Zone]:
    """The zone that contains ``name``; raises DnsChangeError if an operator may not change the name."""
    owner = to_name(name)
    zone = zones.zone_of(owner)
    if len(zone.origin) == 1:
        known = ", ".join(sorted(plain(origin) for origin in zones.zones if len(origin) > 1)[:20])
        raise DnsChangeError(f"{plain(owner)} is in none of the zones: there are {known or 'none'}")
    own = next((rrset for rrset in zone.node(owner).values() if rrset.is_profile_name), None)
    if own is not None:
        raise DnsChangeError(
            f"{plain(owner)} belongs to the traffic manager profile {own.alias!r}: change or delete the profile"
        )
    return owner, zone


def time_to_live(zone: Zone, owner: Name, kind: RdataType, ttl: int | None) -> int:
    """``ttl`` after a check, or that of the present record set, or the default."""
    if ttl is not None:
        check_ttl(ttl)
        return ttl
    present = zone.node(owner).get(kind)
    return present.ttl if present is not None else DEFAULT_TTL


def require_node(zone: Zone, owner: Name) -> Node:
    """The record sets of ``owner``; DnsChangeError if there are none."""
    node = zone.node(owner)
    if not node:
        raise DnsChangeError(f"{plain(owner)} has no records in zone {plain(zone.origin)}: nothing to remove")
    return node


def require_profile(zones: ZoneSet, profile: str) -> TrafficManager:
    """The profile of that name; DnsChangeError if there is none."""
    found = zones.profiles.get(profile)
    if found is None:
        known = ", ".join(zones.profiles) or "none; create it with put_profile"
        raise DnsChangeError(f"there is no traffic manager profile {profile!r}: there are: {known}")
    return found
