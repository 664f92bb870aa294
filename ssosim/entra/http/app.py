"""The thin shell: aiohttp on the outside, ``serve`` on the inside."""

from __future__ import annotations

import asyncio
import contextlib
import dataclasses
from collections.abc import Awaitable, Callable
from email.utils import formatdate
from functools import lru_cache
from http import HTTPStatus
from itertools import chain
from time import time

from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage
from multidict import CIMultiDict

from ssosim.entra.core.messages import Answer, Call
from ssosim.entra.core.provider import Provider
from ssosim.entra.http.exchange import Respond, exchange, headers_of, misdirected, unreadable
from ssosim.entra.http.server import (
    SERVER_NAME,
    Arrival,
    AtOnce,
    Connection,
    IncompleteBodyError,
    ProviderServer,
    read_body,
)

__all__ = ["create_server"]

_LONGEST_SILENCE_S = 600.0  # the longest known wait is 300 s: of fetch in Node, measured with MSAL for Node

Headers = tuple[tuple[str, str], ...]


def create_server(provider: Provider) -> ProviderServer:
    """One server for the identity provider's hosts and all other services, for ``aiohttp.web.ServerRunner``.

    Who answers is chosen by the Host header, among those of where a connection arrived (``ProviderServer.greet``).
    """
    return ProviderServer(_handler(provider), _refusals(provider), _at_once(provider))


def _refusals(provider: Provider) -> Callable[[web.BaseRequest, int], None]:
    def refused(request: web.BaseRequest, status: int) -> None:
        provider.trace.record(_client(provider, request.protocol), unreadable(status))

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
        arrival = _arrival(request.protocol)
        call = _call(provider, request, request.raw_path, body, arrival, too_large=too_large)
        client = _client(provider, request.protocol)
        struck = provider.tamper(call, client) if provider.tamper is not None else None
        if struck is not None and struck.delay:
            await provider.sleep(struck.delay)
            if request.transport is None:  # the caller has gone meanwhile: a token that nobody takes is no sign-in
                struck = dataclasses.replace(struck, silent=True)
        answer = exchange(provider, call, client, struck, _who_answers(arrival, call))
        if answer is not None:
            return _response(provider, call, answer)
        return _hang_up(request) if struck is not None and struck.dropped else await _silence(request)

    return handle


def _at_once(provider: Provider) -> AtOnce:
    def answer_at_once(
        connection: web.RequestHandler, message: RawRequestMessage, payload: StreamReader
    ) -> bytes | None:
        if provider.tamper is not None:  # it may ask for delay or silence
            return None
        arrival = _arrival(connection)
        call = _call(provider, message, message.path, payload.read_nowait(), arrival)
        answer = exchange(provider, call, _client(provider, connection), None, _who_answers(arrival, call))
        return None if answer is None else _rendered(answer, headers_of(provider, call, answer))

    return answer_at_once


def _arrival(connection: web.RequestHandler) -> Arrival | None:
    return connection.arrival if isinstance(connection, Connection) else None


def _who_answers(arrival: Arrival | None, call: Call) -> Respond | None:
    return None if arrival is None else arrival.applications.get(call.host, misdirected)


def _call(
    provider: Provider,
    request: web.BaseRequest | RawRequestMessage,
    target: str,
    body: bytes,
    arrival: Arrival | None,
    *,
    too_large: bool = False,
) -> Call:
    headers, raw_headers = request.headers, request.raw_headers
    return Call.read(
        request.method,
        headers.get("Host", ""),
        target,
        headers=headers,
        body=body,
        now=provider.clock.now(),
        # Four more for each field: colon, blank and line end.
        header_bytes=sum(map(len, chain.from_iterable(raw_headers))) + 4 * len(raw_headers),
        too_large=too_large,
        scheme="https" if arrival is None else arrival.scheme,
        port=443 if arrival is None else arrival.port,
    )


async def _silence(request: web.BaseRequest) -> web.Response:
    """Say nothing until the caller goes away, or for longer than callers wait."""
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(_LONGEST_SILENCE_S):
            while request.transport is not None:  # noqa: ASYNC110 - aiohttp tells nobody when a connection ends
                await asyncio.sleep(0.05)
    return _closing(web.Response(status=504))


def _hang_up(request: web.BaseRequest) -> web.Response:
    """End the connection; what is returned goes nowhere."""
    if request.transport is not None:
        request.transport.close()
    return _closing(web.Response(status=504))


def _client(provider: Provider, connection: web.RequestHandler) -> str:
    # aiohttp keeps both addresses from the connection's start; asking uvloop is a system call for each request.
    return provider.who(_address(connection.peername), _address(connection.sockname))


def _address(name: object) -> str:
    return str(name[0]) if isinstance(name, tuple) and name else ""


def _response(provider: Provider, call: Call, answer: Answer) -> web.Response:
    headers = CIMultiDict(headers_of(provider, call, answer))
    if answer.content_type:
        headers["Content-Type"] = answer.content_type
    response = web.Response(status=answer.status, body=answer.body, headers=headers)
    return _closing(response) if call.too_large else response  # the rest of the body is still on its way


def _rendered(answer: Answer, headers: Headers) -> bytes:
    """The bytes that aiohttp would send for the same."""
    fields = "".join([f"{name}: {value}\r\n" for name, value in headers])
    if (
        not fields.count("\r") == fields.count("\n") == len(headers)
    ):  # a caller's text that would make headers of its own
        return _rendered(Answer(500), ())
    body = answer.body
    first = _first_lines(answer.status, answer.content_type or ("application/octet-stream" if body else ""))
    length = "" if answer.status == HTTPStatus.NO_CONTENT else f"Content-Length: {len(body)}\r\n"
    return f"{first}{fields}{length}{_last_lines(int(time()))}".encode(errors="replace") + body


@lru_cache(maxsize=64)
def _first_lines(status: int, content_type: str) -> str:
    of_type = f"Content-Type: {content_type}\r\n" if content_type else ""
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{of_type}"


@lru_cache(maxsize=2)
def _last_lines(second: int) -> str:
    return f"Date: {formatdate(second, usegmt=True)}\r\nServer: {SERVER_NAME}\r\n\r\n"


def _closing(response: web.Response) -> web.Response:
    response.force_close()
    return response
