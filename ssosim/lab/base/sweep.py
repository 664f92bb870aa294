"""Remove the secrets that killed labs left behind: KDC database, tickets, tokens.

A lab removes them when it ends. If all of its processes are killed at once, nobody does. So each ``ssosim`` command
looks at the labs first. Trace, log and ledger stay, as after a normal end.
"""

from __future__ import annotations

import contextlib
import os

from ssosim.lab.base.errors import LabError
from ssosim.lab.base.folder import LabFolder

__all__ = ["sweep_killed_labs"]


def sweep_killed_labs() -> None:
    """Remove the run files of each lab that does not run. Errors are ignored.

    A lab that runs is only asked whether it does: ``try_lock`` would wait for its lock, in every command.
    """
    for folder in LabFolder.list_existing():
        with contextlib.suppress(LabError, OSError):
            if not folder.has_run_files() or folder.is_running():
                continue
            lock = folder.try_lock(create=False)
            if lock is not None:
                try:
                    folder.remove_run_files()
                finally:
                    os.close(lock)
