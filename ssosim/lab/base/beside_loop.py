"""Long computations beside the loop on which the lab answers."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import threading
from collections.abc import Callable, Iterator
from typing import TypeVar

__all__ = ["in_thread"]

_T = TypeVar("_T")


async def in_thread(work: Callable[[], _T]) -> _T:
    """What ``work`` gives or raises; it runs in a thread, so it must not touch what belongs to the loop (the trace).

    A thread cannot be stopped: who is cancelled goes on waiting until it ends, so that a lock that was taken for it is
    held as long as it runs.
    """

    def run_uncollected() -> _T:
        with _COLLECTOR.held_off():
            return work()

    task = asyncio.ensure_future(asyncio.to_thread(run_uncollected))
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        if not task.cancelled():
            task.exception()  # it is nobody's any more; unread, it would be logged
        raise


class _Collector:
    """Python's collector of reference cycles, which works at values that have none.

    It looks at every object of the process while no thread runs: with zones of 20,000 names a fifth of a second each
    time, twenty times in one plan. It is the process's, so what is under way in all loops together is counted.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holders = 0
        self._was_on = False

    @contextlib.contextmanager
    def held_off(self) -> Iterator[None]:
        """A block in which it does not begin by itself; afterwards it is as it was."""
        with self._lock:
            if not self._holders:
                self._was_on = gc.isenabled()
                gc.disable()
            self._holders += 1
        try:
            yield
        finally:
            with self._lock:
                self._holders -= 1
                if not self._holders and self._was_on:
                    gc.enable()


_COLLECTOR = _Collector()
