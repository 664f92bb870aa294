"""The forecast asks as everybody asks: places, shares, address families, resolvers, devices, names outside."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from types import SimpleNamespace

import msgspec
import pytest
from conftest_ops import AUTOLOGON, PROFILE, change
from conftest_trees import geographic, manager_toml, write_tree
from dns.rdatatype import A

from ssosim.changes.answers import content_of
from ssosim.changes.approvals import load_policy
from ssosim.changes.change_control import ChangeControl
from ssosim.changes.diff import compare
from ssosim.changes.inventory import Inventory, default_inventory, make_inventory
from ssosim.changes.ledger import Ledger
from ssosim.changes.operations import PutProfile
from ssosim.changes.risk import Level
from ssosim.dns import ZoneSet, ZoneStore, put_rrset, zones_of
from ssosim.dns.imports import read_tree
from ssosim.dns.zones.answer import answer
from ssosim.dns.zones.edits import put_profile, remove_name, remove_rrset
from ssosim.dns.zones.rrset import to_name
from ssosim.entra import Keys
from ssosim.estate import Device, DnsResolver, Estate, TrafficManagerEndpoint, User, default_estate
from ssosim.scenario.check_result import CheckResult
from ssosim.scenario.dns_check import CheckSettings, check_trees
from ssosim.scenario.forecast import Forecast, forecast
from ssosim.scenario.geography import describe_region, enclosing_regions
from ssosim.scenario.live import LiveScenarioHandlers

ESTATE = default_estate()
WEU, NEU, NOWHERE = "192.0.2.20", "192.0.2.21", "203.0.113.9"


@pytest.fixture(scope="module")
def keys() -> Keys:
    """Signing keys, made once."""
    return Keys.generate([service.name for service in ESTATE.federation_services])


@pytest.fixture(scope="module")
def zones() -> ZoneSet:
    """The zones of the default estate."""
    return zones_of(ESTATE)


def losers(found: Forecast) -> dict[str, int]:
    """The number of models that are worse off, by place; places without any are left out."""
    return {place: len(view.worse) for view in found.views for place in view.places or ("",) if view.worse}


def check(before: Path, after: Path, keys: Keys, estate: Estate = ESTATE) -> CheckResult:
    """The result of a check with the usual criteria."""
    settings = CheckSettings(policy=load_policy("strict"), inventory=Inventory())
    return check_trees(read_tree(before), read_tree(after), estate, lambda: keys, settings)


def test_who_loses_is_named_by_region(tmp_path: Path, keys: Keys):
    """A profile by region: North America loses, Europe does not; the rest had no address before, which is no loss."""
    before = write_tree(tmp_path / "a", geographic(WEU, NEU))
    after = write_tree(tmp_path / "b", geographic(WEU, NOWHERE))
    result = check(before, after, keys)
    [found] = result.forecast
    assert losers(found) == {"North America": 30}
    assert result.outcome == "fail"
    text = f"North America: 30 of 37 models are worse off at {AUTOLOGON}"
    assert text in {each.text for each in result.failed}
    assert text in {each.text for each in result.risk.reasons}
    places = {place for view in found.views for place in view.places}
    assert {"Europe", "Asia", "Africa", "Middle East", "South America", "Australia and Pacific"} <= places


def test_a_country_is_looked_up_in_its_continent(tmp_path: Path, keys: Keys):
    """Moving DE to an endpoint of its own changes Germany alone: before, GEO-EU answered for it."""
    assert enclosing_regions("US-CA") == ("US-CA", "US", "GEO-NA")
    assert describe_region("DE") == "DE (Europe)"
    before = write_tree(tmp_path / "a", geographic(WEU, NEU))
    own = f'{{ name = "de", address = "{NOWHERE}", regions = ["DE"] }}'
    both = geographic(WEU, NEU).replace("endpoints = [", f"endpoints = [{own}, ")
    found = check(before, write_tree(tmp_path / "b", both), keys).forecast[0]
    assert losers(found) == {"DE (Europe)": 30}


def test_disabled_endpoints_are_high_risk_and_need_two_people(tmp_path: Path, keys: Keys):
    """Both endpoints disabled: 30 of 37 models worse off was risk medium and one approval."""
    weu, neu = (f'{{ name = "{name}", address = "{at}", enabled = true }}' for name, at in (("weu", WEU), ("neu", NEU)))
    endpoints = f"{weu}, {neu}"
    before = write_tree(tmp_path / "a", manager_toml(endpoints))
    after = write_tree(tmp_path / "b", manager_toml(endpoints.replace("true", "false")))
    result = check(before, after, keys)
    assert (result.risk.level, result.approvals.needed) == (Level.HIGH.word, 2)
    assert losers(result.forecast[0]) == {"": 30}
    assert result.changes.profiles[0].fields == ("endpoint weu: enabled yes → no", "endpoint neu: enabled yes → no")


def test_shares_of_weighted_routing_are_told(zones: ZoneSet, keys: Keys):
    """One of two endpoints moves to a dead address: a quarter of the sign-ins by its weight; more weight, more loss."""

    def weighted(weight: int, address: str) -> ZoneSet:
        own = zones.profiles[PROFILE]
        endpoints = (
            TrafficManagerEndpoint(name="weu", address=WEU, weight=3),
            TrafficManagerEndpoint(name="neu", address=address, weight=weight),
        )
        return put_profile(zones, msgspec.structs.replace(own, routing="weighted", endpoints=endpoints))

    found = forecast(weighted(1, NEU), weighted(1, NOWHERE), ESTATE, keys)
    office = next(each for each in found.models if each.names == ("office",))
    assert (office.before, office.after) == ("silent", "silent (75%), stalled (25%)")
    assert office.worse_share == pytest.approx(0.25)
    found = forecast(weighted(1, NOWHERE), weighted(3, NOWHERE), ESTATE, keys)
    office = next(each for each in found.models if each.names == ("office",))
    assert office.worse_share == pytest.approx(0.25)
    assert forecast(weighted(3, NOWHERE), weighted(1, NOWHERE), ESTATE, keys).worse == ()


def test_every_field_of_a_profile_is_in_the_difference(zones: ZoneSet):
    """A changed endpoint gave two identical lines: each field of a profile and of an endpoint has its own line."""
    own = zones.profiles[PROFILE]
    for field in TrafficManagerEndpoint.__struct_fields__:
        if field in ("name", "address", "target", "profile"):
            continue
        value = {
            "enabled": False, "priority": 7, "weight": 9, "location": "x", "regions": ("DE",),
            "subnets": ("10.0.0.0/8",), "min_children": 2,
        }[field]  # fmt: skip
        first = msgspec.structs.replace(own.endpoints[0], **{field: value})
        changed = msgspec.structs.replace(own, endpoints=(first, *own.endpoints[1:]))
        after = dataclasses.replace(zones, profiles={**zones.profiles, PROFILE: changed})
        [difference] = compare(zones, after).profiles
        [line] = difference.as_data()["fields"]
        assert line.startswith(f"endpoint weu: {field} "), line
        assert difference.as_data()["before"] != difference.as_data()["after"], field


def test_a_cname_out_of_the_zones_is_unknown_and_not_missing(zones: ZoneSet, keys: Keys):
    """It is assumed to resolve, so that the SPN decides; with the other setting it does not exist. Both are said."""
    after = put_rrset(remove_rrset(zones, AUTOLOGON, "A"), AUTOLOGON, "CNAME", ["cdn.example.net."])
    found = forecast(zones, after, ESTATE, keys)
    models = {each.names[0]: each for each in found.models}
    assert found.outside == ("cdn.example.net",)
    assert (models["office"].after, models["office"].spn_after) == ("refused", ("HTTP/cdn.example.net",))
    assert models["adal-like"].after == "silent"
    missing = forecast(zones, after, ESTATE, keys, outside="missing")
    assert {each.names[0]: each.after for each in missing.models}["adal-like"] == "failed"
    within = put_rrset(remove_rrset(zones, AUTOLOGON, "A"), AUTOLOGON, "CNAME", ["gone.microsoft.com."])
    found = forecast(zones, within, ESTATE, keys)
    assert found.outside == ()
    assert {each.names[0]: each.after for each in found.models}["adal-like"] == "failed"


def test_address_families_are_told_apart(zones: ZoneSet, keys: Keys):
    """Without its AAAA a host is lost for devices with IPv6 alone; a dead AAAA harms only devices with IPv6."""
    six = msgspec.structs.replace(ESTATE.hosts[3], name="autologon-six", address="2001:db8::20")
    estate = msgspec.structs.replace(ESTATE, hosts=(*ESTATE.hosts, six))
    login = msgspec.structs.replace(ESTATE.hosts[2], name="login-six", address="2001:db8::10")
    estate = msgspec.structs.replace(estate, hosts=(*estate.hosts, login))
    base = put_rrset(remove_rrset(zones, AUTOLOGON, "A"), AUTOLOGON, "A", [WEU])
    for host in ESTATE.cloud.login_hosts:
        base = put_rrset(base, host, "AAAA", ["2001:db8::10"])
    both = put_rrset(base, AUTOLOGON, "AAAA", ["2001:db8::20"])
    assert set(losers(forecast(both, base, estate, keys))) == {"IPv6 only"}
    dead = put_rrset(base, AUTOLOGON, "AAAA", ["2001:db8::dead"])
    assert "IPv4 only" not in losers(forecast(both, dead, estate, keys))
    assert "IPv6 only" in losers(forecast(both, dead, estate, keys))


def test_only_the_resolvers_of_a_view_see_a_change(zones: ZoneSet, keys: Keys):
    """A change that is limited to views harms the clients of these resolvers, and of no others."""
    resolvers = (DnsResolver(name="east", address="10.10.0.54"), DnsResolver(name="west", address="10.10.0.55"))
    estate = msgspec.structs.replace(ESTATE, resolvers=resolvers)
    found = forecast(zones, remove_name(zones, AUTOLOGON), estate, keys, views=("east",))
    assert losers(found) == {"resolver east": 30}
    assert set(losers(forecast(zones, remove_name(zones, AUTOLOGON), estate, keys))) == {
        "resolver east",
        "resolver west",
    }


def test_models_are_played_where_they_can_sign_in(zones: ZoneSet, keys: Keys):
    """A first device whose user cannot sign in hides every harm: another device of the estate is taken."""
    newhire = Device(name="first", user="newhire@contoso.com")
    estate = msgspec.structs.replace(ESTATE, devices=(newhire, *ESTATE.devices))
    assert len(forecast(zones, remove_name(zones, AUTOLOGON), estate, keys).worse) == 30
    locked = tuple(msgspec.structs.replace(user, enabled=user.upn != "alice@contoso.com") for user in ESTATE.users)
    estate = msgspec.structs.replace(ESTATE, users=locked)
    assert len(forecast(zones, remove_name(zones, AUTOLOGON), estate, keys).worse) == 30
    assert isinstance(estate.users[0], User)


def test_federated_users_of_every_model_count_for_their_token_service(zones: ZoneSet, keys: Keys):
    """Without sts.fabrikam.com not one model loses but every silent sign-in of a federated user does."""
    found = forecast(zones, remove_name(zones, "sts.fabrikam.com"), ESTATE, keys, "sts.fabrikam.com")
    assert {"federated-user", "office (federated user)"} <= set(found.worse)
    assert "office" not in found.worse


def test_a_record_that_leads_to_another_host_meets_its_certificate(zones: ZoneSet, keys: Keys):
    """TLS ends with a name mismatch, not with a ticket and a 200."""
    found = forecast(zones, put_rrset(zones, AUTOLOGON, "A", ["192.0.2.10"]), ESTATE, keys)
    office = next(each for each in found.models if each.names == ("office",))
    assert office.worse
    assert "certificate was refused: bad-certificate" in office.why


def test_a_copy_of_the_built_in_estate_has_an_inventory_of_its_own():
    """An estate that is called contoso and serves other hosts inherits no owners from the built-in inventory."""
    assert make_inventory(ESTATE) == default_inventory()
    cloud = msgspec.structs.replace(ESTATE.cloud, autologon_host="sso.example.com")
    copy = msgspec.structs.replace(ESTATE, cloud=cloud)
    assert copy.name == ESTATE.name
    names = {each.name for each in make_inventory(copy).endpoints}
    assert "sso.example.com" in names
    assert AUTOLOGON not in names
    assert {each.owner for each in make_inventory(copy).endpoints} == {"(unknown)"}


SIGN_IN = "microsoftonline_com"
LOGIN_AT = "192.0.2.10"


@pytest.mark.parametrize(
    ("before", "after", "loses"),
    [
        (f"*  A {LOGIN_AT}\n", "www A 203.0.113.1\n", True),  # the wildcard that answered is removed
        (f"login A {LOGIN_AT}\n", f"*  A {LOGIN_AT}\n", False),  # a wildcard of the same address takes over
        (f"*  A {LOGIN_AT}\n", f'*  A {LOGIN_AT}\nlogin TXT "x"\n', True),  # RFC 4592: what is created hides it
        (f"*  A {LOGIN_AT}\n", f'*  A {LOGIN_AT}\nx.login TXT "x"\n', True),  # so does a name below (an ACME challenge)
        (f"login A {LOGIN_AT}\n", f'login A {LOGIN_AT}\nlogin CAA 0 iodef "mailto:ca@example.org"\n', False),
    ],
)
def test_wildcards_decide_as_in_answers(tmp_path: Path, keys: Keys, before: str, after: str, loses: bool):
    """Records that are not those of the host decide for it: what clients are told is compared, not the lines."""
    was = write_tree(tmp_path / "a", "", **{SIGN_IN: before})
    now = write_tree(tmp_path / "b", "", **{SIGN_IN: after})
    result = check(was, now, keys)
    assert bool(result.forecast and "office" in result.forecast[0].worse) is loses
    assert (result.outcome == "fail") is loses
    assert result.risk.level == ("high" if loses else "medium" if "CAA" in after else "low")


def test_a_delegation_to_other_servers_is_unknown(tmp_path: Path, keys: Keys):
    """What other name servers answer is not known here: no model is said to lose, and the risk is high all the same."""
    was = write_tree(tmp_path / "a", "", **{SIGN_IN: f"login A {LOGIN_AT}\n"})
    now = write_tree(tmp_path / "b", "", **{SIGN_IN: "login NS ns1.other.example.\n"})
    result = check(was, now, keys)
    [found] = result.forecast
    assert (found.worse, found.outside) == ((), ("login.microsoftonline.com",))
    assert result.risk.level == "high"
    assert any("is delegated" in each.text for each in result.risk.reasons)


@pytest.mark.parametrize(
    ("record", "level"),
    [
        ("sub DS 12345 13 2 " + "ab" * 32, "high"),
        ('www CAA 0 iodef "mailto:ca@example.org"', "medium"),
        ("@ HTTPS 1 . alpn=h2", "medium"),
        ("_443._tcp TLSA 3 1 1 " + "ab" * 32, "medium"),
        ("old DNAME new.example.org.", "high"),
        ("www TYPE65300 \\# 2 abcd", "medium"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("added", [True, False])
def test_changes_of_every_type_are_seen(tmp_path: Path, keys: Keys, record: str, level: str, added: bool):
    """A lost DS or a new CAA was "0 changes, risk low"; each type is in the difference, with what it decides."""
    base = "@ A 203.0.113.1\nsub NS ns1.example.net.\n"
    one = write_tree(tmp_path / "a", example_org=base)
    other = write_tree(tmp_path / "b", example_org=f"{base}{record}\n")
    result = check(*((one, other) if added else (other, one)), keys)
    [difference] = result.changes.records
    assert difference.type == record.split()[1]
    assert difference.kind == ("create" if added else "delete")
    if not (added and "TYPE" in record):
        assert result.risk.level == level, result.risk


def test_a_referral_tells_its_name_servers(zones: ZoneSet):
    """Other name servers of a delegation are another answer, though neither is known to have the name."""
    login = to_name("login.microsoftonline.com")
    bare = remove_name(zones, login)
    one, other = (put_rrset(bare, login, "NS", [f"{name}.example.net."]) for name in ("ns1", "ns2"))
    assert content_of(answer(one, login, A)) == content_of(
        answer(put_rrset(one, "x.microsoftonline.com", "A", [WEU]), login, A)
    )
    assert content_of(answer(one, login, A)) != content_of(answer(other, login, A))


def test_a_change_of_a_ttl_is_low_risk_where_nothing_is_counted(tmp_path: Path, keys: Keys):
    """Two trees have no query counts: that is no reason against a change, as a gap in a metric is."""
    before = write_tree(tmp_path / "a", example_org="www A 203.0.113.1\n")
    after = write_tree(tmp_path / "b", example_org="www 60 A 203.0.113.1\n")
    assert check(before, after, keys).risk.level == "low"


def test_the_forecast_counts_at_the_gate_of_a_lab(zones: ZoneSet, tmp_path: Path):
    """A lab's plan of a change that stops clients names them among its reasons; it needs two approvals."""
    own = zones.profiles[PROFILE]
    off = tuple(msgspec.structs.replace(each, enabled=False) for each in own.endpoints)
    disabled = change(PutProfile(profile=msgspec.structs.replace(own, endpoints=off)))
    handlers = LiveScenarioHandlers(SimpleNamespace(estate=ESTATE))  # type: ignore[arg-type]
    with_forecast, without = (
        ChangeControl(ZoneStore(zones), Ledger(tmp_path / name), forecast=forecast_it).plan(disabled)
        for name, forecast_it in (("a", handlers.forecast_reasons), ("b", None))
    )
    reason = f"30 of 37 models are worse off at {AUTOLOGON}"
    assert reason in {each.text for each in with_forecast.risk.reasons}
    assert reason not in {each.text for each in without.risk.reasons}
    assert with_forecast.requirements.approvers == 2
