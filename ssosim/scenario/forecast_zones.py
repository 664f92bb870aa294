"""The zones of a forecast: a user's two trees within an estate, and names that are outside of both."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from typing import Literal

from dns.name import Name
from dns.rdatatype import AAAA, CNAME, NS, A

from ssosim.dns import ZoneSet, zones_of
from ssosim.dns.zones.answer import Answer, answer
from ssosim.dns.zones.from_estate import add_profile_name
from ssosim.dns.zones.links import check_links
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_rdatas
from ssosim.dns.zones.zone import Zone
from ssosim.estate import Estate
from ssosim.services import services_of

__all__ = ["Outside", "assume_outside", "overlay_trees"]

Outside = Literal["resolves", "missing"]
"""What a forecast assumes of names that neither the trees nor the estate have."""

_ASSUMED_TTL = 300


def overlay_trees(estate: Estate, before: ZoneSet, after: ZoneSet) -> tuple[ZoneSet, ZoneSet]:
    """Both trees within the zones of ``estate``, which have the names that clients need besides.

    What either tree has is taken from the trees alone: a zone or profile that ``after`` lacks is gone, even if the
    estate has one of that name. A zone that ``after`` adds takes the place of the estate's, which clients have before:
    so does a private zone with the name of a public one. Raises DnsChangeError if a tree and the estate conflict.
    """
    base = zones_of(estate)
    first, both = (
        frozenset(origin for each in trees for origin in each.zones if len(origin) > 1)
        for trees in ((before,), (before, after))
    )
    profiles = before.profiles.keys() | after.profiles.keys()
    return _overlay(base, before, first, profiles), _overlay(base, after, both, profiles)


def _overlay(base: ZoneSet, tree: ZoneSet, origins: frozenset[Name], profiles: Iterable[str]) -> ZoneSet:
    gone = frozenset(profiles) - tree.profiles.keys()
    kept = [
        _without_profiles(zone, frozenset(profiles), gone)
        for origin, zone in base.zones.items()
        if origin not in origins and len(origin) > 1
    ]
    named = {name: each for name, each in base.profiles.items() if name not in profiles}
    own = [zone for origin, zone in tree.zones.items() if len(origin) > 1]
    merged = ZoneSet.build([*kept, *own], [*named.values(), *tree.profiles.values()])
    for profile in named.values():
        name = to_name(profile.dns_name)
        zone = merged.zone_of(name)
        if len(zone.origin) > 1 and not zone.node(name):
            merged = add_profile_name(merged, profile)
    return check_links(
        dataclasses.replace(
            merged, locations=base.locations, empty_set=base.empty_set, delegation_ttl=base.delegation_ttl
        )
    )


def _without_profiles(zone: Zone, named: frozenset[str], gone: frozenset[str]) -> Zone:
    """``zone`` of the estate without the DNS names of the trees' profiles; aliases of deleted ones are emptied."""
    for rrset in tuple(zone.rrsets()):
        if rrset.alias is None:
            continue
        if rrset.is_profile_name and rrset.alias in named:
            zone = zone.without(rrset.name, rrset.type)
        elif rrset.alias in gone:
            zone = zone.with_rrset(dataclasses.replace(rrset, alias=None))
    return zone


def assume_outside(
    before: ZoneSet, after: ZoneSet, estate: Estate, hosts: Iterable[str]
) -> tuple[ZoneSet, ZoneSet, tuple[str, ...]]:
    """Both states with an address for each name that ``hosts`` lead to and that is outside of their zones.

    Those are targets of CNAMEs in no zone, and names that a zone delegates to servers elsewhere. Unknown is not
    missing: such a name is taken to lead to the service of the host, as a content delivery network does. The third
    value are those names.
    """
    addresses = {name: service.address for service in services_of(estate) for name in service.dns_names}
    found: dict[Name, str] = {}
    delegated: list[dict[Name, dict[Name, str]]] = [{}, {}]
    for zones, cuts in zip((before, after), delegated, strict=True):
        for host in hosts:
            name, answered = to_name(host), answer(zones, to_name(host), A)
            if answered.is_referral and addresses.get(host):
                last = answered.answer[-1].rdatas[0].target if answered.answer else name  # type: ignore[attr-defined]
                cuts.setdefault(_cut_of(answered), {})[last] = addresses[host]
                continue
            end = _end_of_chain(zones, to_name(host))
            if end is not None and all(len(each.zone_of(end).origin) == 1 for each in (before, after)):
                found.setdefault(end, addresses.get(host, ""))
    known = {name: address for name, address in found.items() if address}
    away = [name for cuts in delegated for names in cuts.values() for name in names]
    was, now = (
        _with_delegated(_with_addresses(zones, known), cuts)
        for zones, cuts in zip((before, after), delegated, strict=True)
    )
    return was, now, tuple(sorted({plain(name) for name in (*known, *away)}))


def _cut_of(answered: Answer) -> Name:
    return next(rrset.name for rrset in answered.authority if rrset.type == NS)


def _with_delegated(zones: ZoneSet, cuts: dict[Name, dict[Name, str]]) -> ZoneSet:
    """``zones`` with a zone at each cut in which the names have their addresses."""
    for cut, names in cuts.items():
        records = [
            RRset(name, kind, _ASSUMED_TTL, to_rdatas((address,), kind, cut))
            for name, address in names.items()
            for kind in [AAAA if ":" in address else A]
        ]
        server = to_name("ns1.lab.invalid.")
        child = Zone.build(cut, ttl=_ASSUMED_TTL, negative_ttl=60, name_server=server, contact=server, rrsets=records)
        zones = zones.with_zone(child)
    return zones


def _end_of_chain(zones: ZoneSet, host: Name) -> Name | None:
    """The name at which the CNAMEs of ``host`` end without an answer; None if there is an answer or no CNAME."""
    answered = answer(zones, host, A)
    last = answered.answer[-1] if answered.answer else None
    if last is None or last.type != CNAME or not last.rdatas:
        return None
    target: Name = last.rdatas[0].target  # type: ignore[attr-defined]
    return target


def _with_addresses(zones: ZoneSet, addresses: dict[Name, str]) -> ZoneSet:
    if not addresses:
        return zones
    root = zones.zone_of(to_name("."))
    for name, address in addresses.items():
        kind = AAAA if ":" in address else A
        root = root.with_rrset(RRset(name, kind, _ASSUMED_TTL, to_rdatas((address,), kind, root.origin)))
    return zones.with_zone(root)
