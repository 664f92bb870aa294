"""Timers: call a function after some seconds of the event loop's time, or of a virtual clock's time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # with asyncio, which a lab in memory does without
    from ssosim.clock.virtual import VirtualClock

__all__ = ["CallLater", "call_later_on_clock", "call_later_on_loop", "make_sleep"]

CallLater = Callable[[float, Callable[[], None]], Callable[[], None]]
"""A function that starts a timer: (seconds, action) -> cancel. Calling ``cancel`` after the action has no effect."""


def call_later_on_loop(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
    """Call ``act`` after ``seconds`` of real time; returns the function that cancels this.

    Raises RuntimeError where no event loop runs.
    """
    import asyncio  # noqa: PLC0415

    return asyncio.get_running_loop().call_later(seconds, act).cancel


def call_later_on_clock(clock: VirtualClock) -> CallLater:
    """Return a function that starts timers on ``clock``. A timer is a task of the clock: time can jump to its end.

    Within a span of real time it is a timer of the span instead, since the tasks of the clock stay asleep.
    """
    import asyncio  # noqa: PLC0415

    def call_later(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
        if clock.span is not None:
            return clock.span.call_later(seconds, act)

        async def wait() -> None:
            await clock.sleep(seconds)
            act()

        waiting = clock.start(wait())

        def cancel() -> None:
            if waiting is not asyncio.current_task():  # else ``act`` itself cancels its timer, which has ended already
                waiting.cancel()

        return cancel

    return call_later


def make_sleep(clock: VirtualClock) -> Callable[[float], Awaitable[None]]:
    """Return the sleep function for servers that delay a response, as the fault ``http-delay`` does.

    It sleeps on ``clock`` while a task of the clock is busy, since that task waits for the response. Otherwise it
    sleeps in real time: only a program can be waiting then. Programs run in real time while the tasks of the clock are
    asleep, so a sleep on ``clock`` would not end for them.
    """
    import asyncio  # noqa: PLC0415

    async def sleep(seconds: float) -> None:
        await (clock.sleep(seconds) if clock.is_busy else asyncio.sleep(seconds))

    return sleep
