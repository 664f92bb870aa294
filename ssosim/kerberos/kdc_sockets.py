"""UDP sockets to KDCs, which are used again.

A reply of a KDC has no clear-text field that identifies its request (RFC 4120, section 5.4.2). So one request at a time
is under way on a socket, and a socket whose request got no reply, or which got a reply that nobody waits for, is
closed: what arrives later could be taken for the reply to the next request. To open a socket for each request took a
third of the gateway's time.
"""

from __future__ import annotations

import asyncio
from typing import Any, cast

from ssosim.kerberos.free_ports import Address

__all__ = ["KdcSockets"]

_MOST_IDLE = 8  # sockets to one KDC that wait for their next request


class KdcSockets:
    """The sockets to all KDCs of a lab, by the address of the KDC. They belong to the event loop that runs."""

    def __init__(self) -> None:
        self._idle: dict[Address, list[_KdcSocket]] = {}
        self._closed = False

    async def request(self, kdc: Address, data: bytes, timeout_s: float) -> bytes | None:
        """Send ``data`` to ``kdc`` and return its reply; None if none came within ``timeout_s`` seconds.

        None at once if the kernel reports that nobody listens there. Raises OSError if no socket can be opened.
        """
        one = self._take(kdc) or await _KdcSocket.open(kdc)
        try:
            async with asyncio.timeout(timeout_s):
                return await one.request(data)
        except TimeoutError:
            return None
        finally:
            self._give_back(kdc, one)

    def close(self) -> None:
        """Close the idle sockets. Those in use are closed at the end of their request."""
        self._closed = True
        for sockets in self._idle.values():
            for one in sockets:
                one.close()
        self._idle.clear()

    def _take(self, kdc: Address) -> _KdcSocket | None:
        idle = self._idle.get(kdc)
        while idle:
            one = idle.pop()
            if one.is_reusable:
                return one
        return None

    def _give_back(self, kdc: Address, one: _KdcSocket) -> None:
        idle = self._idle.setdefault(kdc, [])
        if one.is_reusable and not self._closed and len(idle) < _MOST_IDLE:
            idle.append(one)
        else:
            one.close()


class _KdcSocket(asyncio.DatagramProtocol):
    """One connected socket. ``is_reusable``: each request so far has got exactly one reply."""

    def __init__(self) -> None:
        self.is_reusable = True
        self._reply: asyncio.Future[bytes | None] | None = None
        self._transport: asyncio.DatagramTransport

    @classmethod
    async def open(cls, kdc: Address) -> _KdcSocket:
        """Open a socket to ``kdc``. Raises OSError."""
        _, one = await asyncio.get_running_loop().create_datagram_endpoint(cls, remote_addr=kdc)
        return one

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's class is not a subclass of it

    async def request(self, data: bytes) -> bytes | None:
        """Send ``data`` and wait for the reply; None if there is an error."""
        self._reply = asyncio.get_running_loop().create_future()
        self.is_reusable = False  # until the reply is there
        try:
            self._transport.sendto(data)
            return await self._reply
        finally:
            self._reply = None

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002 - asyncio's
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(data)
            self.is_reusable = True
        else:
            self._discard()

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002 - asyncio's signature
        if self._reply is not None and not self._reply.done():
            self._reply.set_result(None)
        self._discard()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's signature
        self.error_received(ConnectionError())

    def _discard(self) -> None:
        self.is_reusable = False
        self.close()

    def close(self) -> None:
        """Close the socket. May be called twice."""
        self._transport.close()
