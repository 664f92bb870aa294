"""``ssosim status``: the labs that run."""

from __future__ import annotations

import argparse
import contextlib
import threading
import time
from typing import TYPE_CHECKING

from ssosim.cli.common import add_json, folder_of
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.program_devices.control_client import send_request
from ssosim.output import clean_data, print_document, say

if TYPE_CHECKING:  # not for --help
    from ssosim.lab.control.answers import LabStatus

_ANSWER_S = 1.5

DESCRIPTION = "Show the running labs, or one of them by --name. Exit code 0 if a lab runs, 1 if none does."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--name", help="only the lab of this name")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the status of the labs: within 2 s, whatever one of them does."""
    folders = LabFolder.list_existing() if options.name is None else [folder_of(options)]
    running = [folder for folder in folders if folder.is_running()]
    found = _request_all(running)
    silent = [folder.name for folder in running if folder.name not in found]
    answers = [lab for lab in found.values() if lab is not None]
    if options.json:
        print_document("status", {"labs": answers, "not_answering": silent})
    elif answers or silent:
        texts = [status_text(lab) for lab in answers]
        texts += [f'lab "{name}": does not answer; to end it: ssosim down --name {name}' for name in silent]
        say("\n\n".join(texts))
    else:
        say(f'no lab "{options.name}" is up' if options.name else "no lab is up")
    return 0 if answers or silent else LabError.exit_code


def _request_all(folders: list[LabFolder]) -> dict[str, LabStatus | None]:
    """Return the status of each lab that answers in time, by name; None for one that has ended meanwhile."""
    found: dict[str, LabStatus | None] = {}

    def request(folder: LabFolder) -> None:
        with contextlib.suppress(LabError):
            found[folder.name] = _request_status(folder)

    threads = [threading.Thread(target=request, args=(folder,), daemon=True) for folder in folders]
    for thread in threads:
        thread.start()
    end = time.monotonic() + _ANSWER_S
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    return {folder.name: found[folder.name] for folder in folders if folder.name in found}


def status_text(lab: LabStatus) -> str:
    """Return the status of one lab as lines of text."""
    lab = clean_data(lab)
    rows = [(part.part, part.what, part.where) for part in lab.parts]
    api = lab.api
    rows.append(("api", api.url, f"token in {api.token_file}") if api.url else ("api", "", api.socket))
    widths = [max(len(row[column]) for row in rows) for column in range(2)]
    lines = [f'lab "{lab.name}": {lab.state}, ready in {lab.ready_s:.2f} s']
    lines += [f"  {part:<{widths[0]}}  {what:<{widths[1]}}  {where}" for part, what, where in rows]
    return "\n".join(lines)


def _request_status(folder: LabFolder) -> LabStatus | None:
    """Return the status of a lab; None when it is not ready yet, or has ended. Raises LabError."""
    from ssosim.lab.control.answers import LabStatus, read_answer  # noqa: PLC0415 - not for --help

    try:
        text = send_request(folder, "GET", "/v1/status", timeout=_ANSWER_S)
    except LabInputError:
        return None
    return read_answer(text, LabStatus, f'lab "{folder.name}", GET /v1/status')
