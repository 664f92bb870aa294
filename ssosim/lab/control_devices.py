"""The devices of programs over the control API: who runs; ``ssosim exec`` asks for one, and gives it back."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ssosim.lab.bodies import json_object, text_or_none
from ssosim.lab.errors import LabInputError

if TYPE_CHECKING:
    from ssosim.lab.private import PrivateLab

__all__ = ["DeviceDesk"]

_LARGEST_PID = 2**22
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


class DeviceDesk:
    """``/v1/devices``."""

    def __init__(self, lab: PrivateLab) -> None:
        self._lab = lab
        self._running: dict[str, Running] = {}

    def close(self) -> None:
        """Watch nobody any more."""
        for device in tuple(self._running):
            self._forget(device)

    async def listing(self, _: web.Request) -> web.Response:
        """Who runs, the oldest first."""
        return web.json_response({"devices": [each.as_data() for each in self._running.values()]})

    async def end(self, request: web.Request) -> web.Response:
        """Stop the program of that client's name or device's address: asked to end, and killed if it does not."""
        name = request.match_info["device"]
        found = [each for each in self._running.values() if name in (each.client, each.device)]
        if not found:
            known = ", ".join(f"{each.client} ({each.device})" for each in self._running.values())
            raise LabInputError(f"no program {name[:60]!r} runs; there are: {known or 'none'}")
        for number in (signal.SIGTERM, signal.SIGKILL):
            for each in found:
                if each.device in self._running:
                    with contextlib.suppress(ProcessLookupError):
                        signal.pidfd_send_signal(each.handle, number)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(asyncio.gather(*(each.ended.wait() for each in found)), _PATIENCE_S)
        return web.json_response({"stopped": [each.as_data() for each in found]})

    def _watch(self, pid: int, device: str, client: str, program: str) -> None:
        """From now on it runs, until it says that it has finished, or has ended without a word."""
        with contextlib.suppress(ProcessLookupError):
            handle = os.pidfd_open(pid)
            self._running[device] = Running(device, client, program, time.monotonic(), handle, asyncio.Event())
            asyncio.get_running_loop().add_reader(handle, self._gone, device)

    def _gone(self, device: str) -> None:
        self._forget(device)
        with contextlib.suppress(LabInputError):  # it has said so before
            self._lab.device_finished(device, -signal.SIGKILL)

    def _forget(self, device: str) -> None:
        running = self._running.pop(device, None)
        if running is not None:
            running.ended.set()
            asyncio.get_running_loop().remove_reader(running.handle)
            os.close(running.handle)

    async def plug(self, request: web.Request) -> web.Response:
        """Join the network namespace of ``pid`` to the lab."""
        body = await json_object(request)
        pid = body.get("pid")
        if not isinstance(pid, int) or isinstance(pid, bool) or not 1 < pid <= _LARGEST_PID:
            raise LabInputError("pid: expected the process id of the device, as the lab sees it")
        wishes: dict[str, Any] = {key: text_or_none(body, key) for key in ("device", "label", "person")}
        wishes |= {"etc": text_or_none(body, "etc")} if "etc" in body else {}
        wishes |= {"nss": body["nss"] is True} if "nss" in body else {}
        wishes |= {"ipv6": body["ipv6"] is True} if body.get("ipv6") is not None else {}
        program = str(body.get("program") or "program")
        plugged = await self._lab.plug_device(pid, program=program, **wishes)
        self._watch(pid, plugged["device"], plugged["client"], program)
        return web.json_response(plugged)

    async def device_code(self, request: web.Request) -> web.Response:
        """The next device code that the device gets; waits a while for it."""
        return web.json_response({"user_code": await self._lab.device_code(request.match_info["device"])})

    async def finished(self, request: web.Request) -> web.Response:
        """The program has ended."""
        body = await json_object(request)
        code = body.get("exit_code")
        if not isinstance(code, int) or isinstance(code, bool) or not -256 < code < 256:
            raise LabInputError("exit_code: expected a whole number")
        device = request.match_info["device"]
        self._forget(device)
        self._lab.device_finished(device, code)
        return web.json_response({})
