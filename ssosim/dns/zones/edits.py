"""What an operator can do to zones, as pure functions: a ZoneSet in, a new one out with the next version.

Each raises DnsChangeError, and then nothing has changed. Names are full domain names, the trailing dot is optional.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from types import MappingProxyType

from dns.name import Name
from dns.rdatatype import NS, SOA, RdataType

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
    """Delete a traffic manager profile, and with it what hung on it.

    Every alias record set that pointed at it is left as an empty record set without a link, in all zones; the profile's
    own DNS name goes. Source: Azure DNS documentation of alias record sets; the incident of 25 February 2025.
    A profile that is nested in another is not deleted (unconfirmed for Azure): take it out of there first.
    """
    deleted = require_profile(zones, profile)
    for parent in zones.profiles.values():
        if any(endpoint.profile == profile for endpoint in parent.endpoints):
            raise DnsChangeError(f"profile {profile!r} is nested in profile {parent.name!r}: take it out there first")
    left = empty_aliases(zones, aliases_of_profile(zones, profile))
    own = to_name(deleted.dns_name)
    zone = left.zone_of(own)
    kinds = tuple(kind for kind, rrset in zone.node(own).items() if rrset.own and rrset.alias == profile)
    left = empty_aliases(left, tuple(alias for kind in kinds for alias in aliases_of_record(left, own, kind)))
    left = left.with_zone(left.zone_of(own).without(own, *kinds))
    profiles = {name: kept for name, kept in zones.profiles.items() if name != profile}
    return dataclasses.replace(left, profiles=MappingProxyType(profiles), version=zones.version + 1)


def put_profile(zones: ZoneSet, profile: TrafficManager) -> ZoneSet:
    """Create a profile, or change the one of that name.

    Alias record sets follow a profile that is changed. They do not come back to one that was deleted and is created
    anew: the deletion cut the link, and only ``point_alias`` makes it again.
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
    zones: ZoneSet, name: str | Name, rdtype: str | RdataType, values: Iterable[str], ttl: int | None = None
) -> ZoneSet:
    """Put a plain record set in the place of the one of that name and type, alias or not, or add it.

    ``values`` are in zone-file form; none makes an empty record set. ``ttl`` is in seconds: by default that of the
    record set that is replaced, else 300.
    """
    owner, kind, zone = require_record_set(zones, name, rdtype)
    rdatas = to_rdatas(values, kind, zone.origin)
    return commit(zones, zone.with_rrset(RRset(owner, kind, time_to_live(zone, owner, kind, ttl), rdatas)))


def point_alias(
    zones: ZoneSet, name: str | Name, rdtype: str | RdataType, profile: str, ttl: int | None = None
) -> ZoneSet:
    """Make that record set an alias of a traffic manager profile; this is what heals one that was emptied.

    ``ttl`` is in seconds: by default that of the record set that is replaced, else 300.
    """
    require_profile(zones, profile)
    owner, kind, zone = require_alias_set(zones, name, rdtype)
    alias = RRset(owner, kind, time_to_live(zone, owner, kind, ttl), alias=profile)
    return check_links(commit(zones, zone.with_rrset(alias)))


def point_alias_record(
    zones: ZoneSet, name: str | Name, rdtype: str | RdataType, record: str | Name, ttl: int | None = None
) -> ZoneSet:
    """Make that record set an alias of the record set of the same type at ``record``, in the same zone.

    Removing that one later empties this one and cuts the link. ``ttl`` is as in ``point_alias``.
    """
    owner, kind, zone = require_alias_set(zones, name, rdtype)
    alias = RRset(owner, kind, time_to_live(zone, owner, kind, ttl), alias_record=to_name(record))
    return check_links(commit(zones, zone.with_rrset(alias)))


def remove_rrset(zones: ZoneSet, name: str | Name, rdtype: str | RdataType) -> ZoneSet:
    """Remove one record set. The last one takes the name along: NXDOMAIN from then on.

    Aliases of the record set are left empty, their links cut.
    """
    owner, kind, zone = require_record_set(zones, name, rdtype)
    node = require_node(zone, owner)
    if kind not in node:
        held = ", ".join(other.name for other in node)
        raise DnsChangeError(f"{plain(owner)} has no {kind.name} record set: it has {held}")
    if owner == zone.origin and kind in (NS, SOA):
        raise DnsChangeError(f"{plain(owner)} {kind.name}: a zone keeps its SOA and NS; put others in their place")
    return remove_rrsets(zones, owner, (kind,))


def remove_name(zones: ZoneSet, name: str | Name) -> ZoneSet:
    """Remove every record set of a name: NXDOMAIN from then on, unless other names hang below it.

    Aliases of its record sets are left empty, their links cut.
    """
    owner, zone = require_writable(zones, name)
    node = require_node(zone, owner)
    if owner == zone.origin:
        raise DnsChangeError(f"{plain(owner)} is the apex of its zone and cannot be removed: name a record set")
    return remove_rrsets(zones, owner, tuple(node))


def remove_rrsets(zones: ZoneSet, owner: Name, kinds: tuple[RdataType, ...]) -> ZoneSet:
    """``zones`` without those record sets, as the next version, with what pointed at them emptied."""
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


def require_record_set(zones: ZoneSet, name: str | Name, rdtype: str | RdataType) -> tuple[Name, RdataType, Zone]:
    """The name, the type and the zone that a change of a record set is about."""
    owner, zone = require_writable(zones, name)
    return owner, to_type(rdtype), zone


def require_alias_set(zones: ZoneSet, name: str | Name, rdtype: str | RdataType) -> tuple[Name, RdataType, Zone]:
    """As ``target``, for a record set that can be an alias."""
    owner, kind, zone = require_record_set(zones, name, rdtype)
    if kind not in ALIAS_TYPES:
        raise DnsChangeError(f"{plain(owner)}: an alias record set is of type A, AAAA or CNAME, not {kind.name}")
    return owner, kind, zone


def require_writable(zones: ZoneSet, name: str | Name) -> tuple[Name, Zone]:
    """The zone that holds ``name``, if an operator may write there."""
    owner = to_name(name)
    zone = zones.zone_of(owner)
    if len(zone.origin) == 1:
        held = ", ".join(sorted(plain(origin) for origin in zones.zones if len(origin) > 1)[:20])
        raise DnsChangeError(f"{plain(owner)} is in none of the zones: there are {held or 'none'}")
    own = next((rrset for rrset in zone.node(owner).values() if rrset.own), None)
    if own is not None:
        raise DnsChangeError(
            f"{plain(owner)} belongs to the traffic manager profile {own.alias!r}: change or delete the profile"
        )
    return owner, zone


def time_to_live(zone: Zone, owner: Name, kind: RdataType, ttl: int | None) -> int:
    """``ttl`` checked, or that of the record set in place, or the default."""
    if ttl is not None:
        check_ttl(ttl)
        return ttl
    held = zone.node(owner).get(kind)
    return held.ttl if held is not None else DEFAULT_TTL


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
