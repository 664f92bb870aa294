"""Traffic manager profiles that answer by the place of who asks, or not at all: nobody's answer is everybody's."""

from __future__ import annotations

import dataclasses

import msgspec
import pytest
from conftest_ops import Office, change
from conftest_plans import critical, levels, plan_zones, reasons

from ssosim.changes.answers import ask_both, may_answer
from ssosim.changes.drift import scan
from ssosim.changes.inventory import Inventory
from ssosim.changes.operations import PutRecords
from ssosim.changes.risk import Level
from ssosim.dns import ZoneSet, answer, point_alias, put_profile, put_rrset, remove_rrset
from ssosim.dns.zones.rrset import to_name, to_type
from ssosim.estate import TrafficManager
from tests.dns.zone_texts import read_zones

API = "api.contoso.com"
EUROPE = {"name": "eu", "address": "192.0.2.1", "regions": ["GEO-EU"]}
OFFICE = {"name": "office", "address": "192.0.2.2", "subnets": ["10.0.0.0/8"]}
ANYWHERE = {"name": "any", "address": "192.0.2.3"}


def profile(routing: str, *endpoints: dict[str, object], **fields: object) -> TrafficManager:
    """The profile ``api``."""
    data = {"name": "api", "dns_name": "api.trafficmanager.net", "owner": "team", "routing": routing}
    return msgspec.convert(data | {"endpoints": list(endpoints)} | fields, TrafficManager)


def zones_with(manager: TrafficManager, text: str = "", ttl: int = 60) -> ZoneSet:
    """``api.contoso.com`` as an alias of that profile, beside the records of the text."""
    zones = read_zones(contoso_com=text, trafficmanager_net="")
    return point_alias(put_profile(zones, manager), API, "A", "api", ttl)


BY_PLACE = [profile("geographic", EUROPE), profile("subnet", OFFICE)]
OF_ALL = profile("priority", ANYWHERE)


@pytest.mark.parametrize("manager", BY_PLACE, ids=["geographic", "subnet"])
def test_an_alias_that_answers_by_place_is_a_loss_when_it_goes(manager: TrafficManager) -> None:
    """Who has no place gets NODATA before and after; those with a place lose their addresses: no equal answer."""
    before = put_rrset(zones_with(manager), API, "TXT", ["x"])
    assert answer(before, to_name(API), to_type("A")).outcome == "NODATA"
    plan = plan_zones(before, remove_rrset(before, API, "A"))
    assert plan.risk.level == Level.HIGH
    assert levels(plan, f"{API} A is an alias record set"), reasons(plan)


@pytest.mark.parametrize("manager", BY_PLACE, ids=["geographic", "subnet"])
def test_a_name_that_hides_a_wildcard_by_place(manager: TrafficManager) -> None:
    """A text at a name of a wildcard alias takes the addresses of all places away."""
    zones = put_profile(read_zones(contoso_com="", trafficmanager_net=""), manager)
    before = point_alias(zones, "*.contoso.com", "A", "api", 60)
    plan = plan_zones(before, put_rrset(before, API, "TXT", ["x"]))
    assert levels(plan, f"{API} A has an answer today and none after") == [Level.HIGH]


OFF = [
    (OF_ALL, profile("priority", ANYWHERE | {"enabled": False})),
    (OF_ALL, profile("priority", ANYWHERE, enabled=False)),
    (OF_ALL, profile("geographic", EUROPE | {"enabled": False})),
    (BY_PLACE[0], profile("geographic", EUROPE | {"enabled": False})),
    (BY_PLACE[0], profile("geographic", EUROPE, enabled=False)),
    (BY_PLACE[1], profile("subnet", OFFICE | {"enabled": False})),
    (BY_PLACE[0], profile("geographic", EUROPE | {"address": "2001:db8::1"})),
]


@pytest.mark.parametrize(("before", "after"), OFF)
def test_a_profile_that_answers_nobody_any_more_is_high(before: TrafficManager, after: TrafficManager) -> None:
    """Turning off the last endpoint is as much as deleting the profile: the names that lead to it have no address."""
    plan = plan_zones(zones_with(before), zones_with(after))
    assert levels(plan, f"{API} A has an answer today and none after") == [Level.HIGH], reasons(plan)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OF_ALL, profile("priority", ANYWHERE, ANYWHERE | {"name": "two", "priority": 2, "enabled": False})),
        (OF_ALL, profile("priority", ANYWHERE, ttl=10)),
        (BY_PLACE[0], profile("geographic", EUROPE | {"priority": 2}, ttl=10)),
    ],
)
def test_a_profile_that_goes_on_answering_is_of_medium_risk(before: TrafficManager, after: TrafficManager) -> None:
    """The other side: what changes nobody's address is a change of the profile, and no loss."""
    plan = plan_zones(zones_with(before), zones_with(after))
    assert plan.risk.level == Level.MEDIUM, reasons(plan)
    assert not plan.covered


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OF_ALL, profile("priority", ANYWHERE | {"address": "192.0.2.9"})),
        (BY_PLACE[0], profile("geographic", EUROPE | {"address": "192.0.2.9"})),
        (BY_PLACE[0], profile("geographic", EUROPE | {"regions": ["GEO-NA"]})),
        (BY_PLACE[1], profile("subnet", OFFICE | {"subnets": ["10.1.0.0/16"]})),
    ],
)
def test_a_profile_of_a_critical_name_is_as_critical(before: TrafficManager, after: TrafficManager) -> None:
    """The endpoints of a profile are the records of the names that lead to it; a CNAME to its name leads to it too."""
    inventory = critical(API, "www.contoso.com")
    pair = (zones_with(each, "www CNAME api.trafficmanager.net.\n") for each in (before, after))
    plan = plan_zones(*pair, inventory=inventory)
    for name in (API, "www.contoso.com"):
        assert levels(plan, f"{name} A gets another answer, though none of its own records changes") == [Level.MEDIUM]
        assert levels(plan, f"{name} A is marked critical") == [Level.HIGH]


@pytest.mark.parametrize(
    ("manager", "kind", "wanted"),
    [
        (OF_ALL, "A", True),
        (OF_ALL, "AAAA", False),
        (BY_PLACE[0], "A", True),
        (BY_PLACE[0], "AAAA", False),
        (BY_PLACE[1], "A", True),
        (profile("geographic", EUROPE | {"enabled": False}), "A", False),
        (profile("geographic", EUROPE, enabled=False), "A", False),
    ],
)
def test_who_may_get_an_answer(manager: TrafficManager, kind: str, wanted: bool) -> None:
    """A profile that routes by place answers somebody if one endpoint is on and has an address of the family."""
    zones = zones_with(manager)
    assert may_answer(zones, answer(zones, to_name("api.trafficmanager.net"), to_type(kind))) is wanted


def test_two_profiles_by_place_are_two_answers() -> None:
    """Both say NODATA to who has no place, and other addresses to those who have one: that is no equal answer."""
    one = zones_with(BY_PLACE[0])
    other = profile("geographic", EUROPE | {"address": "192.0.2.8"}, name="other", dns_name="o.trafficmanager.net")
    two = point_alias(put_profile(one, other), API, "A", "other", 60)
    assert not ask_both(one, two, to_name(API), to_type("A")).same
    assert ask_both(one, dataclasses.replace(one, version=9), to_name(API), to_type("A")).same


LINKS = [
    ("www CNAME a.apps\n*.apps A 192.0.2.1\n", [], "a wildcard answers"),
    ("www CNAME a.sub\nsub NS ns.test.\n", [], "it is delegated"),
    ("www CNAME a.old\nold DNAME new.test.\n", [], "it is redirected"),
    ("www CNAME web\nweb A 192.0.2.1\n", [], "it has records"),
    ("www CNAME elsewhere.test.\n", [], "it is in no zone"),
    ("www CNAME gone\n", ["dangling-cname"], "it does not exist"),
    ("www CNAME a.apps\na.b.apps A 192.0.2.1\n", ["dangling-cname"], "no wildcard answers"),
    ("www CNAME ent\na.ent A 192.0.2.1\n", ["dangling-cname"], "it is an empty non-terminal"),
]


@pytest.mark.parametrize(("text", "kinds", "why"), LINKS, ids=[each[2] for each in LINKS])
def test_which_links_dangle(text: str, kinds: list[str], why: str) -> None:
    """A CNAME dangles if nothing answers for its target; a wildcard (RFC 4592), or another server, may."""
    assert [each.kind for each in scan(read_zones(contoso_com=text), Inventory())] == kinds, why


@pytest.mark.parametrize(("manager", "kinds"), [
    (OF_ALL, []), (BY_PLACE[0], []), (BY_PLACE[1], []),
    (profile("priority", ANYWHERE, enabled=False), ["dangling-alias"]),
    (profile("geographic", EUROPE | {"address": "2001:db8::1"}), ["dangling-alias"]),
])  # fmt: skip
def test_which_aliases_dangle(manager: TrafficManager, kinds: list[str]) -> None:
    """An alias dangles if its profile answers nobody; one that answers by place answers those who have one."""
    assert [each.kind for each in scan(zones_with(manager), Inventory())] == kinds


def test_a_good_link_locks_no_zone(office: Office) -> None:
    """TMS9-054: open drift refuses changes of a zone; a CNAME that a wildcard answers for is no drift."""
    for name, kind, value in (("*.apps", "A", "192.0.2.1"), ("sso", "CNAME", "any.apps.fabrikam.com.")):
        office.store.change(lambda z, n=name, k=kind, v=value: put_rrset(z, f"{n}.fabrikam.com", k, [v]))
    office.control.desired = office.store.current
    office.control.detect_drift()
    assert to_name("fabrikam.com") not in office.control.locks
    assert office.apply(change(PutRecords(name="new.fabrikam.com", type="A", values=("192.0.2.9",)))).verification.good
