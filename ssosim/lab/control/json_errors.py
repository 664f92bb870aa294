"""Responses of the control API to requests that reach no handler: malformed HTTP, a long field, an unknown Expect.

aiohttp answers these in plain text, and names its own version and Python's. Here every error response has the body
``{"error": text}``, and a ``Server`` field without versions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

__all__ = ["SERVER_NAME", "JsonRunner", "error_response"]

SERVER_NAME = "ssosim"
_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def error_response(status: int, text: str, allow: str | None = None) -> web.Response:
    """An error response in JSON; ``allow`` is the value of the Allow field, for status 405."""
    response = web.json_response({"error": text}, status=status)
    response.headers["Server"] = SERVER_NAME
    if allow is not None:
        response.headers["Allow"] = allow
    return response


class JsonRunner(web.AppRunner):
    """An ``AppRunner`` whose connections answer in JSON even if no handler is called."""

    async def _make_server(self) -> web.Server:
        made = await super()._make_server()
        return _JsonServer(
            _in_json(made.request_handler),
            request_factory=made.request_factory,
            handler_cancellation=made.handler_cancellation,
            **made._kwargs,  # noqa: SLF001 - the runner's own options, which aiohttp gives nobody else
        )


def _in_json(handler: _Handler) -> _Handler:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        try:
            response = await handler(request)
        except web.HTTPException as error:  # raised by aiohttp before the middleware is called
            return error_response(error.status, f"{request.method} {request.path[:200]}: {error.reason}")
        if not response.prepared:
            response.headers.setdefault("Server", SERVER_NAME)
        return response

    return answer


class _JsonServer(web.Server):
    def __call__(self) -> RequestHandler:
        return _JsonConnection(self, loop=self._loop, **self._kwargs)


class _JsonConnection(RequestHandler):
    __slots__ = ()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """The response to a request that cannot be parsed. aiohttp's quotation of it is omitted: it may be a token."""
        if status >= 500:
            super().handle_error(request, status, exc, message)  # for its log
            text = "an internal error of the lab; see its log"
        else:
            text = "the request cannot be parsed: it is not HTTP/1.1, or its first line or a header field is too long"
        response = error_response(status, text)
        response.force_close()
        return response
