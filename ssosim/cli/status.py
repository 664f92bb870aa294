"""``ssosim status``: the labs that run."""

from __future__ import annotations

import argparse
import contextlib
import threading
from typing import TYPE_CHECKING

from ssosim.cli.common import add_json, folder_of
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.program_devices.control_client import send_request
from ssosim.output import clean_data, print_document, say

if TYPE_CHECKING:  # not for --help
    from ssosim.lab.control.answers import LabStatus

_LOOK_S = 0.05
_QUIET_LOOKS = 30
"""A lab that neither works nor waits for a processor at so many looks, in 1.5 s, does not answer any more."""
_MOST_LOOKS = 1200

DESCRIPTION = "Show the running labs, or one of them by --name. Exit code 0 if a lab runs, 1 if none does."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument("--name", help="only the lab of this name")
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Print the status of the labs: within 2 s, whatever one of them does, or a minute if it computes all the time."""
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

    waits = [(threading.Thread(target=request, args=(folder,), daemon=True), _Patience(folder)) for folder in folders]
    for thread, _ in waits:
        thread.start()
    while waits := [each for each in waits if each[0].is_alive() and not each[1].is_over()]:
        waits[0][0].join(_LOOK_S)
    return {folder.name: found[folder.name] for folder in folders if folder.name in found}


class _Patience:
    """How long to wait for the answer of a lab: longer while its process works, or waits for a processor.

    A loaded machine makes a lab slow, and such a lab must not be called one that does not answer, which is to be ended.
    It is counted in looks, not in time: the machine may keep this process waiting as well. Source: proc(5).
    """

    def __init__(self, folder: LabFolder) -> None:
        self._process = (folder.read_facts() or {}).get("pid", 0)
        self._spent = self._quiet = self._looks = 0

    def is_over(self) -> bool:
        """Look once more."""
        state, spent = self._look()
        self._looks += 1
        self._quiet = 0 if state == "R" or spent != self._spent else self._quiet + 1
        self._spent = spent
        return self._quiet > _QUIET_LOOKS or self._looks > _MOST_LOOKS

    def _look(self) -> tuple[str, int]:
        """Return the state of the process, and the processor time that it has taken."""
        try:
            with open(f"/proc/{self._process}/stat", encoding="utf-8", errors="replace") as stat:  # noqa: PTH123 - a short file
                fields = stat.read().rpartition(")")[2].split()
        except OSError:
            return "", 0
        return fields[0], int(fields[11]) + int(fields[12])


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
        text = send_request(folder, "GET", "/v1/status", timeout=_MOST_LOOKS * _LOOK_S)
    except LabInputError:
        return None
    return read_answer(text, LabStatus, f'lab "{folder.name}", GET /v1/status')
