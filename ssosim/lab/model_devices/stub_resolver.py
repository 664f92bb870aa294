"""The stub resolver of a client model's device: one UDP socket for its whole life, TCP where an answer is cut."""

from __future__ import annotations

import asyncio
import contextlib
import os
from typing import Any, cast

import dns.exception
from ssosim_clients.ports import DnsFailure, Family, Resolution

from ssosim.dns.zones.stub import NAME_PATIENCE_S, TYPES, Read, joined, query_for, read_wire, reverse_name
from ssosim.lab.model_devices.waiting import Patience
from ssosim.trace import DnsAnswered, Event

__all__ = ["LabResolver"]

_HEADER = 12


class LabResolver:
    """Asks the lab's DNS server and keeps nothing.

    ``search_domain`` is tried first for a name of one label, as glibc does with ndots 1. ``dual_stack``: AAAA counts
    for more than A, as on a device with IPv6 (RFC 6724).
    """

    def __init__(
        self,
        address: str,
        server: tuple[str, int],
        search_domain: str = "",
        *,
        dual_stack: bool = False,
        patience: Patience | None = None,
    ) -> None:
        self.address = address
        self.server = server
        self.search_domain = search_domain
        self._dual_stack = dual_stack
        self._patience = patience or Patience()
        self._socket: _Socket | None = None

    async def resolve(self, name: str, family: Family) -> Resolution:
        """Addresses and canonical name of ``name``; raises DnsFailure."""
        if self.search_domain and "." not in name:
            with contextlib.suppress(DnsFailure):
                return await self._resolve(f"{name}.{self.search_domain}", family)
        return await self._resolve(name, family)

    async def _resolve(self, name: str, family: Family) -> Resolution:
        found = [await self._ask(name, kind) for kind in TYPES[family]]
        return joined(name, tuple(found), dual_stack=self._dual_stack)

    async def reverse(self, address: str) -> str | None:
        """The first PTR name of ``address``, or None."""
        read = await self._ask(reverse_name(address), "PTR")
        return read.values[0] if read.values else None

    async def close(self) -> None:
        """Close the socket."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    async def _ask(self, name: str, kind: str) -> Read:
        try:
            query = query_for(name, kind)
        except (dns.exception.DNSException, UnicodeError):
            return Read("servfail")  # no name of the DNS; a server would not be asked

        def is_lost(event: Event) -> bool:
            return isinstance(event, DnsAnswered) and event.rcode == "DROPPED" and event.name == query.plain

        try:
            async with self._patience.waiting(NAME_PATIENCE_S, is_lost) as wait:
                answer = await wait(self._udp(query.tail))
                if answer[2] & 0x02:
                    answer = await wait(self._tcp(query.tail))
        except TimeoutError:
            return Read("timeout")
        except (OSError, EOFError, dns.exception.DNSException):
            return Read("servfail")
        return read_wire(answer[2:], query.type)

    async def _udp(self, query: bytes) -> bytes:
        if self._socket is None:
            self._socket = await _Socket.open(self.address, self.server)
        return await self._socket.ask(query)

    async def _tcp(self, query: bytes) -> bytes:
        host, port = self.server
        reader, writer = await asyncio.open_connection(host, port, local_addr=(self.address, 0))
        try:
            sent = os.urandom(2) + query
            writer.write(len(sent).to_bytes(2, "big") + sent)
            return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        finally:
            writer.close()


class _Socket(asyncio.DatagramProtocol):
    """A UDP socket to one server, and who waits for which answer."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport
        self._waiting: dict[bytes, tuple[bytes, asyncio.Future[bytes]]] = {}

    @classmethod
    async def open(cls, address: str, server: tuple[str, int]) -> _Socket:
        """One from ``address`` to ``server``; raises OSError."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_datagram_endpoint(cls, local_addr=(address, 0), remote_addr=server)
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    async def ask(self, query: bytes) -> bytes:
        """Send ``query`` under a new id and wait for the answer to it."""
        number = os.urandom(2)
        while number in self._waiting:
            number = os.urandom(2)
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._waiting[number] = (query[_HEADER - 2 :], future)
        try:
            self._transport.sendto(number + query)
            return await future
        finally:
            del self._waiting[number]

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002 - asyncio's
        asked = self._waiting.get(data[:2])
        if asked is None or len(data) < _HEADER or not data[2] & 0x80:
            return
        question, future = asked
        size = question.index(b"\0") + 5 if data[4:6] == b"\0\1" else 0  # name, type and class
        if not future.done() and (data[_HEADER : _HEADER + size].lower() == question[:size].lower()):
            future.set_result(data)

    def error_received(self, exc: Exception) -> None:
        for _, future in self._waiting.values():
            if not future.done():
                future.set_exception(exc)

    def close(self) -> None:
        """Close the socket."""
        self._transport.close()
