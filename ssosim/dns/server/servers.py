"""The authoritative DNS servers: how they make answers. Sockets are in ``ssosim.dns.server.listener``."""

from __future__ import annotations

from msgspec.structs import replace

from ssosim.dns.server.applied_effect import respond_with
from ssosim.dns.server.base import BaseDnsServer
from ssosim.dns.server.delivery import ClientOf, Delivery
from ssosim.dns.server.effect import AnswerFunction, Effect, FindDnsEffect
from ssosim.dns.server.fast_path import ReplyCache
from ssosim.dns.server.listener import ListenError
from ssosim.dns.server.tcp import Peer, Send
from ssosim.dns.server.wire_format import Reply, Responder, Transport, context_of_query, respond
from ssosim.dns.zones.store import ZoneStore
from ssosim.trace import Trace

__all__ = ["AuthorityServer", "ClientOf", "DnsServer", "Effect", "FindDnsEffect", "ListenError"]

RA = 0x80
"""Recursion available: a bit of the second octet after the id."""


class DnsServer(BaseDnsServer):
    """The default DNS server of the lab: answers from ``store`` and records every answer in ``trace``."""

    def __init__(
        self,
        store: ZoneStore,
        trace: Trace,
        client_of: ClientOf,
        *,
        find_effect: FindDnsEffect | None = None,
        name: str = "",
        tcp_idle: float = 10.0,
        tcp_limit: int = 256,
    ) -> None:
        super().__init__(Delivery(trace, client_of, find_effect, name), tcp_idle=tcp_idle, tcp_limit=tcp_limit)
        self._store = store
        self._responder = Responder(draw=store.draw)

    def reply(self, query: bytes, peer: Peer, transport: Transport) -> Reply | None:
        """The reply to ``query``; None if the server must not reply."""
        return self._responder.reply(self._store.current, query, transport, peer[0], self._store.health.current)

    def _handle_query(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        reply = self.reply(query, peer, transport)
        if reply is not None:
            self._delivery.send(reply, query, peer, local, send)

    def _make_reply_cache(self, local: str) -> ReplyCache | None:
        return ReplyCache(local, self._store, self._responder, self._delivery)


class AuthorityServer(BaseDnsServer):
    """One authoritative name server of the hierarchy. ``answer_function`` makes answers from its view of the zones.

    It answers malformed queries, other opcodes and other EDNS versions as ``DnsServer`` does.
    """

    def __init__(
        self, answer_function: AnswerFunction, store: ZoneStore, trace: Trace, client_of: ClientOf, *, name: str
    ) -> None:
        super().__init__(Delivery(trace, client_of, server_name=name))
        self._answer_function = answer_function
        self._store = store

    def reply(self, query: bytes, peer: Peer, transport: Transport) -> Reply | None:
        """The reply to ``query``; None if the server must not reply."""
        context = context_of_query(peer[0], self._store.health.current, self._store.draw())
        reply = respond_with(self._answer_function, query, transport, context)
        if reply is None:
            return respond(self._store.current, query, transport)
        flags = bytes((reply.tail[0], reply.tail[1] & ~RA))
        return replace(reply, tail=flags + reply.tail[2:])

    def rename(self, name: str) -> None:
        """Set the name of this server in the trace."""
        self._delivery.server_name = name

    def _handle_query(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        reply = self.reply(query, peer, transport)
        if reply is not None:
            self._delivery.send(reply, query, peer, local, send)
