"""The trace of a running lab as a file in its folder, written as it happens."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from ssosim.trace import Trace
from ssosim.trace.export import as_json

__all__ = ["recording"]


@contextlib.contextmanager
def recording(trace: Trace, path: Path) -> Iterator[None]:
    """Write every record of ``trace``, those that there are and those to come, to the file at ``path``."""
    with path.open("w", encoding="utf-8") as file:
        writer = _Writer(file)
        for record in trace:
            writer.write(as_json(record))
        stop = trace.subscribe(lambda record: writer.write(as_json(record)))
        try:
            yield
        finally:
            stop()
            writer.flush()


class _Writer:
    """Gathers lines and writes them once in a loop's round: a write for every record would be the slowest part."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._lines: list[str] = []

    def write(self, line: str) -> None:
        if not self._lines:
            asyncio.get_running_loop().call_later(0.02, self.flush)
        self._lines.append(line)

    def flush(self) -> None:
        lines, self._lines = self._lines, []  # first: a disk that is full must not end the writing for good
        if lines and not self._file.closed:
            self._file.write("\n".join(lines) + "\n")
            self._file.flush()
