"""A listening HTTP or HTTPS socket that limits the TLS handshake to 10 s and reports connections that end in TLS."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import ssl
from collections.abc import Callable, Iterable
from functools import partial

from aiohttp import web

from ssosim.entra.http.connection import Connection
from ssosim.lab.network.tls_observer import OBSERVED_CONNECTION, ObservedConnection, TlsObserver

__all__ = ["HANDSHAKE_SECONDS", "HttpListener", "ProtocolFactory"]

HANDSHAKE_SECONDS = 10.0
"""The longest duration of a TLS handshake. A silent connection holds a file descriptor until then."""

ProtocolFactory = Callable[[Callable[[BaseException | None], None]], asyncio.Protocol]
"""Creates the protocol of a new connection. Its argument is called if that ends before the first HTTP byte."""

_FIRST_PRUNE = 8
_MOST_ACCEPTS = 128
_PAUSE_S = 1.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class HttpListener(web.SockSite):
    """An ``aiohttp.web.SockSite`` with a TLS handshake limit of ``HANDSHAKE_SECONDS``; aiohttp has no such setting.

    ``ssl_context`` None: plain HTTP. ``address``: the address of the estate that the socket stands for, for events.
    ``observer`` is notified of connections that end before the first HTTP byte.
    """

    def __init__(
        self,
        runner: web.BaseRunner,
        sock: socket.socket,
        *,
        ssl_context: ssl.SSLContext | None,
        make_protocol: ProtocolFactory,
        address: str,
        observer: TlsObserver,
    ) -> None:
        super().__init__(runner, sock, ssl_context=ssl_context)
        self._acceptor = _ConnectionAcceptor(sock, ssl_context, make_protocol, address, observer)

    async def start(self) -> None:
        """Start accepting connections."""
        await web.BaseSite.start(self)
        self._acceptor.start()

    async def stop(self) -> None:
        """Stop accepting connections. The runner closes those that are open."""
        await super().stop()
        await self._acceptor.stop()

    def abort_connections(self) -> None:
        """End the connections that still wait for the client's end of TLS, once the runner has closed all."""
        self._acceptor.abort_connections()


class _ConnectionAcceptor:
    """Accepts connections itself, because asyncio's server does not report whose handshake failed."""

    def __init__(
        self,
        listener: socket.socket,
        tls: ssl.SSLContext | None,
        make_protocol: ProtocolFactory,
        address: str,
        observer: TlsObserver,
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._make_protocol = make_protocol
        self._address = address
        self._observer = observer
        self._handshakes: set[asyncio.Task[None]] = set()
        self._connections: set[asyncio.BaseTransport] = set()
        self._prune_at = _FIRST_PRUNE
        self._loop = asyncio.get_running_loop()
        self._local = str(listener.getsockname()[0])

    def start(self) -> None:
        """Start accepting connections."""
        if self._listener.fileno() >= 0:
            self._listener.setblocking(False)
            self._loop.add_reader(self._listener.fileno(), self._accept)

    async def stop(self) -> None:
        """Stop accepting connections and cancel unfinished handshakes."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
        for task in self._handshakes:
            task.cancel()
        await asyncio.gather(*self._handshakes, return_exceptions=True)

    def abort_connections(self) -> None:
        """End all connections at once."""
        for transport in list(self._connections):
            if isinstance(transport, asyncio.Transport):
                # Python before 3.11.4 has nothing left to abort where aiohttp has closed a TLS transport twice.
                with contextlib.suppress(AttributeError):
                    transport.abort()

    def _add_connection(self, transport: asyncio.BaseTransport) -> None:
        """Remember an open connection. Closed ones are dropped at times, since uvloop's have no weak references."""
        self._connections.add(transport)
        if len(self._connections) >= self._prune_at:
            self._connections = {each for each in self._connections if not each.is_closing()}
            self._prune_at = 2 * len(self._connections) + _FIRST_PRUNE

    def _accept(self) -> None:
        for _ in range(_MOST_ACCEPTS):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                # The socket stays readable, so that the loop would call this method continuously.
                self._loop.remove_reader(self._listener.fileno())
                self._loop.call_later(_PAUSE_S, self.start)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._connect(connection, str(peer[0])))
            self._handshakes.add(task)
            task.add_done_callback(self._handshakes.discard)

    async def _connect(self, connection: socket.socket, remote: str) -> None:
        observed = ObservedConnection(remote, self._local, self._address)
        OBSERVED_CONNECTION.set(observed)  # valid in this task and in the loop's callbacks for this connection
        made: list[asyncio.Protocol] = []

        def protocol() -> asyncio.Protocol:
            made.append(self._make_protocol(partial(self._observer.record_unused, observed)))
            return made[0]

        try:
            limit = HANDSHAKE_SECONDS if self._tls else None
            transport, _ = await self._loop.connect_accepted_socket(
                protocol, connection, ssl=self._tls, ssl_handshake_timeout=limit
            )
            self._add_connection(transport)
        except OSError as error:
            self._observer.record_failed_handshake(observed, error)
            _release(made)
        except asyncio.CancelledError:
            _release(made)
            raise


def _release(protocols: Iterable[asyncio.Protocol]) -> None:
    """Free what a protocol holds whose connection never began: asyncio does not call its ``connection_lost``."""
    for each in protocols:
        if isinstance(each, Connection):
            each.release()
