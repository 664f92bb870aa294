"""The last step of every answer: count the query, apply faults, record the answer in the trace, send it.

Theory of operation: the path of a query from the socket to the trace
--------------------------------------------------------------------

1. ``Listener`` (``listener.py``) owns the sockets. It reads a UDP query itself; ``Connections`` (``tcp.py``) reads
   queries over TCP. On Linux, ``BatchReader`` (``batched_io.py``) reads up to 64 datagrams with one system call.
2. ``BatchReader`` looks in the ``ReplyCache`` (``reply_cache.py``) first. A cached reply is sent at once: it is counted
   and recorded, but steps 3 to 6 do not run (measured: about twice as fast).
3. ``PeerScheduler`` (``peer_budget.py``) decides whether the query runs now or waits, so that no peer blocks others.
4. The server (a subclass of ``BaseDnsServer``) makes a ``Reply``: the bytes after the id, and the trace event.
   ``DnsServer`` and ``AuthorityServer`` make it at once; ``RecursiveServer`` starts a task and answers later.
5. ``Delivery.send`` finds the client of the query (``client_of``) and counts the query.
6. ``Delivery.send`` passes the event to ``find_effect``, the function of the active faults. The effect may drop, delay,
   replace or truncate the answer. Then the trace records the answer, and the bytes go to ``send``.

Rules that always hold:

- The trace records what the client receives, not what the zones contain. A dropped answer has the response code
  ``DROPPED``. A delayed answer is recorded when it is sent, not when the query arrived.
- Recording comes directly before sending, in the same step of the event loop. So a client that has an answer can
  always find it in the trace.
- Every query is counted once, before faults are applied: a fault must not make a name look unused.
- Making a reply never raises, whatever the bytes of the query are.
- A cached reply is used only while zones, endpoint health, faults, counters and the client of the address are the
  same. ``ReplyCache.start_round`` compares these values by identity, once for each batch.

What can go wrong: if answers depend on a new input that ``ReplyCache.start_round`` does not compare, cached replies are
out of date. A fault whose ``ignores`` is True for a name that it does change has no effect on cached replies.
"""

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
from ssosim.dns.server.wire_format import (
    Reply,
    Transport,
    client_subnet,
    make_error_reply,
    make_use,
    read_query,
    render_response,
    with_dnssec_ok,
    with_extended_error,
)
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.extended_errors import ExtendedError
from ssosim.dns.zones.query_context import ANYBODY, QueryContext, network
from ssosim.trace import DnsAnswered, Trace

__all__ = [
    "AnswerFunction",
    "ClientOf",
    "DelayFunction",
    "Delivery",
    "Effect",
    "FindDnsEffect",
    "FindSelectedEffects",
    "apply_effect",
    "make_dropped_event",
    "name_faults",
    "respond_with",
]

ClientOf = Callable[[str, str], str]
"""(remote address, local address) -> the name of the client that sent the query."""

AnswerFunction = Callable[[Name, RdataType, QueryContext], Answer]
"""(name, type, context) -> the answer to that question."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Effect:
    """What a fault does to one answer.

    ``drop``: never send it. ``delay``: send it that many seconds later. ``rcode``: send this error code (0 to 15)
    instead. ``truncate``: send a header only, with TC set. ``replacement``: send the answer of this function instead.
    ``extended_error``: why ``rcode``.
    ``unless_cd``: leave queries with the CD bit unchanged, as a validating resolver must (RFC 4035 section 3.2.2).
    ``faults`` are the numbers of the faults that have this effect, for the trace, and ``delayed_by`` of those that only
    delay it, which are to blame if it is dropped because it would come too late.
    """

    drop: bool = False
    delay: float = 0.0
    rcode: Rcode | None = None
    truncate: bool = False
    replacement: AnswerFunction | None = None
    unless_cd: bool = False
    extended_error: ExtendedError | None = None
    faults: tuple[int, ...] = ()
    delayed_by: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse (ValueError) a negative answer without AA and SOA: glibc reports EAI_AGAIN (measured, 2.36)."""
        if self.rcode in (Rcode.NOERROR, Rcode.NXDOMAIN):
            raise ValueError(
                f"rcode {self.rcode.name} is a negative answer, not an error: use replacement, with an SOA"
            )

    @property
    def final(self) -> bool:
        """Whether it decides the content of the answer, so that no other effect can change it."""
        return self.drop or self.truncate or self.rcode is not None or self.replacement is not None


FindDnsEffect = Callable[[DnsAnswered, str], Effect | None]
"""(event of the answer, client) -> the effect on this answer; None for no effect. Faults use it."""


@runtime_checkable
class FindSelectedEffects(Protocol):
    """A function that also knows names whose answers it never changes; replies about them may be cached."""

    def __call__(self, event: DnsAnswered, client: str, /) -> Effect | None:
        """The effect on one answer, as for every ``FindDnsEffect``."""
        ...

    def ignores(self, name: str, /) -> bool:
        """Whether it changes no answer about ``name`` as long as it is active."""
        ...


DelayFunction = Callable[[str, float], Awaitable[None]]
"""(client, seconds) -> an awaitable that ends after so many seconds of the time of the lab."""


async def sleep_in_real_time(_client: str, seconds: float) -> None:
    """Wait in real time."""
    await asyncio.sleep(seconds)


class Delivery:
    """Sends replies of one server, whose name in the trace is ``server_name``.

    ``find_effect`` may be set and unset at any time. ``delay_function`` waits before delayed answers; set it before the
    first query.
    """

    def __init__(
        self, trace: Trace, client_of: ClientOf, find_effect: FindDnsEffect | None = None, server_name: str = ""
    ) -> None:
        self.find_effect = find_effect
        self.counts: QueryCounts | None = None
        self.client_of = client_of
        self.server_name = server_name
        self.delay_function: DelayFunction = sleep_in_real_time
        self.record_all = trace.record_all
        self._trace = trace
        self._delayed: set[asyncio.Task[None]] = set()

    def send(self, reply: Reply, query: bytes, peer: Peer, local: str, send: Send) -> None:
        """Count ``query``, apply ``find_effect``, record the answer, send it: at once, later, changed, or never."""
        client = self.client_of(peer[0], local)
        if self.counts is not None and reply.use is not None:
            self.counts.add(reply.use, client)
        event = self.with_server_name(reply.event)
        effect = self.find_effect(event, client) if self.find_effect is not None else None
        if effect is None or (effect.unless_cd and query[3] & 0x10):
            self._trace.record(client, event)
            send(query[:2] + reply.tail, peer)
            return
        if effect.drop:
            self._trace.record(client, make_dropped_event(event, effect.faults))
            return
        changed = apply_effect(reply, query, effect)
        changed_event = name_faults(self.with_server_name(changed.event), event, effect)

        def send_now() -> None:
            self._trace.record(client, changed_event)
            send(query[:2] + changed.tail, peer)

        if effect.delay <= 0:
            send_now()
        else:
            self._send_later(client, effect.delay, send_now)

    def with_server_name(self, event: DnsAnswered) -> DnsAnswered:
        """``event`` with the name of this server, as the trace has it."""
        return replace(event, by=self.server_name) if self.server_name else event

    def cancel_delayed(self) -> None:
        """Cancel all delayed answers."""
        for task in self._delayed:
            task.cancel()
        self._delayed.clear()

    def _send_later(self, client: str, delay: float, send_now: Callable[[], None]) -> None:
        async def wait_and_send() -> None:
            await self.delay_function(client, delay)
            send_now()

        task = asyncio.get_running_loop().create_task(wait_and_send())
        self._delayed.add(task)
        task.add_done_callback(self._delayed.discard)


def make_dropped_event(event: DnsAnswered, faults: tuple[int, ...] = ()) -> DnsAnswered:
    """The trace event for an answer that the faults with these numbers drop: response code DROPPED, no records."""
    return replace(event, rcode="DROPPED", answers=(), faults=faults)


def name_faults(event: DnsAnswered, healthy: DnsAnswered, effect: Effect) -> DnsAnswered:
    """Return ``event``, sent instead of ``healthy``, with the numbers of the faults that changed it.

    A replacement that is the same as the answer that it replaces is no change, and neither is a delay: an answer that
    comes too late for a client is ``DROPPED``.
    """
    if effect.replacement is not None:
        if (event.rcode, event.answers) == (healthy.rcode, healthy.answers):
            return replace(event, faults=healthy.faults)
        return replace(event, faults=(*event.faults, *effect.faults))
    return replace(event, faults=(*(() if effect.final else healthy.faults), *effect.faults))


def apply_effect(reply: Reply, query: bytes, effect: Effect) -> Reply:
    """``reply`` as ``effect`` changes it. ``replacement`` does not apply to a query that could not be parsed."""
    event = reply.event
    if effect.rcode is not None:
        error = make_error_reply(query, effect.rcode, name=event.name, rdtype=event.type, transport=event.transport)
        return with_extended_error(error, query, effect.extended_error)
    if effect.truncate:
        bare = make_error_reply(query, Rcode.NOERROR, name=event.name, rdtype=event.type, transport=event.transport)
        tail = bytes((bare.tail[0] | (dns.flags.TC >> 8),)) + bare.tail[1:]
        return Reply(tail, replace(event, rcode="TRUNCATED", answers=()))
    if effect.replacement is not None and event.name:
        return respond_with(effect.replacement, query, event.transport) or reply
    return reply


def respond_with(
    answer_function: AnswerFunction, query: bytes, transport: Transport, context: QueryContext = ANYBODY
) -> Reply | None:
    """The reply to a readable query of class IN, with the answer of ``answer_function``; None for any other query.

    The client subnet in the query replaces that of ``context``.
    """
    if len(query) < HEADER or query[2] & 0x80:
        return None
    message = read_query(query)
    if isinstance(message, Rcode) or message.edns > 0 or message.question[0].rdclass != IN:
        return None
    question = message.question[0]
    subnet = client_subnet(message)
    if subnet is not None and subnet.scopelen:
        return None
    if subnet is not None and subnet.srclen:
        context = replace(context, subnet=network(f"{subnet.address}/{subnet.srclen}"))
    context = with_dnssec_ok(context, message)
    answer = answer_function(question.name, question.rdtype, context)
    return Reply(render_response(message, answer, transport)[2:], answer.event(transport), make_use(answer), "nobody")
