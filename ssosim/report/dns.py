"""DNS plans, decisions, drift and verification as text for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

import msgspec

from ssosim.lab.control.dns_answers import ChangeResult, Changes, Drift, GateDecision, Plan, Usage
from ssosim.output import clean_data, format_share
from ssosim.scenario.forecast import Forecast, Prediction, ViewForecast
from ssosim.scenario.forecast_times import describe_timing, summarise_timings

__all__ = [
    "ZoneRow",
    "changes_lines",
    "done_text",
    "drift_text",
    "forecast_text",
    "gate_text",
    "losers_text",
    "outside_text",
    "plan_text",
    "timing_text",
    "zones_text",
]

_SIGNS = {"create": "+", "update": "~", "delete": "-"}
_MAX_NAMES = 8
_Data = TypeVar("_Data")
_More = ParamSpec("_More")


def _of_clean_data(render: Callable[Concatenate[_Data, _More], str]) -> Callable[Concatenate[_Data, _More], str]:
    """Wrap ``render`` so that control characters in its data are escaped: a title cannot add lines to the output."""

    @wraps(render)
    def rendered(data: _Data, /, *args: _More.args, **more: _More.kwargs) -> str:
        return render(clean_data(data), *clean_data(args), **clean_data(more))

    return rendered


class ZoneRow(msgspec.Struct, frozen=True, kw_only=True):
    """A record set of a zone as text; ``shape`` says whether it is plain, an alias or a CNAME."""

    zone: str
    name: str
    type: str
    shape: str
    text: str


@_of_clean_data
def plan_text(plan: Plan) -> str:
    """Format a plan: changes, risk, blast radius, references, usage, and what the rollback leaves changed."""
    lines = [f"plan {plan.plan}: {plan.title}", f"against version {plan.version} of the zones", ""]
    lines += changes_lines(plan.changes)
    risk, blast = plan.risk, plan.blast_radius
    where = "global" if blast.scope == "global" else f"views {', '.join(blast.views)}"
    lines += ["", f"risk: {risk.level}, blast radius: {where}"]
    lines += [f"  {reason.level:<6}  {reason.text}" for reason in risk.reasons]
    lines += [f"  names affected: {_few(blast.names)}"]
    lines += [f"  clients that resolved them lately: {_few(blast.clients)}"] if blast.clients else []
    if plan.references:
        lines += ["", "who refers to it"]
        lines += [f"  {each.target}: {each.text}" for each in plan.references]
    lines += ["", "who uses it now"]
    lines += [f"  {_usage(each)}" for each in plan.usage] or ["  nothing that exists is touched"]
    lines += _describe_rehearsal(plan.rollback)
    return "\n".join(lines)


def _describe_rehearsal(left: Changes | str | None) -> list[str]:
    """Return lines on what the rollback as written does not restore; none for a change without a rollback."""
    if left is None:
        return []
    if isinstance(left, Changes) and not any(msgspec.structs.astuple(left)):
        return ["", "rollback as written gives back last known good"]
    lines = [f"  {left}"] if isinstance(left, str) else changes_lines(left)
    return ["", "rollback as written does not restore last known good", *lines]


def changes_lines(changes: Changes) -> list[str]:
    """Return a line or more for each difference, and the numbers of record sets; data must be clean already."""
    lines = []
    for record in changes.records:
        lines.append(f"  {_SIGNS[record.kind]} {record.name} {record.type}")
        lines += _before_and_after(record.before, record.after)
    for profile in changes.profiles:
        lines.append(f"  {_SIGNS[profile.kind]} traffic manager {profile.profile}")
        lines += [f"      {line}" for line in profile.fields] or _before_and_after(profile.before, profile.after)
    lines += [f"  + zone {name}" for name in changes.zones_added]
    lines += [f"  - zone {name}" for name in changes.zones_removed]
    counts = [sum(each.kind == kind for each in changes.records) for kind in _SIGNS]
    return [*lines, f"  record sets: {counts[0]} created, {counts[1]} updated, {counts[2]} deleted"]


def _before_and_after(before: str | None, after: str | None) -> list[str]:
    return [*([f"      - {before}"] if before else []), *([f"      + {after}"] if after else [])]


def _usage(usage: Usage) -> str:
    window = f"in the last {usage.window_s:g} s"
    if usage.resolutions is None:
        gap = f" ({usage.gap})" if usage.gap else ""
        return f"{usage.name}: not measured for all of the last {usage.window_s:g} s{gap}, which counts as use"
    who = ", ".join(f"{client or 'the lab'} {count}" for client, count in usage.clients.items())
    return f"{usage.name}: {usage.resolutions} resolutions {window}{f' ({who})' if who else ''}"


@_of_clean_data
def gate_text(gate: GateDecision) -> str:
    """Format the decision of the gate, with advice for each reason."""
    word = {"allow": "may be applied", "refuse": "refused", "defer": "deferred"}[gate.outcome]
    lines = [f"gate: {word}"]
    for reason in gate.reasons:
        lines += [f"  {reason.rule}: {reason.text}", f"      → {reason.advice}"]
    return "\n".join(lines)


@_of_clean_data
def forecast_text(forecast: Forecast) -> str:
    """Format the predicted outcome for every kind of client, with the SPN before and after."""
    lines = [f"predicted outcome at {forecast.host}"]
    lines += [f"  {outside_text(forecast, name)}" for name in forecast.outside]
    for view in forecast.views:
        lines += ["", f"  {view.name}:"] if view.name else []
        if view.name and not view.worse and all(each.before == each.after for each in (*view.rules, *view.models)):
            lines += ["  as before for every model"]
            continue
        lines += ["", "  by the way a client forms the SPN"]
        for each in view.rules:
            lines += _prediction(each, f"{each.kind} ({_few(each.names)})")
        lines += ["", "  by client model"]
        for each in view.models:
            lines += _prediction(each, each.names[0])
        lines += ["", f"  {losers_text(view)}"]
        lines += [f"  for how long: {text}"] if (text := timing_text(view)) else []
    return "\n".join(lines)


def timing_text(view: ViewForecast) -> str:
    """Say in one sentence for how long the models of this view are hurt; empty if none is."""
    return summarise_timings(((each.names[0], each.timing) for each in view.models if each.timing), _few)


def losers_text(view: ViewForecast) -> str:
    """Say who is worse off in this view."""
    if not view.worse:
        return "no model is worse off"
    where = f" in {view.name}" if view.name else ""
    return f"worse off{where}: {len(view.worse)} of {len(view.models)} models: {', '.join(view.worse)}"


def outside_text(forecast: Forecast, name: str) -> str:
    """Say what the forecast assumes of a name that is in no zone."""
    if forecast.assumed == "missing":
        return f"{name} is in no zone given: assumed not to exist (--outside missing)"
    return f"{name} is in no zone given: assumed to resolve, and to answer for {forecast.host} (--outside resolves)"


def _prediction(each: Prediction, title: str) -> Iterator[str]:
    mark = "!" if each.worse else " "
    if each.before == each.after:
        yield f"  {mark} {title}: {each.after}, as before"
    else:
        yield f"  {mark} {title}: {each.before} → {each.after}"
    if each.spn_before != each.spn_after and each.spn_after:
        yield f"        SPN {_spns(each.spn_before)} → {_spns(each.spn_after)}"
    if each.worse:
        yield f"        {each.why}"
    if each.timing is not None:
        yield f"        {describe_timing(each.timing)}"


def _spns(spns: Sequence[str]) -> str:
    return " or ".join(spns) or "none"


@_of_clean_data
def done_text(done: ChangeResult) -> str:
    """Format what was applied or rolled back, and the verification of the zones."""
    verb = {"apply": "applied", "rollback": "rolled back"}.get(done.action, done.action)
    if done.number is None:
        everywhere = "" if done.action == "taken back" else "; to have it everywhere, apply it without views"
        return f"{done.action} in {', '.join(done.views or ())}: {done.title}; the zones are as they were{everywhere}"
    lines = [f"{verb} as number {done.number}: {done.title}; the zones are at version {done.version}"]
    check = done.verification
    if check.equal:
        return "\n".join([*lines, "verified: equal to what it should be, down to record types"])
    lines.append("verification failed: this is not what it should be")
    lines += [f"  {line}" for line in check.differences]
    if probes := check.probes:
        green = sum(probe.green for probe in probes)
        lines.append(f"  probes (resolves, HTTPS): {green} of {len(probes)} green, which does not prove it")
    return "\n".join(lines)


@_of_clean_data
def drift_text(drift: Drift) -> str:
    """Format the findings of drift, most severe first, the locked zones, and the completeness of the inventory."""
    found = sorted(drift.findings, key=lambda each: (each.severity, each.direction, each.name))
    lines = [f"{len(found)} finding{'s' if len(found) > 1 else ''}" if found else "no drift"]
    for each in found:
        page = "pages" if each.pages else "queue"
        lines.append(f"  sev {each.severity} ({page})  {each.direction:<9}  {each.name}: {each.text}")
    lines += [f"zone {zone} is locked ({incident})" for zone, incident in drift.locks.items()]
    partly = f", as far as they were counted: {drift.uncounted}" if drift.uncounted else ""
    known = drift.inventory_completeness
    if known is None:
        lines.append(f"inventory: no name was asked for, so none shows what it lacks{partly}")
    else:
        lines.append(f"inventory: knows {format_share(known)} of the names asked for{partly}")
    return "\n".join(lines)


@_of_clean_data
def zones_text(rows: Sequence[ZoneRow], version: int, locks: dict[str, str]) -> str:
    """Format the zones, one line for each record set."""
    width = max((len(row.name) for row in rows), default=0)
    lines = [f"version {version}"]
    lines += [f"  {row.name:<{width}}  {row.text}" for row in rows]
    lines += [f"zone {zone} is locked by drift ({incident})" for zone, incident in locks.items()]
    return "\n".join(lines)


def _few(names: Sequence[str]) -> str:
    shown = ", ".join(names[:_MAX_NAMES]) or "none"
    return f"{shown} and {len(names) - _MAX_NAMES} more" if len(names) > _MAX_NAMES else shown
