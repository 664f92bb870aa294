"""Read the trace files in a lab's folder: the rotated part, and the current file, which may still grow."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from ssosim.lab.base.folder import rotated_trace_path

__all__ = ["read_trace_lines"]

_POLL_S = 0.1


def read_trace_lines(path: Path, is_running: Callable[[], bool] | None = None) -> Iterator[str]:
    """Yield the complete lines of the trace file ``path``, after those of its rotated part.

    With ``is_running``: wait for further lines until it returns False. Raises OSError where the file does not exist.
    """
    return _lines(path, path.open("rb"), is_running)


def _lines(path: Path, source: BufferedReader, is_running: Callable[[], bool] | None) -> Iterator[str]:
    with contextlib.ExitStack() as files:
        files.enter_context(source)
        with contextlib.suppress(FileNotFoundError):
            before = files.enter_context(rotated_trace_path(path).open("rb"))
            if not os.path.sameopenfile(
                before.fileno(), source.fileno()
            ):  # the same file if it was rotated after it was opened
                yield from _complete_lines(before)
        while True:
            # Both checks come before the read, so that the last lines before the end and before a rotation are read.
            has_ended = is_running is None or not is_running()
            was_rotated = _was_rotated(path, source)
            yield from _complete_lines(source)
            if was_rotated:
                source = files.enter_context(path.open("rb"))
            elif has_ended:
                return
            else:
                time.sleep(_POLL_S)


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
