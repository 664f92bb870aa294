"""A caching recursive resolver over real sockets; the logic is in ``ssosim.dns.recursion.core``."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

import msgspec
from dns.name import Name
from dns.rcode import BADVERS, NOTIMP, REFUSED, SERVFAIL, Rcode
from dns.rdataclass import IN
from dns.rdatatype import ANY

from ssosim.clock import Clock, SystemClock
from ssosim.dns.recursion.core import Question, Resolver, UpstreamResponse
from ssosim.dns.recursion.result import Origin, with_query_name
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.recursion.upstream import Dial, exchange
from ssosim.dns.server.base import BaseDnsServer
from ssosim.dns.server.bounds import HEADER
from ssosim.dns.server.delivery import ClientOf, Delivery
from ssosim.dns.server.tcp import Peer, Send
from ssosim.dns.server.wire_format import Reply, Transport, make_error_reply, make_use, read_query, render_response
from ssosim.dns.zones.answer import NOT_SERVED, Answer
from ssosim.trace import Trace

__all__ = ["RecursiveServer", "ResolverStats", "Upstream"]

MAX_IN_FLIGHT = 2000
"""The most questions in progress; further queries get SERVFAIL."""

MAX_IN_FLIGHT_PER_PEER = 1000
"""The most questions in progress for one peer."""


def keep_endpoint(address: str, port: int) -> tuple[str, int]:
    """Return the endpoint unchanged: zones have the real addresses."""
    return address, port


def never_bogus(_name: Name) -> bool:
    """Return False: no name fails validation."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """How a resolver reaches other servers.

    ``roots`` are addresses of root servers (not needed for a forwarder). ``dial`` maps an address in the zones to the
    address to send to. ``source`` is the local address of its queries. ``is_bogus`` tests whether a name fails
    validation.
    """

    roots: tuple[str, ...] = ()
    dial: Dial = keep_endpoint
    source: str | None = None
    is_bogus: Callable[[Name], bool] = never_bogus


@dataclass(slots=True)
class ResolverStats:
    """Counts since the start of a resolver: ``queries`` of clients, and its own ``upstream`` queries.

    ``hits`` were answered from the cache, ``stale`` from expired entries; ``timeouts`` are upstream queries without an
    answer.
    """

    queries: int = 0
    hits: int = 0
    stale: int = 0
    upstream: int = 0
    timeouts: int = 0


class RecursiveServer(BaseDnsServer):
    """A recursive resolver called ``name``; ``client_of`` and ``find_effect`` are as for ``DnsServer``.

    Equal questions in progress share one resolution. ``random`` decides the order of servers. ``override`` may be set
    at any time; where it returns an answer, this answer is used instead of the cache and the name servers, as with a
    response policy zone.
    """

    def __init__(
        self,
        settings: ResolverSettings,
        trace: Trace,
        client_of: ClientOf,
        *,
        name: str = "resolver",
        upstream: Upstream | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        super().__init__(Delivery(trace, client_of, server_name=name))
        self.stats = ResolverStats()
        self._upstream = upstream or Upstream()
        self.core = Resolver(settings, self._upstream.roots, is_bogus=self._upstream.is_bogus, random=random)
        self._clock = clock or SystemClock()
        self.override: Callable[[Question], Answer | None] | None = None
        self._in_flight: dict[tuple[Question, bool], asyncio.Task[Answer]] = {}
        self._query_tasks: set[asyncio.Task[None]] = set()
        self._tasks_by_peer: Counter[str] = Counter()

    async def stop(self) -> None:
        """Stop listening and cancel all resolutions in progress. The cache is kept."""
        await super().stop()
        tasks = [*self._query_tasks, *self._in_flight.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def flush(self, name: Name | None = None) -> int:
        """Remove all entries, or those of ``name`` and the names below it; return the number of removed answers."""
        return self.core.flush(name)

    async def resolve(self, question: Question, *, checking_disabled: bool = False) -> tuple[Answer, Origin]:
        """Resolve a question; return the answer with remaining TTLs, and where it came from."""
        if self.override is not None and (instead := self.override(question)) is not None:
            return instead, "upstream"
        now = self._clock.now()
        answer = None if checking_disabled else self.core.find_cached(question, now)
        old = self.core.find_stale(question, now) if answer is None or answer.rcode == SERVFAIL else None
        if answer is not None:
            return (answer, "cache") if old is None else (old, "stale")
        task = self._start_resolution(question, checking_disabled)
        if old is not None:
            await asyncio.wait({task}, timeout=self.core.settings.client_timer)
            if not task.done() or task.result().rcode == SERVFAIL:
                return old, "stale"
        return await asyncio.shield(task), "upstream"

    def _start_resolution(self, question: Question, checking_disabled: bool) -> asyncio.Task[Answer]:
        key = question, checking_disabled
        task = self._in_flight.get(key)
        if task is None:
            task = self._in_flight[key] = asyncio.create_task(self._run(question, checking_disabled))
            task.add_done_callback(lambda _task: self._in_flight.pop(key, None))
        return task

    async def _run(self, question: Question, checking_disabled: bool) -> Answer:
        resolution = self.core.resolve(question, self._clock.now(), checking_disabled=checking_disabled)
        try:
            query = next(resolution)
            while True:
                self.stats.upstream += 1
                response = await exchange(query, self.core.settings, self._upstream.dial, self._upstream.source)
                self.stats.timeouts += response is None
                query = resolution.send(UpstreamResponse(response, self._clock.now()))
        except StopIteration as done:
            answer: Answer = done.value
            return answer

    def _handle_query(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        if len(query) < HEADER or query[2] & 0x80:
            return
        message = read_query(query)
        if isinstance(message, Rcode):
            self._delivery.send(make_error_reply(query, message, transport=transport), query, peer, local, send)
            return
        question = message.question[0]

        def reply(answer: Answer, origin: Origin) -> None:
            response = with_query_name(answer, question.name)
            event = msgspec.structs.replace(response.event(transport), origin=origin)
            made = Reply(render_response(message, response, transport)[2:], event, make_use(response, event))
            self._delivery.send(made, query, peer, local, send)

        self.stats.queries += 1
        refusal = find_refusal(message.edns, question.rdclass, question.rdtype)
        address = peer[0]
        if len(self._query_tasks) >= MAX_IN_FLIGHT or self._tasks_by_peer[address] >= MAX_IN_FLIGHT_PER_PEER:
            refusal = refusal or SERVFAIL
        if refusal is not None:
            response = Answer(name=question.name, type=question.rdtype, rcode=refusal, authoritative=False)
            reply(response, "cache")
            return
        task = asyncio.create_task(
            self._resolve_and_reply(Question(question.name, question.rdtype), bool(query[3] & 0x10), reply)
        )
        self._query_tasks.add(task)
        self._tasks_by_peer[address] += 1

        def done(task: asyncio.Task[None]) -> None:
            self._query_tasks.discard(task)
            self._tasks_by_peer[address] -= 1
            if not self._tasks_by_peer[address]:
                del self._tasks_by_peer[address]

        task.add_done_callback(done)

    async def _resolve_and_reply(
        self, question: Question, checking_disabled: bool, reply: Callable[[Answer, Origin], None]
    ) -> None:
        answer, origin = await self.resolve(question, checking_disabled=checking_disabled)
        self.stats.hits += origin == "cache"
        self.stats.stale += origin == "stale"
        reply(answer, origin)


def find_refusal(edns: int, rdclass: int, rdtype: int) -> Rcode | None:
    """The response code for a query that a resolver refuses: unknown EDNS version or class, ANY (RFC 8482)."""
    if edns > 0:
        return BADVERS
    if rdclass != IN or rdtype in NOT_SERVED:
        return REFUSED
    return NOTIMP if rdtype == ANY else None
