"""The HTTP client of a client model's device, against servers that do what they should not."""

import asyncio
import contextlib

import pytest
from ssosim_clients.ports import NetworkFailure, Resolution

from ssosim.lab.model_devices.http_client import LabHttp
from ssosim.lab.network.certificates import LabCa

HOST = "login.test"


class _Resolver:
    """One name at one address."""

    address = "127.0.0.1"

    async def resolve(self, name, _family):
        return Resolution(name, name, (self.address,), ())

    async def close(self):
        return None


@contextlib.asynccontextmanager
async def client_of(serve, *, keep=False):
    """A client and the server that ``serve`` is."""
    ca = LabCa()

    async def connected(reader, writer):
        with contextlib.closing(writer), contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await serve(reader, writer)

    server = await asyncio.start_server(connected, "127.0.0.1", 0, ssl=ca.server_context([HOST]))
    endpoint = server.sockets[0].getsockname()[:2]
    http = LabHttp(_Resolver(), ca.client_context(), lambda *_: endpoint, keep_connections=keep)
    try:
        yield http
    finally:
        await http.close()
        server.close()
        await server.wait_closed()
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    ("head", "pieces"),
    [
        (b"", [b"one ", b"two ", b"three"]),
        (b"Content-Length: 13\r\n", [b"one ", b"two ", b"three"]),
        (b"Transfer-Encoding: chunked\r\n", [b"4\r\none ", b"\r\n9;x=y\r\ntwo th", b"ree\r\n0\r\n\r\n"]),
    ],
)
async def test_a_body_is_whole_however_it_ends_and_comes(head, pieces):
    """By the connection's end, by its length or in chunks: all octets, in however many pieces they come."""

    async def serve(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.02)

    async with client_of(serve) as http:
        answer = await http.request("GET", f"https://{HOST}/", {}, b"")
        assert (answer.status, answer.body) == (200, b"one two three")


async def test_a_server_that_always_closes_is_a_network_failure():
    """Also where the first connection was kept from before and a second is tried: never an error of another kind."""
    answered = 0

    async def serve(reader, writer):
        nonlocal answered
        await reader.readuntil(b"\r\n\r\n")
        answered += 1
        if answered == 1:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            await reader.readuntil(b"\r\n\r\n")  # and closes when the second comes

    async with client_of(serve, keep=True) as http:
        assert (await http.request("GET", f"https://{HOST}/", {}, b"")).status == 200
        with pytest.raises(NetworkFailure) as failure:
            await http.request("GET", f"https://{HOST}/", {}, b"")
        assert (failure.value.stage, failure.value.kind) == ("read", "closed")
        assert answered == 2


REUSED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def answering(*answers, heard):
    """A server that sends ``answers``, one after each request, all on one connection, and closes it."""

    async def serve(reader, writer):
        for answer in answers:
            heard.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(answer)
            await writer.drain()

    return serve


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST"])
@pytest.mark.parametrize("status", [200, 204, 304])
async def test_which_responses_have_a_body(method, status):
    """HEAD, 204 and 304 have none, whatever Content-Length says (RFC 9112, section 6.3); the next response is whole."""
    has_body = method != "HEAD" and status == 200
    answer = b"HTTP/1.1 %d X\r\nContent-Length: 3\r\n\r\n%b" % (status, b"one" if has_body else b"")
    heard = []
    async with client_of(answering(answer, REUSED, heard=heard), keep=True) as http:
        first = await http.request(method, f"https://{HOST}/", {}, b"")
        second = await http.request("GET", f"https://{HOST}/", {}, b"")
    assert (first.status, first.body) == (status, b"one" if has_body else b"")
    assert (second.status, second.body, len(heard)) == (200, b"ok", 2)


@pytest.mark.parametrize(
    "before", [b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 Early Hints\r\nLink: <a>\r\n\r\n" * 16]
)
async def test_an_informational_response_is_not_the_response(before):
    """1xx is followed by the response (RFC 9110, section 15.2)."""
    async with client_of(answering(before + REUSED, heard=[])) as http:
        answer = await http.request("POST", f"https://{HOST}/", {}, b"x")
    assert (answer.status, answer.body) == (200, b"ok")


async def test_trailer_fields_are_read_with_the_body():
    """Fields after the last chunk are no part of the next response (RFC 9112, section 7.1.2)."""
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nA: b\r\nC: d\r\n\r\n"
    async with client_of(answering(chunked, REUSED, heard=[]), keep=True) as http:
        bodies = [(await http.request("GET", f"https://{HOST}/", {}, b"")).body for _ in range(2)]
    assert bodies == [b"ab", b"ok"]


@pytest.mark.parametrize(
    "answer",
    [
        REUSED + b"HTTP/1.1 200 OK\r\nContent-Length: 8\r\n\r\nsmuggled",
        b"HTTP/1.1 200 OK\r\nContent-Length: 40\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\t\r\n\r\n2\r\nok\r\n0\r\n\r\n" + REUSED,
        b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nConnection: a, Close\r\nContent-Length: 2\r\n\r\nok",
    ],
    ids=["more octets", "two lengths", "more octets after chunks", "close", "HTTP/1.0", "close in a list"],
)
async def test_after_which_responses_a_connection_is_not_used_again(answer):
    """A second request opens a new connection, so that nothing of the first response is taken for the second."""
    connections = 0

    async def serve(reader, writer):
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(answer if connections == 1 else REUSED)
        await reader.read()

    async with client_of(serve, keep=True) as http:
        bodies = [(await http.request("GET", f"https://{HOST}/", {}, b"")).body for _ in range(2)]
    assert (bodies, connections) == ([b"ok", b"ok"], 2)


NO_HTTP = {
    "HTTP/2": b"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
    "no status": b"HTTP/1.1 OK\r\nContent-Length: 2\r\n\r\nok",
    "a status of one digit": b"HTTP/1.1 2 OK\r\nContent-Length: 2\r\n\r\nok",
    "two different lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
    "a signed length": b"HTTP/1.1 200 OK\r\nContent-Length: +2\r\n\r\nok",
    "a length below zero": b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nok",
    "a very long body": b"HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\nok",
    "another coding": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "chunks in HTTP/1.0": b"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "a chunk of 0x2": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n",
    "a longer chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\noko\r\n0\r\n\r\n",
    "an empty chunk header": CHUNKED + b"2\r\nok\r\n\r\n\r\n" + REUSED,
    "a chunk header with LF": CHUNKED + b"2\nok\r\n0\r\n\r\n",
    "chunked among others": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked,\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    "another protocol": b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\nok",
    "many chunks": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 513 + b"0\r\n\r\n",
    "a blank before the colon": b"HTTP/1.1 200 OK\r\nContent-Length : 2\r\n\r\nok",
    "a field without a colon": b"HTTP/1.1 200 OK\r\nContent-Length\r\n\r\nok",
    "a NUL": b"HTTP/1.1 200 OK\r\nA: b\0\r\nContent-Length: 2\r\n\r\nok",
    "a carriage return": b"HTTP/1.1 200 OK\r\nA: b\rSet-Cookie: c\r\nContent-Length: 2\r\n\r\nok",
    "a long head": b"HTTP/1.1 200 OK\r\nA: " + b"b" * 300_000 + b"\r\n\r\n",
    "only informational responses": b"HTTP/1.1 100 Continue\r\n\r\n" * 17,
    "HTML": b"<html>\r\n\r\n",
}


@pytest.mark.parametrize("kind", NO_HTTP)
async def test_what_is_no_response_is_a_network_failure(kind):
    """Syntax, framing and limits: nothing of it is taken for a response, and the failure says so."""
    async with client_of(answering(NO_HTTP[kind], heard=[])) as http:
        with pytest.raises(NetworkFailure, match="no HTTP answer: ") as failure:
            await http.request("GET", f"https://{HOST}/", {}, b"")
    assert (failure.value.stage, failure.value.kind) == ("read", "closed")


BROKEN_OFF = {
    "in the status line": b"HTTP/1.1 2",
    "in the head": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    "after the head": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n",
    "in the body": b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no",
    "in a chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\no",
    "before the last chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n",
    "in the trailer": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
    "after an informational response": b"HTTP/1.1 100 Continue\r\n\r\n",
}


@pytest.mark.parametrize("kind", BROKEN_OFF)
async def test_a_response_that_breaks_off_is_none(kind):
    """Wherever the connection ends before the end of the response: a network failure, and no second request."""
    heard = []
    async with client_of(answering(BROKEN_OFF[kind], heard=heard), keep=True) as http:
        with pytest.raises(NetworkFailure, match="the answer broke off") as failure:
            await http.request("GET", f"https://{HOST}/", {}, b"")
    assert (failure.value.stage, failure.value.kind, len(heard)) == ("read", "closed", 1)


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GET", {"A": "b\r\nC: d"}),
        ("GET", {"A\r\nB": "c"}),
        ("GET", {"A B": "c"}),
        ("GET", {"": "c"}),
        ("GET", {"host": "another.example"}),
        ("GET", {"content-length": "5"}),
        ("GET X", {}),
    ],
)
async def test_a_request_that_is_none_is_not_sent(method, headers):
    """A ValueError for a method or field that HTTP does not allow; the server hears nothing."""
    heard = []
    async with client_of(answering(REUSED, heard=heard)) as http:
        with pytest.raises(ValueError, match=r"no HTTP request|control characters"):
            await http.request(method, f"https://{HOST}/", headers, b"abc")
    assert heard == []


async def test_a_request_as_it_is_sent():
    """Host first, fields in their order and case; what a URL cannot have is escaped as UTF-8."""
    heard = []
    async with client_of(answering(REUSED, heard=heard)) as http:
        await http.request("POST", f"https://{HOST}:443/\u00e9 a%2F?b= c", {"X-Client-SKU": "\u00fc "}, b"")
    assert heard[0] == (
        b"POST /%C3%A9%20a%2F?b=%20c HTTP/1.1\r\nHost: login.test:443\r\nAccept: */*\r\n"
        b"X-Client-SKU: \xc3\xbc\r\nContent-Length: 0\r\n\r\n"
    )
