"""Caching resolvers in memory, and the name servers that they walk: the shell round ``ssosim.dns.recursion.core``.

Where the shell over sockets waits real seconds, this one only counts them: virtual time stands still in both while a
resolver looks for an answer.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from random import Random
from typing import Protocol

import dns.exception
from dns.name import Name
from dns.rcode import SERVFAIL, Rcode

from ssosim.dns import Answer, Tamper
from ssosim.dns.recursion import Question, Resolver, UpstreamQuery, UpstreamResponse
from ssosim.dns.recursion.server import Origin, with_query_name
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.wire_format import Transport
from ssosim.dns.zones.query_context import QueryContext, network
from ssosim.dns.zones.rrset import plain
from ssosim.dns.zones.stub import Query, build_query
from ssosim.memory.resolution import Left, leave
from ssosim.trace import Trace

__all__ = ["MemoryResolver", "Upstream", "authority_servers"]

_TRANSPORTS: tuple[Transport, ...] = ("udp", "tcp")


class Upstream(Protocol):
    """A server that a resolver asks."""

    def said(self, query: Query, client: str, transport: Transport, location: str | None) -> Left:
        """What leaves for the question of the resolver ``client``, which names ``location`` as its clients'."""
        ...


class Authority:
    """One authoritative name server."""

    def __init__(self, authorities: Authorities, name: Name) -> None:
        self.tamper: Tamper | None = None
        self._authorities = authorities
        self._name = name
        self._plain = plain(name)

    def said(self, query: Query, client: str, transport: Transport, location: str | None) -> Left:
        """See ``Upstream``."""
        store = self._authorities.store
        subnet = network(location) if location is not None else None
        context = QueryContext(subnet, store.health.current, store.draw())
        said = self._authorities.answer_as(self._name, query.name, query.type, context)
        event = replace(said.event(transport), by=self._plain)
        if event.rcode == "NODATA" and not said.authoritative:
            event = replace(event, rcode="REFERRAL")
        return leave(Left(query, event, said=said), self.tamper(event, client) if self.tamper is not None else None)


def authority_servers(authorities: Authorities, attach: Callable[[Authority, str], None]) -> dict[str, Authority]:
    """Every name server of the hierarchy by its address; ``attach`` is called with each, and its name."""
    found = {}
    for name, address in authorities.hierarchy.addresses.items():
        found[address] = server = Authority(authorities, name)
        attach(server, plain(name))
    return found


class MemoryResolver:
    """A resolver called ``name``. ``upstream`` are the servers by address, ``now`` says what time it is."""

    def __init__(
        self,
        name: str,
        settings: ResolverSettings,
        trace: Trace,
        *,
        roots: tuple[str, ...],
        is_bogus: Callable[[Name], bool],
        upstream: Mapping[str, Upstream],
        now: Callable[[], float],
    ) -> None:
        self.tamper: Tamper | None = None
        self.name = name
        self._settings = settings
        self._trace = trace
        self._upstream = upstream
        self._now = now
        self._core = Resolver(settings, roots, is_bogus=is_bogus, random=Random(name))  # noqa: S311 - as over sockets

    def leave(self, query: Query, client: str, transport: Transport) -> Left:
        """What leaves for that question of ``client``."""
        answer, origin = self._resolve(Question(query.name, query.type))
        said = with_query_name(answer, query.name)
        event = replace(said.event(transport), by=self.name, origin=origin)
        return leave(Left(query, event, said=said), self.tamper(event, client) if self.tamper is not None else None)

    def said(self, query: Query, client: str, transport: Transport, location: str | None) -> Left:  # noqa: ARG002
        """See ``Upstream``: as a resolver that another one forwards to."""
        return self.leave(query, client, transport)

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
        """The answer, and the real seconds that it would have taken."""
        resolution, took = self._core.resolve(question, now), 0.0
        try:
            ask = next(resolution)
            while True:
                said, waited = self._exchange(ask)
                took += waited
                ask = resolution.send(UpstreamResponse(said, now))
        except StopIteration as done:
            answer: Answer = done.value
            return answer, took

    def _exchange(self, ask: UpstreamQuery) -> tuple[Answer | None, float]:
        """What a server says, and for how long it was waited for."""
        limit = self._settings.timeout
        server = self._upstream.get(ask.server)
        if server is None:
            return None, limit
        try:
            query = build_query(ask.question.name.to_text(), ask.question.type.name)
        except (dns.exception.DNSException, UnicodeError):
            return None, limit
        waited = 0.0
        for transport in _TRANSPORTS:
            left = server.said(query, self.name, transport, self._settings.location)
            waited += left.delay
            self._trace.record(self.name, left.event)
            if left.is_silence or waited >= limit:
                return None, limit
            if not left.is_cut:
                return left.said or _error(left, ask), waited
        return None, waited


def _error(left: Left, ask: UpstreamQuery) -> Answer:
    """An error code as a resolver reads it."""
    return Answer(name=ask.question.name, type=ask.question.type, rcode=Rcode(left.tail[1] & 0x0F), authoritative=False)
