"""How names of the inventory, of SPNs and of links are matched with the zones, and for how long use is looked for."""

from __future__ import annotations

import pytest
from conftest_plans import FixedCounts, critical, levels, plan_of, plan_zones

from ssosim.changes.drift import compare_with_desired
from ssosim.changes.inventory import Alert, Endpoint, ExpectedAnswer, Inventory, parse_inventory
from ssosim.changes.references import find_references
from ssosim.changes.risk import Level
from ssosim.dns.zones.rrset import to_name
from ssosim.spn import read_spn_host
from tests.changes.test_profile_answers import API, OF_ALL, profile, zones_with
from tests.dns.zone_texts import read_zones

LOGIN = "login.contoso.com"


@pytest.mark.parametrize("written", [LOGIN, f"{LOGIN}.", LOGIN.upper(), f"{LOGIN.title()}."])
def test_an_endpoint_is_found_however_its_name_is_written(written: str) -> None:
    """Letters and the last dot mean nothing: a critical endpoint is critical, or nobody would notice that it is not."""
    inventory = critical(written)
    assert inventory.endpoint(LOGIN) is inventory.endpoint(f"{LOGIN}.") is inventory.endpoints[0]
    plan = plan_of("login A 192.0.2.1\n", "login A 192.0.2.2\n", inventory=inventory)
    assert levels(plan, f"{LOGIN} A is marked critical") == [Level.HIGH]
    assert [each.kind for each in plan.references] == ["inventory"]
    assert inventory.find_unlisted([LOGIN]) == ()
    assert inventory.completeness([LOGIN]) == 1
    assert inventory.severity_of(LOGIN) == 2


def test_two_spellings_of_one_endpoint_are_one() -> None:
    """A file that lists a name twice, once with its last dot, is refused: which entry counts would be chance."""
    entry = '[[endpoints]]\nname = "{}"\nowner = "team"\nflow = "core"\n'
    text = entry.format(LOGIN) + entry.format(f"{LOGIN.upper()}.")
    with pytest.raises(ValueError, match="is listed twice"):
        parse_inventory(text, "inventory.toml")


@pytest.mark.parametrize(
    ("name", "is_host"),
    [
        (LOGIN, True),
        ("*.contoso.com", True),
        ("host_1", True),
        (f"https://{LOGIN}/", False),
        (f"{LOGIN}:443", False),
        (f" {LOGIN}", False),
        ("b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher.contoso.com", False),
        ("", False),
    ],
)
def test_an_endpoint_that_nothing_can_match_is_refused(name: str, is_host: bool) -> None:
    """A URL or a port in the name made a critical endpoint one that no change touches."""
    text = f'[[endpoints]]\nname = "{name}"\nowner = "team"\nflow = "core"\ncritical = true\n'
    if is_host:
        assert parse_inventory(text, "inventory.toml").endpoint(name)
    else:
        with pytest.raises(ValueError, match="is no host name, so nothing could match it"):
            parse_inventory(text, "inventory.toml")


def test_a_zone_to_scan_that_is_not_there_is_a_finding() -> None:
    """Drift detection of a misspelt zone compares nothing, which must not look like no drift (TMS9-038)."""
    zones = read_zones(contoso_com="www A 192.0.2.1\n")
    for scope, kinds in ((("contso.com",), ["zone-missing"]), (("contoso.com.",), [])):
        found = compare_with_desired(zones, zones, Inventory(scan_zones=scope))
        assert [each.kind for each in found] == kinds


def test_alerts_and_chains_are_matched_alike() -> None:
    """An alert rule with a last dot is no alert for another endpoint, and a chain is that of the answers."""
    inventory = Inventory(
        endpoints=(Endpoint(name=LOGIN, owner="team", flow="core"),), alerts=(Alert(name="down", endpoint=f"{LOGIN}."),)
    )
    assert inventory.find_misnamed_alerts() == ()
    assert ExpectedAnswer(chain=(f"{LOGIN}.", "a.test")).chain == (LOGIN, "a.test")


@pytest.mark.parametrize(
    ("spn", "host"),
    [
        (f"HTTP/{LOGIN}", LOGIN),
        (f"HTTP/{LOGIN.upper()}", LOGIN),
        (f"HTTP/{LOGIN}:443", LOGIN),
        (f"HTTP/{LOGIN}.", LOGIN),
        (f"ldap/{LOGIN}/contoso.com", LOGIN),
        (f"ldap/{LOGIN}:389/contoso.com", LOGIN),
        ("HTTP", ""),
        ("", ""),
    ],
)
def test_the_host_of_an_spn(spn: str, host: str) -> None:
    """An SPN is ``SERVICE/HOST:PORT/NAME``; port and name are optional (Microsoft, name formats for unique SPNs)."""
    assert read_spn_host(spn) == host
    zones = read_zones(contoso_com="login A 192.0.2.1\n")
    found = find_references(zones, [to_name(LOGIN)], (), [spn], Inventory())
    assert [each.kind for each in found] == (["SPN"] if host else [])


def test_a_name_with_an_spn_is_not_deleted_lightly() -> None:
    """Clients ask for tickets for that name: its deletion is high, whatever the SPN has behind the host."""
    plan = plan_of("login A 192.0.2.1\n", "", spns=(f"HTTP/{LOGIN}:8443/x",))
    assert levels(plan, f"{LOGIN} A is deleted and something refers to it") == [Level.HIGH]


@pytest.mark.parametrize(("ttl", "wanted"), [(60, 300), (300, 300), (3600, 3600)])
def test_use_of_a_name_that_leads_to_a_change(ttl: int, wanted: int) -> None:
    """TMS9-089: caches keep the CNAME for its own TTL, and hide the queries for it, whatever the TTL of the target."""
    counts = FixedCounts({})
    link = f"www {ttl} CNAME target\n"
    plan_of(f"{link}target 60 A 192.0.2.1\n", f"{link}target 60 A 192.0.2.2\n", counts=counts)
    assert counts.windows == {"target.contoso.com": 60, "www.contoso.com": wanted}


@pytest.mark.parametrize(("ttl", "wanted"), [(60, 300), (7200, 7200)])
def test_use_of_an_alias_of_a_profile_that_changes(ttl: int, wanted: int) -> None:
    """An alias record set has a TTL of its own, for which its queries are hidden when the profile changes."""
    counts = FixedCounts({})
    moved = profile("priority", {"name": "any", "address": "192.0.2.9"})
    before, after = (zones_with(each, ttl=ttl) for each in (OF_ALL, moved))
    plan_zones(before, after, counts=counts)
    assert counts.windows[API] == wanted


def test_a_longer_window_of_the_change_holds_for_all() -> None:
    """The window that a change asks for is never made shorter by a TTL."""
    counts = FixedCounts({})
    texts = ("www 60 CNAME target\ntarget A 192.0.2.1\n", "www 60 CNAME target\ntarget A 192.0.2.2\n")
    plan_of(*texts, counts=counts, window=86_400)
    assert set(counts.windows.values()) == {86_400}
