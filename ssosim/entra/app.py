"""The thin shell: aiohttp on the outside, ``serve`` on the inside."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from itertools import chain
from types import MappingProxyType
from typing import Any

from aiohttp import web
from multidict import CIMultiDict

from ssosim.entra.provider import Provider
from ssosim.entra.serving import serve
from ssosim.entra.wire import Answer, Call

__all__ = ["BODY_LIMIT", "SERVER_LIMITS", "create_app", "create_server"]

BODY_LIMIT = 1024 * 1024
"""Bytes of a request body that are read at all; each protocol's own limit is lower."""

SERVER_LIMITS: Mapping[str, Any] = MappingProxyType(
    {"max_line_size": 128 * 1024, "max_field_size": 128 * 1024, "auto_decompress": False, "lingering_time": 1.0}
)
"""Keyword arguments for ``aiohttp.web.AppRunner``: headers over 50 KB must be read far enough to answer AADSTS81001, no
body is inflated, and the rest of a refused body is waited for one second, not ten.
"""


def create_app(provider: Provider) -> web.Application:
    """The identity provider as one aiohttp application for all its hosts; routing is by the Host header."""
    app = web.Application(client_max_size=BODY_LIMIT)
    app.router.add_route("*", "/{path:.*}", _handler(provider), expect_handler=_handler_answers)
    return app


def create_server(provider: Provider) -> web.Server:
    """The same without aiohttp's application layer, for ``aiohttp.web.ServerRunner``: a few per cent cheaper.

    ``SERVER_LIMITS`` are set already.
    """
    return web.Server(_handler(provider), access_log=None, **SERVER_LIMITS)


def _handler(provider: Provider) -> Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]:
    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        too_large = False
        body = b""
        if request.body_exists:
            if request.headers.get("Expect", "").lower() == "100-continue":  # .NET Framework's default for a POST
                await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                request.writer.output_size = 0
            try:
                body = await request.read()
            except web.HTTPRequestEntityTooLarge:
                too_large = True
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
        # aiohttp keeps both addresses from the connection's start; asking uvloop is a system call for each request.
        local = _address(request.protocol.sockname)
        return _response(request, call, serve(provider, call, provider.who(request.remote or "", local)))

    return handle


async def _handler_answers(_: web.Request) -> None:
    """``Expect: 100-continue`` is answered by the handler, which also runs without aiohttp's application layer."""


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
    if call.too_large:
        response.force_close()  # the rest of the body is still on its way
    return response
