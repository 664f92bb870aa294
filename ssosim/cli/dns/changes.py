"""The actions that make a change, or say what it would do."""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ssosim.cli.common import folder_of
from ssosim.cli.dns.inputs import change_of, in_lab, stage
from ssosim.lab.base.errors import LabError, LabRefusedError
from ssosim.output import one_line, print_json, say

if TYPE_CHECKING:  # heavy, and --help needs none of it
    from ssosim.changes.change import Change
    from ssosim.dns import ZoneSet
    from ssosim.estate import Estate
    from ssosim.lab.control.dns_answers import ChangeResult, Plan
    from ssosim.scenario.forecast import Forecast

__all__ = ["apply", "plan", "rollback"]

_GRACE_S = 1.0


def plan(options: argparse.Namespace) -> int:
    """What a change would do, and to whom; nothing is changed."""
    import msgspec  # noqa: PLC0415

    from ssosim.changes.overlay import overlay  # noqa: PLC0415
    from ssosim.dns.zones.from_estate import zones_of  # noqa: PLC0415
    from ssosim.lab.control.dns_answers import Plan  # noqa: PLC0415
    from ssosim.report.dns import forecast_text, gate_text, plan_text  # noqa: PLC0415

    change = change_of(options)
    if options.before is not None and options.zones is None and not folder_of(options).is_running():
        options.zones = options.before
    zones, estate, _ = stage(options)
    plan = (
        _plan_alone(options, change, zones, estate) if options.zones else in_lab(options, "plan", Plan, change=change)
    )
    before, after = zones, change.apply(zones)
    if options.zones:  # clients need more names than a tree of the user's holds: the rest is the estate's
        before, after = (overlay(zones_of(estate), each) for each in (before, after))
    forecasts = _forecasts(before, after, estate, plan.blast_radius.names)
    if options.json:
        data: dict[str, object] = msgspec.to_builtins(plan)
        print_json(data | {"forecast": [each.as_data() for each in forecasts]})
    else:
        parts = [plan_text(plan), *(forecast_text(each) for each in forecasts), gate_text(plan.gate)]
        say("\n\n".join(parts))
    return 0


def _plan_alone(options: argparse.Namespace, change: Change, zones: ZoneSet, estate: Estate) -> Plan:
    """A plan against files alone: no query counts, so everything counts as in use."""
    import msgspec  # noqa: PLC0415

    from ssosim.changes.approvals import load_policy  # noqa: PLC0415
    from ssosim.changes.gate import Request, decide  # noqa: PLC0415
    from ssosim.changes.inventory import load_inventory  # noqa: PLC0415
    from ssosim.changes.plan import PlanContext, make_plan  # noqa: PLC0415
    from ssosim.changes.usage import NO_COUNTS  # noqa: PLC0415
    from ssosim.lab.control.dns_answers import Plan  # noqa: PLC0415
    from ssosim.lab.control.dns_handlers import make_inventory  # noqa: PLC0415

    policy = load_policy(options.policy or "strict")
    inventory = load_inventory(options.inventory) if options.inventory else make_inventory(estate)
    spns = (*estate.default_realm.service_account.spns, *estate.default_realm.services)
    context = PlanContext(inventory=inventory, policy=policy, counts=NO_COUNTS, spns=spns, now=time.time())
    plan = make_plan(change, zones, context)
    decision = decide(Request(plan=plan, policy=policy, inventory=inventory, locks={}))
    return msgspec.convert(plan.as_data() | {"gate": decision.as_data()}, Plan)


def _forecasts(before: ZoneSet, after: ZoneSet, estate: Estate, names: Sequence[str]) -> list[Forecast]:
    """One forecast for each affected host that clients sign in at; none where the change touches no such host."""
    from ssosim.lab.base.folder import ensure_cache_folder  # noqa: PLC0415
    from ssosim.lab.base.signing_keys import load_signing_keys  # noqa: PLC0415
    from ssosim.scenario.forecast import affected_hosts, forecast  # noqa: PLC0415

    keys = load_signing_keys(estate, ensure_cache_folder())
    return [forecast(before, after, estate, keys, host) for host in affected_hosts(names, estate)]


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
        raise LabRefusedError(text, msgspec.to_builtins(ended))


def rollback(options: argparse.Namespace) -> int:
    """Take a change back; exit code 1 when what is there then is not what was there before."""
    from ssosim.lab.control.dns_answers import ChangeResult  # noqa: PLC0415

    body = {"number": options.number, "as_written": options.as_written, "by": options.by}
    return _finish(options, in_lab(options, "rollback", ChangeResult, body))


def _finish(options: argparse.Namespace, done: ChangeResult) -> int:
    from ssosim.report.dns import done_text  # noqa: PLC0415

    if options.json:
        print_json(done)
    else:
        say(done_text(done))
    return 0 if done.verification.equal else LabError.exit_code
