"""What an action works on: the change that the options mean, and the zones of a lab or of files."""

from __future__ import annotations

import argparse
import sys
from typing import Any

from ssosim.cli.common import folder_of, print_json
from ssosim.lab.base.errors import LabError, LabInputError, LabRefusedError
from ssosim.lab.program_devices.control_client import call

__all__ = ["change_of", "in_lab", "stage", "warn"]


def change_of(options: argparse.Namespace) -> Any:
    """The change that the options mean: a change file, or the difference of two trees. Raises LabInputError."""
    from ssosim.changes.change import load_change, tree_change  # noqa: PLC0415
    from ssosim.dns.imports import read_tree  # noqa: PLC0415

    before, after = getattr(options, "before", None), getattr(options, "after", None)
    if (options.change is None) == (before is None) or (before is None) != (after is None):
        raise LabInputError("give either a change file or --from DIR --to DIR")
    if options.change is not None:
        return load_change(options.change, read_tree)
    assert before is not None and after is not None  # noqa: S101, PT018 - by the check above
    return tree_change(read_tree(before), read_tree(after), f"{before} → {after}")


def stage(options: argparse.Namespace) -> tuple[Any, Any, dict[str, str]]:
    """The zones and the estate to work on: a lab's, or those of files."""
    import msgspec  # noqa: PLC0415

    from ssosim.changes.snapshot import from_data  # noqa: PLC0415
    from ssosim.estate import Estate  # noqa: PLC0415
    from ssosim.lab.base.estate_option import read_estate  # noqa: PLC0415

    if getattr(options, "zones", None) is not None:
        from ssosim.dns.imports.tree import read_tree_with_warnings  # noqa: PLC0415

        zones, warnings = read_tree_with_warnings(options.zones)
        warn(warnings)
        return zones, read_estate(options.estate), {}
    said = call(folder_of(options), "GET", "/v1/dns/zones")
    return from_data(said["zones"]), msgspec.convert(said["estate"], Estate), said["locks"]


def warn(lines: tuple[str, ...]) -> None:
    """Say on standard error what was passed over in a user's files."""
    for line in lines:
        print(f"ssosim: {line}", file=sys.stderr)


def in_lab(options: argparse.Namespace, action: str, *, change: Any = None, **body: Any) -> dict[str, Any]:
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
