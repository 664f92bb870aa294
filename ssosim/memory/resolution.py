"""A DNS server in memory: what it says, what faults make of that, and what a stub resolver reads in the end.

The answers are those of ``ssosim.dns``, word for word, as far as a stub resolver can tell; no message is made unless
its size matters. What is remembered between questions is what the server on sockets remembers, so that chance (weighted
routing) is drawn as often.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import dns.exception

from ssosim.dns import Answer, Effect, Tamper, ZoneSet, ZoneStore, answer
from ssosim.dns.server.delivery import apply_effect, make_dropped_event
from ssosim.dns.server.wire_format import Reply, Transport, find_cache_scope, is_truncated
from ssosim.dns.zones.query_context import ALL_ONLINE, ANYBODY, Health, QueryContext
from ssosim.dns.zones.stub import NAME_TIMEOUT_S, LookupResult, Query, build_query, read_answer, read_wire
from ssosim.trace import DnsAnswered, Trace

__all__ = ["Left", "NameServer", "OneServer", "Wait", "ask", "leave"]

Wait = Generator[float, None, LookupResult]
"""Yields the seconds that pass, and returns what was read."""


@dataclass(frozen=True)
class Left:
    """What left a server, or did not: ``event`` is how the trace has it, ``delay`` for how long it is held first.

    ``said`` is the answer where one left, ``tail`` an error's or a cut one's bytes after the id; neither: silence.
    """

    query: Query
    event: DnsAnswered
    delay: float = 0.0
    said: Answer | None = None
    tail: bytes = b""

    @property
    def is_silence(self) -> bool:
        """Whether nothing comes."""
        return self.said is None and not self.tail

    @cached_property
    def is_cut(self) -> bool:
        """Whether it has TC set over UDP."""
        if self.said is not None:
            return is_truncated(self.said, self.query.tail)
        return bool(self.tail and self.tail[0] & 0x02)

    @cached_property
    def read(self) -> LookupResult:
        """What a stub resolver makes of it."""
        return read_answer(self.said) if self.said is not None else read_wire(self.tail, self.query.type)


class NameServer(Protocol):
    """A server that a device asks."""

    def leave(self, query: Query, client: str, transport: Transport) -> Left:
        """What leaves for that question of ``client``; it is for the caller to record."""
        ...


def leave(healthy: Left, effect: Effect | None) -> Left:
    """What leaves in the place of ``healthy`` under ``effect``."""
    query, event = healthy.query, healthy.event
    if effect is None:
        return healthy
    if effect.drop:
        return Left(query, make_dropped_event(event))
    if effect.rcode is not None or effect.truncate:
        changed = apply_effect(Reply(b"", event), b"\0\0" + query.tail, effect)
        return Left(query, replace(changed.event, by=event.by), effect.delay, tail=changed.tail)
    if effect.replacement is not None and event.name:
        other = effect.replacement(query.name, query.type, ANYBODY)
        return Left(query, replace(other.event(event.transport), by=event.by), effect.delay, other)
    return replace(healthy, delay=effect.delay)


class OneServer:
    """The lab's one server: authoritative for all zones of ``store``, and a resolver without a cache."""

    def __init__(self, store: ZoneStore) -> None:
        self.tamper: Tamper | None = None
        self._store = store
        self._of: tuple[ZoneSet | None, Health] = (None, ALL_ONLINE)
        self._kept: dict[tuple[Query, Transport, str], Left] = {}
        self._for_all: dict[Query, Left] = {}

    def leave(self, query: Query, client: str, transport: Transport) -> Left:
        """What leaves for that question of ``client``."""
        store = self._store
        healthy: Left | None = None
        if transport == "udp" and store.current is self._of[0] and store.health.current is self._of[1]:
            healthy = self._for_all.get(query)  # nearly always
        if healthy is None:
            healthy = self._healthy(query, client, transport)
        return leave(healthy, self.tamper(healthy.event, client)) if self.tamper is not None else healthy

    def _healthy(self, query: Query, client: str, transport: Transport) -> Left:
        zones, health = self._store.current, self._store.health.current
        if zones is not self._of[0] or health is not self._of[1]:
            self._of = zones, health
            self._kept.clear()
            self._for_all.clear()
        known = self._kept.get((query, transport, "")) or self._kept.get((query, transport, client))
        if known is not None:
            return known
        said = answer(zones, query.name, query.type, QueryContext(None, health, self._store.draw()))
        left = Left(query, said.event(transport), said=said)
        shared = find_cache_scope(said)
        if shared == "anybody" and transport == "udp":
            self._for_all[query] = left
        elif shared != "nobody":
            self._kept[query, transport, "" if shared == "anybody" else client] = left
        return left


def ask(server: NameServer, trace: Trace, client: str, name: str, kind: str) -> LookupResult | Wait:
    """Ask as a device's stub resolver does: over UDP, and over TCP where the answer is cut.

    Every answer is recorded under ``client`` when it leaves. What is read, or where time passes first, a generator of
    the seconds that returns it.
    """
    try:
        query = build_query(name, kind)
    except (dns.exception.DNSException, UnicodeError):
        return LookupResult("servfail")
    left = server.leave(query, client, "udp")
    if left.said is None or left.delay or left.is_cut:
        return _wait(left, server, trace, client)
    trace.record(client, left.event)
    return left.read


def _wait(left: Left, server: NameServer, trace: Trace, client: str) -> Wait:
    waited = 0.0
    transports: tuple[Transport, ...] = ("udp", "tcp")
    for transport in transports:
        if transport == "tcp":
            left = server.leave(left.query, client, transport)
        if left.delay > 0:
            waited += left.delay
            yield left.delay
        trace.record(client, left.event)
        if left.is_silence:
            if waited < NAME_TIMEOUT_S:
                yield NAME_TIMEOUT_S - waited
            return LookupResult("timeout")
        if transport == "tcp" or not left.is_cut:
            return left.read
    raise AssertionError
