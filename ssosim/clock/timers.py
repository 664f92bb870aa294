"""To do something after a while, whichever clock the while is counted by."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from ssosim.clock.virtual import VirtualClock

__all__ = ["Later", "by_loop", "by_virtual_clock", "held_by"]

Later = Callable[[float, Callable[[], None]], Callable[[], None]]
"""(seconds, what to do then) -> what calls it off; calling it off late does nothing."""


def by_loop(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
    """By the running event loop: real seconds. Raises RuntimeError where none runs."""
    return asyncio.get_running_loop().call_later(seconds, act).cancel


def by_virtual_clock(clock: VirtualClock) -> Later:
    """By ``clock``, which jumps there when nobody is busy before."""

    def later(seconds: float, act: Callable[[], None]) -> Callable[[], None]:
        async def wait() -> None:
            await clock.sleep(seconds)
            act()

        waiting = clock.start(wait())

        def call_off() -> None:
            if waiting is not asyncio.current_task():  # else it has come so far as to undo itself
                waiting.cancel()

        return call_off

    return later


def held_by(clock: VirtualClock) -> Callable[[float], Awaitable[None]]:
    """Holds an answer for seconds: of ``clock`` if one whom it knows waits for it, else of real time.

    Programs live in real time. They run while the clock stands still, and would wait for ever by it.
    """

    async def hold(seconds: float) -> None:
        await (clock.sleep(seconds) if clock.is_busy else asyncio.sleep(seconds))

    return hold
