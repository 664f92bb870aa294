"""The actions that make a change, or say what it would do."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from ssosim.cli.common import DEFAULT_NAME, folder_of
from ssosim.cli.dns.check import check_settings, fail_on, notes_on_criteria, provider_keys
from ssosim.cli.dns.inputs import change_of, in_lab, refuse_name, refuse_of_files, stage, types_to_leave_out, warn
from ssosim.lab.base.errors import LabError, LabRefusedError
from ssosim.lab.base.system import has_labs
from ssosim.output import one_line, print_document, print_error, say

if TYPE_CHECKING:  # heavy, and --help needs none of it
    from ssosim.changes.change import Change
    from ssosim.changes.plan import Plan as FullPlan
    from ssosim.dns import ZoneSet
    from ssosim.estate import Estate
    from ssosim.lab.control.dns_answers import ChangeResult, Plan
    from ssosim.scenario.dns_check import CheckSettings
    from ssosim.scenario.forecast import Forecast

__all__ = ["apply", "plan", "rollback"]

_GRACE_S = 1.0


def plan(options: argparse.Namespace) -> int:
    """What a change would do, and to whom; nothing is changed. Exit code 1 only by ``--fail-on``."""
    import msgspec  # noqa: PLC0415

    from ssosim.changes.thresholds import find_breaches  # noqa: PLC0415
    from ssosim.report.dns import forecast_text, gate_text, plan_text  # noqa: PLC0415

    criteria = fail_on(options) if options.fail_on else None
    planned, forecasts, full = _plan(options)
    if options.json:
        data: dict[str, object] = msgspec.to_builtins(planned)
        print_document("dns-plan", data | {"forecast": [each.as_data() for each in forecasts]})
    else:
        parts = [plan_text(planned), *(forecast_text(each) for each in forecasts), gate_text(planned.gate)]
        nothing = not any(msgspec.structs.astuple(planned.changes)) and not (full and full.delta)
        say("\n\n".join([*parts[:1], "nothing to do"] if nothing else parts))
    if criteria is None or full is None:
        return 0
    warn(notes_on_criteria(criteria, forecasts))
    worse = {text: count for each in forecasts for text, count in each.list_losers()}
    breaches = find_breaches(full, worse, criteria)
    for breach in breaches:
        print_error(one_line(f"--fail-on {breach.criterion}: {breach.text}"))
    return LabError.exit_code if breaches else 0


def _plan(options: argparse.Namespace) -> tuple[Plan, tuple[Forecast, ...], FullPlan | None]:
    """The plan as it is shown, the forecasts, and the plan with its zones.

    Two trees alone are planned as ``check`` does. A change against files, or two trees against other files, is planned
    here too. A change of a running lab is planned by the lab, with its query counts.
    """
    from ssosim.changes.gate import Request, decide  # noqa: PLC0415
    from ssosim.dns.imports.tree import read_two_trees  # noqa: PLC0415
    from ssosim.lab.base.estate_option import read_estate  # noqa: PLC0415
    from ssosim.scenario.dns_check import plan_change, plan_trees  # noqa: PLC0415

    both = options.before is not None and options.after is not None and options.change is None
    # A lab that is named and does not run is a mistake, which ``stage`` tells.
    named = options.name != DEFAULT_NAME
    alone = options.zones is None and not named and not (has_labs() and folder_of(options).is_running())
    if both and (alone or options.zones == options.before):
        refuse_name(options, "--zones")
        before, after, skipped = read_two_trees(options.before, options.after, types_to_leave_out(options))
        warn(skipped)
        estate = read_estate(options.estate)
        settings = check_settings(options, estate)
        full, forecasts = plan_trees(before, after, estate, lambda: provider_keys(estate), settings)
    else:
        change = change_of(options)
        zones, estate, _ = stage(options)
        settings = check_settings(options, estate)
        if options.zones is None:
            refuse_of_files(options, ("policy", "inventory"))
            return _plan_in_lab(options, change, zones, estate, settings)
        full, forecasts = plan_change(change, zones, estate, lambda: provider_keys(estate), settings)
    decision = decide(Request(plan=full, policy=settings.policy, inventory=settings.inventory, locks={}))
    return _as_shown(full, decision.as_data()), forecasts, full


def _plan_in_lab(
    options: argparse.Namespace, change: Change, zones: ZoneSet, estate: Estate, settings: CheckSettings
) -> tuple[Plan, tuple[Forecast, ...], FullPlan | None]:
    from ssosim.lab.control.dns_answers import Plan  # noqa: PLC0415
    from ssosim.scenario.dns_check import plan_change  # noqa: PLC0415

    planned = in_lab(options, "plan", Plan, change=change)
    full, forecasts = plan_change(change, zones, estate, lambda: provider_keys(estate), settings)
    return planned, forecasts, full


def _as_shown(plan: FullPlan, gate: dict[str, object]) -> Plan:
    import msgspec  # noqa: PLC0415

    from ssosim.lab.control.dns_answers import Plan  # noqa: PLC0415

    return msgspec.convert(plan.as_data() | {"gate": gate}, Plan)


def apply(options: argparse.Namespace) -> int:
    """Make the change; exit code 1 when the gate refuses it or what is there then is not the plan's."""
    from ssosim.changes.approvals import load_approvals  # noqa: PLC0415
    from ssosim.lab.control.dns_answers import ChangeResult  # noqa: PLC0415

    change = change_of(options)
    approvals = [each.as_data() for each in load_approvals(options.approve)]
    if options.substitute is not None:
        _count_first(options, change)
    body = {"plan": options.plan, "approvals": approvals, "executors": options.by}
    return _finish(options, in_lab(options, "apply", ChangeResult, body, change=change))


def _count_first(options: argparse.Namespace, change: Change) -> None:
    """Let a counting backend stand in for a while; raises LabRefusedError when anything hits it."""
    import msgspec  # noqa: PLC0415

    from ssosim.lab.control.answers import request_typed  # noqa: PLC0415
    from ssosim.lab.control.dns_answers import SubstitutionHits, SubstitutionStarted  # noqa: PLC0415

    folder = folder_of(options)
    started = in_lab(options, "substitutions", SubstitutionStarted, change=change)
    try:
        time.sleep(max(options.substitute, started.ttl + _GRACE_S))
    finally:
        ended = request_typed(folder, "POST", "/v1/dns/substitutions/finish", SubstitutionHits)
    if ended.total:
        hits = ", ".join(f"{one_line(name)}: {count} connections" for name, count in ended.hits.items() if count)
        text = f"the counting backend was hit, so the name is in use; nothing was changed: {hits}"
        if options.json:
            print_document("dns-refusal", {"error": text})
        raise LabRefusedError(text, msgspec.to_builtins(ended))


def rollback(options: argparse.Namespace) -> int:
    """Take a change back; exit code 1 when what is there then is not what was there before."""
    from ssosim.lab.control.dns_answers import ChangeResult  # noqa: PLC0415

    body = {"number": options.number, "as_written": options.as_written, "by": options.by}
    return _finish(options, in_lab(options, "rollback", ChangeResult, body))


def _finish(options: argparse.Namespace, done: ChangeResult) -> int:
    from ssosim.report.dns import done_text  # noqa: PLC0415

    if options.json:
        print_document(f"dns-{options.action}", done)
    else:
        say(done_text(done))
    return 0 if done.verification.equal else LabError.exit_code
