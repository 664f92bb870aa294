"""Run coroutines in virtual time without asyncio.

Theory of operation. The parts:

- ``pause(seconds)`` is the only awaitable of the lab in memory. It yields a number of seconds to the engine. Every port
  of a device in memory (names, HTTP, tickets, prompts, clock) takes time by awaiting ``pause`` and in no other way.
- ``Run`` holds one coroutine, for example one sign-in. ``Run.step`` sends it on to its next ``pause``.
- ``Agenda`` is a heap of (moment, number, entry). An entry is a ``Run`` to continue or a function to call: the start or
  end of a fault, a timer of the lab.
- ``Engine.run`` takes the earliest entry, sets ``now`` to its moment, and runs it, until the agenda is empty, the given
  moment is reached, or a watched run has ended.

What always holds:

- Time changes only between two steps. Within a step (from one ``pause`` to the next) ``now`` is constant, and no other
  coroutine runs. So the code between two awaits needs no lock.
- Of two entries with the same moment, the one that was added first runs first. There is no thread, no real clock and no
  set order that depends on hashes, so two runs of the same scenario and seed give the same trace.
- Waiting is free: eight hours of a waiting client cost only its steps.
- An exception of a coroutine ends its ``Run`` and is kept there; the engine and the other runs go on.

A ``Run`` whose next wait is 0 continues at once if no other entry is due at this moment. That saves the way through the
heap for most calls, which take no time; the order is the same as with it. ``Engine.must_pause`` saves the way to the
engine as well.

What can go wrong: a coroutine that never lets time pass would run for ever. The engine counts steps per moment and
raises ``NoProgressError`` after ``MAX_STEPS_PER_MOMENT``. A coroutine that loops without an ``await`` cannot be
stopped. A coroutine that awaits something else than ``pause``, such as an asyncio future, yields what is not a number
and fails.

``ssosim.clock.agenda`` explains why labs on sockets need another driver.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, Generic, TypeVar, cast

from ssosim.clock.agenda import Agenda

__all__ = ["MAX_STEPS_PER_MOMENT", "Engine", "EngineClock", "NoProgressError", "Run", "pause"]

T = TypeVar("T")

MAX_STEPS_PER_MOMENT: Final = 100_000
"""Steps allowed at one moment of virtual time. More steps are reported as an endless loop."""


class NoProgressError(Exception):
    """A coroutine or a timer runs again and again without letting virtual time pass."""


@types.coroutine
def pause(seconds: float = 0.0) -> Generator[float, None, None]:
    """Wait for ``seconds`` of virtual time; other coroutines may run meanwhile, with 0 as well."""
    yield seconds


class Run(Generic[T]):
    """A coroutine that an engine runs. ``error`` is the exception that it raised, or None."""

    __slots__ = ("_coroutine", "_value", "done", "error")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._value: object = None
        self.done = False
        self.error: BaseException | None = None

    @property
    def result(self) -> T | None:
        """The value that the coroutine returned; None while it runs. Raises the exception that it raised."""
        if self.error is not None:
            raise self.error
        return cast("T | None", self._value)

    def step(self) -> float | None:
        """Run the coroutine to its next wait and return its length in seconds; None if the coroutine has ended."""
        try:
            wait: float = self._coroutine.send(None)
        except StopIteration as end:
            self.done, self._value = True, end.value
            return None
        except Exception as error:  # noqa: BLE001 - it belongs to the run, not to the engine
            self.done, self.error = True, error
            return None
        return wait

    def cancel(self) -> None:
        """Close the coroutine at its present wait."""
        self.done = True
        self._coroutine.close()


class Engine:
    """Virtual time. ``start`` is in seconds since the Unix epoch."""

    __slots__ = ("_steps", "agenda")

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.agenda: Agenda[Callable[[], None] | Run[Any]] = Agenda(start)
        self._steps = 0  # at the present moment

    @property
    def now(self) -> float:
        """The present moment of virtual time, in seconds since the Unix epoch."""
        return self.agenda.now

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Run[T]:
        """Schedule ``coroutine`` for the present moment and return its ``Run``."""
        run = Run(coroutine)
        self.agenda.add(self.now, run)
        return run

    def call_at(self, moment: float, action: Callable[[], None]) -> None:
        """Call ``action`` at ``moment`` (seconds since the Unix epoch), between two steps."""
        self.agenda.add(moment, action)

    def later(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Call ``action`` in ``seconds``; the returned function cancels that (``ssosim.clock.Later``)."""
        wanted = True

        def act_unless_cancelled() -> None:
            if wanted:
                action()

        def cancel() -> None:
            nonlocal wanted
            wanted = False

        self.call_at(self.now + seconds, act_unless_cancelled)
        return cancel

    def must_pause(self, seconds: float) -> bool:
        """Return whether a coroutine has to ``pause`` for ``seconds``.

        For 0 seconds it has not if nothing else is due now, since the engine would continue it at once. It counts as a
        step all the same, so that a coroutine without end has to pause, and is found.
        """
        if seconds > 0 or self._steps > MAX_STEPS_PER_MOMENT or self.agenda.has(self.agenda.now):
            return True
        self._steps += 1
        return False

    def run(self, until: float = math.inf, *, watched: Run[Any] | None = None) -> None:
        """Run until ``until`` (seconds since the Unix epoch), until nothing is scheduled, or until ``watched`` ends.

        Afterwards ``now`` is ``until``, unless that is infinite or ``watched`` has ended. Raises NoProgressError.
        """
        agenda, moment = self.agenda, -math.inf
        while agenda.has(until) and not (watched is not None and watched.done):
            what = agenda.take()
            if agenda.now > moment:
                moment, self._steps = agenda.now, 0
            self._steps += 1
            if self._steps > MAX_STEPS_PER_MOMENT:
                raise NoProgressError(f"{self._steps} steps without letting time pass")
            if not isinstance(what, Run):
                what()
                continue
            while not what.done and (wait := what.step()) is not None:
                if wait > 0 or agenda.has(agenda.now) or self._steps > MAX_STEPS_PER_MOMENT:
                    agenda.add(agenda.now + wait, what)
                    break
                self._steps += 1  # nothing else is due now, so the run continues without the way through the agenda
        if math.isfinite(until) and not (watched is not None and watched.done):
            agenda.reach(until)


class EngineClock:
    """The clock of an engine, as ``ssosim.clock.Clock`` and as the clock port of a device."""

    __slots__ = ("_agenda",)

    def __init__(self, engine: Engine) -> None:
        self._agenda = engine.agenda

    def now(self) -> float:
        """Return the present moment in seconds since the Unix epoch, UTC."""
        return self._agenda.now

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of virtual time; a negative number counts as 0."""
        await pause(max(0.0, seconds))
