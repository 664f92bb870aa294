"""The control API of a running lab: HTTP and JSON on a Unix socket, and on loopback if requested.

Theory of operation
===================

The API is described for programs in ``openapi`` (served as ``/v1/openapi.json``) and for people in
``docs/control-api.md``. The parts:

- ``access``: middleware. It checks the token and the ``Host`` of requests over loopback, and turns errors into JSON.
- ``json_errors``: the server below the middleware. It answers in JSON where aiohttp never calls a handler.
- ``*_handlers``: one module per group of routes; ``request_bodies`` parses and bounds what they read.
- ``injected_handlers``: the interface for verdicts and scenarios. They belong to a layer above the lab, so the program
  that starts the lab passes a function that creates them.
- ``answers``, ``dns_answers``, ``spn_answers``: the responses as typed models, for the commands that read them.

Rules that always hold:

- The server runs on the event loop of the lab, beside its DNS and HTTPS servers. Handlers of ``GET`` and of faults only
  read or change values in memory. Work that takes longer (plans, drift, zones as JSON) runs in a thread, on immutable
  values; only the commit of its result runs on the loop (see ``ssosim.changes.change_control``).
- A request that changes something is finished even if its client disconnects (``_finish_when_disconnected``): a DNS
  change is never half done. A ``GET`` is cancelled instead, so that nothing waits for the trace in vain.
- Changes of zones, views and ledger run one after another, under the lock of ``DnsHandlers``. Faults need no lock: each
  is one step on the loop, and a layer above the zones.
- Every error has the body ``{"error": text}``: 400 for bad input (``LabInputError``), 409 for a request that the lab
  refuses in its present state (``LabError``), 403 for the gate's refusal, and aiohttp's own statuses.

Why modules are imported late: ``dns_handlers`` and the injected handlers take long to import, and most labs never need
them. They are imported in a thread or at the first request, so that a lab is ready sooner.

What can go wrong: the Unix socket is protected by its file mode only, so it is created under a umask. The listener on
loopback must be opened before the lab enters its own network namespace, else no program of the user could reach it.
"""

from __future__ import annotations

import asyncio
import importlib
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from aiohttp import web

from ssosim.lab.base.errors import LabError
from ssosim.lab.control.access import AccessControl
from ssosim.lab.control.device_handlers import DeviceHandlers
from ssosim.lab.control.expectation_query import EXPECTATION_KEYS, parse_expectation
from ssosim.lab.control.fault_handlers import apply_fault, list_faults, undo_faults
from ssosim.lab.control.federated_token_handlers import sign_token
from ssosim.lab.control.identity_provider_handlers import SETTINGS, change_settings, show_settings
from ssosim.lab.control.injected_handlers import InjectedHandlers, MakeInjectedHandlers
from ssosim.lab.control.json_errors import JsonRunner
from ssosim.lab.control.request_bodies import json_object, parse_query, parse_whole_number
from ssosim.lab.control.spn_handlers import SpnHandlers
from ssosim.lab.control.trace_handlers import TraceHandlers

if TYPE_CHECKING:
    from ssosim.changes.plan import Plan
    from ssosim.changes.risk import Reason
    from ssosim.entra import Provider
    from ssosim.lab.control.dns_handlers import DnsHandlers
    from ssosim.lab.program_devices.private_lab import PrivateLab

__all__ = ["ControlApi"]

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
_MAX_BODY = 8 * 1024 * 1024
_MAX_SCENARIO = 1024 * 1024
_LARGEST = 2**53
_DNS = (
    ("GET", "zones"),
    ("POST", "plan"),
    ("POST", "apply"),
    ("POST", "rollback"),
    ("POST", "drift"),
    ("POST", "adopt"),
    ("POST", "settings"),
    ("POST", "load"),
    ("POST", "substitutions"),
    ("POST", "substitutions/finish"),
)


_READ_A_QUERY = frozenset(("GET", f"/v1/{path}") for path in ("faults", "trace", "wait", "verdicts"))
"""The routes whose handlers read parameters of the query, and refuse those that they do not know."""

_READ_A_BODY = frozenset(
    ("POST", f"/v1/{path}")
    for path in (
        "faults",
        "identity-provider",
        "scenarios",
        "spn",
        "federated-tokens",
        "devices",
        "devices/{device}/finished",
        *(f"dns/{action}" for method, action in _DNS if method == "POST"),
    )
)
"""The routes whose handlers read a body, and refuse keys that they do not know."""


class ControlApi:
    """The server of the control API of ``lab``. ``stop`` is called for the request to stop the lab.

    ``make_handlers`` creates the handlers for verdicts and scenarios; without it these requests are refused.
    """

    def __init__(
        self, lab: PrivateLab, stop: Callable[[], None], make_handlers: MakeInjectedHandlers | None = None
    ) -> None:
        self._lab = lab
        self._stop = stop
        self._access = AccessControl()
        self._make_injected = make_handlers
        self._injected: InjectedHandlers | None = None
        self._dns_handlers: DnsHandlers | None = None
        self._endpoints: dict[str, str] = {}
        self._changing: set[asyncio.Future[web.StreamResponse]] = set()
        self.app = web.Application(client_max_size=_MAX_BODY, middlewares=[self._access.middleware])
        self._add_routes()
        self._runner = JsonRunner(
            self.app,
            access_log=None,
            handle_signals=False,
            shutdown_timeout=0.5,
            logger=_silent_logger(),
            handler_cancellation=True,  # a request that waits for the trace ends when its client disconnects
        )

    def _add_routes(self) -> None:
        trace, devices = TraceHandlers(self._lab.lab.trace), DeviceHandlers(self._lab)
        routes: list[tuple[str, str, Handler]] = [
            ("GET", "/v1/openapi.json", self._openapi),
            ("GET", "/v1/status", self._status),
            ("POST", "/v1/stop", self._end),
            ("GET", "/v1/faults", self._faults),
            ("POST", "/v1/faults", self._apply_fault),
            ("DELETE", "/v1/faults/{which}", self._undo_faults),
            ("GET", "/v1/identity-provider", self._identity_provider),
            ("POST", "/v1/identity-provider", self._change_identity_provider),
            ("GET", "/v1/trace", trace.list_records),
            ("GET", "/v1/wait", trace.wait),
            ("GET", "/v1/verdicts", self._verdicts),
            ("GET", "/v1/scenarios", self._scenarios),
            ("POST", "/v1/scenarios", self._begin_scenario),
            ("GET", "/v1/scenarios/current", self._current_scenario),
            ("POST", "/v1/scenarios/current/advance", self._advance_scenario),
            ("DELETE", "/v1/scenarios/current", self._end_scenario),
            ("POST", "/v1/spn", SpnHandlers(self._lab.lab).answer),
            ("POST", "/v1/federated-tokens", self._sign_token),
            ("GET", "/v1/devices", devices.list_devices),
            ("POST", "/v1/devices", devices.attach),
            ("DELETE", "/v1/devices/{device}", devices.stop),
            ("POST", "/v1/devices/{device}/finished", devices.release),
            ("GET", "/v1/devices/{device}/device-code", devices.device_code),
            *((method, f"/v1/dns/{action}", self._dns) for method, action in _DNS),
        ]
        for method, path, handler in routes:
            checked = _refuse_unread(handler, method, path)
            self.app.router.add_route(
                method, path, checked if method == "GET" else self._finish_when_disconnected(checked)
            )

    def _finish_when_disconnected(self, handler: Handler) -> Handler:
        """Wrap ``handler`` so that it runs to its end even if the client disconnects."""

        async def run_to_end(request: web.Request) -> web.StreamResponse:
            task = asyncio.ensure_future(handler(request))
            self._changing.add(task)
            task.add_done_callback(self._changing.discard)
            return await asyncio.shield(task)

        return run_to_end

    async def start(self, path: Path, listener: socket.socket | None = None) -> None:
        """Listen on the Unix socket ``path``, and on ``listener`` if given, which requires a new token.

        ``listener`` must have been opened before the lab entered its own network namespace, so that programs of the
        user reach it. The token is written to ``api.token`` beside the socket, readable for its owner only.
        """
        await self._runner.setup()
        before = os.umask(0o177)
        try:
            await web.UnixSite(self._runner, str(path)).start()
        finally:
            os.umask(before)
        self._endpoints = {"socket": str(path)}
        if listener is not None:
            host, port = listener.getsockname()
            token_file = path.with_name("api.token")
            token = secrets.token_urlsafe(32)
            _write_private(token_file, token)
            self._access.admit(token, port)
            await web.SockSite(self._runner, listener).start()
            self._endpoints |= {"url": f"http://{host}:{port}", "token_file": str(token_file)}

    def recover(self) -> str:
        """Restore the DNS changes of an earlier lab of this name. Returns a text about them; empty if there are none.

        Raises LabInputError for a ledger that cannot be used; nothing has changed then.
        """
        return self._get_dns_handlers().recover() if self._lab.folder.ledger.is_dir() else ""

    async def stop(self) -> None:
        """End a running scenario and DNS work, stop listening, and cancel requests that are still running."""
        if self._injected is not None and self._injected.current() is not None:
            self._injected.end()
        if self._dns_handlers is not None:
            await self._dns_handlers.close()
        await self._runner.cleanup()
        for task in tuple(self._changing):
            task.cancel()

    def status(self) -> dict[str, Any]:
        """The status of the lab, and the endpoints of this API: its socket, and its URL and token file if any."""
        return self._lab.status() | {"api": self._endpoints}

    async def _openapi(self, _: web.Request) -> web.Response:
        from ssosim.lab.control.openapi import description  # noqa: PLC0415 - a lab is ready sooner without

        return web.json_response(description())

    async def _status(self, _: web.Request) -> web.Response:
        return web.json_response(self.status())

    async def _end(self, _: web.Request) -> web.Response:
        self._stop()
        return web.json_response({"stopping": True})

    async def _faults(self, request: web.Request) -> web.Response:
        query = parse_query(request, ("client", "since"))
        since = parse_whole_number(query, "since", 0, 0, _LARGEST)
        return web.json_response(list_faults(self._lab.lab.faults, query.get("client", ""), since))

    async def _apply_fault(self, request: web.Request) -> web.Response:
        return web.json_response(apply_fault(self._lab.lab.faults, self._lab.estate, await json_object(request)))

    async def _undo_faults(self, request: web.Request) -> web.Response:
        return web.json_response(undo_faults(self._lab.lab.faults, request.match_info["which"]))

    async def _sign_token(self, request: web.Request) -> web.Response:
        return await sign_token(self._lab.lab, request)

    async def _identity_provider(self, _: web.Request) -> web.Response:
        return web.json_response(show_settings(self._get_provider()))

    async def _change_identity_provider(self, request: web.Request) -> web.Response:
        body = await json_object(request, SETTINGS)
        return web.json_response(change_settings(self._get_provider(), body))

    def _get_provider(self) -> Provider:
        provider = self._lab.lab.provider
        if provider is None:
            raise LabError("the identity provider of this lab has not started yet")
        return provider

    def _get_injected(self) -> InjectedHandlers:
        if self._make_injected is None:
            raise LabError("this lab belongs to ssosim run, which plays its scenario and gives the verdicts")
        self._injected = self._injected or self._make_injected(self._lab.lab)
        return self._injected

    async def _verdicts(self, request: web.Request) -> web.Response:
        query = parse_query(request, ("client", "since", *EXPECTATION_KEYS))
        since = parse_whole_number(query, "since", 0, 0, _LARGEST)
        expected = parse_expectation(query)
        return web.json_response(await self._get_injected().verdicts(query.get("client"), since, expected))

    async def _scenarios(self, _: web.Request) -> web.Response:
        return web.json_response(self._get_injected().scenarios())

    async def _begin_scenario(self, request: web.Request) -> web.Response:
        body = await json_object(request, ("name", "scenario", "speed"), max_bytes=_MAX_SCENARIO)
        return web.json_response(self._get_injected().begin(body))

    async def _current_scenario(self, _: web.Request) -> web.Response:
        current = self._get_injected().current()
        if current is None:
            raise web.HTTPNotFound
        return web.json_response(current)

    async def _advance_scenario(self, _: web.Request) -> web.Response:
        return web.json_response(self._get_injected().advance())

    async def _end_scenario(self, _: web.Request) -> web.Response:
        return web.json_response(self._get_injected().end())

    async def _dns(self, request: web.Request) -> web.Response:
        if self._dns_handlers is None:  # import it in a thread: the event loop keeps serving clients
            await asyncio.to_thread(importlib.import_module, "ssosim.lab.control.dns_handlers")
        return await self._get_dns_handlers().handle(request)

    def _forecast_reasons(self, plan: Plan) -> tuple[Reason, ...]:
        return self._get_injected().forecast_reasons(plan)

    def _get_dns_handlers(self) -> DnsHandlers:
        if self._dns_handlers is None:
            from ssosim.lab.control.dns_handlers import DnsHandlers  # noqa: PLC0415 - a lab is ready sooner without

            forecast = None if self._make_injected is None else self._forecast_reasons
            self._dns_handlers = DnsHandlers(self._lab.lab, self._lab.folder.ledger, forecast)
        return self._dns_handlers


def _refuse_unread(handler: Handler, method: str, path: str) -> Handler:
    """Wrap ``handler`` so that what it does not read is refused: a parameter of the query, or a key of the body.

    What is accepted and touches nothing would be taken for a success.
    """

    async def check(request: web.Request) -> web.StreamResponse:
        if (method, path) not in _READ_A_QUERY:
            parse_query(request, ())
        if (method, path) not in _READ_A_BODY:
            await json_object(request, ())
        return await handler(request)

    return check


def _silent_logger() -> logging.Logger:
    """A disabled logger for aiohttp, which logs a traceback for malformed HTTP; ``access`` logs our own errors."""
    logger = logging.getLogger(f"{__name__}.http")
    logger.disabled = True
    return logger


def _write_private(file: Path, text: str) -> None:
    """Create ``file`` with access for its owner only, from the start."""
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as stream:
        stream.write(text)
