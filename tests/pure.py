"""A plugin for ``make test-fast`` and ``make coverage``: only the tests of the pure parts, without a machine.

    pytest -p tests.pure

The tests of the other folders are not collected. A test, or a fixture, that binds or connects a socket, starts a
program or forks is skipped at that place: it needs a machine, and ``make test`` runs it. So there is no list to keep.

The code under test may keep the skip to itself: a background task ends with it, and the test would wait for ever. So
all tasks of the event loop are cancelled, and whatever the test ends with is a skip.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest

TESTS = Path(__file__).parent
FOLDERS = frozenset(
    [
        "changes", "clients", "credential_hosts", "dns", "entra", "estate", "exposure", "faults", "memory", "report",
        "scenario", "services", "sources", "spn", "trace", "verdict",
    ]
)  # fmt: skip
"""The folders of the pure parts."""


_REASON = "needs sockets or programs: make test"
_refused = False


def _refuse(first: object = None, *_: object, **__: object) -> NoReturn:
    global _refused  # noqa: PLW0603 - hooks and refusals of one process share it
    _refused = True
    if isinstance(first, socket.socket):
        first.close()  # else a later test would fail by the warning that it was never closed
    with contextlib.suppress(RuntimeError):  # there is no event loop
        current = asyncio.current_task()
        for task in asyncio.all_tasks() - {current}:
            task.cancel()
    pytest.skip(_REASON, allow_module_level=True)


def pytest_runtest_logstart() -> None:
    """Begin a test: nothing is refused yet."""
    global _refused  # noqa: PLW0603
    _refused = False


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Report a test that was refused a socket or a program as skipped, however it ended."""
    report: pytest.TestReport = yield  # type: ignore[assignment, misc]
    if _refused and report.failed:
        report.outcome = "skipped"
        report.longrepr = (str(item.path), item.location[1] or 0, f"Skipped: {_REASON}")
    return report  # type: ignore[return-value]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leave out the folders of the other parts."""
    if not collection_path.is_relative_to(TESTS) or collection_path == TESTS:
        return None
    parts = collection_path.relative_to(TESTS).parts
    return True if (TESTS / parts[0]).is_dir() and parts[0] not in FOLDERS else None


def pytest_configure() -> None:
    """Refuse sockets and programs in this process, and in those of pytest-xdist before they run a test."""
    socket.socket.bind = _refuse  # type: ignore[method-assign]
    socket.socket.connect = _refuse  # type: ignore[method-assign]
    subprocess.Popen.__init__ = _refuse  # type: ignore[method-assign]
    os.fork = _refuse
