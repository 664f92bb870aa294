"""Time that jumps: hours of waiting clients in a moment, with real sockets in between.

The clients run as ordinary asyncio tasks. Each is either *busy* (running, or waiting for the network) or *asleep* in
``VirtualClock.sleep``. Only when none is busy does the clock jump to the next wake-up, so an answer that takes real
milliseconds takes no virtual time at all, and what a client meets, and when, is the same at every run. (Which of two
clients that are busy at the same moment is first on the wire is not.)

It misleads where a client waits for something that is neither the network nor this clock: such a wait counts as busy.
A client is one task; what it spawns itself is not counted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

from ssosim.clock.agenda import Agenda

__all__ = ["VirtualClock"]

_T = TypeVar("_T")


class VirtualClock:
    """A clock that jumps from wake-up to wake-up. ``start`` is in seconds since the Unix epoch."""

    def __init__(self, start: float) -> None:
        self._sleepers: Agenda[asyncio.Future[None]] = Agenda(start)
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return self._sleepers.now

    @property
    def is_busy(self) -> bool:
        """Whether a client that this clock knows of is under way, so that it can ``sleep`` on its behalf."""
        return self._busy > 0

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has moved on by ``seconds``; for clients started with ``start`` only."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.add(self._sleepers.now + max(0.0, seconds), future)
        self._leave()
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():  # else its time had come, and it counts as busy already
                self._enter()
            raise

    def start(self, client: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run ``client`` as a task that this clock knows of."""
        self._enter()
        task = asyncio.get_running_loop().create_task(client)
        task.add_done_callback(lambda _: self._leave())  # also when it is cancelled before its first step
        return task

    async def run_until(self, moment: float) -> None:
        """Let the clients run until all of them sleep beyond ``moment`` or have ended; then it is ``moment``."""
        while True:
            await self._idle.wait()
            if not self._sleepers.has(moment):
                self._sleepers.reach(moment)
                return
            future = self._sleepers.take()
            if not future.cancelled():
                self._enter()
                future.set_result(None)

    def _enter(self) -> None:
        self._busy += 1
        self._tell()

    def _leave(self) -> None:
        self._busy -= 1
        self._tell()

    def _tell(self) -> None:
        # Below 0: a client was cancelled while a server slept on its behalf, and has been counted out twice.
        if self._busy > 0:
            self._idle.clear()
        else:
            self._idle.set()
