"""The thin shell: aiohttp on the outside, ``serve`` on the inside."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from itertools import chain

from aiohttp import web
from multidict import CIMultiDict

from ssosim.entra.provider import Provider
from ssosim.entra.server import IncompleteBodyError, ProviderServer, read_body
from ssosim.entra.serving import exchange
from ssosim.entra.wire import Answer, Call
from ssosim.trace import HttpExchange

__all__ = ["create_server"]

_LONGEST_SILENCE_S = 120.0


def create_server(provider: Provider) -> ProviderServer:
    """The identity provider as one server for all its hosts, for ``aiohttp.web.ServerRunner``.

    Routing is by the Host header.
    """
    return ProviderServer(_handler(provider), _refusals(provider))


def _refusals(provider: Provider) -> Callable[[web.BaseRequest, int], None]:
    def refused(request: web.BaseRequest, status: int) -> None:
        event = HttpExchange(host="", method="unreadable", path="", status=status)
        provider.trace.record(_client(provider, request), event)

    return refused


def _handler(provider: Provider) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    refused = _refusals(provider)

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        too_large = False
        body = b""
        try:
            body = await read_body(request)
        except web.HTTPRequestEntityTooLarge:
            too_large = True
        except IncompleteBodyError as error:
            refused(request, error.status)
            return _closing(web.Response(status=error.status, text="The request's body is incomplete.\n"))
        raw_headers = request.raw_headers
        call = Call.read(
            request.method,
            request.headers.get("Host", ""),
            request.raw_path,
            headers=request.headers,
            body=body,
            now=provider.clock.now(),
            # Four more for each field: colon, blank and line end.
            header_bytes=sum(map(len, chain.from_iterable(raw_headers))) + 4 * len(raw_headers),
            too_large=too_large,
        )
        client = _client(provider, request)
        struck = provider.tamper(call, client) if provider.tamper is not None else None
        if struck is not None and struck.delay:
            await provider.sleep(struck.delay)
        answer = exchange(provider, call, client, struck)
        return await _silence(request) if answer is None else _response(request, call, answer)

    return handle


async def _silence(request: web.BaseRequest) -> web.Response:
    """Say nothing until the caller goes away, or for longer than callers wait."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_SILENCE_S):
            while request.transport is not None:  # noqa: ASYNC110 - aiohttp tells nobody when a connection ends
                await asyncio.sleep(0.05)
    return _closing(web.Response(status=504))


def _client(provider: Provider, request: web.BaseRequest) -> str:
    # aiohttp keeps both addresses from the connection's start; asking uvloop is a system call for each request.
    return provider.who(request.remote or "", _address(request.protocol.sockname))


def _address(name: object) -> str:
    return str(name[0]) if isinstance(name, tuple) and name else ""


def _response(request: web.BaseRequest, call: Call, answer: Answer) -> web.Response:
    headers = CIMultiDict(answer.headers)
    headers["x-ms-request-id"] = call.trace_id
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    if request.headers.get("return-client-request-id", "").lower() == "true":
        headers["client-request-id"] = call.correlation_id
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    return _closing(response) if call.too_large else response  # the rest of the body is still on its way


def _closing(response: web.Response) -> web.Response:
    response.force_close()
    return response
