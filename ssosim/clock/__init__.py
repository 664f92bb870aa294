"""Time, as the rest of the house asks for it.

Token, assertion and record lifetimes follow a ``Clock`` that the lab hands out, so that a test can move it.
Kerberos tickets follow the KDC's own real clock: libkrb5 cannot be told another.
"""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ssosim.clock.real_time import RealTime
    from ssosim.clock.timers import Later, by_loop, by_virtual_clock, held_by
    from ssosim.clock.virtual import VirtualClock

__all__ = ["Clock", "Later", "ManualClock", "RealClock", "RealTime", "VirtualClock",
           "by_loop", "by_virtual_clock", "held_by"]  # fmt: skip

_MODULES = {
    "Later": "timers",
    "by_loop": "timers",
    "by_virtual_clock": "timers",
    "held_by": "timers",
    "RealTime": "real_time",
    "VirtualClock": "virtual",
}


def __getattr__(name: str) -> object:
    """What needs asyncio is imported when it is asked for: who reads a trace only needs to know what a clock is."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


class Clock(Protocol):
    """A source of the present time."""

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        ...


class RealClock:
    """The machine's own clock."""

    now = staticmethod(time.time)
    """Seconds since the Unix epoch, UTC. Without a function in between: it is asked several times an answer."""


class ManualClock:
    """A clock that moves only when told to.

    ``start`` is in seconds since the Unix epoch; the default is the present time.
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move forward by ``seconds``; a negative number steps back, as real clocks sometimes do."""
        self._now += seconds

    def set(self, moment: float) -> None:
        """Jump to ``moment``, in seconds since the Unix epoch."""
        self._now = moment
