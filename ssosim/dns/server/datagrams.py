"""UDP sockets of a DNS server on the ordinary way: asyncio's datagram endpoint."""

from __future__ import annotations

import asyncio
import socket
from typing import Protocol, cast

from ssosim.dns.server.tcp import Peer, QueryHandler

__all__ = ["MAX_DATAGRAM", "Datagrams", "open_endpoint"]

MAX_DATAGRAM = 4096
"""Octets of a query over UDP that are read; the rest of a longer one is dropped, as by a socket."""


class Datagrams(Protocol):
    """An open UDP socket whose queries are answered."""

    async def close(self) -> None:
        """Close the socket."""
        ...


class _Endpoint(asyncio.DatagramProtocol):
    """Passes each datagram to ``handle_query``. Answers are lost while the socket's buffer is full."""

    def __init__(self, local: str, handle_query: QueryHandler) -> None:
        self._local = local
        self._handle_query = handle_query
        self._is_full = False
        self._transport: asyncio.DatagramTransport | None = None
        self._lost = asyncio.Event()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # uvloop's is one in all but its bases

    def datagram_received(self, data: bytes, addr: Peer) -> None:
        self._handle_query(data[:MAX_DATAGRAM], addr, self._local, "udp", self._send)

    def error_received(self, exc: Exception) -> None:
        """Ignore an ICMP error to an earlier answer: the client is gone, the socket is not."""

    def pause_writing(self) -> None:
        self._is_full = True

    def resume_writing(self) -> None:
        self._is_full = False

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self._transport = None
        self._lost.set()

    def _send(self, message: bytes, peer: Peer) -> None:
        if self._transport is not None and not self._is_full:
            self._transport.sendto(message, peer)

    async def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()
            await self._lost.wait()


async def open_endpoint(datagrams: socket.socket, local: str, handle_query: QueryHandler) -> Datagrams:
    """Pass every query that arrives at this socket to ``handle_query``; ``local`` is the address of the socket."""
    loop = asyncio.get_running_loop()
    _, endpoint = await loop.create_datagram_endpoint(lambda: _Endpoint(local, handle_query), sock=datagrams)
    return endpoint
