"""Check that a program can be started, before a scenario is played with it."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["why_not_startable"]

_DEVICE_COMMANDS = ("xdg-open", "x-www-browser", "www-browser", "sensible-browser")
"""Commands that exist on a device but perhaps not on this machine: the browser of the scripted user."""


def why_not_startable(program: str) -> str:
    """Return why ``program`` (a path, or a name on PATH) cannot be started; empty if it can.

    Without this check a misspelt name would look like a client that fails in every phase.
    """
    if shutil.which(program) or program in _DEVICE_COMMANDS:
        return ""
    if "/" not in program:
        return f"there is no program {program!r} on PATH"
    path = Path(program)
    if path.is_dir():
        return f"{program} is a folder: expected a program"
    if path.exists():
        return f"{program} cannot be executed; try: chmod +x {program}"
    return f"there is no such file: {program}"
