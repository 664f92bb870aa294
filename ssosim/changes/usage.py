"""Who uses a name now: the resolutions of the last window. What was not measured counts as use (TMS9-089)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ssosim.dns.server.counted_names import CountSnapshot
from ssosim.dns.server.query_counts import QueryCounts as Counters

__all__ = ["NO_COUNTS", "PROBE", "Count", "QueryCounts", "ServerCounts", "Usage", "usage_of"]

DAY_S = 86400.0

PROBE = "dns-probe"
"""The client name of the operators' own probes, whose questions are no use."""


@dataclass(frozen=True, slots=True)
class Count:
    """How often a name was resolved, and by whom."""

    total: int = 0
    clients: Mapping[str, int] = field(default_factory=dict)


class QueryCounts(Protocol):
    """A metric of DNS resolutions per name (TMS9-041)."""

    def resolutions(self, name: str, since: float, until: float) -> Count | None:
        """Resolutions of ``name`` (lower case, no trailing dot) between two moments, in seconds since the epoch.

        None where the metric does not cover the whole of that time.
        """
        ...

    def names(self, now: float) -> frozenset[str]:
        """The names that were asked for in the last day, as far as they were counted (see ``lost``)."""
        ...

    def gap(self, since: float, until: float) -> str:
        """Why the metric does not cover the whole of that time; empty where it does."""
        ...

    def lost(self, now: float) -> str:
        """Why names may be missing from ``names`` though they were asked for; empty where none are."""
        ...

    def freeze(self) -> QueryCounts:
        """The counts as they are now: for many questions, and for another thread."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """The use of one name in the last ``window`` seconds.

    ``count`` is None where the metric has a gap; ``gap`` says why.
    """

    name: str
    window: float
    count: Count | None
    gap: str = ""

    @property
    def in_use(self) -> bool:
        """Whether it must be taken to be in use."""
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
    """Counts that a server keeps; what an answer led through unseen, as an alias does, counts as resolved."""

    def __init__(self, counts: Counters, ignored: Iterable[str] = (PROBE,)) -> None:
        self._counts = counts
        self._ignored = frozenset(ignored)

    def resolutions(self, name: str, since: float, until: float) -> Count | None:
        """Queries that used ``name``; None where a part of the time was not measured."""
        return self.freeze().resolutions(name, since, until)

    def names(self, now: float) -> frozenset[str]:
        """The names used in the last day."""
        return self.freeze().names(now)

    def gap(self, since: float, until: float) -> str:
        """Why a part of that time was not measured; empty where all of it was."""
        return self.freeze().gap(since, until)

    def lost(self, now: float) -> str:
        """Why queries of the last day were not counted that came after counting began; empty where all were."""
        return self.freeze().lost(now)

    def freeze(self) -> _FrozenCounts:
        """The counts as they are now."""
        return _FrozenCounts(self._counts.freeze(), self._ignored)


class _FrozenCounts:
    """Counts of a server as they were at a moment; for one thread."""

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

    def gap(self, since: float, until: float) -> str:
        return self._counted.gap(since, until)

    def lost(self, now: float) -> str:
        return self._counted.lost(now - DAY_S, now)

    def freeze(self) -> _FrozenCounts:
        return self


class _NoCounts:
    """No metric at all, as on zone files alone: everything counts as in use."""

    def resolutions(self, name: str, since: float, until: float) -> Count | None:  # noqa: ARG002 - the port's shape
        return None

    def names(self, now: float) -> frozenset[str]:  # noqa: ARG002 - the port's shape
        return frozenset()

    def gap(self, since: float, until: float) -> str:  # noqa: ARG002 - the port's shape
        return "nothing is counted here"

    def lost(self, now: float) -> str:  # noqa: ARG002 - the port's shape
        return ""  # nor does anybody expect names

    def freeze(self) -> _NoCounts:
        return self


NO_COUNTS: QueryCounts = _NoCounts()
"""What stands for a metric where there is none."""


def usage_of(counts: QueryCounts, name: str, window: float, now: float) -> Usage:
    """The use of ``name`` in the ``window`` seconds before ``now``."""
    counted = counts.resolutions(name, now - window, now)
    return Usage(name, window, counted, counts.gap(now - window, now) if counted is None else "")
