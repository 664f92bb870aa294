"""``ssosim down``: stop a lab."""

from __future__ import annotations

import argparse
import contextlib
import os
import signal
import time
from collections.abc import Callable

from ssosim.cli.common import add_json, add_name, folder_of
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.program_devices.control_client import call
from ssosim.output import print_json, say

_PATIENCE_S = 12.0
_POLL_S = 0.02


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    add_name(parser)
    add_json(parser)


def run(options: argparse.Namespace) -> int:
    """Stop the lab and wait until it is gone."""
    folder = folder_of(options)
    facts = folder.facts()
    if not folder.is_running():
        raise LabInputError(f'no lab "{folder.name}" is up')
    with contextlib.suppress(LabError):
        call(folder, "POST", "/v1/stop")
    if not _gone(folder.is_running):
        if facts is None:
            raise LabError(f'lab "{folder.name}" does not stop; see {folder.log}')
        with contextlib.suppress(ProcessLookupError):
            os.kill(facts["pid"], signal.SIGKILL)
        if not _gone(folder.is_running):
            raise LabError(f'lab "{folder.name}" (process {facts["pid"]}) cannot be stopped')
    if options.json:
        print_json({"name": folder.name, "stopped": True})
    else:
        say(f'lab "{folder.name}" is down')
    return 0


def _gone(running: Callable[[], bool]) -> bool:
    end = time.monotonic() + _PATIENCE_S
    while running():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True
