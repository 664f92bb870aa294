"""Whether the inventory is being watched, and whether what was promised after an incident is done.

A monitor that has stopped looks like one that finds nothing: so a run that did not happen is a finding (TMS9-091),
and so is a repair item whose day has passed (TMS9-096).
"""

from __future__ import annotations

from datetime import UTC, datetime

from ssosim.changes.drift import DriftFinding, make_finding
from ssosim.changes.inventory import Inventory

__all__ = ["GRACE", "find_missed_run", "find_overdue_repairs"]

GRACE = 1.5
"""Intervals without a run after which one was missed."""


def find_missed_run(inventory: Inventory, last: float, now: float) -> tuple[DriftFinding, ...]:
    """A finding where the last run of the endpoint checks, or else the start, is too long ago; seconds since 1970."""
    every = inventory.check_every
    if not every or now - last <= GRACE * every:
        return ()
    text = f"endpoints are to be checked every {every} s; the last check was {now - last:.0f} s ago"
    worst = min((inventory.severity_of(entry.name) for entry in inventory.endpoints), default=4)
    return (DriftFinding("inventory", "missed-run", "monitoring", text, worst, worst <= inventory.pages_at),)


def find_overdue_repairs(inventory: Inventory, now: float) -> tuple[DriftFinding, ...]:
    """A finding for each repair item that is not done and whose day is over, in UTC."""
    today = datetime.fromtimestamp(now, UTC).date()
    return tuple(
        make_finding(
            inventory, "inventory", "repair-overdue", repair.title, f"{repair.owner} promised it by {repair.due}", None
        )
        for repair in inventory.repairs
        if not repair.done and repair.due < today
    )
