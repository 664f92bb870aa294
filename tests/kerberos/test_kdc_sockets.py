"""The sockets of the gateway to krb5kdc: used again only where no reply can be taken for that of another request."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from ssosim.kerberos import Address
from ssosim.kerberos.free_ports import bind_pair
from ssosim.kerberos.kdc_sockets import KdcSockets

LONG_S = 60.0


class FakeKdc(asyncio.DatagramProtocol):
    """Answers ``x`` with ``re x``, ``twice`` twice, and ``silent`` not at all; ``peers`` has the source of each."""

    def __init__(self) -> None:
        self.peers: list[tuple[str, int]] = []
        self.late: list[tuple[bytes, tuple[str, int]]] = []
        self.transport: Any = None
        self.asked = asyncio.Event()

    def connection_made(self, transport: Any) -> None:
        """Keep the transport."""
        self.transport = transport

    def datagram_received(self, data: bytes, addr: Any) -> None:
        """Answer a request."""
        self.peers.append(addr)
        self.asked.set()
        if data == b"silent":
            self.late.append((b"late", addr))
            return
        self.transport.sendto(b"re " + data, addr)
        if data == b"twice":
            self.transport.sendto(b"again", addr)

    def send_late_replies(self) -> None:
        """Answer the silent requests now."""
        for data, addr in self.late:
            self.transport.sendto(data, addr)


@pytest.fixture
async def kdc() -> AsyncIterator[FakeKdc]:
    """A KDC on loopback."""
    loop = asyncio.get_running_loop()
    transport, one = await loop.create_datagram_endpoint(FakeKdc, local_addr=("127.0.0.1", 0))
    yield one
    transport.close()


@pytest.fixture
async def sockets() -> AsyncIterator[KdcSockets]:
    """The sockets under test."""
    each = KdcSockets()
    yield each
    each.close()
    await asyncio.sleep(0)


def address_of(kdc: FakeKdc) -> Address:
    """Where the KDC listens."""
    return Address(*kdc.transport.get_extra_info("sockname")[:2])


async def test_requests_in_turn_share_a_socket(kdc: FakeKdc, sockets: KdcSockets) -> None:
    """The next request after a reply goes out from the same port."""
    at = address_of(kdc)
    assert [await sockets.request(at, data, LONG_S) for data in (b"1", b"2", b"3")] == [b"re 1", b"re 2", b"re 3"]
    assert len(set(kdc.peers)) == 1


async def test_requests_at_once_have_a_socket_each(kdc: FakeKdc, sockets: KdcSockets) -> None:
    """Two requests that are under way together have two ports, so each gets its own reply."""
    at = address_of(kdc)
    assert await asyncio.gather(*(sockets.request(at, bytes([n]), LONG_S) for n in range(4))) == [
        b"re " + bytes([n]) for n in range(4)
    ]
    assert len(set(kdc.peers)) == 4


async def test_a_late_reply_is_not_that_of_the_next_request(kdc: FakeKdc, sockets: KdcSockets) -> None:
    """After a request without a reply its socket is closed; the reply that comes later reaches nobody."""
    at = address_of(kdc)
    assert await sockets.request(at, b"silent", 0.01) is None
    kdc.send_late_replies()
    assert await sockets.request(at, b"1", LONG_S) == b"re 1"
    assert len(set(kdc.peers)) == 2


async def test_a_cancelled_request_leaves_no_socket(kdc: FakeKdc, sockets: KdcSockets) -> None:
    """A request that is cancelled before its reply closes its socket."""
    at = address_of(kdc)
    task = asyncio.create_task(sockets.request(at, b"silent", LONG_S))
    await kdc.asked.wait()
    task.cancel()
    await asyncio.wait([task])
    kdc.send_late_replies()
    assert await sockets.request(at, b"1", LONG_S) == b"re 1"
    assert len(set(kdc.peers)) == 2


async def test_a_socket_with_a_second_reply_is_closed(kdc: FakeKdc, sockets: KdcSockets) -> None:
    """A reply that nobody waits for ends the use of a socket."""
    at = address_of(kdc)
    assert await sockets.request(at, b"twice", LONG_S) == b"re twice"
    # A reply to another socket comes after the second reply, since the kernel keeps the order on loopback.
    other = KdcSockets()
    assert await other.request(at, b"0", LONG_S) == b"re 0"
    other.close()
    assert await sockets.request(at, b"1", LONG_S) == b"re 1"
    assert kdc.peers[2] != kdc.peers[0]


async def test_a_closed_port_is_reported_at_once(sockets: KdcSockets) -> None:
    """Where nobody listens, there is no reply, and no wait for one."""
    udp, tcp = bind_pair("127.0.0.1", 0)
    at = Address(*udp.getsockname()[:2])
    udp.close()
    tcp.close()
    async with asyncio.timeout(LONG_S / 2):
        assert await sockets.request(at, b"1", LONG_S) is None
        assert await sockets.request(at, b"2", LONG_S) is None


async def test_closing_ends_the_use_of_sockets(kdc: FakeKdc, sockets: KdcSockets) -> None:
    """A request that is under way when all sockets are closed keeps none."""
    at = address_of(kdc)
    await sockets.request(at, b"1", LONG_S)
    sockets.close()
    assert await sockets.request(at, b"2", LONG_S) == b"re 2"
    assert await sockets.request(at, b"3", LONG_S) == b"re 3"
    assert len(set(kdc.peers)) == 3
