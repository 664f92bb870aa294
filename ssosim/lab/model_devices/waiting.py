"""Waiting for an answer that may never come, in real time and in virtual time alike.

In real time a limit is a limit. In virtual time nothing passes while a device waits for the network, so a limit would
never be reached; but the lab knows at once that a fault keeps an answer back, for it writes that down. The device then
stops waiting and sleeps for what is left of its limit, which costs nothing.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar

from ssosim.clock import VirtualClock
from ssosim.trace import Event, Record, Trace

__all__ = ["Patience"]

_T = TypeVar("_T")


class Wait(Protocol):
    """Awaits one thing, within the limit of the block."""

    async def __call__(self, what: Awaitable[_T], /) -> _T:
        """What it gives; raises TimeoutError."""
        ...


class Patience:
    """How one device waits. Without a virtual clock: for real seconds.

    ``client`` is the device's name in ``trace``. A device waits for one thing at a time.
    """

    def __init__(self, trace: Trace | None = None, client: str = "", clock: object = None) -> None:
        self._client = client
        self._clock = clock if trace is not None and isinstance(clock, VirtualClock) else None
        self._is_lost: Callable[[Event], bool] | None = None
        self._lost = False
        self._task: asyncio.Task[object] | None = None
        self._end = trace.subscribe(self._look) if trace is not None and self._clock is not None else None

    def close(self) -> None:
        """Stop looking at the trace."""
        if self._end is not None:
            self._end()
            self._end = None

    @contextlib.asynccontextmanager
    async def waiting(self, seconds: float, is_lost: Callable[[Event], bool]) -> AsyncIterator[Wait]:
        """Wait ``seconds`` for what is awaited through the block's value; raises TimeoutError after that.

        ``is_lost`` says which events mean that nothing will come.
        """
        if self._clock is None:
            async with asyncio.timeout(seconds):
                yield _plainly
            return
        clock, began = self._clock, self._clock.now()
        self._is_lost, self._lost, self._task = is_lost, False, asyncio.current_task()
        try:
            yield _plainly
        except asyncio.CancelledError:
            if not self._lost or self._task is None or self._task.uncancel() > 0:
                raise
            await clock.sleep(began + seconds - clock.now())
            raise TimeoutError from None
        finally:
            self._is_lost = self._task = None

    def _look(self, record: Record) -> None:
        if self._is_lost is None or record.client != self._client or self._lost or self._task is None:
            return
        if self._is_lost(record.event):
            self._lost = True
            self._task.cancel()


async def _plainly(what: Awaitable[_T]) -> _T:
    return await what
