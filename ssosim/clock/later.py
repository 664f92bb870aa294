"""To do something after a while, whichever clock the while is counted by."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ssosim.clock.virtual import VirtualClock

__all__ = ["Later", "by_loop", "by_virtual_clock"]

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
