"""Whether a program can be started at all, seen before a scenario is played around it."""

from __future__ import annotations

import shutil
from pathlib import Path

__all__ = ["why_not_startable"]

_OF_THE_DEVICE = ("xdg-open", "x-www-browser", "www-browser", "sensible-browser")
"""Commands that a device has and the machine may not: the person's browser."""


def why_not_startable(program: str) -> str:
    """Why ``program`` will not start, looked for as the system does it: a path, or a name on PATH; empty if it will.

    A misspelt name would come out as a client that fails in every phase, which is a verdict on nothing.
    """
    if shutil.which(program) or program in _OF_THE_DEVICE:
        return ""
    if "/" not in program:
        return f"there is no program {program!r} on PATH"
    path = Path(program)
    if path.is_dir():
        return f"{program} is a folder: expected a program"
    if path.exists():
        return f"{program} cannot be executed; try: chmod +x {program}"
    return f"there is no such file: {program}"
