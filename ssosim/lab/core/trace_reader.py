"""Read the trace files in a lab's folder: the rotated part, and the current file, which may still grow."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from ssosim.lab.base.folder import rotated_trace_path

__all__ = ["has_cut_end", "read_trace_lines"]

_POLL_S = 0.1


def read_trace_lines(path: Path, is_running: Callable[[], bool] | None = None) -> Iterator[str]:
    """Yield the complete lines of the trace file ``path``, after those of its rotated part.

    With ``is_running``: wait for further lines until it returns False. Raises OSError where the file does not exist.
    """
    return _lines(path, path.open("rb"), is_running)


def has_cut_end(path: Path) -> bool:
    """Return whether the trace file ``path`` of a lab that has ended ends within a record: the last ones are missing.

    ``read_trace_lines`` leaves that part out. Raises OSError where the file does not exist.
    """
    with path.open("rb") as source:
        if not source.seek(0, os.SEEK_END):
            return False
        source.seek(-1, os.SEEK_END)
        return source.read(1) != b"\n"


def _lines(path: Path, source: BufferedReader, is_running: Callable[[], bool] | None) -> Iterator[str]:
    with contextlib.ExitStack() as files:
        files.enter_context(source)
        yield from _lines_of_rotated_part(path, source)  # none if ``source`` was rotated after it was opened
        while True:
            # Both checks come before the read, so that the last lines before the end and before a rotation are read.
            has_ended = is_running is None or not is_running()
            was_rotated = _was_rotated(path, source)
            yield from _complete_lines(source)
            if was_rotated:
                read, source = source, files.enter_context(path.open("rb"))
                yield from _lines_of_rotated_part(path, read, source)  # of a reader who was slower than two rotations
            elif has_ended:
                return
            else:
                time.sleep(_POLL_S)


def _lines_of_rotated_part(path: Path, *others: BufferedReader) -> Iterator[str]:
    """Yield the lines of the rotated part, unless it is one of ``others``, which are read by themselves."""
    with contextlib.suppress(FileNotFoundError), rotated_trace_path(path).open("rb") as part:
        if not any(os.path.sameopenfile(part.fileno(), other.fileno()) for other in others):
            yield from _complete_lines(part)


def _was_rotated(path: Path, source: BufferedReader) -> bool:
    """Return whether ``path`` is now another file than ``source``."""
    try:
        return not os.path.samestat(path.stat(), os.fstat(source.fileno()))
    except FileNotFoundError:
        return False


def _complete_lines(source: BufferedReader) -> Iterator[str]:
    """Yield the complete lines from the current position on; leave a line that is still being written."""
    while line := source.readline():
        if not line.endswith(b"\n"):
            source.seek(-len(line), os.SEEK_CUR)
            return
        yield line.decode(errors="replace")
