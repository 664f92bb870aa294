"""The DNS server: a listener, what answers, and the delivery; nothing here knows what an answer means."""

from __future__ import annotations

from dataclasses import replace

from ssosim.dns.counts import QueryCounts
from ssosim.dns.delivery import Delivery, Effect, Said, Tamper, Who, respond_with
from ssosim.dns.listener import Listener, ListenError
from ssosim.dns.store import ZoneStore
from ssosim.dns.tcp import Peer, Send
from ssosim.dns.wire import Reply, Responder, Transport, asking_from, respond
from ssosim.trace import Trace

__all__ = ["AuthorityServer", "DnsServer", "Effect", "ListenError", "Tamper", "Who"]

AA, RA = 0x04, 0x80
"""Authoritative answer, recursion available: bits of the first and the second octet after the id."""


class DnsServer:
    """Serves ``store`` over UDP and TCP on any number of addresses and records every answer in ``trace``.

    ``tamper`` may be set and unset at any time. A TCP connection ends after ``tcp_idle`` seconds without a whole
    query; connections beyond ``tcp_limit`` are closed at once.
    """

    def __init__(
        self,
        store: ZoneStore,
        trace: Trace,
        who: Who,
        *,
        tamper: Tamper | None = None,
        name: str = "",
        tcp_idle: float = 10.0,
        tcp_limit: int = 256,
    ) -> None:
        self.name = name
        self._store = store
        self._responder = Responder(draw=store.draw)
        self._delivery = Delivery(trace, who, tamper, name)
        self._listener = Listener(self._answer, tcp_idle=tcp_idle, tcp_limit=tcp_limit)

    @property
    def tamper(self) -> Tamper | None:
        """What faults do to answers, if anything."""
        return self._delivery.tamper

    @tamper.setter
    def tamper(self, tamper: Tamper | None) -> None:
        self._delivery.tamper = tamper

    @property
    def counts(self) -> QueryCounts | None:
        """Where queries are counted, if anywhere."""
        return self._delivery.counts

    @counts.setter
    def counts(self, counts: QueryCounts | None) -> None:
        self._delivery.counts = counts

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
        """Stop listening, end all connections, forget delayed answers. The server may be started again."""
        self._delivery.forget()
        await self._listener.stop()

    def reply(self, query: bytes, peer: Peer, transport: Transport) -> Reply | None:
        """The reply to ``query``, or None if nothing must be said."""
        return self._responder.reply(self._store.current, query, transport, peer[0], self._store.health.current)

    def _answer(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        reply = self.reply(query, peer, transport)
        if reply is not None:
            self._delivery.leave(reply, query, peer, local, send)


class AuthorityServer(DnsServer):
    """One authoritative name server among several: says what ``said`` says, which knows whose view it is.

    Everything else (malformed queries, other opcodes, EDNS versions) is answered like any other server does.
    """

    def __init__(self, said: Said, store: ZoneStore, trace: Trace, who: Who, *, name: str) -> None:
        super().__init__(store, trace, who, name=name)
        self._said = said

    def reply(self, query: bytes, peer: Peer, transport: Transport) -> Reply | None:
        """The reply to ``query``, or None if nothing must be said."""
        asking = asking_from(peer[0], self._store.health.current, self._store.draw())
        reply = respond_with(self._said, query, transport, asking)
        if reply is None:
            return respond(self._store.current, query, transport)
        referral = reply.event.rcode == "NODATA" and not reply.tail[0] & AA
        event = replace(reply.event, rcode="REFERRAL") if referral else reply.event
        flags = bytes((reply.tail[0], reply.tail[1] & ~RA))
        return replace(reply, tail=flags + reply.tail[2:], event=event)
