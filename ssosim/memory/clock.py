"""Drive coroutines through virtual time without asyncio: an agenda of wake-ups, and nothing else.

A model awaits its device's ports only, and those of a device in memory come down to one thing: ``pause``, which says
how long the call takes. So the engine needs no loop, no task and no socket; eight hours of a waiting client cost what
its steps cost. Where two wake-ups fall on one moment, the one asked for first comes first, so every run is the same.
Why there is another driver for sockets is said in ``ssosim.clock.agenda``.
"""

from __future__ import annotations

import math
import types
from collections.abc import Callable, Coroutine, Generator
from typing import Any, Final, Generic, TypeVar, cast

from ssosim.clock.agenda import Agenda

__all__ = ["MAX_STEPS_IN_NO_TIME", "Engine", "EngineClock", "Run", "SpinningError", "pause"]

T = TypeVar("T")

MAX_STEPS_IN_NO_TIME: Final = 100_000
"""Steps that may be taken at one moment; more is an endless loop, and reported as one."""


class SpinningError(Exception):
    """Something goes on without letting time pass."""


@types.coroutine
def pause(seconds: float = 0.0) -> Generator[float, None, None]:
    """Hand the wheel to the engine for ``seconds`` of virtual time."""
    yield seconds


class Run(Generic[T]):
    """A coroutine under way. ``error`` is what it raised, None while it runs or if it returned."""

    __slots__ = ("_coroutine", "_value", "done", "error")

    def __init__(self, coroutine: Coroutine[Any, Any, T]) -> None:
        self._coroutine = coroutine
        self._value: object = None
        self.done = False
        self.error: BaseException | None = None

    @property
    def result(self) -> T | None:
        """What it returned; None while it runs. Raises what it raised."""
        if self.error is not None:
            raise self.error
        return cast("T | None", self._value)

    def step(self) -> float | None:
        """Run on to the next wait: its length in seconds, or None if there is none."""
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
        """Leave it at the wait that it is in."""
        self.done = True
        self._coroutine.close()


class Engine:
    """Virtual time. ``start`` is in seconds since the Unix epoch."""

    __slots__ = ("agenda",)

    def __init__(self, start: float = 1_000_000.0) -> None:
        self.agenda: Agenda[Callable[[], None] | Run[Any]] = Agenda(start)

    @property
    def now(self) -> float:
        """The moment, in seconds since the Unix epoch."""
        return self.agenda.now

    def start(self, coroutine: Coroutine[Any, Any, T]) -> Run[T]:
        """Have ``coroutine`` begin now."""
        run = Run(coroutine)
        self.agenda.add(self.now, run)
        return run

    def call_at(self, moment: float, action: Callable[[], None]) -> None:
        """Have ``action`` happen at ``moment``, between two steps."""
        self.agenda.add(moment, action)

    def later(self, seconds: float, action: Callable[[], None]) -> Callable[[], None]:
        """Have ``action`` happen in ``seconds``; the result calls it off (``ssosim.clock.Later``)."""
        wanted = True

        def unless_called_off() -> None:
            if wanted:
                action()

        def call_off() -> None:
            nonlocal wanted
            wanted = False

        self.call_at(self.now + seconds, unless_called_off)
        return call_off

    def run(self, until: float = math.inf, *, watched: Run[Any] | None = None) -> None:
        """Go on until ``until``, until nothing is left to do, or until ``watched`` is done; then it is that moment.

        Raises ``SpinningError``.
        """
        agenda, steps, moment = self.agenda, 0, -math.inf
        while agenda.has(until) and not (watched is not None and watched.done):
            what = agenda.take()
            if agenda.now > moment:
                moment, steps = agenda.now, 0
            steps += 1
            if steps > MAX_STEPS_IN_NO_TIME:
                raise SpinningError(f"{steps} steps without letting time pass")
            if not isinstance(what, Run):
                what()
                continue
            while not what.done and (wait := what.step()) is not None:
                if wait > 0 or agenda.has(agenda.now) or steps > MAX_STEPS_IN_NO_TIME:
                    agenda.add(agenda.now + wait, what)
                    break
                steps += 1  # nobody else's turn is now: without the way through the agenda
        if math.isfinite(until) and not (watched is not None and watched.done):
            agenda.reach(until)


class EngineClock:
    """An engine's time as ``ssosim.clock.Clock`` and as the clock port of a device."""

    __slots__ = ("_agenda",)

    def __init__(self, engine: Engine) -> None:
        self._agenda = engine.agenda

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return self._agenda.now

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await pause(max(0.0, seconds))
