"""Checks of traffic manager profiles, and of the network locations of DNS clients.

They are used for estate files, and for profiles that are added while the lab runs.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Iterator

from ssosim.estate.model import Location, Monitor, TrafficManager, TrafficManagerEndpoint
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_location_mistakes", "find_profile_mistakes"]

_REGION = re.compile(r"WORLD|GEO-(AF|AP|AS|EU|ME|NA|SA)|[A-Z]{2}(-[A-Z0-9]{1,3})?")
"""WORLD, a group of countries, a country or a state. Source: Traffic Manager documentation, geographic hierarchy."""

_TIMEOUTS = {30: range(5, 11), 10: range(5, 10)}
"""Allowed timeouts by interval, seconds. Source: Traffic Manager documentation, endpoint monitoring."""


def find_profile_mistakes(profile: TrafficManager) -> Iterator[tuple[KeyPath, str]]:
    """Yield each mistake in ``profile`` with its key path. References to other profiles are not checked here."""
    if profile.monitor is not None:
        yield from _monitor_mistakes(profile.monitor)
    names: set[str] = set()
    regions: set[str] = set()
    subnets: set[str] = set()
    for number, endpoint in enumerate(profile.endpoints):
        here: KeyPath = ("endpoints", number)
        if endpoint.name in names:
            yield (*here, "name"), f"endpoint {endpoint.name!r} is there twice: give each its own name"
        names.add(endpoint.name)
        for path, text in (*_target_mistakes(endpoint), *_method_mistakes(profile, endpoint)):
            yield (*here, *path), text
        yield from _region_mistakes(here, endpoint.regions)
        for region in endpoint.regions:
            if region in regions:
                yield (*here, "regions"), f"region {region!r} is mapped already: a region has one endpoint"
            regions.add(region)
        for path, text in _subnet_mistakes(endpoint.subnets, subnets):
            yield (*here, *path), text


def find_location_mistakes(locations: Iterable[Location]) -> Iterator[tuple[KeyPath, str]]:
    """Yield each mistake in network locations, with its key path."""
    names: set[str] = set()
    subnets: set[str] = set()
    for number, location in enumerate(locations):
        if location.name in names:
            yield (number, "name"), f"location {location.name!r} is there twice"
        names.add(location.name)
        yield from _region_mistakes((number,), location.regions)
        for path, text in _subnet_mistakes(location.subnets, subnets):
            yield (number, *path), text


def _region_mistakes(here: KeyPath, regions: Iterable[str]) -> Iterator[tuple[KeyPath, str]]:
    for number, region in enumerate(regions):
        if not _REGION.fullmatch(region):
            yield (*here, "regions", number), f"{region!r} is no region; expected e.g. DE, US-CA, GEO-EU or WORLD"


def _monitor_mistakes(monitor: Monitor) -> Iterator[tuple[KeyPath, str]]:
    allowed = _TIMEOUTS[monitor.interval]
    if monitor.timeout is not None and monitor.timeout not in allowed:
        yield (
            ("monitor", "timeout"),
            f"with interval = {monitor.interval} the timeout is {allowed[0]} to {allowed[-1]} seconds",
        )
    for number, span in enumerate(monitor.expected):
        low, _, high = span.partition("-")
        if high and int(low) > int(high):
            yield ("monitor", "expected", number), f"{span!r} has the larger number first: write it as low-high"


def _target_mistakes(endpoint: TrafficManagerEndpoint) -> Iterator[tuple[KeyPath, str]]:
    given = [key for key in ("address", "target", "profile") if getattr(endpoint, key) is not None]
    if len(given) != 1:
        text = f"endpoint {endpoint.name!r} has {' and '.join(given) or 'none of them'}"
        yield (), f"{text}: give one of address (IP), target (DNS name) and profile (nested)"
    if endpoint.address is not None:
        try:
            ipaddress.ip_address(endpoint.address)
        except ValueError:
            yield ("address",), f"{endpoint.address!r} is not an IP address; a DNS name goes into target"


def _method_mistakes(profile: TrafficManager, endpoint: TrafficManagerEndpoint) -> Iterator[tuple[KeyPath, str]]:
    match profile.routing:
        case "multivalue" if endpoint.address is None:
            yield ("address",), f"endpoint {endpoint.name!r}: multivalue routing takes IP addresses only"
        case "performance" if not endpoint.location:
            yield ("location",), f"endpoint {endpoint.name!r}: performance routing needs the endpoint's location"
        case "geographic" if not endpoint.regions:
            yield ("regions",), f"endpoint {endpoint.name!r}: geographic routing needs regions, e.g. GEO-EU or WORLD"


def _subnet_mistakes(subnets: Iterable[str], seen: set[str]) -> Iterator[tuple[KeyPath, str]]:
    for number, text in enumerate(subnets):
        try:
            subnet = str(ipaddress.ip_network(text))
        except ValueError as error:
            yield ("subnets", number), f"{text!r} is not a subnet ({error}); expected e.g. 192.0.2.0/24"
            continue
        if subnet in seen:
            yield ("subnets", number), f"{text} is mapped already"
        seen.add(subnet)
