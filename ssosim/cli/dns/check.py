"""``ssosim dns check``: judge the change between two trees of zones, for a pipeline. No lab, no state."""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ssosim.cli.dns.inputs import types_to_leave_out, warn
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.system import has_labs
from ssosim.output import StatusLine, print_json, say

if TYPE_CHECKING:  # heavy, and --help needs none of it
    from ssosim.changes.thresholds import FailOn
    from ssosim.entra import Keys
    from ssosim.estate import Estate
    from ssosim.scenario.check_result import CheckResult
    from ssosim.scenario.dns_check import CheckSettings
    from ssosim.scenario.forecast import Forecast

__all__ = ["check", "check_settings", "fail_on", "notes_on_criteria", "provider_keys", "write_file"]


def check(options: argparse.Namespace) -> int:
    """Print the result and write the files that were asked for; exit code 1 if a criterion is not met."""
    from ssosim.dns.imports.tree import read_two_trees  # noqa: PLC0415
    from ssosim.lab.base.estate_option import read_estate  # noqa: PLC0415
    from ssosim.scenario.dns_check import check_trees  # noqa: PLC0415

    began = time.monotonic()
    if options.before is None or options.after is None:
        raise LabInputError("give the two trees: --from DIR --to DIR")
    estate = read_estate(options.estate)
    settings = check_settings(options, estate)
    labels = str(options.before), str(options.after)
    with _show_step(f"reading {labels[0]} and {labels[1]}"):
        before, after, skipped = read_two_trees(options.before, options.after, types_to_leave_out(options))
    warn(skipped)
    with _show_step("comparing the zones and playing the clients"):
        result = check_trees(before, after, estate, lambda: provider_keys(estate), settings, labels)
    warn(notes_on_criteria(settings.fail_on, result.forecast))
    _write_files(options, result, time.monotonic() - began)
    if options.json:
        print_json(result)
    else:
        from ssosim.report.dns_check import check_text  # noqa: PLC0415

        say(check_text(result))
    return 0 if result.passed else LabError.exit_code


@contextlib.contextmanager
def _show_step(text: str) -> Iterator[None]:
    """Show on standard error what takes long; nothing is written where that is no terminal."""
    line = StatusLine(sys.stderr) if sys.stderr.isatty() else None
    if line is None:
        yield
        return
    line.show(f"{text} …")
    try:
        yield
    finally:
        line.clear()


def _write_files(options: argparse.Namespace, result: CheckResult, took_s: float) -> None:
    if options.markdown is not None:
        from ssosim.report.dns_check import check_markdown  # noqa: PLC0415

        write_file(options.markdown, check_markdown(result))
    if options.junit is not None:
        from ssosim.report.dns_check_junit import check_junit  # noqa: PLC0415

        write_file(options.junit, check_junit(result, took_s=took_s))


def write_file(path: Path, text: str) -> None:
    """Write a file that an option names; raises LabInputError."""
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise LabInputError(f"{path}: cannot be written: {error.strerror}") from error


def check_settings(options: argparse.Namespace, estate: Estate) -> CheckSettings:
    """Read the policy, inventory, approvals and criteria that the options name."""
    from ssosim.changes.approvals import load_approvals, load_policy  # noqa: PLC0415
    from ssosim.changes.inventory import load_inventory, make_inventory  # noqa: PLC0415
    from ssosim.scenario.dns_check import CheckSettings  # noqa: PLC0415

    return CheckSettings(
        policy=load_policy(options.policy or "strict"),
        inventory=load_inventory(options.inventory) if options.inventory else make_inventory(estate),
        fail_on=fail_on(options),
        approvals=load_approvals(getattr(options, "approve", ())),
        author=getattr(options, "author", ""),
        outside=getattr(options, "outside", "resolves"),
        now=time.time(),
    )


def notes_on_criteria(criteria: FailOn, forecasts: Sequence[Forecast]) -> tuple[str, ...]:
    """Return what the user should know of ``criteria``: a number of client models that no forecast can reach."""
    most = max((len(view.models) for each in forecasts for view in each.views), default=0)
    if criteria.worse is None or not 0 < most < criteria.worse:
        return ()
    played = f"--fail-on worse={criteria.worse} cannot fail here: {most} client models are played"
    return (f"{played}; give a number from 1 to {most}",)


def fail_on(options: argparse.Namespace) -> FailOn:
    """Read the criteria of ``--fail-on``; without the option, the usual ones. Raises LabInputError."""
    from ssosim.changes.thresholds import DEFAULT_CRITERIA, ThresholdError, parse_fail_on  # noqa: PLC0415

    given = getattr(options, "fail_on", None)
    if not given:
        return DEFAULT_CRITERIA
    try:
        return parse_fail_on(given)
    except ThresholdError as error:
        raise LabInputError(str(error)) from error


def provider_keys(estate: Estate) -> Keys:
    """The signing keys of the identity provider of a forecast: stored ones, since generating them is slow.

    On a system without labs nothing is stored: access to a folder is controlled differently on Windows.
    """
    from ssosim.lab.base.folder import ensure_cache_folder  # noqa: PLC0415
    from ssosim.lab.base.signing_keys import load_signing_keys  # noqa: PLC0415

    if not has_labs():
        from ssosim.entra import Keys  # noqa: PLC0415
        from ssosim.entra.core.keys import list_generated_keys  # noqa: PLC0415

        return Keys.generate([service.name for service in estate.federation_services], list_generated_keys(estate))
    return load_signing_keys(estate, ensure_cache_folder())
