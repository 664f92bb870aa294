"""In front of the KDC: passes every request on, writes down what was asked and answered, and is where faults sit.

One datagram or one TCP message that the gateway decides upon is one exchange in the trace. libkrb5 sends a UDP
request again when no answer comes within a second: while the first is still with the KDC the repetition is let fall
and not written down (the KDC would answer both with the same bytes); after an exchange has ended, with or without an
answer, a repetition is a new exchange.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, cast

from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.free_ports import Address, bind_pair
from ssosim.kerberos.messages import (
    KdcReply,
    KdcRequest,
    KrbError,
    Message,
    build_error,
    read_message,
)
from ssosim.trace import KdcExchange, Trace

__all__ = ["Asked", "Forward", "KdcGateway", "Limits", "Tamper"]

Who = Callable[[Address, Address], str]
"""Names the client from the address it sends from and the address it sends to."""

Forward = Callable[[bytes], Awaitable[bytes | None]]
"""Asks the KDC; None when it gave no answer in time."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One request as the gateway got it: by whom, what it says, and its bytes."""

    client: str
    transport: Literal["udp", "tcp"]
    message: Message
    data: bytes


Tamper = Callable[[Asked, Forward], Awaitable[bytes | None]]
"""A fault, wrapped around the KDC: returns the answer for the client, None for silence.

Dropping is ``return None``; delaying is a sleep before ``return await forward(asked.data)``; refusing is returning
``build_error(...)``; losing the answer is forwarding and returning None.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of the gateway. Sizes in bytes, times in seconds.

    A TCP message longer than ``message`` is answered with KRB_ERR_FIELD_TOOLONG and the connection closed, as
    RFC 4120 section 7.2.2 has it for lengths that a KDC cannot take. UDP requests over the limit are let fall.
    """

    outstanding: int = 512
    connections: int = 256
    message: int = 1 << 20
    answer_timeout: float = 5.0
    idle_timeout: float = 60.0


class KdcGateway:
    """Proxy for UDP and TCP between clients and the KDC at ``upstream``.

    ``tamper`` may be set and cleared at any time. May listen on several addresses at once, so that the address a
    client was told says who it is.
    """

    def __init__(self, upstream: Address, trace: Trace, who: Who, *, limits: Limits | None = None) -> None:
        self.upstream = upstream
        self.tamper: Tamper | None = None
        self._trace = trace
        self._who = who
        self._limits = limits or Limits()
        self._listeners: list[asyncio.DatagramTransport] = []
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: set[tuple[Address, Address, bytes]] = set()
        self._connections = 0

    async def start(self, host: str | None = None, port: int = 0) -> Address:
        """Listen on one more address, UDP and TCP; see ``ports.bind_pair`` for defaults. Raises OSError."""
        udp, tcp = bind_pair(host, port)
        try:
            address = Address(*udp.getsockname()[:2])
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(self, address), sock=udp)
            self._listeners.append(transport)
            self._servers.append(await asyncio.start_server(self._tcp_client, sock=tcp))
        except BaseException:
            udp.close()
            tcp.close()
            raise
        return address

    async def stop(self) -> None:
        """Close every listener and connection, and wait until what was under way has ended."""
        for listener in self._listeners:
            listener.close()
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in self._servers:
            await server.wait_closed()
        self._listeners.clear()
        self._servers.clear()
        # Transports close their sockets in the loop's next round.
        await asyncio.sleep(0)

    def udp_request(self, local: Address, remote: Address, data: bytes, answer: Callable[[bytes], None]) -> None:
        """A datagram came in; ``answer`` sends one back to where it came from."""
        key = (local, remote, data)
        if key in self._pending:
            return
        if len(self._pending) >= self._limits.outstanding:
            self._record(self._who(remote, local), "udp", read_message(data), None)
            return
        self._pending.add(key)
        task = self._spawn(self._udp_exchange(local, remote, data, answer))
        task.add_done_callback(lambda _: self._pending.discard(key))

    async def _udp_exchange(
        self, local: Address, remote: Address, data: bytes, answer: Callable[[bytes], None]
    ) -> None:
        reply = await self._exchange(self._who(remote, local), "udp", data, self._ask_udp)
        if reply is not None:
            answer(reply)

    async def _exchange(
        self, client: str, transport: Literal["udp", "tcp"], data: bytes, forward: Forward
    ) -> bytes | None:
        message = read_message(data)
        tamper = self.tamper
        reply: bytes | None = None
        try:
            if tamper is None:
                reply = await forward(data)
            else:
                reply = await tamper(Asked(client, transport, message, data), forward)
        finally:
            self._record(client, transport, message, reply)
        return reply

    def _record(self, client: str, transport: Literal["udp", "tcp"], request: Message, reply: bytes | None) -> None:
        known = request if isinstance(request, KdcRequest) else None
        event = KdcExchange(
            request=known.kind if known else "unreadable",
            service=known.service if known else "",
            principal=known.principal if known else "",
            realm=known.realm if known else "",
            outcome=_outcome(reply),
            transport=transport,
        )
        self._trace.record(client, event)

    async def _ask_udp(self, data: bytes) -> bytes | None:
        # A socket of its own for every request: Kerberos answers carry nothing in the clear to tell them apart.
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[bytes | None] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(lambda: _Asker(answer), remote_addr=self.upstream)
        try:
            transport.sendto(data)
            async with asyncio.timeout(self._limits.answer_timeout):
                return await answer
        except TimeoutError:
            return None
        finally:
            transport.close()

    async def _tcp_client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= self._limits.connections:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        self._tasks.add(task)
        self._connections += 1
        try:
            await self._tcp_exchanges(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client went away, or says nothing
        except asyncio.CancelledError:
            # Only ``stop`` cancels this task, and it waits for its end; asyncio would log the cancellation.
            pass
        finally:
            self._connections -= 1
            self._tasks.discard(task)
            writer.close()

    async def _tcp_exchanges(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        remote = Address(*writer.get_extra_info("peername")[:2])
        local = Address(*writer.get_extra_info("sockname")[:2])
        while True:
            async with asyncio.timeout(self._limits.idle_timeout):
                size = int.from_bytes(await reader.readexactly(4), "big")
                if size > self._limits.message:
                    code = KrbCode.KRB_ERR_FIELD_TOOLONG
                    writer.write(_framed(build_error(code, "", ("krbtgt",), 0)))
                    return await writer.drain()
                data = await reader.readexactly(size)
            reply = await self._exchange(self._who(remote, local), "tcp", data, self._ask_tcp)
            if reply is None:
                if self.tamper is not None:  # silence keeps the connection: libkrb5 goes on at once when it ends
                    async with asyncio.timeout(self._limits.idle_timeout):
                        await reader.read(1)
                return None
            writer.write(_framed(reply))
            await writer.drain()

    async def _ask_tcp(self, data: bytes) -> bytes | None:
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._limits.answer_timeout):
                reader, writer = await asyncio.open_connection(*self.upstream)
                writer.write(_framed(data))
                size = int.from_bytes(await reader.readexactly(4), "big")
                return await reader.readexactly(size) if size <= self._limits.message else None
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return None
        finally:
            if writer is not None:
                writer.close()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


class _Listener(asyncio.DatagramProtocol):
    """The clients' side of UDP, one an address."""

    def __init__(self, gateway: KdcGateway, address: Address) -> None:
        self._gateway = gateway
        self._address = address
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's own is no subclass of it

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        def answer(reply: bytes) -> None:
            if not self._transport.is_closing():
                self._transport.sendto(reply, addr)

        self._gateway.udp_request(self._address, Address(*addr[:2]), data, answer)


class _Asker(asyncio.DatagramProtocol):
    """The KDC's side of UDP, one a request."""

    def __init__(self, answer: asyncio.Future[bytes | None]) -> None:
        self._answer = answer

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002 - asyncio's
        if not self._answer.done():
            self._answer.set_result(data)

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002 - asyncio's signature
        if not self._answer.done():
            self._answer.set_result(None)


def _framed(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _outcome(reply: bytes | None) -> str:
    if reply is None:
        return "no answer"
    match read_message(reply):
        case KdcReply():
            return "issued"
        case KrbError(name=name):
            return name
        case _:
            return "unreadable answer"
