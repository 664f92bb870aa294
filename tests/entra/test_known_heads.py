"""A request whose head is known is the one that aiohttp would have read, with the values of this request."""

from __future__ import annotations

import asyncio
import base64
import gc
import tracemalloc
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from multidict import CIMultiDict, CIMultiDictProxy

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.http.app import create_server
from ssosim.entra.http.connection import ListenerConfig
from ssosim.entra.http.fast_path import LONGEST_HEAD, MOST_HEADS, KnownHeads
from ssosim.entra.http.fast_path.connection import FastConnection
from tests.entra.test_http_fast_path import BODIES, FEW, FIELDS, LINES, Transport, hear_both
from tests.fast_paths import switched

LINES_WITH_IDS = [
    b"GET /a?client-request-id=%ID HTTP/1.1",
    b"POST /a?b=c&client-request-id=%ID&d=%65 HTTP/1.1",
    b"GET /a?client-request-id=%ID&client-request-id=%OTHER HTTP/1.1",
    b"GET /a?client-request-id=%IDx HTTP/1.1",
    b"GET /a?client-request-id={%ID} HTTP/1.1",
    b"GET /client-request-id=%ID?client-request-id= HTTP/1.1",
    b"GET /a#client-request-id=%ID HTTP/1.1",
    b"GET http://b.example/a?client-request-id=%ID HTTP/1.1",
    b"GET http://client-request-id=%ID/a HTTP/1.1",
    b"GET /%74?client%2Drequest-id=%ID HTTP/1.1",
]
FIELDS_WITH_IDS = [
    b"client-request-id: %ID",
    b"client-request-id: %ID ",
    b"client-request-id: {%ID}",
    b"client-request-id: %IDx",
    b"Client-Request-Id: %ID",
    b"Referer: https://a.example/?client-request-id=%ID",
    b"return-client-request-id: true",
    b"Authorization: Negotiate %TICKET",
    b"Authorization: Negotiate  %TICKET",
    b"Authorization: Negotiate %TICKET,x",
    b"Authorization: Negotiate ",
    b"authorization: negotiate %TICKET",
    b"Authorization: Basic YTpi",
    b"Content-Length: 3\r\nCookie: a=%ID",
]
TEMPLATES = st.tuples(
    st.sampled_from(LINES_WITH_IDS) | st.sampled_from(LINES),
    st.lists(st.sampled_from(FIELDS_WITH_IDS) | st.sampled_from(FIELDS), max_size=4),
    st.sampled_from(BODIES) | st.just(b""),
)


def make_request(template: tuple[bytes, list[bytes], bytes], number: int) -> bytes:
    """Make a request; those of one template and different numbers differ in their ids and tickets only."""
    line, fields, body = template
    text = b"\r\n".join([line, b"Host: a.example", *fields, b"", b""])
    text = text.replace(b"%ID", b"%08x-0000-4000-8000-000000000000" % number)
    text = text.replace(b"%OTHER", b"%08x-0000-4000-9000-000000000000" % number)
    return text.replace(b"%TICKET", base64.b64encode(b"ticket" * number)) + body


GET = (b"GET /a HTTP/1.1", [b"client-request-id: %ID"], b"")
BODY = (b"POST /a HTTP/1.1", [b"Content-Length: 33"], b"Authorization: Negotiate QQ==\r\n\r\n")
POST = (b"POST /a?client-request-id=%ID HTTP/1.1", [b"Authorization: Negotiate %TICKET", b"Content-Length: 3"], b"a=b")


@FEW
@given(
    st.lists(TEMPLATES, min_size=1, max_size=2), st.lists(st.tuples(st.integers(0, 7), st.integers(1, 120)), max_size=2)
)
@example([GET, POST], [])
@example([GET], [(2, 30)])
@example([POST], [(3, 40), (6, 200)])
@example([(b"POST /a HTTP/1.1", [b"Content-Length: 35"], b"\r\nAuthorization: Negotiate QQ==\r\n\r\n"), POST], [])
@example([(b"GET /a?client-request-id=%IDx HTTP/1.1", [], b""), GET], [])
def test_a_repeated_request_is_read_alike(
    site: Any, templates: list[tuple[bytes, list[bytes], bytes]], cuts: list[tuple[int, int]]
) -> None:
    """Hypothesis: requests that repeat but for their ids, whole or in pieces: equal replies, calls and events."""
    pieces = [make_request(template, number) for number in range(1, 5) for template in templates]
    for place, cut in cuts:
        if place < len(pieces):
            pieces[place : place + 1] = [pieces[place][:cut], pieces[place][cut:]]
    fast, ordinary = hear_both(site, [each for each in pieces if each], lambda _: HttpReply(200, b"ok", "text/plain"))
    assert fast == ordinary


@pytest.mark.parametrize(
    "before",
    [b"GET /b HTTP/1.1\r\nX: ", b"POST /b HTTP/1.1\nHost: a.example\nContent-Length: 4\n\n\r\n\r\nGET ", b"\r\n"],
)
def test_what_stands_before_a_known_head_counts(site: Any, before: bytes) -> None:
    """Octets before a request that do not end an earlier one make it another request, also on the fast path."""
    known = [make_request(GET, number) for number in range(1, 4)]
    fast, ordinary = hear_both(site, [*known, before, known[0]], lambda _: HttpReply(200, b"ok", "text/plain"))
    assert fast == ordinary


@pytest.mark.parametrize(
    "token", [b"QQ== ", b"QQ==\t", b" QQ==", b"QQ\x00==", b"QQ==\n X: y", b"QQ==\rX", b"", b"\xc3\xa9"]
)
def test_a_ticket_that_is_not_base64_is_left_to_aiohttp(site: Any, token: bytes) -> None:
    """A value that HTTP changes, or refuses, is not put into a known head."""
    pieces = [make_request(POST, number) for number in range(1, 4)]
    pieces.append(make_request((POST[0], [b"Authorization: Negotiate " + token, POST[1][1]], POST[2]), 1))
    fast, ordinary = hear_both(site, pieces, lambda _: HttpReply(200, b"ok", "text/plain"))
    assert fast == ordinary


@pytest.fixture
def known(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether each request on a fast connection had a known head; those of the self-check are the first."""
    found: list[bool] = []
    original = FastConnection._answer_known

    def answer_known(self: FastConnection, data: bytes) -> bool:
        found.append(original(self, data))
        return found[-1]

    monkeypatch.setattr(FastConnection, "_answer_known", answer_known)
    return found


@pytest.mark.parametrize("template", [GET, POST, BODY], ids=["GET", "POST", "a ticket in the body"])
def test_the_third_of_equal_heads_is_known(site: Any, known: list[bool], template: Any) -> None:
    """A head is kept when it comes again; request ids and tickets may differ, another field may not."""
    pieces = [make_request(template, number) for number in range(1, 5)]
    pieces.append(pieces[0].replace(b"Host:", b"X: y\r\nHost:"))
    fast, ordinary = hear_both(site, pieces, lambda _: HttpReply(200))
    assert fast == ordinary
    assert known[-5:] == [False, False, True, True, False]


@pytest.mark.parametrize("reply", [HttpReply(204), HttpReply(200, b"a", "", (("Date", "b"),))], ids=["204", "a date"])
def test_a_reply_of_aiohttp_to_a_known_head(site: Any, known: list[bool], reply: HttpReply) -> None:
    """A reply that only aiohttp can send is sent once, and the connection goes on."""
    fast, ordinary = hear_both(site, [make_request(GET, number) for number in range(1, 6)], lambda _: reply)
    assert fast == ordinary
    assert len(fast.calls) == 5
    assert known[-5:] == [False, False, True, True, True]


def test_a_connection_that_begins_with_a_known_head_was_used(site: Any) -> None:
    """Its end, in whatever way, is not the end of a connection without a request."""
    early: list[BaseException | None] = []

    async def use() -> bytes:
        server = create_server(site.provider)
        for _ in range(2):
            transport = Transport()
            connection = server.create_protocol(early.append, ListenerConfig({}))
            connection.connection_made(transport)
            for number in range(1, 4):
                await asyncio.sleep(0)
                if not early:
                    connection.data_received(make_request(GET, number))
            connection.connection_lost(ConnectionResetError())
            await connection.shutdown(0)
        return bytes(transport.written)

    with asyncio.Runner() as runner, switched("on"):
        assert runner.run(use()).count(b"HTTP/1.1 421") == 3
    assert early == []


UNKEPT = {
    "an id in another field": [b"Referer: https://a.example/?client-request-id=%ID"],
    "two headers with ids": [b"client-request-id: %ID", b"client-request-id: %OTHER"],
    "an id with more text": [b"client-request-id: %IDx"],
    "another scheme": [b"Authorization: Negotiate %TICKET", b"Authorization: Basic YTpi"],
}


def keep(heads: KnownHeads, data: bytes, call: Call) -> None:
    """Let ``heads`` see ``data`` twice."""

    async def see() -> None:
        heads.keep(data, call)
        heads.keep(data, call)

    asyncio.run(see())


def read(data: bytes) -> Call:
    """Read a request of the tests without aiohttp."""
    head, _, body = data.partition(b"\r\n\r\n")
    line, *lines = head.decode().split("\r\n")
    method, target, _ = line.split(" ")
    fields: CIMultiDict[str] = CIMultiDict()
    for each in lines:
        name, _, value = each.partition(": ")
        fields.add(name, value)
    octets = sum(len(name) + len(value) + 4 for name, value in fields.items())
    return Call.read(
        method, fields["Host"], target, headers=CIMultiDictProxy(fields), body=body, now=1.0, header_bytes=octets
    )


@pytest.mark.parametrize("fields", UNKEPT.values(), ids=UNKEPT)
def test_a_head_whose_values_are_elsewhere_is_not_kept(fields: list[bytes]) -> None:
    """If the request made of a kept head would not be the one that aiohttp reads, the head is not kept."""
    heads = KnownHeads()
    data = make_request((GET[0], fields, b""), 1)
    keep(heads, data, read(data))
    assert len(heads) == 0


def test_a_known_head_has_the_length_of_its_body() -> None:
    """A request that has not arrived as a whole, or is followed by another, is not made of a known head."""
    heads, data = KnownHeads(), make_request(POST, 1)
    keep(heads, data, read(data))
    assert heads.read(data, "https", 443, 1.0)
    for other in (data[:-1], data + b"G", data[:-4], data[: data.index(b"Host")]):
        assert heads.read(other, "https", 443, 1.0) is None
    assert heads.read(data, "http", 80, 1.0) is None


def test_known_heads_are_bounded() -> None:
    """Ever-new heads, the longest with long tickets and bodies: the store stays within its bound."""
    heads = KnownHeads()

    async def fill(count: int) -> None:
        for number in range(count):
            field = b"X: %d" % number + b"x" * (LONGEST_HEAD - 200)
            body = bytes(20_000)
            fields = [field, b"Authorization: Negotiate " + b"Q" * 20_000, b"Content-Length: 20000"]
            data = make_request((b"POST /a HTTP/1.1", fields, body), 1)
            call = read(data)
            heads.keep(data, call)
            heads.keep(data, call)

    too_long = make_request((GET[0], [b"X: " + b"x" * LONGEST_HEAD], b""), 1)
    keep(heads, too_long, read(too_long))
    assert len(heads) == 0
    asyncio.run(fill(40))
    assert len(heads) == 40
    gc.collect()
    tracemalloc.start()
    asyncio.run(fill(40))
    gc.collect()
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert size < 40 * 4 * LONGEST_HEAD
    asyncio.run(fill(MOST_HEADS + 10))
    assert len(heads) <= MOST_HEADS
