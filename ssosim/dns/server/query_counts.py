"""Counts queries by name, type, profile and client: the metric that change checks use.

Counting a query is one dictionary step in the bucket of the present time (about 0.2 us). A closed bucket is stored
unchanged. Sorting by name, by the names behind an answer and by profile is done by the reader, who takes an immutable
copy (``freeze``) and may read it in a thread (``ssosim.dns.server.counted_names``).

Memory is limited by the number of counters, one for each question of each client in each bucket: at most ``most``, at
about 500 octets each, and by the octets of all of them, since names may be long. When there are more, the oldest bucket
is dropped first. A time that was not fully counted is a
*gap*, and a gap counts as use (TMS9-089): the time before counting began, a pause, a bucket with more different
questions than its limit, and buckets that were dropped for age or for space.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Iterable

from ssosim.clock import Clock, SystemClock
from ssosim.dns.server.counted_names import Bucket, CountSnapshot, Gap, Usage, Use

__all__ = ["MOST_COUNTERS", "MOST_OCTETS", "QueryCounts", "Usage", "Use"]

MAX_BY_IDENTITY = 10_000

MOST_COUNTERS = 60_000

MOST_OCTETS = 36 * 2**20
"""The largest size of all counters, as ``_estimate_size`` has it."""


class QueryCounts:
    """Counts queries in buckets of ``bucket`` seconds, kept for ``kept`` seconds.

    ``limit`` is the most different questions in a bucket; further ones are not counted and leave a gap. ``most`` is the
    most counters of all buckets together, and ``most_octets`` their largest size; above these the oldest bucket is
    dropped, which leaves a gap too. Queries of
    clients in ``ignored`` (the operator's probes) do not count as use.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        bucket: float = 60.0,
        kept: float = 7 * 86400.0,
        limit: int = 100_000,
        most: int = MOST_COUNTERS,
        most_octets: int = MOST_OCTETS,
        ignored: Iterable[str] = (),
    ) -> None:
        self._now = (clock or SystemClock()).now
        self._bucket = bucket
        self._kept = kept
        self._limit = min(limit, most)
        self._most = most
        self._ignored = frozenset(ignored)
        self._open: dict[tuple[Use, str], list[float]] = {}
        # The same counters by the identity of uses that come again, as kept answers bring them: hashing one takes
        # longer than all else here. The use is stored with its counters, so its identity cannot be reused.
        self._by_identity: dict[int, tuple[Use, dict[str, list[float]]]] = {}
        self._closed: deque[Bucket] = deque()
        self._bucket_lock = threading.Lock()
        """Protects the move of a bucket, so that a copy has it exactly once. Counting in a bucket needs no lock."""
        self._in_closed = 0
        self._octets = 0
        self._open_octets = 0
        self._closed_octets: deque[int] = deque()
        self._most_octets = most_octets
        self._complete_since: float | None = None
        """The end of the last bucket that was dropped for space."""
        self.closed_buckets = 0
        """The number of closed buckets. A counter from ``find_counter`` is invalid after it changes."""
        self._since = self._start = self._now()
        self._end = self._start + bucket
        self._gaps: deque[Gap] = deque()
        self._paused_at: float | None = None

    def __len__(self) -> int:
        """The number of counters: one for each question of each client in each bucket."""
        return self._in_closed + len(self._open)

    def now(self) -> float:
        """Return the present time, and make its bucket the open one."""
        now = self._now()
        if not self._start <= now < self._end:  # also where the clock has stepped back
            self._close_bucket(now)
        return now

    def find_counter(self, use: Use, client: str) -> list[float] | None:
        """The open counter of a query that was counted before: the number of queries, and the time of the last one.

        The caller may increase it until ``closed_buckets`` changes. None if such queries are not counted.
        """
        return self._open.get((use, client))

    def add(self, use: Use, client: str) -> None:
        """Count one query."""
        now = self.now()
        known = self._by_identity.get(id(use))
        if known is not None and (entry := known[1].get(client)) is not None:
            entry[0] += 1
            entry[1] = now
            return
        key = (use, client)
        counter = self._open.get(key)
        if counter is not None:
            counter[0] += 1
            counter[1] = now
            if known is not None or len(self._by_identity) < MAX_BY_IDENTITY:
                self._by_identity.setdefault(id(use), (use, {}))[1][client] = counter
        elif self._paused_at is None and client not in self._ignored:
            size = _estimate_size(use, client)
            if len(self._open) < self._limit and self._open_octets + size <= self._most_octets:
                while self._in_closed + len(self._open) >= self._most or self._octets + size > self._most_octets:
                    self._drop_oldest()
                self._open[key] = [1, now]
                self._open_octets += size
                self._octets += size
            else:
                most = min(self._limit, len(self._open))
                why = f"more than {most} different questions came within {self._bucket:g} s"
                self.add_gap(self._start, self._end, why)

    def add_gap(self, start: float, end: float, why: str = "that time was not measured") -> None:
        """Add a gap: a time that was not measured. ``why`` is the reason that reports give."""
        last = self._gaps[-1] if self._gaps else None
        if last is not None and last.why == why and last.start <= start <= last.end:
            self._gaps[-1] = Gap(last.start, max(last.end, end), why)
        else:
            self._gaps.append(Gap(start, end, why))

    def pause(self) -> None:
        """Stop counting, as when a metrics pipeline fails."""
        if self._paused_at is None:
            self._paused_at = self._now()
            self._close_bucket(self._paused_at)

    def resume(self) -> None:
        """Count again; the time of the pause stays a gap."""
        if self._paused_at is not None:
            self.add_gap(self._paused_at, self._now(), "counting was paused")
            self._paused_at = None

    def freeze(self) -> CountSnapshot:
        """Make an immutable snapshot of all counts. May be called in any thread.

        The value is for one thread. Takes about 0.1 us for each counter of the open bucket; the others are handed over
        as they are.
        """
        with self._bucket_lock:
            counters = [*self._open.items()]  # copied at once: the counting thread adds to it meanwhile
            closed, gaps, start = (*self._closed,), (*self._gaps,), self._start
            paused_at, complete_since, began = self._paused_at, self._complete_since, self._since
        if paused_at is not None:
            gaps += (Gap(paused_at, float("inf"), "counting is paused"),)
        if complete_since is not None:
            why = f"more than {self._most} different questions were counted, and the oldest were dropped"
            gaps += (Gap(float("-inf"), complete_since, why),)
        still = [(key, (counter[0], counter[1])) for key, counter in counters]
        return CountSnapshot(
            buckets=(*closed, Bucket(start, float("inf"), still)), gaps=gaps, began=began, oldest=start - self._kept
        )

    def in_window(self, name: str, now: float, window: float, rdtype: str | None = None) -> Usage:
        """``CountSnapshot.in_window`` of the present counts. For many names, ``freeze`` once and ask that."""
        return self.freeze().in_window(name, now, window, rdtype)

    def profile_in_window(self, profile: str, now: float, window: float) -> Usage:
        """``CountSnapshot.profile_in_window`` of the present counts."""
        return self.freeze().profile_in_window(profile, now, window)

    def names(self, now: float, window: float) -> dict[str, int]:
        """``CountSnapshot.names`` of the present counts."""
        return self.freeze().names(now, window)

    def has_gap(self, start: float, end: float) -> bool:
        """Whether a part of that time is a gap."""
        return bool(self.freeze().gap(start, end))

    def _close_bucket(self, now: float) -> None:
        """Close the open bucket and open that of ``now``."""
        with self._bucket_lock:
            self._close_bucket_locked(now)

    def _close_bucket_locked(self, now: float) -> None:
        if self._open:
            self._closed.append(Bucket(self._start, self._end, self._open.items()))
            self._closed_octets.append(self._open_octets)
            self._in_closed += len(self._open)
        self._open = {}
        self._open_octets = 0
        self._by_identity = {}
        if now < self._start:  # the clock was ahead: the times of those queries are unknown
            self.add_gap(now, self._end, "the clock was set back")
        self._since = min(self._since, now)
        self._start, self._end = now, now + self._bucket
        self.closed_buckets += 1
        oldest = now - self._kept
        while self._closed and self._closed[0].end <= oldest:
            self._in_closed -= len(self._closed.popleft().counters)
            self._octets -= self._closed_octets.popleft()
        while self._gaps and self._gaps[0].end <= oldest:
            self._gaps.popleft()

    def _drop_oldest(self) -> None:
        """Drop the oldest closed bucket. There is one, because the open bucket alone is smaller than each limit."""
        with self._bucket_lock:
            dropped = self._closed.popleft()
            self._in_closed -= len(dropped.counters)
            self._octets -= self._closed_octets.popleft()
            self._complete_since = max(self._complete_since or dropped.end, dropped.end)


def _estimate_size(use: Use, client: str) -> int:
    """Return about how many octets the counter of a question takes."""
    texts = (*use.names, *use.profiles)
    return 400 + len(client) + 60 * len(texts) + sum(map(len, texts))
