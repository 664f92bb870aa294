"""Device codes that programs have got: the person at the device learns of each, as from the program's screen."""

from __future__ import annotations

import asyncio

from ssosim.trace import DeviceCodeIssued, Record, Trace

__all__ = ["ShownCodes"]


class ShownCodes:
    """Hands each device code to the device of the client that got it, once."""

    def __init__(self, trace: Trace) -> None:
        self._codes: dict[str, asyncio.Queue[str]] = {}
        trace.subscribe(self._see)

    def expect(self, client: str) -> None:
        """From now on keep the codes of ``client``."""
        self._codes.setdefault(client, asyncio.Queue())

    async def next(self, client: str, patience: float) -> str:
        """The next code of ``client``, ``""`` when none came within ``patience`` seconds or the client has gone."""
        queue = self._codes.get(client)
        if queue is None:
            return ""
        try:
            async with asyncio.timeout(patience):
                return await queue.get()
        except TimeoutError:
            return ""

    def forget(self, client: str) -> None:
        """The client has ended; nobody waits for its codes any more."""
        queue = self._codes.pop(client, None)
        if queue is not None:
            queue.put_nowait("")

    def _see(self, record: Record) -> None:
        if isinstance(record.event, DeviceCodeIssued) and record.client in self._codes:
            self._codes[record.client].put_nowait(record.event.user_code)
