"""The table of programs that run on devices: list them, stop them, and detect their end."""

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

__all__ = ["RunningProgram", "RunningPrograms"]

_STOP_TIMEOUT_S = 3.0


@dataclass(frozen=True, slots=True)
class RunningProgram:
    """A program on its device. ``handle``: a pidfd of the process that waits for it; ``began``: monotonic seconds."""

    device: str
    client: str
    program: str
    began: float
    handle: int
    ended: asyncio.Event

    def as_data(self) -> dict[str, Any]:
        """Return the fields for JSON; ``running_s`` in seconds."""
        running_s = round(time.monotonic() - self.began, 3)
        return {"device": self.device, "client": self.client, "program": self.program, "running_s": running_s}


class RunningPrograms:
    """The programs from ``watch`` to ``forget``, oldest first. Source: pidfd_open(2)."""

    def __init__(self) -> None:
        self._running: dict[str, RunningProgram] = {}

    def list_programs(self) -> list[dict[str, Any]]:
        """Return all programs for JSON."""
        return [each.as_data() for each in self._running.values()]

    def watch(self, device: str, pid: int, client: str, program: str, on_exit: Callable[[], None]) -> None:
        """Add a program, and call ``on_exit`` once if process ``pid`` ends before ``forget``.

        Raises LabInputError when the process has already ended.
        """
        try:
            handle = os.pidfd_open(pid)
        except OSError as error:
            raise LabInputError(f"pid: process {pid} has already ended") from error
        self._running[device] = RunningProgram(device, client, program, time.monotonic(), handle, asyncio.Event())

        def ended() -> None:
            self.forget(device)
            on_exit()

        asyncio.get_running_loop().add_reader(handle, ended)

    def forget(self, device: str) -> None:
        """Remove the program on ``device``, if there is one."""
        running = self._running.pop(device, None)
        if running is not None:
            running.ended.set()
            asyncio.get_running_loop().remove_reader(running.handle)
            os.close(running.handle)

    def close(self) -> None:
        """Remove all programs."""
        for device in tuple(self._running):
            self.forget(device)

    async def stop(self, name: str) -> list[dict[str, Any]]:
        """Stop all programs with the client name or device address ``name``; return them for JSON.

        Sends SIGTERM, and SIGKILL after 3 s. Raises LabInputError when there is no such program.
        """
        found = [each for each in self._running.values() if name in (each.client, each.device)]
        if not found:
            known = ", ".join(f"{each.client} ({each.device})" for each in self._running.values())
            raise LabInputError(f"no program {name[:60]!r} is running; running programs: {known or 'none'}")
        for number in (signal.SIGTERM, signal.SIGKILL):
            for each in found:
                if not each.ended.is_set():
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(each.handle, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*(each.ended.wait() for each in found)), _STOP_TIMEOUT_S)
        return [each.as_data() for each in found]
