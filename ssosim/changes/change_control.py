"""Change control: the only path by which an operator's change reaches the zones.

Theory of operation
===================

Four steps, each in its own module. This module only puts them in order.

1. *Plan* (``plan.make_plan``): apply the change to a copy of the zones and compute differences, risk, blast radius,
   usage, references and the rehearsed rollback. A plan has a token (version and digest of the zones and the change).
2. *Gate* (``gate.decide``): check the plan against the policy, the inventory, the approvals and the drift locks. Drift
   is detected again immediately before each decision, so that the gate never uses an old result. ``prepare_change``
   runs the gate itself; no caller and no option can skip it (TMS9-085, TMS9-086).
3. *Commit* (``ChangeControl.commit``): write the ledger entry, then replace the zones, then set the desired state.
4. *Verify* (``verify.verify``): compare the zones with the state that they should have; then detect drift again.

Three states of the zones are kept apart:

- *current* zones: what the DNS servers answer, active faults included;
- *unbroken* zones: the current zones without active faults. The ledger stores these, and a rollback restores these,
  because a fault belongs to no change and ends on its own;
- *desired* state: what the configuration asks for. Drift is the difference between this and the current zones.

Rules that always hold:

- The ledger is written before the zones change. If the write fails, nothing has changed. If the process dies after it,
  ``recover`` restores the zones of the last entry.
- Ledger, zones and desired state change in one block, under the lock of the zone store (``ZoneStore.held``). This is
  the only lock here. ``drift_locks`` are not thread locks: they are incidents that block changes of a zone.
- A preparation reads a ``BaseState`` and computes without the lock, on immutable values. ``commit`` compares the base
  state by identity under the lock. If any part was replaced meanwhile, ``commit`` returns None and changes nothing;
  the caller prepares again. A rollback also compares the list of ledger entries, because it depends on them.
- A plan token is compared at the gate. A change that was approved for other zones is refused, not planned again.

Why two phases: with 20,000 names a plan, the drift detection and the snapshots take longer than a client may wait. A
lab answers its clients on one event loop. So it calls ``prepare_...`` in a thread, and only ``commit``, which is short,
on the loop. Every method may be called from any thread. The methods without ``prepare_`` (``apply``, ``rollback``,
``adopt``, ``load``) do both phases. After five attempts that others overtook, they hold the lock during the whole
attempt, so that they end.

What can go wrong: a change that applies to the unbroken zones only or to the current zones only (see
``_without_faults``); a rollback of a change on which a later change depends (``undo`` refuses it); a ledger that was
started with the zones of another estate (``recover`` refuses it).
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

import msgspec
from dns.name import Name

from ssosim.changes.approvals import Approval, Policy, load_policy
from ssosim.changes.change import Change
from ssosim.changes.drift import Detector, DriftFinding, compare_with_desired, scan
from ssosim.changes.drift_locks import DriftLocks
from ssosim.changes.gate import Decision, Request, decide
from ssosim.changes.inventory import Inventory
from ssosim.changes.ledger import BeforeAfter, Ledger, LedgerEntry, LedgerError, find_entry_to_undo, is_latest
from ssosim.changes.monitoring import find_missed_run, find_overdue_repairs
from ssosim.changes.outside_in import find_incomplete_counts, find_inventory_gaps, find_usage_contradictions
from ssosim.changes.overlay import overlay
from ssosim.changes.plan import Plan, PlanContext, make_plan
from ssosim.changes.prepared_commit import BaseState, CommitResult, PreparedCommit, RefusedError
from ssosim.changes.risk import Reason
from ssosim.changes.snapshot import digest
from ssosim.changes.undo import revert_change
from ssosim.changes.usage import NO_COUNTS, QueryCounts
from ssosim.changes.verify import verify
from ssosim.clock import Clock, SystemClock
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.store import ZoneStore
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.trace import LabEvent, Trace

__all__ = ["ChangeControl", "CommitResult", "PreparedCommit", "RefusedError"]

_T = TypeVar("_T")

WINDOW_S = 300.0
"""Seconds of query counts in which names are searched that the inventory calls unused."""

_ATTEMPTS = 5
"""Attempts without the lock of the store. The next attempt holds it, so that it cannot be overtaken."""


class ChangeControl:
    """Plan, apply and roll back changes of the zones in ``store``.

    ``desired`` is the state that the configuration asks for; by default the zones that ``store`` holds now. ``spns``
    are the SPNs of the service account, which plans list as references. ``unbroken(zones)`` returns those zones without
    active faults; ``unbroken(None)`` does so for the current zones. ``put(zones, unbroken)`` makes ``zones`` current;
    ``unbroken`` are the same zones without faults. ``forecast`` gives further reasons of risk: what the change
    does to clients.
    """

    def __init__(  # noqa: PLR0913 - the parts that it joins, all but the first two with a default
        self,
        store: ZoneStore,
        ledger: Ledger,
        *,
        inventory: Inventory | None = None,
        policy: Policy | None = None,
        counts: QueryCounts = NO_COUNTS,
        spns: tuple[str, ...] = (),
        clock: Clock | None = None,
        trace: Trace | None = None,
        desired: ZoneSet | None = None,
        detector: Detector | None = None,
        unbroken: Callable[[ZoneSet | None], ZoneSet] | None = None,
        put: Callable[[ZoneSet, ZoneSet], None] | None = None,
        forecast: Callable[[Plan], tuple[Reason, ...]] | None = None,
    ) -> None:
        self.inventory = inventory or Inventory()
        self.policy = policy or load_policy("strict")
        self.detector = detector or Detector()
        self.desired = desired or store.current
        self.ledger = ledger
        self._store = store
        self._unbroken = unbroken or (lambda zones: zones or store.current)
        self._put = put or self._make_current
        self._forecast = forecast
        self._counts = counts
        self._spns = spns
        self._clock = clock or SystemClock()
        self._trace = trace
        self._locks = DriftLocks()
        self._checked_at = self._clock.now()

    @property
    def locks(self) -> Mapping[Name, str]:
        """The zones with open drift. The value is the id of the incident."""
        return self._locks.held

    def plan(self, change: Change, policy: Policy | None = None) -> Plan:
        """Plan ``change`` against the current zones. Raises DnsChangeError if it cannot be applied to them."""
        chosen = policy or self.policy
        plan = make_plan(change, self._store.current, self._plan_context(chosen))
        if self._forecast is None or not plan.delta:
            return plan
        return plan.with_reasons(self._forecast(plan), chosen)

    def judge(
        self,
        plan: Plan,
        *,
        token: str | None = None,
        approvals: tuple[Approval, ...] = (),
        executors: tuple[str, ...] = (),
        policy: Policy | None = None,
    ) -> Decision:
        """Detect drift, then run the gate on ``plan``. Returns the decision and changes no zones."""
        self.detect_drift()
        request = Request(
            plan=plan,
            policy=policy or self.policy,
            inventory=self.inventory,
            token=token,
            approvals=approvals,
            executors=executors,
            locks=self._remaining_locks(plan),
        )
        return decide(request)

    def apply(
        self,
        change: Change,
        *,
        token: str | None = None,
        approvals: tuple[Approval, ...] = (),
        executors: tuple[str, ...] = (),
        policy: Policy | None = None,
    ) -> CommitResult:
        """Apply ``change`` if the gate allows it: write the ledger, then the zones, then verify.

        If the zones change before the commit, the change is planned and judged again. With a ``token``, the gate then
        refuses it, because the token names the older zones. Raises RefusedError, DnsChangeError or LedgerError;
        nothing has changed then.
        """
        return self._commit_and_detect(
            lambda: self.prepare_change(change, token=token, approvals=approvals, executors=executors, policy=policy)
        )

    def prepare_change(
        self,
        change: Change,
        *,
        token: str | None = None,
        approvals: tuple[Approval, ...] = (),
        executors: tuple[str, ...] = (),
        policy: Policy | None = None,
    ) -> PreparedCommit:
        """Do all steps of ``apply`` except the commit. Changes nothing; raises the same errors."""
        if change.views:
            raise DnsChangeError(
                "views: a change of the zones is visible in all views; only a lab with resolvers can limit it to some"
            )
        base = self._read_base()
        plan = self.permit(change, token=token, approvals=approvals, executors=executors, policy=policy)
        entry = LedgerEntry(
            at=self._clock.now(),
            action="apply",
            title=change.title,
            plan=plan.token,
            author=change.author,
            approved_by=tuple(each.person for each in approvals),
            executors=executors,
            change=msgspec.to_builtins(change),
        )
        desired = self._desired_after(change, plan, base)
        unbroken = self._without_faults(change.apply, plan.after, base.unbroken)
        return self._store_snapshots(PreparedCommit(base, entry, plan.after, unbroken, desired, plan.after))

    def permit(
        self,
        change: Change,
        *,
        token: str | None = None,
        approvals: tuple[Approval, ...] = (),
        executors: tuple[str, ...] = (),
        policy: Policy | None = None,
    ) -> Plan:
        """Plan ``change`` and run the gate. Returns the plan if it is allowed, else raises RefusedError.

        Raises DnsChangeError if the change cannot be applied. Changes nothing.
        """
        plan = self.plan(change, policy)
        decision = self.judge(plan, token=token, approvals=approvals, executors=executors, policy=policy)
        if decision.outcome != "allow":
            raise RefusedError(plan, decision)
        return plan

    def rollback(self, number: int | None = None, *, as_written: bool = False, by: str = "") -> CommitResult:
        """Roll back an applied change (by default the last one) and compare with the last known good state.

        By default the zones become exactly what they were before the change. If later changes are still in force, they
        stay, and only this change is reverted. ``as_written`` applies the change's own ``rollback_operations``
        instead, as an operator with a runbook does; the verification then lists what they did not restore. ``by`` is
        the operator's name. Raises DnsChangeError and LedgerError; nothing has changed then.
        """
        return self._commit_and_detect(lambda: self.prepare_rollback(number, as_written=as_written, by=by))

    def prepare_rollback(self, number: int | None = None, *, as_written: bool = False, by: str = "") -> PreparedCommit:
        """Do all steps of ``rollback`` except the commit. Changes nothing; raises the same errors."""
        base, entries = self._read_base(), self.ledger.entries()
        entry = find_entry_to_undo(entries, number)
        good, desired = self._read_last_known_good(entries, entry, base)
        after = unbroken = good
        if as_written:
            change = msgspec.convert(entry.change, Change)
            if not change.rollback_operations:
                raise DnsChangeError(
                    f"change {entry.number} has no rollback_operations: roll back without --as-written"
                )
            after = change.undo(base.zones)
            unbroken = self._without_faults(change.undo, after, base.unbroken)
        made = LedgerEntry(
            at=self._clock.now(),
            action="rollback",
            title=entry.title,
            executors=(by,) if by else (),
            undoes=entry.number,
            complete=unbroken == good,
        )
        return self._store_snapshots(PreparedCommit(base, made, after, unbroken, desired, good, entries))

    def detect_drift(self) -> tuple[DriftFinding, ...]:
        """Detect drift (directions 1 and 3 of ``drift``, and the checks of the inventory) and update the zone locks."""

        def attempt() -> tuple[DriftFinding, ...] | None:
            base, now = self._read_base(), self._clock.now()
            found = self._find_drift(base, now)
            with self._store.lock():
                if not self._is_current(base):
                    return None
                self._locks.update(found)
                return found

        return self._retry_until_stable(attempt)

    def _find_drift(self, base: BaseState, now: float) -> tuple[DriftFinding, ...]:
        zones, inventory, detector = base.zones, base.inventory, base.detector
        if not detector.enabled:
            return ()
        counts = self._counts.freeze()
        return (
            *compare_with_desired(base.desired, zones, inventory, detector),
            *(scan(zones, inventory) if detector.aliases else ()),
            *find_usage_contradictions(inventory, counts, WINDOW_S, now),
            *find_inventory_gaps(inventory, counts.names(now)),
            *find_incomplete_counts(inventory, counts, now),
            *find_missed_run(inventory, self._checked_at, now),
            *find_overdue_repairs(inventory, now),
        )

    def record_endpoint_check(self) -> None:
        """Record that all endpoints were probed from outside now."""
        self._checked_at = self._clock.now()

    def completeness(self) -> float | None:
        """The share, 0 to 1, of the names queried in the last day that the inventory lists; None if there are none."""
        return self.inventory.completeness(self._counts.names(self._clock.now()))

    def explain_uncounted(self) -> str:
        """Why queried names may be missing from ``completeness``; empty if all queries were counted."""
        return self._counts.explain_lost(self._clock.now())

    def adopt(self, by: str) -> LedgerEntry:
        """Reconcile drift: make the current zones, without active faults, the desired state.

        The zones do not change. ``by`` is the operator's name. Raises DnsChangeError and LedgerError; nothing has
        changed then.
        """
        return self._commit_and_detect(lambda: self.prepare_adoption(by)).entry

    def prepare_adoption(self, by: str) -> PreparedCommit:
        """Do all steps of ``adopt`` except the commit. Changes nothing; raises the same errors."""
        if not by.strip():
            raise DnsChangeError("by: no name given; adopting drift needs the name of an operator: --by PERSON")
        entry = LedgerEntry(
            at=self._clock.now(), action="adopt", title="production adopted as desired", executors=(by,)
        )
        base = self._read_base()
        return self._store_snapshots(PreparedCommit(base, entry, base.zones, base.unbroken, base.unbroken, base.zones))

    def load(self, tree: ZoneSet, title: str) -> LedgerEntry:
        """Replace zones of the lab by those of ``tree``, in the current zones and in the desired state.

        This prepares a lab. It is not an operator's change: the gate does not check it, and changes that were applied
        before it can no longer be rolled back. Raises DnsChangeError and LedgerError; nothing has changed then.
        """
        return self._commit_and_detect(lambda: self.prepare_load(tree, title)).entry

    def prepare_load(self, tree: ZoneSet, title: str) -> PreparedCommit:
        """Do all steps of ``load`` except the commit. Changes nothing; raises the same errors."""
        entry, base = LedgerEntry(at=self._clock.now(), action="load", title=title), self._read_base()
        zones = unbroken = overlay(base.zones, tree)
        if base.unbroken is not base.zones:
            unbroken = overlay(base.unbroken, tree)
        return self._store_snapshots(PreparedCommit(base, entry, zones, unbroken, unbroken, zones))

    def recover(self) -> int:
        """Restore zones and desired state of the last ledger entry, as after a crash.

        Returns the number of that entry, 0 for an empty ledger. Raises LedgerError, also if the ledger was started
        with other zones than the current ones; nothing has changed then.
        """
        with self._store.lock():
            self.ledger.remove_partial_files()
            entries = self.ledger.entries()
            if not entries:
                return 0
            now, last = self._store.current, entries[-1]
            if digest(now) not in (entries[0].before, last.after):
                raise LedgerError(f"{self.ledger.folder}: was started with other zones than those of this estate")
            zones, desired = self.ledger.zones(last.after, now), self.ledger.zones(last.desired, now)
            self._store.change(lambda _: zones)
            self.desired = self._store.current if desired == zones else desired
            return last.number

    def _read_base(self) -> BaseState:
        with self._store.lock():
            return BaseState(
                self._store.current, self._unbroken(None), self.desired, self.inventory, self.policy, self.detector
            )

    def _is_current(self, base: BaseState) -> bool:
        return all(now is then for now, then in zip(self._read_base(), base, strict=True))

    def _store_snapshots(self, prepared: PreparedCommit) -> PreparedCommit:
        """Write all zones that ``prepared`` refers to to disk, and return it. Raises LedgerError."""
        self.ledger.store_snapshots(prepared.base.unbroken, prepared.unbroken, prepared.base.desired, prepared.desired)
        return prepared

    def commit(self, prepared: PreparedCommit) -> CommitResult | None:
        """Write the ledger entry and make the prepared zones current, under the lock of the store.

        Returns None, and changes nothing, if the base state was replaced meanwhile. Raises LedgerError; nothing has
        changed then. This is the only place where an operator's change reaches the zones. Call ``detect_drift``
        afterwards: it updates the zone locks.
        """
        with self._store.lock():
            if not self._is_current(prepared.base):
                return None
            if prepared.entries is not None and prepared.entries != self.ledger.entries():
                return None
            base, unbroken, desired = prepared.base, prepared.unbroken, prepared.desired
            entry = self.ledger.commit(prepared.entry, (base.unbroken, unbroken), (base.desired, desired))
            self._put(prepared.zones, unbroken)
            current = self._store.current
            self.desired = current if desired == current else desired
        self._record_event(entry)
        return CommitResult(entry, verify(current, prepared.good))

    def _commit_and_detect(self, prepare: Callable[[], PreparedCommit]) -> CommitResult:
        done = self._retry_until_stable(lambda: self.commit(prepare()))
        self.detect_drift()
        return done

    def _retry_until_stable(self, attempt: Callable[[], _T | None]) -> _T:
        """Call ``attempt`` until it does not return None (overtaken); the last attempt holds the lock of the store."""
        for number in itertools.count(1):
            with self._store.lock() if number > _ATTEMPTS else contextlib.nullcontext():
                if (result := attempt()) is not None:
                    return result
        raise AssertionError("itertools.count does not end")

    def _make_current(self, zones: ZoneSet, _unbroken: ZoneSet) -> None:
        self._store.change(lambda _: zones)

    def _without_faults(self, step: Callable[[ZoneSet], ZoneSet], shown: ZoneSet, unbroken: ZoneSet) -> ZoneSet:
        """Apply ``step`` to the zones without faults; ``shown`` is its result on the current zones."""
        try:
            return step(unbroken)
        except DnsChangeError:  # the step repairs what only a fault broke: take its result on the current zones
            return self._unbroken(shown)

    def _read_last_known_good(self, entries: Sequence[LedgerEntry], entry: LedgerEntry, base: BaseState) -> BeforeAfter:
        """The unbroken zones and the desired state without the change of ``entry``."""
        known: dict[str, ZoneSet] = {}

        def zones(content: str) -> ZoneSet:
            if content not in known:
                known[content] = self.ledger.zones(content, base.zones)
            return known[content]

        good, wanted = zones(entry.before), zones(entry.desired_before)
        if is_latest(entries, entry):
            return good, wanted
        rest = revert_change(base.unbroken, good, zones(entry.after), entry.number)
        try:
            return rest, revert_change(base.desired, wanted, zones(entry.desired), entry.number)
        except DnsChangeError:  # the desired state was changed in another way meanwhile: keep it
            return rest, base.desired

    def _plan_context(self, policy: Policy) -> PlanContext:
        return PlanContext(
            inventory=self.inventory, policy=policy, counts=self._counts, spns=self._spns, now=self._clock.now()
        )

    def _desired_after(self, change: Change, plan: Plan, base: BaseState) -> ZoneSet:
        """The desired state after ``change``: the same operations, or unchanged if the change restores it."""
        if base.desired is base.zones:
            return plan.after
        if plan.after == base.desired:
            return base.desired
        try:
            return change.apply(base.desired)
        except DnsChangeError:  # an emergency change in spite of open drift: operators decide what is desired
            return base.desired

    def _remaining_locks(self, plan: Plan) -> dict[Name, str]:
        """The zone locks without those whose drift ``plan`` ends."""
        if not self._locks.held:
            return {}
        findings = (
            *compare_with_desired(self.desired, plan.after, self.inventory, self.detector),
            *scan(plan.after, self.inventory),
        )
        return self._locks.remaining_after(findings, ends_drift=plan.after == self.desired)

    def _record_event(self, entry: LedgerEntry) -> None:
        if self._trace is not None and (text := _describe_entry(entry)):
            self._trace.record("", LabEvent(part="dns change", text=text))


def _describe_entry(entry: LedgerEntry) -> str:
    """The text for the trace; empty if no zones changed."""
    if entry.action == "apply":
        return f"change {entry.number} applied: {entry.title} ({entry.plan})"
    if entry.action == "rollback":
        return f"change {entry.undoes} rolled back: {entry.title}"
    return f"zones loaded: {entry.title}" if entry.action == "load" else ""
