"""A DNS server in memory: its replies, the effect of faults on them, and what a stub resolver reads.

The answers are computed by ``ssosim.dns`` and are the same as over sockets for a stub resolver; a DNS message is built
only where its size matters. The server caches the same replies as the server on sockets, so that weighted routing draws
the same number of random numbers.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Protocol

import dns.exception
import msgspec

from ssosim.dns import Answer, Effect, FindDnsEffect, ZoneSet, ZoneStore, resolve_in_zones
from ssosim.dns.server.applied_effect import apply_effect, make_dropped_event, name_faults
from ssosim.dns.server.wire_format import Reply, Transport, find_cache_scope, is_truncated
from ssosim.dns.zones.query_context import ALL_ONLINE, ANYBODY, Health, QueryContext
from ssosim.dns.zones.stub import (
    NAME_TIMEOUT_S,
    LookupResult,
    Query,
    asks_next_server,
    build_query,
    read_answer,
    read_wire,
)
from ssosim.trace import DnsAnswered, Trace

__all__ = [
    "AuthoritativeServer",
    "NameServer",
    "SentReply",
    "Wait",
    "apply_dns_effect",
    "query_as_stub",
]

Wait = Generator[float, None, LookupResult]
"""A generator that yields the seconds to wait and returns what the stub resolver read."""


@dataclass(frozen=True)
class SentReply:
    """The reply of a server to ``query``, or its silence. ``event`` is the trace event; ``delay`` is in seconds.

    ``answer`` is the answer; for an error or a truncated reply ``tail`` holds the octets after the message id instead.
    Without both the server sent nothing.
    """

    query: Query
    event: DnsAnswered
    delay: float = 0.0
    answer: Answer | None = None
    tail: bytes = b""

    @property
    def is_silence(self) -> bool:
        """Whether the server sent nothing."""
        return self.answer is None and not self.tail

    @cached_property
    def is_truncated(self) -> bool:
        """Whether the reply over UDP has the TC bit set."""
        if self.answer is not None:
            return is_truncated(self.answer, self.query.tail)
        return bool(self.tail and self.tail[0] & 0x02)

    @cached_property
    def read(self) -> LookupResult:
        """The result that a stub resolver reads from the reply."""
        return read_answer(self.answer) if self.answer is not None else read_wire(self.tail, self.query.type)


class NameServer(Protocol):
    """A DNS server that a device queries."""

    def reply_to(self, query: Query, client: str, transport: Transport) -> SentReply:
        """Return the reply to ``query`` of ``client``. The caller records its event."""
        ...

    @property
    def state(self) -> object:
        """The same object as long as repeated queries get the same replies (``repeats``); None: they may differ."""
        ...

    def repeats(self, reply: SentReply) -> bool:
        """Return whether every repetition of the query of ``reply`` gets this reply while ``state`` is the same."""
        ...


def apply_dns_effect(healthy: SentReply, effect: Effect | None) -> SentReply:
    """Return the reply that is sent instead of ``healthy`` under the fault ``effect``."""
    if effect is None:
        return healthy
    query, event = healthy.query, healthy.event
    if effect.drop:
        return SentReply(query, make_dropped_event(event, effect.faults))
    changed = _change_reply(healthy, effect)
    return replace(changed, event=name_faults(changed.event, event, effect))


def _change_reply(healthy: SentReply, effect: Effect) -> SentReply:
    query, event = healthy.query, healthy.event
    if effect.rcode is not None or effect.truncate:
        changed = apply_effect(Reply(b"", event), b"\0\0" + query.tail, effect)
        return SentReply(query, msgspec.structs.replace(changed.event, by=event.by), effect.delay, tail=changed.tail)
    if effect.replacement is not None and event.name:
        other = effect.replacement(query.name, query.type, ANYBODY)
        return SentReply(query, msgspec.structs.replace(other.event(event.transport), by=event.by), effect.delay, other)
    return replace(healthy, delay=effect.delay)


class AuthoritativeServer:
    """The lab's DNS server: authoritative for all zones of ``store``, and a resolver without a cache."""

    def __init__(self, store: ZoneStore) -> None:
        self.find_effect: FindDnsEffect | None = None
        self._store = store
        self._state: tuple[ZoneSet | None, Health] = (None, ALL_ONLINE)
        self._replies: dict[tuple[Query, Transport, str], SentReply] = {}
        self._shared_replies: dict[Query, SentReply] = {}

    def reply_to(self, query: Query, client: str, transport: Transport) -> SentReply:
        """Return the reply to ``query`` of ``client``."""
        store = self._store
        healthy: SentReply | None = None
        if transport == "udp" and store.current is self._state[0] and store.health.current is self._state[1]:
            healthy = self._shared_replies.get(query)  # the fast path: most replies are the same for all clients
        if healthy is None:
            healthy = self._reply_without_fault(query, client, transport)
        return (
            apply_dns_effect(healthy, self.find_effect(healthy.event, client))
            if self.find_effect is not None
            else healthy
        )

    @property
    def state(self) -> object:
        """See ``NameServer``: the zones and the health that the replies were made from; None under a fault of DNS."""
        store, state = self._store, self._state
        if self.find_effect is not None or store.current is not state[0] or store.health.current is not state[1]:
            return None
        return state

    def repeats(self, reply: SentReply) -> bool:
        """See ``NameServer``: the reply over UDP is the same for all clients, and is not drawn by lot."""
        return self._shared_replies.get(reply.query) is reply

    def _reply_without_fault(self, query: Query, client: str, transport: Transport) -> SentReply:
        zones, health = self._store.current, self._store.health.current
        if zones is not self._state[0] or health is not self._state[1]:
            self._state = zones, health
            self._replies.clear()
            self._shared_replies.clear()
        known = self._replies.get((query, transport, "")) or self._replies.get((query, transport, client))
        if known is not None:
            return known
        answered = resolve_in_zones(zones, query.name, query.type, QueryContext(None, health, self._store.draw()))
        reply = SentReply(query, answered.event(transport), answer=answered)
        shared = find_cache_scope(answered)
        if shared == "anybody" and transport == "udp":
            self._shared_replies[query] = reply
        elif shared != "nobody":
            self._replies[query, transport, "" if shared == "anybody" else client] = reply
        return reply


def query_as_stub(
    servers: Sequence[NameServer], trace: Trace, client: str, name: str, kind: str, ended: list[SentReply] | None = None
) -> LookupResult | Wait:
    """Query ``servers`` as a device's stub resolver does: over UDP, then over TCP if the reply is truncated.

    A server that fails is followed by the next one (``asks_next_server``). Every reply is recorded under ``client``
    when it is sent. Returns what the stub resolver reads; if time passes before that, a generator that yields the
    seconds and returns the result. A reply of the first server that ended the look-up at once is added to ``ended``.
    """
    try:
        query = build_query(name, kind)
    except (dns.exception.DNSException, UnicodeError):
        return LookupResult("servfail")
    read = LookupResult("timeout")
    for number, server in enumerate(servers):
        reply = server.reply_to(query, client, "udp")
        if reply.answer is None or reply.delay or reply.is_truncated:
            return _wait(reply, servers[number:], trace, client)
        trace.record(client, reply.event)
        read = reply.read
        if not asks_next_server(read):
            if number == 0 and ended is not None:
                ended.append(reply)
            break
    return read


def _wait(reply: SentReply, servers: Sequence[NameServer], trace: Trace, client: str) -> Wait:
    """Read the reply of the first of ``servers``, and query the others while one fails."""
    read = yield from _wait_for(reply, servers[0], trace, client)
    for server in servers[1:]:
        if not asks_next_server(read):
            break
        read = yield from _wait_for(server.reply_to(reply.query, client, "udp"), server, trace, client)
    return read


def _wait_for(reply: SentReply, server: NameServer, trace: Trace, client: str) -> Wait:
    waited = 0.0
    transports: tuple[Transport, ...] = ("udp", "tcp")
    for transport in transports:
        if transport == "tcp":
            reply = server.reply_to(reply.query, client, transport)
        if reply.delay > 0:
            waited += reply.delay
            yield reply.delay
        trace.record(client, reply.event)
        if reply.is_silence:
            if waited < NAME_TIMEOUT_S:
                yield NAME_TIMEOUT_S - waited
            return LookupResult("timeout")
        if transport == "tcp" or not reply.is_truncated:
            return reply.read
    raise AssertionError
