"""Each rule of the gate by itself, on a request for a plan: the reason that is told, and the other side of the rule."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from conftest_ops import AUTOLOGON, MANAGER, Office, change, clean_up, cname_for_alias, whole_rollback, yes
from dns.name import from_text

from ssosim.changes.approvals import Approval, Policy, Rule
from ssosim.changes.gate import Decision, Obstacle, Request, decide, judge_approvals
from ssosim.changes.inventory import default_inventory
from ssosim.changes.operations import PutRecords
from ssosim.changes.plan import Plan

ANYBODY = Policy(name="anybody", rules=(Rule(approvers=0),))
ONE = Policy(name="one", rules=(Rule(approvers=1),))
ZONE = from_text("microsoft.com")
new = PutRecords(name="new.microsoft.com", type="A", values=("192.0.2.1",))


def plan_of(office: Office, policy: Policy = ANYBODY, *, operations: tuple[Any, ...] = (new,), **fields: Any) -> Plan:
    """The plan of a change, as change control makes it under ``policy``."""
    return office.control.plan(change(*operations, **fields), policy)


def told(plan: Plan, policy: Policy = ANYBODY, **more: Any) -> dict[str, str]:
    """What the gate says against a plan, by rule."""
    request = Request(plan=plan, policy=policy, **({"inventory": default_inventory(), "locks": {}} | more))
    return {each.rule: each.text for each in decide(request).obstacles}


def test_nothing_stands_against_a_plan_that_changes_nothing(office: Office) -> None:
    """A plan without a change needs no approval and no document; its version is checked all the same."""
    plan = plan_of(office, ONE, operations=(), title="", author="")
    assert not plan.delta
    assert told(plan, ONE) == {}
    assert judge_approvals(Request(plan=plan, policy=ONE, inventory=default_inventory(), locks={})).outcome == "allow"
    assert set(told(plan, ONE, token="v9-abc")) == {"version"}


def test_approvals_alone_are_judged_for_two_trees(office: Office) -> None:
    """Two trees have no document and nobody present: only the approvals of the plan count."""
    plan = plan_of(office, ONE, author="carol", abort_rule="")
    for approvals, outcome in (((), "refuse"), (yes(plan.token, "ann"), "allow")):
        request = Request(plan=plan, policy=ONE, inventory=default_inventory(), locks={}, approvals=approvals)
        assert judge_approvals(request).outcome == outcome
        assert decide(request).outcome == "refuse"  # the document has no abort rule


@pytest.mark.parametrize(
    ("approvals", "words"),
    [
        ({}, "risk low, global: needs 1 approval, has 0"),
        ({"decision": "reject"}, "ann rejects it"),
        ({"plan": ""}, "ann approved the plan (none), this is v1-"),
        ({"plan": "v1-000"}, "ann approved the plan v1-000, this is v1-"),
        ({"person": " ", "safer": ""}, "the approval of   leaves open: "),
        ({"person": "", "safer": ""}, "the approval of (nobody) leaves open: "),
        ({"person": "  "}, "an approval without a name, or by the author, does not count"),
        ({"person": "Carol "}, "an approval without a name, or by the author, does not count"),
    ],
)
def test_an_approval_that_does_not_count_is_told_with_its_reason(
    office: Office, approvals: dict[str, str], words: str
) -> None:
    """A rejection, another plan, an open question, no name and the author's own: each has its own text."""
    plan = plan_of(office, ONE)
    said = {"person": "ann", "plan": plan.token, "safer": "no", "needed": "yes", "now": "yes"} | approvals
    request = Request(
        plan=plan,
        policy=ONE,
        inventory=default_inventory(),
        locks={},
        approvals=(Approval(**said),) if approvals else (),  # type: ignore[arg-type]
    )
    texts = [each.text for each in decide(request).obstacles]
    assert any(text.startswith(words) for text in texts), texts
    assert decide(request).outcome == "refuse"


def test_a_rejection_stands_beside_enough_approvals(office: Office) -> None:
    """One person who rejects is a reason against the plan, however many approve."""
    plan = plan_of(office, ONE)
    no = Approval(person="ben", plan=plan.token, decision="reject")
    assert told(plan, ONE, approvals=(*yes(plan.token, "ann"), no)) == {"approvals": "ben rejects it"}


def test_a_deferral_gives_its_reason_or_says_that_there_is_none(office: Office) -> None:
    """The safer way is named; without it the text says so. Any deferral makes the decision one to defer."""
    plan = plan_of(office, ONE)
    for safer, words in (("use a canary", "ann defers: use a canary"), ("", "ann defers: no reason given")):
        later = Approval(person="ann", plan=plan.token, decision="defer", safer=safer)
        assert told(plan, ONE, approvals=(later,))["deferred"] == words
    refused, deferred = (Obstacle(rule, "", "") for rule in ("approvals", "deferred"))  # type: ignore[arg-type]
    assert Decision((refused,)).outcome == "refuse"
    assert Decision((refused, deferred)).outcome == "defer"
    assert Decision((deferred,)).as_data()["outcome"] == "defer"


def test_the_number_of_approvals_is_told_in_the_right_number(office: Office) -> None:
    """One approval, two approvals; people are counted once, however they are written."""
    two = Policy(name="two", rules=(Rule(approvers=2),))
    plan = plan_of(office, two)
    assert told(plan, two)["approvals"].endswith("needs 2 approvals, has 0")
    assert told(plan, two, approvals=yes(plan.token, "ann", " ANN"))["approvals"].endswith("needs 2 approvals, has 1")
    assert told(plan, two, approvals=yes(plan.token, "ann", "ben")) == {}


def test_a_policy_without_a_rule_refuses_whoever_approves(office: Office) -> None:
    """Where no rule of the policy matches, approvals do not help, and only that is told."""
    none = Policy(name="none", rules=(Rule(approvers=0, risk="high"),))
    plan = plan_of(office, none)
    text = told(plan, none, approvals=yes(plan.token, "ann", "ben"))["approvals"]
    assert text == "the policy none has no rule for risk low, global"
    lax = msgspec.structs.replace(none, unmatched="approve")
    assert told(plan_of(office, lax), lax) == {}


def test_people_present_are_counted_once_and_by_name(office: Office) -> None:
    """Two executors are two different names; a rule for one needs nobody to be named."""
    pair = Policy(name="pair", rules=(Rule(approvers=0, executors=2),))
    plan = plan_of(office, pair)
    assert told(plan, pair, executors=("ann", "Ann ", " "))["executors"] == "needs 2 people present, has 1"
    assert told(plan, pair, executors=("ann", "ben")) == {}
    assert told(plan_of(office), executors=()) == {}


def test_a_document_with_blanks_is_refused(office: Office) -> None:
    """Every part of the document that has no text is named."""
    text = told(plan_of(office, intent=" ", procedure=()))["document"]
    assert "intent" in text
    assert "procedure" in text
    assert told(plan_of(office)) == {}


def test_a_drift_lock_holds_unless_the_policy_or_an_emergency_lifts_it(office: Office) -> None:
    """The zone is named with its incident; a lock of another zone is none; an emergency needs an open incident."""
    locks = {ZONE: "DRIFT-7"}
    plan = plan_of(office)
    assert told(plan, locks=locks) == {"drift": "zone microsoft.com is locked by open drift (DRIFT-7)"}
    assert told(plan, locks={from_text("fabrikam.com"): "DRIFT-7"}) == {}
    assert told(plan, msgspec.structs.replace(ANYBODY, drift_locks=False), locks=locks) == {}
    assert set(told(plan_of(office, incident="INC-1"), locks=locks)) == {"drift"}  # a normal change in an incident
    assert told(plan_of(office, urgency="emergency", incident="INC-1"), locks=locks) == {}
    assert set(told(plan_of(office, urgency="emergency"), locks=locks)) == {"drift", "emergency"}


def test_an_incident_that_is_not_open_is_none(office: Office) -> None:
    """Where the inventory lists open incidents, an emergency names one of them, or that of a drift lock."""
    book = msgspec.structs.replace(default_inventory(), incidents=("INC-1", "INC-2"))
    urgent = plan_of(office, urgency="emergency", incident="INC-3")
    assert told(urgent, inventory=book) == {"emergency": "INC-3 is not an open incident; open: INC-1, INC-2"}
    assert told(urgent, inventory=book, locks={ZONE: "INC-3"}) == {}
    assert told(plan_of(office, urgency="emergency", incident=" INC-2 "), inventory=book) == {}
    blank = told(plan_of(office, urgency="emergency", incident=" "), inventory=book)
    assert blank == {"emergency": "an emergency change without the id of an incident"}
    normal = told(plan_of(office, incident="INC-3"), inventory=book)
    assert normal == {}


def test_what_the_rollback_leaves_is_told(office: Office) -> None:
    """The names that differ are told; a rollback that cannot be applied has its own text; a policy may allow it."""
    lax = msgspec.structs.replace(ANYBODY, rollback_must_restore=False, in_use_blocks=())
    strict = msgspec.structs.replace(lax, rollback_must_restore=True)
    half = office.control.plan(clean_up(), strict)
    assert told(half, strict)["rollback"].endswith(f"does not restore last known good: {AUTOLOGON}")
    assert told(half, lax) == {}
    whole = office.control.plan(clean_up(rollback_operations=whole_rollback()), strict)
    assert told(whole, strict) == {}
    profile_only = office.control.plan(clean_up(rollback_operations=whole_rollback()[1:]), strict)
    assert "rollback" in told(profile_only, strict)
    assert not told(profile_only, strict)["rollback"].endswith(": ")


def test_use_is_told_with_who_uses_it(office: Office) -> None:
    """The clients of a name are listed; queries without a client are ``clients``."""
    office.ask(AUTOLOGON, "outlook")
    office.ask(AUTOLOGON, "")
    plan = office.control.plan(clean_up(rollback_operations=whole_rollback()), ANYBODY)
    assert told(plan)["in-use"].endswith("resolved 2 times in the last 300 s, by outlook")
    office.clock.moment += 301
    office.ask(AUTOLOGON, "")
    again = office.control.plan(change(*cname_for_alias()), ANYBODY)
    assert told(again)["in-use"].endswith("resolved 1 times in the last 300 s, by clients")
    assert MANAGER not in told(again)["in-use"]
