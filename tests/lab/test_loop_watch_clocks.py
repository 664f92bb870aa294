"""What the watchdog makes of clocks that a test sets: which time was a pause, to the microsecond."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ssosim.clock import ManualClock
from ssosim.lab.base import loop_lag
from ssosim.lab.base.loop_lag import LONGEST_LAG_S, LoopWatch
from ssosim.trace import LabEvent, LabPaused, Trace

LAB, REAL, MACHINE, CPU = 5_000.0, 90_000.0, 100.0, 2.0
EVENT = LabEvent(part="test", text="something happened")


class Handle:
    """What a loop gives for a call that is to come."""

    def __init__(self, call: Callable[[], None]) -> None:
        self.call = call
        self.cancelled = False

    def cancel(self) -> None:
        """It is not to come."""
        self.cancelled = True


class Loop:
    """A loop that calls what is due when it is told to."""

    def __init__(self) -> None:
        self.later: list[Handle] = []
        self.soon: list[Callable[[], None]] = []

    def call_later(self, _: float, call: Callable[..., None], *words: Any) -> Handle:
        """Remember it."""
        self.later.append(Handle(lambda: call(*words)))
        return self.later[-1]

    def call_soon(self, call: Callable[..., None], *words: Any) -> None:
        """Remember it."""
        self.soon.append(lambda: call(*words))

    def tick(self) -> None:
        """Call what was to come later."""
        self.later[-1].call()

    def turn(self) -> None:
        """One turn: call what was to come soon."""
        due, self.soon = self.soon, []
        for call in due:
            call()


class Watched:
    """A watch whose clocks go on when they are told to."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, virtual: bool) -> None:
        self.gone = self.computed = 0.0
        self.loop = Loop()
        clock: Any = ManualClock(LAB) if virtual else self
        self.trace = Trace(clock)
        self.watch = LoopWatch(self.trace, clock)
        monkeypatch.setattr(loop_lag, "_machine", lambda: MACHINE + self.gone)
        monkeypatch.setattr(loop_lag.time, "time", lambda: REAL + self.gone)
        monkeypatch.setattr(loop_lag.time, "thread_time", lambda: CPU + self.computed)
        monkeypatch.setattr(loop_lag.asyncio, "get_running_loop", lambda: self.loop)
        self.watch.start()

    def now(self) -> float:
        """The lab's clock, in real time."""
        return LAB + self.gone

    def go_on(self, seconds: float, cpu: float = 0.0) -> None:
        """Time passes."""
        self.gone += seconds
        self.computed += cpu

    @property
    def pauses(self) -> list[LabPaused]:
        """Those in the trace."""
        return [record.event for record in self.trace if isinstance(record.event, LabPaused)]

    def written(self) -> list[LabPaused]:
        """Those in the trace when nothing is to come soon any more."""
        while self.loop.soon:
            self.loop.turn()
        return self.pauses


@pytest.mark.parametrize("virtual", [False, True])
def test_a_pause_has_the_times_of_its_own(monkeypatch: pytest.MonkeyPatch, virtual: bool):
    """It begins with the last record before it, by each clock; virtual time stands still meanwhile."""
    watched = Watched(monkeypatch, virtual=virtual)
    watched.go_on(0.125, 0.0625)
    watched.trace.record("", EVENT)
    watched.go_on(0.5, 0.25)
    watched.loop.tick()
    (pause,) = watched.written()
    assert (pause.real_started_at, pause.real_s) == (REAL + 0.125, 0.5)
    assert (pause.started_at, pause.lab_s) == ((LAB, 0.0) if virtual else (LAB + 0.125, 0.5))
    assert (pause.cpu_s, pause.after_seq) == (0.3125, 1)


@pytest.mark.parametrize("virtual", [False, True])
def test_whoever_writes_records_does_not_stand_still(monkeypatch: pytest.MonkeyPatch, virtual: bool):
    """A tick that comes late is no pause where records show that the loop ran, never too long without one."""
    watched = Watched(monkeypatch, virtual=virtual)
    for _ in range(4):
        watched.go_on(LONGEST_LAG_S - 0.0625)
        watched.trace.record("", EVENT)
    watched.loop.tick()
    assert watched.written() == []


@pytest.mark.parametrize("virtual", [False, True])
def test_records_before_the_last_tick_are_none_of_the_pause(monkeypatch: pytest.MonkeyPatch, virtual: bool):
    """A pause is not longer than the time between two ticks, whatever came before."""
    watched = Watched(monkeypatch, virtual=virtual)
    watched.trace.record("", EVENT)
    watched.go_on(0.0625)
    watched.loop.tick()
    watched.go_on(0.5)
    watched.loop.tick()
    (pause,) = watched.written()
    assert (pause.real_started_at, pause.real_s, pause.after_seq) == (REAL + 0.0625, 0.5, 1)


def test_processor_time_is_not_more_than_the_pause(monkeypatch: pytest.MonkeyPatch):
    """What the loop computed before the pause, up to the tick, does not make it longer."""
    watched = Watched(monkeypatch, virtual=False)
    watched.go_on(0.25, 0.25)
    watched.trace.record("", EVENT)
    watched.go_on(0.5, 0.5)
    watched.loop.tick()
    (pause,) = watched.written()
    assert (pause.real_s, pause.cpu_s) == (0.5, 0.5)


def test_it_is_written_when_the_backlog_is_answered(monkeypatch: pytest.MonkeyPatch):
    """Some turns later, behind the answers to what had come meanwhile; at once when the watch has ended."""
    watched = Watched(monkeypatch, virtual=False)
    watched.go_on(0.5)
    watched.loop.tick()
    watched.loop.turn()
    watched.trace.record("office", EVENT)
    assert watched.pauses == []
    watched.watch.stop()
    watched.loop.turn()
    (pause,) = watched.pauses
    assert (pause.after_seq, watched.trace.last_seq, watched.loop.soon) == (0, 2, [])


def test_a_watch_that_has_ended_looks_at_nothing(monkeypatch: pytest.MonkeyPatch):
    """No tick is to come, and no record is listened to; ending twice is no mistake."""
    watched = Watched(monkeypatch, virtual=True)
    watched.watch.stop()
    watched.watch.stop()
    assert [each.cancelled for each in watched.loop.later] == [True]
    watched.trace.record("", EVENT)
    assert watched.watch._marks == []
