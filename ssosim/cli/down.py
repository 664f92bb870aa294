"""``ssosim down``: stop a lab."""

from __future__ import annotations

import argparse

from ssosim.cli.common import add_json, add_name, folder_of
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.base.folder import LabFolder
from ssosim.lab.base.sweep import sweep_killed_labs
from ssosim.lab.process.hung_lab import find_lab_processes, kill_lab, wait_until_stopped
from ssosim.lab.program_devices.control_client import send_request
from ssosim.output import print_document, say

_REQUEST_S = 1.0
_STOP_S = 2.0
_KILL_S = 1.5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_name(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Stop the lab, by force if it does not answer, and wait until it has ended: 5 s at most."""
    folder = folder_of(options)
    if not folder.is_running():
        raise LabInputError(f'no lab "{folder.name}" is up')
    killed = not _stop(folder)
    if killed:
        _kill(folder)
    if options.json:
        print_document("down", {"name": folder.name, "stopped": True})
    else:
        say(f'lab "{folder.name}" is down' + ("; it did not answer and was killed" if killed else ""))
    return 0


def _stop(folder: LabFolder) -> bool:
    """Request the stop; return whether the lab has ended by itself."""
    try:
        send_request(folder, "POST", "/v1/stop", timeout=_REQUEST_S)
    except LabError:
        return not folder.is_running()
    return wait_until_stopped(folder, _STOP_S)


def _kill(folder: LabFolder) -> None:
    """Kill the processes of the lab and remove its run files. Raises LabError when they stay."""
    if not kill_lab(folder, _KILL_S):
        processes = ", ".join(map(str, find_lab_processes(folder))) or "unknown"
        raise LabError(f'lab "{folder.name}" cannot be stopped (processes: {processes}); see {folder.log}')
    sweep_killed_labs()
