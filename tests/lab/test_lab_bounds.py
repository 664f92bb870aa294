"""What the lab itself reads from outside is bounded: control requests, answers to models, programs' output, chunks."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web
from ssosim_clients.ports import HttpResponse

from fuzz.targets import provider
from ssosim.entra.http.app import create_server
from ssosim.kerberos import der
from ssosim.kerberos.messages import Unreadable, read_message
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.request_bodies import SMALL, parse_object
from ssosim.lab.model_devices.http_messages import HEAD_LIMIT, Exchange, draft_request, new_connection
from ssosim.trace import redact


def read_response(octets: bytes) -> HttpResponse | None:
    """Read the response to a GET."""
    exchange = Exchange(new_connection(), draft_request("GET", "a.example", "/", {}, b""))
    exchange.encode()
    return exchange.feed(octets)


def test_a_control_request_is_small() -> None:
    """More than 128 KiB where no file is expected is refused with both sizes; zones may be larger."""
    body = b'{"a": "' + b"x" * SMALL + b'"}'
    with pytest.raises(LabInputError, match=f"has {len(body)} bytes: at most {SMALL} are read"):
        parse_object(body)
    assert parse_object(body, 1 << 20)["a"] == "x" * SMALL


def test_an_answer_of_many_fields_is_none() -> None:
    """A model reads 256 lines of a head."""
    read_response(b"HTTP/1.1 204 OK\r\n" + b"a: b\r\n" * 256 + b"\r\n")
    with pytest.raises(ValueError, match="more than 256 header fields"):
        read_response(b"HTTP/1.1 204 OK\r\n" + b"a: b\r\n" * 257 + b"\r\n")


@pytest.mark.parametrize("more", [0, 1])
def test_a_long_head_is_refused_however_it_arrives(more: int) -> None:
    """A model reads 262,144 octets of a head, also where all of it arrives at once."""
    start, end = b"HTTP/1.1 204 OK\r\nA: ", b"\r\n\r\n"
    octets = start + b"b" * (HEAD_LIMIT - len(start) - len(end) + more) + end
    if not more:
        assert read_response(octets) is not None
        return
    with pytest.raises(ValueError, match=f"a head of more than {HEAD_LIMIT} octets"):
        read_response(octets)


def test_a_long_principal_is_not_escaped() -> None:
    """A name of 32 long components is refused for its length, not taken apart letter by letter."""
    text = der.encode_element(der.GENERAL_STRING, b"\x01" * 1024)
    name = der.encode_element(
        der.SEQUENCE,
        der.encode_context(0, der.encode_integer(1)),
        der.encode_context(1, der.encode_element(0x30, text * 32)),
    )
    body = der.encode_element(
        der.SEQUENCE, der.encode_context(1, name), der.encode_context(2, der.encode_element(der.GENERAL_STRING, b"R"))
    )
    message = der.encode_application(
        10,
        der.encode_element(
            der.SEQUENCE,
            der.encode_context(1, der.encode_integer(5)),
            der.encode_context(2, der.encode_integer(10)),
            der.encode_context(4, body),
        ),
    )
    assert read_message(message) == Unreadable("a name of more than 1024 bytes")


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("x-eyJhbGciOi9.eyJz.c and more", "x-(redacted) and more"),
        ("a.b." + "c" * 30 + "." + "d" * 10 + ".e f", "a.b.(redacted) f"),
        ("example.com www.example.com 10.0.0.1", "example.com www.example.com 10.0.0.1"),
        ("-" * 40 + ".aaaaaaaaaaaa", "-" * 40 + ".aaaaaaaaaaaa"),
    ],
)
def test_tokens_in_the_midst_of_a_run(text: str, left: str) -> None:
    """A token is found where a word begins inside a run of letters and dashes; names are none."""
    assert redact(text) == left


@pytest.mark.parametrize("chunks", [1000, 1500, 20_000])
async def test_chunks_are_counted(chunks: int) -> None:
    """A body of a thousand chunks is read; of one with very many the rest is not, and the connection ends."""
    runner = web.ServerRunner(create_server(provider()), handle_signals=False)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = b"POST /common/GetCredentialType HTTP/1.1\r\nHost: login.microsoftonline.com\r\n"
        chunk = b"1\r\n \r\n"
        writer.write(head + b"Transfer-Encoding: chunked\r\n\r\n" + chunk * chunks + b"0\r\n\r\n")
        line = await asyncio.wait_for(reader.readline(), 20)
        assert b" 400 " in line, "blanks are no JSON, and no body of that many pieces is read"
        fields = await reader.readuntil(b"\r\n\r\n")
        assert (b"connection: close" in fields.lower()) == (chunks > 1024)
        writer.close()
    finally:
        await runner.cleanup()
