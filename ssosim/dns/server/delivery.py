"""The last step of every answer: count the query, apply faults, record the answer in the trace, send it.

Theory of operation: the path of a query from the socket to the trace
--------------------------------------------------------------------

1. ``Listener`` (``listener.py``) owns the sockets. ``Connections`` (``tcp.py``) reads queries over TCP. Queries over
   UDP are read on the fast path (``fast_path``), or by asyncio's endpoint (``datagrams.py``). On Linux, ``BatchReader``
   of the fast path reads up to 64 datagrams with one system call.
2. ``BatchReader`` looks in the ``ReplyCache`` of the fast path first. A cached reply is sent at once: it is counted
   and recorded, but steps 3 to 6 do not run (measured: about twice as fast). A reply is in this cache from the second
   time of its question on, so that names that never come again take no room.
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
from typing import Protocol, runtime_checkable

import msgspec

from ssosim.dns.server.applied_effect import apply_effect, make_dropped_event, name_faults
from ssosim.dns.server.effect import Effect, FindDnsEffect
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.dns.server.tcp import Peer, Send
from ssosim.dns.server.wire_format import (
    Reply,
)
from ssosim.trace import DnsAnswered, Trace

__all__ = [
    "ClientOf",
    "DelayFunction",
    "Delivery",
    "FindSelectedEffects",
]

ClientOf = Callable[[str, str], str]
"""(remote address, local address) -> the name of the client that sent the query."""


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
        return msgspec.structs.replace(event, by=self.server_name) if self.server_name else event

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
