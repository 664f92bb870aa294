"""The devices of programs in the control API: list and stop programs; ``ssosim exec`` attaches and releases devices."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from aiohttp import web

from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.request_bodies import json_object, text_or_none, true_or_false

if TYPE_CHECKING:
    from ssosim.lab.program_devices.private_lab import PrivateLab

__all__ = ["DeviceHandlers"]

_LARGEST_PID = 2**22
_DEVICE_KEYS = (
    "pid",
    "program",
    "program_file",
    "device",
    "label",
    "person",
    "last_step",
    "etc",
    "nss",
    "ipv6",
)
_END_KEYS = ("exit_code", "stopped", "output")


class DeviceHandlers:
    """The handlers of ``/v1/devices``."""

    def __init__(self, lab: PrivateLab) -> None:
        self._lab = lab

    async def list_devices(self, _: web.Request) -> web.Response:
        """List the running programs, the oldest first."""
        return web.json_response({"devices": self._lab.running.list_programs()})

    async def stop(self, request: web.Request) -> web.Response:
        """Stop the program with that client name or device address: SIGTERM first, SIGKILL if it does not end."""
        return web.json_response({"stopped": await self._lab.running.stop(request.match_info["device"])})

    async def attach(self, request: web.Request) -> web.Response:
        """Attach the network namespace of the process ``pid`` to the lab's network as a device."""
        body = await json_object(request, _DEVICE_KEYS)
        pid = body.get("pid")
        if not isinstance(pid, int) or isinstance(pid, bool) or not 1 < pid <= _LARGEST_PID:
            raise LabInputError("pid: expected the process id of the device, as the lab sees it")
        options: dict[str, Any] = {
            key: text_or_none(body, key) for key in ("device", "label", "person", "last_step", "program_file")
        }
        options |= {"etc": text_or_none(body, "etc")} if "etc" in body else {}
        options |= {key: flag for key in ("nss", "ipv6") if (flag := true_or_false(body, key)) is not None}
        program = text_or_none(body, "program") or "program"
        return web.json_response(await self._lab.attach_device(pid, program=program, **options))

    async def device_code(self, request: web.Request) -> web.Response:
        """Wait for the next device code that the device receives, and return it."""
        return web.json_response({"user_code": await self._lab.device_code(request.match_info["device"])})

    async def release(self, request: web.Request) -> web.Response:
        """Release the device of a program that has ended with ``exit_code``; ``stopped`` is why ssosim ended it.

        ``output`` is what it printed, if that was recorded.
        """
        body = await json_object(request, _END_KEYS)
        code = body.get("exit_code")
        if not isinstance(code, int) or isinstance(code, bool) or not -256 < code < 256:
            raise LabInputError("exit_code: expected a whole number")
        stopped = body.get("stopped", "")
        if stopped not in ("", "deadline", "request"):
            raise LabInputError("stopped: expected deadline, request or an empty text")
        output = text_or_none(body, "output") or ""
        self._lab.release_device(request.match_info["device"], code, stopped, output)
        return web.json_response({})
