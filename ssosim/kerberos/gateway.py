"""The KDC gateway: a UDP and TCP proxy between the clients and krb5kdc.

Parts
-----
- ``KdcGateway`` listens on one or more addresses. It forwards each request to the KDC, records one ``KdcExchange`` in
  the trace, and sends the reply back.
- ``responder`` is the function of the active faults; None while there are none. It decides whether and when a request
  is forwarded, and which reply the client gets.
- Each address may stand for a KDC of its own (``KdcEndpoint``): its name, for faults and trace, and its krb5kdc.
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
- A reply has no clear-text field that identifies its request, so a UDP socket to the KDC has one request at a time
  (``KdcSockets``).
- A TCP client to which a fault gives no reply keeps its connection. If the gateway closed it, libkrb5 would try the
  next KDC at once, and the fault would look like a refused connection.
- When ``outstanding`` UDP requests are being processed, a further one is recorded without a reply and dropped. A TCP
  connection over the limit is reset and leaves no event.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal, NamedTuple, cast

from ssosim.kerberos.codes import KrbCode
from ssosim.kerberos.enctypes import enctype_name
from ssosim.kerberos.free_ports import Address, bind_pair
from ssosim.kerberos.kdc_sockets import KdcSockets
from ssosim.kerberos.messages import (
    KdcReply,
    KdcRequest,
    KrbError,
    Message,
    build_error,
    read_message,
)
from ssosim.trace import KdcExchange, Trace

__all__ = ["Forward", "GatewayLimits", "KdcEndpoint", "KdcGateway", "KdcRequestContext", "KdcResponder", "Transport"]

Transport = Literal["udp", "tcp", "https"]

_REOPEN_TRIES, _REOPEN_PAUSE_S = 100, 0.01


class KdcEndpoint(NamedTuple):
    """The KDC behind an address of the gateway: the name of its host, its krb5kdc, and its realm.

    ``named``: the trace names it; not where the lab has one KDC only.
    """

    name: str
    upstream: Address
    realm: str = ""
    named: bool = False


ClientOf = Callable[[Address, Address], str]
"""Maps the source address and the destination address of a request to the name of its client."""

Forward = Callable[[bytes], Awaitable[bytes | None]]
"""Sends a request to the KDC and returns the reply; None if none came in time."""


@dataclass(frozen=True, slots=True)
class KdcRequestContext:
    """One request at the gateway: the client's name, the transport, the parsed message, its bytes, and the KDC.

    The responder adds the numbers of the faults that change the exchange to ``faults``, for the trace.
    """

    client: str
    transport: Transport
    message: Message
    data: bytes
    kdc: KdcEndpoint
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

    ``responder`` may be set and cleared at any time. ``prepare`` is called with each request before the KDC gets it; it
    never raises. ``note_reply`` is called with each request whose reply is a ticket, the reply, and what is read in it.
    ``uses_proxy`` returns whether a client is one behind a KDC proxy. The gateway can listen on several addresses at
    once, so that a client can be identified by the address it uses.
    """

    def __init__(
        self, upstream: Address, trace: Trace, client_of: ClientOf, *, limits: GatewayLimits | None = None
    ) -> None:
        self.upstream = upstream
        self.responder: KdcResponder | None = None
        self.prepare: Callable[[KdcRequest, KdcEndpoint], None] = lambda _request, _kdc: None
        self.note_reply: Callable[[bytes, bytes, KdcReply], None] = lambda _request, _reply, _read: None
        self.uses_proxy: Callable[[str], bool] = lambda _client: False
        self._trace = trace
        self._client_of = client_of
        self._limits = limits or GatewayLimits()
        self._ports: dict[Address, _Port] = {}
        self._closed: frozenset[str] = frozenset()
        self._reopening: set[asyncio.Task[None]] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._pending: set[tuple[Address, Address, bytes]] = set()
        self._connections = 0
        self._sockets = KdcSockets()

    async def start(self, host: str | None = None, port: int = 0, kdc: KdcEndpoint | None = None) -> Address:
        """Listen on one more address, UDP and TCP, and return it. Defaults: see ``bind_pair``. Raises OSError.

        ``kdc``: the KDC that the address stands for, by default one without a name at ``upstream``.
        """
        endpoint = kdc or KdcEndpoint("", self.upstream)
        udp, tcp = bind_pair(host, port)
        opened = _Port(Address(*udp.getsockname()[:2]), endpoint)
        if endpoint.name in self._closed:
            udp.close()
            tcp.close()
        else:
            await self._open(opened, udp, tcp)
        self._ports[opened.address] = opened
        return opened.address

    async def _open(self, port: _Port, udp: socket.socket, tcp: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        try:
            port.listener, _ = await loop.create_datagram_endpoint(lambda: _Listener(self, port.address), sock=udp)
            port.server = await asyncio.start_server(partial(self._serve_connection, port.kdc), sock=tcp)
        except BaseException:
            port.close()
            udp.close()
            tcp.close()
            raise

    def close_ports(self, names: Collection[str]) -> None:
        """Close the ports of the KDCs called ``names``, and open those of all others again.

        The kernel refuses connections to a closed port, and answers a datagram with "port unreachable".
        """
        self._closed = frozenset(names)
        for port in self._ports.values():
            if port.kdc.name in self._closed:
                port.close()
            elif port.listener is None and not port.reopening:
                port.reopening = True
                task = self._spawn(self._reopen(port))
                self._reopening.add(task)
                task.add_done_callback(self._reopening.discard)

    async def wait_until_open(self) -> None:
        """Wait until the ports that are being opened again are open."""
        if self._reopening:
            await asyncio.wait(set(self._reopening))

    async def _reopen(self, port: _Port) -> None:
        """Open a port again. The loop closes its former sockets in its next iteration, so the first try may fail."""
        try:
            for attempt in range(1, _REOPEN_TRIES + 1):
                try:
                    udp, tcp = bind_pair(*port.address)
                except OSError:
                    if attempt == _REOPEN_TRIES:
                        raise
                    await asyncio.sleep(_REOPEN_PAUSE_S)
                    continue
                await self._open(port, udp, tcp)
                break
        finally:
            port.reopening = False
        if port.kdc.name in self._closed:
            port.close()

    @property
    def closed(self) -> frozenset[str]:
        """The names of the KDCs whose ports are closed."""
        return self._closed

    def list_kdcs(self) -> tuple[str, ...]:
        """Return the names of the KDCs that the addresses stand for."""
        return tuple(dict.fromkeys(port.kdc.name for port in self._ports.values()))

    def find_kdc(self, local: Address) -> KdcEndpoint:
        """Return the KDC that the address ``local`` stands for."""
        port = self._ports.get(local)
        return KdcEndpoint("", self.upstream) if port is None else port.kdc

    async def stop(self) -> None:
        """Close every listener and connection, and wait for running exchanges to end."""
        servers = [port.server for port in self._ports.values() if port.server is not None]
        for port in self._ports.values():
            port.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for server in servers:
            await server.wait_closed()
        self._ports.clear()
        self._sockets.close()
        # asyncio transports close their sockets in the next iteration of the event loop.
        await asyncio.sleep(0)

    def handle_datagram(self, local: Address, remote: Address, data: bytes, send: Callable[[bytes], None]) -> None:
        """Process a datagram that arrived at ``local`` from ``remote``. ``send`` sends a datagram to ``remote``."""
        key = (local, remote, data)
        if key in self._pending:
            return
        if len(self._pending) >= self._limits.outstanding:
            context = KdcRequestContext(
                self._client_of(remote, local), "udp", read_message(data), data, self.find_kdc(local)
            )
            self._record(context, None)
            return
        self._pending.add(key)
        task = self._spawn(self._process_datagram(local, remote, data, send))
        task.add_done_callback(lambda _: self._pending.discard(key))

    async def _process_datagram(
        self, local: Address, remote: Address, data: bytes, send: Callable[[bytes], None]
    ) -> None:
        kdc = self.find_kdc(local)
        forward = partial(self._forward_udp, kdc.upstream)
        reply = await self._process(self._client_of(remote, local), "udp", data, kdc, forward)
        if reply is not None:
            send(reply)

    async def ask_for_proxy(self, client: str, data: bytes, kdc: KdcEndpoint) -> bytes | None:
        """Return the reply of ``kdc`` to a request that ``client`` sent through a KDC proxy; None without a reply."""
        if kdc.name in self._closed:
            return None
        return await self._process(client, "https", data, kdc, partial(self._forward_tcp, kdc.upstream))

    async def _process(
        self, client: str, transport: Transport, data: bytes, kdc: KdcEndpoint, forward: Forward
    ) -> bytes | None:
        responder = self.responder
        transport = "https" if self.uses_proxy(client) else transport
        reply: bytes | None = None
        context = KdcRequestContext(client, transport, read_message(data), data, kdc)
        if isinstance(context.message, KdcRequest):
            self.prepare(context.message, kdc)
        issued: KdcReply | None = None
        try:
            reply = await forward(data) if responder is None else await responder(context, forward)
        finally:
            issued = self._record(context, reply)
        if reply is not None and issued is not None:
            self.note_reply(data, reply, issued)
        return reply

    def _record(self, context: KdcRequestContext, reply: bytes | None) -> KdcReply | None:
        """Record the exchange; return what the client reads in ``reply`` if that is a ticket."""
        parsed = context.message if isinstance(context.message, KdcRequest) else None
        outcome, answer = _read_outcome(reply)
        event = KdcExchange(
            request=parsed.kind if parsed else "unreadable",
            service=parsed.service if parsed else "",
            principal=parsed.principal if parsed else "",
            realm=parsed.realm if parsed else "",
            outcome=outcome,
            transport=context.transport,
            faults=tuple(sorted(set(context.faults))),
            kvno=answer.kvno if answer else None,
            etype=enctype_name(answer.enctype) if answer else "",
            kdc=context.kdc.name if context.kdc.named else "",
        )
        self._trace.record(context.client, event)
        return answer

    async def _forward_udp(self, upstream: Address, data: bytes) -> bytes | None:
        return await self._sockets.request(upstream, data, self._limits.answer_timeout)

    async def _serve_connection(
        self, kdc: KdcEndpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self._connections >= self._limits.connections:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - asyncio runs this callback as a task
        self._tasks.add(task)
        self._connections += 1
        try:
            await self._process_stream(kdc, reader, writer)
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            pass  # the client closed the connection or sends nothing
        except asyncio.CancelledError:
            # Only ``stop`` cancels this task, and it waits for the end; asyncio would log the cancellation.
            pass
        finally:
            self._connections -= 1
            self._tasks.discard(task)
            writer.close()

    async def _process_stream(
        self, kdc: KdcEndpoint, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
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
            forward = partial(self._forward_tcp, kdc.upstream)
            reply = await self._process(self._client_of(remote, local), "tcp", data, kdc, forward)
            if reply is None:
                if self.responder is not None:  # keep the connection open: libkrb5 continues at once when it is closed
                    async with asyncio.timeout(self._limits.idle_timeout):
                        await reader.read(1)
                return None
            writer.write(_frame(reply))
            await writer.drain()

    async def _forward_tcp(self, upstream: Address, data: bytes) -> bytes | None:
        writer: asyncio.StreamWriter | None = None
        try:
            async with asyncio.timeout(self._limits.answer_timeout):
                reader, writer = await asyncio.open_connection(*upstream)
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


@dataclass(slots=True, eq=False)
class _Port:
    """One address of the gateway. ``listener`` and ``server`` are None while it is closed."""

    address: Address
    kdc: KdcEndpoint
    listener: asyncio.DatagramTransport | None = None
    server: asyncio.Server | None = None
    reopening: bool = False

    def close(self) -> None:
        """Close it. Does nothing if it is closed."""
        if self.listener is not None:
            self.listener.close()
        if self.server is not None:
            self.server.close()
        self.listener, self.server = None, None


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
