"""For how long a change hurts: the forecast beside a lab in memory whose resolver really caches."""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import pytest
from conftest_ops import AUTOLOGON, PROFILE, cname_for_alias

from ssosim.changes.operations import apply_operations
from ssosim.dns import ZoneSet, delete_profile, put_rrset, zones_of
from ssosim.dns.imports.import_errors import assemble
from ssosim.dns.zones.edits import remove_name
from ssosim.entra import Keys
from ssosim.estate import DnsResolver, Estate, default_estate
from ssosim.memory import Engine, MemoryLab, memory_device
from ssosim.report.dns import timing_text
from ssosim.scenario.forecast import forecast
from ssosim.scenario.forecast_times import CacheWindows, Timing, measure_windows
from tests.dns.zone_texts import zone_of

SSO = "microsoftazuread-sso.com"
CUT = f"{SSO}. 7200 NS ns1.sso.invalid.\n"

MODEL = "ssms"
"""It fails at the first error and keeps nothing: its outcome is that of the answers at this moment."""


def make_estate(**settings: float) -> Estate:
    """The default estate with one caching resolver for all devices."""
    resolver = DnsResolver(name="office", address="10.10.0.54", **settings)  # type: ignore[arg-type]
    return msgspec.structs.replace(default_estate(), resolvers=(resolver,))


@pytest.fixture(scope="module")
def keys() -> Keys:
    """Signing keys, made once."""
    return Keys.generate([service.name for service in default_estate().federation_services])


def lose_profile(zones: ZoneSet) -> ZoneSet:
    """25 February 2025: the alias is emptied (NODATA)."""
    return delete_profile(zones, PROFILE)


def lose_name(zones: ZoneSet) -> ZoneSet:
    """The name is removed (NXDOMAIN)."""
    return remove_name(zones, AUTOLOGON)


def gain_cname(zones: ZoneSet) -> ZoneSet:
    """A CNAME instead of the alias: the bad answer is positive."""
    return apply_operations(zones, cname_for_alias())


def wrong_address(zones: ZoneSet) -> ZoneSet:
    """Another address, with a short TTL of its own."""
    return put_rrset(zones, AUTOLOGON, "A", ["203.0.113.9"], 20)


CASES: list[tuple[Callable[[ZoneSet], ZoneSet], dict[str, float], tuple[float, float]]] = [
    (lose_profile, {}, (300, 60)),
    (lose_name, {}, (300, 60)),
    (lose_name, {"max_ttl": 120, "max_negative_ttl": 30}, (120, 30)),
    (lose_name, {"min_ttl": 600}, (600, 600)),
    (gain_cname, {}, (300, 300)),
    (wrong_address, {}, (300, 20)),
]


@pytest.mark.parametrize(("break_it", "settings", "expected"), CASES)
def test_the_windows_are_those_of_a_resolver(
    break_it: Callable[[ZoneSet], ZoneSet],
    settings: dict[str, float],
    expected: tuple[float, float],
    keys: Keys,
):
    """RFC 1035, RFC 2308: the last client is hurt, and recovers, exactly when a resolver's cache loses the answer.

    A client that asks for AAAA as well may be hurt earlier: that the name is gone, or is a CNAME, is true of all types.
    """
    estate = make_estate(**settings)
    good = zones_of(estate)
    bad = break_it(good)
    timing = next(each.timing for each in forecast(good, bad, estate, keys).models if each.names == (MODEL,))
    assert timing == Timing(first_hurt_s=0, last_hurt_s=expected[0], last_recovered_s=expected[1], retries=False)

    lab = MemoryLab(Engine(1_740_000_000.0), estate, zones=good, keys=keys)
    began = lab.engine.now

    def told(at: float) -> object:
        """What a device that asks for IPv4 addresses alone is told at this moment."""
        lab.engine.run(at)
        run = lab.engine.start(memory_device(lab, f"{MODEL}-{at}", "desk-1").resolver.resolve(AUTOLOGON, "ipv4"))
        lab.engine.run(watched=run)
        return type(run.error) if run.error is not None else run.result

    healthy = told(began)  # the resolver has the good answer now
    lab.zones.change(lambda _: bad)
    assert told(began + timing.last_hurt_s - 1) == healthy
    hurt = began + timing.last_hurt_s + 1
    assert told(hurt) != healthy  # and now the bad one
    lab.zones.change(lambda _: good)
    assert told(hurt + timing.last_recovered_s - 1) != healthy
    assert told(hurt + timing.last_recovered_s + 1) == healthy


def read(texts: dict[str, str], negative: int = 300) -> ZoneSet:
    """The zones of these texts by their names; ``negative`` is the TTL of negative answers."""
    soa = f"@ {negative} SOA ns1.lab.invalid. h.lab.invalid. 1 3600 900 1209600 {negative}\n"
    head = f"$TTL 300\n{soa}"
    return assemble([zone_of(f"{head}{text}", f"{name}.") for name, text in texts.items()])


def test_without_resolvers_the_limits_are_the_widest() -> None:
    """BIND keeps records for a week and a missing name for three hours (max-cache-ttl, max-ncache-ttl)."""
    good, gone = (read({SSO: text}, negative=86400) for text in ("autologon 2000000 A 192.0.2.20\n", ""))
    assert measure_windows([good], [gone], [AUTOLOGON], default_estate()) == CacheWindows(604_800, 10_800)


CHILD = {SSO: "autologon 60 A 192.0.2.20\n@ 600 NS ns1.sso.invalid.\n"}
LEFT_BEHIND = [
    ("delegation removed", {"com": CUT} | CHILD, {"com": ""}, CacheWindows(7200, 300)),
    ("zone removed", {"com": "x A 192.0.2.1\n"} | CHILD, {"com": "x A 192.0.2.1\n"}, CacheWindows(600, 300)),
    ("another TTL of the servers", CHILD, {SSO: CHILD[SSO].replace("600", "900") + "x A 192.0.2.1\n"}, None),
    (
        "another TTL, and another address",
        CHILD,
        {SSO: CHILD[SSO].replace("600", "900").replace(".20", ".21")},
        CacheWindows(60, 60),
    ),
    (
        "other servers",
        {SSO: CHILD[SSO].replace("600", "900").replace("ns1", "ns9").replace(".20", ".21")},
        CHILD,
        CacheWindows(900, 600),
    ),
]


@pytest.mark.parametrize(("why", "before", "after", "wanted"), LEFT_BEHIND, ids=[each[0] for each in LEFT_BEHIND])
def test_how_long_resolvers_follow_name_servers(
    why: str, before: dict[str, str], after: dict[str, str], wanted: CacheWindows | None
) -> None:
    """A resolver asks the servers that it knows until their NS records expire, those of the parent zone or the child.

    That the zone above refers to a zone again is seen at once, since its servers stay the same.
    """
    found = measure_windows([read(before)], [read(after)], [AUTOLOGON], default_estate())
    assert found == wanted, why


def test_a_policy_that_waits_recovers_later(keys: Keys):
    """A model that tries again by itself notices a repair after its longest pause; intune-agent waits for an hour."""
    estate = make_estate()
    good = zones_of(estate)
    found = forecast(good, lose_profile(good), estate, keys)
    timings = {each.names[0]: each.timing for each in found.models if each.timing is not None}
    assert set(timings) == set(found.worse)
    assert timings["office"].retries
    assert timings["office"].last_recovered_s == 60 + 300
    assert timings["intune-agent"].last_recovered_s == 60 + 3600
    [view] = found.views
    text = timing_text(view)
    assert text.startswith("the first clients are hurt at once, the last after 300 s")
    assert "models do not try again by themselves" in text
