"""Direction 2 of drift: compare the answers of resolvers for every endpoint with the inventory.

Pure functions. The probes that query resolvers over the network are in ``ssosim.lab.control.endpoint_probes``.
"""

from __future__ import annotations

import heapq
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from ssosim.changes.drift import DriftFinding, make_finding
from ssosim.changes.inventory import Endpoint, ExpectedAnswer, Inventory
from ssosim.changes.usage import QueryCounts

__all__ = [
    "MOST_UNLISTED",
    "Observation",
    "compare_observations",
    "find_incomplete_counts",
    "find_inventory_gaps",
    "find_usage_contradictions",
]

MOST_UNLISTED = 100
"""The most queried names that the inventory does not list and that have a finding each."""


@dataclass(frozen=True, slots=True)
class Observation:
    """The answer of one view's resolver for one name. ``shape`` is the shape of the answer, or the code of a failure.

    ``status`` is the HTTP status of the check; None if there was no check, 0 if there was no response.
    """

    name: str
    view: str
    shape: str
    chain: tuple[str, ...] = ()
    addresses: tuple[str, ...] = ()
    status: int | None = None


def compare_observations(inventory: Inventory, observed: Iterable[Observation]) -> tuple[DriftFinding, ...]:
    """A finding for every endpoint with an unexpected answer or HTTP status.

    If less than half of the views differ from the expected answer, they probably have stale data. Such a finding has
    the kind ``one-view`` and never pages the operator on call (TMS9-053).
    """
    by_name: dict[str, list[Observation]] = defaultdict(list)
    for observation in observed:
        by_name[observation.name].append(observation)
    return tuple(
        found
        for entry in inventory.endpoints
        if entry.name in by_name
        for found in _endpoint(inventory, entry, by_name[entry.name])
    )


def _endpoint(inventory: Inventory, entry: Endpoint, seen: list[Observation]) -> Iterator[DriftFinding]:
    wrong = [(each, problem) for each in seen if (problem := _mismatch(entry.expected, each))]
    if wrong:
        text = f"{wrong[0][1]} (views: {', '.join(each.view for each, _ in wrong)})"
        yield _by_quorum(inventory, entry, "answer", text, len(wrong), len(seen))
    checked = [each for each in seen if each.status is not None]
    dead = [each for each in checked if each.status not in entry.statuses]
    if dead:
        view_statuses = ", ".join(f"{each.view}: {each.status or 'no answer'}" for each in dead)
        text = f"HTTPS check: expected {' or '.join(map(str, entry.statuses))}, got {view_statuses}"
        yield _by_quorum(inventory, entry, "https", text, len(dead), len(checked))


def _by_quorum(inventory: Inventory, entry: Endpoint, kind: str, text: str, wrong: int, views: int) -> DriftFinding:
    """The finding with the severity of its name, or one that does not page if less than half of the views differ."""
    if 2 * wrong >= views:
        return make_finding(inventory, "outside", kind, entry.name, text, None)
    text = f"{wrong} of {views} views differ, perhaps stale: {text}"
    return DriftFinding("outside", "one-view", entry.name, text, inventory.default_severity, pages=False)


def _mismatch(expected: ExpectedAnswer, seen: Observation) -> str:
    """The first difference from the expected answer as text; empty if there is none."""
    if seen.shape != expected.shape:
        chain = f" along {' → '.join(seen.chain)}" if seen.chain else ""
        return f"expected a {expected.shape} answer, got {seen.shape}{chain}"
    if expected.chain and seen.chain != expected.chain:
        return f"expected the chain {' → '.join(expected.chain)}, got {' → '.join(seen.chain)}"
    if expected.addresses and set(seen.addresses) != set(expected.addresses):
        return f"expected {', '.join(expected.addresses)}, got {', '.join(seen.addresses)}"
    return ""


def find_usage_contradictions(
    inventory: Inventory, counts: QueryCounts, window: float, now: float
) -> tuple[DriftFinding, ...]:
    """Endpoints that the inventory lists as not in use and that were resolved in the last ``window`` s (TMS9-042)."""
    found = []
    for entry in inventory.endpoints:
        counted = None if entry.in_use else counts.resolutions(entry.name.lower(), now - window, now)
        if counted is not None and counted.total:
            text = f"the inventory lists it as not in use; resolved {counted.total} times in the last {window:g} s"
            found.append(make_finding(inventory, "inventory", "contradiction", entry.name, text, None))
    return tuple(found)


def find_inventory_gaps(inventory: Inventory, observed: Iterable[str]) -> tuple[DriftFinding, ...]:
    """Queried names that the inventory does not list, and alert rules for endpoints that it does not list.

    One finding for each of the ``MOST_UNLISTED`` most severe names, and one for the number of the others: a client that
    asks for ever-new names would make tens of thousands.
    """
    names = inventory.find_unlisted(observed)
    by_severity = heapq.nsmallest(MOST_UNLISTED + 1, ((inventory.severity_of(name), name) for name in names))
    shown = [name for _, name in by_severity[:MOST_UNLISTED]]
    found = [
        make_finding(inventory, "inventory", "unlisted", name, "is queried and not listed", None)
        for name in sorted(shown)
    ]
    if more := len(names) - len(shown):
        severity = by_severity[-1][0]  # none of the others is worse
        pages = severity <= inventory.pages_at
        text = "are queried and not listed"
        found.append(DriftFinding("inventory", "unlisted", f"{more} more names", text, severity, pages))
    for alert, meant in inventory.find_misnamed_alerts():
        hint = f"; did you mean {meant}?" if meant else ""
        text = f"alert rule {alert.name} watches {alert.endpoint}, which the inventory does not have{hint}"
        found.append(make_finding(inventory, "inventory", "alert-name", meant or alert.endpoint, text, None))
    return tuple(found)


def find_incomplete_counts(inventory: Inventory, counts: QueryCounts, now: float) -> tuple[DriftFinding, ...]:
    """A finding if queries of the last day were not counted: names in use may then be missing from the findings."""
    why = counts.explain_lost(now)
    if not why:
        return ()
    text = f"query counts of the last day are incomplete ({why}): queried names may be missing here"
    severity = inventory.default_severity
    return (
        DriftFinding("inventory", "counts-incomplete", "query counts", text, severity, severity <= inventory.pages_at),
    )
