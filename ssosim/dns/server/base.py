"""The base class of all DNS servers: it joins a listener (sockets) and a delivery (faults, counts, trace)."""

from __future__ import annotations

from ssosim.dns.server.delivery import DelayFunction, Delivery
from ssosim.dns.server.effect import FindDnsEffect
from ssosim.dns.server.fast_path import ReplyCache
from ssosim.dns.server.listener import Listener
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.dns.server.tcp import Peer, Send
from ssosim.dns.server.wire_format import Transport

__all__ = ["BaseDnsServer"]


class BaseDnsServer:
    """A DNS server over UDP and TCP on any number of addresses. A subclass decides what it answers.

    ``find_effect`` and ``counts`` may be set and unset at any time. A TCP connection ends after ``tcp_idle`` seconds
    without
    a complete query. If more than ``tcp_limit`` connections are open, the server closes one of the peer with the most.
    """

    def __init__(self, delivery: Delivery, *, tcp_idle: float = 10.0, tcp_limit: int = 256) -> None:
        self._delivery = delivery
        self._listener = Listener(self._handle_query, self._make_reply_cache, tcp_idle=tcp_idle, tcp_limit=tcp_limit)

    @property
    def name(self) -> str:
        """The name of the server in the trace; empty for the default server of the lab."""
        return self._delivery.server_name

    @property
    def find_effect(self) -> FindDnsEffect | None:
        """The function by which faults change answers; None if no fault is active."""
        return self._delivery.find_effect

    @find_effect.setter
    def find_effect(self, find_effect: FindDnsEffect | None) -> None:
        self._delivery.find_effect = find_effect

    @property
    def counts(self) -> QueryCounts | None:
        """The counters of queries by name; None if queries are not counted."""
        return self._delivery.counts

    @counts.setter
    def counts(self, counts: QueryCounts | None) -> None:
        self._delivery.counts = counts

    def set_delay_function(self, delay_function: DelayFunction) -> None:
        """Use ``delay_function`` to wait before an answer that a fault delays. The default waits in real time."""
        self._delivery.delay_function = delay_function

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """(address, port) of every endpoint; the server listens on each over UDP and TCP."""
        return self._listener.addresses

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Start listening on one more address, an IPv4 or IPv6 literal; return the port.

        Port 0 takes a port that is free for both UDP and TCP. Raises ListenError.
        """
        return await self._listener.start(host, port)

    async def stop(self) -> None:
        """Stop listening, close all connections and cancel delayed answers. The server may be started again."""
        await self._listener.stop()
        self._delivery.cancel_delayed()

    def _handle_query(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        """Process one query; send the answer now or later."""
        raise NotImplementedError

    def _make_reply_cache(self, local: str) -> ReplyCache | None:  # noqa: ARG002 - for subclasses
        """Make the cache of replies for the address ``local``; None if this server keeps no replies."""
        return None
