"""The trace of a running lab as a file in its folder, written as it happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from ssosim.lab.base.folder import earlier
from ssosim.trace import Trace
from ssosim.trace.export import columns_to_jsonl

__all__ = ["recording"]

DELAY_S = 0.02
"""Records are written together: encoded one by one, between other work, each costs ten times as much."""

MOST = 256 * 2**20
"""Octets: about a million records."""


@contextlib.contextmanager
def recording(trace: Trace, path: Path, *, most: int | None = MOST) -> Iterator[None]:
    """Write every record of ``trace``, those that there are and those to come, to the file at ``path``.

    A file that has got longer than ``most`` octets is put aside (``earlier``), in the place of what is there, and a new
    one begun: a lab that runs for weeks keeps its newest records, up to twice as much. With None it may grow.
    """
    earlier(path).unlink(missing_ok=True)
    writer = _Writer(trace, path, most)
    try:
        writer.flush()
        yield
    finally:
        try:
            writer.flush()
        finally:
            writer.close()


class _Writer:
    def __init__(self, trace: Trace, path: Path, most: int | None) -> None:
        self._trace = trace
        self._path = path
        self._most = most
        self._file = self._opened()
        self._written = 0

    def flush(self) -> None:
        """Write what is new, and come again a little after the next record."""
        if self._file.closed:
            return
        first, moments, caused = self._trace.columns(self._written)
        self._written = self._trace.last_seq  # first: a disk that is full must not end the writing for good
        try:
            if caused:
                self._write(columns_to_jsonl(first, moments, caused).encode())
        finally:
            self._trace.notify_once(self._later)

    def close(self) -> None:
        self._trace.cancel_notification(self._later)
        self._file.close()

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(DELAY_S, self.flush)

    def _write(self, lines: bytes) -> None:
        if self._most is not None and self._file.tell() > self._most:
            self._turn()
        end, rest = self._file.tell(), memoryview(lines)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):  # half a line would make the next one unreadable as well
                self._file.truncate(self._file.seek(end))
            raise

    def _turn(self) -> None:
        """Put the file aside and begin a new one; raises OSError, and then the file is the one that it was."""
        fresh = self._path.with_suffix(".new")
        file = fresh.open("wb", buffering=0)
        try:
            self._path.replace(earlier(self._path))
            fresh.replace(self._path)
        except OSError:
            file.close()
            raise
        self._file.close()
        self._file = file

    def _opened(self) -> FileIO:
        return self._path.open("wb", buffering=0)  # what a full disk refused must not come back later
