"""End a lab that does not answer: find its processes by the lock file that they hold, and kill them.

A lab may be stopped (SIGSTOP), its event loop may be blocked, or its supervisor may have been killed. The lock file is
open in the supervisor and in the lab's first process, and in no program that they start (close-on-exec). The kernel
ends every other process of the lab with the first process of its pid namespace.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

from ssosim.lab.base.folder import LabFolder

__all__ = ["find_lab_processes", "kill_lab", "wait_until_stopped"]

_POLL_S = 0.02


def find_lab_processes(folder: LabFolder) -> list[int]:
    """Return the ids of this user's processes that hold the lock file of ``folder`` open, without this process."""
    try:
        lock = (folder.path / "lock").stat()
    except OSError:
        return []
    others = (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())  # noqa: PTH208
    return [process for process in others if _has_open(Path(f"/proc/{process}/fd"), lock)]


def kill_lab(folder: LabFolder, seconds: float) -> bool:
    """Kill all processes of a lab, and remove its run files; return whether it has ended within ``seconds``."""
    end = time.monotonic() + seconds
    while folder.is_running() and time.monotonic() < end:
        for process in find_lab_processes(folder):
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(process, signal.SIGKILL)
        time.sleep(_POLL_S)
    return not folder.is_running()


def wait_until_stopped(folder: LabFolder, seconds: float) -> bool:
    """Wait until no process holds the lock of ``folder``; return whether that was so within ``seconds``."""
    end = time.monotonic() + seconds
    while folder.is_running():
        if time.monotonic() > end:
            return False
        time.sleep(_POLL_S)
    return True


def _has_open(descriptors: Path, file: os.stat_result) -> bool:
    with contextlib.suppress(OSError):  # another user's process, or one that has ended
        for each in os.scandir(descriptors):
            with contextlib.suppress(OSError):
                status = os.stat(each.path)  # noqa: PTH116 - follows the link to the open file
                if (status.st_dev, status.st_ino) == (file.st_dev, file.st_ino):
                    return True
    return False
