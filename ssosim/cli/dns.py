"""``ssosim dns``: zones and changes to them."""

from __future__ import annotations

import argparse
import dataclasses
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ssosim.cli.common import add_estate, add_json, add_name, folder_of, print_json
from ssosim.lab.control_client import call
from ssosim.lab.errors import LabError, LabInputError, LabRefusedError

DESCRIPTION = """\
Show the zones of a lab, work a change out, apply it through the gate, take it back, look for drift.

  ssosim dns show autologon.microsoftazuread-sso.com
  ssosim dns plan change.toml                 what it would do, and to whom
  ssosim dns plan --from before/ --to after/  two trees of zone files; needs no lab
  ssosim dns apply change.toml --plan TOKEN --approve yes.toml --by ann --by ben
  ssosim dns rollback
  ssosim dns drift

Zones are read from BIND zone files and from octoDNS configurations. Exit code 0 as expected, 1 refused or
something found, 2 a file or option that cannot be used.
"""

_GRACE_S = 1.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
        add_name(made)
        add_json(made)
        return made

    show = action("show", "the zones, or what there is at and below NAME")
    show.add_argument("domain", nargs="?", metavar="NAME")
    plan = action("plan", "what a change would do; nothing is changed")
    apply = action("apply", "make a change, if the gate allows it")
    lint = action("lint", "mistakes and traps in the zones")
    for each in (show, plan, lint):
        each.add_argument("--zones", type=Path, metavar="DIR", help="zone files or octoDNS; needs no lab")
        add_estate(each)
    for each in (plan, apply):
        each.add_argument("change", nargs="?", type=Path, metavar="CHANGE", help="a change file (TOML)")
    plan.add_argument("--from", dest="before", type=Path, metavar="DIR", help="the change is from this tree of zones")
    plan.add_argument("--to", dest="after", type=Path, metavar="DIR", help="to this one")
    plan.add_argument("--policy", help="judge by this policy (with --zones): strict, feb-2025, or a file")
    plan.add_argument("--inventory", type=Path, metavar="FILE", help="the endpoint inventory (with --zones)")
    apply.add_argument("--plan", metavar="TOKEN", help="apply only if this is still the plan")
    apply.add_argument("--approve", action="append", type=Path, default=[], metavar="FILE", help="approvals (TOML)")
    apply.add_argument("--by", action="append", default=[], metavar="PERSON", help="who is at the keyboard; repeat")
    apply.add_argument(
        "--substitute", type=float, metavar="SECONDS", help="first put a counting backend there; hits end it"
    )
    back = action("rollback", "take back the last change, or change NUMBER, and verify")
    back.add_argument("number", nargs="?", type=int, metavar="NUMBER")
    back.add_argument("--as-written", action="store_true", help="play the change's own rollback_operations instead")
    back.add_argument("--by", default="", metavar="PERSON")
    drift = action("drift", "desired against actual, outside-in, and every resource")
    drift.add_argument("--inside", action="store_true", help="without probes over the wire")
    drift.add_argument("--adopt", action="store_true", help="make what is there the desired state (needs --by)")
    drift.add_argument("--by", default="", metavar="PERSON")
    load = action("load", "put your own zone files in the place of the lab's zones of those names")
    load.add_argument("tree", type=Path, metavar="DIR", help="zone files or an octoDNS configuration")
    settings = action("settings", "the desk's policy, inventory and drift detector")
    settings.add_argument("--policy", help="strict, feb-2025, or a file of yours")
    settings.add_argument("--inventory", type=Path, metavar="FILE")
    settings.add_argument("--detector", choices=["on", "off", "no-aliases"], help="no-aliases: as in February 2025")


def run(options: argparse.Namespace) -> int:
    """Do it; input mistakes of every file become one error with their places."""
    from ssosim.dns.errors import DnsChangeError  # noqa: PLC0415 - only this command needs it
    from ssosim.dns.imports.mistakes import ImportMistakeError  # noqa: PLC0415
    from ssosim.estate.toml import TomlMistakeError  # noqa: PLC0415

    try:
        return _ACTIONS[options.action](options)
    except (TomlMistakeError, ImportMistakeError, DnsChangeError) as error:
        raise LabInputError(str(error)) from error


def _show(options: argparse.Namespace) -> int:
    from ssosim.dns.ops.diff import describe  # noqa: PLC0415
    from ssosim.dns.rrset import plain, to_name  # noqa: PLC0415
    from ssosim.report.dns import zones_text  # noqa: PLC0415

    zones, _, locks = _stage(options)
    below = to_name(options.domain) if options.domain else None
    rows = [
        {
            "zone": plain(origin),
            "name": plain(rrset.name),
            "type": rrset.type.name,
            "shape": rrset.shape,
            "text": describe(rrset),
        }
        for origin in sorted(zones.zones)
        for rrset in sorted(zones.zones[origin].rrsets(), key=lambda each: (each.name, each.type.name))
        if below is None or rrset.name.is_subdomain(below)
    ]
    if options.json:
        print_json({"version": zones.version, "records": rows, "locks": locks})
    else:
        print(zones_text(rows, zones.version, locks))
    return 0 if rows else LabError.exit_code


def _plan(options: argparse.Namespace) -> int:
    from ssosim.dns.model import ZoneSet  # noqa: PLC0415
    from ssosim.dns.ops.overlay import overlay  # noqa: PLC0415
    from ssosim.report.dns import forecast_text, gate_text, plan_text  # noqa: PLC0415

    change = _change(options)
    if options.before is not None and options.zones is None and not folder_of(options).is_running():
        options.zones = options.before
    zones, estate, _ = _stage(options)
    plan = _plan_alone(options, change, zones, estate) if options.zones else _in_lab(options, "plan", change=change)
    before, after = zones, change.apply(zones)
    if options.zones:  # clients need more names than a tree of the user's holds: the rest is the estate's
        before, after = (overlay(ZoneSet.from_estate(estate), each) for each in (before, after))
    forecasts = _forecasts(before, after, estate, plan["blast_radius"]["names"])
    if options.json:
        print_json(plan | {"forecast": forecasts})
    else:
        parts = [plan_text(plan), *(forecast_text(each) for each in forecasts), gate_text(plan["gate"])]
        print("\n\n".join(parts))
    return 0


def _plan_alone(options: argparse.Namespace, change: Any, zones: Any, estate: Any) -> dict[str, Any]:
    """A plan against files alone: no query counts, so everything counts as in use."""
    from ssosim.dns.ops.approvals import load_policy  # noqa: PLC0415
    from ssosim.dns.ops.gate import Request, decide  # noqa: PLC0415
    from ssosim.dns.ops.inventory import load_inventory  # noqa: PLC0415
    from ssosim.dns.ops.plan import Surroundings, make_plan  # noqa: PLC0415
    from ssosim.dns.ops.usage import NO_COUNTS  # noqa: PLC0415
    from ssosim.lab.dns_desk import inventory_of  # noqa: PLC0415

    policy = load_policy(options.policy or "strict")
    inventory = load_inventory(options.inventory) if options.inventory else inventory_of(estate)
    spns = (*estate.realm.service_account.spns, *estate.realm.services)
    around = Surroundings(inventory=inventory, policy=policy, counts=NO_COUNTS, spns=spns, now=time.time())
    plan = make_plan(change, zones, around)
    decision = decide(Request(plan=plan, policy=policy, inventory=inventory, locks={}))
    return plan.as_data() | {"gate": decision.as_data()}


def _forecasts(before: Any, after: Any, estate: Any, names: list[str]) -> list[dict[str, Any]]:
    """One forecast for each affected host that clients sign in at; none where the change touches no such host."""
    from ssosim.lab.folder import cache_folder  # noqa: PLC0415
    from ssosim.lab.keys import kept_keys  # noqa: PLC0415
    from ssosim.scenario.forecast import affected_hosts, forecast  # noqa: PLC0415

    keys = kept_keys(estate, cache_folder())
    return [forecast(before, after, estate, keys, host).as_data() for host in affected_hosts(names, estate)]


def _apply(options: argparse.Namespace) -> int:
    from ssosim.dns.ops.approvals import load_approvals  # noqa: PLC0415
    from ssosim.report.dns import done_text  # noqa: PLC0415

    change = _change(options)
    approvals = [each.as_data() for each in load_approvals(options.approve)]
    if options.substitute is not None:
        _count_first(options, change)
    body = {"plan": options.plan, "approvals": approvals, "executors": options.by}
    return _finish(options, _in_lab(options, "apply", change=change, **body), done_text)


def _count_first(options: argparse.Namespace, change: Any) -> None:
    """Let a counting backend stand in for a while; raises LabRefusedError when anything hits it."""
    folder = folder_of(options)
    started = _in_lab(options, "substitutions", change=change)
    try:
        time.sleep(max(options.substitute, started["ttl"] + _GRACE_S))
    finally:
        ended = call(folder, "POST", "/v1/dns/substitutions/finish")
    if ended["total"]:
        hits = ", ".join(f"{name}: {count} connections" for name, count in ended["hits"].items() if count)
        text = f"the counting backend was hit, so the name is in use; nothing was changed: {hits}"
        raise LabRefusedError(text, ended)


def _rollback(options: argparse.Namespace) -> int:
    from ssosim.report.dns import done_text  # noqa: PLC0415

    body = {"number": options.number, "as_written": options.as_written, "by": options.by}
    return _finish(options, _in_lab(options, "rollback", **body), done_text)


def _finish(options: argparse.Namespace, done: dict[str, Any], text: Callable[[dict[str, Any]], str]) -> int:
    if options.json:
        print_json(done)
    else:
        print(text(done))
    return 0 if done["verification"]["equal"] else LabError.exit_code


def _drift(options: argparse.Namespace) -> int:
    from ssosim.report.dns import drift_text  # noqa: PLC0415

    if options.adopt:
        _in_lab(options, "adopt", by=options.by)
    found = _in_lab(options, "drift", outside=not options.inside)
    if options.json:
        print_json(found)
    else:
        print(drift_text(found))
    return LabError.exit_code if found["findings"] else 0


def _lint(options: argparse.Namespace) -> int:
    from ssosim.dns.lint import lint  # noqa: PLC0415

    zones, _, _ = _stage(options)
    found = lint(zones)
    if options.json:
        print_json({"findings": [dataclasses.asdict(each) for each in found]})
    else:
        lines = [f"{each.severity:<7}  {each.name}: {each.text} ({each.row})" for each in found]
        print("\n".join(lines) or "nothing found")
    return LabError.exit_code if any(each.severity == "error" for each in found) else 0


def _load(options: argparse.Namespace) -> int:
    from ssosim.dns.imports.tree import read_tree_with_warnings  # noqa: PLC0415
    from ssosim.dns.ops.snapshot import to_data  # noqa: PLC0415

    zones, warnings = read_tree_with_warnings(options.tree)
    _warn(warnings)
    said = _in_lab(options, "load", zones=to_data(zones), title=f"zones of {options.tree}")
    if options.json:
        print_json(said)
    else:
        print(f"loaded {options.tree}; the zones are at version {said['version']}, and this is the desired state")
    return 0


def _settings(options: argparse.Namespace) -> int:
    import msgspec  # noqa: PLC0415

    from ssosim.dns.ops.approvals import load_policy  # noqa: PLC0415
    from ssosim.dns.ops.inventory import load_inventory  # noqa: PLC0415

    body: dict[str, Any] = {}
    if options.policy:
        body["policy"] = msgspec.to_builtins(load_policy(options.policy))
    if options.inventory:
        body["inventory"] = msgspec.to_builtins(load_inventory(options.inventory))
    if options.detector:
        body["detector"] = {"enabled": options.detector != "off", "aliases": options.detector == "on"}
    said = _in_lab(options, "settings", **body)
    if options.json:
        print_json(said)
    else:
        seen = "blind for aliases" if not said["detector"]["aliases"] else "on"
        seen = seen if said["detector"]["enabled"] else "off"
        print(f"policy {said['policy']}, drift detector {seen}")
    return 0


def _change(options: argparse.Namespace) -> Any:
    from ssosim.dns.imports import read_tree  # noqa: PLC0415
    from ssosim.dns.ops.change import load_change, tree_change  # noqa: PLC0415

    before, after = getattr(options, "before", None), getattr(options, "after", None)
    if (options.change is None) == (before is None) or (before is None) != (after is None):
        raise LabInputError("give either a change file or --from DIR --to DIR")
    if options.change is not None:
        return load_change(options.change, read_tree)
    assert before is not None and after is not None  # noqa: S101, PT018 - by the check above
    return tree_change(read_tree(before), read_tree(after), f"{before} → {after}")


def _stage(options: argparse.Namespace) -> tuple[Any, Any, dict[str, str]]:
    """The zones and the estate to work on: a lab's, or those of files."""
    import msgspec  # noqa: PLC0415

    from ssosim.dns.ops.snapshot import from_data  # noqa: PLC0415
    from ssosim.estate import Estate, default_estate, load_estate  # noqa: PLC0415

    if getattr(options, "zones", None) is not None:
        from ssosim.dns.imports.tree import read_tree_with_warnings  # noqa: PLC0415

        zones, warnings = read_tree_with_warnings(options.zones)
        _warn(warnings)
        return zones, load_estate(options.estate) if options.estate else default_estate(), {}
    said = call(folder_of(options), "GET", "/v1/dns/zones")
    return from_data(said["zones"]), msgspec.convert(said["estate"], Estate), said["locks"]


def _warn(lines: tuple[str, ...]) -> None:
    import sys  # noqa: PLC0415

    for line in lines:
        print(f"ssosim: {line}", file=sys.stderr)


def _in_lab(options: argparse.Namespace, action: str, *, change: Any = None, **body: Any) -> dict[str, Any]:
    """Ask the lab's desk. A refusal with ``--json`` is printed as the lab said it."""
    import msgspec  # noqa: PLC0415

    if change is not None:
        body["change"] = msgspec.to_builtins(change)
    try:
        return call(folder_of(options), "POST", f"/v1/dns/{action}", body)
    except LabRefusedError as refused:
        if options.json:
            print_json(refused.data)
        raise LabError(_refusal(refused)) from refused


def _refusal(refused: LabRefusedError) -> str:
    from ssosim.report.dns import gate_text  # noqa: PLC0415

    decision = refused.data.get("decision")
    if decision is None:
        return str(refused)
    return f"nothing was changed (plan {refused.data['plan']['plan']})\n{gate_text(decision)}"


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "show": _show,
    "plan": _plan,
    "apply": _apply,
    "rollback": _rollback,
    "drift": _drift,
    "lint": _lint,
    "settings": _settings,
    "load": _load,
}
