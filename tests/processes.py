"""Processes of the machine, by ``/proc``. A process may end while its file is read, which is no error here."""

from __future__ import annotations

import contextlib
from pathlib import Path

__all__ = ["is_running", "list_commands", "read_name"]


def _read_stat(pid: int) -> tuple[str, str]:
    """Return name and state of a process (proc(5)); two empty texts if there is none."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # the latter if it ends while its file is read
        name, _, rest = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").partition("(")[2].rpartition(")")
        return name, rest.split()[0]
    return "", ""


def is_running(pid: int) -> bool:
    """Return whether a process runs; one that only waits for its parent does not."""
    return _read_stat(pid)[1] not in ("", "Z", "X")


def read_name(pid: int) -> str:
    """Return the name of the program that a process runs; empty if there is no such process."""
    return _read_stat(pid)[0]


def list_commands() -> list[bytes]:
    """Return the command lines of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with contextlib.suppress(OSError):
            found.append(path.read_bytes())
    return found
