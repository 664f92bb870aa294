"""Names without records of their own: a wildcard, a delegation, a DNAME or an enclosing name decides their answers."""

from __future__ import annotations

import dataclasses

import pytest
from conftest_ops import AUTOLOGON, Office, change, yes
from conftest_plans import FixedCounts, critical, levels, plan_of, plan_zones, reasons

from ssosim.changes.change_control import RefusedError
from ssosim.changes.covered_names import find_covered_names
from ssosim.changes.diff import Effect, compare
from ssosim.changes.inventory import Alert, Inventory
from ssosim.changes.operations import PutRecords, RemoveRecords
from ssosim.changes.plan import Plan
from ssosim.changes.risk import Level
from ssosim.dns import put_rrset
from ssosim.dns.zones.rrset import plain, to_name
from tests.dns.zone_texts import read_zones

LOGIN = "login.contoso.com"
STAR = "* A 192.0.2.1\n"

LOSSES = [
    (STAR, "", "the wildcard goes"),
    (STAR, "* TXT x\n", "the wildcard keeps another type only"),
    (STAR, STAR + "_acme-challenge.login TXT token\n", "a name below makes it an empty non-terminal (RFC 4592 2.2.2)"),
    (STAR, STAR + "a.b.login TXT token\n", "a name two levels below does so too"),
    (STAR + "login NS ns.test.\n", "login NS ns.test.\n", "delegated before and after: nothing is known, nothing lost"),
    ("web A 192.0.2.1\n* CNAME web\n", "web A 192.0.2.1\n", "the wildcard was a CNAME"),
    ("web A 192.0.2.1\n* CNAME web\n", "web A 192.0.2.1\n* CNAME gone\n", "the wildcard leads to nothing"),
]


@pytest.mark.parametrize(("before", "after", "why"), LOSSES, ids=[each[2] for each in LOSSES])
def test_a_critical_name_that_loses_its_answer_is_high(before: str, after: str, why: str) -> None:
    """A name of the inventory that no record has counts as much as one with records: its answer is asked for."""
    plan = plan_of(before, after, inventory=critical(LOGIN))
    expected = [] if "nothing lost" in why else [Level.HIGH]
    assert levels(plan, f"{LOGIN} A has an answer today and none after") == expected
    assert levels(plan, f"{LOGIN} A is marked critical") == expected
    assert (LOGIN in plan.blast.names) is bool(expected)


NONE = "has an answer today and none after"

BELOW = [
    ("deep.sub A 192.0.2.1\n", "deep.sub A 192.0.2.1\nsub NS ns.test.\n", "deep.sub", "is delegated"),
    ("deep.sub A 192.0.2.1\n", "deep.sub A 192.0.2.1\nsub DNAME else\n", "deep.sub", NONE),
    (STAR, STAR + "sub NS ns.test.\n", "deep.sub", "is delegated"),
    (STAR, STAR + "deep TXT x\n", "more.deep", NONE),
    ("*.sub A 192.0.2.1\n", "*.sub A 192.0.2.1\nx.a.sub TXT y\n", "b.a.sub", NONE),
    (STAR, "* A 192.0.2.2\n", "any", "gets another answer"),
    (STAR, STAR + "*.sub A 192.0.2.2\n", "any.sub", "gets another answer"),
    ("sub DNAME old\nx.old A 192.0.2.1\n", "sub DNAME new\nx.old A 192.0.2.1\n", "x.sub", NONE),
]


@pytest.mark.parametrize(("before", "after", "name", "words"), BELOW)
def test_whoever_decides_the_answer_counts(before: str, after: str, name: str, words: str) -> None:
    """Delegations, DNAMEs, wildcards and closer enclosers (RFC 4592 3.3.1) change answers of names below them."""
    plan = plan_of(before, after, inventory=critical(f"{name}.contoso.com"))
    assert levels(plan, f"{name}.contoso.com A {words}"), reasons(plan)
    assert plan.risk.level == Level.HIGH


HARMLESS = [
    (STAR, STAR + "web A 192.0.2.1\n", "a sibling"),
    (STAR, STAR + "login A 192.0.2.1\n", "a record of its own with the same address"),
    (STAR, STAR + "*.login A 192.0.2.1\nlogin A 192.0.2.1\n", "records of its own, and a wildcard below"),
    (STAR, "* 60 A 192.0.2.1\n", "another TTL"),
    ("sub NS ns.test.\n", "", "a delegation of others"),
]


@pytest.mark.parametrize(("before", "after", "why"), HARMLESS, ids=[each[2] for each in HARMLESS])
def test_a_name_that_answers_as_before_is_no_reason(before: str, after: str, why: str) -> None:
    """The other side: nobody is stopped by a name whose answer stays."""
    assert not plan_of(before, after, inventory=critical(LOGIN)).covered, why


def test_a_critical_name_that_gets_an_answer_is_high() -> None:
    """An inventory may expect that a name is missing: a wildcard that answers for it now changes a critical name."""
    plan = plan_of("", STAR, inventory=critical(LOGIN))
    assert levels(plan, f"{LOGIN} A is marked critical") == [Level.HIGH]
    assert not levels(plan, NONE)


def test_a_name_in_use_below_a_wildcard_counts() -> None:
    """TMS9-089: removing the wildcard takes the names away that its clients ask for; their queries count as use."""
    plan = plan_of(STAR, "", counts=FixedCounts({LOGIN: 7}))
    assert levels(plan, f"{LOGIN} was resolved 7 times in the last 300 s") == [Level.HIGH]
    assert plan.effects[LOGIN] == {Effect.DELETED}


def test_the_window_of_a_covered_name_is_its_ttl() -> None:
    """A cache hides queries for as long as the TTL of the answer, here that of the wildcard."""
    counts = FixedCounts({LOGIN: 0})
    plan_of("* 7200 A 192.0.2.1\n", "", counts=counts)
    assert counts.windows[LOGIN] == 7200


@pytest.mark.parametrize("kind", ["inventory", "alert", "SPN", "CNAME", "MX", "SRV", "query"])
def test_how_a_name_is_known(kind: str) -> None:
    """Each way in which somebody can be known to use a name makes its loss a reason."""
    record = {
        "CNAME": f"web CNAME {LOGIN}.\n",
        "MX": f"@ MX 10 {LOGIN}.\n",
        "SRV": f"_x._tcp SRV 0 0 1 {LOGIN}.\n",
    }.get(kind, "")
    inventory = critical("LOGIN.Contoso.com") if kind == "inventory" else Inventory()
    if kind == "alert":
        inventory = Inventory(alerts=(Alert(name="down", endpoint=f"{LOGIN}."),))
    plan = plan_of(
        STAR + record,
        record,
        inventory=inventory,
        counts=FixedCounts({LOGIN: 1} if kind == "query" else {}),
        spns=(f"HTTP/{LOGIN}:443",) if kind == "SPN" else (),
    )
    assert levels(plan, f"{LOGIN} A has an answer today and none after") == [Level.HIGH]


def test_whoever_follows_a_covered_name_is_affected() -> None:
    """A CNAME of another zone to a name that only a wildcard has is in the blast radius of the wildcard."""
    link = f"sso CNAME {LOGIN}.\n"
    before = read_zones(contoso_com=STAR, fabrikam_com=link)
    plan = plan_zones(before, read_zones(contoso_com="", fabrikam_com=link))
    assert {LOGIN, "sso.fabrikam.com"} <= set(plan.blast.names)
    assert {"CNAME"} <= {each.kind for each in plan.references if each.target == LOGIN}


@pytest.mark.parametrize("record", ["_443._tcp.www TLSA 3 1 1 " + "ab" * 32 + "\n", "_acme-challenge.www TXT x\n"])
def test_a_record_below_a_name_hides_the_wildcard_from_it(record: str) -> None:
    """A TLSA record for ``www`` took the site away that the wildcard had (RFC 4592 2.2.2, PowerDNS issue 2432)."""
    plan = plan_of(STAR, STAR + record)
    assert levels(plan, "www.contoso.com A has an answer today and none after") == [Level.HIGH]
    assert not levels(plan, "_tcp.www.contoso.com A"), reasons(plan)
    assert not levels(plan_of("", record), "www.contoso.com A")
    assert not levels(plan_of(STAR, STAR + record + "www A 192.0.2.1\n"), "www.contoso.com A has an answer")


@pytest.mark.parametrize(
    ("record", "kind"), [("www.sub A 192.0.2.9\n", "A"), ("sub TXT x\n", "TXT"), ("*.sub CNAME web\n", "CNAME")]
)
def test_a_new_zone_takes_the_records_of_the_zone_above_away(record: str, kind: str) -> None:
    """A server answers from the deepest zone that it has: it hides the rest (RFC 1034 4.3.2, step 2)."""
    record += "web A 192.0.2.1\n"
    before = read_zones(contoso_com=record)
    plan = plan_zones(before, read_zones(contoso_com=record, sub_contoso_com="other A 192.0.2.8\n"))
    [lost] = [each for each in reasons(plan) if "has an answer today and none after" in each]
    assert f" {kind} has an answer" in lost
    assert plan.risk.level == Level.HIGH


def test_a_new_zone_with_the_records_of_the_zone_above_is_no_loss() -> None:
    """The other side: records that are moved into a zone of their own answer as before."""
    before = read_zones(contoso_com="www.sub A 192.0.2.9\n")
    plan = plan_zones(before, read_zones(contoso_com="www.sub A 192.0.2.9\n", sub_contoso_com="www A 192.0.2.9\n"))
    assert plan.risk.level == Level.LOW, reasons(plan)


def test_a_zone_that_comes_or_goes_takes_names_along() -> None:
    """A new zone answers for all names below its apex; one that goes leaves them to its parent."""
    parent, child = read_zones(contoso_com=STAR), read_zones(contoso_com=STAR, sub_contoso_com="www A 192.0.2.9\n")
    known = [to_name("api.sub.contoso.com")]
    for before, after in ((parent, child), (child, parent)):
        found = find_covered_names(before, after, compare(before, after), known)
        assert [(plain(each.name), each.type.name) for each in found] == [("api.sub.contoso.com", "A")]


def test_names_with_differences_of_their_own_are_left_to_their_rules() -> None:
    """A name that the change itself touches is judged by its records, not a second time."""
    plan = plan_of(STAR, "login CNAME gone.test.\n", inventory=critical(LOGIN))
    assert not [each for each in plan.covered if plain(each.name) == LOGIN]


def test_what_is_no_name_is_not_asked_for() -> None:
    """An inventory may list a name that no DNS message can have; the plan is made without it."""
    assert not plan_of(STAR, "", inventory=critical("a..b", "x" * 70)).covered


def test_the_gate_refuses_a_wildcard_with_names_in_use(office: Office) -> None:
    """Change control does not let the wildcard go while a name below it is resolved; when nobody asks, it does."""
    zone = "microsoftazuread-sso.com"
    office.store.change(lambda zones: put_rrset(zones, f"*.{zone}", "A", ["192.0.2.1"]))
    office.control.desired = office.store.current
    office.ask(f"device.{zone}", "outlook")
    with pytest.raises(RefusedError, match=f"device.{zone}: resolved 1 times in the last 300 s, by outlook"):
        office.apply(change(RemoveRecords(name=f"*.{zone}", type="A")))
    office.clock.moment += 301
    assert office.apply(change(RemoveRecords(name=f"*.{zone}", type="A"))).verification.good


def test_the_gate_asks_for_approvals_where_a_name_is_hidden(office: Office) -> None:
    """A record two levels below the name of the incident is a new name, low risk; below a wildcard name it is high."""
    harmless = change(PutRecords(name=f"a.b.{AUTOLOGON}", type="TXT", values=("x",)))
    assert office.control.plan(harmless).risk.level == Level.LOW
    office.store.change(lambda zones: put_rrset(zones, "*.fabrikam.com", "A", ["192.0.2.1"]))
    office.control.desired = office.store.current
    office.control.inventory = critical("vpn.fabrikam.com")
    hiding = change(PutRecords(name="_acme-challenge.vpn.fabrikam.com", type="TXT", values=("x",)))
    plan: Plan = office.control.plan(hiding)
    assert (plan.risk.level, plan.requirements.approvers) == (Level.HIGH, 2)
    with pytest.raises(RefusedError):
        office.control.apply(hiding, approvals=yes(plan.token, "ann"), executors=("ann", "ben"))


def test_the_zones_version_says_nothing() -> None:
    """Two states with the same records have no covered names, whatever their versions."""
    zones = read_zones(contoso_com=STAR)
    later = dataclasses.replace(zones, version=9)
    assert find_covered_names(zones, later, compare(zones, later), [to_name(LOGIN)]) == ()
