"""The lag of the loop on which the lab runs: a pause of the lab itself is written into the trace.

DNS, KDC gateway, HTTPS and control API share one loop. While it stands still nobody is answered, whatever the reason: a
long computation, a blocking call, a stopped process, a machine that gives its time to others. A client that waits
meanwhile must not be blamed for it, so verdicts say it (``ssosim.verdict.pauses``).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from ssosim.clock import Clock, ManualClock, VirtualClock
from ssosim.trace import ClientEvent, LabPaused, Trace

__all__ = ["LONGEST_LAG_S", "LoopWatch"]

LONGEST_LAG_S = 0.25
"""Seconds. No longer pause goes unnoticed; one of up to a tick less may be noticed."""

_TICK_S = 0.05
_TURNS = 3
"""Turns of the loop after a pause in which it answers what had come meanwhile."""


@dataclass(frozen=True, slots=True)
class _Tick:
    """A moment at which the loop ran: by the machine's clock, the lab's and the calendar; how far the trace was."""

    machine: float
    lab: float
    real: float
    seq: int
    cpu: float


class LoopWatch:
    """Watches the running loop, and writes ``LabPaused`` into ``trace``; ``clock`` is the lab's.

    It wakes an idle loop twenty times a second, which takes 0.03 to 0.25 % of a core; a busy one is awake anyway, and
    looks at the time five microseconds each.
    """

    def __init__(self, trace: Trace, clock: Clock) -> None:
        self._trace = trace
        self._clock = clock
        self._stands_still = isinstance(clock, VirtualClock | ManualClock)
        self._last: _Tick | None = None
        self._marks: list[tuple[int, float]] = []
        self._handle: asyncio.Handle | None = None
        self._stop_hearing: Callable[[], None] | None = None

    def start(self) -> None:
        """Begin; raises RuntimeError where no loop runs."""
        loop = asyncio.get_running_loop()
        if self._stands_still:  # then the trace does not say when, in real time, a record was made
            self._stop_hearing = self._trace.subscribe_batches(self._note)
        self._last = self._now()
        self._handle = loop.call_later(_TICK_S, self._tick, loop)

    def stop(self) -> None:
        """End. May be called twice."""
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if self._stop_hearing is not None:
            self._stop_hearing()
            self._stop_hearing = None

    def _now(self) -> _Tick:
        return _Tick(_machine(), self._clock.now(), time.time(), self._trace.last_seq, time.thread_time())

    def _note(self, entries: Sequence[ClientEvent]) -> None:  # noqa: ARG002 - a subscriber's shape
        self._marks.append((self._trace.last_seq, _machine()))

    def _tick(self, loop: asyncio.AbstractEventLoop) -> None:
        before, now = self._last, self._now()
        assert before is not None  # noqa: S101 - by start
        if now.machine - before.machine > LONGEST_LAG_S:
            pause = self._pause(before, now)
            if pause is not None:
                loop.call_soon(self._write_down, loop, pause, _TURNS)
        self._marks.clear()
        self._last = now
        self._handle = loop.call_later(_TICK_S, self._tick, loop)

    def _pause(self, before: _Tick, now: _Tick) -> LabPaused | None:
        """The longest time between two ticks in which nothing was written down; None if that is not too long."""
        marks = self._marks if self._stands_still else self._by_trace(before)
        start, seq, end = _longest((before.machine, before.seq), marks, now.machine)
        if end - start <= LONGEST_LAG_S:
            return None
        paused = round(end - start, 6)
        return LabPaused(
            started_at=round(before.lab if self._stands_still else before.lab + (start - before.machine), 6),
            lab_s=0.0 if self._stands_still else paused,
            real_started_at=round(before.real + (start - before.machine), 6),
            real_s=paused,
            cpu_s=round(min(now.cpu - before.cpu, paused), 6),
            after_seq=seq,
        )

    def _by_trace(self, before: _Tick) -> Iterable[tuple[int, float]]:
        """The numbers of records made since ``before``, and when by the machine's clock."""
        first, moments, _ = self._trace.columns(before.seq)
        return ((seq, before.machine + (at - before.lab)) for seq, at in enumerate(moments, first))

    def _write_down(self, loop: asyncio.AbstractEventLoop, pause: LabPaused, turns: int) -> None:
        """Write it down behind the answers to what came meanwhile: whoever got one was waiting."""
        if turns and self._handle is not None:
            loop.call_soon(self._write_down, loop, pause, turns - 1)
        else:
            self._trace.record("", pause)


def _longest(first: tuple[float, int], marks: Iterable[tuple[int, float]], last: float) -> tuple[float, int, float]:
    """The longest hole from ``first`` (moment, number) over ``marks`` to ``last``: start, number before it, end."""
    places = [first, *((at, seq) for seq, at in marks), (last, 0)]
    (start, seq), (end, _) = max(pairwise(places), key=lambda hole: hole[1][0] - hole[0][0])
    return start, seq, end


if hasattr(time, "CLOCK_BOOTTIME"):  # goes on while the machine sleeps

    def _machine() -> float:
        return time.clock_gettime(time.CLOCK_BOOTTIME)

else:

    def _machine() -> float:
        return time.monotonic()
