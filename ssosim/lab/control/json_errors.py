"""The control API's answers to what never reaches a handler: no HTTP, a field that is too long, an unknown Expect.

aiohttp answers these in plain text and names its own version and Python's. A program that reads the control API gets
``{"error": text}`` for every status, and a ``Server`` field without versions.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.web_protocol import RequestHandler

__all__ = ["SERVER_NAME", "JsonRunner", "error_response"]

SERVER_NAME = "ssosim"
_Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


def error_response(status: int, text: str, allow: str | None = None) -> web.Response:
    """An error as JSON; ``allow`` is the value of the Allow field, for status 405."""
    response = web.json_response({"error": text}, status=status)
    response.headers["Server"] = SERVER_NAME
    if allow is not None:
        response.headers["Allow"] = allow
    return response


class JsonRunner(web.AppRunner):
    """An ``AppRunner`` whose connections answer in JSON also where no handler is asked."""

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
        except web.HTTPException as error:  # by aiohttp itself, before the guard is asked
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
        """The answer to what could not be read. What aiohttp quotes of it, which may be a token, is left out."""
        if status >= 500:
            super().handle_error(request, status, exc, message)  # for its log
            text = "a mistake of the lab's own; see its log"
        else:
            text = "the request cannot be read: it is no HTTP/1.1, or its first line or a header field is too long"
        response = error_response(status, text)
        response.force_close()
        return response
