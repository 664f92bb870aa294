"""What every DNS server here is made of: a listener, and the delivery of what it answers."""

from __future__ import annotations

from ssosim.dns.server.delivery import Delivery, Hold, Tamper
from ssosim.dns.server.listener import Listener
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.dns.server.reply_cache import Ready
from ssosim.dns.server.tcp import Peer, Send
from ssosim.dns.server.wire_format import Transport

__all__ = ["Service"]


class Service:
    """Listens over UDP and TCP on any number of addresses, and delivers answers. What is answered is a subclass's.

    ``tamper`` and ``counts`` may be set and unset at any time. A TCP connection ends after ``tcp_idle`` seconds without
    a whole query; beyond ``tcp_limit`` connections one of the peer that has most is closed.
    """

    def __init__(self, delivery: Delivery, *, tcp_idle: float = 10.0, tcp_limit: int = 256) -> None:
        self._delivery = delivery
        self._listener = Listener(self._answer, self._ready, tcp_idle=tcp_idle, tcp_limit=tcp_limit)

    @property
    def name(self) -> str:
        """Its name in the trace, empty for the lab's one server."""
        return self._delivery.by

    @property
    def tamper(self) -> Tamper | None:
        """What faults do to answers, if anything."""
        return self._delivery.tamper

    @tamper.setter
    def tamper(self, tamper: Tamper | None) -> None:
        self._delivery.tamper = tamper

    @property
    def counts(self) -> QueryCounts | None:
        """Where queries are counted by name, if anywhere."""
        return self._delivery.counts

    @counts.setter
    def counts(self, counts: QueryCounts | None) -> None:
        self._delivery.counts = counts

    def hold_by(self, hold: Hold) -> None:
        """Hold answers that a fault delays by ``hold``; without it, by real time."""
        self._delivery.hold = hold

    @property
    def addresses(self) -> tuple[tuple[str, int], ...]:
        """(address, port) of all that is listened on, over UDP and TCP alike."""
        return self._listener.addresses

    async def start(self, host: str = "127.0.0.1", port: int = 0) -> int:
        """Listen on one more address, an IPv4 or IPv6 literal; returns the port.

        Port 0 takes a port that is free for both UDP and TCP. Raises ListenError.
        """
        return await self._listener.start(host, port)

    async def stop(self) -> None:
        """Stop listening, end all connections, forget delayed answers. It may be started again."""
        await self._listener.stop()
        self._delivery.forget()

    def _answer(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        """Answer a query, now or later."""
        raise NotImplementedError

    def _ready(self, local: str) -> Ready | None:  # noqa: ARG002 - for subclasses
        """The replies that may leave the address ``local`` without a look, if this server keeps any."""
        return None
