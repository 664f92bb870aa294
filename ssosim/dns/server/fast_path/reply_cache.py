"""A cache of complete replies, by client address and query, for the fastest path of UDP queries.

Answering a query normally takes about twelve small Python calls. The cache keeps a reply that was sent unchanged twice,
if it depends only on values that are compared once in each round: zones, endpoint health, faults, and the client of an
address. An entry has all that the path needs: the client, the open counter of such queries, and the trace event.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ssosim.dns.server.delivery import Delivery, FindSelectedEffects
from ssosim.dns.server.effect import FindDnsEffect
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.dns.server.wire_format import Responder
from ssosim.dns.zones.query_context import ALL_ONLINE, Health
from ssosim.dns.zones.store import ZoneStore
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.trace import ClientEvent

__all__ = ["CachedClient", "CachedReply", "ReplyCache"]

MAX_REPLIES = 4096
"""The most replies kept for each local address, at about 400 octets each."""

MAX_OCTETS = 4 * 2**20
"""The largest size of these replies, in octets: their events may be the only ones of their kind."""

MAX_QUERY = 512


class CachedClient:
    """A remote address, the name of its client, and the last round in which this was checked."""

    __slots__ = ("address", "name", "round")

    def __init__(self, address: str, name: str) -> None:
        self.address = address
        self.name = name
        self.round = 0


class CachedReply(NamedTuple):
    """The bytes to send after the id, their length, the client, the counter, and the trace event.

    ``counter`` is the open counter of such queries: their number, and the time of the last one.
    """

    tail: bytes
    length: int
    client: CachedClient
    counter: list[float]
    event: ClientEvent


class ReplyCache:
    """Replies for queries to the address ``local``; the key is the client address and the query after its id."""

    def __init__(self, local: str, store: ZoneStore, responder: Responder, delivery: Delivery) -> None:
        self.replies: dict[bytes, CachedReply] = {}
        self._octets = 0
        self.round = 0
        self._local = local
        self._store = store
        self._delivery = delivery
        self._responder = responder
        self._clients: dict[str, CachedClient] = {}
        self._zones: ZoneSet | None = None
        self._health: Health = ALL_ONLINE
        self._find_effect: FindDnsEffect | None = None
        self._ignores: Callable[[str], bool] | None = None
        self._counts: QueryCounts | None = None
        self._closed_buckets = 0
        self._hits = 0
        self.record_all = delivery.record_all

    def start_round(self) -> tuple[int, float]:
        """Start a round: clear the cache if an input has changed; return the round number and the time for counters."""
        counts, delivery = self._delivery.counts, self._delivery
        now = 0.0 if counts is None else counts.now()
        self.round += 1
        if (
            self._store.current is not self._zones
            or self._store.health.current is not self._health
            or delivery.find_effect is not self._find_effect
            or counts is not self._counts
            or (counts is not None and counts.closed_buckets != self._closed_buckets)
        ):
            self.clear()
            self._zones, self._health = self._store.current, self._store.health.current
            self._find_effect = find_effect = delivery.find_effect
            self._ignores = find_effect.ignores if isinstance(find_effect, FindSelectedEffects) else None
            self._counts, self._closed_buckets = counts, 0 if counts is None else counts.closed_buckets
        return self.round, now

    def clear(self) -> None:
        """Remove all replies."""
        self.replies.clear()
        self._clients.clear()
        self._octets = 0

    def is_same_client(self, client: CachedClient) -> bool:
        """Whether the address still belongs to the same client. Call it once in each round; clears the cache if not."""
        if self._delivery.client_of(client.address, self._local) != client.name:
            self.clear()
            return False
        client.round = self.round
        return True

    def store(self, key: bytes, query: bytes, address: str) -> None:
        """Store the reply just sent to ``query`` under ``key``, if the cache may keep it.

        It keeps the reply to a question that came before: replies to names that never come again would use up the room.
        """
        hits, self._hits = self._hits, self._responder.hits
        if hits == self._hits:
            return
        reply = self._responder.find_cached(self._zones, self._health, query, address)
        if reply is None or not reply.event.name or len(query) > MAX_QUERY:
            return
        if self._find_effect is not None and not (self._ignores is not None and self._ignores(reply.event.name)):
            return
        name = self._delivery.client_of(address, self._local)
        counter: list[float] | None = [0, 0.0]
        if self._counts is not None and reply.use is not None:
            counter = self._counts.find_counter(reply.use, name)
        if counter is None:
            return
        client = self._clients.get(address)
        if client is None:
            client = self._clients[address] = CachedClient(address, name)
        size = 400 + len(key) + 4 * len(reply.tail)
        if client.name != name or len(self.replies) >= MAX_REPLIES or self._octets + size > MAX_OCTETS:
            self.clear()
            return
        self._octets += size
        event = ClientEvent(name, self._delivery.with_server_name(reply.event))
        self.replies[key] = CachedReply(reply.tail, len(reply.tail), client, counter, event)
