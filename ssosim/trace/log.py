"""The one ordered log of a lab.

The parts. ``Trace`` stores events in two columns of equal length: the time of each record (an array of doubles) and the
event with its client (``ClientEvent``). The number of a record is its position plus the number of records that were
dropped before, and is not stored. A ``Record`` is made only when somebody reads or subscribes.

Memory. The DNS server produces the same ``ClientEvent`` value for each repetition of an answer, so a repetition takes
20 octets: 8 for the time, 8 for the reference, 4 for the size. Another event takes 48 octets beside the event itself,
whose size is estimated from its JSON. Both the number of records and their size are limited.

Rules that always hold:

1. Numbers count from 1 without gaps, in the order of the calls of ``record``, ``record_in_turn`` and ``record_all``.
2. ``last_seq == dropped + len(trace)``. At ``limit``, or at ``most_octets``, the older half is dropped, and ``dropped``
   counts it. A kept record never changes and never changes its number.
3. All events of one ``record_all`` have one kind, and one time unless ``time_in_real_seconds`` holds for a client.
4. For one call: batch subscribers are called first, then subscribers for each record, then the one-time callbacks of
   ``notify_once``. Each group is called in the order of subscription. The events are stored before any of them is
   called.

Ways to read, by their cost: ``subscribe_batches`` gets the stored values of one call, without records; ``subscribe``
gets a record each; ``columns`` copies the columns; ``since`` and iteration make records; ``notify_once`` only says that
there is something new, for a reader that comes back a little later and reads many records at once (the trace file
does).

What can go wrong:

- A subscriber that raises stops the part of the lab that recorded the event. Subscribers must not raise.
- A subscriber that records an event gets a correct order in the log, but later subscribers of the first event see the
  second one first.
- A reader that keeps a number and comes back after more than ``limit`` records misses some: compare it with
  ``dropped``.
- Times follow the clock of the lab. With ``ManualClock`` they may go back; numbers do not. While
  ``time_in_real_seconds`` holds for a client, its times are real seconds after a moment of its own; so times of
  different clients may go back.
- It is not thread-safe: all calls are on the thread of the lab's event loop.
"""

from __future__ import annotations

import time
from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TypeVar

import msgspec

from ssosim.clock import Clock, SystemClock
from ssosim.trace.events import Event

__all__ = [
    "DEFAULT_LIMIT",
    "MOST_OCTETS",
    "ClientEvent",
    "Columns",
    "Record",
    "Trace",
    "estimate_size",
    "split_columns",
]

DEFAULT_LIMIT = 1_000_000
"""The largest number of records in memory, unless another is chosen."""

MOST_OCTETS = 384 * 2**20
"""The estimated size of all records in memory, in octets, at which the older half is dropped."""

_CHUNK = 10_000
_REPETITION = 20
_FEWEST = 320
_FEW = 8  # from here on an array of equal numbers is made faster than a tuple
_encode = msgspec.json.Encoder().encode

Subscriber = Callable[["Record"], None]
BatchSubscriber = Callable[["Sequence[ClientEvent]"], None]
_AnySubscriber = TypeVar("_AnySubscriber", Subscriber, BatchSubscriber)


class Record(msgspec.Struct, frozen=True, gc=False):
    """An event with its number in the log; ``seq`` counts from 1 without gaps.

    ``at`` is in seconds since the Unix epoch, in whole microseconds, so that it is equal after writing and reading.
    """

    seq: int
    at: float
    client: str
    event: Event


class ClientEvent(msgspec.Struct, frozen=True, gc=False):
    """An event and the client that caused it (``""`` for the lab itself). One value may stand for many records."""

    client: str
    event: Event


Columns = tuple[int, Sequence[float], Sequence[ClientEvent]]
"""The number of the first record, the times in seconds since the Unix epoch, and the events."""


class Trace:
    """Stores events in the order in which they are recorded.

    ``limit`` is the largest number of records in memory, ``most_octets`` their largest size (as ``estimate_size`` has
    it): when one is reached, the older half is dropped, and ``dropped`` counts what was dropped. Subscribers are called
    at once, in the order of subscription, and must not raise.
    """

    def __init__(
        self, clock: Clock | None = None, *, limit: int = DEFAULT_LIMIT, most_octets: int = MOST_OCTETS
    ) -> None:
        self._now = (clock or SystemClock()).now
        self._limit = limit
        self._most_octets = most_octets
        self._octets = 0
        self._sizes = array("I")
        self._events: list[ClientEvent] = []
        self._at = array("d")
        self._subscribers: list[tuple[Subscriber, type[Event]]] = []
        self._batch_subscribers: list[tuple[BatchSubscriber, type[Event]]] = []
        self._by_kind: dict[type[Event], tuple[tuple[Subscriber, ...], tuple[BatchSubscriber, ...]]] = {}
        self._one_time_callbacks: list[Callable[[], None]] = []
        self._real_offsets: dict[str, float] = {}
        self.dropped = 0

    def now(self) -> float:
        """Return the time of an event that is recorded now, in seconds since the Unix epoch."""
        return self._now()

    def record(self, client: str, event: Event) -> None:
        """Add ``event``, caused by ``client`` (``""`` for the lab itself)."""
        self.record_in_turn(client, (event,))

    def record_in_turn(self, client: str, events: Iterable[Event]) -> None:
        """Add ``events`` in this order, all at this moment: as ``record`` for each, at two thirds of the cost."""
        # Not round(x, 6), which goes by way of decimal text and takes five times as long.
        at = round(self._now() * 1e6) / 1e6
        if self._real_offsets:
            at = self._time_of(client, at)
        for event in events:
            size = estimate_size(event)
            if len(self._events) >= self._limit or self._octets + size > self._most_octets:
                self._drop_oldest(1, size)
            entry = ClientEvent(client, event)
            self._events.append(entry)
            self._at.append(at)
            self._sizes.append(size)
            self._octets += size
            subscribers, batch_subscribers = self._by_kind.get(type(event)) or self._find_subscribers(type(event))
            for batch_subscriber in batch_subscribers:
                batch_subscriber((entry,))
            if subscribers:
                record = Record(self.last_seq, at, client, event)
                for subscriber in subscribers:
                    subscriber(record)
        if self._one_time_callbacks:
            self._notify()

    def record_all(self, entries: Sequence[ClientEvent]) -> None:
        """Add events of one kind that happen at one time, in this order; one value may be in it many times."""
        if not entries:
            return
        at = round(self._now() * 1e6) / 1e6
        if len(entries) <= self._limit:
            self._append_all(entries, at)
        else:
            for start in range(0, len(entries), self._limit):
                self._append_all(entries[start : start + self._limit], at)
        kind = type(entries[0].event)
        subscribers, batch_subscribers = self._by_kind.get(kind) or self._find_subscribers(kind)
        for batch_subscriber in batch_subscribers:
            batch_subscriber(entries)
        if subscribers:
            for seq, entry in enumerate(entries, self.last_seq - len(entries) + 1):
                one_at = self._time_of(entry.client, at) if self._real_offsets else at
                for subscriber in subscribers:
                    subscriber(Record(seq, one_at, entry.client, entry.event))
        if self._one_time_callbacks:
            self._notify()

    def _append_all(self, entries: Sequence[ClientEvent], at: float) -> None:
        """Append ``entries``, no more than the limit."""
        count = len(entries)
        size = _REPETITION * count
        if len(self._events) + count > self._limit or self._octets + size > self._most_octets:
            self._drop_oldest(count, size)
        self._events.extend(entries)
        self._sizes.extend((_REPETITION,) * count if count < _FEW else array("I", (_REPETITION,)) * count)
        self._octets += size
        if self._real_offsets:
            self._at.extend(self._time_of(entry.client, at) for entry in entries)
        else:
            self._at.extend((at,) * count if count < _FEW else array("d", (at,)) * count)

    def time_in_real_seconds(self, client: str, start: float | None = None) -> Callable[[], None]:
        """Give later records of ``client`` the time ``start`` plus the real seconds that have passed since this call.

        ``start`` is in seconds since the Unix epoch, by default the present time of the lab. For programs, each of
        which starts with its phase. Returns the function that ends this.
        """
        self._real_offsets[client] = (self._now() if start is None else start) - time.monotonic()

        def end() -> None:
            self._real_offsets.pop(client, None)

        return end

    def _time_of(self, client: str, at: float) -> float:
        offset = self._real_offsets.get(client)
        return at if offset is None else round((offset + time.monotonic()) * 1e6) / 1e6

    def subscribe(self, subscriber: Subscriber, kind: type[Event] = Event) -> Callable[[], None]:
        """Call ``subscriber`` with every later record of this kind of event; returns the function that ends this."""
        return self._add(self._subscribers, (subscriber, kind))

    def subscribe_batches(self, subscriber: BatchSubscriber, kind: type[Event] = Event) -> Callable[[], None]:
        """Call ``subscriber`` once for all events of one call of ``record`` or ``record_all``, without records.

        It is called before those of ``subscribe``. It must not keep the sequence, but may keep the values in it.
        Returns the function that ends this.
        """
        return self._add(self._batch_subscribers, (subscriber, kind))

    def notify_once(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` at the next record, and not again: for readers that collect many records and read later."""
        self._one_time_callbacks.append(callback)

    def cancel_notification(self, callback: Callable[[], None]) -> None:
        """Remove a ``callback`` of ``notify_once`` that was not called yet; no effect if there is none."""
        self._one_time_callbacks = [each for each in self._one_time_callbacks if each != callback]

    def columns(self, seq: int = 0) -> Columns:
        """Return the kept records after number ``seq`` as columns: the first number, the times, and the events."""
        skipped = max(0, seq - self.dropped)
        return self.dropped + skipped + 1, self._at[skipped:], self._events[skipped:]

    def since(self, seq: int = 0) -> tuple[Record, ...]:
        """Return the kept records after number ``seq``."""
        return tuple(_make_records(*self.columns(seq)))

    def up_to(self, seq: int) -> tuple[Record, ...]:
        """Return the kept records up to and including number ``seq``."""
        kept = max(0, seq - self.dropped)
        return tuple(_make_records(self.dropped + 1, self._at[:kept], self._events[:kept]))

    @property
    def last_seq(self) -> int:
        """The number of the newest record; 0 if there is none."""
        return self.dropped + len(self._events)

    def __iter__(self) -> Iterator[Record]:
        return _make_records(*self.columns())

    def __reversed__(self) -> Iterator[Record]:
        first, times, entries = self.columns()
        numbers = range(first + len(entries) - 1, first - 1, -1)
        for seq, at, entry in zip(numbers, reversed(times), reversed(entries), strict=True):
            yield Record(seq, at, entry.client, entry.event)

    def __len__(self) -> int:
        return len(self._events)

    def _drop_oldest(self, added: int, size: int) -> None:
        """Drop the older half, and more if ``added`` new records of ``size`` octets would not fit."""
        count = 0
        if len(self._events) + added > self._limit:
            count = max(len(self._events) - self._limit // 2, len(self._events) + added - self._limit)
        octets = sum(self._sizes[:count])
        if self._octets + size > self._most_octets:
            least = max(self._octets - self._most_octets // 2, self._octets + size - self._most_octets)
            while octets < least and count < len(self._sizes):
                octets += self._sizes[count]
                count += 1
        del self._events[:count]
        del self._at[:count]
        del self._sizes[:count]
        self._octets -= octets
        self.dropped += count

    def _add(
        self, subscriptions: list[tuple[_AnySubscriber, type[Event]]], entry: tuple[_AnySubscriber, type[Event]]
    ) -> Callable[[], None]:
        subscriptions.append(entry)
        self._by_kind = {}

        def unsubscribe() -> None:
            subscriptions.remove(entry)
            self._by_kind = {}

        return unsubscribe

    def _find_subscribers(self, kind: type[Event]) -> tuple[tuple[Subscriber, ...], tuple[BatchSubscriber, ...]]:
        found = (
            tuple(subscriber for subscriber, wanted in self._subscribers if issubclass(kind, wanted)),
            tuple(subscriber for subscriber, wanted in self._batch_subscribers if issubclass(kind, wanted)),
        )
        self._by_kind[kind] = found
        return found

    def _notify(self) -> None:
        callbacks, self._one_time_callbacks = self._one_time_callbacks, []
        for callback in callbacks:
            callback()


def estimate_size(event: Event) -> int:
    """Return about how many octets an event takes in memory that shares nothing with others, from its JSON.

    Text of characters beyond Latin-1 takes up to four octets for each; a character there is two or more octets of JSON.
    """
    try:
        return _FEWEST + 2 * len(_encode(event))
    except UnicodeEncodeError:  # half a surrogate pair
        return _FEWEST + 2 * len(repr(event))


def split_columns(columns: Columns) -> Iterator[Iterator[tuple[int, float, ClientEvent]]]:
    """Yield the columns in chunks of some thousands; each chunk yields number, time and event of each record.

    A reader of a long trace on the lab's own event loop must give control back to the loop after each chunk.
    """
    first, times, entries = columns
    for start in range(0, len(entries), _CHUNK):
        end = start + _CHUNK
        yield zip(range(first + start, first + end), times[start:end], entries[start:end], strict=False)


def _make_records(first: int, times: Sequence[float], entries: Sequence[ClientEvent]) -> Iterator[Record]:
    return (
        Record(seq, at, entry.client, entry.event)
        for seq, (at, entry) in enumerate(zip(times, entries, strict=True), first)
    )
