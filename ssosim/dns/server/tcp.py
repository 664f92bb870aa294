"""DNS over TCP: length-prefixed queries, many to a connection (RFC 7766), with limits on everything."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from time import thread_time
from typing import Any, Protocol, cast

from ssosim.dns.server.peer_budget import Turns
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

    def __init__(self, answer: Answering, turns: Turns, *, limit: int, idle: float) -> None:
        self.answer = answer
        self.turns = turns
        self.limit = limit
        self.idle = idle
        self.open: dict[Connection, str] = {}
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

    def made(self, connection: Connection, address: str) -> None:
        """A connection from ``address`` is open. If that is one too many, one of the peer that has most goes.

        That is the newcomer where its own address has as many as any, else the one that has been quiet for longest.
        """
        full = len(self.open) >= self.limit
        self.open[connection] = address
        if not full:
            return
        held = Counter(self.open.values())
        most, count = held.most_common(1)[0]
        if held[address] >= count:
            connection.abort()
        else:
            next(each for each, owner in self.open.items() if owner == most).abort()

    def heard(self, connection: Connection) -> None:
        """A connection is in use: it is the last one to be called quiet."""
        self.open[connection] = self.open.pop(connection)

    def gone(self, connection: Connection) -> None:
        """A connection has ended."""
        self.open.pop(connection, None)
        if not self.open:
            self._none_left.set()


class Connection(asyncio.Protocol):
    """One TCP connection. Answers leave in the order in which they are ready (RFC 7766 section 6.2.1.1).

    A client that does not read its answers, or has had its peer's share, gets no more of its queries read meanwhile.
    """

    def __init__(self, connections: Connections, local: str) -> None:
        self._connections = connections
        self._local = local
        self._peer: Peer = ("",)
        self._received = bytearray()
        self._transport: asyncio.Transport | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._is_unread = False
        self._is_waiting = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the connection, and end one if there are too many."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        peer = transport.get_extra_info("peername")
        if peer:
            self._peer = peer
        self._wait()
        self._connections.made(self, self._peer[0])

    def data_received(self, data: bytes) -> None:
        """Answer what is now complete, as far as the peer's share goes."""
        self._received += data
        self._go_on()

    def _go_on(self) -> None:
        turns, address = self._connections.turns, self._peer[0]
        while not self._is_unread and not self._is_waiting and (query := self._next()) is not None:
            if turns.is_free(address):
                began = thread_time()
                self._answer(query)
                turns.took(address, thread_time() - began)
            else:
                self._is_waiting = True
                turns.wait(address, partial(self._in_turn, query), always=True)
        self._read_on()

    def _in_turn(self, query: bytes) -> None:
        """Answer one query that has waited, and have the next one wait."""
        self._is_waiting = False
        self._answer(query)
        if not self._is_unread and (after := self._next()) is not None:
            self._is_waiting = True
            self._connections.turns.wait(self._peer[0], partial(self._in_turn, after), always=True)
        self._read_on()

    def _next(self) -> bytes | None:
        """The next query, if the whole of it is there."""
        if self._transport is None or len(self._received) < 2:
            return None
        end = 2 + int.from_bytes(self._received[:2], "big")
        if len(self._received) < end:
            return None
        query = bytes(self._received[2:end])
        del self._received[:end]
        return query

    def _answer(self, query: bytes) -> None:
        if self._transport is not None:
            self._wait()
            self._connections.heard(self)
            self._connections.answer(query, self._peer, self._local, "tcp", self._send)

    def _read_on(self) -> None:
        """Read from the socket, or not, as it should now be."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._is_unread or self._is_waiting:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """The client does not read its answers."""
        self._is_unread = True
        self._read_on()

    def resume_writing(self) -> None:
        """The client reads again."""
        self._is_unread = False
        self._go_on()

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
