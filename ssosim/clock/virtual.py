"""Virtual time over real sockets: hours of waiting clients take seconds of real time.

The parts. A *task of the clock* is a coroutine that was started with ``VirtualClock.start``: a client model, or a
timer. The servers (DNS, HTTPS, KDC gateway) are not tasks of the clock; they run as ordinary asyncio servers on the
same loop, with real UDP, TCP and TLS on loopback. ``run_until`` is the driver: the player of a scenario calls it for
each phase.

States of a task. It is *asleep* while it waits in ``VirtualClock.sleep``, and *busy* at all other times: while it
computes, while it waits for a response from a socket or for a thread, and while it waits for another task. The clock
counts busy tasks. ``start`` and the end of a sleep add one; ``sleep`` and the end of the task subtract one.

Rules that always hold:

1. The clock moves only in ``run_until``, only while the count of busy tasks is 0, and never backwards.
2. It moves to the earliest wake-up of a sleeping task, or to the end of ``run_until``, whichever is first.
3. One task wakes at a time. Tasks with the same wake-up time wake in the order in which they fell asleep, and the next
   one wakes when no task is busy any more.
4. A sleep that is cancelled makes its task busy again: the task still runs its cancellation handlers.

Consequences. A response that takes 5 ms of real time takes 0 s of virtual time, so a slow machine does not change what
a client sees or when. Runs are repeatable as far as virtual time goes. The order of two requests is not fixed where
both tasks are busy at the same virtual time: each waits for its own socket, and the kernel and the loop decide.

Why not an event loop with its own time, as asyncio test helpers have: such a loop jumps when it has nothing ready. A
loop that waits for a datagram in the kernel, or for a thread that calls libkrb5, also has nothing ready, and would jump
over the response. Counting busy tasks needs no special loop, so the servers may run on uvloop.

When it misleads:

- A task that waits for something that only the passing of time can bring, other than by ``sleep``, blocks the clock
  for ever: the task is busy, so time stands still. Timeouts in a client model must use the clock, not ``asyncio``.
- Tasks that a client spawns itself are not counted. If the client sleeps meanwhile, the time may jump while its child
  still waits for a socket. A client model is one task for that reason.
- Real time passes while a task is busy. A server that sleeps in real time (``asyncio.sleep``) delays the run, not the
  client. The fault ``http-delay`` uses ``ssosim.clock.make_sleep``, which sleeps on this clock; the DNS fault ``delay``
  holds its responses in real time.
- A server that calls ``sleep`` counts it for the client whose response it delays. If no task of the clock waits for
  that response, as when a program does, the count is one too low, and the time may jump while a task is busy.
- The KDC, libkrb5 and programs have the machine's clock. Ticket lifetimes do not follow virtual time.

Real time within virtual time. A program runs in real time. ``real_time`` lets ``now`` go on with real seconds while
programs run, so that lifetimes, caches and timers pass for a program as they would on a real network. Tasks of the
clock stay asleep meanwhile, and at the end ``now`` is again what it was: the tasks have not lived through that time.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

from ssosim.clock.agenda import Agenda
from ssosim.clock.real_time_span import RealTimeSpan

__all__ = ["VirtualClock"]

_T = TypeVar("_T")


class VirtualClock:
    """A clock that jumps to the next wake-up when no task is busy. ``start`` is in seconds since the Unix epoch."""

    def __init__(self, start: float) -> None:
        self._sleepers: Agenda[asyncio.Future[None]] = Agenda(start)
        self._busy = 0
        self._idle = asyncio.Event()
        self._idle.set()
        self._span: RealTimeSpan | None = None

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return self._sleepers.now if self._span is None else self._sleepers.now + self._span.elapsed

    @property
    def span(self) -> RealTimeSpan | None:
        """The span of real time that is under way; None in virtual time."""
        return self._span

    @contextlib.contextmanager
    def real_time(self) -> Iterator[RealTimeSpan]:
        """Let ``now`` go on with real seconds within the block; afterwards it is what it was before.

        No task of the clock may be busy, and none wakes up within the block. Blocks do not nest. The timers of the span
        are cancelled at its end.
        """
        assert self._span is None  # noqa: S101 - the player opens one after the other
        self._span = RealTimeSpan()
        try:
            yield self._span
        finally:
            self._span.close()
            self._span = None

    @property
    def is_busy(self) -> bool:
        """Whether a task of this clock is busy, so that a server may call ``sleep`` on its behalf."""
        return self._busy > 0

    async def sleep(self, seconds: float) -> None:
        """Return when the clock has moved on by ``seconds``. Call it in a task that ``start`` made, or for one."""
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._sleepers.add(self._sleepers.now + max(0.0, seconds), future)
        self._remove_busy()
        try:
            await future
        except asyncio.CancelledError:
            if future.cancelled():  # else ``run_until`` has woken it in the same moment, and has counted it already
                self._add_busy()
            raise

    def start(self, client: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run the coroutine ``client`` as a task of this clock; it is busy until its first ``sleep``."""
        self._add_busy()
        task = asyncio.get_running_loop().create_task(client)
        task.add_done_callback(lambda _: self._remove_busy())  # also when it is cancelled before its first step
        return task

    async def run_until(self, moment: float) -> None:
        """Run the tasks until each has ended or sleeps beyond ``moment``, then set the clock to ``moment``.

        ``moment`` is in seconds since the Unix epoch.
        """
        while True:
            await self._idle.wait()
            if not self._sleepers.has(moment):
                self._sleepers.reach(moment)
                return
            future = self._sleepers.take()
            if not future.cancelled():
                self._add_busy()
                future.set_result(None)

    def _add_busy(self) -> None:
        self._busy += 1
        self._tell()

    def _remove_busy(self) -> None:
        self._busy -= 1
        self._tell()

    def _tell(self) -> None:
        # Below 0: a client was cancelled while a server slept on its behalf, and has been counted out twice.
        if self._busy > 0:
            self._idle.clear()
        else:
            self._idle.set()
