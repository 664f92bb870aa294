"""The values between the two phases of change control: prepared in a thread, then committed. All are immutable."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from ssosim.changes.approvals import Policy
from ssosim.changes.drift import Detector
from ssosim.changes.gate import Decision
from ssosim.changes.inventory import Inventory
from ssosim.changes.ledger import LedgerEntry
from ssosim.changes.plan import Plan
from ssosim.changes.verify import Verification
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["BaseState", "CommitResult", "PreparedCommit", "RefusedError"]


class RefusedError(Exception):
    """The gate refused or deferred a plan. ``decision`` has every reason; nothing was changed."""

    def __init__(self, plan: Plan, decision: Decision) -> None:
        self.plan = plan
        self.decision = decision
        lines = [f"{each.text}: {each.advice}" for each in decision.obstacles]
        word = "deferred" if decision.outcome == "defer" else "refused"
        super().__init__(f"{word}: " + "; ".join(lines))


@dataclass(frozen=True, slots=True)
class CommitResult:
    """A commit that was done: its ledger entry, and the comparison of the zones with what they should be."""

    entry: LedgerEntry
    verification: Verification


class BaseState(NamedTuple):
    """The values that a preparation read. They are current as long as each one is the identical object."""

    zones: ZoneSet
    unbroken: ZoneSet
    desired: ZoneSet
    inventory: Inventory
    policy: Policy
    detector: Detector


@dataclass(frozen=True, slots=True)
class PreparedCommit:
    """The input of ``ChangeControl.commit``: the base state that was read, and the result that was computed from it.

    ``zones`` become the current zones, ``unbroken`` are the same without active faults, ``desired`` becomes the desired
    state. ``good`` is what the current zones are verified against. ``entries`` are the ledger entries that the result
    depends on; None if it does not depend on them.
    """

    base: BaseState
    entry: LedgerEntry
    zones: ZoneSet
    unbroken: ZoneSet
    desired: ZoneSet
    good: ZoneSet
    entries: tuple[LedgerEntry, ...] | None = None
