"""The last step of an answer: faults have their say, then it leaves and is written into the trace."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Protocol, runtime_checkable

import dns.flags
from dns.name import Name
from dns.rcode import Rcode
from dns.rdataclass import IN
from dns.rdatatype import RdataType

from ssosim.dns.server.bounds import HEADER
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.dns.server.tcp import Peer, Send
from ssosim.dns.server.wire_format import Reply, Transport, client_subnet, failure, read, render, used
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.query_context import ANYBODY, QueryContext, network
from ssosim.trace import DnsAnswered, Trace

__all__ = [
    "Delivery",
    "Effect",
    "Hold",
    "Said",
    "Selective",
    "Tamper",
    "Who",
    "kept_back",
    "respond_with",
    "with_effect",
]

Who = Callable[[str, str], str]
"""(remote address, local address) -> the name of the client."""

Said = Callable[[Name, RdataType, QueryContext], Answer]
"""What is said to a question that somebody asks."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a fault does to one answer.

    Keep it back (``drop``), hold it ``delay`` seconds, say an error ``rcode`` (0 to 15) instead, cut it to a bare
    header with TC set (``truncate``), or say what ``said`` says. ``unless_cd`` spares queries with the CD bit, as a
    validating resolver must (RFC 4035 section 3.2.2).
    """

    drop: bool = False
    delay: float = 0.0
    rcode: Rcode | None = None
    truncate: bool = False
    said: Said | None = None
    unless_cd: bool = False

    def __post_init__(self) -> None:
        """Refuse a negative answer without AA and SOA: glibc makes EAI_AGAIN of it (measured, 2.36)."""
        if self.rcode in (Rcode.NOERROR, Rcode.NXDOMAIN):
            raise ValueError(f"rcode {self.rcode.name} is a negative answer, no error: say it with its SOA")

    @property
    def final(self) -> bool:
        """Whether it settles what is said, so that no other effect can."""
        return self.drop or self.truncate or self.rcode is not None or self.said is not None


Tamper = Callable[[DnsAnswered, str], Effect | None]
"""(the answer that is about to leave, client) -> what to do to it; None lets it pass. The seam for faults."""


@runtime_checkable
class Selective(Protocol):
    """A tamper that can say of most names that it will never touch them, so that it need not be asked each time."""

    def __call__(self, event: DnsAnswered, client: str, /) -> Effect | None:
        """As any tamper."""
        ...

    def spares(self, name: str, /) -> bool:
        """Whether it lets all answers about ``name`` pass as long as it is in force, and need not see them."""
        ...


Hold = Callable[[str, float], Awaitable[None]]
"""(client, seconds) -> waits for so long."""


async def in_real_time(_client: str, seconds: float) -> None:
    """Wait for real seconds."""
    await asyncio.sleep(seconds)


class Delivery:
    """Sends replies. ``tamper`` may be set and unset at any time; ``by`` is the sender's name in the trace.

    ``hold`` is how an answer to a client that a fault delays is held, for seconds; it may be set before the first.
    """

    def __init__(self, trace: Trace, who: Who, tamper: Tamper | None = None, by: str = "") -> None:
        self.tamper = tamper
        self.counts: QueryCounts | None = None
        self.who = who
        self.by = by
        self.hold: Hold = in_real_time
        self.write_down = trace.record_all
        self._trace = trace
        self._delayed: set[asyncio.Task[None]] = set()

    def leave(self, reply: Reply, query: bytes, peer: Peer, local: str, send: Send) -> None:
        """Send ``reply`` to ``query``: at once, later, changed or never, as ``tamper`` says."""
        client = self.who(peer[0], local)
        if self.counts is not None and reply.use is not None:
            self.counts.add(reply.use, client)
        event = self.written(reply.event)
        effect = self.tamper(event, client) if self.tamper is not None else None
        if effect is None or (effect.unless_cd and query[3] & 0x10):
            self._trace.record(client, event)
            send(query[:2] + reply.tail, peer)
            return
        if effect.drop:
            self._trace.record(client, kept_back(event))
            return
        changed = with_effect(reply, query, effect)
        left = self.written(changed.event)

        def go() -> None:
            self._trace.record(client, left)
            send(query[:2] + changed.tail, peer)

        if effect.delay <= 0:
            go()
        else:
            self._later(client, effect.delay, go)

    def written(self, event: DnsAnswered) -> DnsAnswered:
        """``event`` as it is written down: with the sender's name."""
        return replace(event, by=self.by) if self.by else event

    def forget(self) -> None:
        """Drop the answers that are being held."""
        for task in self._delayed:
            task.cancel()
        self._delayed.clear()

    def _later(self, client: str, delay: float, go: Callable[[], None]) -> None:
        async def at_last() -> None:
            await self.hold(client, delay)
            go()

        task = asyncio.get_running_loop().create_task(at_last())
        self._delayed.add(task)
        task.add_done_callback(self._delayed.discard)


def kept_back(event: DnsAnswered) -> DnsAnswered:
    """The answer ``event`` as the trace has it where a fault keeps it back."""
    return replace(event, rcode="DROPPED", answers=())


def with_effect(reply: Reply, query: bytes, effect: Effect) -> Reply:
    """``reply`` as ``effect`` changes it. What could not be parsed is only ever replaced by an error code."""
    event = reply.event
    if effect.rcode is not None:
        return failure(query, effect.rcode, name=event.name, rdtype=event.type, transport=event.transport)
    if effect.truncate:
        cut = failure(query, Rcode.NOERROR, name=event.name, rdtype=event.type, transport=event.transport)
        tail = bytes((cut.tail[0] | (dns.flags.TC >> 8),)) + cut.tail[1:]
        return Reply(tail, replace(event, rcode="TRUNCATED", answers=()))
    if effect.said is not None and event.name:
        return respond_with(effect.said, query, event.transport) or reply
    return reply


def respond_with(said: Said, query: bytes, transport: Transport, asking: QueryContext = ANYBODY) -> Reply | None:
    """The reply to a readable query of class IN, as ``said`` has it; None for any other.

    The query's own client subnet goes before ``asking``'s.
    """
    if len(query) < HEADER or query[2] & 0x80:
        return None
    message = read(query)
    if isinstance(message, Rcode) or message.edns > 0 or message.question[0].rdclass != IN:
        return None
    question = message.question[0]
    subnet = client_subnet(message)
    if subnet is not None and subnet.scopelen:
        return None
    if subnet is not None and subnet.srclen:
        asking = replace(asking, subnet=network(f"{subnet.address}/{subnet.srclen}"))
    answer = said(question.name, question.rdtype, asking)
    return Reply(render(message, answer, transport)[2:], answer.event(transport), used(answer), "nobody")
