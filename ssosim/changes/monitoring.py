"""Findings about monitoring: a run of the endpoint checks that was missed, and overdue repair items.

A monitor that has stopped looks like a monitor that finds nothing. So a missed run is a finding (TMS9-091), and so is a
repair item after its due day (TMS9-096).
"""

from __future__ import annotations

from datetime import UTC, datetime

from ssosim.changes.drift import DriftFinding, make_finding
from ssosim.changes.inventory import Inventory

__all__ = ["GRACE", "find_missed_run", "find_overdue_repairs"]

GRACE = 1.5
"""A run counts as missed after this many intervals without a run."""


def find_missed_run(inventory: Inventory, last: float, now: float) -> tuple[DriftFinding, ...]:
    """A finding if the last run of the endpoint checks is too long ago.

    ``last`` is the time of the last run, or of the start if there was none; ``last`` and ``now`` are in seconds since
    the epoch.
    """
    every = inventory.check_every
    if not every or now - last <= GRACE * every:
        return ()
    text = f"endpoints are to be checked every {every} s; the last check was {now - last:.0f} s ago"
    worst = min((inventory.severity_of(entry.name) for entry in inventory.endpoints), default=4)
    return (DriftFinding("inventory", "missed-run", "monitoring", text, worst, worst <= inventory.pages_at),)


def find_overdue_repairs(inventory: Inventory, now: float) -> tuple[DriftFinding, ...]:
    """A finding for each repair item that is not done after its due day (UTC); ``now`` in seconds since the epoch."""
    today = datetime.fromtimestamp(now, UTC).date()
    return tuple(
        make_finding(
            inventory, "inventory", "repair-overdue", repair.title, f"{repair.owner} promised it by {repair.due}", None
        )
        for repair in inventory.repairs
        if not repair.done and repair.due < today
    )
