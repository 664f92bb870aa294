"""Replies that need no thought any more: to the same asker, the same question, while nothing has changed.

Answering a query by the book takes a dozen Python calls, each small. A reply that has left unchanged once, and that
nothing will ever change but what is looked at once a round (zones, health, faults, who has which address), is put here
with all that goes with it: whose query it is, the counter of such queries, and what is written into the trace.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ssosim.dns.server.delivery import Delivery, Selective, Tamper
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.dns.server.wire_format import Responder
from ssosim.dns.zones.query_context import ALL_ONLINE, Health
from ssosim.dns.zones.store import ZoneStore
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.trace import ClientEvent

__all__ = ["Asker", "Ready", "ReadyReply"]

MOST = 4096
"""Replies kept for each address listened on; at about 400 octets each."""

LONGEST_QUERY = 512


class Asker:
    """Somebody's address, and the name of the client it was in a certain round."""

    __slots__ = ("address", "client", "round")

    def __init__(self, address: str, client: str) -> None:
        self.address = address
        self.client = client
        self.round = 0


class ReadyReply(NamedTuple):
    """What is sent after the id, its length, and whom, where and as what it is written down.

    ``meter`` is the open counter of such queries: how many, and when the last one was.
    """

    tail: bytes
    length: int
    asker: Asker
    meter: list[float]
    caused: ClientEvent


class Ready:
    """The replies for queries to one address, ``local``, by an asker's address and the query after its id."""

    def __init__(self, local: str, store: ZoneStore, responder: Responder, delivery: Delivery) -> None:
        self.replies: dict[bytes, ReadyReply] = {}
        self.round = 0
        self._local = local
        self._store = store
        self._delivery = delivery
        self._responder = responder
        self._askers: dict[str, Asker] = {}
        self._zones: ZoneSet | None = None
        self._health: Health = ALL_ONLINE
        self._tamper: Tamper | None = None
        self._spares: Callable[[str], bool] | None = None
        self._counts: QueryCounts | None = None
        self._turns = 0
        self.write_down = delivery.write_down

    def begin(self) -> tuple[int, float]:
        """Begin a round: forget what may not hold any more. Returns its number, and the moment as counters want it."""
        counts, delivery = self._delivery.counts, self._delivery
        now = 0.0 if counts is None else counts.now()
        self.round += 1
        if (
            self._store.current is not self._zones
            or self._store.health.current is not self._health
            or delivery.tamper is not self._tamper
            or counts is not self._counts
            or (counts is not None and counts.turns != self._turns)
        ):
            self.forget()
            self._zones, self._health = self._store.current, self._store.health.current
            self._tamper = tamper = delivery.tamper
            self._spares = tamper.spares if isinstance(tamper, Selective) else None
            self._counts, self._turns = counts, 0 if counts is None else counts.turns
        return self.round, now

    def forget(self) -> None:
        """Nothing is ready any more."""
        self.replies.clear()
        self._askers.clear()

    def is_still(self, asker: Asker) -> bool:
        """Whether ``asker`` is who it was, to be asked once a round; forgets everything if not."""
        if self._delivery.who(asker.address, self._local) != asker.client:
            self.forget()
            return False
        asker.round = self.round
        return True

    def learn(self, key: bytes, query: bytes, address: str) -> None:
        """Have the reply that has just been given to ``query`` ready under ``key``, if that can be."""
        reply = self._responder.known(self._zones, self._health, query, address)
        if reply is None or not reply.event.name or len(query) > LONGEST_QUERY:
            return
        if self._tamper is not None and not (self._spares is not None and self._spares(reply.event.name)):
            return
        client = self._delivery.who(address, self._local)
        meter: list[float] | None = [0, 0.0]
        if self._counts is not None and reply.use is not None:
            meter = self._counts.meter(reply.use, client)
        if meter is None:
            return
        asker = self._askers.get(address)
        if asker is None:
            asker = self._askers[address] = Asker(address, client)
        if asker.client != client or len(self.replies) >= MOST:
            self.forget()
            return
        caused = ClientEvent(client, self._delivery.written(reply.event))
        self.replies[key] = ReadyReply(reply.tail, len(reply.tail), asker, meter, caused)
