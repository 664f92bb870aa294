"""A plugin for ``make test-fast`` and ``make coverage``: only the tests of the pure parts, without a machine.

    pytest -p tests.pure

The tests of the other folders and files are not collected. A test that is collected and binds or connects a socket,
starts a program or forks fails at that place. So the pure parts stay pure, and the selection stays true.
"""

from __future__ import annotations

import os
import socket
import subprocess
from pathlib import Path
from typing import NoReturn

TESTS = Path(__file__).parent
FOLDERS = frozenset(
    [
        "changes", "clients", "credential_hosts", "dns", "entra", "estate", "exposure", "faults", "memory", "report",
        "scenario", "services", "sources", "spn", "trace", "verdict",
    ]
)  # fmt: skip
"""The folders of the pure parts."""

NEEDS_A_MACHINE: frozenset[str] = frozenset()
"""Files of these folders whose tests need sockets or programs."""


def _refuse(*_: object, **__: object) -> NoReturn:
    raise AssertionError("this test needs sockets or programs: add its file to NEEDS_A_MACHINE in tests/pure.py")


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out what needs a machine."""
    if not collection_path.is_relative_to(TESTS) or collection_path == TESTS:
        return None
    parts = collection_path.relative_to(TESTS).parts
    if "/".join(parts) in NEEDS_A_MACHINE:
        return True
    return True if (TESTS / parts[0]).is_dir() and parts[0] not in FOLDERS else None


def pytest_configure() -> None:
    """Refuse sockets and programs in this process, and in those of pytest-xdist before they run a test."""
    socket.socket.bind = _refuse  # type: ignore[method-assign]
    socket.socket.connect = _refuse  # type: ignore[method-assign]
    subprocess.Popen.__init__ = _refuse  # type: ignore[method-assign]
    os.fork = _refuse
