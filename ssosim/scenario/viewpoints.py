"""The places from which clients ask, as far as the answers differ: locations, regions, resolvers, address families.

A *viewpoint* is one kind of asker. ``settle`` gives the zones as one viewpoint sees them: each traffic manager profile
is replaced by its choice for that viewpoint, so that any DNS server answers as it would there.
"""

from __future__ import annotations

import dataclasses
import ipaddress
import itertools
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

import msgspec
from dns.name import Name
from dns.rdatatype import AAAA, CNAME, A
from msgspec import Struct

from ssosim.dns import ZoneSet
from ssosim.dns.zones.answer import answer
from ssosim.dns.zones.name_match import match_name
from ssosim.dns.zones.query_context import ALL_ONLINE, Locations, Network, QueryContext, network
from ssosim.dns.zones.rrset import RRset, to_name
from ssosim.dns.zones.traffic_manager import NO_LOCATIONS, find_candidates, route
from ssosim.estate import Estate, Location, TrafficManager
from ssosim.scenario.geography import GROUPS, describe_region, enclosing_regions

__all__ = [
    "Choice",
    "Viewpoint",
    "choices_at",
    "list_viewpoints",
    "reachable_profiles",
    "settle",
    "split_by_order",
]

AddressFamily = Literal["ipv4", "dual", "ipv6"]

MAX_DRAWN_DEPTH = 3
"""Levels of nested profiles whose shares are told apart; below, the first choice stands for all."""

_FAMILY_NAMES: Mapping[AddressFamily, str] = {"ipv4": "IPv4 only", "dual": "IPv4 and IPv6", "ipv6": "IPv6 only"}
_FIRST_FREE = int(ipaddress.ip_address("240.0.0.0"))
"""Networks for places that no location of the estate stands for: reserved addresses (RFC 1112), which no host has."""


@dataclass(frozen=True, slots=True)
class Viewpoint:
    """One kind of asker.

    ``subnet`` is the network that DNS servers see, None if no answer depends on it; ``locations`` is the map in which
    it is found. ``sees_change``: False for a resolver to which the change is not visible.
    """

    name: str
    subnet: Network | None = None
    locations: Locations = field(default=NO_LOCATIONS, compare=False)
    family: AddressFamily = "ipv4"
    sees_change: bool = True


class Choice(Struct, frozen=True):
    """What profiles choose, for a share (0 to 1) of the questions. ``profiles`` are they, replaced by their choice.

    ``first`` is the address that comes first where the order of a record set matters; servers and resolvers rotate it.
    """

    share: float
    profiles: tuple[TrafficManager, ...]
    first: str = ""


def list_viewpoints(
    before: ZoneSet, after: ZoneSet, estate: Estate, hosts: Iterable[str], views: tuple[str, ...] = ()
) -> tuple[Viewpoint, ...]:
    """All viewpoints that the answers for ``hosts`` can depend on; ``views`` are the resolvers that see the change."""
    names = [to_name(host) for host in hosts]
    profiles = [zones.profiles[each] for zones in (before, after) for each in reachable_profiles(zones, names)]
    found = list(_by_place(profiles, before.locations))
    for resolver in estate.resolvers:
        subnet = network(resolver.location or resolver.address)
        sees = not views or resolver.name in views
        found.append(Viewpoint(f"resolver {resolver.name}", subnet, before.locations, sees_change=sees))
    found = found or [Viewpoint("")]
    if any(answer(zones, name, AAAA).outcome == "NOERROR" for zones in (before, after) for name in names):
        found = [
            dataclasses.replace(each, name=f"{each.name}, {text}".removeprefix(", "), family=family)
            for family, text in _FAMILY_NAMES.items()
            for each in found
        ]
    return tuple(found)


def _by_place(profiles: Iterable[TrafficManager], known: Locations) -> Iterator[Viewpoint]:
    """The viewpoints that profiles with routing by location tell apart; none if there is no such profile."""
    profiles = tuple(profiles)
    routings = {each.routing for each in profiles}
    endpoints = [endpoint for profile in profiles for endpoint in profile.endpoints]
    places: list[Location] = []
    if routings & {"geographic", "performance"}:
        places += known.locations
    named = {each.name for each in places}
    if "geographic" in routings:
        covered = {each.regions for each in places}
        regions = dict.fromkeys((*GROUPS, *(region for each in endpoints for region in each.regions)))
        ways = {region: enclosing_regions(region) for region in regions if enclosing_regions(region)}
        places += [
            Location(name=describe_region(region), regions=way) for region, way in ways.items() if way not in covered
        ]
    if "performance" in routings:
        near = dict.fromkeys(each.location for each in endpoints if each.location and each.location not in named)
        places += [Location(name=f"near {name}", latency={name: 0.0}) for name in near]
    numbered = [
        each if each.subnets else msgspec.structs.replace(each, subnets=(f"{ipaddress.ip_address(number)}/24",))
        for number, each in zip(range(_FIRST_FREE, 2**32 - 256, 256), places, strict=False)
    ]
    everywhere = Locations(tuple(numbered))
    for place in numbered:
        yield Viewpoint(place.name, network(place.subnets[0]), everywhere)
    if "subnet" in routings:
        for text in dict.fromkeys(text for each in endpoints for text in each.subnets):
            yield Viewpoint(f"subnet {text}", network(text), everywhere)
    if routings & {"performance", "subnet"}:
        yield Viewpoint("elsewhere", None, everywhere)


def reachable_profiles(zones: ZoneSet, names: Iterable[Name]) -> tuple[str, ...]:
    """The profiles on which answers for ``names`` can depend, in the order in which they are met."""
    seen: dict[Name | str, None] = {}
    queue: list[Name | str] = list(names)
    while queue:
        here = queue.pop(0)
        if here in seen:
            continue
        seen[here] = None
        queue += _steps_from_profile(zones, here) if isinstance(here, str) else _steps_from_name(zones, here)
    return tuple(each for each in seen if isinstance(each, str))


def _steps_from_profile(zones: ZoneSet, profile: str) -> list[Name | str]:
    endpoints = zones.profiles[profile].endpoints
    targets: list[Name | str] = [to_name(each.target) for each in endpoints if each.target is not None]
    return [*targets, *(name for name in _list_nested(zones.profiles[profile]) if name in zones.profiles)]


def _list_nested(profile: TrafficManager) -> list[str]:
    return [each.profile for each in profile.endpoints if each.profile is not None]


def _steps_from_name(zones: ZoneSet, name: Name) -> list[Name | str]:
    answered = answer(zones, name, A)
    found: list[Name | str] = [profile for each in answered.routing_results for profile in each.profiles]
    found += [rrset.rdatas[0].target for rrset in answered.answer if rrset.type == CNAME]  # type: ignore[attr-defined]
    for rrset in zones.zone_of(name).node(name).values():
        if rrset.alias is not None:
            found.append(rrset.alias)
        if rrset.alias_record is not None:
            found.append(rrset.alias_record)
    return found


def choices_at(zones: ZoneSet, viewpoint: Viewpoint, profiles: Iterable[str]) -> tuple[Choice, ...]:
    """What ``profiles`` choose at ``viewpoint``, with the share of each choice; several where weights decide."""
    wanted = tuple(profiles)
    cuts = {0.0, 1.0}
    for name in wanted:
        cuts |= _cuts(zones, zones.profiles[name], 0.0, 1.0, 0)
    edges = sorted(cuts)
    shares: dict[tuple[TrafficManager, ...], float] = {}
    for low, high in itertools.pairwise(edges):
        context = QueryContext(viewpoint.subnet, draw=(low + high) / 2)
        chosen = tuple(_chosen(zones, zones.profiles[name], viewpoint, context) for name in wanted)
        shares[chosen] = shares.get(chosen, 0.0) + high - low
    return tuple(Choice(share, chosen) for chosen, share in shares.items())


def _cuts(zones: ZoneSet, profile: TrafficManager, low: float, high: float, depth: int) -> set[float]:
    """The draws between ``low`` and ``high`` at which the choice of ``profile`` can change."""
    preferred = find_candidates(profile, zones.profiles, ALL_ONLINE).preferred
    parts = {low, high}
    if profile.routing == "weighted":
        total, at = sum(each.weight for each in preferred), 0.0
        for endpoint in preferred:
            at += endpoint.weight / total
            parts.add(low + (high - low) * min(at, 1.0))
    elif profile.routing == "performance":  # even shares among the endpoints of one location, however many there are
        sizes = {sum(each.location == other.location for other in preferred) for each in preferred}
        parts |= {low + (high - low) * part / size for size in sizes for part in range(1, size)}
    found = set(parts)
    nested = [zones.profiles[name] for name in _list_nested(profile) if name in zones.profiles]
    if nested and depth < MAX_DRAWN_DEPTH:
        edges = sorted(parts)
        for below in nested:
            for start, end in itertools.pairwise(edges):
                found |= _cuts(zones, below, start, end, depth + 1)
    return found


def _chosen(zones: ZoneSet, profile: TrafficManager, viewpoint: Viewpoint, context: QueryContext) -> TrafficManager:
    """The profile with the endpoints that it chooses, and no others."""
    routed = route(profile, zones.profiles, context, viewpoint.locations)
    return msgspec.structs.replace(
        profile,
        routing="multivalue",
        endpoints=tuple(
            msgspec.structs.replace(each, priority=number, weight=1, regions=(), subnets=(), location="", enabled=True)
            for number, each in enumerate(routed.endpoints, start=1)
        ),
        enabled=not routed.missing,
        max_return=routed.limit,
    )


def settle(zones: ZoneSet, choice: Choice, viewpoint: Viewpoint, names: Iterable[Name]) -> ZoneSet:
    """``zones`` as ``viewpoint`` sees them; ``names`` are the hosts whose IPv4 addresses an IPv6-only device lacks."""
    profiles = {**zones.profiles, **{each.name: each for each in choice.profiles}}
    settled = dataclasses.replace(zones, profiles=MappingProxyType(profiles))
    if choice.first:
        settled = _with_first(settled, names, choice.first)
    return _without_ipv4(settled, names) if viewpoint.family == "ipv6" else settled


def split_by_order(
    zones: ZoneSet, choices: Iterable[Choice], viewpoint: Viewpoint, host: Name, kind_of: Callable[[str], object]
) -> tuple[Choice, ...]:
    """``choices``, each for every kind of address of ``host`` that may come first, with its share.

    ``kind_of`` tells addresses apart that lead to different places. Source of the rotation: RFC 1794, and the default
    of BIND (``rrset-order random``) and unbound (``rrset-roundrobin``).
    """
    found: list[Choice] = []
    for choice in choices:
        answered = answer(settle(zones, choice, viewpoint, (host,)), host, A)
        kinds: dict[object, list[str]] = {}
        for rrset in answered.answer if not answered.routing_results else ():
            for rdata in rrset.rdatas if rrset.type == A else ():
                kinds.setdefault(kind_of(rdata.to_text()), []).append(rdata.to_text())
        total = sum(map(len, kinds.values()))
        if len(kinds) < 2:
            found.append(choice)
            continue
        for addresses in kinds.values():
            share = choice.share * len(addresses) / total
            found.append(msgspec.structs.replace(choice, share=share, first=addresses[0]))
    return tuple(found)


def _with_first(zones: ZoneSet, names: Iterable[Name], address: str) -> ZoneSet:
    """``zones`` in which ``address`` is the first one of the record sets of ``names`` that have it."""
    for name in names:
        for rrset in answer(zones, name, A).answer:
            zone = zones.zone_of(rrset.name)
            owner = match_name(zone, rrset.name).owner
            stored = zone.node(owner).get(A)
            if rrset.type != A or stored is None or stored.shape != "plain":
                continue
            rdatas = tuple(sorted(stored.rdatas, key=lambda rdata: rdata.to_text() != address))
            zones = zones.with_zone(zone.with_rrset(dataclasses.replace(stored, rdatas=rdatas)))
    return zones


def _without_ipv4(zones: ZoneSet, names: Iterable[Name]) -> ZoneSet:
    """``zones`` in which ``names`` have no IPv4 addresses: their A record sets are empty, at the ends of chains too."""
    for name in names:
        answered = answer(zones, name, A)
        for owner in dict.fromkeys((name, *(rrset.name for rrset in answered.answer))):
            zone = zones.zone_of(owner)
            stored = zone.node(owner).get(A)
            if stored is not None and not stored.is_profile_name:
                zones = zones.with_zone(zone.with_rrset(RRset(owner, A, stored.ttl)))
            elif stored is not None and stored.alias is not None:
                profile = zones.profiles[stored.alias]
                left = tuple(each for each in profile.endpoints if each.address is None or ":" in each.address)
                changed = {**zones.profiles, profile.name: msgspec.structs.replace(profile, endpoints=left)}
                zones = dataclasses.replace(zones, profiles=MappingProxyType(changed))
    return zones
