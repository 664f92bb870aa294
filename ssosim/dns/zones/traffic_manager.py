"""Chooses the endpoints of a traffic manager profile: a pure function of profiles, health, client network and draw.

First the routing method chooses among the healthy endpoints; if all are degraded, it chooses among all of them. The
type of the question matters only after that: if the chosen endpoint is of another kind, the answer is NODATA; no other
endpoint is tried. The random number is an argument and the time is not used, so a clock step cannot change a choice
(the incident of 31 December 2016 at another provider). Source: Traffic Manager documentation, routing methods, endpoint
monitoring, FAQ.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from msgspec import Struct

from ssosim.dns.zones.query_context import (
    ANYBODY,
    Health,
    Locations,
    QueryContext,
    Status,
    deciding_bits,
    longest_match,
    network,
)
from ssosim.estate import TrafficManager, TrafficManagerEndpoint

__all__ = ["MAX_NESTING", "NO_LOCATIONS", "Profiles", "RoutingResult", "route", "status_of"]

MAX_NESTING = 10
"""Profiles on the longest way from a profile to an endpoint. Source: Traffic Manager documentation, nested profiles."""

NO_LOCATIONS = Locations()

Profiles = Mapping[str, TrafficManager]
Endpoints = tuple[TrafficManagerEndpoint, ...]


class RoutingResult(Struct, frozen=True):
    """The chosen endpoints, best first, and what the choice depended on.

    ``profiles`` are the profiles that were used, the outermost first. ``missing``: the profile is disabled, and its
    name answers NXDOMAIN. ``limit`` is the most records of an answer. ``drawn``: the random number decided.
    ``by_location``: the client network decided, by the first ``scope`` bits of its address.
    """

    endpoints: Endpoints
    profiles: tuple[str, ...]
    missing: bool = False
    limit: int | None = None
    drawn: bool = False
    by_location: bool = False
    scope: int = 0


class Choice(Struct, frozen=True):
    """The choice of one routing method; ``draw`` is the remaining random number for a nested profile."""

    endpoints: Endpoints
    draw: float
    drawn: bool = False
    by_location: bool = False
    scope: int = 0


class Candidates(Struct, frozen=True):
    """The endpoints that a routing method chooses from: ``live`` ones, and ``preferred`` ones (healthy)."""

    profile: TrafficManager
    live: Endpoints
    preferred: Endpoints


def route(
    profile: TrafficManager, profiles: Profiles, context: QueryContext = ANYBODY, locations: Locations = NO_LOCATIONS
) -> RoutingResult:
    """Choose endpoints with an address or a target; ``profiles`` holds those that are nested in ``profile``.

    If there is no endpoint (none enabled, or a region or subnet that is not mapped), the answer is NODATA.
    """
    visited: list[str] = []
    drawn = by_location = False
    scope, draw = 0, context.draw
    while True:
        visited.append(profile.name)
        if not profile.enabled:
            return RoutingResult((), tuple(visited), missing=len(visited) == 1)
        choice = METHODS[profile.routing](
            find_candidates(profile, profiles, context.health),
            QueryContext(context.subnet, context.health, draw),
            locations,
        )
        drawn, by_location, scope, draw = (
            drawn or choice.drawn,
            by_location or choice.by_location,
            max(scope, choice.scope),
            choice.draw,
        )
        nested = choice.endpoints[0].profile if choice.endpoints else None
        if nested is None:
            return RoutingResult(choice.endpoints, tuple(visited), False, profile.max_return, drawn, by_location, scope)
        if nested not in profiles or len(visited) == MAX_NESTING:
            return RoutingResult((), tuple(visited), drawn=drawn, by_location=by_location, scope=scope)
        profile = profiles[nested]


def status_of(
    profile: TrafficManager, endpoint: TrafficManagerEndpoint, profiles: Profiles, health: Health, depth: int = 1
) -> Status:
    """The state of an endpoint; the state of a nested profile follows from its endpoints.

    It is stopped if the nested profile cannot answer, and degraded if fewer than ``min_children`` are healthy.
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
    preferred = sum(status in ("online", "checking") for status in inner)
    return "online" if preferred >= endpoint.min_children else "degraded"


def find_candidates(profile: TrafficManager, profiles: Profiles, health: Health) -> Candidates:
    """Group the endpoints of ``profile`` by state; if all are degraded, all are preferred."""
    states = [(each, status_of(profile, each, profiles, health)) for each in profile.endpoints]
    live = tuple(each for each, status in states if status not in ("disabled", "stopped"))
    preferred = tuple(each for each, status in states if status in ("online", "checking"))
    return Candidates(profile, live, preferred or live)


def choose_by_priority(candidates: Candidates, context: QueryContext, _locations: Locations) -> Choice:
    """Choose the endpoint with the lowest priority number."""
    return Choice(tuple(sort_by_priority(candidates.preferred)[:1]), context.draw)


def choose_all(candidates: Candidates, context: QueryContext, _locations: Locations) -> Choice:
    """Choose all healthy endpoints, best priority first (order not confirmed); ``limit`` applies later."""
    return Choice(tuple(sort_by_priority(candidates.preferred)), context.draw)


def choose_by_weight(candidates: Candidates, context: QueryContext, _locations: Locations) -> Choice:
    """Choose one endpoint at random, in proportion to the weights."""
    return draw_endpoint(candidates.preferred, context.draw)


def choose_by_latency(candidates: Candidates, context: QueryContext, locations: Locations) -> Choice:
    """Choose the endpoint nearest to the client, at random among those at the same location.

    For a client outside the map it is the first in file order (not confirmed).
    """
    here = locations.locate(context.subnet)
    scope = locations.scope(context.subnet)
    if here is None:
        return Choice(candidates.preferred[:1], context.draw, by_location=True, scope=scope)

    def distance(endpoint: TrafficManagerEndpoint) -> float:
        return here.latency.get(endpoint.location, 0.0 if endpoint.location == here.name else math.inf)

    nearest = min(candidates.preferred, key=distance, default=None)
    same = tuple(each for each in candidates.preferred if nearest is not None and each.location == nearest.location)
    choice = draw_endpoint(same, context.draw, even=True)
    return Choice(choice.endpoints, choice.draw, choice.drawn, by_location=True, scope=scope)


def choose_by_region(candidates: Candidates, context: QueryContext, locations: Locations) -> Choice:
    """Choose the endpoint of the most specific mapped region of the client; a degraded one is not replaced.

    A region that is mapped to nothing, or to an endpoint that is disabled or stopped, is NODATA.
    """
    here = locations.locate(context.subnet)
    mapped = {region: each for each in candidates.profile.endpoints for region in each.regions}
    regions = (*(here.regions if here is not None else ()), "WORLD")
    chosen = next((mapped[region] for region in regions if region in mapped), None)
    return Choice(
        keep_if_live(chosen, candidates), context.draw, by_location=True, scope=locations.scope(context.subnet)
    )


def choose_by_subnet(candidates: Candidates, context: QueryContext, _locations: Locations) -> Choice:
    """Choose the endpoint whose subnet contains the client, else the one without subnets; degraded ones too."""
    mapped = [(network(text), each) for each in candidates.profile.endpoints for text in each.subnets]
    fallback = next((each for each in candidates.profile.endpoints if not each.subnets), None)
    chosen = longest_match(context.subnet, mapped) or fallback
    scope = deciding_bits(context.subnet, (each for each, _ in mapped))
    return Choice(keep_if_live(chosen, candidates), context.draw, by_location=True, scope=scope)


METHODS: Mapping[str, Callable[[Candidates, QueryContext, Locations], Choice]] = {
    "priority": choose_by_priority,
    "weighted": choose_by_weight,
    "performance": choose_by_latency,
    "geographic": choose_by_region,
    "multivalue": choose_all,
    "subnet": choose_by_subnet,
}


def sort_by_priority(endpoints: Endpoints) -> list[TrafficManagerEndpoint]:
    """Sort endpoints by priority, best first."""
    return sorted(endpoints, key=lambda endpoint: endpoint.priority)


def keep_if_live(endpoint: TrafficManagerEndpoint | None, candidates: Candidates) -> Endpoints:
    """A tuple with the endpoint if it is live, else an empty one."""
    return (endpoint,) if endpoint is not None and endpoint in candidates.live else ()


def draw_endpoint(endpoints: Endpoints, draw: float, *, even: bool = False) -> Choice:
    """Choose one endpoint by ``draw``; the rest of ``draw``, scaled to 0 to 1, decides in nested profiles."""
    if len(endpoints) < 2:
        return Choice(endpoints, draw)
    weights = [1 if even else endpoint.weight for endpoint in endpoints]
    at = (draw % 1.0) * sum(weights)
    for endpoint, weight in zip(endpoints, weights, strict=True):
        if at < weight:
            return Choice((endpoint,), at / weight, drawn=True)
        at -= weight
    return Choice(endpoints[-1:], 0.0, drawn=True)
