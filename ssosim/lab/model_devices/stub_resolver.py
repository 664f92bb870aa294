"""The stub resolver of a client model's device: a UDP socket for each server, and TCP for truncated answers."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Sequence
from typing import Any, cast

import dns.exception
from ssosim_clients.ports import DnsFailure, Family, Resolution

from ssosim.dns.zones.stub import (
    NAME_TIMEOUT_S,
    TYPES,
    LookupResult,
    Query,
    asks_next_server,
    build_query,
    merge_lookups,
    read_wire,
    reverse_name,
)
from ssosim.lab.base.own_sockets import code_of_lab
from ssosim.lab.model_devices.waiting import ResponseTimer
from ssosim.trace import DnsAnswered, Event

__all__ = ["LabResolver"]

_HEADER = 12


class LabResolver:
    """Queries DNS servers, without a cache: the first of ``servers``, and the next one after a failure.

    ``address``: the source address. ``search_domain`` is appended first to a name of one label, as in glibc with
    ndots 1. ``dual_stack``: return AAAA addresses before A addresses, as on a device with IPv6 (RFC 6724).
    """

    def __init__(
        self,
        address: str,
        servers: Sequence[tuple[str, int]],
        search_domain: str = "",
        *,
        dual_stack: bool = False,
        timer: ResponseTimer | None = None,
    ) -> None:
        self.address = address
        self.servers = tuple(servers)
        self.search_domain = search_domain
        self._dual_stack = dual_stack
        self._timer = timer or ResponseTimer()
        self._sockets: dict[tuple[str, int], _UdpSocket] = {}
        self._opening = asyncio.Lock()

    @code_of_lab
    async def resolve(self, name: str, family: Family) -> Resolution:
        """Return the addresses, the canonical name and the CNAME chain of ``name``. Raises DnsFailure."""
        if self.search_domain and "." not in name:
            with contextlib.suppress(DnsFailure):
                return await self._resolve(f"{name}.{self.search_domain}", family)
        return await self._resolve(name, family)

    async def _resolve(self, name: str, family: Family) -> Resolution:
        found = [await self._query_type(name, kind) for kind in TYPES[family]]
        return merge_lookups(name, tuple(found), dual_stack=self._dual_stack)

    @code_of_lab
    async def reverse(self, address: str) -> str | None:
        """The first PTR name of ``address``, or None."""
        read = await self._query_type(reverse_name(address), "PTR")
        return read.values[0] if read.values else None

    @code_of_lab
    async def look_up(self, name: str, kind: str) -> LookupResult:
        """Return what an answer about ``name`` and the record type ``kind`` holds."""
        return await self._query_type(name, kind)

    async def close(self) -> None:
        """Close the sockets."""
        for each in self._sockets.values():
            each.close()
        self._sockets.clear()

    async def _query_type(self, name: str, kind: str) -> LookupResult:
        try:
            query = build_query(name, kind)
        except (dns.exception.DNSException, UnicodeError):
            return LookupResult("servfail")  # no name of the DNS; a server would not be asked

        read = LookupResult("timeout")
        for server in self.servers:
            read = await self._query_server(server, query)
            if not asks_next_server(read):
                break
        return read

    async def _query_server(self, server: tuple[str, int], query: Query) -> LookupResult:
        def means_no_response(event: Event) -> bool:
            return isinstance(event, DnsAnswered) and event.rcode == "DROPPED" and event.name == query.plain

        try:
            async with self._timer.limit(NAME_TIMEOUT_S, means_no_response):
                answer = await self._udp(server, query.tail)
                if answer[2] & 0x02:
                    answer = await self._tcp(server, query.tail)
        except TimeoutError:
            return LookupResult("timeout")
        except (OSError, EOFError, dns.exception.DNSException):
            return LookupResult("servfail")
        return read_wire(answer[2:], query.type)

    async def _udp(self, server: tuple[str, int], query: bytes) -> bytes:
        if server not in self._sockets:
            async with self._opening:  # one socket also for the first queries if they are sent together
                if server not in self._sockets:
                    self._sockets[server] = await _UdpSocket.open(self.address, server)
        return await self._sockets[server].send_query(query)

    async def _tcp(self, server: tuple[str, int], query: bytes) -> bytes:
        host, port = server
        reader, writer = await asyncio.open_connection(host, port, local_addr=(self.address, 0))
        try:
            sent = os.urandom(2) + query
            writer.write(len(sent).to_bytes(2, "big") + sent)
            return await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big"))
        finally:
            writer.close()


class _UdpSocket(asyncio.DatagramProtocol):
    """A UDP socket to one server, with the queries that wait for an answer, by message id."""

    def __init__(self) -> None:
        self._transport: asyncio.DatagramTransport
        self._waiting: dict[bytes, tuple[bytes, asyncio.Future[bytes]]] = {}

    @classmethod
    async def open(cls, address: str, server: tuple[str, int]) -> _UdpSocket:
        """Open a socket from ``address`` to ``server``. Raises OSError."""
        loop = asyncio.get_running_loop()
        _, made = await loop.create_datagram_endpoint(cls, local_addr=(address, 0), remote_addr=server)
        return made

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)

    async def send_query(self, query: bytes) -> bytes:
        """Send ``query`` with an unused id and wait for its answer."""
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
        waiting = self._waiting.get(data[:2])
        if waiting is None or len(data) < _HEADER or not data[2] & 0x80:
            return
        question, future = waiting
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
