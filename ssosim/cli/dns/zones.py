"""The actions on the zones as they are, and on the settings of change control."""

from __future__ import annotations

import argparse
import difflib
import math
import time

from ssosim.cli.dns.check import fail_on, write_file
from ssosim.cli.dns.inputs import in_lab, stage, types_to_leave_out, warn
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.output import one_line, print_document, say

__all__ = ["drift", "export", "lint", "load", "settings", "show"]


def show(options: argparse.Namespace) -> int:
    """Print the zones; exit code 1 if there is nothing."""
    from ssosim.changes.diff import describe  # noqa: PLC0415
    from ssosim.dns.zones.rrset import plain, to_name  # noqa: PLC0415
    from ssosim.report.dns import ZoneRow, zones_text  # noqa: PLC0415

    zones, _, locks = stage(options)
    below = to_name(options.domain) if options.domain else None
    rows = [
        ZoneRow(
            zone=plain(origin),
            name=plain(rrset.name),
            type=rrset.type.name,
            shape=rrset.shape,
            text=describe(rrset),
        )
        for origin in sorted(zones.zones)
        for rrset in sorted(zones.zones[origin].rrsets(), key=lambda each: (each.name, each.type.name))
        if below is None or rrset.name.is_subdomain(below)
    ]
    if options.json:
        print_document("dns-show", {"version": zones.version, "records": rows, "locks": locks})
    else:
        say(zones_text(rows, zones.version, locks))
    return 0 if rows else LabError.exit_code


def lint(options: argparse.Namespace) -> int:
    """Print mistakes and traps; exit code 1 if one of them is an error, or as ``--fail-on`` says."""
    from ssosim.changes.thresholds import FailOn, is_severe  # noqa: PLC0415
    from ssosim.dns.zones.lint import lint  # noqa: PLC0415
    from ssosim.dns.zones.lint_codes import CODES  # noqa: PLC0415
    from ssosim.sources import load_sources  # noqa: PLC0415

    if options.codes:
        _refuse_beside_codes(options)
        say("\n".join(f"{code:<25} {text}" for code, text in CODES.items()))
        return 0
    criteria = fail_on(options) if options.fail_on else FailOn(lint="error")
    if criteria != FailOn(lint=criteria.lint):
        raise LabInputError("--fail-on of lint: expected lint=error, lint=warning, lint=info or none")
    skipped = _codes_to_skip(options, [*CODES])
    zones, _, _ = stage(options)
    found = lint(zones, skipped, time.time())
    sources = load_sources()
    if options.junit is not None:
        from ssosim.report.lint_junit import lint_junit  # noqa: PLC0415

        failing = {each for each in found if is_severe(each, criteria.lint)}
        write_file(options.junit, lint_junit(found, failing, CODES.keys() - skipped, sources))
    if options.json:
        import msgspec  # noqa: PLC0415

        findings = [msgspec.structs.asdict(each) | {"source": sources.cite(each.source)} for each in found]
        print_document("dns-lint", {"findings": findings})
    else:
        lines = [
            one_line(f"{each.severity:<7}  {each.name}: {each.text} [{each.code}] ({sources.title_of(each.source)})")
            for each in found
        ]
        where = sources.addresses_in("\n".join(lines))
        lines += ["", "sources:", *(f"  {address}" for address in where)] if where else []
        say("\n".join(lines) or "nothing found")
    return LabError.exit_code if any(is_severe(each, criteria.lint) for each in found) else 0


def _refuse_beside_codes(options: argparse.Namespace) -> None:
    """Raise LabInputError for an option beside ``--codes``, which lists codes and looks at no zone."""
    if options.json:
        raise LabInputError("--json: the list of --codes is text only; leave one of the two out")
    for name in ("zones", "estate", "skip", "only", "junit", "fail_on", "without"):
        if getattr(options, name):
            raise LabInputError(f"--{name.replace('_', '-')}: --codes looks at no zone; leave one of the two out")


def _codes_to_skip(options: argparse.Namespace, codes: list[str]) -> frozenset[str]:
    """The codes that ``--skip`` names, or all but those of ``--only``.

    Raises LabInputError for one that is none, and where no code is left to look for.
    """
    for code in (*options.skip, *options.only):
        if code not in codes:
            close = difflib.get_close_matches(code, codes, n=1)
            hint = f"did you mean {close[0]}?" if close else "ssosim dns lint --codes lists them"
            raise LabInputError(f"{code!r} is no code of a lint finding: {hint}")
    wanted = frozenset(options.only or codes) - frozenset(options.skip)
    if not wanted:
        raise LabInputError("--skip: it leaves no code to look for, so nothing could be found; skip fewer")
    return frozenset(codes) - wanted


def load(options: argparse.Namespace) -> int:
    """Put the user's zones in the place of the lab's."""
    from ssosim.changes.snapshot import to_data  # noqa: PLC0415
    from ssosim.dns.imports.tree import read_tree_with_warnings  # noqa: PLC0415
    from ssosim.lab.control.dns_answers import LoadedZones  # noqa: PLC0415

    zones, warnings = read_tree_with_warnings(options.tree, without=types_to_leave_out(options))
    warn(warnings)
    reply = in_lab(options, "load", LoadedZones, {"zones": to_data(zones), "title": f"zones of {options.tree}"})
    if options.json:
        print_document("dns-load", reply)
    else:
        tree = one_line(str(options.tree))
        say(f"loaded {tree}; the zones are at version {reply.version}, and this is the desired state")
    return 0


def export(options: argparse.Namespace) -> int:
    """Write the zones of files or of the lab as zone files or as octoDNS, into a new folder."""
    from ssosim.dns.imports.tree_writer import write_tree  # noqa: PLC0415

    zones, _, _ = stage(options)
    warn(tuple(write_tree(zones, options.folder, options.format)))
    say(f"written to {one_line(str(options.folder))}")
    return 0


def drift(options: argparse.Namespace) -> int:
    """Print the findings; exit code 1 if there are any, or any as severe as ``--fail-on`` says."""
    from ssosim.lab.control.dns_answers import Drift  # noqa: PLC0415
    from ssosim.report.dns import drift_text  # noqa: PLC0415

    if options.by and not options.adopt:
        raise LabInputError("--by: is who adopts; add --adopt, or leave it out")
    if options.adopt:
        in_lab(options, "adopt", dict[str, object], {"by": options.by})
    found = in_lab(options, "drift", Drift, {"outside": not options.inside})
    if options.json:
        print_document("dns-drift", found)
    else:
        say(drift_text(found))
    worst = {"any": math.inf, "none": -math.inf}.get(options.fail_on) or int(options.fail_on)
    return LabError.exit_code if any(each.severity <= worst for each in found.findings) else 0


def settings(options: argparse.Namespace) -> int:
    """Change the settings of change control; print what holds."""
    import msgspec  # noqa: PLC0415

    from ssosim.changes.approvals import load_policy  # noqa: PLC0415
    from ssosim.changes.inventory import load_inventory  # noqa: PLC0415
    from ssosim.lab.control.dns_answers import Settings  # noqa: PLC0415

    body: dict[str, object] = {}
    if options.policy:
        body["policy"] = msgspec.to_builtins(load_policy(options.policy))
    if options.inventory:
        body["inventory"] = msgspec.to_builtins(load_inventory(options.inventory))
    if options.detector:
        body["detector"] = {"enabled": options.detector != "off", "aliases": options.detector == "on"}
    reply = in_lab(options, "settings", Settings, body)
    if options.json:
        print_document("dns-settings", reply)
    else:
        seen = "blind for aliases" if not reply.detector.aliases else "on"
        seen = seen if reply.detector.enabled else "off"
        say(f"policy {one_line(reply.policy)}, drift detector {seen}")
    return 0
