"""The trace of a lab as it stands in its folder: the part that was put aside, and the one that is being written."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path

from ssosim.lab.base.folder import earlier

__all__ = ["trace_lines"]

_POLL_S = 0.1


def trace_lines(path: Path, goes_on: Callable[[], bool] | None = None) -> Iterator[str]:
    """Complete lines of the trace file ``path``, those of the part before it first.

    With ``goes_on``, wait for more as long as that says so. Raises OSError where there is no such file.
    """
    return _lines(path, path.open("rb"), goes_on)


def _lines(path: Path, source: BufferedReader, goes_on: Callable[[], bool] | None) -> Iterator[str]:
    with contextlib.ExitStack() as files:
        files.enter_context(source)
        with contextlib.suppress(FileNotFoundError):
            before = files.enter_context(earlier(path).open("rb"))
            if not os.path.sameopenfile(
                before.fileno(), source.fileno()
            ):  # put aside since it was opened: once is enough
                yield from _whole(before)
        while True:
            over = goes_on is None or not goes_on()  # asked first: what a lab writes at its end is read as well
            put_aside = _is_put_aside(path, source)  # this too: nothing is added after that
            yield from _whole(source)
            if put_aside:
                source = files.enter_context(path.open("rb"))
            elif over:
                return
            else:
                time.sleep(_POLL_S)


def _is_put_aside(path: Path, source: BufferedReader) -> bool:
    """Whether a new file is in the place of that one."""
    try:
        return not os.path.samestat(path.stat(), os.fstat(source.fileno()))
    except FileNotFoundError:
        return False


def _whole(source: BufferedReader) -> Iterator[str]:
    """The complete lines from here on; one that is still being written is left for later."""
    while line := source.readline():
        if not line.endswith(b"\n"):
            source.seek(-len(line), os.SEEK_CUR)
            return
        yield line.decode(errors="replace")
