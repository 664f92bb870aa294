"""A listening address, HTTPS or plain, that gives nobody a minute to begin, and sees who leaves within TLS."""

from __future__ import annotations

import asyncio
import errno
import socket
import ssl
from collections.abc import Callable
from functools import partial

from aiohttp import web

from ssosim.lab.network.tls_observer import VISIT, ObservedConnection, TlsObserver

__all__ = ["HANDSHAKE_SECONDS", "Greeting", "HttpListener"]

HANDSHAKE_SECONDS = 10.0
"""How long a TLS handshake may take. A connection that says nothing holds a file descriptor until then."""

Greeting = Callable[[Callable[[BaseException | None], None]], asyncio.Protocol]
"""From what is to be told of an end before the first byte of HTTP to a new connection's protocol."""

_AT_ONCE = 128
_PAUSE_S = 1.0
_EXHAUSTED = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)


class HttpListener(web.SockSite):
    """An ``aiohttp.web.SockSite`` whose TLS handshakes may not take asyncio's 60 seconds; it has no setting for it.

    Without ``ssl_context`` it is plain HTTP. ``address`` is the estate's name for what it listens on; ``visits``
    is told of connections that end within TLS.
    """

    def __init__(
        self,
        runner: web.BaseRunner,
        sock: socket.socket,
        *,
        ssl_context: ssl.SSLContext | None,
        greeting: Greeting,
        address: str,
        visits: TlsObserver,
    ) -> None:
        super().__init__(runner, sock, ssl_context=ssl_context)
        self._door = _Door(sock, ssl_context, greeting, address, visits)

    async def start(self) -> None:
        """Listen."""
        await web.BaseSite.start(self)
        self._door.open()

    async def stop(self) -> None:
        """Take no more connections; those that stand are the runner's business."""
        await super().stop()
        await self._door.close()


class _Door:
    """Accepts connections by itself: a loop's own server tells nobody with whom a handshake failed."""

    def __init__(
        self, listener: socket.socket, tls: ssl.SSLContext | None, greeting: Greeting, address: str, visits: TlsObserver
    ) -> None:
        self._listener = listener
        self._tls = tls
        self._greeting = greeting
        self._address = address
        self._visits = visits
        self._greeted: set[asyncio.Task[None]] = set()
        self._loop = asyncio.get_running_loop()
        self._local = str(listener.getsockname()[0])

    def open(self) -> None:
        """Accept from now on."""
        if self._listener.fileno() >= 0:
            self._listener.setblocking(False)
            self._loop.add_reader(self._listener.fileno(), self._accept)

    async def close(self) -> None:
        """Accept no more, and break off handshakes that are not done."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener.fileno())
            self._listener.close()
        for task in self._greeted:
            task.cancel()
        await asyncio.gather(*self._greeted, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(_AT_ONCE):
            try:
                connection, peer = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno not in _EXHAUSTED:
                    raise
                self._loop.remove_reader(self._listener.fileno())  # else it is ready again and again
                self._loop.call_later(_PAUSE_S, self.open)
                return
            connection.setblocking(False)
            task = self._loop.create_task(self._greet(connection, str(peer[0])))
            self._greeted.add(task)
            task.add_done_callback(self._greeted.discard)

    async def _greet(self, connection: socket.socket, remote: str) -> None:
        visit = ObservedConnection(remote, self._local, self._address)
        VISIT.set(visit)  # of this task, and so of all that the loop does for this connection
        greet = partial(self._greeting, partial(self._visits.unused, visit))
        try:
            await self._loop.connect_accepted_socket(
                greet, connection, ssl=self._tls, ssl_handshake_timeout=HANDSHAKE_SECONDS if self._tls else None
            )
        except OSError as error:
            self._visits.unfinished(visit, error)
