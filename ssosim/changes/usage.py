"""The usage of a name: its resolutions in the last window. Time that was not measured counts as use (TMS9-089)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from msgspec import Struct, field

from ssosim.dns.server.counted_names import CountSnapshot
from ssosim.dns.server.query_counts import QueryCounts as Counters

__all__ = ["NO_COUNTS", "NO_METRIC", "PROBE", "Count", "QueryCounts", "ServerCounts", "Usage", "measure_usage"]

DAY_S = 86400.0

PROBE = "dns-probe"
"""The client name of the operators' own probes. Their queries do not count as use."""


class Count(Struct, frozen=True):
    """The number of resolutions of a name, in total and by client."""

    total: int = 0
    clients: Mapping[str, int] = field(default_factory=dict)


class QueryCounts(Protocol):
    """A metric of DNS resolutions per name (TMS9-041)."""

    def resolutions(self, name: str, since: float, until: float) -> Count | None:
        """Resolutions of ``name`` (lower case, no trailing dot) between two times, in seconds since the epoch.

        None if the metric does not cover all of that time.
        """
        ...

    def names(self, now: float) -> frozenset[str]:
        """The names that were queried in the last day, as far as they were counted (see ``explain_lost``)."""
        ...

    def explain_gap(self, since: float, until: float) -> str:
        """Why the metric does not cover all of that time; empty if it does."""
        ...

    def explain_lost(self, now: float) -> str:
        """Why queried names may be missing from ``names``; empty if all were counted."""
        ...

    def freeze(self) -> QueryCounts:
        """An immutable copy of the counts, for many calls and for another thread."""
        ...


class Usage(Struct, frozen=True):
    """The use of one name in the last ``window`` seconds.

    ``count`` is None if the metric has a gap; ``gap`` is the reason.
    """

    name: str
    window: float
    count: Count | None
    gap: str = ""

    @property
    def in_use(self) -> bool:
        """Whether the name counts as in use: it was resolved, or the metric has a gap."""
        return self.count is None or self.count.total > 0

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        counted = self.count
        return {
            "name": self.name,
            "window_s": self.window,
            "resolutions": None if counted is None else counted.total,
            "clients": {} if counted is None else dict(sorted(counted.clients.items())),
            "in_use": self.in_use,
            "gap": self.gap,
        }


class ServerCounts:
    """Counts of a DNS server. Names inside an answer, such as the target of an alias, count as resolved too."""

    def __init__(self, counts: Counters, ignored: Iterable[str] = (PROBE,)) -> None:
        self._counts = counts
        self._ignored = frozenset(ignored)

    def resolutions(self, name: str, since: float, until: float) -> Count | None:
        """Queries that used ``name``; None if a part of the time was not measured."""
        return self.freeze().resolutions(name, since, until)

    def names(self, now: float) -> frozenset[str]:
        """The names used in the last day."""
        return self.freeze().names(now)

    def explain_gap(self, since: float, until: float) -> str:
        """Why a part of that time was not measured; empty if all of it was."""
        return self.freeze().explain_gap(since, until)

    def explain_lost(self, now: float) -> str:
        """Why some queries of the last day, after counting began, were not counted; empty if all were."""
        return self.freeze().explain_lost(now)

    def freeze(self) -> _FrozenCounts:
        """An immutable copy of the counts."""
        return _FrozenCounts(self._counts.freeze(), self._ignored)


class _FrozenCounts:
    """Counts of a DNS server at one time; for one thread."""

    def __init__(self, counted: CountSnapshot, ignored: frozenset[str]) -> None:
        self._counted = counted
        self._ignored = ignored

    def resolutions(self, name: str, since: float, until: float) -> Count | None:
        found = self._counted.in_window(name, until, until - since)
        if found.gap:
            return None
        clients = {client: count for client, count in found.clients.items() if client not in self._ignored}
        return Count(sum(clients.values()), clients)

    def names(self, now: float) -> frozenset[str]:
        return frozenset(self._counted.names(now, DAY_S, self._ignored))

    def explain_gap(self, since: float, until: float) -> str:
        return self._counted.gap(since, until)

    def explain_lost(self, now: float) -> str:
        return self._counted.lost(now - DAY_S, now)

    def freeze(self) -> _FrozenCounts:
        return self


NO_METRIC = "nothing is counted here"
"""The gap of a metric that does not exist: unlike a gap in one that does, it says nothing about a change."""


class _NoCounts:
    """No metric, as for zone files without a lab: every name counts as in use."""

    def resolutions(self, name: str, since: float, until: float) -> Count | None:  # noqa: ARG002 - the port's shape
        return None

    def names(self, now: float) -> frozenset[str]:  # noqa: ARG002 - the port's shape
        return frozenset()

    def explain_gap(self, since: float, until: float) -> str:  # noqa: ARG002 - the port's shape
        return NO_METRIC

    def explain_lost(self, now: float) -> str:  # noqa: ARG002 - the port's shape
        return ""  # without a metric no names are expected

    def freeze(self) -> _NoCounts:
        return self


NO_COUNTS: QueryCounts = _NoCounts()
"""The metric for callers that have none."""


def measure_usage(counts: QueryCounts, name: str, window: float, now: float) -> Usage:
    """The use of ``name`` in the ``window`` seconds before ``now``."""
    counted = counts.resolutions(name, now - window, now)
    return Usage(name, window, counted, counts.explain_gap(now - window, now) if counted is None else "")
