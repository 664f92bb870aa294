"""DNS over TCP: length-prefixed queries, many to a connection (RFC 7766), with limits on everything."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, cast

from ssosim.dns.server.wire_format import Transport

__all__ = ["Answering", "Connections", "Peer", "Send"]

Peer = tuple[Any, ...]
"""A socket address; the first part is the IP address."""

Send = Callable[[bytes, Peer], None]
"""Sends one message to a peer."""


class Answering(Protocol):
    """Takes one query and, now or later, passes its answer to ``send``."""

    def __call__(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        """Answer ``query``."""
        ...


class Connections:
    """All TCP connections of a server: at most ``limit``, each closed after ``idle`` seconds without a whole query."""

    def __init__(self, answer: Answering, *, limit: int, idle: float) -> None:
        self.answer = answer
        self.limit = limit
        self.idle = idle
        self.open: set[Connection] = set()
        self._none_left = asyncio.Event()

    def accept(self, local: str) -> Connection:
        """The protocol of a new connection to the address ``local``."""
        return Connection(self, local)

    async def close(self) -> None:
        """End every connection and wait until their sockets are closed."""
        for connection in self.open:
            connection.abort()
        while self.open:
            self._none_left.clear()
            await self._none_left.wait()

    def gone(self, connection: Connection) -> None:
        """A connection has ended."""
        self.open.discard(connection)
        if not self.open:
            self._none_left.set()


class Connection(asyncio.Protocol):
    """One TCP connection. Answers leave in the order in which they are ready (RFC 7766 section 6.2.1.1)."""

    def __init__(self, connections: Connections, local: str) -> None:
        self._connections = connections
        self._local = local
        self._peer: Peer = ("",)
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, or end it at once if there are too many."""
        self._transport = transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        peer = transport.get_extra_info("peername")
        if peer:
            self._peer = peer
        full = len(self._connections.open) >= self._connections.limit
        self._connections.open.add(self)
        if full:
            transport.abort()
        else:
            self._wait()

    def data_received(self, data: bytes) -> None:
        """Answer every query that is now complete."""
        self._received += data
        while len(self._received) >= 2:
            end = 2 + int.from_bytes(self._received[:2], "big")
            if len(self._received) < end:
                return
            query = bytes(self._received[2:end])
            del self._received[:end]
            self._wait()
            self._connections.answer(query, self._peer, self._local, "tcp", self._send)

    def pause_writing(self) -> None:
        """A client that does not read its answers gets no more of its queries read."""
        if self._transport is not None:
            self._transport.pause_reading()

    def resume_writing(self) -> None:
        """The client reads again."""
        if self._transport is not None:
            self._transport.resume_reading()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Forget the connection."""
        self._transport = None
        if self._idle is not None:
            self._idle.cancel()
        self._connections.gone(self)

    def abort(self) -> None:
        """End the connection without waiting for what is unsent."""
        if self._transport is not None:
            self._transport.abort()

    def _send(self, message: bytes, _peer: Peer) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(len(message).to_bytes(2, "big") + message)

    def _wait(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._connections.idle, self.abort)
