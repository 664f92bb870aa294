"""The one ordered log of a lab.

It is kept in columns: a moment is eight octets, and what one client causes again and again (an answer to the same
question) is one value, referred to by eight octets a time. Records are made of that when somebody reads.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import TypeVar

import msgspec

from ssosim.clock import Clock, RealClock
from ssosim.trace.events import Event

__all__ = ["Caused", "Columns", "Record", "Trace", "in_parts"]

_PART = 10_000

Subscriber = Callable[["Record"], None]
Listener = Callable[["Sequence[Caused]"], None]
_Hears = TypeVar("_Hears", Subscriber, Listener)


class Record(msgspec.Struct, frozen=True, gc=False):
    """An event in its place: ``seq`` counts from 1 without gaps.

    ``at`` is in seconds since the Unix epoch, whole microseconds, so that it survives being written down.
    """

    seq: int
    at: float
    client: str
    event: Event


class Caused(msgspec.Struct, frozen=True, gc=False):
    """An event and the client that caused it (``""`` for the lab itself); it may happen many times."""

    client: str
    event: Event


Columns = tuple[int, Sequence[float], Sequence[Caused]]
"""The number of the first record, the moments, and what happened."""


class Trace:
    """Collects events in the order in which they happened.

    ``limit`` bounds the memory: when it is reached the older half goes, and ``dropped`` counts what went. Subscribers
    are called at once, in the order of subscription, and must not raise.
    """

    def __init__(self, clock: Clock | None = None, *, limit: int = 1_000_000) -> None:
        self._now = (clock or RealClock()).now
        self._limit = limit
        self._caused: list[Caused] = []
        self._at = array("d")
        self._subscribers: list[tuple[Subscriber, type[Event]]] = []
        self._listeners: list[tuple[Listener, type[Event]]] = []
        self._hearing: dict[type[Event], tuple[tuple[Subscriber, ...], tuple[Listener, ...]]] = {}
        self._bells: list[Callable[[], None]] = []
        self.dropped = 0

    def record(self, client: str, event: Event) -> None:
        """Add ``event`` as caused by ``client`` (``""`` for the lab itself)."""
        # Not round(x, 6): it goes by way of decimal text and takes five times as long.
        at = round(self._now() * 1e6) / 1e6
        if len(self._caused) >= self._limit:
            self._make_room(1)
        caused = Caused(client, event)
        self._caused.append(caused)
        self._at.append(at)
        subscribers, listeners = self._hearing.get(type(event)) or self._who_hears(type(event))
        for listener in listeners:
            listener((caused,))
        if subscribers:
            record = Record(self.last_seq, at, client, event)
            for subscriber in subscribers:
                subscriber(record)
        if self._bells:
            self._ring()

    def record_all(self, caused: Sequence[Caused]) -> None:
        """Add events of one kind that happen at one moment, in this order; the same value may come many times."""
        if not caused:
            return
        at = round(self._now() * 1e6) / 1e6
        for start in range(0, len(caused), self._limit):
            some = caused[start : start + self._limit]
            if len(self._caused) + len(some) > self._limit:
                self._make_room(len(some))
            self._caused.extend(some)
            self._at.extend(array("d", (at,)) * len(some))
        kind = type(caused[0].event)
        subscribers, listeners = self._hearing.get(kind) or self._who_hears(kind)
        for listener in listeners:
            listener(caused)
        if subscribers:
            for seq, one in enumerate(caused, self.last_seq - len(caused) + 1):
                for subscriber in subscribers:
                    subscriber(Record(seq, at, one.client, one.event))
        if self._bells:
            self._ring()

    def subscribe(self, subscriber: Subscriber, kind: type[Event] = Event) -> Callable[[], None]:
        """Call ``subscriber`` with every later record of such an event; returns the function that ends this."""
        return self._join(self._subscribers, (subscriber, kind))

    def overhear(self, listener: Listener, kind: type[Event] = Event) -> Callable[[], None]:
        """As ``subscribe``, without records: ``listener`` is called once with all that happens at once.

        It is called before subscribers are. It must not keep the sequence, but may keep what is in it.
        """
        return self._join(self._listeners, (listener, kind))

    def ring(self, bell: Callable[[], None]) -> None:
        """Call ``bell`` at the next record, that once: for who would rather read many together, a little later."""
        self._bells.append(bell)

    def hush(self, bell: Callable[[], None]) -> None:
        """Do not call ``bell`` after all."""
        self._bells = [each for each in self._bells if each != bell]

    def columns(self, seq: int = 0) -> Columns:
        """What is kept after number ``seq``, unmade: the number of the first, the moments, and what happened."""
        skipped = max(0, seq - self.dropped)
        return self.dropped + skipped + 1, self._at[skipped:], self._caused[skipped:]

    def since(self, seq: int = 0) -> tuple[Record, ...]:
        """The kept records after number ``seq``."""
        return tuple(_records(*self.columns(seq)))

    @property
    def last_seq(self) -> int:
        """Number of the newest record, 0 when there is none."""
        return self.dropped + len(self._caused)

    def __iter__(self) -> Iterator[Record]:
        return _records(*self.columns())

    def __reversed__(self) -> Iterator[Record]:
        first, moments, caused = self.columns()
        numbers = range(first + len(caused) - 1, first - 1, -1)
        for seq, at, one in zip(numbers, reversed(moments), reversed(caused), strict=True):
            yield Record(seq, at, one.client, one.event)

    def __len__(self) -> int:
        return len(self._caused)

    def _make_room(self, coming: int) -> None:
        going = max(len(self._caused) - self._limit // 2, len(self._caused) + coming - self._limit)
        del self._caused[:going]
        del self._at[:going]
        self.dropped += going

    def _join(self, those: list[tuple[_Hears, type[Event]]], entry: tuple[_Hears, type[Event]]) -> Callable[[], None]:
        those.append(entry)
        self._hearing = {}

        def leave() -> None:
            those.remove(entry)
            self._hearing = {}

        return leave

    def _who_hears(self, kind: type[Event]) -> tuple[tuple[Subscriber, ...], tuple[Listener, ...]]:
        found = (
            tuple(subscriber for subscriber, wanted in self._subscribers if issubclass(kind, wanted)),
            tuple(listener for listener, wanted in self._listeners if issubclass(kind, wanted)),
        )
        self._hearing[kind] = found
        return found

    def _ring(self) -> None:
        bells, self._bells = self._bells, []
        for bell in bells:
            bell()


def in_parts(columns: Columns) -> Iterator[Iterator[tuple[int, float, Caused]]]:
    """Number, moment and what happened, one after another, some thousands at a time.

    Who reads a long trace on the loop on which the lab runs lets others have a turn after each part.
    """
    first, moments, caused = columns
    for start in range(0, len(caused), _PART):
        end = start + _PART
        yield zip(range(first + start, first + end), moments[start:end], caused[start:end], strict=False)


def _records(first: int, moments: Sequence[float], caused: Sequence[Caused]) -> Iterator[Record]:
    return (
        Record(seq, at, one.client, one.event) for seq, (at, one) in enumerate(zip(moments, caused, strict=True), first)
    )
