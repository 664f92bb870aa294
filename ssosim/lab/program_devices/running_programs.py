"""The programs that run on devices: who, since when, how one is stopped, and word of it when one ends."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ssosim.lab.base.errors import LabInputError

__all__ = ["Running", "RunningPrograms"]

_PATIENCE_S = 3.0


@dataclass(frozen=True, slots=True)
class Running:
    """A program on its device. ``handle`` refers to the process that waits for it, whatever becomes of its number."""

    device: str
    client: str
    program: str
    began: float
    handle: int
    ended: asyncio.Event

    def as_data(self) -> dict[str, Any]:
        """For a program that reads; ``running_s`` in seconds."""
        running_s = round(time.monotonic() - self.began, 3)
        return {"device": self.device, "client": self.client, "program": self.program, "running_s": running_s}


class RunningPrograms:
    """Each from ``watch`` to ``forget``, the oldest first. Source: pidfd_open(2)."""

    def __init__(self) -> None:
        self._running: dict[str, Running] = {}

    def listing(self) -> list[dict[str, Any]]:
        """All of them, as data."""
        return [each.as_data() for each in self._running.values()]

    def watch(self, device: str, pid: int, client: str, program: str, gone: Callable[[], None]) -> None:
        """From now on it runs. ``gone`` is called, once, if process ``pid`` ends before it is forgotten.

        Raises LabInputError when there is no such process any more.
        """
        try:
            handle = os.pidfd_open(pid)
        except OSError as error:
            raise LabInputError(f"pid: process {pid} is gone") from error
        self._running[device] = Running(device, client, program, time.monotonic(), handle, asyncio.Event())

        def ended() -> None:
            self.forget(device)
            gone()

        asyncio.get_running_loop().add_reader(handle, ended)

    def forget(self, device: str) -> None:
        """It has ended, if it ran."""
        running = self._running.pop(device, None)
        if running is not None:
            running.ended.set()
            asyncio.get_running_loop().remove_reader(running.handle)
            os.close(running.handle)

    def close(self) -> None:
        """Watch nobody any more."""
        for device in tuple(self._running):
            self.forget(device)

    async def end(self, name: str) -> list[dict[str, Any]]:
        """Stop those of that client's name or device's address: asked to end, and killed who do not; who they were.

        Raises LabInputError when none of that name runs.
        """
        found = [each for each in self._running.values() if name in (each.client, each.device)]
        if not found:
            known = ", ".join(f"{each.client} ({each.device})" for each in self._running.values())
            raise LabInputError(f"no program {name[:60]!r} runs; there are: {known or 'none'}")
        for number in (signal.SIGTERM, signal.SIGKILL):
            for each in found:
                if not each.ended.is_set():
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(each.handle, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*(each.ended.wait() for each in found)), _PATIENCE_S)
        return [each.as_data() for each in found]
