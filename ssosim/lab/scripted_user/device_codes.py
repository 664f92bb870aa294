"""Queues of the device codes that programs got, for the scripted users of their devices.

A scripted user gets a code from its queue as a real user reads it from the program's output.
"""

from __future__ import annotations

import asyncio

from ssosim.trace import DeviceCodeIssued, Record, Trace

__all__ = ["DeviceCodeQueues"]


class DeviceCodeQueues:
    """One queue of user codes per device. A code goes to each device with the name of the client that got it."""

    def __init__(self, trace: Trace) -> None:
        self._queues: dict[str, tuple[str, asyncio.Queue[str]]] = {}
        trace.subscribe(self._enqueue, DeviceCodeIssued)

    def register(self, device: str, client: str) -> None:
        """Create the queue of ``device`` for the codes of ``client``."""
        self._queues[device] = (client, asyncio.Queue())

    async def wait_for_code(self, device: str, seconds: float) -> str | None:
        """Return the next code; ``""`` if none came within ``seconds``, None if ``device`` has no queue (any more)."""
        if device not in self._queues:
            return None
        try:
            async with asyncio.timeout(seconds):
                return await self._queues[device][1].get() or None
        except TimeoutError:
            return ""

    def unregister(self, device: str) -> None:
        """Remove the queue of ``device``, and end a call that waits for its codes."""
        if device in self._queues:
            self._queues.pop(device)[1].put_nowait("")

    def _enqueue(self, record: Record) -> None:
        if isinstance(record.event, DeviceCodeIssued):
            for client, queue in self._queues.values():
                if client == record.client:
                    queue.put_nowait(record.event.user_code)
