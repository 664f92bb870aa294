"""The control API of a running lab: HTTP and JSON on a Unix socket that only its owner may open."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ssosim.lab.bodies import json_object, text_or_none
from ssosim.lab.errors import LabError, LabInputError
from ssosim.lab.faults_api import apply_fault, list_faults, undo_faults
from ssosim.lab.spn import SpnDesk

if TYPE_CHECKING:
    from ssosim.lab.dns_desk import LabDesk
    from ssosim.lab.private import PrivateLab

__all__ = ["ControlApi"]

_MAX_BODY = 8 * 1024 * 1024


class ControlApi:
    """Serves the control API of ``lab``; ``stop`` is called when a client asks the lab to end."""

    def __init__(self, lab: PrivateLab, stop: Callable[[], None]) -> None:
        self._lab = lab
        self._stop = stop
        app = web.Application(client_max_size=_MAX_BODY, middlewares=[_errors_as_json])
        app.router.add_get("/v1/status", self._status)
        app.router.add_post("/v1/devices", self._plug)
        app.router.add_post("/v1/devices/{device}/finished", self._finished)
        app.router.add_get("/v1/devices/{device}/device-code", self._device_code)
        app.router.add_get("/v1/faults", self._faults)
        app.router.add_post("/v1/faults", self._apply_fault)
        app.router.add_delete("/v1/faults/{which}", self._undo_faults)
        app.router.add_post("/v1/stop", self._end)
        app.router.add_post("/v1/spn", SpnDesk(lab.lab).answer)
        app.router.add_route("*", "/v1/dns/{action:.*}", self._dns)
        self._desk: LabDesk | None = None
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)

    async def start(self, path: Path) -> None:
        """Listen on the Unix socket ``path``."""
        await self._runner.setup()
        before = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, str(path)).start()
        finally:
            os.umask(before)

    async def stop(self) -> None:
        """Stop listening."""
        if self._desk is not None:
            await self._desk.close()
        await self._runner.cleanup()

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(self._lab.status())

    async def _plug(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        pid = body.get("pid")
        if not isinstance(pid, int) or isinstance(pid, bool) or pid <= 1:
            raise LabInputError("pid: expected the process id of the device, as the lab sees it")
        plugged = await self._lab.plug_device(
            pid,
            program=str(body.get("program") or "program"),
            device=text_or_none(body, "device"),
            label=text_or_none(body, "label"),
            person=text_or_none(body, "person"),
            etc=text_or_none(body, "etc"),
            nss=body.get("nss") is True,
        )
        return web.json_response(plugged)

    async def _device_code(self, request: web.Request) -> web.Response:
        return web.json_response({"user_code": await self._lab.device_code(request.match_info["device"])})

    async def _finished(self, request: web.Request) -> web.Response:
        body = await json_object(request)
        code = body.get("exit_code")
        if not isinstance(code, int):
            raise LabInputError("exit_code: expected a whole number")
        self._lab.device_finished(request.match_info["device"], code)
        return web.json_response({})

    async def _dns(self, request: web.Request) -> web.Response:
        if self._desk is None:
            from ssosim.lab.dns_desk import LabDesk  # noqa: PLC0415 - a lab is ready sooner without

            self._desk = LabDesk(self._lab.lab, self._lab.folder.path / "dns")
        return await self._desk.handle(request)

    async def _faults(self, _: web.Request) -> web.Response:
        return web.json_response(list_faults(self._lab.lab.faults))

    async def _apply_fault(self, request: web.Request) -> web.Response:
        return web.json_response(apply_fault(self._lab.lab.faults, await json_object(request)))

    async def _undo_faults(self, request: web.Request) -> web.Response:
        return web.json_response(undo_faults(self._lab.lab.faults, request.match_info["which"]))

    async def _end(self, _: web.Request) -> web.Response:
        self._stop()
        return web.json_response({"stopping": True})


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        response: web.StreamResponse = await handler(request)
    except LabInputError as error:
        return web.json_response({"error": str(error)}, status=400)
    except LabError as error:
        return web.json_response({"error": str(error)}, status=409)
    except web.HTTPException as error:
        return web.json_response({"error": f"{request.method} {request.path}: {error.reason}"}, status=error.status)
    return response
