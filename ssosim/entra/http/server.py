"""The HTTP server of the identity provider: aiohttp's server with limits and without its error texts.

aiohttp logs each request that it cannot parse with a traceback, and repeats the input, which may be a ticket, in its
log and its reply. Here a malformed request gets a short 4xx reply and an event in the trace.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import HttpVersion11, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage
from aiohttp.streams import StreamReader

from ssosim.entra.http import fast_path
from ssosim.entra.http.connection import (
    BODY_LIMIT,
    SERVER_LIMITS,
    SERVER_NAME,
    AnswerAtOnce,
    Connection,
    EarlyCloseCallback,
    ListenerConfig,
    MalformedCallback,
    drop_traceback,
    make_error_response,
)

__all__ = ["BODY_TIMEOUT_S", "IncompleteBodyError", "ProviderServer", "read_body"]

BODY_TIMEOUT_S = 30.0
"""How long a body may take to arrive."""

CHUNK_LIMIT = 1024
"""Chunks of a request body: reading one costs as much as reading 2 KB. Clients send chunks of 4 KB or more."""

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class IncompleteBodyError(Exception):
    """The body is incomplete, malformed, or took too long; ``status`` is the HTTP status of the reply."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ProviderServer(web.Server):
    """An ``aiohttp.web.Server`` with ``SERVER_LIMITS``; it calls ``on_malformed`` for input that is not valid HTTP.

    ``answer_at_once`` is tried first for a request that arrived in one piece on an idle connection, unless the fast
    path is not in use.
    """

    def __init__(self, handler: Handler, on_malformed: MalformedCallback, answer_at_once: AnswerAtOnce) -> None:
        super().__init__(self._check_head, request_factory=_make_request)
        self._handler = handler
        self._on_malformed = on_malformed
        self._options: dict[str, Any] = {"answer_at_once": answer_at_once} if fast_path.enabled() else {}
        self._connection = fast_path.connection_class()

    async def _check_head(self, request: web.BaseRequest) -> web.StreamResponse:
        """Refuse a request whose head is not acceptable; pass all others to the handler."""
        connection = request.protocol
        if isinstance(connection, Connection):
            response = connection.take_response()
            if response is not None:
                return response
            if connection.may_have_more_requests():
                # From Python 3.12 on aiohttp runs a handler at once: without a pause, all pipelined requests in one go.
                await asyncio.sleep(0)
        if isinstance(request, _Request) and request.head_status:
            self._on_malformed(request, request.head_status)
            return make_error_response(request.head_status)
        reply = await self._handler(request)
        reply.headers.setdefault("Server", SERVER_NAME)
        return reply

    def __call__(self) -> web.RequestHandler:
        """Create the protocol of a new connection."""
        return self.create_protocol(None)

    def create_protocol(
        self, on_early_close: EarlyCloseCallback | None, listener: ListenerConfig | None = None
    ) -> web.RequestHandler:
        """Create the protocol of a new connection; ``on_early_close`` is called if it ends before the first byte.

        ``listener`` is the listener that accepted it; without one the provider handles all requests.
        """
        loop = asyncio.get_running_loop()
        options = {**self._options, **SERVER_LIMITS}
        return self._connection(self, self._on_malformed, on_early_close, listener=listener, loop=loop, **options)


class _Request(web.BaseRequest):
    """A request. ``head_status`` is the status with which its head must be refused, 0 if it is acceptable."""

    def __init__(self, message: RawRequestMessage, *rest: Any) -> None:
        self.head_status = _head_status(message)
        if self.head_status:  # the response to HTTP/2.0 is HTTP/1.1
            message = message._replace(version=HttpVersion11, should_close=True)
        super().__init__(message, *rest)


def _make_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: web.RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    return _Request(message, payload, protocol, writer, task, asyncio.get_running_loop())


def _head_status(message: RawRequestMessage) -> int:
    """Return the status for a head that aiohttp accepts and RFC 9112 does not; 0 for an acceptable head.

    505 for another major version (RFC 9110, section 15.6.6), 501 for a transfer coding beside ``chunked``, 400 for any
    in HTTP/1.0 (RFC 9112, section 6.1).
    """
    if message.version.major != 1:
        return 505
    coding = message.headers.get("Transfer-Encoding")
    if coding is None:
        return 0
    if message.version < HttpVersion11:
        return 400
    return 0 if coding.strip().lower() == "chunked" else 501


def _is_chunked(request: web.BaseRequest) -> bool:
    return "chunked" in request.headers.get("Transfer-Encoding", "").lower()


async def _read_chunks(request: web.BaseRequest) -> bytes:
    """Read a chunked body of at most ``CHUNK_LIMIT`` chunks."""
    body, count = bytearray(), 0
    async for data, ends in request.content.iter_chunks():
        body += data
        count += ends
        if len(body) > BODY_LIMIT or count > CHUNK_LIMIT:
            request.protocol.close()  # the rest is dropped: reading many chunks costs more than their length suggests
            raise web.HTTPRequestEntityTooLarge(BODY_LIMIT, len(body))
    return bytes(body)


async def read_body(request: web.BaseRequest) -> bytes:
    """Read the request's body; raises IncompleteBodyError, and aiohttp's HTTPRequestEntityTooLarge over BODY_LIMIT."""
    if not request.body_exists:
        return b""
    try:
        if request.headers.get("Expect", "").lower() == "100-continue":  # .NET Framework's default for a POST
            await request.writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
            request.writer.output_size = 0
        async with asyncio.timeout(BODY_TIMEOUT_S):
            return await (_read_chunks(request) if _is_chunked(request) else request.read())
    except TimeoutError:
        raise IncompleteBodyError(408) from None
    except (web.RequestPayloadError, ConnectionError) as error:
        drop_traceback(error)
        raise IncompleteBodyError(400) from None
