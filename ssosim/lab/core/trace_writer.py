"""Write the trace of a running lab to a file in the lab's folder."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from io import FileIO
from pathlib import Path

from ssosim.lab.base.folder import rotated_trace_path
from ssosim.trace import Trace
from ssosim.trace.export import columns_to_jsonl

__all__ = ["record_to_file"]

DELAY_S = 0.02
"""Delay before new records are written. Written in batches, a record costs a tenth of the time."""

RETRY_S = 1.0
"""Seconds until records that could not be written are tried again, together with all newer ones."""

MAX_OCTETS = 256 * 2**20
"""The size at which a trace file is rotated, in octets: about a million records."""


@contextlib.contextmanager
def record_to_file(trace: Trace, path: Path, *, max_octets: int | None = MAX_OCTETS) -> Iterator[None]:
    """Write all records of ``trace``, present and future, to the file ``path`` until the block ends.

    A file longer than ``max_octets`` is rotated: it becomes ``rotated_trace_path(path)``, which is overwritten, and a
    new file is started. So a lab that runs for weeks keeps its newest records, up to twice ``max_octets``. None: no
    limit. Records that a full disk refused stay in memory and are tried again each ``RETRY_S``: none is lost if there
    is room again. Raises OSError when the file cannot be created, or at the end not be written.
    """
    rotated_trace_path(path).unlink(missing_ok=True)
    writer = _Writer(trace, path, max_octets)
    try:
        writer.flush()
        yield
    finally:
        try:
            writer.flush()
        finally:
            writer.close()


class _Writer:
    def __init__(self, trace: Trace, path: Path, max_octets: int | None) -> None:
        self._trace = trace
        self._path = path
        self._max_octets = max_octets
        self._file = self._open()
        self._written = 0
        self._failing = False

    def flush(self) -> None:
        """Write the new records, and schedule the next call for ``DELAY_S`` after the next record.

        Raises OSError for the first write that fails; the writes that are tried again fail in silence.
        """
        if self._file.closed:
            return
        first, moments, caused = self._trace.columns(self._written)
        last = self._trace.last_seq
        try:
            if caused:
                self._write(columns_to_jsonl(first, moments, caused).encode())
        except OSError:
            asyncio.get_running_loop().call_later(RETRY_S, self.flush)
            if not self._failing:
                self._failing = True
                raise
        else:
            self._failing, self._written = False, last
            self._trace.notify_once(self._later)

    def close(self) -> None:
        self._trace.cancel_notification(self._later)
        self._file.close()

    def _later(self) -> None:
        asyncio.get_running_loop().call_later(DELAY_S, self.flush)

    def _write(self, lines: bytes) -> None:
        if self._max_octets is not None and self._file.tell() > self._max_octets:
            self._rotate()
        end, rest = self._file.tell(), memoryview(lines)
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
        except OSError:
            with contextlib.suppress(OSError):  # a partial line would make the next line unreadable as well
                self._file.truncate(self._file.seek(end))
            raise

    def _rotate(self) -> None:
        """Rename the file and start a new one. Raises OSError; the current file then stays in use."""
        fresh = self._path.with_suffix(".new")
        file = fresh.open("wb", buffering=0)
        try:
            self._path.replace(rotated_trace_path(self._path))
            fresh.replace(self._path)
        except OSError:
            file.close()
            raise
        self._file.close()
        self._file = file

    def _open(self) -> FileIO:
        return self._path.open("wb", buffering=0)  # unbuffered: data that a full disk refused must not be written later
