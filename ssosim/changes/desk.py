"""The change desk: the one way by which an operator's change reaches the zones.

It holds the desired state beside production, runs the gate itself whoever calls, writes the ledger before it changes
anything, and verifies afterwards. Everything it decides is a pure function of what it holds (``plan``, ``gate``,
``drift``, ``verify``); here are only the order of the steps and the one assignment.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import msgspec
from dns.name import Name

from ssosim.changes.approvals import Approval, Policy, load_policy
from ssosim.changes.change import Change
from ssosim.changes.drift import Detector, Finding, desired_to_actual, scan
from ssosim.changes.drift_locks import Locks
from ssosim.changes.gate import Decision, Request, decide
from ssosim.changes.inventory import Inventory
from ssosim.changes.ledger import Entry, Ledger, to_undo
from ssosim.changes.monitoring import missed_run, overdue_repairs
from ssosim.changes.outside_in import contradictions, inventory_findings
from ssosim.changes.overlay import overlay
from ssosim.changes.plan import Plan, Surroundings, make_plan
from ssosim.changes.usage import NO_COUNTS, QueryCounts
from ssosim.changes.verify import Verification, verify
from ssosim.clock import Clock, RealClock
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.store import ZoneStore
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.trace import LabEvent, Trace

__all__ = ["ChangeDesk", "Done", "RefusedError"]

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


class ChangeDesk:
    """Plans, applies and takes back changes of ``store``.

    ``desired`` is the state that the configuration asks for; by default what ``store`` holds now. ``spns`` are those of
    the service whose tickets the names stand for. ``unbroken`` gives the zones without what is broken on purpose: that
    is what a rollback goes back to, since a fault is in nobody's change and has an end of its own.
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
        unbroken: Callable[[], ZoneSet] | None = None,
    ) -> None:
        self.inventory = inventory or Inventory()
        self.policy = policy or load_policy("strict")
        self.detector = detector or Detector()
        self.desired = desired or store.current
        self.ledger = ledger
        self._store = store
        self._unbroken = unbroken or (lambda: store.current)
        self._counts = counts
        self._spns = spns
        self._clock = clock or RealClock()
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
        """Apply ``change`` if the gate allows it: the ledger first, then one assignment, then the verifier.

        Raises RefusedError, DnsChangeError or LedgerError; nothing has changed then.
        """
        if change.views:
            raise DnsChangeError(
                "views: these are the zones that all views show; a lab with resolvers shows a change in some"
            )
        plan = self.permit(change, token=token, approvals=approvals, executors=executors, policy=policy)
        desired = self._desired_after(change, plan.after)
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
        entry = self.ledger.commit(entry, (self._unbroken(), plan.after), (self.desired, desired))
        self._become(plan.after, desired, f"change {entry.number} applied: {change.title} ({plan.token})")
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

        By default the zones become last known good itself. ``as_written`` plays the change's own
        ``rollback_operations`` instead, as a person with a runbook would; the verifier then says what they leave
        undone. Raises DnsChangeError and LedgerError.
        """
        entry = to_undo(self.ledger.entries(), number)
        now = self._store.current
        good, wanted = self.ledger.zones(entry.before, now), self.ledger.zones(entry.desired_before, now)
        after = good
        if as_written:
            change = msgspec.convert(entry.change, Change)
            if not change.rollback_operations:
                raise DnsChangeError(
                    f"change {entry.number} has no rollback_operations: roll back without --as-written"
                )
            after = change.undo(now)
        made = Entry(
            at=self._clock.now(),
            action="rollback",
            title=entry.title,
            executors=(by,) if by else (),
            undoes=entry.number,
        )
        made = self.ledger.commit(made, (now, after), (self.desired, wanted))
        self._become(after, wanted, f"change {entry.number} rolled back: {entry.title}")
        return Done(made, verify(self._store.current, good))

    def drift(self) -> tuple[Finding, ...]:
        """Directions 1 and 3 and the inventory's own checks; opens and ends the locks of zones."""
        if not self.detector.enabled:
            self._locks.look(())
            return ()
        zones, now = self._store.current, self._clock.now()
        found = (
            *desired_to_actual(self.desired, zones, self.inventory, self.detector),
            *(scan(zones, self.inventory) if self.detector.aliases else ()),
            *contradictions(self.inventory, self._counts, WINDOW_S, now),
            *inventory_findings(self.inventory, self._counts.names(now)),
            *missed_run(self.inventory, self._checked_at, now),
            *overdue_repairs(self.inventory, now),
        )
        self._locks.look(found)
        return found

    def checked(self) -> None:
        """All endpoints were looked at from outside just now."""
        self._checked_at = self._clock.now()

    def completeness(self) -> float:
        """The share of names asked for that the inventory knows, 0 to 1."""
        return self.inventory.completeness(self._counts.names(self._clock.now()))

    def adopt(self, by: str) -> Entry:
        """Reconcile drift by making production the desired state. Production is not touched. Raises LedgerError."""
        if not by.strip():
            raise DnsChangeError("who takes this on? adopting drift needs a name: --by PERSON")
        now = self._store.current
        entry = Entry(at=self._clock.now(), action="adopt", title="production adopted as desired", executors=(by,))
        entry = self.ledger.commit(entry, (now, now), (self.desired, now))
        self.desired = now
        self.drift()
        return entry

    def load(self, tree: ZoneSet, title: str) -> Entry:
        """Set the stage: the zones of ``tree`` become production and desired state, in the place of those of the lab.

        No change of an operator and not for one: what was applied before cannot be rolled back to any more.
        Raises DnsChangeError and LedgerError.
        """
        now = self._store.current
        zones = overlay(now, tree)
        entry = Entry(at=self._clock.now(), action="load", title=title)
        entry = self.ledger.commit(entry, (now, zones), (self.desired, zones))
        self._become(zones, zones, f"zones loaded: {title}")
        return entry

    def recover(self) -> None:
        """Go on where the ledger ends, as after a crash; without entries nothing changes. Raises LedgerError."""
        if entries := self.ledger.entries():
            now = self._store.current
            self._store.replace(self.ledger.zones(entries[-1].after, now))
            self.desired = self.ledger.zones(entries[-1].desired, now)

    def _around(self, policy: Policy) -> Surroundings:
        return Surroundings(
            inventory=self.inventory, policy=policy, counts=self._counts, spns=self._spns, now=self._clock.now()
        )

    def _desired_after(self, change: Change, after: ZoneSet) -> ZoneSet:
        """The desired state after ``change``: the same operations, or as it is where the change leads back to it."""
        if self.desired is self._store.current:
            return after
        if after == self.desired:
            return self.desired
        try:
            return change.apply(self.desired)
        except DnsChangeError:  # an emergency through open drift: what is desired is for people to settle
            return self.desired

    def _locks_left_by(self, plan: Plan) -> dict[Name, str]:
        """The locks without those whose drift ``plan`` itself ends."""
        if not self._locks.held:
            return {}
        findings = (
            *desired_to_actual(self.desired, plan.after, self.inventory, self.detector),
            *scan(plan.after, self.inventory),
        )
        return self._locks.left_by(findings, ends_drift=plan.after == self.desired)

    def _become(self, zones: ZoneSet, desired: ZoneSet, text: str) -> None:
        self._store.replace(zones)
        self.desired = desired
        if self._trace is not None:
            self._trace.record("", LabEvent(part="dns change", text=text))
        self.drift()
