"""The change desk: the one way by which an operator's change reaches the zones.

It holds the desired state beside production, runs the gate itself whoever calls, writes the ledger before it changes
anything, and verifies afterwards. Everything it decides is a pure function of what it holds (``plan``, ``gate``,
``drift``, ``verify``); here is only the order of the steps.

Ledger, desired state and zones change together in ``_commit``, while the store is held. What is slow (a plan, the
search for drift) is worked out before, on a state that is remembered, and again if another one came in between. So
every method may be called from any thread.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import msgspec
from dns.name import Name

from ssosim.changes.approvals import Approval, Policy, load_policy
from ssosim.changes.change import Change
from ssosim.changes.drift import Detector, Finding, desired_to_actual, scan
from ssosim.changes.drift_locks import Locks
from ssosim.changes.gate import Decision, Request, decide
from ssosim.changes.inventory import Inventory
from ssosim.changes.ledger import Entry, Ledger, LedgerError, Step, is_latest, to_undo
from ssosim.changes.monitoring import missed_run, overdue_repairs
from ssosim.changes.outside_in import contradictions, inventory_findings
from ssosim.changes.overlay import overlay
from ssosim.changes.plan import Plan, Surroundings, make_plan
from ssosim.changes.snapshot import digest
from ssosim.changes.undo import taken_back
from ssosim.changes.usage import NO_COUNTS, QueryCounts
from ssosim.changes.verify import Verification, verify
from ssosim.clock import Clock, SystemClock
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.store import ZoneStore
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.trace import LabEvent, Trace

__all__ = ["ChangeControl", "Done", "RefusedError"]

WINDOW_S = 300.0
"""How far back the inventory's contradictions are looked for."""


class RefusedError(Exception):
    """The gate said no, or not yet. ``decision`` holds every reason; nothing was changed."""

    def __init__(self, plan: Plan, decision: Decision) -> None:
        self.plan = plan
        self.decision = decision
        lines = [f"{each.text}: {each.advice}" for each in decision.obstacles]
        word = "deferred" if decision.outcome == "defer" else "refused"
        super().__init__(f"{word}: " + "; ".join(lines))


@dataclass(frozen=True, slots=True)
class Done:
    """What was done: its entry in the ledger, and whether the zones are now what they should be."""

    entry: Entry
    verification: Verification


class Seen(NamedTuple):
    """What a decision rests on. It holds as long as each of these is the very same value."""

    zones: ZoneSet
    desired: ZoneSet
    inventory: Inventory
    policy: Policy
    detector: Detector


class ChangeControl:
    """Plans, applies and takes back changes of ``store``.

    ``desired`` is the state that the configuration asks for; by default what ``store`` holds now. ``spns`` are those of
    the service whose tickets the names stand for. ``unbroken`` gives the zones without what is broken on purpose, for
    zones that production would be given now or (None) as they are: that is what the ledger keeps and a rollback goes
    back to, since a fault is in nobody's change and has an end of its own. ``put`` makes zones current, given with the
    same without what is broken.
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
    ) -> None:
        self.inventory = inventory or Inventory()
        self.policy = policy or load_policy("strict")
        self.detector = detector or Detector()
        self.desired = desired or store.current
        self.ledger = ledger
        self._store = store
        self._unbroken = unbroken or (lambda zones: zones or store.current)
        self._put = put or self._make_current
        self._counts = counts
        self._spns = spns
        self._clock = clock or SystemClock()
        self._trace = trace
        self._locks = Locks()
        self._checked_at = self._clock.now()

    @property
    def locks(self) -> Mapping[Name, str]:
        """Zones with open drift, each with its incident's id."""
        return self._locks.held

    def plan(self, change: Change, policy: Policy | None = None) -> Plan:
        """Work a change out against the zones as they are; raises DnsChangeError when it cannot be done."""
        return make_plan(change, self._store.current, self._around(policy or self.policy))

    def judge(
        self,
        plan: Plan,
        *,
        token: str | None = None,
        approvals: tuple[Approval, ...] = (),
        executors: tuple[str, ...] = (),
        policy: Policy | None = None,
    ) -> Decision:
        """What the gate says to ``plan`` now. Drift is looked for first: the gate never rests on an old look."""
        self.drift()
        request = Request(
            plan=plan,
            policy=policy or self.policy,
            inventory=self.inventory,
            token=token,
            approvals=approvals,
            executors=executors,
            locks=self._locks_left_by(plan),
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
    ) -> Done:
        """Apply ``change`` if the gate allows it: the ledger first, then the zones, then the verifier.

        Planned and judged again when the zones changed before it was the turn of this change; with a ``token`` that is
        refused as overtaken. Raises RefusedError, DnsChangeError or LedgerError; nothing has changed then.
        """
        if change.views:
            raise DnsChangeError(
                "views: these are the zones that all views show; a lab with resolvers shows a change in some"
            )
        while True:
            seen = self._seen()
            plan = self.permit(change, token=token, approvals=approvals, executors=executors, policy=policy)
            entry = Entry(
                at=self._clock.now(),
                action="apply",
                title=change.title,
                plan=plan.token,
                author=change.author,
                approved_by=tuple(each.person for each in approvals),
                executors=executors,
                change=msgspec.to_builtins(change),
            )
            desired = self._desired_after(change, plan, seen)
            with self._store.held():
                if plan.before is seen.zones and self._holds(seen):
                    wanted = self._without_faults(change.apply, plan.after)
                    entry = self._commit(entry, plan.after, wanted, desired)
                    break
        self._tell(f"change {entry.number} applied: {change.title} ({plan.token})")
        return Done(entry, verify(self._store.current, plan.after))

    def permit(
        self,
        change: Change,
        *,
        token: str | None = None,
        approvals: tuple[Approval, ...] = (),
        executors: tuple[str, ...] = (),
        policy: Policy | None = None,
    ) -> Plan:
        """The plan of ``change``, if the gate lets it pass; raises RefusedError and DnsChangeError. Changes nothing."""
        plan = self.plan(change, policy)
        decision = self.judge(plan, token=token, approvals=approvals, executors=executors, policy=policy)
        if decision.outcome != "allow":
            raise RefusedError(plan, decision)
        return plan

    def rollback(self, number: int | None = None, *, as_written: bool = False, by: str = "") -> Done:
        """Take back an applied change (the last by default) and compare with last known good.

        By default the zones become last known good itself: what they were before the change. Where other changes came
        after it and stand, these stay, and what the change did is undone alone. ``as_written`` plays the change's own
        ``rollback_operations`` instead, as a person with a runbook would; the verifier then says what they leave
        undone. Raises DnsChangeError and LedgerError; nothing has changed then.
        """
        with self._store.held():
            entries = self.ledger.entries()
            entry = to_undo(entries, number)
            now = self._store.current
            good, desired = self._good(entries, entry)
            after = unbroken = good
            if as_written:
                change = msgspec.convert(entry.change, Change)
                if not change.rollback_operations:
                    raise DnsChangeError(
                        f"change {entry.number} has no rollback_operations: roll back without --as-written"
                    )
                after = change.undo(now)
                unbroken = self._without_faults(change.undo, after)
            made = Entry(
                at=self._clock.now(),
                action="rollback",
                title=entry.title,
                executors=(by,) if by else (),
                undoes=entry.number,
                complete=unbroken == good,
            )
            made = self._commit(made, after, unbroken, desired)
            checked = verify(self._store.current, good)
        self._tell(f"change {entry.number} rolled back: {entry.title}")
        return Done(made, checked)

    def drift(self) -> tuple[Finding, ...]:
        """Directions 1 and 3 and the inventory's own checks; opens and ends the locks of zones."""
        while True:
            seen, now = self._seen(), self._clock.now()
            found = self._look(seen, now)
            with self._store.held():
                if self._holds(seen):
                    self._locks.look(found)
                    return found

    def _look(self, seen: Seen, now: float) -> tuple[Finding, ...]:
        zones, inventory, detector = seen.zones, seen.inventory, seen.detector
        if not detector.enabled:
            return ()
        return (
            *desired_to_actual(seen.desired, zones, inventory, detector),
            *(scan(zones, inventory) if detector.aliases else ()),
            *contradictions(inventory, self._counts, WINDOW_S, now),
            *inventory_findings(inventory, self._counts.names(now)),
            *missed_run(inventory, self._checked_at, now),
            *overdue_repairs(inventory, now),
        )

    def checked(self) -> None:
        """All endpoints were looked at from outside just now."""
        self._checked_at = self._clock.now()

    def completeness(self) -> float:
        """The share of names asked for that the inventory knows, 0 to 1."""
        return self.inventory.completeness(self._counts.names(self._clock.now()))

    def adopt(self, by: str) -> Entry:
        """Reconcile drift by making production the desired state, faults in force left out. Production is not touched.

        Raises DnsChangeError and LedgerError; nothing has changed then.
        """
        if not by.strip():
            raise DnsChangeError("who takes this on? adopting drift needs a name: --by PERSON")
        entry = Entry(at=self._clock.now(), action="adopt", title="production adopted as desired", executors=(by,))
        with self._store.held():
            unbroken = self._unbroken(None)
            entry = self._commit(entry, self._store.current, unbroken, unbroken)
        self.drift()
        return entry

    def load(self, tree: ZoneSet, title: str) -> Entry:
        """Set the stage: the zones of ``tree`` become production and desired state, in the place of those of the lab.

        No change of an operator and not for one: what was applied before cannot be rolled back to any more.
        Raises DnsChangeError and LedgerError; nothing has changed then.
        """
        entry = Entry(at=self._clock.now(), action="load", title=title)
        with self._store.held():
            zones, unbroken = overlay(self._store.current, tree), overlay(self._unbroken(None), tree)
            entry = self._commit(entry, zones, unbroken, unbroken)
        self._tell(f"zones loaded: {title}")
        return entry

    def recover(self) -> int:
        """Go on where the ledger ends, as after a crash; the number of its last entry, 0 without any.

        Raises LedgerError, also where the ledger began with other zones than those that are there now; nothing has
        changed then.
        """
        with self._store.held():
            self.ledger.tidy()
            entries = self.ledger.entries()
            if not entries:
                return 0
            now, last = self._store.current, entries[-1]
            if digest(now) not in (entries[0].before, last.after):
                raise LedgerError(f"{self.ledger.folder}: was begun with other zones than those of this estate")
            zones, desired = self.ledger.zones(last.after, now), self.ledger.zones(last.desired, now)
            self._store.change(lambda _: zones)
            self.desired = self._store.current if desired == zones else desired
            return last.number

    def _seen(self) -> Seen:
        return Seen(self._store.current, self.desired, self.inventory, self.policy, self.detector)

    def _holds(self, seen: Seen) -> bool:
        return all(now is then for now, then in zip(self._seen(), seen, strict=True))

    def _commit(self, entry: Entry, zones: ZoneSet, unbroken: ZoneSet, desired: ZoneSet) -> Entry:
        """The one place where an operator's zones change: ledger first. The store is held by the caller.

        Raises LedgerError; nothing has changed then.
        """
        entry = self.ledger.commit(entry, (self._unbroken(None), unbroken), (self.desired, desired))
        self._put(zones, unbroken)
        self.desired = self._store.current if desired == self._store.current else desired
        return entry

    def _make_current(self, zones: ZoneSet, _unbroken: ZoneSet) -> None:
        self._store.change(lambda _: zones)

    def _without_faults(self, step: Callable[[ZoneSet], ZoneSet], shown: ZoneSet) -> ZoneSet:
        """The zones without faults after ``step``, which made ``shown`` of what is current."""
        try:
            return step(self._unbroken(None))
        except DnsChangeError:  # it repairs what only a fault had broken: what it leaves is what is shown
            return self._unbroken(shown)

    def _good(self, entries: Sequence[Entry], entry: Entry) -> Step:
        """Production and desired state without the change of ``entry``."""
        now = self._store.current
        good, wanted = self.ledger.zones(entry.before, now), self.ledger.zones(entry.desired_before, now)
        if is_latest(entries, entry):
            return good, wanted
        after = self.ledger.zones(entry.after, now)
        rest = taken_back(self._unbroken(None), good, after, entry.number)
        try:
            return rest, taken_back(self.desired, wanted, self.ledger.zones(entry.desired, now), entry.number)
        except DnsChangeError:  # what is desired was settled otherwise meanwhile
            return rest, self.desired

    def _around(self, policy: Policy) -> Surroundings:
        return Surroundings(
            inventory=self.inventory, policy=policy, counts=self._counts, spns=self._spns, now=self._clock.now()
        )

    def _desired_after(self, change: Change, plan: Plan, seen: Seen) -> ZoneSet:
        """The desired state after ``change``: the same operations, or as it is where the change leads back to it."""
        if seen.desired is seen.zones:
            return plan.after
        if plan.after == seen.desired:
            return seen.desired
        try:
            return change.apply(seen.desired)
        except DnsChangeError:  # an emergency through open drift: what is desired is for people to settle
            return seen.desired

    def _locks_left_by(self, plan: Plan) -> dict[Name, str]:
        """The locks without those whose drift ``plan`` itself ends."""
        if not self._locks.held:
            return {}
        findings = (
            *desired_to_actual(self.desired, plan.after, self.inventory, self.detector),
            *scan(plan.after, self.inventory),
        )
        return self._locks.left_by(findings, ends_drift=plan.after == self.desired)

    def _tell(self, text: str) -> None:
        if self._trace is not None:
            self._trace.record("", LabEvent(part="dns change", text=text))
        self.drift()
