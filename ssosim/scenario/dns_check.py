"""Judge the change between two trees of zones, without a lab and without state: ``ssosim dns check``.

The differences, the risk and the forecast are those of ``ssosim dns plan``. The forecast counts for the risk, and
``FailOn`` says which findings fail the check. Approvals of the plan accept what people may accept.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import dns.name
import msgspec

from ssosim.changes.approvals import Approval, Policy
from ssosim.changes.change import Change
from ssosim.changes.gate import Request, judge_approvals
from ssosim.changes.inventory import Inventory
from ssosim.changes.plan import Plan, PlanContext, make_plan, plan_between, tree_token
from ssosim.changes.thresholds import DEFAULT_CRITERIA, Breach, FailOn, find_breaches
from ssosim.changes.usage import NO_COUNTS
from ssosim.dns import ZoneSet
from ssosim.dns.zones.rrset import to_name
from ssosim.estate import Estate
from ssosim.scenario.check_result import VERSION, ApprovalState, CheckResult, FailedCriterion
from ssosim.scenario.forecast import Forecast, forecast_change, forecast_reasons
from ssosim.scenario.forecast_zones import Outside, overlay_trees

if TYPE_CHECKING:
    from ssosim.entra import Keys

__all__ = ["CheckSettings", "check_trees", "plan_change", "plan_trees"]

_MOST_HOSTS = 3  # in a note


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckSettings:
    """How a change is judged.

    ``author`` is the person whose own approval does not count. ``outside``: what is assumed of names in no zone.
    """

    policy: Policy
    inventory: Inventory
    fail_on: FailOn = DEFAULT_CRITERIA
    approvals: tuple[Approval, ...] = ()
    author: str = ""
    outside: Outside = "resolves"
    now: float = field(default=0.0)


def check_trees(
    before: ZoneSet,
    after: ZoneSet,
    estate: Estate,
    keys: Callable[[], Keys],
    settings: CheckSettings,
    labels: tuple[str, str] = ("before", "after"),
) -> CheckResult:
    """Judge the change from ``before`` to ``after`` for the clients of ``estate``.

    ``keys`` gives the identity provider's keys if something is played; ``labels`` name the two trees in the result.
    Raises DnsChangeError if a tree conflicts with the zones of the estate.
    """
    plan, forecasts = plan_trees(before, after, estate, keys, settings)
    worse = {text: count for each in forecasts for text, count in each.list_losers()}
    breaches = find_breaches(plan, worse, settings.fail_on)
    request = Request(
        plan=plan, policy=settings.policy, inventory=settings.inventory, approvals=settings.approvals, locks={}
    )
    decision = judge_approvals(request)
    stopped = any(each.rule == "deferred" for each in decision.obstacles) or any(
        approval.decision == "reject" for approval in settings.approvals
    )
    accepted = bool(settings.approvals) and not decision.obstacles
    failed = tuple(
        FailedCriterion(
            criterion=each.criterion,
            limit=each.limit,
            text=each.text,
            advice=each.advice,
            accepted=accepted and each.approvable,
        )
        for each in breaches
    )
    fails = bool(plan.delta) and (stopped or any(not each.accepted for each in failed))
    data = plan.as_data()
    return msgspec.convert(
        {
            "version": VERSION,
            "outcome": "fail" if fails else "pass" if plan.delta else "nothing-to-do",
            "before": labels[0],
            "after": labels[1],
            "plan": plan.token,
            "changes": data["changes"],
            "risk": data["risk"],
            "names": data["blast_radius"]["names"],
            "references": data["references"],
            "lint": [
                {key: getattr(each, key) for key in ("zone", "name", "severity", "text", "source")}
                for each in plan.lint
            ],
            "forecast": forecasts,
            "failed": failed,
            "approvals": ApprovalState(
                needed=plan.requirements.approvers if plan.delta else 0,
                approved_by=tuple(each.person for each in settings.approvals if each.decision == "approve"),
                obstacles=tuple(each.text for each in decision.obstacles),
            ),
            "to_pass": _what_passes(plan, breaches, settings) if fails else (),
            "unplayed": _why_unplayed(before, after, estate) if plan.delta and not forecasts else "",
        },
        CheckResult,
        from_attributes=True,
    )


def _why_unplayed(before: ZoneSet, after: ZoneSet, estate: Estate) -> str:
    """Say why no client model was played: a check of zones without any host of the estate could never fail for one."""
    hosts = [name for name, _ in estate.list_identity_hosts()]
    origins = (before.zones.keys() | after.zones.keys()) - {dns.name.root}  # which every set of zones has
    if any(to_name(host).is_subdomain(origin) for host in hosts for origin in origins):
        return "the change affects no host of the identity provider"
    named = ", ".join(hosts[:_MOST_HOSTS]) + (", …" if len(hosts) > _MOST_HOSTS else "")
    return f"no zone here holds a host of the identity provider ({named}); name your own in an estate: --estate FILE"


def plan_trees(
    before: ZoneSet, after: ZoneSet, estate: Estate, keys: Callable[[], Keys], settings: CheckSettings
) -> tuple[Plan, tuple[Forecast, ...]]:
    """Plan the change from ``before`` to ``after``, with the forecast among the reasons of its risk."""
    plan = plan_between(_make_change(settings.author), before, after, _context(estate, settings))
    plan, forecasts = _with_forecast(plan, estate, keys, settings)
    token = tree_token(plan, msgspec.json.encode(forecasts, order="deterministic"))
    return msgspec.structs.replace(plan, token=token), forecasts


def plan_change(
    change: Change, zones: ZoneSet, estate: Estate, keys: Callable[[], Keys], settings: CheckSettings
) -> tuple[Plan, tuple[Forecast, ...]]:
    """Plan ``change`` of ``zones`` without a lab. Raises DnsChangeError if it cannot be applied to them."""
    return _with_forecast(make_plan(change, zones, _context(estate, settings)), estate, keys, settings)


def _context(estate: Estate, settings: CheckSettings) -> PlanContext:
    spns = (*estate.default_realm.service_account.spns, *estate.default_realm.services)
    return PlanContext(
        inventory=settings.inventory, policy=settings.policy, counts=NO_COUNTS, spns=spns, now=settings.now
    )


def _with_forecast(
    plan: Plan, estate: Estate, keys: Callable[[], Keys], settings: CheckSettings
) -> tuple[Plan, tuple[Forecast, ...]]:
    if not plan.delta:
        return plan, ()
    was, now = overlay_trees(estate, plan.before, plan.reached)
    views = plan.change.views
    forecasts = forecast_change(was, now, estate, keys, plan.blast.names, outside=settings.outside, views=views)
    return plan.with_reasons(forecast_reasons(forecasts), settings.policy), forecasts


def _make_change(author: str) -> Change:
    """The change that two trees stand for. It names no paths: the plan's token is the same on every machine."""
    return Change(
        title="the difference of two trees",
        author=author,
        intent="",
        procedure=(),
        rollback=(),
        health_signals=(),
        abort_rule="",
    )


def _what_passes(plan: Plan, breaches: tuple[Breach, ...], settings: CheckSettings) -> tuple[str, ...]:
    found = dict.fromkeys(f"{each.criterion}: {each.advice}" for each in breaches)
    if all(each.approvable for each in breaches) and breaches:
        if plan.requirements.refused:
            found[f"approvals: the policy {settings.policy.name} lets nobody approve this risk"] = None
        else:
            count = max(plan.requirements.approvers, 1)
            people = "one person" if count == 1 else f"{count} people"
            text = f'or an approval by {people}: --approve FILE with plan = "{plan.token}", person, safer, needed, now'
            found[text] = None
    return tuple(found)
