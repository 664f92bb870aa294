"""A snapshot of query counts, as ``QueryCounts.freeze`` makes it, and the questions to it.

The cost of all questions together is proportional to the counters that they reach: each counter is sorted once.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from typing import NamedTuple

from msgspec import Struct, field

__all__ = ["Bucket", "CountSnapshot", "Gap", "Usage", "Use"]

_DAY_S = 86400.0


class Use(NamedTuple):
    """What one answer used.

    ``names`` are the queried name and those behind its answer, in lower case without a trailing dot; ``profiles`` are
    the traffic manager profiles that were used.
    """

    names: tuple[str, ...]
    type: str
    profiles: tuple[str, ...] = ()


class Usage(Struct, frozen=True):
    """The use of a name or profile in a window of time.

    ``last_seen`` is in seconds since the Unix epoch; ``clients`` and ``types`` count queries by client and by
    type. ``why`` is the reason why a part of the window was not measured; it is empty if all of it was.
    """

    count: int = 0
    last_seen: float | None = None
    why: str = ""
    clients: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)

    @property
    def gap(self) -> bool:
        """Whether a part of the window was not measured."""
        return bool(self.why)

    @property
    def in_use(self) -> bool:
        """Whether it must be treated as in use."""
        return self.gap or self.count > 0


class Gap(NamedTuple):
    """A time in which not all queries were counted, in seconds since the Unix epoch, and the reason."""

    start: float
    end: float
    why: str


class Bucket(NamedTuple):
    """The counters of a time: (use, client), then the number of queries and the time of the last. Immutable."""

    start: float
    end: float
    counters: Collection[tuple[tuple[Use, str], Sequence[float]]]


class _Row(NamedTuple):
    """Equal queries of one client in one bucket."""

    last: float
    queries: int
    type: str
    client: str


class CountSnapshot:
    """All counts up to a moment. Use it in one thread only: it caches sorted counters.

    ``buckets`` are in order, the oldest first. ``began`` is the start of counting; nothing is kept from before
    ``oldest``; both in seconds since the Unix epoch.
    """

    def __init__(self, *, buckets: Sequence[Bucket], gaps: Sequence[Gap], began: float, oldest: float) -> None:
        self._buckets = buckets
        self._unsorted = sorted(buckets, key=lambda bucket: bucket.end)
        self._gaps = gaps
        self._began = began
        self._oldest = oldest
        self._by_name: defaultdict[str, list[_Row]] = defaultdict(list)
        self._by_profile: defaultdict[str, list[_Row]] = defaultdict(list)

    def in_window(self, name: str, now: float, window: float, rdtype: str | None = None) -> Usage:
        """The use of ``name`` in the ``window`` seconds up to ``now``, of one type if ``rdtype`` is given.

        A name counts as used if it was queried, or if it was the target of a CNAME or an alias in an answer. ``count``
        may include queries up to one bucket older than the window; it is 0 only if there is none in the window.
        """
        self._sort_out(now - window)
        rows = self._by_name.get(name.lower().removesuffix("."), ())
        return self._usage((row for row in rows if rdtype in (None, row.type)), now, window)

    def profile_in_window(self, profile: str, now: float, window: float) -> Usage:
        """The use of a traffic manager profile, through any name."""
        self._sort_out(now - window)
        return self._usage(self._by_profile.get(profile, ()), now, window)

    def names(self, now: float, window: float, ignored: Container[str] = ()) -> dict[str, int]:
        """Every name that clients outside ``ignored`` used in the window, with its number of queries."""
        found: Counter[str] = Counter()
        for bucket in self._buckets:
            if bucket.end > now - window:
                for (use, client), (count, last) in bucket.counters:
                    if now - window < last <= now and client not in ignored:
                        for name in dict.fromkeys(use.names):
                            found[name] += int(count)
        return dict(sorted(found.items()))

    def gap(self, start: float, end: float) -> str:
        """The reason why a part of that time was not measured; empty if all of it was."""
        if start < self._began:
            return f"counting began {max(0.0, end - self._began):.0f} s before"
        if start < self._oldest:
            return f"counts are kept for {(end - self._oldest) / _DAY_S:.1f} days"
        return self.lost(start, end)

    def lost(self, start: float, end: float) -> str:
        """The reason of a gap in that time after counting began; empty if there is none."""
        return next((gap.why for gap in self._gaps if gap.start <= end and start < gap.end), "")

    def _sort_out(self, oldest: float) -> None:
        """Sort the counters of buckets that end after ``oldest`` by name and by profile."""
        unsorted = self._unsorted
        while unsorted and unsorted[-1].end > oldest:
            for (use, client), (count, last) in unsorted.pop().counters:
                row = _Row(last, int(count), use.type, client)
                for name in dict.fromkeys(use.names):
                    self._by_name[name].append(row)
                for profile in dict.fromkeys(use.profiles):
                    self._by_profile[profile].append(row)

    def _usage(self, rows: Iterable[_Row], now: float, window: float) -> Usage:
        clients: Counter[str] = Counter()
        types: Counter[str] = Counter()
        last: float | None = None
        for row in rows:
            if now - window < row.last <= now:
                clients[row.client] += row.queries
                types[row.type] += row.queries
                last = row.last if last is None else max(last, row.last)
        return Usage(clients.total(), last, self.gap(now - window, now), dict(clients), dict(types))
