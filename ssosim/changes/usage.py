"""Who uses a name now: the resolutions of the last window. What was not measured counts as use (TMS9-089)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from ssosim.dns.server import query_counts as counting
from ssosim.trace import DnsAnswered, Trace

__all__ = ["NO_COUNTS", "PROBE", "Count", "QueryCounts", "ServerCounts", "TraceCounts", "Usage", "usage_of"]

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
        """The names that were asked for lately."""
        ...


@dataclass(frozen=True, slots=True)
class Usage:
    """The use of one name in the last ``window`` seconds; ``count`` is None where the metric has a gap."""

    name: str
    window: float
    count: Count | None

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
        }


class TraceCounts:
    """Counts from a lab's trace. A CNAME's target counts as resolved with the name that leads to it.

    ``began`` is when the lab started: a window that reaches further back has a gap, as has one whose records the trace
    has dropped.
    """

    def __init__(self, trace: Trace, began: float, ignored: Iterable[str] = (PROBE,)) -> None:
        self._trace = trace
        self._began = began
        self._ignored = frozenset(ignored)
        self._names: set[str] = set()
        self._seen = 0

    def resolutions(self, name: str, since: float, until: float) -> Count | None:
        """Count the answers about ``name`` that left a server."""
        oldest = next(iter(self._trace), None)
        covered = oldest.at if self._trace.dropped and oldest is not None else self._began
        if since < covered:
            return None
        target = f"CNAME {name}."
        clients: Counter[str] = Counter()
        for record in reversed(self._trace):
            if record.at < since:
                break
            event = record.event
            if not isinstance(event, DnsAnswered) or record.at > until or record.client in self._ignored:
                continue
            if event.name == name or any(answer.lower() == target.lower() for answer in event.answers):
                clients[record.client] += 1
        return Count(clients.total(), dict(clients))

    def names(self, now: float) -> frozenset[str]:  # noqa: ARG002 - the trace is what is kept
        """Every name asked for, the targets of CNAMEs among them."""
        for record in self._trace.since(self._seen):
            self._seen = record.seq
            event = record.event
            if isinstance(event, DnsAnswered) and event.name and record.client not in self._ignored:
                self._names.add(event.name)
                self._names.update(
                    answer[6:].rstrip(".").lower() for answer in event.answers if answer.startswith("CNAME ")
                )
        return frozenset(self._names)


class ServerCounts:
    """Counts that a server keeps; what an answer led through unseen, as an alias does, counts as resolved."""

    def __init__(self, counts: counting.QueryCounts, ignored: Iterable[str] = (PROBE,)) -> None:
        self._counts = counts
        self._ignored = frozenset(ignored)

    def resolutions(self, name: str, since: float, until: float) -> Count | None:
        """Queries that used ``name``; None where a part of the time was not measured."""
        found = self._counts.in_window(name, until, until - since)
        if found.gap:
            return None
        clients = {client: count for client, count in found.clients.items() if client not in self._ignored}
        return Count(sum(clients.values()), clients)

    def names(self, now: float) -> frozenset[str]:
        """The names used in the last day."""
        return frozenset(
            name
            for name in self._counts.names(now, DAY_S)
            if self._counts.in_window(name, now, DAY_S).clients.keys() - self._ignored
        )


class _NoCounts:
    """No metric at all, as on zone files alone: everything counts as in use."""

    def resolutions(self, name: str, since: float, until: float) -> Count | None:  # noqa: ARG002 - the port's shape
        return None

    def names(self, now: float) -> frozenset[str]:  # noqa: ARG002 - the port's shape
        return frozenset()


NO_COUNTS: QueryCounts = _NoCounts()
"""What stands for a metric where there is none."""


def usage_of(counts: QueryCounts, name: str, window: float, now: float) -> Usage:
    """The use of ``name`` in the ``window`` seconds before ``now``."""
    return Usage(name, window, counts.resolutions(name, now - window, now))
