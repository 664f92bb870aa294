"""``ssosim status``: what runs."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ssosim.cli.common import add_json, folder_of
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.output import clean_data, print_json, say

if TYPE_CHECKING:  # not for --help
    from ssosim.lab.control.answers import LabStatus

DESCRIPTION = "Show the running labs, or one of them by --name. Exit code 0 if a lab runs, 1 if none does."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--name", help="only the lab of this name")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the status of the labs."""
    folders = LabFolder.list_existing() if options.name is None else [folder_of(options)]
    found = [lab for folder in folders if folder.is_running() and (lab := _status_of(folder)) is not None]
    if options.json:
        print_json({"labs": found})
    elif found:
        say("\n\n".join(status_text(lab) for lab in found))
    else:
        say(f'no lab "{options.name}" is up' if options.name else "no lab is up")
    return 0 if found else LabError.exit_code


def status_text(lab: LabStatus) -> str:
    """The panel of one lab."""
    lab = clean_data(lab)
    rows = [(part.part, part.what, part.where) for part in lab.parts]
    api = lab.api
    rows.append(("api", api.url, f"token in {api.token_file}") if api.url else ("api", "", api.socket))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f'lab "{lab.name}": {lab.state}, ready in {lab.ready_s:.2f} s']
    lines += [f"  {part:<{widths[0]}}  {what:<{widths[1]}}  {where}" for part, what, where in rows]
    return "\n".join(lines)


def _status_of(folder: LabFolder) -> LabStatus | None:
    """What a lab says of itself; None when it is not yet, or no longer, there to be asked."""
    from ssosim.lab.control.answers import LabStatus, request_typed  # noqa: PLC0415 - not for --help

    try:
        return request_typed(folder, "GET", "/v1/status", LabStatus)
    except LabInputError:
        return None
