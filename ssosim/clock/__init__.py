"""Clocks: the source of the present time for every other package.

Lifetimes of tokens, assertions and DNS records follow the ``Clock`` that the lab gives to its parts, so that a test can
move the time. Kerberos tickets follow the real clock of the KDC: libkrb5 has no setting for another clock.
"""

from __future__ import annotations

import importlib
import time
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from ssosim.clock.real_time import RealTimeClock
    from ssosim.clock.real_time_span import RealTimeSpan
    from ssosim.clock.timers import CallLater, call_later_on_clock, call_later_on_loop, make_sleep
    from ssosim.clock.virtual import VirtualClock

__all__ = ["CallLater", "Clock", "ManualClock", "RealTimeClock", "RealTimeSpan", "SystemClock",
           "VirtualClock", "call_later_on_clock", "call_later_on_loop", "make_sleep"]  # fmt: skip

_MODULES = {
    "CallLater": "timers",
    "call_later_on_clock": "timers",
    "call_later_on_loop": "timers",
    "make_sleep": "timers",
    "RealTimeClock": "real_time",
    "RealTimeSpan": "real_time_span",
    "VirtualClock": "virtual",
}


def __getattr__(name: str) -> object:
    """Import a name that needs asyncio when it is first used: reading a trace needs ``Clock`` alone."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_MODULES[name]}"), name)


class Clock(Protocol):
    """A source of the present time."""

    def now(self) -> float:
        """Return the present time in seconds since the Unix epoch, UTC."""
        ...


class SystemClock:
    """The clock of the machine."""

    now = staticmethod(time.time)
    """The present time in seconds since the Unix epoch, UTC.

    The function itself and no method around it: the DNS server calls it several times for each answer.
    """


class ManualClock:
    """A clock that moves only when ``advance`` or ``set`` is called.

    ``start`` is in seconds since the Unix epoch; the default is the present time.
    """

    def __init__(self, start: float | None = None) -> None:
        self._now = time.time() if start is None else start

    def now(self) -> float:
        """Return the present time in seconds since the Unix epoch, UTC."""
        return self._now

    def advance(self, seconds: float) -> None:
        """Move the clock forward by ``seconds``; a negative number moves it back, as happens to real clocks."""
        self._now += seconds

    def set(self, moment: float) -> None:
        """Set the clock to ``moment``, in seconds since the Unix epoch."""
        self._now = moment
