"""The HTTP server of the identity provider: aiohttp's server with limits and without its error texts.

aiohttp logs each request that it cannot parse with a traceback, and repeats the input, which may be a ticket, in its
log and its reply. Here a malformed request gets a short 4xx reply and an event in the trace.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal

from aiohttp import HttpVersion11, StreamReader, web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_parser import RawRequestMessage

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.trace import SignInStep

__all__ = [
    "BODY_LIMIT",
    "BODY_TIMEOUT_S",
    "SERVER_LIMITS",
    "SERVER_NAME",
    "Connection",
    "FastPath",
    "IncompleteBodyError",
    "ListenerConfig",
    "ProviderServer",
    "read_body",
]

BODY_LIMIT = 1024 * 1024
"""Bytes of a request body that are read at all (aiohttp's own default); each protocol's own limit is lower."""

BODY_TIMEOUT_S = 30.0
"""How long a body may take to arrive."""

SERVER_LIMITS: Mapping[str, Any] = MappingProxyType(
    {
        "max_line_size": 32 * 1024,
        "max_field_size": 128 * 1024,
        "max_headers": 128,
        "read_bufsize": 16 * 1024,
        "auto_decompress": False,
        "lingering_time": 1.0,
        "keepalive_timeout": 60.0,
        "access_log": None,
    }
)
"""Limits that differ from aiohttp's defaults: headers over 50 KB must be read for the reply AADSTS81001; bodies are not
decompressed; the server waits one second (not ten) for the rest of a refused body, and a minute (not an hour) for the
request on an open connection. A request line is long enough for a page's flow token. aiohttp parses at most
``read_bufsize`` / 16 chunks of a body at once.
"""

CHUNK_LIMIT = 1024
"""Chunks of a request body: reading one costs as much as reading 2 KB. Clients send chunks of 4 KB or more."""
SERVER_NAME = "ssosim"
"""The ``Server`` field. It has no version numbers (RFC 9110, section 10.2.4, warns of needless detail)."""

_STATUS_TEXTS = {
    501: "The transfer coding is not supported; use chunked.\n",
    505: "The HTTP version is not supported; use 1.1 or 1.0.\n",
}
_VERSION = re.compile(r" HTTP/\d\.\d'")

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]
MalformedCallback = Callable[[web.BaseRequest, int], None]
"""Called for each request that is not valid HTTP, with the status of the reply."""
EarlyCloseCallback = Callable[[BaseException | None], None]
"""Called when a connection ends before a byte of HTTP has arrived, with the error if there is one."""
FastPath = Callable[[web.RequestHandler, RawRequestMessage, StreamReader], bytes | None]
"""Answers a request (connection, head, body) without waiting. Returns the bytes of the reply; or None, before the body
is read, if the request must take the usual path."""


@dataclass(frozen=True, slots=True)
class ListenerConfig:
    """The scheme and port of a listener, and its responders by host name (lower case).

    A listener inside a device has ``client``, the name of the only client that can reach it, ``any_host``, a responder
    for every host name that has none, and ``step_of``, which gives the step of a request by its path.
    """

    responders: Mapping[str, Callable[[Call], HttpReply]]
    scheme: Literal["https", "http"] = "https"
    port: int = 443
    client: str = ""
    any_host: Callable[[Call], HttpReply] | None = None
    step_of: Callable[[Call], SignInStep] | None = None


class IncompleteBodyError(Exception):
    """The body is incomplete, malformed, or took too long; ``status`` is the HTTP status of the reply."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


class ProviderServer(web.Server):
    """An ``aiohttp.web.Server`` with ``SERVER_LIMITS``; it calls ``on_malformed`` for input that is not valid HTTP.

    ``fast_path`` is tried first for a request that arrived in one piece on an idle connection.
    """

    def __init__(self, handler: Handler, on_malformed: MalformedCallback, fast_path: FastPath) -> None:
        super().__init__(self._check_head)
        self._handler = handler
        self._on_malformed = on_malformed
        self._fast_path = fast_path

    async def _check_head(self, request: web.BaseRequest) -> web.StreamResponse:
        """Refuse a request whose head is not acceptable; pass all others to the handler."""
        if request.protocol._messages:  # noqa: SLF001 - nothing public tells it
            # From Python 3.12 on aiohttp runs a handler at once: without a pause, all pipelined requests in one go.
            await asyncio.sleep(0)
        if isinstance(request, _Request) and request.head_status:
            self._on_malformed(request, request.head_status)
            return _make_error_response(request.head_status)
        return await self._handler(request)

    def _make_request(
        self,
        message: RawRequestMessage,
        payload: StreamReader,
        protocol: web.RequestHandler,
        writer: AbstractStreamWriter,
        task: asyncio.Task[None],
    ) -> web.BaseRequest:
        return _Request(message, payload, protocol, writer, task, self._loop)

    def __call__(self) -> web.RequestHandler:
        """Create the protocol of a new connection."""
        return self.create_protocol(None)

    def create_protocol(
        self, on_early_close: EarlyCloseCallback | None, listener: ListenerConfig | None = None
    ) -> web.RequestHandler:
        """Create the protocol of a new connection; ``on_early_close`` is called if it ends before the first byte.

        ``listener`` is the listener that accepted it; without one the provider handles all requests.
        """
        ends = (self._on_malformed, self._fast_path, on_early_close)
        return Connection(self, *ends, listener=listener, loop=self._loop, **SERVER_LIMITS)


class _Request(web.BaseRequest):
    """A request. ``head_status`` is the status with which its head must be refused, 0 if it is acceptable.

    Each response gets the server's name.
    """

    def __init__(self, message: RawRequestMessage, *rest: Any) -> None:
        self.head_status = _head_status(message)
        if self.head_status:  # the response to HTTP/2.0 is HTTP/1.1
            message = message._replace(version=HttpVersion11, should_close=True)
        super().__init__(message, *rest)

    async def _prepare_hook(self, response: web.StreamResponse) -> None:
        response.headers["Server"] = SERVER_NAME


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


def _parse_status(text: str) -> int:
    """Return the status for a parse error of aiohttp, from the error's text; 400 for most."""
    if text.startswith("Pause on PRI") or ("Invalid HTTP version" in text and _VERSION.search(text)):
        return 505
    return 501 if text.startswith("Request has invalid `Transfer-Encoding`") else 400


def _make_error_response(status: int) -> web.Response:
    response = web.Response(status=status, text=_STATUS_TEXTS.get(status, "The request is malformed.\n"))
    response.force_close()
    return response


class Connection(web.RequestHandler):
    """One connection; ``listener`` is the listener that accepted it."""

    __slots__ = ("_fast_path", "_on_early_close", "_on_malformed", "listener")

    def __init__(
        self,
        server: web.Server,
        on_malformed: MalformedCallback,
        fast_path: FastPath,
        on_early_close: EarlyCloseCallback | None,
        *,
        listener: ListenerConfig | None = None,
        **options: Any,
    ) -> None:
        super().__init__(server, **options)
        self.listener = listener
        self._on_malformed = on_malformed
        self._fast_path = fast_path
        self._on_early_close = on_early_close

    def data_received(self, data: bytes) -> None:
        """Answer a request that needs no waiting at once; aiohttp's task and stream would double its cost.

        aiohttp handles everything else: pipelined requests, requests in several pieces, ``Connection: close``,
        upgrades, ``Expect``, and clients that do not read.
        """
        self._on_early_close = None
        waiter = self._waiter
        if waiter is None or waiter.done() or self._keepalive_handle is None or self._paused:
            super().data_received(data)
            return
        self._waiter = None  # aiohttp queues what it parses, and wakes nobody
        try:
            super().data_received(data)
            queue = self._messages
            if len(queue) == 1 and self._answer_fast(*queue[0]):
                queue.popleft()
                assert self._parser is not None  # noqa: S101  it has just parsed this
                self._parser.message_consumed()
        finally:
            self._waiter = waiter
        if queue:
            waiter.set_result(None)

    def resume_reading(self, resume_parser: bool = True) -> None:
        """Resume reading if it was paused; aiohttp calls this for each body, and would parse and read in vain."""
        if self._reading_paused or self._buffer_paused:
            super().resume_reading(resume_parser)

    def stop_reading_body(self) -> None:
        """Stop reading a refused body: reading its many chunks costs more than its length suggests."""
        self._lingering_time = 0.0

    def connection_lost(self, exc: BaseException | None) -> None:
        """Handle the end of the connection; a TLS alert arrives as ``exc``."""
        on_early_close, self._on_early_close = self._on_early_close, None
        super().connection_lost(exc)
        if on_early_close is not None:
            on_early_close(exc)

    def release(self) -> None:
        """Free the parser of a connection that ended before ``connection_made``, as in its TLS handshake.

        Connection and parser refer to each other. Python's collector of such cycles runs after so many objects, and
        knows nothing of the tens of kilobytes that each parser takes.
        """
        self._parser = None

    def _answer_fast(self, message: object, payload: StreamReader) -> bool:
        if not isinstance(message, RawRequestMessage) or message.should_close or message.upgrade:
            return False
        if message.version != HttpVersion11 or message.chunked or message.method not in ("GET", "POST"):
            return False
        if not payload.is_eof() or "Expect" in message.headers:
            return False
        if payload.exception() is not None or payload.total_bytes > BODY_LIMIT:
            return False
        reply = self._fast_path(self, message, payload)
        if reply is None:
            return False
        if self.transport is not None:
            self.transport.write(reply)
        self._next_keepalive_close_time = self._loop.time() + self._keepalive_timeout
        return True

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Reply to a request that could not be parsed. Errors of this program are left to aiohttp."""
        if status >= 500:
            return super().handle_error(request, status, exc, message)
        _drop_traceback(exc)
        status = _parse_status(message or "") if status == 400 else status
        self._on_malformed(request, status)
        return _make_error_response(status)


def _drop_traceback(error: BaseException | None) -> None:
    """Free the frames of an error of a connection that aiohttp keeps: they refer to the connection and to the error."""
    if error is not None:
        error.__traceback__ = None


def _is_chunked(request: web.BaseRequest) -> bool:
    return "chunked" in request.headers.get("Transfer-Encoding", "").lower()


async def _read_chunks(request: web.BaseRequest) -> bytes:
    """Read a chunked body of at most ``CHUNK_LIMIT`` chunks."""
    body, count = bytearray(), 0
    async for data, ends in request.content.iter_chunks():
        body += data
        count += ends
        if len(body) > BODY_LIMIT or count > CHUNK_LIMIT:
            if isinstance(request.protocol, Connection):
                request.protocol.stop_reading_body()
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
        _drop_traceback(error)
        raise IncompleteBodyError(400) from None
