"""Who counts as another person: names are compared as people read them, for approvals, authors and executors."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from conftest_ops import Office, change, clean_up, whole_rollback, yes
from conftest_plans import plan_of
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.changes.approvals import Approval, Policy, Rule, identify_person
from ssosim.changes.gate import Request, decide
from ssosim.changes.inventory import Inventory
from ssosim.changes.plan import Plan

TWO = Policy(name="two", rules=(Rule(approvers=2, executors=2),))

SAME = [
    ("ann", "Ann"),
    ("ann", " ann\t"),
    ("Ann Lee", "ann  lee"),
    ("Ann Lee", "ann\u00a0lee"),
    ("ann", "a\u200bnn"),
    ("ann", "\ufeffann"),
    ("ann", "\uff41\uff4e\uff4e"),
    ("strasse", "STRAßE"),
    ("José", "Jose\u0301"),
    ("ann", "ann\u00ad"),
]
OTHER = [("ann", "anne"), ("ann lee", "lee ann"), ("José", "Jose"), ("ann", "ann2"), ("a nn", "ann")]


def told(plan: Plan, **more: Any) -> list[str]:
    """The rules that stand against a plan."""
    request = Request(plan=plan, policy=TWO, inventory=Inventory(), locks={}, **more)
    return sorted({each.rule for each in decide(request).obstacles})


def plan_for(author: str) -> Plan:
    """A plan of a small change by that author, which needs two approvals and two people present."""
    plan = plan_of("", "new A 192.0.2.1\n")
    by_author = msgspec.structs.replace(change(author=author), operations=())
    return msgspec.structs.replace(plan, change=by_author, token="v1-1").with_reasons((), TWO)


@pytest.mark.parametrize(("one", "other"), SAME)
def test_one_person_written_in_two_ways_is_one(one: str, other: str) -> None:
    """Case, width, blanks and characters that nobody sees make no second approver, and no second person present."""
    assert identify_person(one) == identify_person(other)
    plan = plan_for("carol")
    assert told(plan, approvals=yes("v1-1", one, other), executors=("x", "y")) == ["approvals"]
    assert told(plan, approvals=yes("v1-1", "x", "y"), executors=(one, other)) == ["executors"]
    by_author = plan_for(one)
    assert told(by_author, approvals=yes("v1-1", other, "x"), executors=("x", "y")) == ["approvals"]


@pytest.mark.parametrize(("one", "other"), OTHER)
def test_two_people_are_two(one: str, other: str) -> None:
    """The other side: names that people read as different ones are two people."""
    plan = plan_for("carol")
    assert told(plan, approvals=yes("v1-1", one, other), executors=(one, other)) == []
    assert told(plan_for(one), approvals=yes("v1-1", other, "x"), executors=("x", "y")) == []


@pytest.mark.parametrize("name", ["", "  ", "\u200b", "\u00ad \ufeff"])
def test_nobody_is_no_person(name: str) -> None:
    """A name of blanks and invisible characters approves nothing, and is not present."""
    plan = plan_for("carol")
    assert told(plan, approvals=yes("v1-1", "ann", name), executors=("ann", name)) == ["approvals", "executors"]


@pytest.mark.parametrize("order", [("approve", "reject"), ("reject", "approve"), ("defer", "approve")])
def test_a_later_approval_does_not_undo_a_rejection(order: tuple[str, str]) -> None:
    """Whoever rejects or defers has to withdraw it: an approval of the same person beside it is not enough."""
    plan = plan_for("carol")
    said = {"safer": "no", "needed": "yes", "now": "yes"}
    approvals = [Approval(person="ann", plan="v1-1", decision=each, **said) for each in order]  # type: ignore[arg-type]
    assert told(plan, approvals=(*approvals, *yes("v1-1", "ben", "dan")), executors=("x", "y")) == [
        "deferred" if "defer" in order else "approvals"
    ]


def test_the_gate_of_a_lab_counts_people_alike(office: Office) -> None:
    """Change control asks the same question: the clean-up is not applied by one person with two spellings."""
    wanted = clean_up(rollback_operations=whole_rollback())
    token = office.control.plan(wanted).token
    plan = office.control.plan(wanted)
    for approvers, outcome in ((("ann", "\uff21\uff2e\uff2e"), "refuse"), (("ann", "ben"), "allow")):
        decision = office.control.judge(plan, token=token, approvals=yes(token, *approvers), executors=("ann", "ben"))
        assert decision.outcome == outcome


@settings(max_examples=60)
@given(st.text(max_size=12))
def test_identifying_twice_is_identifying_once(name: str) -> None:
    """The identity of a person is its own identity, and never depends on case or on blanks around the name."""
    once = identify_person(name)
    assert identify_person(once) == once
    assert identify_person(f"  {name.upper().lower()}\t") == identify_person(name.upper().lower())
