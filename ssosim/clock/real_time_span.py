"""A span of real time, with timers that may start later than the span."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

__all__ = ["RealTimeSpan"]


class RealTimeSpan:
    """A span of real time that begins now. Its timers count from ``start_timers``."""

    def __init__(self) -> None:
        self._began = time.monotonic()
        self._started = False
        self._waiting: dict[int, tuple[float, Callable[[], None]]] = {}
        self._handles: dict[int, asyncio.TimerHandle] = {}
        self._number = 0

    @property
    def elapsed(self) -> float:
        """Real seconds since the begin of the span."""
        return time.monotonic() - self._began

    def call_later(self, seconds: float, act: Callable[[], None]) -> Callable[[], None]:
        """Call ``act`` ``seconds`` after the start of the timers, or after now if they have started.

        Returns the function that cancels this. Timers of the same moment act in the order of the calls.
        """
        self._number += 1
        number = self._number
        self._waiting[number] = seconds, act
        if self._started:
            self._start(number)

        def cancel() -> None:
            self._waiting.pop(number, None)
            if handle := self._handles.pop(number, None):
                handle.cancel()

        return cancel

    def start_timers(self) -> None:
        """Start the timers; has no effect if they have started."""
        if not self._started:
            self._started = True
            for number in list(self._waiting):
                self._start(number)

    def close(self) -> None:
        """Cancel all timers."""
        self._waiting.clear()
        for handle in self._handles.values():
            handle.cancel()
        self._handles.clear()

    def _start(self, number: int) -> None:
        seconds, act = self._waiting.pop(number)

        def run() -> None:
            self._handles.pop(number, None)
            act()

        self._handles[number] = asyncio.get_running_loop().call_later(seconds, run)
