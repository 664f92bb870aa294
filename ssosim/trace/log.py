"""The one ordered log of a lab."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import msgspec

from ssosim.clock import Clock, RealClock
from ssosim.trace.events import Event

__all__ = ["Record", "Trace"]


class Record(msgspec.Struct, frozen=True, gc=False):
    """An event in its place: ``seq`` counts from 1 without gaps.

    ``at`` is in seconds since the Unix epoch, whole microseconds, so that it survives being written down.
    """

    seq: int
    at: float
    client: str
    event: Event


class Trace:
    """Collects events in the order in which they happened.

    ``limit`` bounds the memory: the oldest records go first, and ``dropped`` counts them. Subscribers are called at
    once, in the order of subscription, and must not raise.
    """

    def __init__(self, clock: Clock | None = None, *, limit: int = 1_000_000) -> None:
        self._now = (clock or RealClock()).now
        self._limit = limit
        self._records: list[Record] = []
        self._subscribers: list[Callable[[Record], None]] = []
        self._seq = 0
        self._bells: list[Callable[[], None]] = []
        self.dropped = 0

    def record(self, client: str, event: Event) -> Record:
        """Add ``event`` as caused by ``client`` (``""`` for the lab itself)."""
        self._seq += 1
        # Not round(x, 6): it goes by way of decimal text and takes five times as long.
        record = Record(self._seq, round(self._now() * 1e6) / 1e6, client, event)
        if len(self._records) >= self._limit:
            half = self._limit // 2
            del self._records[: self._limit - half]
            self.dropped += self._limit - half
        self._records.append(record)
        for subscriber in self._subscribers:
            subscriber(record)
        if self._bells:
            self._ring()
        return record

    def subscribe(self, subscriber: Callable[[Record], None]) -> Callable[[], None]:
        """Call ``subscriber`` with every later record; returns the function that ends this."""
        self._subscribers.append(subscriber)
        return lambda: self._subscribers.remove(subscriber)

    def ring(self, bell: Callable[[], None]) -> None:
        """Call ``bell`` at the next record, that once."""
        self._bells.append(bell)

    def _ring(self) -> None:
        bells, self._bells = self._bells, []
        for bell in bells:
            bell()

    def since(self, seq: int = 0) -> tuple[Record, ...]:
        """The kept records after number ``seq``."""
        first = self._records[0].seq if self._records else 1
        return tuple(self._records[max(0, seq - first + 1) :])

    @property
    def last_seq(self) -> int:
        """Number of the newest record, 0 when there is none."""
        return self._seq

    def __iter__(self) -> Iterator[Record]:
        return iter(tuple(self._records))

    def __len__(self) -> int:
        return len(self._records)
