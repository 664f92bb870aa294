"""Real time with the face of virtual time, so that what plays in the one plays in the other."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

__all__ = ["RealTime"]

_T = TypeVar("_T")


class RealTime:
    """The machine's pace, counted from ``start`` in seconds since the Unix epoch: an hour takes an hour."""

    def __init__(self, start: float) -> None:
        self._offset = start - time.monotonic()

    def now(self) -> float:
        """Seconds since the Unix epoch, UTC."""
        return time.monotonic() + self._offset

    async def sleep(self, seconds: float) -> None:
        """Return after ``seconds``."""
        await asyncio.sleep(seconds)

    def start(self, client: Coroutine[Any, Any, _T]) -> asyncio.Task[_T]:
        """Run ``client`` as a task."""
        return asyncio.get_running_loop().create_task(client)

    async def run_until(self, moment: float) -> None:
        """Return at ``moment``."""
        await asyncio.sleep(max(0.0, moment - self.now()))
