"""DNS over TCP: length-prefixed queries, several in one connection (RFC 7766), with limits on all resources."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from time import thread_time
from typing import Any, Protocol, cast

from ssosim.dns.server.peer_budget import PeerScheduler
from ssosim.dns.server.wire_format import Transport

__all__ = ["Connections", "Peer", "QueryHandler", "Send"]

Peer = tuple[Any, ...]
"""A socket address; the first part is the IP address."""

Send = Callable[[bytes, Peer], None]
"""Sends one message to a peer."""


class QueryHandler(Protocol):
    """Processes one query and passes its answer to ``send``, now or later."""

    def __call__(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        """Process ``query``, which ``peer`` sent to the address ``local``."""
        ...


class Connections:
    """All TCP connections of a server: at most ``limit``, each closed after ``idle`` seconds without a query."""

    def __init__(self, handle_query: QueryHandler, scheduler: PeerScheduler, *, limit: int, idle: float) -> None:
        self.handle_query = handle_query
        self.scheduler = scheduler
        self.limit = limit
        self.idle = idle
        self.open: dict[Connection, str] = {}
        self._none_left = asyncio.Event()

    def accept(self, local: str) -> Connection:
        """Make the protocol of a new connection to the address ``local``."""
        return Connection(self, local)

    async def close(self) -> None:
        """Close every connection and wait until the sockets are closed."""
        for connection in self.open:
            connection.abort()
        while self.open:
            self._none_left.clear()
            await self._none_left.wait()

    def add(self, connection: Connection, address: str) -> None:
        """Add a connection from ``address``. If there are too many, close one of the address that has the most.

        If ``address`` has as many as any other, the new connection is closed; else the longest idle one of that peer.
        """
        full = len(self.open) >= self.limit
        self.open[connection] = address
        if not full:
            return
        counts = Counter(self.open.values())
        most, count = counts.most_common(1)[0]
        if counts[address] >= count:
            connection.abort()
        else:
            next(each for each, owner in self.open.items() if owner == most).abort()

    def mark_used(self, connection: Connection) -> None:
        """Move a connection to the end of the order in which idle connections are closed."""
        self.open[connection] = self.open.pop(connection)

    def remove(self, connection: Connection) -> None:
        """Remove a connection that has ended."""
        self.open.pop(connection, None)
        if not self.open:
            self._none_left.set()


class Connection(asyncio.Protocol):
    """One TCP connection. Answers are sent in the order in which they are ready (RFC 7766 section 6.2.1.1).

    Reading pauses while the client does not read its answers, and while its peer has used its share of CPU time.
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
        """Register the connection; one connection is closed if there are too many."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is one in all but its bases
        peer = transport.get_extra_info("peername")
        if peer:
            self._peer = peer
        self._restart_idle_timer()
        self._connections.add(self, self._peer[0])

    def data_received(self, data: bytes) -> None:
        """Process the queries that are now complete, within the share of the peer."""
        self._received += data
        self._process_received()

    def _process_received(self) -> None:
        scheduler, address = self._connections.scheduler, self._peer[0]
        while not self._is_unread and not self._is_waiting and (query := self._take_query()) is not None:
            if scheduler.may_run(address):
                began = thread_time()
                self._answer(query)
                scheduler.charge(address, thread_time() - began)
            else:
                self._is_waiting = True
                scheduler.enqueue(address, partial(self._process_queued, query), always=True)
        self._update_reading()

    def _process_queued(self, query: bytes) -> None:
        """Process one query that has waited, and enqueue the next one."""
        self._is_waiting = False
        self._answer(query)
        if not self._is_unread and (after := self._take_query()) is not None:
            self._is_waiting = True
            self._connections.scheduler.enqueue(self._peer[0], partial(self._process_queued, after), always=True)
        self._update_reading()

    def _take_query(self) -> bytes | None:
        """Remove and return the next complete query; None if there is none."""
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
            self._restart_idle_timer()
            self._connections.mark_used(self)
            self._connections.handle_query(query, self._peer, self._local, "tcp", self._send)

    def _update_reading(self) -> None:
        """Resume or pause reading from the socket, as the state requires."""
        if self._transport is None or self._transport.is_closing():
            return
        if self._is_unread or self._is_waiting:
            self._transport.pause_reading()
        else:
            self._transport.resume_reading()

    def pause_writing(self) -> None:
        """Pause: the client does not read its answers."""
        self._is_unread = True
        self._update_reading()

    def resume_writing(self) -> None:
        """Continue: the client reads its answers again."""
        self._is_unread = False
        self._process_received()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        """Remove the connection from the list of open ones."""
        self._transport = None
        if self._idle is not None:
            self._idle.cancel()
        self._connections.remove(self)

    def abort(self) -> None:
        """Close the connection; unsent answers are lost."""
        if self._transport is not None:
            self._transport.abort()

    def _send(self, message: bytes, _peer: Peer) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(len(message).to_bytes(2, "big") + message)

    def _restart_idle_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(self._connections.idle, self.abort)
