"""Real time with the interface of ``VirtualClock``, so that one player of scenarios can use either."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["RealTimeClock"]

_T = TypeVar("_T")


class RealTimeClock:
    """A clock that starts at ``start`` (seconds since the Unix epoch) and then runs at the speed of real time."""

    def __init__(self, start: float) -> None:
        self._offset = start - time.monotonic()

    def now(self) -> float:
        """Return the present time in seconds since the Unix epoch, UTC."""
        return time.monotonic() + self._offset

    async def sleep(self, seconds: float) -> None:
        """Wait for ``seconds`` of real time."""
        await asyncio.sleep(seconds)

    def start(self, client: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run the coroutine ``client`` as a task of the running event loop."""
        return asyncio.get_running_loop().create_task(client)

    async def run_until(self, moment: float) -> None:
        """Wait until ``moment``, in seconds since the Unix epoch; return at once if it has passed."""
        await asyncio.sleep(max(0.0, moment - self.now()))
