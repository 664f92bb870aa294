"""Sockets for whoever answers DNS queries: UDP and TCP on any number of addresses, and nothing about answers.

UDP is read straight from the socket, several datagrams a wake-up: measured 1.4 to 2.5 times as fast as asyncio's own
datagram transports, and no slower than uvloop's; twice as fast again in batches (``ssosim.dns.server.batched_io``),
where replies may be ready. TCP is in ``ssosim.dns.server.tcp``.
"""

from __future__ import annotations

import asyncio
import errno
import ipaddress
import os
import socket
from collections.abc import Callable
from functools import partial
from time import thread_time

from ssosim.dns.server.batched_io import Batches, Slots, usable
from ssosim.dns.server.peer_budget import Turns
from ssosim.dns.server.reply_cache import Ready
from ssosim.dns.server.tcp import Answering, Connections, Peer, Send
from ssosim.dns.server.wire_format import Transport

__all__ = ["ListenError", "Listener"]

DATAGRAMS_PER_WAKE_UP = 64
LONGEST_DATAGRAM = 4096
PORT_ATTEMPTS = 50


class ListenError(OSError):
    """An address cannot be listened on. The text says which, why, and what to do."""


class Listener:
    """Passes every query that arrives to ``answer``, but for those over UDP whose reply ``ready`` has for an address.

    A TCP connection ends after ``tcp_idle`` seconds without a whole query. Beyond ``tcp_limit`` connections one of the
    peer that has most is closed. Peers are answered in turn (``ssosim.dns.server.peer_budget``).
    """

    def __init__(
        self, answer: Answering, ready: Callable[[str], Ready | None], *, tcp_idle: float, tcp_limit: int
    ) -> None:
        self._answer = answer
        self._ready = ready
        self._slots: dict[socket.AddressFamily, Slots] = {}
        self._datagrams: list[socket.socket] = []
        self._servers: list[asyncio.Server] = []
        self._addresses: list[tuple[str, int]] = []
        self._turns = Turns()
        self._connections = Connections(answer, self._turns, limit=tcp_limit, idle=tcp_idle)

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """(address, port) of all that is listened on, over UDP and TCP alike."""
        return tuple(self._addresses)

    async def start(self, host: str, port: int) -> int:
        """Listen on one more address, an IPv4 or IPv6 literal; returns the port.

        Port 0 takes a port that is free for both UDP and TCP. Raises ListenError.
        """
        datagrams, stream = open_pair(host, port)
        bound: int = datagrams.getsockname()[1]
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(lambda: self._connections.accept(host), sock=stream)
        except BaseException:
            datagrams.close()
            stream.close()
            raise
        loop.add_reader(datagrams.fileno(), self._reader(datagrams, host))
        self._datagrams.append(datagrams)
        self._servers.append(server)
        self._addresses.append((host, bound))
        return bound

    async def stop(self) -> None:
        """Stop listening and end all connections. The listener may be started again."""
        loop = asyncio.get_running_loop()
        listening, self._datagrams = self._datagrams, []
        servers, self._servers = self._servers, []
        self._addresses = []
        self._turns.forget()
        for datagrams in listening:
            loop.remove_reader(datagrams.fileno())
            datagrams.close()
        for server in servers:
            server.close()
        await self._connections.close()
        for server in servers:
            await server.wait_closed()

    def _reader(self, datagrams: socket.socket, local: str) -> Callable[[], None]:
        """What answers the queries that have arrived at that socket."""
        ready = self._ready(local)
        if ready is None or not usable():
            return one_by_one(datagrams, local, self._fairly)
        slots = self._slots.get(datagrams.family)
        if slots is None:
            slots = self._slots[datagrams.family] = Slots(datagrams.family)
        return Batches(datagrams, local, slots, ready, (self._fairly, sender(datagrams))).read

    def _fairly(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        """Answer a query that came over UDP, when it is its peer's turn."""
        turns, address = self._turns, peer[0]
        if not turns.is_free(address):
            turns.wait(address, partial(self._answer, query, peer, local, transport, send))
            return
        began = thread_time()
        self._answer(query, peer, local, transport, send)
        turns.took(address, thread_time() - began)


def one_by_one(datagrams: socket.socket, local: str, answer: Answering) -> Callable[[], None]:
    """Reads that socket a datagram at a time, and passes each to ``answer``."""
    receive, send = datagrams.recvfrom, sender(datagrams)

    def read() -> None:
        for _ in range(DATAGRAMS_PER_WAKE_UP):
            try:
                query, peer = receive(LONGEST_DATAGRAM)
            except (BlockingIOError, InterruptedError):
                return
            except OSError:  # an ICMP error to an earlier answer: the client is gone, the socket is not
                continue
            answer(query, peer, local, "udp", send)

    return read


def sender(datagrams: socket.socket) -> Send:
    """What sends from that socket, or loses it where the buffer is full or the client has gone, as networks do."""
    send_to = datagrams.sendto

    def send(message: bytes, peer: Peer) -> None:
        try:
            send_to(message, peer)
        except OSError:
            return

    return send


def open_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket on one port; port 0 tries until one is free for both. Raises ListenError."""
    for _ in range(PORT_ATTEMPTS):
        stream = bound_socket(host, port, socket.SOCK_STREAM)
        try:
            return bound_socket(host, stream.getsockname()[1], socket.SOCK_DGRAM), stream
        except ListenError as error:
            stream.close()
            if port or error.errno != errno.EADDRINUSE:
                raise
    raise ListenError(errno.EADDRINUSE, f"{host}: no port is free for both UDP and TCP: stop what holds them")


def bound_socket(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
    """A non-blocking socket on that address. Raises ListenError."""
    try:
        version = ipaddress.ip_address(host).version
    except ValueError as error:
        raise ListenError(errno.EINVAL, f"{host!r} is not an IP address: give one such as 127.0.0.1") from error
    bound = socket.socket(socket.AF_INET if version == 4 else socket.AF_INET6, kind)
    try:
        bound.setblocking(False)
        if kind == socket.SOCK_STREAM:
            # For TCP only, and only against TIME_WAIT: on UDP it would let two servers share a port unnoticed.
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((host, port))
    except (OSError, OverflowError) as error:
        bound.close()
        raise ListenError(
            getattr(error, "errno", None) or errno.EINVAL,
            f"cannot listen on {host} port {port}: {advice(error)}",
        ) from error
    return bound


def advice(error: Exception) -> str:
    """Why binding failed, and what to do about it."""
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return "something else listens there: stop it, or choose another port (0 takes a free one)"
        case errno.EACCES:
            return "ports below 1024 need the lab's private network or root: choose a higher one"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address: add it, or use 127.0.0.1"
        case None:
            return "ports go from 0 to 65535"
        case number:
            return os.strerror(number)
