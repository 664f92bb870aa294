"""The self-check of the fast path: the same requests on both kinds of connection, in memory, give the same octets."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Iterable
from typing import Any

from aiohttp import StreamReader, web
from aiohttp.http_parser import RawRequestMessage

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.http.connection import SERVER_LIMITS, Answer, Connection
from ssosim.entra.http.fast_path.connection import FastConnection
from ssosim.entra.http.fast_path.known_heads import KnownHeads
from ssosim.entra.http.fast_path.reply_bytes import render_reply
from ssosim.entra.http.read_call import read_call
from ssosim.entra.http.responses import Fields, build_response

__all__ = ["check"]

_GET = b"GET /a?b=c HTTP/1.1\r\nHost: a.example\r\n\r\n"
_POST = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nd=e"
_DELETE = b"DELETE /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\nd=e"
_REPEATED = (
    b"POST /a?client-request-id=%b HTTP/1.1\r\nHost: a.example\r\nclient-request-id: %b\r\n"
    b"Authorization: Negotiate %b\r\nContent-Length: 3\r\n\r\nd=%b"
)
_VALUES = tuple(
    (
        b"%08x-0000-4000-8000-000000000000" % number,
        b"%08x-0000-4000-9000-000000000000" % number,
        b"YQ==" * number,
        digit,
    )
    for number, digit in enumerate((b"1", b"2", b"3"), 1)
)
_PIECES = (
    *(_REPEATED % values for values in _VALUES),
    *(_GET, _POST, _POST[:-2], _POST[-2:], _GET + _POST, _DELETE, _POST, b"GET / HTTP/x\r\n\r\n"),
)
_AT_ONCE, _KNOWN = 6, 1
"""Of these, the first five and the last but one arrive in one piece on an idle connection; the head of one is known."""

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
    answers = _Answers()
    ordinary = await _exchange(Connection)
    fast = await _exchange(FastConnection, answer_at_once=answers)
    if fast != ordinary:
        return f"{len(fast)} octets of replies, which are not the {len(ordinary)} of aiohttp"
    found = (answers.count, answers.known)
    return "" if found == (_AT_ONCE, _KNOWN) else f"{found} requests were answered at once, not {(_AT_ONCE, _KNOWN)}"


class _Answers:
    """Repeats each request in its reply; counts those answered, and those among them whose head is known."""

    def __init__(self) -> None:
        self.count = self.known = 0
        self._heads = KnownHeads()

    def answer(self, _: web.RequestHandler, message: RawRequestMessage, payload: StreamReader, data: bytes) -> Answer:
        call = read_call(message, message.path, payload.read_nowait(), 0.0, "https", 443)
        self._heads.keep(data, call)
        return self._answer(call)

    def answer_known(self, _: web.RequestHandler, data: bytes) -> Answer:
        call = self._heads.read(data, "https", 443, 0.0)
        self.known += call is not None
        return None if call is None else self._answer(call)

    def _answer(self, call: Call) -> Answer:
        self.count += 1
        body = _body(call.method, call.target, call.headers.items(), call.body)
        return render_reply(_reply(body, _FIELDS), _OWN)


_FIELDS, _OWN = (("Set-Cookie", "a=b"), ("Set-Cookie", "c=d")), (("x-ms-request-id", "1"),)


def _body(method: str, path: str, fields: Iterable[tuple[str, str]], body: bytes) -> bytes:
    return f"{method} {path} {list(fields)} ".encode() + body


def _reply(body: bytes, headers: Fields = ()) -> HttpReply:
    return HttpReply(200, body, "text/plain; charset=utf-8", headers)


async def _exchange(kind: type[Connection], **options: Any) -> bytes:
    """Send the pieces on a connection of this kind, each once it is idle again; return all replies without dates."""

    async def handle(request: web.BaseRequest) -> web.StreamResponse:
        body = _body(request.method, request.raw_path, request.headers.items(), await request.read())
        return build_response(_reply(body), (*_FIELDS, *_OWN))

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
