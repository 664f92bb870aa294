"""``ssosim dns``: zones and changes to them."""

from __future__ import annotations

import argparse
import gc
from collections.abc import Callable
from pathlib import Path

from ssosim.cli.common import add_estate, add_json, add_name
from ssosim.cli.dns import changes, check, zones
from ssosim.cli.durations import duration
from ssosim.lab.base.errors import LabInputError

DESCRIPTION = """\
Show the zones of a lab, work a change out, apply it through the gate, take it back, look for drift.

  ssosim dns show autologon.microsoftazuread-sso.com
  ssosim dns plan change.toml                 what it would do, and to whom
  ssosim dns plan --from before/ --to after/  two trees of zone files; needs no lab
  ssosim dns check --from main/ --to pr/      the same for a pipeline: exit code 1 if a client loses
  ssosim dns apply change.toml --plan TOKEN --approve yes.toml --by ann --by ben
  ssosim dns rollback
  ssosim dns drift

Zones are read from zone files and named.conf, octoDNS, JSON of Azure DNS, Route 53, Terraform and dnscontrol, and by
zone transfer (axfr:SERVER/ZONE). Exit code 0 as expected, 1 refused or
something found, 2 a file or option that cannot be used.
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    def action(name: str, text: str, *, has_document: bool = True) -> argparse.ArgumentParser:
        made: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
        add_name(made)
        if has_document:
            add_json(made)
        return made

    show = action("show", "the zones, or what there is at and below NAME")
    show.add_argument("domain", nargs="?", metavar="NAME")
    plan = action("plan", "what a change would do; nothing is changed")
    apply = action("apply", "make a change, if the gate allows it")
    lint = action("lint", "mistakes and traps in the zones")
    export = action("export", "write the zones into a new folder, as zone files or as octoDNS", has_document=False)
    export.add_argument("folder", type=Path, metavar="DIR")
    export.add_argument("--format", choices=["zone-files", "octodns"], default="zone-files")
    for each in (show, plan, lint, export):
        text = "zone files, octoDNS, JSON of a provider, or axfr:SERVER/ZONE; needs no lab"
        each.add_argument("--zones", type=Path, metavar="DIR", help=text)
        add_estate(each)
    text = "judge the change between two trees for a pipeline: exit code 1 if a criterion is not met; needs no lab"
    _add_check(actions.add_parser("check", help=text, description=text))
    lint.add_argument("--skip", action="append", default=[], metavar="CODE", help="no findings of this code; repeat")
    lint.add_argument("--only", action="append", default=[], metavar="CODE", help="findings of this code only; repeat")
    lint.add_argument("--codes", action="store_true", help="list the codes, and what each means")
    lint.add_argument("--junit", type=Path, metavar="FILE", help="write the findings as JUnit XML")
    for each in (plan, lint):
        _add_fail_on(each, "without it the exit code of plan is 0, that of lint 1 for an error")
    for each in (plan, apply):
        each.add_argument("change", nargs="?", type=Path, metavar="CHANGE", help="a change file (TOML)")
    plan.add_argument("--from", dest="before", type=Path, metavar="DIR", help="the change is from this tree of zones")
    plan.add_argument("--to", dest="after", type=Path, metavar="DIR", help="to this one")
    _add_outside(plan)
    plan.add_argument("--policy", help="judge by this policy (with --zones): strict, feb-2025, or a file")
    plan.add_argument("--inventory", type=Path, metavar="FILE", help="the endpoint inventory (with --zones)")
    apply.add_argument("--plan", metavar="TOKEN", help="apply only if this is still the plan")
    apply.add_argument("--approve", action="append", type=Path, default=[], metavar="FILE", help="approvals (TOML)")
    apply.add_argument("--by", action="append", default=[], metavar="PERSON", help="who is at the keyboard; repeat")
    apply.add_argument(
        "--substitute", type=duration, metavar="TIME", help="first put a counting backend there; hits end it"
    )
    back = action("rollback", "take back the last change, or change NUMBER, and verify")
    back.add_argument("number", nargs="?", type=int, metavar="NUMBER")
    back.add_argument("--as-written", action="store_true", help="play the change's own rollback_operations instead")
    back.add_argument("--by", default="", metavar="PERSON")
    drift = action("drift", "desired against actual, outside-in, and every resource")
    drift.add_argument("--inside", action="store_true", help="without probes over the wire")
    drift.add_argument("--adopt", action="store_true", help="make what is there the desired state (needs --by)")
    drift.add_argument("--by", default="", metavar="PERSON")
    drift.add_argument(
        "--fail-on",
        metavar="SEVERITY",
        choices=["1", "2", "3", "4", "any", "none"],
        default="any",
        help="exit code 1 only for findings of this severity or a worse one (1 is the worst; default: any)",
    )
    load = action("load", "put your own zone files in the place of the lab's zones of those names")
    load.add_argument("tree", type=Path, metavar="DIR", help="zone files or an octoDNS configuration")
    for each in (show, plan, apply, lint, load, export):
        _add_without(each)
    _add_settings(action("settings", "the policy, inventory and drift detector"))


def _add_settings(settings: argparse.ArgumentParser) -> None:
    settings.add_argument("--policy", help="strict, feb-2025, or a file of yours")
    settings.add_argument("--inventory", type=Path, metavar="FILE")
    settings.add_argument("--detector", choices=["on", "off", "no-aliases"], help="no-aliases: as in February 2025")


def _add_check(check: argparse.ArgumentParser) -> None:
    add_json(check)
    add_estate(check)
    check.add_argument("--from", dest="before", type=Path, metavar="DIR", help="the zones before the change")
    check.add_argument("--to", dest="after", type=Path, metavar="DIR", help="the zones after it")
    _add_fail_on(check, "default: risk=high,worse=1,deletions=30%%,updates=30%%,lint=error")
    _add_outside(check)
    _add_without(check)
    check.add_argument("--markdown", type=Path, metavar="FILE", help="write the result as Markdown, for a comment")
    check.add_argument("--junit", type=Path, metavar="FILE", help="write the result as JUnit XML")
    check.add_argument("--approve", action="append", type=Path, default=[], metavar="FILE", help="approvals (TOML)")
    check.add_argument("--author", default="", metavar="PERSON", help="whose own approval does not count")
    check.add_argument("--policy", help="how many must approve: strict, feb-2025, or a file of yours")
    check.add_argument("--inventory", type=Path, metavar="FILE", help="your endpoint inventory")


def _add_fail_on(parser: argparse.ArgumentParser, default: str) -> None:
    text = "fail on risk=LEVEL, worse=N models, deletions=N%%, updates=N%%, lint=SEVERITY, changes, or none; repeat"
    parser.add_argument("--fail-on", action="append", metavar="CRITERION", help=f"{text} ({default})")


def _add_without(parser: argparse.ArgumentParser) -> None:
    text = "leave records of this type out of zone files, each with a line on standard error; repeat"
    parser.add_argument("--without", action="append", default=[], metavar="TYPE", help=text)


def _add_outside(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--outside",
        choices=["resolves", "missing"],
        default="resolves",
        help="what to assume of names that are in no zone given (default: that they resolve)",
    )


def run(options: argparse.Namespace) -> int:
    """Do it; input mistakes of every file become one error with their places."""
    from ssosim.dns.imports.import_errors import ImportMistakeError  # noqa: PLC0415
    from ssosim.dns.zones.errors import DnsChangeError  # noqa: PLC0415 - only this command needs it
    from ssosim.estate.toml import TomlMistakeError  # noqa: PLC0415

    collecting = gc.isenabled()
    gc.disable()  # what is read stays: with 100,000 records, collections take as long as the reading
    try:
        return _ACTIONS[options.action](options)
    except (TomlMistakeError, ImportMistakeError, DnsChangeError) as error:
        raise LabInputError(str(error)) from error
    finally:
        if gc.get_count()[0] > _MANY_OBJECTS:
            gc.freeze()  # a collection would look at each of them, and the process ends
        if collecting:
            gc.enable()


_MANY_OBJECTS = 50_000


_ACTIONS: dict[str, Callable[[argparse.Namespace], int]] = {
    "show": zones.show,
    "plan": changes.plan,
    "check": check.check,
    "apply": changes.apply,
    "rollback": changes.rollback,
    "drift": zones.drift,
    "lint": zones.lint,
    "settings": zones.settings,
    "load": zones.load,
    "export": zones.export,
}
