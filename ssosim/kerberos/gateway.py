"""The KDC gateway: a UDP and TCP proxy between the clients and krb5kdc.

Parts
-----
- ``KdcGateway`` listens on one or more addresses. It forwards each request to the KDC, records one ``KdcExchange`` in
  the trace, and sends the reply back.
- ``responder`` is the function of the active faults; None while there are none. It decides whether and when a request
  is forwarded, and which reply the client gets.
- ``client_of`` maps the two addresses of a request to the name of a client. In a private network the source address
  identifies the client. On loopback each client has a gateway address of its own, since libkrb5 cannot be told which
  source address to use.

Rules that always hold
----------------------
- One datagram or one TCP message that the gateway processes is one exchange in the trace, also when no reply is sent.
- The gateway changes no byte of a request or a reply. A reply that is not the KDC's comes from ``responder``.
- Everything read from the network is bounded (``GatewayLimits``), and ``read_message`` accepts any bytes.
- The gateway has no key. The trace gets only what Kerberos sends in clear text (RFC 4120): message type, realm, names,
  and the error code.
- ``stop`` returns after every task has ended.

Repeated UDP requests
---------------------
libkrb5 sends a UDP request again if no reply comes within a second. While the first is still being processed, the
repeated one (same client, same bytes) is dropped and not recorded, because the KDC would answer both with the same
bytes. After an exchange has ended, with or without a reply, a repeated request is a new exchange.

What can go wrong
-----------------
- Each UDP request to the KDC uses a socket of its own: a reply has no clear-text field that identifies its request.
- A TCP client to which a fault gives no reply keeps its connection. If the gateway closed it, libkrb5 would try the
  next KDC at once, and the fault would look like a refused connection.
- When ``outstanding`` UDP requests are being processed, a further one is recorded without a reply and dropped. A TCP
  connection over the limit is reset and leaves no event.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.enctypes import enctype_name
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

__all__ = ["Forward", "GatewayLimits", "KdcGateway", "KdcRequestContext", "KdcResponder"]

ClientOf = Callable[[Address, Address], str]
"""Maps the source address and the destination address of a request to the name of its client."""

Forward = Callable[[bytes], Awaitable[bytes | None]]
"""Sends a request to the KDC and returns the reply; None if none came in time."""


@dataclass(frozen=True, slots=True)
class KdcRequestContext:
    """One request at the gateway: the client's name, the transport, the parsed message and its bytes.

    The responder adds the numbers of the faults that change the exchange to ``faults``, for the trace.
    """

    client: str
    transport: Literal["udp", "tcp"]
    message: Message
    data: bytes
    faults: list[int] = field(default_factory=list)


KdcResponder = Callable[[KdcRequestContext, Forward], Awaitable[bytes | None]]
"""A fault of the KDC: returns the reply for the client; None sends no reply.

To drop a request, return None. To delay it, sleep before ``return await forward(context.data)``. To refuse it, return
``build_error(...)``. To lose the reply, forward the request and return None.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayLimits:
    """GatewayLimits of the gateway. ``message`` is in bytes, the timeouts are in seconds, the others are counts.

    A TCP message longer than ``message`` is answered with KRB_ERR_FIELD_TOOLONG, and the connection is closed. Source:
    RFC 4120, section 7.2.2. UDP requests over ``outstanding`` are dropped.
    """

    outstanding: int = 512
    connections: int = 256
    message: int = 1 << 20
    answer_timeout: float = 5.0
    idle_timeout: float = 60.0


class KdcGateway:
    """A UDP and TCP proxy between the clients and the KDC at ``upstream``.

    ``responder`` may be set and cleared at any time. The gateway can listen on several addresses at once, so that a
    client can be identified by the address it uses.
    """

    def __init__(
        self, upstream: Address, trace: Trace, client_of: ClientOf, *, limits: GatewayLimits | None = None
    ) -> None:
        self.upstream = upstream
        self.responder: KdcResponder | None = None
        self._trace = trace
        self._client_of = client_of
        self._limits = limits or GatewayLimits()
        self._listeners: list[asyncio.DatagramTransport] = []
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: set[tuple[Address, Address, bytes]] = set()
        self._connections = 0

    async def start(self, host: str | None = None, port: int = 0) -> Address:
        """Listen on one more address, UDP and TCP, and return it. Defaults: see ``bind_pair``. Raises OSError."""
        udp, tcp = bind_pair(host, port)
        try:
            address = Address(*udp.getsockname()[:2])
            loop = asyncio.get_running_loop()
            transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(self, address), sock=udp)
            self._listeners.append(transport)
            self._servers.append(await asyncio.start_server(self._serve_connection, sock=tcp))
        except BaseException:
            udp.close()
            tcp.close()
            raise
        return address

    async def stop(self) -> None:
        """Close every listener and connection, and wait for running exchanges to end."""
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
        # asyncio transports close their sockets in the next iteration of the event loop.
        await asyncio.sleep(0)

    def handle_datagram(self, local: Address, remote: Address, data: bytes, send: Callable[[bytes], None]) -> None:
        """Process a datagram that arrived at ``local`` from ``remote``. ``send`` sends a datagram to ``remote``."""
        key = (local, remote, data)
        if key in self._pending:
            return
        if len(self._pending) >= self._limits.outstanding:
            self._record(self._client_of(remote, local), "udp", read_message(data), None)
            return
        self._pending.add(key)
        task = self._spawn(self._process_datagram(local, remote, data, send))
        task.add_done_callback(lambda _: self._pending.discard(key))

    async def _process_datagram(
        self, local: Address, remote: Address, data: bytes, send: Callable[[bytes], None]
    ) -> None:
        reply = await self._process(self._client_of(remote, local), "udp", data, self._forward_udp)
        if reply is not None:
            send(reply)

    async def _process(
        self, client: str, transport: Literal["udp", "tcp"], data: bytes, forward: Forward
    ) -> bytes | None:
        message = read_message(data)
        responder = self.responder
        reply: bytes | None = None
        context = KdcRequestContext(client, transport, message, data)
        try:
            reply = await forward(data) if responder is None else await responder(context, forward)
        finally:
            self._record(client, transport, message, reply, tuple(sorted(set(context.faults))))
        return reply

    def _record(
        self,
        client: str,
        transport: Literal["udp", "tcp"],
        request: Message,
        reply: bytes | None,
        faults: tuple[int, ...] = (),
    ) -> None:
        parsed = request if isinstance(request, KdcRequest) else None
        outcome, answer = _read_outcome(reply)
        event = KdcExchange(
            request=parsed.kind if parsed else "unreadable",
            service=parsed.service if parsed else "",
            principal=parsed.principal if parsed else "",
            realm=parsed.realm if parsed else "",
            outcome=outcome,
            transport=transport,
            faults=faults,
            kvno=answer.kvno if answer else None,
            etype=enctype_name(answer.enctype) if answer else "",
        )
        self._trace.record(client, event)

    async def _forward_udp(self, data: bytes) -> bytes | None:
        # One socket per request: a Kerberos reply has no clear-text field that identifies its request.
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[bytes | None] = loop.create_future()
        transport, _ = await loop.create_datagram_endpoint(lambda: _ReplyReader(reply), remote_addr=self.upstream)
        try:
            transport.sendto(data)
            async with asyncio.timeout(self._limits.answer_timeout):
                return await reply
        except TimeoutError:
            return None
        finally:
            transport.close()

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._connections >= self._limits.connections:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        self._tasks.add(task)
        self._connections += 1
        try:
            await self._process_stream(reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client closed the connection or sends nothing
        except asyncio.CancelledError:
            # Only ``stop`` cancels this task, and it waits for the end; asyncio would log the cancellation.
            pass
        finally:
            self._connections -= 1
            self._tasks.discard(task)
            writer.close()

    async def _process_stream(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        remote = Address(*writer.get_extra_info("peername")[:2])
        local = Address(*writer.get_extra_info("sockname")[:2])
        while True:
            async with asyncio.timeout(self._limits.idle_timeout):
                size = int.from_bytes(await reader.readexactly(4), "big")
                if size > self._limits.message:
                    code = KrbCode.KRB_ERR_FIELD_TOOLONG
                    writer.write(_frame(build_error(code, "", ("krbtgt",), 0)))
                    return await writer.drain()
                data = await reader.readexactly(size)
            reply = await self._process(self._client_of(remote, local), "tcp", data, self._forward_tcp)
            if reply is None:
                if self.responder is not None:  # keep the connection open: libkrb5 continues at once when it is closed
                    async with asyncio.timeout(self._limits.idle_timeout):
                        await reader.read(1)
                return None
            writer.write(_frame(reply))
            await writer.drain()

    async def _forward_tcp(self, data: bytes) -> bytes | None:
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._limits.answer_timeout):
                reader, writer = await asyncio.open_connection(*self.upstream)
                writer.write(_frame(data))
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
    """Receives datagrams from clients; one for each address that the gateway listens on."""

    def __init__(self, gateway: KdcGateway, address: Address) -> None:
        self._gateway = gateway
        self._address = address
        self._transport: asyncio.DatagramTransport

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.DatagramTransport", transport)  # asyncio's class is not a subclass of it

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:
        def send(reply: bytes) -> None:
            if not self._transport.is_closing():
                self._transport.sendto(reply, addr)

        self._gateway.handle_datagram(self._address, Address(*addr[:2]), data, send)


class _ReplyReader(asyncio.DatagramProtocol):
    """Receives the KDC's reply to one UDP request."""

    def __init__(self, reply: asyncio.Future[bytes | None]) -> None:
        self._reply = reply

    def datagram_received(self, data: bytes, addr: tuple[str | Any, int]) -> None:  # noqa: ARG002 - asyncio's
        if not self._reply.done():
            self._reply.set_result(data)

    def error_received(self, exc: Exception) -> None:  # noqa: ARG002 - asyncio's signature
        if not self._reply.done():
            self._reply.set_result(None)


def _frame(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _read_outcome(reply: bytes | None) -> tuple[str, KdcReply | None]:
    """Return the outcome for the trace, and the reply where a ticket was issued."""
    if reply is None:
        return "no answer", None
    match read_message(reply):
        case KdcReply() as answer:
            return "issued", answer
        case KrbError(name=name):
            return name, None
        case _:
            return "unreadable answer", None
