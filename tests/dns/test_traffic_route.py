"""Which endpoints a profile chooses: a pure function."""

from __future__ import annotations

import ipaddress
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.dns.zones.query_context import Health, Locations, QueryContext, Status, contains, deciding_bits, network
from ssosim.dns.zones.traffic_manager import MAX_NESTING, RoutingResult, route, status_of
from ssosim.estate import Location, TrafficManager, TrafficManagerEndpoint
from ssosim.estate.model import Routing


def endpoint(name: str, number: int = 1, **more: object) -> TrafficManagerEndpoint:
    """An endpoint with an address, unless ``more`` says otherwise."""
    target = {} if "profile" in more or "target" in more else {"address": f"192.0.2.{number}"}
    return TrafficManagerEndpoint(name=name, **target, **more)  # type: ignore[arg-type]


def profile(routing: Routing, *endpoints: TrafficManagerEndpoint, name: str = "p", **more: object) -> TrafficManager:
    """A profile."""
    return TrafficManager(name=name, dns_name=f"{name}.tm.test", routing=routing, endpoints=endpoints, **more)  # type: ignore[arg-type]


def chosen(
    asked: TrafficManager,
    *others: TrafficManager,
    context: QueryContext | None = None,
    locations: Locations | None = None,
) -> RoutingResult:
    """What ``asked`` chooses."""
    known = {each.name: each for each in (asked, *others)}
    return route(asked, known, context or QueryContext(), locations or Locations())


def names(routed: RoutingResult) -> list[str]:
    """The names of the endpoints chosen."""
    return [each.name for each in routed.endpoints]


LOCATIONS = Locations(
    (
        Location(
            name="westeurope",
            subnets=("10.1.0.0/16",),
            regions=("NL", "GEO-EU"),
            latency={"westeurope": 2, "eastus": 80, "asia": 200},
        ),
        Location(
            name="eastus",
            subnets=("10.2.0.0/16", "2001:db8::/32"),
            regions=("US", "GEO-NA"),
            latency={"westeurope": 81, "eastus": 2, "asia": 150},
        ),
        Location(name="bavaria", subnets=("10.1.7.0/24",), regions=("DE-BY", "DE", "GEO-EU")),
    )
)
EUROPE, AMERICA, BAVARIA, MARS = (
    QueryContext(network(text)) for text in ("10.1.2.3", "10.2.2.3", "10.1.7.9", "203.0.113.1")
)
THREE = (endpoint("a", 1, priority=2), endpoint("b", 2, priority=1), endpoint("c", 3, priority=3))


def health(**states: Status) -> Health:
    """The state of endpoints of the profile p."""
    return {("p", name): status for name, status in states.items()}


@pytest.mark.parametrize(
    ("states", "expected"),
    [
        ({}, ["b"]),
        ({"b": "degraded"}, ["a"]),
        ({"b": "stopped", "a": "degraded"}, ["c"]),
        ({"b": "checking"}, ["b"]),
        ({"a": "degraded", "b": "degraded", "c": "degraded"}, ["b"]),
        ({"a": "degraded", "b": "stopped", "c": "degraded"}, ["a"]),
        ({"a": "stopped", "b": "stopped", "c": "stopped"}, []),
    ],
)
def test_priority_takes_the_best_that_is_well(states: dict[str, Status], expected: list[str]) -> None:
    """TMS9-062: a degraded endpoint leaves rotation; if all are degraded, all are used; stopped ones never."""
    assert names(chosen(profile("priority", *THREE), context=QueryContext(health=health(**states)))) == expected


def test_a_disabled_endpoint_and_a_disabled_profile() -> None:
    """azure-traffic-manager: a disabled endpoint is never answered with; a disabled profile is NXDOMAIN, not empty."""
    off = (endpoint("a", 1, enabled=False), endpoint("b", 2, priority=9))
    assert names(chosen(profile("priority", *off))) == ["b"]
    gone = chosen(profile("priority", *THREE, enabled=False))
    assert (gone.missing, gone.endpoints) == (True, ())
    assert not chosen(profile("priority", *off[:1])).missing


@given(st.lists(st.integers(1, 1000), min_size=1, max_size=8), st.floats(0, 1, exclude_max=True))
def test_weighted_takes_one_in_proportion(weights: list[int], draw: float) -> None:
    """The draw falls on the endpoint whose share of the weights it lies in."""
    endpoints = [endpoint(str(n), n, weight=weight) for n, weight in enumerate(weights)]
    routed = chosen(profile("weighted", *endpoints), context=QueryContext(draw=draw))
    (name,) = names(routed)
    below = sum(weights[: int(name)])
    assert below <= draw * sum(weights) + 1e-9
    assert draw * sum(weights) <= below + weights[int(name)] + 1e-9
    assert routed.drawn == (len(weights) > 1)


@pytest.mark.parametrize("draw", [-1.0, -1e-18, 1.0, 7.3, 1e300, float("inf"), float("nan")])
def test_weighted_survives_any_draw(draw: float) -> None:
    """cloudflare-dns-2016: a random source gone wrong (one became negative) still gets an endpoint, no error."""
    assert len(names(chosen(profile("weighted", *THREE), context=QueryContext(draw=draw)))) == 1


def test_a_draw_serves_every_level() -> None:
    """Weighted profiles nested in a weighted profile are independent: all leaves come up, by their shares."""
    left = profile("weighted", endpoint("l1", 1), endpoint("l2", 2, weight=3), name="left")
    right = profile("weighted", endpoint("r1", 3), endpoint("r2", 4), name="right")
    top = profile("weighted", endpoint("x", profile="left"), endpoint("y", profile="right"))
    counts = Counter(
        names(chosen(top, left, right, context=QueryContext(draw=(step + 0.5) / 800)))[0] for step in range(800)
    )
    assert counts == {"l1": 100, "l2": 300, "r1": 200, "r2": 200}


BY_LATENCY = profile(
    "performance",
    endpoint("weu", 1, location="westeurope"),
    endpoint("eus", 2, location="eastus"),
    endpoint("sea", 3, location="asia"),
)


@pytest.mark.parametrize(
    ("context", "states", "expected"),
    [
        (EUROPE, {}, "weu"),
        (AMERICA, {}, "eus"),
        (QueryContext(network("2001:db8:1::/48")), {}, "eus"),
        (EUROPE, {"weu": "degraded"}, "eus"),
        (AMERICA, {"eus": "degraded"}, "weu"),
        (MARS, {}, "weu"),
        (QueryContext(), {}, "weu"),
    ],
)
def test_performance_takes_the_nearest_that_is_well(
    context: QueryContext, states: dict[str, Status], expected: str
) -> None:
    """TMS9-060, TMS9-061: the answer depends on the client network; the next nearest replaces a degraded one."""
    here = QueryContext(context.subnet, health(**states))
    routed = chosen(BY_LATENCY, context=here, locations=LOCATIONS)
    assert (names(routed), routed.by_location) == ([expected], True)


def test_performance_spreads_over_endpoints_at_one_location() -> None:
    """Two endpoints in the nearest location share its traffic evenly, whatever their weights."""
    two = profile(
        "performance", *(endpoint(name, 1, location="eastus", weight=9 if name == "a" else 1) for name in "ab")
    )
    counts = Counter(
        names(chosen(two, context=QueryContext(AMERICA.subnet, draw=step / 10), locations=LOCATIONS))[0]
        for step in range(10)
    )
    assert counts == {"a": 5, "b": 5}


REGIONS = (endpoint("de", 1, regions=("DE",)), endpoint("eu", 2, regions=("GEO-EU",)))


@pytest.mark.parametrize(
    ("context", "states", "world", "expected"),
    [
        (BAVARIA, {}, False, ["de"]),
        (EUROPE, {}, False, ["eu"]),
        (AMERICA, {}, False, []),
        (AMERICA, {}, True, ["rest"]),
        (MARS, {}, True, ["rest"]),
        (BAVARIA, {"de": "degraded"}, True, ["de"]),
        (BAVARIA, {"de": "stopped"}, True, []),
    ],
)
def test_geographic_takes_the_most_specific_region(
    context: QueryContext, states: dict[str, Status], world: bool, expected: list[str]
) -> None:
    """azure-traffic-manager: unmapped region or stopped endpoint is NODATA; a region has no stand-in, no wider one."""
    endpoints = (*REGIONS, endpoint("rest", 3, regions=("WORLD",))) if world else REGIONS
    here = QueryContext(context.subnet, health(**states))
    assert names(chosen(profile("geographic", *endpoints), context=here, locations=LOCATIONS)) == expected


def test_subnet_routing() -> None:
    """The longest matching subnet, else the endpoint without one, else NODATA."""
    mapped = (endpoint("lab", 1, subnets=("10.1.0.0/16",)), endpoint("desk", 2, subnets=("10.1.7.0/24",)))
    both = profile("subnet", *mapped, endpoint("rest", 3))
    assert [names(chosen(both, context=who))[0] for who in (EUROPE, BAVARIA, MARS)] == ["lab", "desk", "rest"]
    assert names(chosen(profile("subnet", *mapped), context=MARS)) == []


def test_multivalue_takes_all_that_are_well() -> None:
    """Every healthy endpoint, best priority first; the limit goes with it, for after the family is known."""
    routed = chosen(profile("multivalue", *THREE, max_return=2), context=QueryContext(health=health(c="degraded")))
    assert (names(routed), routed.limit) == (["b", "a"], 2)


def test_nested_profiles_count_their_children() -> None:
    """MinChildEndpoints: with fewer children well the parent goes elsewhere; if all are bad, as if all were well."""
    child = profile("priority", endpoint("x", 1), endpoint("y", 2, priority=2), name="child")
    top = profile("priority", endpoint("n", profile="child", min_children=2), endpoint("z", 3, priority=2))
    assert names(chosen(top, child)) == ["x"]
    assert chosen(top, child).profiles == ("p", "child")
    one_bad: Health = {("child", "x"): "degraded"}
    assert names(chosen(top, child, context=QueryContext(health=one_bad))) == ["z"]
    all_bad: Health = {**one_bad, ("child", "y"): "degraded", ("p", "z"): "degraded"}
    assert names(chosen(top, child, context=QueryContext(health=all_bad))) == ["x"]


@pytest.mark.parametrize(
    "child",
    [
        profile("priority", endpoint("x", 1), name="child", enabled=False),
        profile("priority", endpoint("x", 1, enabled=False), name="child"),
        profile("priority", name="child"),
    ],
)
def test_a_nested_profile_that_cannot_answer_is_stopped(child: TrafficManager) -> None:
    """A disabled or empty child is never answered with, even if nothing else is left; the parent stays NODATA."""
    top = profile("priority", endpoint("n", profile="child"))
    routed = chosen(top, child)
    assert (routed.endpoints, routed.missing) == ((), False)
    assert status_of(top, top.endpoints[0], {"child": child}, {}) == "stopped"


def test_a_loop_of_profiles_ends() -> None:
    """Changes refuse loops; should one come in another way, routing still ends, with nothing."""
    loop = profile("priority", endpoint("self", profile="p"))
    assert names(chosen(loop)) == []
    deep = [
        profile(
            "priority", endpoint("e", profile=f"d{n + 1}") if n < MAX_NESTING - 1 else endpoint("end"), name=f"d{n}"
        )
        for n in range(MAX_NESTING)
    ]
    assert names(chosen(*deep)) == ["end"]


ADDRESSES = st.integers(0, 2**32 - 1).map(ipaddress.IPv4Address)
SUBNETS = st.tuples(ADDRESSES, st.integers(0, 32)).map(lambda pair: ipaddress.ip_network(pair, strict=False))


@given(st.lists(SUBNETS, max_size=6), SUBNETS, st.data())
def test_the_scope_holds_for_all_who_share_it(
    nets: list[ipaddress.IPv4Network], asker: ipaddress.IPv4Network, data: st.DataObject
) -> None:
    """RFC 7871: everybody who shares the leading bits named by the scope is in the same networks as the asker."""
    bits = deciding_bits(asker, nets)
    if bits > asker.prefixlen:  # a network lies inside the asker's: a longer prefix could be told more
        assert any(net.prefixlen > asker.prefixlen and net.subnet_of(asker) for net in nets)
        return
    noise = data.draw(st.integers(0, 2 ** (32 - bits) - 1)) if bits < 32 else 0
    shared = int(asker.network_address) >> (32 - bits) << (32 - bits)
    other = ipaddress.ip_network((shared | noise, 32))
    mine = [contains(net, ipaddress.ip_network((int(asker.network_address), 32))) for net in nets]
    assert mine == [contains(net, other) for net in nets]


@given(SUBNETS, SUBNETS)
def test_contains_is_what_the_library_says(outer: ipaddress.IPv4Network, inner: ipaddress.IPv4Network) -> None:
    """Our quick test for "lies in" agrees with ipaddress."""
    assert contains(outer, inner) == inner.subnet_of(outer)
