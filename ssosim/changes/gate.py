"""The gate: it allows a plan, refuses it with every reason, or defers it. No option of ``apply`` skips it.

Each check is a pure function of one ``Request``. Change control runs all checks itself, for every caller (TMS9-085,
TMS9-086).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Literal

from dns.name import Name
from msgspec import Struct

from ssosim.changes.approvals import Approval, Policy, identify_person
from ssosim.changes.change import blank_fields
from ssosim.changes.inventory import Inventory
from ssosim.changes.plan import Plan
from ssosim.dns.zones.rrset import plain

__all__ = ["Decision", "Obstacle", "Request", "RuleName", "decide", "judge_approvals"]

RuleName = Literal[
    "version", "document", "drift", "in-use", "emergency", "approvals", "executors", "rollback", "deferred"
]


class Obstacle(Struct, frozen=True):
    """One reason against a plan, and what to do about it."""

    rule: RuleName
    text: str
    advice: str


class Decision(Struct, frozen=True):
    """The result of all checks. ``defer``: an approver asks for a safer way first (TMS9-051)."""

    obstacles: tuple[Obstacle, ...]

    @property
    def outcome(self) -> Literal["allow", "refuse", "defer"]:
        """``allow`` without obstacles, else ``defer`` or ``refuse``."""
        if not self.obstacles:
            return "allow"
        return "defer" if any(each.rule == "deferred" for each in self.obstacles) else "refuse"

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        reasons = [{"rule": each.rule, "text": each.text, "advice": each.advice} for each in self.obstacles]
        return {"outcome": self.outcome, "reasons": reasons}


class Request(Struct, frozen=True, kw_only=True):
    """A request to apply a plan. ``token`` is the token of the plan that was approved; None: not planned before.

    ``executors`` are the names of the people present. ``locks`` are the zones with open drift and their incident ids.
    """

    plan: Plan
    policy: Policy
    inventory: Inventory
    token: str | None = None
    approvals: tuple[Approval, ...] = ()
    executors: tuple[str, ...] = ()
    locks: Mapping[Name, str]

    @property
    def emergency(self) -> bool:
        """Whether the drift lock and the in-use check are skipped: an emergency change in an open incident."""
        return self.plan.change.urgency == "emergency" and self.incident_open

    @property
    def incident_open(self) -> bool:
        """Whether the change names an incident: an open one if the inventory lists open incidents."""
        known = self.inventory.incidents
        named = self.plan.change.incident.strip()
        return bool(named) and (not known or named in known or named in self.locks.values())


def decide(request: Request) -> Decision:
    """Run all checks and collect their obstacles. Nothing stands against a plan that changes nothing."""
    checks = _CHECKS if request.plan.delta else (_version,)
    return Decision(tuple(obstacle for check in checks for obstacle in check(request)))


def judge_approvals(request: Request) -> Decision:
    """Run the checks of the approvals alone: for two trees, which have no lab, no document and no people present."""
    return Decision(tuple(_approvals(request)) if request.plan.delta else ())


def _version(request: Request) -> Iterator[Obstacle]:
    wanted, now = request.token, request.plan.token
    if wanted is None or wanted == now:
        return
    planned, _, _ = wanted.partition("-")
    if planned != now.partition("-")[0]:
        text = f"planned against version {planned[1:]}, the zones are at version {request.plan.before.version}"
    else:
        text = f"the plan {wanted} is not the plan of this change: it is {now}"
    yield Obstacle("version", text, "plan again, and have the new plan approved")


def _drift(request: Request) -> Iterator[Obstacle]:
    if not request.policy.drift_locks or request.emergency:
        return
    for origin in sorted(request.plan.zones & request.locks.keys()):
        text = f"zone {plain(origin)} is locked by open drift ({request.locks[origin]})"
        yield Obstacle("drift", text, "reconcile the drift first: ssosim dns drift shows it, --reconcile ends it")


def _in_use(request: Request) -> Iterator[Obstacle]:
    if request.emergency:
        return
    blocked = frozenset(request.policy.in_use_blocks)
    usage = {each.name: each for each in request.plan.usage}
    entries = request.inventory.by_name()
    for name in (name for name, effects in request.plan.effects.items() if effects & blocked):
        used = usage[name]
        entry = entries.get(name)
        if used.count is None:
            text = f"{name}: its query count has a gap in the last {used.window:g} s ({used.gap}), which counts as use"
            yield Obstacle("in-use", text, "wait until the metric covers the whole window")
        elif used.in_use:
            who = ", ".join(sorted(client for client in used.count.clients if client)) or "clients"
            text = f"{name}: resolved {used.count.total} times in the last {used.window:g} s, by {who}"
            yield Obstacle("in-use", text, "move its clients to another name first; --substitute shows who they are")
        elif entry is not None and entry.in_use:
            text = f"{name}: the inventory lists it as in use ({entry.flow}, owner {entry.owner})"
            yield Obstacle("in-use", text, f"ask {entry.owner}, and change the inventory first")


def _emergency(request: Request) -> Iterator[Obstacle]:
    change = request.plan.change
    if change.urgency == "emergency" and not request.incident_open:
        text = "an emergency change without the id of an incident"
        if change.incident.strip():
            text = f"{change.incident} is not an open incident; open: {', '.join(request.inventory.incidents)}"
        yield Obstacle("emergency", text, 'give incident = "…", or make it a normal change')


def _approvals(request: Request) -> Iterator[Obstacle]:
    needed, plan = request.plan.requirements, request.plan
    if needed.refused:
        text = f"the policy {request.policy.name} has no rule for risk {plan.risk.level.word}, {plan.blast.scope}"
        yield Obstacle("approvals", text, "add a rule to the policy; without a rule nobody can approve the change")
        return
    good: dict[str, None] = {}
    for approval in request.approvals:
        person = identify_person(approval.person)
        if approval.decision == "defer":
            reason = approval.safer or "no reason given"
            yield Obstacle("deferred", f"{approval.person} defers: {reason}", "find the safer way, then plan again")
        elif approval.decision == "reject":
            yield Obstacle("approvals", f"{approval.person} rejects it", "settle the reason with the approver")
        elif approval.plan != plan.token:
            text = f"{approval.person} approved the plan {approval.plan or '(none)'}, this is {plan.token}"
            yield Obstacle("approvals", text, "have this plan approved")
        elif approval.unanswered:
            text = f"the approval of {approval.person or '(nobody)'} leaves open: {' '.join(approval.unanswered)}"
            yield Obstacle("approvals", text, "answer all three: safer, needed, now")
        elif not person or person == identify_person(plan.change.author):
            text = "an approval without a name, or by the author, does not count"
            yield Obstacle("approvals", text, "have another person approve")
        else:
            good[person] = None
    if len(good) < needed.approvers:
        noun = "approval" if needed.approvers == 1 else "approvals"
        text = f"risk {plan.risk.level.word}, {plan.blast.scope}: needs {needed.approvers} {noun}, has {len(good)}"
        yield Obstacle(
            "approvals", text, f'give --approve FILE with plan = "{plan.token}", a person, safer, needed, now'
        )


def _executors(request: Request) -> Iterator[Obstacle]:
    present = {identified for person in request.executors if (identified := identify_person(person))}
    needed = request.plan.requirements.executors
    if needed > 1 and len(present) < needed:
        text = f"needs {needed} people present, has {len(present)}"
        yield Obstacle("executors", text, "name them: --by PERSON --by PERSON")


def _document(request: Request) -> Iterator[Obstacle]:
    if blank := blank_fields(request.plan.change):
        yield Obstacle("document", f"the change has no text for: {', '.join(blank)}", "write a change file")


def _rollback(request: Request) -> Iterator[Obstacle]:
    left = request.plan.rollback
    if not request.policy.rollback_must_restore or not left:
        return
    what = left if isinstance(left, str) else ", ".join(plain(name) for name in left.names) or "the profiles"
    text = f"the rollback as written does not restore last known good: {what}"
    yield Obstacle("rollback", text, "correct rollback_operations; the plan shows what would differ")


_CHECKS: tuple[Callable[[Request], Iterator[Obstacle]], ...] = (
    _document,
    _version,
    _emergency,
    _drift,
    _in_use,
    _approvals,
    _executors,
    _rollback,
)
