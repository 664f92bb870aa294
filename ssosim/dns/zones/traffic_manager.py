"""Which endpoints a traffic manager profile answers with: a pure function of profiles, health, asker and draw.

First the routing method chooses among the endpoints that are well; if all are degraded, among them all, as if they
were well. Only then does the type of the question matter: an endpoint of another kind is NODATA, not a reason to take
the next. Chance is an argument and time is none, so that no step of a clock can upset a choice (the incident of 31
December 2016 at another provider). Source: Traffic Manager documentation, routing methods, endpoint monitoring, FAQ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from ssosim.dns.zones.query_context import (
    ANYBODY,
    Health,
    Places,
    QueryContext,
    Status,
    deciding_bits,
    longest_match,
    network,
)
from ssosim.estate import TrafficManager, TrafficManagerEndpoint

__all__ = ["MAX_NESTING", "NOWHERE", "Profiles", "Routed", "route", "status_of"]

MAX_NESTING = 10
"""Profiles on the longest way from a profile to an endpoint. Source: Traffic Manager documentation, nested profiles."""

NOWHERE = Places()

Profiles = Mapping[str, TrafficManager]
Endpoints = tuple[TrafficManagerEndpoint, ...]


@dataclass(frozen=True, slots=True)
class Routed:
    """The choice, best endpoint first, and what it depended on.

    ``profiles`` were asked, the outermost first. ``missing``: the profile is disabled, its name answers NXDOMAIN.
    ``limit`` bounds the records of an answer. ``drawn``: chance decided. ``by_place``: where the question came from
    decided, by the first ``scope`` bits of its address.
    """

    endpoints: Endpoints
    profiles: tuple[str, ...]
    missing: bool = False
    limit: int | None = None
    drawn: bool = False
    by_place: bool = False
    scope: int = 0


@dataclass(frozen=True, slots=True)
class Pick:
    """What one routing method chose; ``draw`` is what is left of the draw for the next."""

    endpoints: Endpoints
    draw: float
    drawn: bool = False
    by_place: bool = False
    scope: int = 0


@dataclass(frozen=True, slots=True)
class Ballot:
    """What a routing method chooses from: ``live`` may be answered with, ``well`` are the live ones to prefer."""

    profile: TrafficManager
    live: Endpoints
    well: Endpoints


def route(
    profile: TrafficManager, profiles: Profiles, asking: QueryContext = ANYBODY, places: Places = NOWHERE
) -> Routed:
    """Choose endpoints with an address or a target; ``profiles`` holds those that are nested in ``profile``.

    No endpoint at all (none enabled, a region or subnet that is not mapped) is NODATA.
    """
    asked: list[str] = []
    drawn = by_place = False
    scope, draw = 0, asking.draw
    while True:
        asked.append(profile.name)
        if not profile.enabled:
            return Routed((), tuple(asked), missing=len(asked) == 1)
        pick = METHODS[profile.routing](
            ballot(profile, profiles, asking.health), QueryContext(asking.subnet, asking.health, draw), places
        )
        drawn, by_place, scope, draw = drawn or pick.drawn, by_place or pick.by_place, max(scope, pick.scope), pick.draw
        nested = pick.endpoints[0].profile if pick.endpoints else None
        if nested is None:
            return Routed(pick.endpoints, tuple(asked), False, profile.max_return, drawn, by_place, scope)
        if nested not in profiles or len(asked) == MAX_NESTING:
            return Routed((), tuple(asked), drawn=drawn, by_place=by_place, scope=scope)
        profile = profiles[nested]


def status_of(
    profile: TrafficManager, endpoint: TrafficManagerEndpoint, profiles: Profiles, health: Health, depth: int = 1
) -> Status:
    """The state of an endpoint; that of a nested profile follows from its own endpoints.

    It is stopped when the nested profile cannot answer at all, and degraded while fewer than ``min_children`` are well.
    """
    if not endpoint.enabled:
        return "disabled"
    if endpoint.profile is None:
        return health.get((profile.name, endpoint.name), "online")
    child = profiles.get(endpoint.profile)
    if child is None or not child.enabled or depth >= MAX_NESTING:
        return "stopped"
    inner = [status_of(child, each, profiles, health, depth + 1) for each in child.endpoints]
    if all(status in ("disabled", "stopped") for status in inner):
        return "stopped"
    well = sum(status in ("online", "checking") for status in inner)
    return "online" if well >= endpoint.min_children else "degraded"


def ballot(profile: TrafficManager, profiles: Profiles, health: Health) -> Ballot:
    """The endpoints of ``profile`` by state; all of them degraded counts as all of them well."""
    states = [(each, status_of(profile, each, profiles, health)) for each in profile.endpoints]
    live = tuple(each for each, status in states if status not in ("disabled", "stopped"))
    well = tuple(each for each, status in states if status in ("online", "checking"))
    return Ballot(profile, live, well or live)


def by_priority(ballot: Ballot, asking: QueryContext, _places: Places) -> Pick:
    """The one with the lowest number."""
    return Pick(tuple(ranked(ballot.well)[:1]), asking.draw)


def all_of_them(ballot: Ballot, asking: QueryContext, _places: Places) -> Pick:
    """Every one that is well, best priority first (the order is unconfirmed); the profile's limit cuts later."""
    return Pick(tuple(ranked(ballot.well)), asking.draw)


def by_weight(ballot: Ballot, asking: QueryContext, _places: Places) -> Pick:
    """One by chance, each as often as its weight says."""
    return spread(ballot.well, asking.draw)


def by_latency(ballot: Ballot, asking: QueryContext, places: Places) -> Pick:
    """The one nearest to the asker, by chance among those at the same location.

    From a place that is not in the map it is the first in file order (unconfirmed).
    """
    here = places.locate(asking.subnet)
    scope = places.scope(asking.subnet)
    if here is None:
        return Pick(ballot.well[:1], asking.draw, by_place=True, scope=scope)

    def distance(endpoint: TrafficManagerEndpoint) -> float:
        return here.latency.get(endpoint.location, 0.0 if endpoint.location == here.name else math.inf)

    nearest = min(ballot.well, key=distance, default=None)
    same = tuple(each for each in ballot.well if nearest is not None and each.location == nearest.location)
    pick = spread(same, asking.draw, even=True)
    return Pick(pick.endpoints, pick.draw, pick.drawn, by_place=True, scope=scope)


def by_region(ballot: Ballot, asking: QueryContext, places: Places) -> Pick:
    """The one that the asker's most specific mapped region belongs to; a degraded one has no stand-in.

    A region that is mapped to nothing, or to an endpoint that is disabled or stopped, is NODATA.
    """
    here = places.locate(asking.subnet)
    mapped = {region: each for each in ballot.profile.endpoints for region in each.regions}
    regions = (*(here.regions if here is not None else ()), "WORLD")
    chosen = next((mapped[region] for region in regions if region in mapped), None)
    return Pick(only(chosen, ballot), asking.draw, by_place=True, scope=places.scope(asking.subnet))


def by_subnet(ballot: Ballot, asking: QueryContext, _places: Places) -> Pick:
    """The one whose subnet holds the asker, else the one without subnets; a degraded one has no stand-in."""
    mapped = [(network(text), each) for each in ballot.profile.endpoints for text in each.subnets]
    fallback = next((each for each in ballot.profile.endpoints if not each.subnets), None)
    chosen = longest_match(asking.subnet, mapped) or fallback
    scope = deciding_bits(asking.subnet, (each for each, _ in mapped))
    return Pick(only(chosen, ballot), asking.draw, by_place=True, scope=scope)


METHODS: Mapping[str, Callable[[Ballot, QueryContext, Places], Pick]] = {
    "priority": by_priority,
    "weighted": by_weight,
    "performance": by_latency,
    "geographic": by_region,
    "multivalue": all_of_them,
    "subnet": by_subnet,
}


def ranked(endpoints: Endpoints) -> list[TrafficManagerEndpoint]:
    """Best priority first."""
    return sorted(endpoints, key=lambda endpoint: endpoint.priority)


def only(endpoint: TrafficManagerEndpoint | None, ballot: Ballot) -> Endpoints:
    """That one, if it may be answered with."""
    return (endpoint,) if endpoint is not None and endpoint in ballot.live else ()


def spread(endpoints: Endpoints, draw: float, *, even: bool = False) -> Pick:
    """One of ``endpoints`` by ``draw``, which is stretched over what it decided and serves again."""
    if len(endpoints) < 2:
        return Pick(endpoints, draw)
    weights = [1 if even else endpoint.weight for endpoint in endpoints]
    at = (draw % 1.0) * sum(weights)
    for endpoint, weight in zip(endpoints, weights, strict=True):
        if at < weight:
            return Pick((endpoint,), at / weight, drawn=True)
        at -= weight
    return Pick(endpoints[-1:], 0.0, drawn=True)
