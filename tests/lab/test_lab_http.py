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
