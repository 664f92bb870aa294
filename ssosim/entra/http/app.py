"""The aiohttp side of the provider: it turns requests into ``Call`` values and sends the replies."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable
from typing import Literal

from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.provider import Provider
from ssosim.entra.http.connection import Answer, Connection, ListenerConfig
from ssosim.entra.http.exchange import (
    Responder,
    headers_of,
    make_unreadable_event,
    own_headers_of,
    refuse_misdirected,
    run_exchange,
)
from ssosim.entra.http.fast_path import KnownHeads, render_reply
from ssosim.entra.http.read_call import read_call
from ssosim.entra.http.responses import build_response
from ssosim.entra.http.server import IncompleteBodyError, ProviderServer, read_body
from ssosim.trace import SignInStep

__all__ = ["create_server"]

_MAX_SILENCE_S = 600.0  # the longest known wait is 300 s: of fetch in Node, measured with MSAL for Node


def create_server(provider: Provider) -> ProviderServer:
    """Create the server for the identity provider and all other services, for ``aiohttp.web.ServerRunner``.

    The Host header selects the application among those of the listener that accepted the connection
    (``ProviderServer.create_protocol``).
    """
    return ProviderServer(_make_handler(provider), _make_malformed_recorder(provider), _DirectAnswers(provider))


def _make_malformed_recorder(provider: Provider) -> Callable[[web.BaseRequest, int], None]:
    def record_malformed(request: web.BaseRequest, status: int) -> None:
        provider.trace.record(
            _client_of(provider, request.protocol, _listener_of(request.protocol)), make_unreadable_event(status)
        )

    return record_malformed


def _make_handler(provider: Provider) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    record_malformed = _make_malformed_recorder(provider)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        too_large = False
        body = b""
        try:
            body = await read_body(request)
        except web.HTTPRequestEntityTooLarge:
            too_large = True
        except IncompleteBodyError as error:
            record_malformed(request, error.status)
            return _force_close(web.Response(status=error.status, text="The request's body is incomplete.\n"))
        listener = _listener_of(request.protocol)
        call = _read_call(provider, request, request.raw_path, body, listener, too_large=too_large)
        client = _client_of(provider, request.protocol, listener)
        effect = provider.find_effect(call, client) if provider.find_effect is not None else None
        if effect is not None and effect.delay:
            await provider.sleep(effect.delay)
            if request.transport is None:  # the client has gone; a token that nobody receives is no sign-in
                effect = dataclasses.replace(effect, silent=True, faults=effect.faults or effect.delayed_by)
        reply = run_exchange(provider, call, client, effect, _find_responder(listener, call), _step_of(listener, call))
        if reply is not None:
            return _build_response(provider, call, reply)
        return _hang_up(request) if effect is not None and effect.dropped else await _stay_silent(request)

    return handle


class _DirectAnswers:
    """Answers requests at once, as ``AnswerAtOnce``, while no fault may ask for delay or silence."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._known_heads = KnownHeads()

    def answer(
        self, connection: web.RequestHandler, message: RawRequestMessage, payload: StreamReader, data: bytes
    ) -> Answer:
        provider = self._provider
        if provider.find_effect is not None:
            return None
        listener = _listener_of(connection)
        call = _read_call(provider, message, message.path, payload.read_nowait(), listener)
        self._known_heads.keep(data, call)
        return self._answer(connection, listener, call)

    def answer_known(self, connection: web.RequestHandler, data: bytes) -> Answer:
        provider = self._provider
        if provider.find_effect is not None:
            return None
        listener = _listener_of(connection)
        call = self._known_heads.read(data, *_place_of(listener), provider.clock.now())
        return None if call is None else self._answer(connection, listener, call)

    def _answer(self, connection: web.RequestHandler, listener: ListenerConfig | None, call: Call) -> Answer:
        provider = self._provider
        client = _client_of(provider, connection, listener)
        reply = run_exchange(provider, call, client, None, _find_responder(listener, call), _step_of(listener, call))
        if reply is None:
            return None
        own = own_headers_of(provider, call)
        return render_reply(reply, own) or build_response(reply, (*reply.headers, *own))


def _listener_of(connection: web.RequestHandler) -> ListenerConfig | None:
    return connection.listener if isinstance(connection, Connection) else None


def _find_responder(listener: ListenerConfig | None, call: Call) -> Responder | None:
    if listener is None:
        return None
    return listener.responders.get(call.host, listener.any_host or refuse_misdirected)


def _step_of(listener: ListenerConfig | None, call: Call) -> SignInStep | None:
    return None if listener is None or listener.step_of is None else listener.step_of(call)


def _read_call(
    provider: Provider,
    request: web.BaseRequest | RawRequestMessage,
    target: str,
    body: bytes,
    listener: ListenerConfig | None,
    *,
    too_large: bool = False,
) -> Call:
    scheme, port = _place_of(listener)
    return read_call(request, target, body, provider.clock.now(), scheme, port, too_large=too_large)


def _place_of(listener: ListenerConfig | None) -> tuple[Literal["https", "http"], int]:
    return ("https", 443) if listener is None else (listener.scheme, listener.port)


async def _stay_silent(request: web.BaseRequest) -> web.Response:
    """Send nothing until the client closes the connection, or for longer than clients wait."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_MAX_SILENCE_S):
            while request.transport is not None:  # noqa: ASYNC110 - aiohttp tells nobody when a connection ends
                await asyncio.sleep(0.05)
    return _force_close(web.Response(status=504))


def _hang_up(request: web.BaseRequest) -> web.Response:
    """Close the connection; the returned response is not sent."""
    if request.transport is not None:
        request.transport.close()
    return _force_close(web.Response(status=504))


def _client_of(provider: Provider, connection: web.RequestHandler, listener: ListenerConfig | None = None) -> str:
    if listener is not None and listener.client:  # in a device, where all programs have the same address
        return listener.client
    # aiohttp keeps both addresses from the connection's start; asking uvloop is a system call for each request.
    return provider.client_of(_address(connection.peername), _address(connection.sockname))


def _address(name: object) -> str:
    return str(name[0]) if isinstance(name, tuple) and name else ""


def _build_response(provider: Provider, call: Call, reply: HttpReply) -> web.Response:
    response = build_response(reply, headers_of(provider, call, reply))
    return _force_close(response) if call.too_large else response  # the rest of the body is still on its way


def _force_close(response: web.Response) -> web.Response:
    response.force_close()
    return response
