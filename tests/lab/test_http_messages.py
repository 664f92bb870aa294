"""HTTP messages of a model's device against RFC 9112 and Python's http.client: framing, limits, and reuse."""

from __future__ import annotations

import http.client
import io
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from ssosim_clients.ports import HttpResponse

from ssosim.lab.model_devices.http_messages import (
    HEAD_LIMIT,
    BrokenOffError,
    Exchange,
    draft_request,
    new_connection,
)


def read(octets: bytes, *, method: str = "GET", sizes: tuple[int, ...] = (65536,), end: bool = True) -> Any:
    """The response in ``octets``, which come in pieces of these sizes, and whether the connection may be used again."""
    exchange, at, number = Exchange(new_connection(), draft_request(method, "h.test", "/", {}, b"")), 0, 0
    exchange.encode()
    while at < len(octets):
        size = sizes[number % len(sizes)]
        response = exchange.feed(octets[at : at + size])
        at, number = at + size, number + 1
        if response is not None:
            return response, exchange.keeps_connection()
    return (exchange.feed(b""), False) if end else (None, False)


class Socket:
    """Octets for ``http.client``."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets

    def makefile(self, _: str) -> io.BytesIO:
        """What was sent."""
        return io.BytesIO(self._octets)


def read_by_library(octets: bytes, method: str = "GET") -> tuple[int, bytes]:
    """Status and body as ``http.client`` reads them."""
    response = http.client.HTTPResponse(Socket(octets), method=method)  # type: ignore[arg-type]
    response.begin()
    return response.status, response.read()


def chunked(parts: list[bytes]) -> bytes:
    """A body in the chunked coding (RFC 9112, section 7.1)."""
    return b"".join(b"%x\r\n%s\r\n" % (len(part), part) for part in parts if part) + b"0\r\n\r\n"


@settings(max_examples=60)
@given(
    st.lists(st.binary(max_size=30), max_size=5),
    st.sampled_from(["length", "chunked", "close"]),
    st.lists(st.integers(1, 9), min_size=1, max_size=3).map(tuple),
    st.integers(0, 3),
    st.sampled_from([200, 401, 404, 503]),
)
def test_a_response_is_read_as_the_library_reads_it(
    parts: list[bytes], framing: str, sizes: tuple[int, ...], before: int, status: int
) -> None:
    """However the octets are cut: status and body are those of ``http.client``, informational responses are skipped."""
    body = b"".join(parts)
    fields = {
        "length": b"Content-Length: %d\r\n" % len(body),
        "chunked": b"Transfer-Encoding: chunked\r\n",
        "close": b"",
    }
    octets = b"HTTP/1.1 100 Continue\r\nX: y\r\n\r\n" * before + b"HTTP/1.1 %d X\r\n" % status
    octets += fields[framing] + b"X-Field: a\r\n\r\n" + (chunked(parts) if framing == "chunked" else body)
    response, reusable = read(octets, sizes=sizes)
    assert isinstance(response, HttpResponse)
    assert (response.status, response.body) == read_by_library(octets) == (status, body)
    assert response.headers["x-field"] == "a"
    assert reusable == (framing != "close")


@settings(max_examples=40)
@given(st.integers(0, 200), st.sampled_from(["length", "chunked"]))
def test_a_response_that_breaks_off_is_no_response(kept: int, framing: str) -> None:
    """A connection that ends within head, body or chunks gives BrokenOffError, never a shorter body (RFC 9112, 8)."""
    parts = [b"a" * 40, b"b" * 40]
    field = b"Content-Length: 80" if framing == "length" else b"Transfer-Encoding: chunked"
    body = b"".join(parts) if framing == "length" else chunked(parts)
    octets = b"HTTP/1.1 200 OK\r\n%s\r\n\r\n%s" % (field, body)
    with pytest.raises(BrokenOffError):
        read(octets[: min(kept, len(octets) - 1)])


@pytest.mark.parametrize(
    ("method", "head", "body"),
    [
        ("HEAD", b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", b""),
        ("GET", b"HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", b"hi"),
        ("GET", b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\nhi", b"hi"),
        ("GET", b"HTTP/1.0 200 OK\r\n\r\nhi", b"hi"),
    ],
)
def test_what_has_no_body_is_complete_with_its_head(method: str, head: bytes, body: bytes) -> None:
    """HEAD, 204 and 304 have no body whatever their fields say; HTTP/1.0 ends with the connection (RFC 9112, 6.3)."""
    response, _ = read(head, method=method)
    assert response.body == body
    assert read_by_library(head, method)[1] == body


@pytest.mark.parametrize(
    "octets",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc",
        b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 1x\r\n\r\na",
        b"HTTP/1.1 200 OK\r\nContent-Length: 16777217\r\n\r\n",
        b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 200 OK\r\nX : a\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n X: a\r\n\r\n",
        b"HTTP/2.0 200 OK\r\n\r\n",
        b"HTTP/1.1 2000 OK\r\n\r\n",
        b"SSH-2.0-OpenSSH_9\r\n\r\n",
        b"\x15\x03\x03\x00\x02\x02\x28\n\n",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 300 + b"\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 17 + b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"y" * (HEAD_LIMIT + 1),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 513 + b"0\r\n\r\n",
    ],
    ids=lambda each: repr(each)[:60],
)
def test_what_is_no_response_is_an_error(octets: bytes) -> None:
    """Two lengths, faulty framing, another protocol and what exceeds a limit: ValueError, never a response."""
    with pytest.raises(ValueError, match=r"."):
        read(octets)


@pytest.mark.parametrize(
    ("octets", "reusable"),
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhiHTTP/1.1 200 OK\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi", False),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nhi", False),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Length: 9\r\n\r\n0\r\n\r\n", False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi" + b"x" * 9000, False),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + b"a" * 4096, True),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + b"a" * 4096 + b"x", False),
    ],
)
def test_a_connection_is_used_again_only_if_nothing_is_left_on_it(octets: bytes, reusable: bool) -> None:
    """Octets that nobody asked for, ``close`` or two lengths end a connection: they could answer the next request."""
    assert read(octets)[1] is reusable


@pytest.mark.parametrize(
    ("method", "netloc", "headers", "body", "expected"),
    [
        ("GET", "h.test", {}, b"", b"GET /p?q HTTP/1.1\r\nHost: h.test\r\nAccept: */*\r\n\r\n"),
        ("GET", "u:p@h.test:8080", {"Accept": "a/b"}, b"",
         b"GET /p?q HTTP/1.1\r\nHost: h.test:8080\r\nAccept: a/b\r\n\r\n"),
        ("POST", "h.test", {}, b"", b"POST /p?q HTTP/1.1\r\nHost: h.test\r\nAccept: */*\r\nContent-Length: 0\r\n\r\n"),
        ("POST", "h.test", {"X": " y "}, b"hi",
         b"POST /p?q HTTP/1.1\r\nHost: h.test\r\nAccept: */*\r\nX: y\r\nContent-Length: 2\r\n\r\nhi"),
    ],
)  # fmt: skip
def test_a_request_is_what_http_allows(
    method: str, netloc: str, headers: dict[str, str], body: bytes, expected: bytes
) -> None:
    """One Host without user and password, a length where there could be a body, no blanks around a field."""
    for plainly in (True, False):
        draft = draft_request(method, netloc, "/p?q", headers, body, plainly=plainly)
        assert Exchange(new_connection(), draft).encode() == expected


@pytest.mark.parametrize(
    ("method", "target", "headers"),
    [
        ("GET", "/", {"X": "a\r\nY: b"}), ("GET", "/", {"X\r\nY": "b"}), ("GET", "/", {"X Y": "b"}),
        ("GET", "/", {"": "b"}), ("GET", "/", {"X": "\0"}), ("GET", "/a b", {}), ("GET", "/\r\nX: y", {}),
        ("G T", "/", {}), ("", "/", {}),
        ("GET", "", {}),
    ],
)  # fmt: skip
def test_no_field_target_or_method_adds_a_line(method: str, target: str, headers: dict[str, str]) -> None:
    """What would split a request or is no token is refused before anything is sent (RFC 9110, section 5.6.2)."""
    with pytest.raises(ValueError, match=r"."):
        draft_request(method, "h.test", target, headers, b"")
