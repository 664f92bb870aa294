"""What an action works on: the change that the options mean, and the zones of a lab or of files."""

from __future__ import annotations

import argparse
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from ssosim.cli.common import DEFAULT_NAME, folder_of
from ssosim.lab.base.errors import LabError, LabInputError, LabRefusedError
from ssosim.output import one_line, print_document, print_error

if TYPE_CHECKING:  # heavy, and --help needs none of it
    from ssosim.changes.change import Change
    from ssosim.dns import ZoneSet
    from ssosim.estate import Estate

__all__ = ["change_of", "in_lab", "refuse_name", "refuse_of_files", "stage", "types_to_leave_out", "warn"]


_T = TypeVar("_T")


def change_of(options: argparse.Namespace) -> Change:
    """The change that the options mean: a change file, or the difference of two trees. Raises LabInputError."""
    from ssosim.changes.change import load_change, make_tree_change  # noqa: PLC0415

    before, after = getattr(options, "before", None), getattr(options, "after", None)
    if (options.change is None) == (before is None) or (before is None) != (after is None):
        raise LabInputError("give either a change file or --from DIR --to DIR")
    read = functools.partial(_read_and_warn, without=types_to_leave_out(options))
    if options.change is not None:
        return load_change(options.change, read)
    assert before is not None and after is not None  # noqa: S101, PT018 - by the check above
    return make_tree_change(read(before), read(after), f"{before} → {after}")


def _read_and_warn(path: Path, without: frozenset[str]) -> ZoneSet:
    from ssosim.dns.imports.tree import read_tree_with_warnings  # noqa: PLC0415

    zones, warnings = read_tree_with_warnings(path, without=without)
    warn(warnings)
    return zones


def stage(options: argparse.Namespace) -> tuple[ZoneSet, Estate, dict[str, str]]:
    """The zones and the estate to work on: a lab's, or those of files.

    Raises LabInputError, also for an option that is about files where the zones are a lab's.
    """
    from ssosim.changes.snapshot import SnapshotError, from_data  # noqa: PLC0415
    from ssosim.lab.base.estate_option import read_estate  # noqa: PLC0415
    from ssosim.lab.control.answers import make_response_error, request_typed  # noqa: PLC0415
    from ssosim.lab.control.dns_answers import Zones  # noqa: PLC0415

    if getattr(options, "zones", None) is not None:
        refuse_name(options, "--zones")
        from ssosim.dns.imports.tree import read_tree_with_warnings  # noqa: PLC0415

        zones, warnings = read_tree_with_warnings(options.zones, without=types_to_leave_out(options))
        warn(warnings)
        return zones, read_estate(options.estate), {}
    reads_files = any(getattr(options, name, None) is not None for name in ("change", "before", "after"))
    refuse_of_files(options, ("estate",) if reads_files else ("estate", "without"))
    lab_zones = request_typed(folder_of(options), "GET", "/v1/dns/zones", Zones)
    try:
        return from_data(lab_zones.zones), lab_zones.estate, lab_zones.locks
    except SnapshotError as error:
        raise make_response_error("the lab told zones", error) from error


def refuse_of_files(options: argparse.Namespace, names: Sequence[str]) -> None:
    """Raise LabInputError for a given option of ``names``: a lab has its own estate, policy and inventory."""
    for name in names:
        if getattr(options, name, None):
            raise LabInputError(
                f"--{name}: without --zones DIR the zones are those of the running lab, which has its own; "
                f"add --zones DIR, or leave --{name} out"
            )


def refuse_name(options: argparse.Namespace, files: str) -> None:
    """Raise LabInputError for ``--name`` beside an option of files, with which no lab is asked."""
    if options.name != DEFAULT_NAME:
        raise LabInputError(f"--name {options.name}: with {files} no lab is asked; leave one of the two out")


def types_to_leave_out(options: argparse.Namespace) -> frozenset[str]:
    """The record types of ``--without``, in upper case. Raises LabInputError for SOA, without which no zone is."""
    given = getattr(options, "without", None) or ()
    types = frozenset(word.strip().upper() for each in given for word in each.split(",") if word.strip())
    if "SOA" in types:
        raise LabInputError("--without SOA: a zone has a SOA record; leave out another type")
    return types


def warn(lines: tuple[str, ...]) -> None:
    """Say on standard error what was passed over in a user's files."""
    for line in lines:
        print_error(line)


def in_lab(
    options: argparse.Namespace,
    action: str,
    kind: type[_T],
    body: Mapping[str, object] | None = None,
    *,
    change: Change | None = None,
) -> _T:
    """Ask change control of the lab; the answer as ``kind``. A refusal with ``--json`` is printed unchanged."""
    import msgspec  # noqa: PLC0415

    from ssosim.lab.control.answers import request_typed  # noqa: PLC0415

    wish = dict(body or {})
    if change is not None:
        wish["change"] = msgspec.to_builtins(change)
    try:
        return request_typed(folder_of(options), "POST", f"/v1/dns/{action}", kind, wish)
    except LabRefusedError as refused:
        if options.json:
            print_document("dns-refusal", refused.data)
        raise LabError(_refusal(refused)) from refused


def _refusal(refused: LabRefusedError) -> str:
    from ssosim.lab.control.answers import convert_answer  # noqa: PLC0415
    from ssosim.lab.control.dns_answers import Refusal  # noqa: PLC0415
    from ssosim.report.dns import gate_text  # noqa: PLC0415

    if refused.data.get("decision") is None:
        return str(refused)
    refusal = convert_answer(refused.data, Refusal, f"{one_line(str(refused))}: a refusal")
    return f"nothing was changed (plan {one_line(refusal.plan.plan)})\n{gate_text(refusal.decision)}"
