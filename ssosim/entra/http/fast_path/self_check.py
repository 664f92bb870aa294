"""The self-check of the fast path: the same requests on both kinds of connection, in memory, give the same octets."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from ssosim.entra.core.messages import HttpReply
from ssosim.entra.http.connection import SERVER_LIMITS, Connection
from ssosim.entra.http.fast_path.connection import FastConnection
from ssosim.entra.http.fast_path.reply_bytes import render_reply
from ssosim.entra.http.responses import build_response

__all__ = ["check"]

_GET = b"GET /a?b=c HTTP/1.1\r\nHost: a.example\r\n\r\n"
_POST = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nd=e"
_DELETE = b"DELETE /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nd=e"
_PIECES = (_GET, _POST, _POST[:-2], _POST[-2:], _GET + _POST, _DELETE, _POST, b"GET / HTTP/x\r\n\r\n")
_AT_ONCE = 3
"""Of these, the first two and the last but one arrive in one piece on an idle connection."""

_LIMIT_S = 30.0
_DATE = re.compile(rb"\r\nDate: [^\r]+")


def check() -> str:
    """Return what differs between both ways; empty if nothing does.

    It runs in a thread, since an event loop cannot run inside another. Raises what aiohttp raises.
    """
    found: list[str | Exception] = []

    def run() -> None:
        try:
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                found.append(runner.run(_compare()))
        except Exception as error:  # noqa: BLE001 - the caller gets it
            found.append(error)

    thread = threading.Thread(target=run, name="self-check of the HTTP server", daemon=True)
    thread.start()
    thread.join()
    if isinstance(found[0], Exception):
        raise found[0]
    return found[0]


async def _compare() -> str:
    answered: list[bytes] = []

    def answer_at_once(_: web.RequestHandler, message: RawRequestMessage, payload: StreamReader) -> bytes | None:
        answered.append(_body(message.method, message.path, message.headers["Host"], payload.read_nowait()))
        return render_reply(_reply(answered[-1]), _FIELDS)

    ordinary = await _exchange(Connection)
    fast = await _exchange(FastConnection, answer_at_once=answer_at_once)
    if fast != ordinary:
        return f"{len(fast)} octets of replies, which are not the {len(ordinary)} of aiohttp"
    return "" if len(answered) == _AT_ONCE else f"{len(answered)} requests were answered at once, not {_AT_ONCE}"


_FIELDS = (("x-ms-request-id", "1"), ("Set-Cookie", "a=b"), ("Set-Cookie", "c=d"))


def _body(method: str, path: str, host: str, body: bytes) -> bytes:
    return f"{method} {path} {host} ".encode() + body


def _reply(body: bytes) -> HttpReply:
    return HttpReply(200, body, "text/plain; charset=utf-8")


async def _exchange(kind: type[Connection], **options: Any) -> bytes:
    """Send the pieces on a connection of this kind, each once it is idle again; return all replies without dates."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = _body(request.method, request.raw_path, request.headers["Host"], await request.read())
        return build_response(_reply(body), _FIELDS)

    loop = asyncio.get_running_loop()
    transport = _Transport()
    connection = kind(web.Server(handle), lambda *_: None, None, loop=loop, **options, **SERVER_LIMITS)
    connection.connection_made(transport)
    try:
        async with asyncio.timeout(_LIMIT_S):
            for piece in _PIECES:
                await _settle()
                connection.data_received(piece)
            await transport.closed.wait()
    finally:
        connection.connection_lost(None)
        await _settle()
    return _DATE.sub(b"", b"".join(transport.written))


async def _settle() -> None:
    """Let the tasks of a connection run until each waits; none waits for anything from outside."""
    for _ in range(10):
        await asyncio.sleep(0)


class _Transport(asyncio.Transport):
    """A transport that keeps what is written; ``closed`` is set by ``close``."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = asyncio.Event()

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed.is_set()

    def close(self) -> None:
        self.closed.set()

    def pause_reading(self) -> None:
        return

    def resume_reading(self) -> None:
        return
