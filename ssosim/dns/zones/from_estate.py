"""Builds a ZoneSet from the zones and profiles of an estate; errors name the key path."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager

import msgspec
from dns.name import Name

from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.links import check_links
from ssosim.dns.zones.query_context import Locations
from ssosim.dns.zones.rrset import ALIAS_TYPES, MAX_TTL, RRset, to_name, to_rdatas, to_type
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_set import ZoneSet, make_profile_rrsets
from ssosim.estate import Estate, EstateError, RecordSet, TrafficManager, find_location_mistakes, find_profile_mistakes
from ssosim.estate import Zone as ZoneEntry
from ssosim.estate.toml_lines import render_path

__all__ = ["check_profile", "check_ttl", "zones_of"]


def zones_of(estate: Estate) -> ZoneSet:
    """Build the zones and profiles of ``estate``; raises EstateError with the key path of the mistake."""
    profiles: dict[str, TrafficManager] = {}
    for number, profile in enumerate(estate.traffic_managers):
        with at_key_path(f"traffic_managers[{number}]"):
            check_profile(profile)
            if profile.name in profiles:
                raise DnsChangeError(f"profile {profile.name!r} is defined twice: give each its own name")
            profiles[profile.name] = profile
    zones = []
    for number, entry in enumerate(estate.zones):
        with at_key_path(f"zones[{number}]"):
            zones.append(read_zone(entry, profiles, f"zones[{number}]"))
    with at_key_path("zones"):
        result = ZoneSet.build(zones, profiles.values())
    for number, profile in enumerate(estate.traffic_managers):
        with at_key_path(f"traffic_managers[{number}].dns_name"):
            result = add_profile_name(result, profile)
    with at_key_path("zones and traffic_managers"):
        check_links(result)
    with at_key_path("dns.locations"):
        for path, text in find_location_mistakes(estate.dns.locations):
            raise DnsChangeError(f"{render_path(path)}: {text}")
    settings = estate.dns
    return dataclasses.replace(
        result,
        locations=Locations(settings.locations),
        empty_set=settings.empty_set,
        delegation_ttl=settings.delegation_ttl,
    )


def read_zone(entry: ZoneEntry, profiles: dict[str, TrafficManager], where: str) -> Zone:
    """Read one zone of the estate; ``where`` is its key path."""
    origin = to_name(entry.name)
    check_ttl(entry.ttl)
    check_ttl(entry.negative_ttl)
    rrsets = []
    for number, record in enumerate(entry.records):
        with at_key_path(f"{where}.records[{number}] ({record.name} {record.type})"):
            rrsets.append(read_rrset(record, origin, profiles))
    return Zone.build(
        origin,
        ttl=entry.ttl,
        negative_ttl=entry.negative_ttl,
        name_server=to_name(entry.name_server),
        contact=to_name(entry.contact),
        rrsets=rrsets,
    )


def read_rrset(record: RecordSet, origin: Name, profiles: dict[str, TrafficManager]) -> RRset:
    """Read one record set; without values and alias it is empty. Raises DnsChangeError."""
    name, rdtype = to_name(record.name, origin), to_type(record.type)
    check_ttl(record.ttl)
    if not name.is_subdomain(origin):
        raise DnsChangeError(f"{name} is outside the zone: remove the trailing dot, or move it to another zone")
    if record.alias is None and record.alias_record is None:
        return RRset(name, rdtype, record.ttl, to_rdatas(record.values, rdtype, origin))
    if record.values:
        raise DnsChangeError("has both values and alias: an alias answers with its target's addresses, keep one")
    if rdtype not in ALIAS_TYPES:
        raise DnsChangeError(f"an alias record set is of type A, AAAA or CNAME, not {rdtype.name}")
    if record.alias_record is not None:
        if record.alias is not None:
            raise DnsChangeError("has both alias and alias_record: an alias has one target, keep one")
        return RRset(name, rdtype, record.ttl, alias_record=to_name(record.alias_record, origin))
    if record.alias not in profiles:
        known = ", ".join(profiles) or "none"
        raise DnsChangeError(f"alias names no traffic manager profile: {record.alias!r}; there are: {known}")
    return RRset(name, rdtype, record.ttl, alias=record.alias)


def add_profile_name(zones: ZoneSet, profile: TrafficManager) -> ZoneSet:
    """Add the DNS name of the profile to the zone that contains it. Raises DnsChangeError.

    The version stays the same: this is one step of a change.
    """
    name = to_name(profile.dns_name)
    zone = zones.zone_of(name)
    if len(zone.origin) == 1:
        raise DnsChangeError(f"no zone holds {profile.dns_name}: add a zone such as {name.parent()}")
    if present := zone.node(name):
        raise DnsChangeError(
            f"{profile.dns_name} already has {', '.join(kind.name for kind in present)} records: give the profile "
            "another dns_name, or remove those"
        )
    for rrset in make_profile_rrsets(profile):
        zone = zone.with_rrset(rrset)
    return zones.with_zone(zone)


def check_profile(profile: TrafficManager) -> None:
    """Raise DnsChangeError for an invalid profile."""
    check_ttl(profile.ttl)
    try:
        msgspec.convert(msgspec.to_builtins(profile), TrafficManager)  # the bounds that the schema keeps for files
    except msgspec.ValidationError as error:
        raise DnsChangeError(f"profile {profile.name!r}: {error}") from error
    for path, text in find_profile_mistakes(profile):
        raise DnsChangeError(f"profile {profile.name!r}: {render_path(path)}: {text}")


def check_ttl(ttl: int) -> None:
    """Raise DnsChangeError unless ``ttl`` is a time to live in seconds (RFC 2181 section 8)."""
    if not 0 <= ttl <= MAX_TTL:
        raise DnsChangeError(f"TTL {ttl} is out of range: give seconds from 0 to {MAX_TTL}")


@contextmanager
def at_key_path(path: str) -> Iterator[None]:
    """Convert a DnsChangeError in the block to an EstateError that begins with ``path``."""
    try:
        yield
    except DnsChangeError as error:
        raise EstateError(f"{path}: {error}") from error
