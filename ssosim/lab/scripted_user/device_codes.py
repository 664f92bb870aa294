"""Device codes that programs have got: the person at the device learns of each, as from the program's screen."""

from __future__ import annotations

import asyncio

from ssosim.trace import DeviceCodeIssued, Record, Trace

__all__ = ["ShownCodes"]


class ShownCodes:
    """Hands each device code to the device of the client that got it; where two bear its name, to both."""

    def __init__(self, trace: Trace) -> None:
        self._shown: dict[str, tuple[str, asyncio.Queue[str]]] = {}
        trace.subscribe(self._see, DeviceCodeIssued)

    def expect(self, device: str, client: str) -> None:
        """From now on keep the codes of ``client``, which is on ``device``."""
        self._shown[device] = (client, asyncio.Queue())

    async def next(self, device: str, patience: float) -> str | None:
        """The next code, ``""`` when none came within ``patience`` seconds, None when the device is gone."""
        if device not in self._shown:
            return None
        try:
            async with asyncio.timeout(patience):
                return await self._shown[device][1].get() or None
        except TimeoutError:
            return ""

    def forget(self, device: str) -> None:
        """The program has ended; nobody waits for its codes any more."""
        if device in self._shown:
            self._shown.pop(device)[1].put_nowait("")

    def _see(self, record: Record) -> None:
        if isinstance(record.event, DeviceCodeIssued):
            for client, queue in self._shown.values():
                if client == record.client:
                    queue.put_nowait(record.event.user_code)
