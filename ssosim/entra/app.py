"""The thin shell: aiohttp on the outside, ``serve`` on the inside."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from aiohttp import web
from multidict import CIMultiDict

from ssosim.entra.provider import Provider
from ssosim.entra.serving import serve
from ssosim.entra.wire import Answer, Call

__all__ = ["BODY_LIMIT", "SERVER_LIMITS", "create_app"]

BODY_LIMIT = 1024 * 1024
"""Bytes of a request body that are read at all; each protocol's own limit is lower."""

SERVER_LIMITS: Mapping[str, int | bool] = MappingProxyType(
    {"max_line_size": 128 * 1024, "max_field_size": 128 * 1024, "auto_decompress": False}
)
"""Keyword arguments for ``aiohttp.web.AppRunner`` or ``AppRunner.server``: headers over 50 KB must be read far
enough to answer AADSTS81001, and no body is inflated."""


def create_app(provider: Provider) -> web.Application:
    """The identity provider as one aiohttp application for all its hosts; routing is by the Host header."""

    async def handle(request: web.Request) -> web.Response:
        too_large = False
        body = b""
        if request.body_exists:
            try:
                body = await request.read()
            except web.HTTPRequestEntityTooLarge:
                too_large = True
        call = Call.read(
            request.method,
            request.headers.get("Host", ""),
            request.raw_path,
            headers=request.headers,
            body=body,
            now=provider.clock.now(),
            header_bytes=sum(len(name) + len(value) + 4 for name, value in request.raw_headers),
            too_large=too_large,
        )
        transport = request.transport
        local = "" if transport is None else str((transport.get_extra_info("sockname") or ("",))[0])
        return _response(request, call, serve(provider, call, provider.who(request.remote or "", local)))

    app = web.Application(client_max_size=BODY_LIMIT)
    app.router.add_route("*", "/{path:.*}", handle)
    return app


def _response(request: web.Request, call: Call, answer: Answer) -> web.Response:
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
