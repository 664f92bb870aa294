"""The gate: what it refuses, for which reasons, and what it allows."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from conftest_ops import AUTOLOGON, LOGIN, Office, change, clean_up, cname_for_alias, whole_rollback, yes
from dns.rdatatype import A

from ssosim.changes.approvals import load_policy
from ssosim.changes.change import Change
from ssosim.changes.change_control import RefusedError
from ssosim.changes.drift import Detector
from ssosim.changes.operations import PutRecords, RemoveName
from ssosim.dns import put_rrset, remove_rrset


def rules(office: Office, wanted: Change, **more: Any) -> set[str]:
    """The rules that refuse ``wanted``."""
    with pytest.raises(RefusedError) as caught:
        office.control.apply(wanted, **more)
    return {each.rule for each in caught.value.decision.obstacles}


def good() -> Change:
    """The clean-up with a rollback that restores everything."""
    return clean_up(rollback_operations=whole_rollback())


def test_two_named_approvers_for_high_and_global(office: Office):
    """TMS9-049: the strict table needs two different people who are not the author, for this very plan."""
    token = office.control.plan(good()).token
    both = {"executors": ("ann", "ben")}
    assert rules(office, good(), **both) == {"approvals"}
    assert rules(office, good(), approvals=yes(token, "ann"), **both) == {"approvals"}
    assert rules(office, good(), approvals=yes(token, "ann", "Ann "), **both) == {"approvals"}
    assert rules(office, good(), approvals=yes(token, "ann", "carol"), **both) == {"approvals"}
    assert rules(office, good(), approvals=yes("v1-000", "ann", "ben"), **both) == {"approvals"}
    assert office.control.apply(good(), approvals=yes(token, "ann", "ben"), **both).verification.good


@pytest.mark.parametrize("question", ["safer", "needed", "now"])
def test_an_approval_answers_three_questions(office: Office, question: str):
    """TMS9-050: safer? needed? now? An approval that leaves one open is none."""
    token = office.control.plan(good()).token
    assert rules(office, good(), approvals=yes(token, "ann", "ben", **{question: " "}), executors=("a", "b")) == {
        "approvals"
    }


def test_an_approver_can_defer(office: Office):
    """TMS9-051: "invest in a safer way first" is an outcome of its own."""
    token = office.control.plan(good()).token
    with pytest.raises(RefusedError) as caught:
        office.control.apply(good(), approvals=yes(token, "ann", decision="defer"), executors=("a", "b"))
    assert caught.value.decision.outcome == "defer"


def test_the_misconfigured_table_lets_it_through(office: Office):
    """TMS9-049: without a rule for (high, global) the table of that day approves by itself; the fixed one does not."""
    office.ask(AUTOLOGON)
    assert office.control.apply(clean_up(), policy=load_policy("feb-2025")).verification.good
    assert office.store.current.find(AUTOLOGON, A) is not None


def test_two_people_at_the_keyboard(office: Office):
    """TMS9-088: a high and global change is not applied by one person alone."""
    token = office.control.plan(good()).token
    assert rules(office, good(), approvals=yes(token, "ann", "ben"), executors=("ann",)) == {"executors"}


def test_a_name_in_use_is_not_touched(office: Office):
    """TMS9-089: queries in the window refuse; none for the whole window allows."""
    office.ask(AUTOLOGON, "outlook")
    with pytest.raises(RefusedError, match="resolved 1 times in the last 300 s, by outlook"):
        office.apply(good())
    office.clock.moment += 301
    assert office.apply(good()).verification.good


def test_a_gap_in_the_metric_refuses(office: Office):
    """TMS9-089: a monitoring gap counts as use."""
    office.counts.pause()
    office.clock.moment += 5
    office.counts.resume()
    with pytest.raises(RefusedError, match="has a gap"):
        office.apply(good())


def test_the_inventory_counts_as_use(office: Office):
    """A name that its owner calls used is not deleted because it was quiet for five minutes."""
    with pytest.raises(RefusedError, match="the inventory lists it as in use"):
        office.apply(change(PutRecords(name=LOGIN, type="A", values=("192.0.2.99",))))


def test_a_lower_ttl_is_allowed_while_in_use(office: Office):
    """The first step of every careful change stays possible."""
    office.ask(LOGIN)
    assert office.apply(change(PutRecords(name=LOGIN, type="A", values=("192.0.2.10",), ttl=30))).verification.good


def test_a_plan_that_was_overtaken_is_refused(office: Office):
    """dynamodb-2025: a late apply of an old plan over newer zones is refused (compare-and-swap on the version)."""
    first = change(PutRecords(name="a.microsoft.com", type="A", values=("192.0.2.1",)))
    second = change(PutRecords(name="a.microsoft.com", type="A", values=("192.0.2.2",)))
    late = office.control.plan(first).token
    office.control.apply(second)
    with pytest.raises(RefusedError, match="planned against version 1, the zones are at version 2"):
        office.control.apply(first, token=late)
    held = office.store.current.find("a.microsoft.com", A)
    assert held is not None
    assert [rdata.to_text() for rdata in held.rdatas] == ["192.0.2.2"]


def test_a_token_is_of_one_change(office: Office):
    """A plan that was approved cannot be exchanged for another change."""
    token = office.control.plan(change(PutRecords(name="a.microsoft.com", type="A", values=("192.0.2.1",)))).token
    other = change(PutRecords(name="b.microsoft.com", type="A", values=("192.0.2.1",)))
    assert rules(office, other, token=token) == {"version"}
    with pytest.raises(RefusedError, match=f"the plan {token} is not the plan of this change: it is v1-"):
        office.control.apply(other, token=token)


def test_an_emergency_needs_an_incident(office: Office):
    """salesforce-2021: an emergency without an incident's id is refused; with one, use and drift pass."""
    office.ask(AUTOLOGON)
    urgent = clean_up(rollback_operations=whole_rollback(), urgency="emergency")
    with pytest.raises(RefusedError, match="without the id of an incident"):
        office.apply(urgent)
    named = clean_up(rollback_operations=whole_rollback(), urgency="emergency", incident="INC-1")
    assert rules(office, named) == {"approvals", "executors"}
    assert office.apply(named).verification.good


def test_open_drift_locks_the_zone(office: Office):
    """TMS9-034, TMS9-054: an out-of-band edit locks its zone for changes, and only its zone, until it is reconciled."""
    office.store.change(lambda zones: put_rrset(zones, "stray.microsoft.com", "A", ["192.0.2.77"]))
    wanted = change(PutRecords(name="new.microsoft.com", type="A", values=("192.0.2.1",)))
    assert rules(office, wanted) == {"drift"}
    assert office.control.apply(change(PutRecords(name="new.fabrikam.com", type="A", values=("192.0.2.1",))))
    office.control.adopt("dora")
    assert office.control.apply(wanted).verification.good


def test_a_change_that_ends_the_drift_passes_the_lock(office: Office):
    """Drift can be reconciled towards the desired state too: through the gate, with approvals."""
    office.store.change(lambda zones: put_rrset(zones, "stray.microsoft.com", "A", ["192.0.2.77"]))
    assert office.apply(change(RemoveName(name="stray.microsoft.com"))).verification.good
    assert not office.control.locks


def test_a_rollback_that_restores_less_is_refused_beforehand(office: Office):
    """TMS9-084: a rollback as written that leaves a CNAME is refused before the change, not found at night."""
    with pytest.raises(RefusedError, match="does not restore last known good"):
        office.apply(clean_up())


def test_replacing_an_alias_by_a_cname_is_high_risk(office: Office):
    """TMS9-077: "the same addresses" through a CNAME is a change of shape, and needs what a deletion needs."""
    plan = office.control.plan(change(*cname_for_alias()))
    assert plan.risk.level.word == "high"
    assert (plan.requirements.approvers, plan.requirements.executors) == (2, 2)


@pytest.mark.parametrize("detection", [True, False])
@pytest.mark.parametrize("approvals", [True, False])
def test_only_both_misses_together_reproduce_the_outage(office: Office, detection: bool, approvals: bool):
    """TMS9-037: four cells, each played through the real gate; the record empties only with both off.

    The configuration lacks the alias that production has. A detector with alias support finds that and locks the zone;
    the old one passes it over. The fixed table asks for two people; the misconfigured one for nobody.
    """
    office.control.desired = remove_rrset(office.store.current, AUTOLOGON, "A")
    office.control.detector = Detector(aliases=detection)
    fixed = load_policy("feb-2025")
    if approvals:
        fixed = msgspec.structs.replace(fixed, rules=load_policy("strict").rules, unmatched="refuse")
    refused: set[str] = set()
    try:
        office.control.apply(clean_up(), policy=fixed)
    except RefusedError as error:
        refused = {each.rule for each in error.decision.obstacles}

    alias = office.store.current.find(AUTOLOGON, A)
    assert alias is not None
    assert (alias.shape == "empty") is (not detection and not approvals)
    assert ("drift" in refused, "approvals" in refused) == (detection, approvals)
