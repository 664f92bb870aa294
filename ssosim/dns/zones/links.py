"""Links between DNS objects (aliases to profiles and record sets, nested profiles), and the rules for them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from dns.name import Name
from dns.rdatatype import CNAME, RdataType

from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.traffic_manager import MAX_NESTING, Profiles
from ssosim.dns.zones.zone_index import index_of
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager

__all__ = ["MAX_ALIASES", "aliases", "aliases_of_profile", "aliases_of_record", "check_links"]

MAX_ALIASES = 20
"""Alias record sets that may point at one resource. Source: Azure DNS documentation of alias record sets."""


def aliases(zones: ZoneSet) -> Iterator[RRset]:
    """Every alias record set, except the DNS names of the profiles."""
    for _, rrset in index_of(zones).links:
        if rrset.shape == "alias" and not rrset.is_profile_name:
            yield rrset


def aliases_of_profile(zones: ZoneSet, profile: str) -> tuple[RRset, ...]:
    """The alias record sets that point at a traffic manager profile, in all zones."""
    return tuple(rrset for rrset in aliases(zones) if rrset.alias == profile)


def aliases_of_record(zones: ZoneSet, name: Name, rdtype: RdataType) -> tuple[RRset, ...]:
    """The alias record sets that point at that record set; they are in its zone."""
    rrsets = zones.zone_of(name).rrsets()
    return tuple(rrset for rrset in rrsets if rrset.alias_record == name and rrset.type == rdtype)


def check_links(zones: ZoneSet) -> ZoneSet:
    """Return ``zones`` unchanged; raise DnsChangeError if a link breaks a rule.

    - A nested profile exists; there is no loop and no path of more than ``MAX_NESTING`` profiles.
    - An alias of type A or AAAA points at a profile of external endpoints with IP addresses only. Source: Azure DNS
      documentation of alias record sets.
    - An alias to a record set points at one of the same type in the same zone, without a loop.
    - No resource has more than ``MAX_ALIASES`` alias record sets.
    """
    for profile in zones.profiles.values():
        check_nesting(profile, zones.profiles, ())
    counts: Counter[tuple[str, Name | str, RdataType | None]] = Counter()
    for rrset in aliases(zones):
        if rrset.alias is not None:
            check_addresses(rrset, zones.profiles[rrset.alias])
            counts["traffic manager profile", rrset.alias, None] += 1
        elif rrset.alias_record is not None:
            check_record_link(zones, rrset, rrset.alias_record)
            counts["record set", rrset.alias_record, rrset.type] += 1
    for (kind, target, _), count in counts.items():
        if count > MAX_ALIASES:
            named = target if isinstance(target, str) else plain(target)
            raise DnsChangeError(
                f"{kind} {named} has {count} alias record sets; at most {MAX_ALIASES}: use CNAMEs for the rest"
            )
    return zones


def check_nesting(profile: TrafficManager, profiles: Profiles, above: tuple[str, ...]) -> None:
    """Raise DnsChangeError for a loop, a path that is too long, or a nested profile that does not exist."""
    way = (*above, profile.name)
    if profile.name in above:
        raise DnsChangeError(f"traffic manager profiles nest in a loop: {' > '.join(way)}: remove one endpoint")
    if len(way) > MAX_NESTING:
        raise DnsChangeError(f"traffic manager profiles nest in {len(way)} levels, at most {MAX_NESTING}: {way[0]}")
    for endpoint in profile.endpoints:
        if endpoint.profile is None:
            continue
        if endpoint.profile not in profiles:
            raise DnsChangeError(
                f"endpoint {endpoint.name!r} of profile {profile.name!r}: there is no profile {endpoint.profile!r} "
                f"to nest; there are: {', '.join(profiles)}"
            )
        check_nesting(profiles[endpoint.profile], profiles, way)


def check_addresses(rrset: RRset, profile: TrafficManager) -> None:
    """Raise DnsChangeError if an A or AAAA alias points at a profile with endpoints that are not addresses."""
    other = next((endpoint for endpoint in profile.endpoints if endpoint.address is None), None)
    if rrset.type != CNAME and other is not None:
        raise DnsChangeError(
            f"{plain(rrset.name)} {rrset.type.name} is an alias of the profile {profile.name!r}, whose endpoint "
            f"{other.name!r} is not an IP address: give it an address, or make the alias one of type CNAME"
        )


def check_record_link(zones: ZoneSet, rrset: RRset, target: Name) -> None:
    """Raise DnsChangeError if the target of an alias does not exist, is in another zone, or is part of a loop."""
    here = f"{plain(rrset.name)} {rrset.type.name}"
    zone = zones.zone_of(rrset.name)
    if zones.zone_of(target).origin != zone.origin:
        raise DnsChangeError(f"{here}: an alias points at record sets of its own zone only, not at {plain(target)}")
    seen = [rrset.name]
    step: Name | None = target
    while step is not None:
        if step in seen:
            way = " > ".join(plain(name) for name in (*seen, step))
            raise DnsChangeError(f"alias record sets of type {rrset.type.name} form a loop: {way}")
        seen.append(step)
        found = zone.node(step).get(rrset.type)
        if found is None:
            raise DnsChangeError(
                f"{here}: there is no record set {plain(step)} {rrset.type.name} to point at: "
                "create it first; target and alias are of one type"
            )
        step = found.alias_record
