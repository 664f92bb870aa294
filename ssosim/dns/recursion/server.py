"""A caching resolver over real sockets: the shell round ``ssosim.dns.recursion.core``."""

from __future__ import annotations

import asyncio
import dataclasses
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from dns.name import Name
from dns.rcode import BADVERS, NOTIMP, REFUSED, SERVFAIL, Rcode
from dns.rdataclass import IN
from dns.rdatatype import ANY

from ssosim.clock import Clock, SystemClock
from ssosim.dns.recursion.core import Heard, Question, Resolver
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.recursion.upstream import Dial, exchange
from ssosim.dns.server.base import Service
from ssosim.dns.server.bounds import HEADER
from ssosim.dns.server.delivery import Delivery, Who
from ssosim.dns.server.tcp import Peer, Send
from ssosim.dns.server.wire_format import Reply, Transport, failure, read, render, used
from ssosim.dns.zones.answer import NOT_SERVED, Answer
from ssosim.trace import Trace

__all__ = ["RecursiveServer", "ResolverStats", "Upstream"]

MOST_IN_FLIGHT = 2000
"""Questions that are worked at; with more, SERVFAIL."""

MOST_OF_A_PEER = 1000
"""Of these, one peer's."""

Origin = Literal["cache", "stale", "upstream"]


def as_it_is(address: str, port: int) -> tuple[str, int]:
    """Zones have the addresses that there are."""
    return address, port


def no_name(_name: Name) -> bool:
    """Nothing fails validation."""
    return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """What a resolver has above it.

    ``roots`` are addresses of root servers (needless where it forwards), ``dial`` says how to reach an address,
    ``source`` is the address that it asks from, ``bogus`` says which names fail validation.
    """

    roots: tuple[str, ...] = ()
    dial: Dial = as_it_is
    source: str | None = None
    bogus: Callable[[Name], bool] = no_name


@dataclass(slots=True)
class ResolverStats:
    """What a resolver has done since it started: ``queries`` of clients, and ``upstream`` queries of its own.

    ``hits`` were answered from the cache, ``stale`` from expired entries; ``timeouts`` are upstream queries without an
    answer.
    """

    queries: int = 0
    hits: int = 0
    stale: int = 0
    upstream: int = 0
    timeouts: int = 0


class RecursiveServer(Service):
    """A resolver called ``name``: listening, attribution and ``tamper`` are as for ``DnsServer``.

    A question that is being asked already is not asked twice. ``random`` decides which server is asked first.
    ``override``, which may be set at any time, goes before cache and name servers where it has an answer, as a
    response policy zone does.
    """

    def __init__(
        self,
        settings: ResolverSettings,
        trace: Trace,
        who: Who,
        *,
        name: str = "resolver",
        upstream: Upstream | None = None,
        clock: Clock | None = None,
        random: Random | None = None,
    ) -> None:
        super().__init__(Delivery(trace, who, by=name))
        self.stats = ResolverStats()
        self._upstream = upstream or Upstream()
        self.core = Resolver(settings, self._upstream.roots, bogus=self._upstream.bogus, random=random)
        self._clock = clock or SystemClock()
        self.override: Callable[[Question], Answer | None] | None = None
        self._asking: dict[tuple[Question, bool], asyncio.Task[Answer]] = {}
        self._serving: set[asyncio.Task[None]] = set()
        self._of_peer: Counter[str] = Counter()

    async def stop(self) -> None:
        """Stop listening, give up what is being asked. What is remembered stays."""
        await super().stop()
        tasks = [*self._serving, *self._asking.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def flush(self, name: Name | None = None) -> int:
        """Forget everything, or all about ``name`` and below; returns how many answers went."""
        return self.core.flush(name)

    async def resolve(self, question: Question, *, checking_disabled: bool = False) -> tuple[Answer, Origin]:
        """The answer, TTLs counted down, and where it came from."""
        if self.override is not None and (instead := self.override(question)) is not None:
            return instead, "upstream"
        now = self._clock.now()
        answer = None if checking_disabled else self.core.cached(question, now)
        old = self.core.stale(question, now) if answer is None or answer.rcode == SERVFAIL else None
        if answer is not None:
            return (answer, "cache") if old is None else (old, "stale")
        task = self._ask(question, checking_disabled)
        if old is not None:
            await asyncio.wait({task}, timeout=self.core.settings.client_timer)
            if not task.done() or task.result().rcode == SERVFAIL:
                return old, "stale"
        return await asyncio.shield(task), "upstream"

    def _ask(self, question: Question, checking_disabled: bool) -> asyncio.Task[Answer]:
        key = question, checking_disabled
        task = self._asking.get(key)
        if task is None:
            task = self._asking[key] = asyncio.create_task(self._run(question, checking_disabled))
            task.add_done_callback(lambda _task: self._asking.pop(key, None))
        return task

    async def _run(self, question: Question, checking_disabled: bool) -> Answer:
        resolution = self.core.resolve(question, self._clock.now(), checking_disabled=checking_disabled)
        try:
            ask = next(resolution)
            while True:
                self.stats.upstream += 1
                said = await exchange(ask, self.core.settings, self._upstream.dial, self._upstream.source)
                self.stats.timeouts += said is None
                ask = resolution.send(Heard(said, self._clock.now()))
        except StopIteration as done:
            answer: Answer = done.value
            return answer

    def _answer(self, query: bytes, peer: Peer, local: str, transport: Transport, send: Send) -> None:
        if len(query) < HEADER or query[2] & 0x80:
            return
        message = read(query)
        if isinstance(message, Rcode):
            self._delivery.leave(failure(query, message, transport=transport), query, peer, local, send)
            return
        question = message.question[0]

        def reply(answer: Answer, origin: Origin) -> None:
            said = as_asked(answer, question.name)
            event = dataclasses.replace(said.event(transport), origin=origin)
            made = Reply(render(message, said, transport)[2:], event, used(said))
            self._delivery.leave(made, query, peer, local, send)

        self.stats.queries += 1
        refusal = refused(message.edns, question.rdclass, question.rdtype)
        address = peer[0]
        if len(self._serving) >= MOST_IN_FLIGHT or self._of_peer[address] >= MOST_OF_A_PEER:
            refusal = refusal or SERVFAIL
        if refusal is not None:
            said = Answer(name=question.name, type=question.rdtype, rcode=refusal, authoritative=False)
            reply(said, "cache")
            return
        task = asyncio.create_task(self._serve(Question(question.name, question.rdtype), bool(query[3] & 0x10), reply))
        self._serving.add(task)
        self._of_peer[address] += 1

        def done(task: asyncio.Task[None]) -> None:
            self._serving.discard(task)
            self._of_peer[address] -= 1
            if not self._of_peer[address]:
                del self._of_peer[address]

        task.add_done_callback(done)

    async def _serve(
        self, question: Question, checking_disabled: bool, reply: Callable[[Answer, Origin], None]
    ) -> None:
        answer, origin = await self.resolve(question, checking_disabled=checking_disabled)
        self.stats.hits += origin == "cache"
        self.stats.stale += origin == "stale"
        reply(answer, origin)


def refused(edns: int, rdclass: int, rdtype: int) -> Rcode | None:
    """The code for a query that a resolver does not take up: an unknown EDNS version or class, ANY (RFC 8482)."""
    if edns > 0:
        return BADVERS
    if rdclass != IN or rdtype in NOT_SERVED:
        return REFUSED
    return NOTIMP if rdtype == ANY else None


def as_asked(answer: Answer, name: Name) -> Answer:
    """``answer`` under the name as the client wrote it, letter by letter."""
    first, rest = answer.answer[:1], answer.answer[1:]
    return dataclasses.replace(
        answer, name=name, answer=(*(dataclasses.replace(rrset, name=name) for rrset in first), *rest)
    )
