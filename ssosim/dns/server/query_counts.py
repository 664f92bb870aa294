"""How often each name, type and profile was asked for, and by whom: the metric that a change gate looks at.

A query is one dictionary step in the bucket of the present time (about 0.2 us); sorting it out by name, by the names
that its answer led through and by profile is left to the end of the bucket and to the reader. What was not counted is
a *gap*, and a gap counts as use (TMS9-089): the time before the first query could be seen, a pause, a bucket with
more different questions than it holds, and what was forgotten for age.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from ssosim.clock import Clock, SystemClock

__all__ = ["QueryCounts", "Usage", "Use"]

MOST_FAMILIAR = 10_000
SWEEP_EVERY = 64
"""Buckets between two clearings of what is too old."""


class Use(NamedTuple):
    """What one answer used.

    ``names`` are the name asked for and those it led through, in lower case without a trailing dot; ``profiles`` are
    the traffic manager profiles that were asked.
    """

    names: tuple[str, ...]
    type: str
    profiles: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Usage:
    """The use of a name or profile in a window of time.

    ``last_seen`` is in seconds since the Unix epoch; ``clients`` and ``types`` count queries by who asked and for
    what. ``gap``: a part of the window was not measured.
    """

    count: int = 0
    last_seen: float | None = None
    gap: bool = False
    clients: Mapping[str, int] = field(default_factory=dict)
    types: Mapping[str, int] = field(default_factory=dict)

    @property
    def in_use(self) -> bool:
        """Whether it must be taken to be in use."""
        return self.gap or self.count > 0


class Row(NamedTuple):
    """Equal queries of one client in one bucket."""

    last: float
    queries: int
    type: str
    client: str


class QueryCounts:
    """Counts queries in buckets of ``bucket`` seconds, kept for ``kept`` seconds.

    ``limit`` bounds the different questions in a bucket; what goes beyond is not counted and leaves a gap. Clients in
    ``ignored`` (an operator's own probes) are no use. Reading is a function of the counts and the moment given.
    """

    def __init__(
        self,
        clock: Clock | None = None,
        *,
        bucket: float = 60.0,
        kept: float = 7 * 86400.0,
        limit: int = 100_000,
        ignored: Iterable[str] = (),
    ) -> None:
        self._now = (clock or SystemClock()).now
        self._bucket = bucket
        self._kept = kept
        self._limit = limit
        self._ignored = frozenset(ignored)
        self._open: dict[tuple[Use, str], list[float]] = {}
        # The same counters by the identity of uses that come again, as kept answers bring them: hashing one takes
        # longer than all else here. A use is held beside its counters, so that its identity is not given away.
        self._familiar: dict[int, tuple[Use, dict[str, list[float]]]] = {}
        self._rows: dict[tuple[str, str], list[Row]] = {}
        self.turns = 0
        """How many buckets were closed: what ``meter`` gave counts no more after that."""
        self._since = self._start = self._now()
        self._end = self._start + bucket
        self._gaps: list[tuple[float, float]] = []
        self._paused_at: float | None = None

    def now(self) -> float:
        """The present time; its bucket is the open one from now on."""
        now = self._now()
        if not self._start <= now < self._end:  # also where the clock has stepped back
            self._turn(now)
        return now

    def meter(self, use: Use, client: str) -> list[float] | None:
        """The open counter of a query that was counted before: how many, and when the last one was.

        Whoever has it may count with it until ``turns`` changes. None where such queries are not counted.
        """
        return self._open.get((use, client))

    def add(self, use: Use, client: str) -> None:
        """Count one query."""
        now = self.now()
        familiar = self._familiar.get(id(use))
        if familiar is not None and (entry := familiar[1].get(client)) is not None:
            entry[0] += 1
            entry[1] = now
            return
        key = (use, client)
        held = self._open.get(key)
        if held is not None:
            held[0] += 1
            held[1] = now
            if familiar is not None or len(self._familiar) < MOST_FAMILIAR:
                self._familiar.setdefault(id(use), (use, {}))[1][client] = held
        elif self._paused_at is None and len(self._open) < self._limit:
            if client not in self._ignored:
                self._open[key] = [1, now]
        elif self._paused_at is None:
            self.lose(self._start, self._end)

    def lose(self, start: float, end: float) -> None:
        """Mark a time as not measured."""
        if (start, end) not in self._gaps[-1:]:
            self._gaps.append((start, end))

    def pause(self) -> None:
        """Measure nothing from now on, as when a metrics pipeline breaks."""
        if self._paused_at is None:
            self._paused_at = self._now()
            self._turn(self._paused_at)

    def resume(self) -> None:
        """Measure again; the time between stays a gap."""
        if self._paused_at is not None:
            self.lose(self._paused_at, self._now())
            self._paused_at = None

    def in_window(self, name: str, now: float, window: float, rdtype: str | None = None) -> Usage:
        """The use of ``name`` in the ``window`` seconds up to ``now``, of one type if ``rdtype`` is given.

        A name counts as used when it was asked for or an answer led through it, as the target of a CNAME or an alias.
        ``count`` may take in queries that are up to a bucket older than the window; it is 0 only if none is in it.
        """
        rows = self._of(("name", name.lower().removesuffix(".")), now, window)
        return self._usage((row for row in rows if rdtype in (None, row.type)), now, window)

    def profile_in_window(self, profile: str, now: float, window: float) -> Usage:
        """The use of a traffic manager profile, by whatever name it was reached."""
        return self._usage(self._of(("profile", profile), now, window), now, window)

    def names(self, now: float, window: float) -> dict[str, int]:
        """Every name used in the window, with its number of queries: for comparison with an inventory."""
        known = {subject for subject in self._rows if subject[0] == "name"}
        known.update(subject for use, _ in self._open for subject in subjects(use) if subject[0] == "name")
        counted = {subject[1]: sum(row.queries for row in self._of(subject, now, window)) for subject in sorted(known)}
        return {name: count for name, count in counted.items() if count}

    def has_gap(self, start: float, end: float) -> bool:
        """Whether a part of that time was not measured."""
        if start < max(self._since, self._start - self._kept):
            return True
        if self._paused_at is not None and end >= self._paused_at:
            return True
        return any(began <= end and start < ended for began, ended in self._gaps)

    def _of(self, subject: tuple[str, str], now: float, window: float) -> Iterator[Row]:
        yield from (row for row in self._rows.get(subject, ()) if now - window < row.last <= now)
        for (use, client), (count, last) in self._open.items():
            if now - window < last <= now and subject in subjects(use):
                yield Row(last, int(count), use.type, client)

    def _usage(self, rows: Iterable[Row], now: float, window: float) -> Usage:
        clients: Counter[str] = Counter()
        types: Counter[str] = Counter()
        last: float | None = None
        for row in rows:
            clients[row.client] += row.queries
            types[row.type] += row.queries
            last = row.last if last is None else max(last, row.last)
        return Usage(clients.total(), last, self.has_gap(now - window, now), dict(clients), dict(types))

    def _turn(self, now: float) -> None:
        """Close the open bucket and open that of ``now``."""
        for (use, client), (count, last) in self._open.items():
            row = Row(last, int(count), use.type, client)
            for subject in subjects(use):
                self._rows.setdefault(subject, []).append(row)
        self._open = {}
        self._familiar = {}
        if now < self._start:  # the clock was ahead: nobody knows when those queries were
            self.lose(now, self._end)
        self._since = min(self._since, now)
        self._start, self._end = now, now + self._bucket
        self.turns += 1
        if self.turns % SWEEP_EVERY == 0:
            self._sweep(now - self._kept)

    def _sweep(self, oldest: float) -> None:
        self._gaps = [gap for gap in self._gaps if gap[1] > oldest]
        for subject, rows in tuple(self._rows.items()):
            young = [row for row in rows if row.last > oldest]
            if young:
                self._rows[subject] = young
            else:
                del self._rows[subject]


def subjects(use: Use) -> set[tuple[str, str]]:
    """The names and profiles that a query counts for."""
    return {*(("name", name) for name in use.names), *(("profile", profile) for profile in use.profiles)}
