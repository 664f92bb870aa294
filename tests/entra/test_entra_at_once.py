"""Requests that are answered at once: the same bytes as by aiohttp's own path, and only where that is safe."""

import asyncio
import re
from collections import Counter
from unittest.mock import Mock
from urllib.parse import parse_qsl

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import HttpReply, read_fields
from ssosim.entra.http.app import create_server
from ssosim.entra.http.fast_path import render_reply
from ssosim.entra.http.server import ProviderServer
from ssosim.trace import HttpExchange
from tests.fast_paths import switched

REALM = b"GET /common/userrealm/alice@contoso.com?api-version=1.0 HTTP/1.1\r\nHost: login.microsoftonline.com\r\n"
GUID = b"client-request-id: 11111111-2222-4333-a444-555555555555\r\nreturn-client-request-id: true\r\n"


@pytest.fixture
async def connection(site, monkeypatch):
    """A bare connection to the provider; counts in ``site.at_once`` what was answered at once."""
    counts = Counter()
    original = ProviderServer.__init__

    class Counted:
        def __init__(self, at_once):
            self.at_once = at_once

        def answer(self, *parts):
            answer = self.at_once.answer(*parts)
            counts["answered" if answer else "left"] += 1
            return answer

        def answer_known(self, *parts):
            answer = self.at_once.answer_known(*parts)
            counts["answered"] += answer is not None
            return answer

    def counting(self, handler, refused, at_once):
        original(self, handler, refused, Counted(at_once))

    monkeypatch.setattr(ProviderServer, "__init__", counting)
    with switched("on"):
        runner = web.ServerRunner(create_server(site.provider))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    reader, writer = await asyncio.open_connection(*runner.addresses[0][:2])
    yield reader, writer, counts
    writer.close()
    await writer.wait_closed()
    await runner.cleanup()


async def _read(reader):
    """One answer: status line, header fields (without those of the moment), body."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 60)
    length = re.search(rb"Content-Length: (\d+)", head)
    body = await reader.readexactly(int(length[1]))
    first, *fields = head.decode().split("\r\n")
    varying = ("x-ms-request-id", "Date")
    return first, sorted(field for field in fields if not field.startswith(varying)), body


def _same(one, other):
    new_each_time = re.compile(rb"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
    return one[:2] == other[:2] and new_each_time.sub(b"", one[2]) == new_each_time.sub(b"", other[2])


def _rst(site, *fields: bytes) -> bytes:
    body = site.rst() if isinstance(site.rst(), bytes) else site.rst().encode()
    head = b"POST /contoso.com/winauth/trust/2005/windowstransport HTTP/1.1\r\n"
    return (
        head
        + b"Host: autologon.microsoftazuread-sso.com\r\n"
        + b"".join(fields)
        + b"Content-Length: %d\r\n\r\n" % len(body)
        + body
    )


async def test_at_once_and_by_aiohttp_are_the_same_bytes(site, connection):
    """With a find_effect function aiohttp answers, without one the fast path; the bytes are the same."""
    reader, writer, counts = connection
    no_fault = Mock(return_value=None)
    for request in (REALM + GUID + b"\r\n", REALM + b"\r\n", _rst(site)):
        answers = []
        for site.provider.find_effect in (None, no_fault):
            writer.write(request)
            answers.append(await _read(reader))
        assert _same(*answers)
    assert counts == {"answered": 3, "left": 3}


async def test_every_request_is_answered_once_and_in_order(site, connection):
    """Pipelined, in pieces, mixed: as many answers as requests, each recorded once, in the order asked."""
    reader, writer, _ = connection
    mex = b"GET /contoso.com/winauth/trust/mex HTTP/1.1\r\nHost: autologon.microsoftazuread-sso.com\r\n\r\n"
    realm, rst = REALM + b"\r\n", _rst(site)
    writer.write(realm)
    await _read(reader)
    writer.write(rst + realm + mex)
    writer.write(realm[:40])
    await asyncio.sleep(0.02)
    writer.write(realm[40:])
    await asyncio.sleep(0.02)
    for cut in (10, len(rst) - 5):
        writer.write(rst[:cut])
        await asyncio.sleep(0.02)
        writer.write(rst[cut:])
        await asyncio.sleep(0.02)
    writer.write(rst)
    states = [(await _read(reader))[0].split()[1] for _ in range(7)]
    assert states == ["401", "200", "200", "200", "401", "401", "401"]
    assert len([record for record in site.provider.trace if isinstance(record.event, HttpExchange)]) == 8


async def test_what_needs_waiting_or_closing_is_left_to_aiohttp(site, connection):
    """Expect, a fault's delay and Connection: close are never answered at once."""
    reader, writer, counts = connection
    writer.write(REALM + b"\r\n")
    await _read(reader)
    writer.write(_rst(site, b"Expect: 100-continue\r\n"))
    assert await reader.readexactly(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    assert (await _read(reader))[0] == "HTTP/1.1 401 Unauthorized"
    site.provider.find_effect = Mock(return_value=HttpEffect(reply=HttpReply(503)))
    writer.write(REALM + b"\r\n")
    assert (await _read(reader))[0] == "HTTP/1.1 503 Service Unavailable"
    site.provider.find_effect = None
    writer.write(REALM + b"Connection: close\r\n\r\n")
    _, fields, _ = await _read(reader)
    assert "Connection: close" in fields
    assert await asyncio.wait_for(reader.read(), 60) == b""
    assert counts == {"answered": 1, "left": 1}


@pytest.mark.parametrize("value", ["a\r\nSet-Cookie: x=1", "a\nb", "a\rb"])
def test_a_header_holds_no_line_end(value):
    """Request text that would add header lines gives a 500 and is not sent."""
    reply = render_reply(HttpReply(302, b"moved", headers=(("Location", value),)), ())
    assert reply.startswith(b"HTTP/1.1 500 ")
    assert value.encode() not in reply


@given(st.text(alphabet="ab=&+%20€;é\x00", max_size=40))
def test_fields_are_read_as_the_standard_library_reads_them(text):
    """Names and values of a form or query are those of ``parse_qsl``, at a third of its cost."""
    assert read_fields(text, 256) == dict(parse_qsl(text, keep_blank_values=True))


def test_too_many_fields_are_refused():
    """The limit counts fields, as the standard library's does."""
    assert len(read_fields("&".join(f"a{n}=1" for n in range(256)), 256)) == 256
    with pytest.raises(ValueError, match="256"):
        read_fields("a&" * 256 + "a", 256)
