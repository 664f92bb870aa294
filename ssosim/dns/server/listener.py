"""Sockets of a DNS server: UDP and TCP on any number of addresses. It knows nothing about the content of answers.

UDP is read by the fast path (``ssosim.dns.server.fast_path``), or else by asyncio's datagram endpoint
(``ssosim.dns.server.datagrams``). TCP is in ``ssosim.dns.server.tcp``; the whole path of a query is described in
``ssosim.dns.server.delivery``.
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

from ssosim.dns.server import fast_path
from ssosim.dns.server.datagrams import Datagrams, open_endpoint
from ssosim.dns.server.peer_budget import PeerScheduler
from ssosim.dns.server.tcp import Connections, Peer, QueryHandler, Send
from ssosim.dns.server.wire_format import Transport

__all__ = ["ListenError", "Listener"]

PORT_ATTEMPTS = 50


class ListenError(OSError):
    """The server cannot listen on an address. The text has the address, the reason, and what to do."""


class Listener:
    """Passes every query to ``handle_query``, except UDP queries whose reply is in the cache of the local address.

    ``make_reply_cache`` makes this cache for each address. A TCP connection ends after ``tcp_idle`` seconds without a
    complete query. If more than ``tcp_limit`` connections are open, one of the peer with the most is closed. Peers take
    turns (``ssosim.dns.server.peer_budget``).
    """

    def __init__(
        self,
        handle_query: QueryHandler,
        make_reply_cache: Callable[[str], fast_path.ReplyCache | None],
        *,
        tcp_idle: float,
        tcp_limit: int,
    ) -> None:
        self._handle_query = handle_query
        self._make_reply_cache = make_reply_cache
        self._slots: dict[socket.AddressFamily, fast_path.Slots] = {}
        self._datagrams: list[Datagrams] = []
        self._servers: list[asyncio.Server] = []
        self._addresses: list[tuple[str, int]] = []
        self._scheduler = PeerScheduler()
        self._charged_until = 0.0
        """The end of the last query of this batch, in CPU time of the thread; 0 if other work has come since."""
        self._connections = Connections(handle_query, self._scheduler, limit=tcp_limit, idle=tcp_idle)

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """(address, port) of every endpoint; the listener has each over UDP and TCP."""
        return tuple(self._addresses)

    async def start(self, host: str, port: int) -> int:
        """Start listening on one more address, an IPv4 or IPv6 literal; return the port.

        Port 0 takes a port that is free for both UDP and TCP. Raises ListenError, FastPathSwitchError.
        """
        fast_path.enabled()  # raises for a wrong switch before anything is open
        datagrams, stream = open_socket_pair(host, port)
        bound: int = datagrams.getsockname()[1]
        loop = asyncio.get_running_loop()
        try:
            server = await loop.create_server(lambda: self._connections.accept(host), sock=stream)
            self._datagrams.append(await self._read_datagrams(datagrams, host))
        except BaseException:
            datagrams.close()
            stream.close()
            raise
        self._servers.append(server)
        self._addresses.append((host, bound))
        return bound

    async def stop(self) -> None:
        """Stop listening and close all connections. The listener may be started again."""
        listening, self._datagrams = self._datagrams, []
        servers, self._servers = self._servers, []
        self._addresses = []
        self._scheduler.clear()
        for datagrams in listening:
            await datagrams.close()
        for server in servers:
            server.close()
        await self._connections.close()
        for server in servers:
            await server.wait_closed()

    async def _read_datagrams(self, datagrams: socket.socket, local: str) -> Datagrams:
        """Process the queries that arrive at this socket from now on."""
        if not fast_path.enabled():
            return await open_endpoint(datagrams, local, self._handle_alone)
        cache = self._make_reply_cache(local)
        work = self._handle_in_turn, self._stop_charging
        return fast_path.start_reading(datagrams, local, work, cache, self._slots)

    def _stop_charging(self) -> None:
        """Charge no peer for what happens until the next query."""
        self._charged_until = 0.0

    def _handle_alone(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        """Process a query over UDP that is not one of a batch."""
        self._stop_charging()
        self._handle_in_turn(query, peer, local, transport, send)

    def _handle_in_turn(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        """Process a query over UDP, at once or when it is the turn of its peer."""
        scheduler, address = self._scheduler, peer[0]
        if not scheduler.may_run(address):
            scheduler.enqueue(address, partial(self._handle_query, query, peer, local, transport, send))
            return
        began = self._charged_until or thread_time()  # reading this clock is a system call
        self._handle_query(query, peer, local, transport, send)
        self._charged_until = ended = thread_time()
        scheduler.charge(address, ended - began)


def open_socket_pair(host: str, port: int) -> tuple[socket.socket, socket.socket]:
    """A UDP and a listening TCP socket on one port; port 0 tries until one is free for both. Raises ListenError."""
    for _ in range(PORT_ATTEMPTS):
        stream = open_socket(host, port, socket.SOCK_STREAM)
        try:
            return open_socket(host, stream.getsockname()[1], socket.SOCK_DGRAM), stream
        except ListenError as error:
            stream.close()
            if port or error.errno != errno.EADDRINUSE:
                raise
    raise ListenError(
        errno.EADDRINUSE, f"{host}: no port is free for both UDP and TCP: stop the programs that use them"
    )


def open_socket(host: str, port: int, kind: socket.SocketKind) -> socket.socket:
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
            f"cannot listen on {host} port {port}: {explain_bind_error(error)}",
        ) from error
    return bound


def explain_bind_error(error: Exception) -> str:
    """The reason why the bind failed, and what to do."""
    match getattr(error, "errno", None):
        case errno.EADDRINUSE:
            return "another program uses this port: stop it, or choose another port (0 takes a free one)"
        case errno.EACCES:
            return "ports below 1024 need the lab's private network or root: choose a higher one"
        case errno.EADDRNOTAVAIL:
            return "this machine has no such address: add it, or use 127.0.0.1"
        case None:
            return "ports go from 0 to 65535"
        case number:
            return os.strerror(number)
