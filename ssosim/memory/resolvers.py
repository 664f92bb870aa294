"""Caching resolvers in memory and the name servers that they query, around ``ssosim.dns.recursion.core``.

A resolver on sockets waits real seconds for a server; a resolver in memory only counts them. In both, virtual time
stands still while a resolver looks for an answer.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Protocol

import dns.exception
import msgspec
from dns.name import Name
from dns.rcode import SERVFAIL, Rcode

from ssosim.dns import Answer, FindDnsEffect
from ssosim.dns.recursion import Question, Resolver, UpstreamQuery, UpstreamResponse
from ssosim.dns.recursion.result import Origin, with_query_name
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.wire_format import Transport
from ssosim.dns.zones.query_context import QueryContext, network
from ssosim.dns.zones.rrset import plain
from ssosim.dns.zones.stub import Query, build_query
from ssosim.memory.resolution import SentReply, apply_dns_effect
from ssosim.trace import Trace

__all__ = ["AuthorityServers", "MemoryResolver", "Upstream"]

_TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp")


class Upstream(Protocol):
    """A server that a resolver queries."""

    def reply_to_resolver(self, query: Query, client: str, transport: Transport, location: str | None) -> SentReply:
        """Return the reply to ``query`` of the resolver ``client``; ``location`` is the client subnet that it sends."""
        ...


class Authority:
    """One authoritative name server."""

    def __init__(self, authorities: Authorities, name: Name) -> None:
        self.find_effect: FindDnsEffect | None = None
        self._authorities = authorities
        self._name = name
        self._plain = plain(name)

    def reply_to_resolver(self, query: Query, client: str, transport: Transport, location: str | None) -> SentReply:
        """See ``Upstream``."""
        store = self._authorities.store
        subnet = network(location) if location is not None else None
        context = QueryContext(subnet, store.health.current, store.draw())
        answered = self._authorities.answer_as(self._name, query.name, query.type, context)
        event = msgspec.structs.replace(answered.event(transport), by=self._plain)
        return apply_dns_effect(
            SentReply(query, event, answer=answered),
            self.find_effect(event, client) if self.find_effect is not None else None,
        )


class AuthorityServers:
    """The name servers of the hierarchy as it is now; ``attach`` is called with each server and its name."""

    def __init__(self, authorities: Authorities, attach: Callable[[Authority, str], None]) -> None:
        self._authorities = authorities
        self._attach = attach
        self._servers: dict[Name, Authority] = {}
        for name in authorities.hierarchy.addresses:
            self._add(name)

    def find(self, address: str) -> Authority | None:
        """Return the server at ``address``; None if no name server has it."""
        name = self._authorities.find_server_at(address)
        return None if name is None else self._servers.get(name) or self._add(name)

    def _add(self, name: Name) -> Authority:
        server = self._servers[name] = Authority(self._authorities, name)
        self._attach(server, plain(name))
        return server


class MemoryResolver:
    """A caching resolver called ``name``.

    ``find_server`` returns the server at an address, ``roots`` are addresses of root servers, ``is_bogus`` tells
    whether a name fails DNSSEC validation, and ``now`` returns the time in seconds since the Unix epoch.
    """

    def __init__(
        self,
        name: str,
        settings: ResolverSettings,
        trace: Trace,
        *,
        roots: tuple[str, ...],
        is_bogus: Callable[[Name], bool],
        find_server: Callable[[str], Upstream | None],
        now: Callable[[], float],
    ) -> None:
        self.find_effect: FindDnsEffect | None = None
        self.name = name
        self._settings = settings
        self._trace = trace
        self._find_server = find_server
        self._now = now
        self._core = Resolver(settings, roots, is_bogus=is_bogus, random=Random(name))  # noqa: S311 - as over sockets

    def reply_to(self, query: Query, client: str, transport: Transport) -> SentReply:
        """Return the reply to ``query`` of ``client``."""
        answer, origin = self._resolve(Question(query.name, query.type))
        answered = with_query_name(answer, query.name)
        event = msgspec.structs.replace(
            answered.event(transport),
            by=self.name,
            origin=origin,
            faults=(),
            # Faults are not among what DNS transmits.
        )
        return apply_dns_effect(
            SentReply(query, event, answer=answered),
            self.find_effect(event, client) if self.find_effect is not None else None,
        )

    @property
    def state(self) -> object:
        """None: the reply depends on the time, which decides what the cache holds."""
        return None

    def repeats(self, reply: SentReply) -> bool:  # noqa: ARG002
        """Return False; see ``state``."""
        return False

    def reply_to_resolver(self, query: Query, client: str, transport: Transport, location: str | None) -> SentReply:  # noqa: ARG002
        """Return the reply to a resolver that forwards to this one; see ``Upstream``."""
        return self.reply_to(query, client, transport)

    def _resolve(self, question: Question) -> tuple[Answer, Origin]:
        now = self._now()
        answer = self._core.find_cached(question, now)
        old = self._core.find_stale(question, now) if answer is None or answer.rcode == SERVFAIL else None
        if answer is not None:
            return (answer, "cache") if old is None else (old, "stale")
        found, took = self._ask_servers(question, now)
        if old is not None and (took > self._settings.client_timer or found.rcode == SERVFAIL):
            return old, "stale"
        return found, "upstream"

    def _ask_servers(self, question: Question, now: float) -> tuple[Answer, float]:
        """Return the answer, and the real seconds that the search would have taken."""
        resolution, took = self._core.resolve(question, now), 0.0
        try:
            ask = next(resolution)
            while True:
                response, waited = self._exchange(ask)
                took += waited
                ask = resolution.send(UpstreamResponse(response, now))
        except StopIteration as done:
            answer: Answer = done.value
            return answer, took

    def _exchange(self, ask: UpstreamQuery) -> tuple[Answer | None, float]:
        """Return a server's answer (None: no usable answer) and the seconds waited for it."""
        limit = self._settings.timeout
        server = self._find_server(ask.server)
        if server is None:
            return None, limit
        try:
            query = build_query(ask.question.name.to_text(), ask.question.type.name)
        except (dns.exception.DNSException, UnicodeError):
            return None, limit
        waited = 0.0
        for transport in _TRANSPORTS:
            reply = server.reply_to_resolver(query, self.name, transport, self._settings.location)
            waited += reply.delay
            self._trace.record(self.name, reply.event)
            if reply.is_silence or waited >= limit:
                return None, limit
            if not reply.is_truncated:
                return reply.answer or _error(reply, ask), waited
        return None, waited


def _error(reply: SentReply, ask: UpstreamQuery) -> Answer:
    """Return the answer that a resolver reads from an error reply."""
    return Answer(
        name=ask.question.name, type=ask.question.type, rcode=Rcode(reply.tail[1] & 0x0F), authoritative=False
    )
