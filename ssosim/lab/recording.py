"""The trace of a running lab as a file in its folder, written as it happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ssosim.trace import Record, Trace
from ssosim.trace.export import as_json

__all__ = ["recording"]


@contextlib.contextmanager
def recording(trace: Trace, path: Path) -> Iterator[None]:
    """Write every record of ``trace``, those that there are and those to come, to the file at ``path``."""
    with path.open("w", encoding="utf-8") as file:
        writer = _Writer(file)
        for record in trace:
            writer.write(record)
        stop = trace.subscribe(writer.write)
        try:
            yield
        finally:
            stop()
            writer.flush()


class _Writer:
    """Gathers records and writes them together: encoded one by one, between other work, each costs twice as much."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._records: list[Record] = []

    def write(self, record: Record) -> None:
        if not self._records:
            asyncio.get_running_loop().call_later(0.02, self.flush)
        self._records.append(record)

    def flush(self) -> None:
        records, self._records = self._records, []  # first: a disk that is full must not end the writing for good
        if records and not self._file.closed:
            self._file.write("\n".join([*map(as_json, records), ""]))
            self._file.flush()
