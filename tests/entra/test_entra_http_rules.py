"""What RFC 9110 and 9112 want of a server, on real sockets: versions, transfer codings, targets, the Server field."""

import asyncio

import pytest
from aiohttp import web
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssosim.entra.http.app import create_server
from ssosim.entra.http.connection import SERVER_NAME
from ssosim.trace import HttpExchange

PATH = "/common/discovery/keys"

pytestmark = pytest.mark.usefixtures("both_ways")


async def exchange(site, *requests, head=False):
    """The whole answer to each of ``requests``, or its head alone, each on a connection of its own."""
    site.provider.client_of = lambda remote, local: f"{remote}>{local}"
    runner = web.ServerRunner(create_server(site.provider))
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    answers = []
    try:
        for request in requests:
            reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
            writer.write(request)
            reading = reader.readuntil(b"\r\n\r\n") if head else reader.read()
            answers.append(await asyncio.wait_for(reading, 30))
            writer.close()
    finally:
        await runner.cleanup()
    return answers


def get(site, line, *more):
    """A GET whose first line is ``line``."""
    return "\r\n".join([line, f"Host: {site.LOGIN}", "Connection: close", *more, "", ""]).encode()


def status(answer):
    """The status of an answer."""
    assert answer.startswith(b"HTTP/1."), answer[:60]
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.1", 200), ("1.0", 200), ("2.0", 505), ("3.0", 505), ("0.9", 505), ("2", 400), ("11.1", 400), ("x.y", 400)],
)
async def test_versions(site, version, expected):
    """505 for another major version; what is no version is 400. The answer is HTTP/1 in any case."""
    [answer] = await exchange(site, get(site, f"GET {PATH} HTTP/{version}"))
    assert status(answer) == expected
    [event] = [record.event for record in site.provider.trace if isinstance(record.event, HttpExchange)]
    assert event.status == expected


async def test_the_preface_of_http_2(site):
    """A client with prior knowledge of HTTP/2 is told which version there is."""
    [answer] = await exchange(site, b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")
    assert status(answer) == 505


@pytest.mark.parametrize(
    ("coding", "expected"),
    [
        ("chunked", 400),
        ("Chunked", 400),
        ("gzip, chunked", 501),
        ("foo, chunked", 501),
        ("foo", 501),
        ("identity", 501),
        ("xchunked", 501),
        ("chunked, chunked", 400),
        ("chunked, gzip", 400),
        ("", 400),
    ],
)
async def test_transfer_codings(site, coding, expected):
    """501 for a coding beside chunked, before the body is looked at; the form within chunked is read."""
    head = f"POST /common/oauth2/token HTTP/1.1\r\nHost: {site.LOGIN}\r\nTransfer-Encoding: {coding}\r\n"
    body = "Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n3\r\na=b\r\n0\r\n\r\n"
    [answer] = await exchange(site, (head + body).encode())
    assert status(answer) == expected
    assert (b"AADSTS900144" in answer) == (coding.lower() == "chunked")
    [old] = await exchange(site, (head.replace("HTTP/1.1", "HTTP/1.0") + body).encode())
    assert status(old) in (400, 501)
    assert b"AADSTS" not in old


async def test_a_second_request_behind_a_refused_one_is_not_read(site):
    """Where a message ends is not known, so the connection does: no smuggling."""
    first = f"POST {PATH} HTTP/1.1\r\nHost: {site.LOGIN}\r\nTransfer-Encoding: foo, chunked\r\n\r\n0\r\n\r\n"
    [answer] = await exchange(site, first.encode() + get(site, f"GET {PATH} HTTP/1.1"))
    assert status(answer) == 501
    assert answer.count(b"HTTP/1.") == 1


async def test_absolute_form(site):
    """RFC 9112, section 3.2.2: accepted, and its host goes before the Host field."""
    lines = (f"https://{site.LOGIN}{PATH}", f"https://{site.AUTOLOGON}{PATH}", f"https://evil.example{PATH}")
    answers = await exchange(site, *(get(site, f"GET {line} HTTP/1.1") for line in lines))
    assert [status(answer) for answer in answers] == [200, 404, 421]


async def test_no_answer_names_versions(site):
    """The Server field is the lab's name alone, in answers of every kind and on the short way too."""
    requests = [
        get(site, f"GET {PATH} HTTP/1.1"),
        get(site, f"GET {PATH} HTTP/1.1").replace(b"Connection: close\r\n", b""),
        get(site, f"HEAD {PATH} HTTP/1.1"),
        get(site, "GET /nowhere HTTP/1.1"),
        get(site, f"GET {PATH} HTTP/2.0"),
        get(site, "rubbish"),
        get(site, f"POST {PATH} HTTP/1.1", "Transfer-Encoding: chunked") + b"zz\r\n",
    ]
    for answer in await exchange(site, *requests, head=True):
        fields = [line for line in answer.split(b"\r\n\r\n")[0].split(b"\r\n") if line.lower().startswith(b"server:")]
        assert fields == [f"Server: {SERVER_NAME}".encode()], answer[:200]
        assert b"aiohttp" not in answer
        assert b"Python" not in answer


TOKEN = st.text(st.sampled_from("abcdefGHchunked.-+;= ,\t"), max_size=14)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(coding=TOKEN, version=st.sampled_from(["0.9", "1.0", "1.1", "1.2", "2.0", "3.0", "", "1", "1.1 ", "one"]))
def test_nothing_malformed_is_accepted(site, coding, version):
    """A message whose framing or version is not known gets 400, 501 or 505, and reaches no endpoint."""
    head = f"POST /common/oauth2/token HTTP/{version}\r\nHost: {site.LOGIN}\r\nTransfer-Encoding: {coding}\r\n"
    body = "Connection: close\r\nContent-Type: application/x-www-form-urlencoded\r\n\r\n3\r\na=b\r\n0\r\n\r\n"
    [answer] = asyncio.run(exchange(site, (head + body).encode()))
    right = version == "1.1" and coding.strip().lower() == "chunked"
    assert status(answer) in ((400,) if right else (400, 501, 505))
    assert (b"AADSTS" in answer) == right
