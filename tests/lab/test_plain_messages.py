"""HTTP messages of a device with and without h11: the same octets, responses and errors, whatever is sent."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.lab.model_devices.http_messages import BrokenOffError, Exchange, draft_request, new_connection
from ssosim.lab.model_devices.plain_messages import read_plain_head

HOST = "login.example"
PLAIN = b"HTTP/1.1 200 OK\r\nServer: x\r\nX-A:  b \r\nX-A: c\r\nContent-Length: 2\r\n\r\nok"

LINES = st.sampled_from(
    [
        b"Content-Type: text/html; charset=utf-8",
        b"X-Ms-Request-Id: 1",
        b"Set-Cookie: a=b; path=/",
        b"Set-Cookie: c",
        b"Empty:",
        b"Blank: \t ",
        b"A:b",
        b"Content-Length: 2",
        b"content-length: 02",
        b"Content-Length: 3",
        b"Content-Length: 2, 2",
        b"Content-Length: ",
        b"Content-Length: 99999999",
        b"Transfer-Encoding: chunked",
        b"Connection: close",
        b"Connection: keep-alive",
        b"Upgrade: h2c",
        b"Keep-Alive: timeout=5",
        b" folded",
        b"A B: c",
        b": no name",
        b"no colon",
        b"NUL: \0",
        b"Umlaut: \xc3\xbc",
        b"Bare: \rCR",
    ]
)
STARTS = st.sampled_from(
    [
        b"HTTP/1.1 200 OK",
        b"HTTP/1.1 401 Unauthorized",
        b"HTTP/1.1 503 ",
        b"HTTP/1.1 200",
        b"HTTP/1.1 204 No Content",
        b"HTTP/1.1 304 Not Modified",
        b"HTTP/1.1 100 Continue",
        b"HTTP/1.1 600 ?",
        b"HTTP/1.0 200 OK",
        b"HTTP/2.0 200 OK",
        b"HTTP/1.1 20 OK",
        b"HTTP/1.1 200 \xfc",
    ]
)
ENDS = st.sampled_from([b"\r\n"] * 8 + [b"\n"])
BODIES = st.sampled_from([b"ok", b"ok", b"", b"o", b"okk", b"2\r\nok\r\n0\r\n\r\n", b"HTTP/1.1 200 OK\r\n\r\n"])


@st.composite
def responses(draw: st.DrawFn) -> bytes:
    """A response, often an ordinary one, and sometimes with octets that were changed."""
    lines = draw(st.lists(LINES, max_size=4))
    if draw(st.booleans()):
        lines.insert(draw(st.integers(0, len(lines))), b"Content-Length: 2")
    octets = b"".join(line + draw(ENDS) for line in (draw(STARTS), *lines)) + draw(ENDS) + draw(BODIES)
    if draw(st.integers(0, 3)) == 0:
        at = draw(st.integers(0, len(octets) - 1))
        octets = octets[:at] + draw(st.binary(max_size=2)) + octets[at + 1 :]
    return octets


def pieces(octets: bytes, cuts: Sequence[int]) -> Iterator[bytes]:
    """``octets`` in the pieces in which they arrive, none of them empty, and the end of the connection."""
    places = [0, *sorted({cut for cut in cuts if 0 < cut < len(octets)}), len(octets)]
    yield from (octets[start:end] for start, end in pairwise(places) if end > start)
    yield b""


def outcome(octets: bytes, cuts: Sequence[int], method: str, *, plainly: bool) -> list[object]:
    """What two requests on one connection get, with all that was sent, and whether the connection is kept."""
    found: list[object] = []
    connection = new_connection()
    for answer in (octets, PLAIN):
        body = b"a=b" if method == "POST" else b""
        exchange = Exchange(connection, draft_request(method, HOST, "/a?b=c", {"X-A": "b"}, body, plainly=plainly))
        found.append(exchange.encode())
        try:
            piece, response = next((each, read) for each in pieces(answer, cuts) if (read := exchange.feed(each)))
        except (ValueError, BrokenOffError) as error:
            return [*found, type(error), str(error)]
        keeps = piece != b"" and exchange.keeps_connection()  # an ended connection is not used again
        found += [response.status, dict(response.headers), response.body, keeps]
        if not keeps:
            break
    return found


@settings(max_examples=400)
@given(responses(), st.lists(st.integers(1, 200), max_size=3), st.sampled_from(["GET", "POST", "HEAD"]))
def test_responses_are_read_as_h11_reads_them(octets: bytes, cuts: list[int], method: str) -> None:
    """Response, error and the use of the connection afterwards are the same, in whatever pieces the octets come."""
    assert outcome(octets, cuts, method, plainly=True) == outcome(octets, cuts, method, plainly=False)


UNPLAIN = {
    "close": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok",
    "other lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 2\r\n\r\nok",
    "chunked": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "204": b"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\n",
    "304": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n",
    "upgrade": b"HTTP/1.1 200 OK\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\nok",
    "HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "informational": b"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\n" + PLAIN,
    "folded": b"HTTP/1.1 200 OK\r\nA: b\r\n c\r\nContent-Length: 2\r\n\r\nok",
    "line feeds": b"HTTP/1.1 200 OK\nContent-Length: 2\n\nok",
    "no length": b"HTTP/1.1 200 OK\r\nA: b\r\n\r\nok",
    "more octets": PLAIN + b"more",
    "many fields": b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 257 + b"Content-Length: 2\r\n\r\nok",
    "long head": b"HTTP/1.1 200 OK\r\nA: " + b"b" * 20_000 + b"\r\nContent-Length: 2\r\n\r\nok",
}


@pytest.mark.parametrize("kind", UNPLAIN)
@pytest.mark.parametrize("cuts", [(), (3, 30)])
def test_h11_decides_what_is_not_plain(kind: str, cuts: tuple[int, ...]) -> None:
    """Whatever changes the framing, the connection or a limit: the outcome is h11's."""
    answer = UNPLAIN[kind]
    assert outcome(answer, cuts, "GET", plainly=True) == outcome(answer, cuts, "GET", plainly=False)
    assert read_plain_head(answer) is None or kind == "more octets"


NAMES = st.sampled_from(
    [
        "Accept",
        "client-request-id",
        "X",
        "Connection",
        "host",
        "Host",
        "content-length",
        "Content-Length",
        "Transfer-Encoding",
        "Expect",
        "",
        "A B",
        "A:",
        "ü",
        "A: b",
    ]
)
VALUES = st.sampled_from(["", "b", " b ", "b  c", "\u00fc", "\u00a0x", "chunked", "5", "close", "a\tb", "a\r\nB: c"])
TARGETS = st.sampled_from(["/", "/a?b=c", "", "/ a", "/\u00fc", "/a\r\n"])


@settings(max_examples=400)
@given(
    st.sampled_from(["GET", "POST", "PUT", "HEAD", "get", "GET X", ""]),
    TARGETS,
    st.dictionaries(NAMES, VALUES, max_size=3),
    st.sampled_from([b"", b"a", b"hello"]),
)
def test_requests_are_written_as_h11_writes_them(
    method: str, target: str, headers: dict[str, str], body: bytes
) -> None:
    """The octets, or the error that refuses the request before it is sent, are the same."""

    def written(*, plainly: bool) -> object:
        try:
            return Exchange(
                new_connection(), draft_request(method, HOST, target, headers, body, plainly=plainly)
            ).encode()
        except ValueError as error:
            return str(error)
        except Exception as error:  # noqa: BLE001 - h11's own, for a framing that does not fit
            return type(error)

    assert written(plainly=True) == written(plainly=False)


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("cuts", [(), (5,), (40, len(PLAIN) - 1)])
def test_a_plain_response_needs_no_h11(method: str, cuts: tuple[int, ...]) -> None:
    """In one piece or in several. Repeated fields are joined, and the connection is kept."""
    exchange = Exchange(new_connection(), draft_request(method, HOST, "/", {}, b"x" if method == "POST" else b""))
    exchange.encode()
    read = [exchange.feed(piece) for piece in [*pieces(PLAIN, cuts)][:-1]]
    assert read[:-1] == [None] * len(cuts)
    response = read[-1]
    assert response is not None
    assert (response.status, response.headers["x-a"], response.body) == (200, "b, c", b"ok")
    assert exchange.is_plain
    assert exchange.keeps_connection()


def test_the_switch_leaves_all_to_h11() -> None:
    """Without plain messages h11 makes the request and reads the response."""
    exchange = Exchange(new_connection(), draft_request("GET", HOST, "/", {}, b"", plainly=False))
    exchange.encode()
    assert exchange.feed(PLAIN) is not None
    assert not exchange.is_plain


def test_h11_goes_on_after_plain_messages() -> None:
    """A connection may have plain and other exchanges in turn."""
    connection = new_connection()
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
    for answer, plain in ((PLAIN, True), (chunked, False), (PLAIN, True), (chunked, False)):
        exchange = Exchange(connection, draft_request("GET", HOST, "/", {}, b""))
        exchange.encode()
        response = exchange.feed(answer)
        assert response is not None
        assert (response.body, exchange.is_plain, exchange.keeps_connection()) == (b"ok", plain, True)
