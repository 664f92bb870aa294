"""The DNS servers: what is answered, and nothing about sockets."""

from __future__ import annotations

from dataclasses import replace

from ssosim.dns.server.base import Service
from ssosim.dns.server.delivery import Delivery, Effect, Said, Tamper, Who, respond_with
from ssosim.dns.server.listener import ListenError
from ssosim.dns.server.reply_cache import Ready
from ssosim.dns.server.tcp import Peer, Send
from ssosim.dns.server.wire_format import Reply, Responder, Transport, context_of_query, respond
from ssosim.dns.zones.store import ZoneStore
from ssosim.trace import Trace

__all__ = ["AuthorityServer", "DnsServer", "Effect", "ListenError", "Tamper", "Who"]

AA, RA = 0x04, 0x80
"""Authoritative answer, recursion available: bits of the first and the second octet after the id."""


class DnsServer(Service):
    """Serves ``store`` and records every answer in ``trace``; the rest is as for every ``Service``."""

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
        super().__init__(Delivery(trace, who, tamper, name), tcp_idle=tcp_idle, tcp_limit=tcp_limit)
        self._store = store
        self._responder = Responder(draw=store.draw)

    def reply(self, query: bytes, peer: Peer, transport: Transport) -> Reply | None:
        """The reply to ``query``, or None if nothing must be said."""
        return self._responder.reply(self._store.current, query, transport, peer[0], self._store.health.current)

    def _answer(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        reply = self.reply(query, peer, transport)
        if reply is not None:
            self._delivery.leave(reply, query, peer, local, send)

    def _ready(self, local: str) -> Ready | None:
        return Ready(local, self._store, self._responder, self._delivery)


class AuthorityServer(Service):
    """One authoritative name server among several: says what ``said`` says, which knows whose view it is.

    Everything else (malformed queries, other opcodes, EDNS versions) is answered like any other server does.
    """

    def __init__(self, said: Said, store: ZoneStore, trace: Trace, who: Who, *, name: str) -> None:
        super().__init__(Delivery(trace, who, by=name))
        self._said = said
        self._store = store

    def reply(self, query: bytes, peer: Peer, transport: Transport) -> Reply | None:
        """The reply to ``query``, or None if nothing must be said."""
        asking = context_of_query(peer[0], self._store.health.current, self._store.draw())
        reply = respond_with(self._said, query, transport, asking)
        if reply is None:
            return respond(self._store.current, query, transport)
        referral = reply.event.rcode == "NODATA" and not reply.tail[0] & AA
        event = replace(reply.event, rcode="REFERRAL") if referral else reply.event
        flags = bytes((reply.tail[0], reply.tail[1] & ~RA))
        return replace(reply, tail=flags + reply.tail[2:], event=event)

    def _answer(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        reply = self.reply(query, peer, transport)
        if reply is not None:
            self._delivery.leave(reply, query, peer, local, send)
