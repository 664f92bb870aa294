"""The fast path of the HTTP server gives the octets of aiohttp's ordinary way, or is not used."""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp.web_protocol
import pytest
from aiohttp import web
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.http import fast_path
from ssosim.entra.http.app import create_server
from ssosim.entra.http.connection import Connection, ListenerConfig
from ssosim.entra.http.fast_path.self_check import check
from ssosim.fast_paths import FastPathSwitchError
from ssosim.trace import HttpExchange
from tests.fast_paths import forget_states, switched

HOST = "a.example"
DATE = re.compile(rb"\r\nDate: [^\r]+")


class Transport(asyncio.Transport):
    """A connection in memory; ``written`` is what the server has sent."""

    def __init__(self) -> None:
        super().__init__({"peername": ("127.0.0.1", 4000), "sockname": ("127.0.0.2", 443)})
        self.written = bytearray()
        self.closed = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Keep what the server sends."""
        self.written += data

    def is_closing(self) -> bool:
        """Whether the server has closed it."""
        return self.closed

    def close(self) -> None:
        """End it."""
        self.closed = True

    def pause_reading(self) -> None:
        """Nothing arrives by itself."""

    def resume_reading(self) -> None:
        """Nothing arrives by itself."""


@dataclass
class Heard:
    """What one way made of the octets: the replies, whether the connection ended, calls and events."""

    replies: bytes = b""
    closed: bool = False
    calls: list[Any] = field(default_factory=list)
    events: list[Any] = field(default_factory=list)


async def hear(site: Any, pieces: list[bytes], reply: Callable[[Call], HttpReply]) -> tuple[Heard, type]:
    """Send the pieces on one connection, each when the server waits; return what was heard, and the connection's class.

    Whatever the server would do after a time out is left out.
    """
    heard = Heard()

    def respond(call: Call) -> HttpReply:
        fields = [(name, value) for name, value in call.headers.items()]
        parts = (call.method, call.host, call.path, call.query, call.body, call.header_bytes, call.too_large)
        own_id = call.correlation_id if call.read_own_id() else ""
        heard.calls.append((*parts, call.scheme, call.port, fields, call.target, call.repeated, own_id))
        return reply(call)

    listener = ListenerConfig({HOST: respond}, scheme="http", port=80, client="desk")
    seen = len(list(site.provider.trace))
    server, transport = create_server(site.provider), Transport()
    connection = server.create_protocol(None, listener)
    connection.connection_made(transport)
    for piece in pieces:
        for _ in range(12):
            await asyncio.sleep(0)
        if not transport.closed:
            connection.data_received(piece)
    for _ in range(12):
        await asyncio.sleep(0)
    heard.replies, heard.closed = DATE.sub(b"", bytes(transport.written)), transport.closed
    heard.events = [
        (record.client, event.method, event.path, event.host, event.status, event.auth)
        for record in list(site.provider.trace)[seen:]
        if isinstance(event := record.event, HttpExchange)
    ]
    connection.connection_lost(None)
    await connection.shutdown(0)
    return heard, type(connection)


def hear_both(site: Any, pieces: list[bytes], reply: Callable[[Call], HttpReply]) -> tuple[Heard, Heard]:
    """What the fast path and the ordinary way make of the same octets."""
    with asyncio.Runner() as runner:
        with switched("on"):
            fast, kind = runner.run(hear(site, pieces, reply))
            assert kind is fast_path.FastConnection
        with switched("off"):
            ordinary, kind = runner.run(hear(site, pieces, reply))
            assert kind is Connection
    return fast, ordinary


FIELDS = [
    b"Connection: close",
    b"Connection: keep-alive",
    b"Connection: upgrade",
    b"Upgrade: h2c",
    b"Expect: 100-continue",
    b"Expect: x",
    b"Transfer-Encoding: chunked",
    b"Transfer-Encoding: gzip",
    b"Transfer-Encoding: identity",
    b"Content-Length: 3",
    b"Content-Length: 0",
    b"Content-Length: +3",
    b"Content-Encoding: gzip",
    b"Host: b.example",
    b"Accept: text/html",
    b"Authorization: Negotiate eA==",
    b"X: \xc3\xa9\xff",
    b"X : y",
    b"X:\ty\x01",
    b"A" * 300 + b": b",
]
BODIES = [b"", b"a=b", b"3\r\na=b\r\n0\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a.example\r\n\r\n", b"\x00"]
LINES = [
    b"GET /a?b=c HTTP/1.1",
    b"POST /a%2Fb//c HTTP/1.1",
    b"GET http://a.example/x HTTP/1.1",
    b"GET //a.example/x HTTP/1.1",
    b"GET * HTTP/1.1",
    b"GET /\xc3\xa9 HTTP/1.1",
    b"GET /a#b HTTP/1.1",
    b"HEAD /a HTTP/1.1",
    b"DELETE /a HTTP/1.1",
    b"OPTIONS * HTTP/1.1",
    b"CONNECT a.example:443 HTTP/1.1",
    b"get / HTTP/1.1",
    b"GET / HTTP/1.0",
    b"GET / HTTP/2.0",
    b"GET / HTTP/1.7",
    b"GET /",
]
REQUESTS = st.builds(
    lambda line, fields, body, end: end.join([line, b"Host: " + HOST.encode(), *fields, b"", b""]) + body,
    st.sampled_from(LINES) | st.sampled_from(LINES[:2]),
    st.lists(st.sampled_from(FIELDS), max_size=3),
    st.sampled_from(BODIES) | st.just(b""),
    st.sampled_from([b"\r\n", b"\r\n", b"\n"]),
)
NAMES = st.sampled_from(
    ["Location", "Set-Cookie", "X-A", "Date", "server", "Content-Type", "Content-Length", "Connection"]
)
VALUES = st.sampled_from(["a", "5", "é", "\ud800", "a\r\nB: c", "a\nb", "a\x00b", "a\tb", "close", ""])
REPLIES = st.builds(
    HttpReply,
    st.sampled_from([200, 200, 201, 204, 302, 304, 400, 401, 421, 499, 503, 599]),
    st.sampled_from([b"", b"text", b"\xff" * 300]),
    st.sampled_from(["", "text/plain; charset=utf-8", "application/json"]),
    st.lists(st.tuples(NAMES, VALUES), max_size=3).map(tuple),
)
FEW = settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@FEW
@given(st.lists(REQUESTS, min_size=1, max_size=3), st.lists(st.integers(0, 200), max_size=2))
@example([b"GET /a HTTP/1.1\r\nHost: a.example\r\nTransfer-Encoding: identity\r\n\r\n"], [])
@example([b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\nContent-Length: 3\r\n\r\na=b"], [])
def test_any_octets_are_answered_alike(site: Any, requests: list[bytes], cuts: list[int]) -> None:
    """Hypothesis: requests, mostly valid, whole or in pieces or pipelined: equal replies, calls and events."""
    pieces = list(requests)
    for cut in cuts:  # the first in pieces, the last two in one
        pieces = [*(pieces[0][:cut], pieces[0][cut:]), *pieces[1:]] if cut % 2 else [b"".join(pieces[:2]), *pieces[2:]]
    fast, ordinary = hear_both(site, [each for each in pieces if each], lambda _: HttpReply(200, b"ok", "text/plain"))
    assert fast == ordinary


@FEW
@given(REPLIES)
@example(HttpReply(302, b"", "", (("Location", "a\x00b"),)))
@example(HttpReply(304, b"not sent"))
@example(HttpReply(200, b"text", "", (("Date", "a"), ("Content-Type", "b"))))
def test_any_reply_is_sent_alike(site: Any, reply: HttpReply) -> None:
    """Hypothesis: whatever a responder returns, both ways send the same octets, to one exchange in the trace."""
    request = b"POST /a HTTP/1.1\r\nHost: a.example\r\nContent-Length: 3\r\n\r\na=b"
    fast, ordinary = hear_both(site, [request] * 4, lambda _: reply)  # the head of the third is known
    assert fast == ordinary
    assert len(fast.calls) == len(fast.events) == 4
    assert fast.replies.count(b"Set-Cookie") <= 4 * len(reply.headers)


def test_a_service_may_return_lists(site: Any) -> None:
    """Header fields of another package may be lists, and are sent alike."""
    reply = HttpReply(200, b"text", "", [["X-A", "b"], ("X-C", "d")])  # type: ignore[arg-type]
    fast, ordinary = hear_both(site, [b"GET /a HTTP/1.1\r\nHost: a.example\r\n\r\n"], lambda _: reply)
    assert fast == ordinary
    assert fast.replies.count(b"X-A: b\r\nX-C: d\r\n") == 1


def test_the_self_check_finds_no_difference() -> None:
    """Both ways agree with the installed version of aiohttp, so that the fast path is used."""
    assert check() == ""
    with switched("on"):
        assert fast_path.state() == ("HTTP server", True, "", False)


BROKEN: dict[str, Callable[[pytest.MonkeyPatch], None]] = {
    "an attribute is gone": lambda patch: patch.delattr(aiohttp.base_protocol.BaseProtocol, "_buffer_paused"),
    "the queue has another form": lambda patch: patch.setattr(aiohttp.web_protocol, "deque", _Queue, raising=True),
    "another field is sent": lambda patch: patch.setattr(
        web.Response, "prepare", _with_field(web.Response.prepare), raising=True
    ),
}


class _Queue(list[Any]):
    """A queue whose entries have one part more."""

    def append(self, entry: Any) -> None:
        super().append((*entry, None))

    def popleft(self) -> Any:
        return self.pop(0)[:2]


def _with_field(original: Any) -> Any:
    async def prepare(self: web.Response, request: web.BaseRequest) -> Any:
        self.headers["X-New"] = "1"
        return await original(self, request)

    return prepare


@pytest.mark.parametrize("kind", BROKEN)
def test_another_aiohttp_gets_the_ordinary_way(
    kind: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """If aiohttp is not as expected, one warning is logged, and requests are answered on the ordinary way."""
    BROKEN[kind](monkeypatch)
    forget_states()
    with caplog.at_level(logging.WARNING, "ssosim.fast_paths"), switched("on"):
        assert not fast_path.enabled()
        assert fast_path.state().failed
        assert fast_path.connection_class() is Connection
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == ["HTTP server"]


def test_the_switch_is_on_or_off() -> None:
    """``off`` chooses the ordinary way without a warning; another value is an error that names the variable."""
    with switched("off"):
        assert fast_path.state() == ("HTTP server", False, "SSOSIM_FAST_PATHS=off", False)
    with switched("no"), pytest.raises(FastPathSwitchError, match="SSOSIM_FAST_PATHS='no': expected on or off"):
        fast_path.state()
