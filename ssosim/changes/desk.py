"""The change desk: the one way by which an operator's change reaches the zones.

It holds the desired state beside production, runs the gate itself whoever calls, writes the ledger before it changes
anything, and verifies afterwards. Everything it decides is a pure function of what it holds (``plan``, ``gate``,
``drift``, ``verify``); here is only the order of the steps.

Ledger, desired state and zones change together in ``commit``, while the store is held. What is slow (a plan, the search
for drift, reading and writing zones) is worked out before, on a state that is remembered (``Seen``), and again if
another one came in between. So every method may be called from any thread; a lab calls ``prepare_...`` in a thread and
``commit`` on the loop on which it answers, which takes a moment.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

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
from ssosim.changes.outside_in import contradictions, incomplete_counts, inventory_findings
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

__all__ = ["ChangeControl", "Done", "Prepared", "RefusedError"]

_T = TypeVar("_T")

WINDOW_S = 300.0
"""How far back the inventory's contradictions are looked for."""

_ATTEMPTS = 5
"""So often something is worked out beside others; once more while the store is held, so that it comes to its end."""


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
    unbroken: ZoneSet
    desired: ZoneSet
    inventory: Inventory
    policy: Policy
    detector: Detector


@dataclass(frozen=True, slots=True)
class Prepared:
    """Something worked out and yet to be done, by ``ChangeControl.commit``: what it rests on, and what comes of it.

    ``zones`` become current, ``unbroken`` are the same without faults in force, ``desired`` becomes the desired state;
    ``good`` is what current zones should be then. ``entries`` is the ledger that it rests on, None for whichever.
    """

    seen: Seen
    entry: Entry
    zones: ZoneSet
    unbroken: ZoneSet
    desired: ZoneSet
    good: ZoneSet
    entries: tuple[Entry, ...] | None = None


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
        return self._do(
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
    ) -> Prepared:
        """All of ``apply`` but for the last step; raises as it does. Nothing has changed."""
        if change.views:
            raise DnsChangeError(
                "views: these are the zones that all views show; a lab with resolvers shows a change in some"
            )
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
        unbroken = self._without_faults(change.apply, plan.after, seen.unbroken)
        return self._prepared(Prepared(seen, entry, plan.after, unbroken, desired, plan.after))

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
        return self._do(lambda: self.prepare_rollback(number, as_written=as_written, by=by))

    def prepare_rollback(self, number: int | None = None, *, as_written: bool = False, by: str = "") -> Prepared:
        """All of ``rollback`` but for the last step; raises as it does. Nothing has changed."""
        seen, entries = self._seen(), self.ledger.entries()
        entry = to_undo(entries, number)
        good, desired = self._good(entries, entry, seen)
        after = unbroken = good
        if as_written:
            change = msgspec.convert(entry.change, Change)
            if not change.rollback_operations:
                raise DnsChangeError(
                    f"change {entry.number} has no rollback_operations: roll back without --as-written"
                )
            after = change.undo(seen.zones)
            unbroken = self._without_faults(change.undo, after, seen.unbroken)
        made = Entry(
            at=self._clock.now(),
            action="rollback",
            title=entry.title,
            executors=(by,) if by else (),
            undoes=entry.number,
            complete=unbroken == good,
        )
        return self._prepared(Prepared(seen, made, after, unbroken, desired, good, entries))

    def drift(self) -> tuple[Finding, ...]:
        """Directions 1 and 3 and the inventory's own checks; opens and ends the locks of zones."""

        def attempt() -> tuple[Finding, ...] | None:
            seen, now = self._seen(), self._clock.now()
            found = self._look(seen, now)
            with self._store.lock():
                if not self._holds(seen):
                    return None
                self._locks.look(found)
                return found

        return self._undisturbed(attempt)

    def _look(self, seen: Seen, now: float) -> tuple[Finding, ...]:
        zones, inventory, detector = seen.zones, seen.inventory, seen.detector
        if not detector.enabled:
            return ()
        counts = self._counts.freeze()
        return (
            *desired_to_actual(seen.desired, zones, inventory, detector),
            *(scan(zones, inventory) if detector.aliases else ()),
            *contradictions(inventory, counts, WINDOW_S, now),
            *inventory_findings(inventory, counts.names(now)),
            *incomplete_counts(inventory, counts, now),
            *missed_run(inventory, self._checked_at, now),
            *overdue_repairs(inventory, now),
        )

    def checked(self) -> None:
        """All endpoints were looked at from outside just now."""
        self._checked_at = self._clock.now()

    def completeness(self) -> float:
        """The share of names asked for that the inventory knows, 0 to 1."""
        return self.inventory.completeness(self._counts.names(self._clock.now()))

    def uncounted(self) -> str:
        """Why names that were asked for may be missing from ``completeness``; empty where none are."""
        return self._counts.lost(self._clock.now())

    def adopt(self, by: str) -> Entry:
        """Reconcile drift by making production the desired state, faults in force left out. Production is not touched.

        Raises DnsChangeError and LedgerError; nothing has changed then.
        """
        return self._do(lambda: self.prepare_adoption(by)).entry

    def prepare_adoption(self, by: str) -> Prepared:
        """All of ``adopt`` but for the last step; raises as it does. Nothing has changed."""
        if not by.strip():
            raise DnsChangeError("who takes this on? adopting drift needs a name: --by PERSON")
        entry = Entry(at=self._clock.now(), action="adopt", title="production adopted as desired", executors=(by,))
        seen = self._seen()
        return self._prepared(Prepared(seen, entry, seen.zones, seen.unbroken, seen.unbroken, seen.zones))

    def load(self, tree: ZoneSet, title: str) -> Entry:
        """Set the stage: the zones of ``tree`` become production and desired state, in the place of those of the lab.

        No change of an operator and not for one: what was applied before cannot be rolled back to any more.
        Raises DnsChangeError and LedgerError; nothing has changed then.
        """
        return self._do(lambda: self.prepare_load(tree, title)).entry

    def prepare_load(self, tree: ZoneSet, title: str) -> Prepared:
        """All of ``load`` but for the last step; raises as it does. Nothing has changed."""
        entry, seen = Entry(at=self._clock.now(), action="load", title=title), self._seen()
        zones = unbroken = overlay(seen.zones, tree)
        if seen.unbroken is not seen.zones:
            unbroken = overlay(seen.unbroken, tree)
        return self._prepared(Prepared(seen, entry, zones, unbroken, unbroken, zones))

    def recover(self) -> int:
        """Go on where the ledger ends, as after a crash; the number of its last entry, 0 without any.

        Raises LedgerError, also where the ledger began with other zones than those that are there now; nothing has
        changed then.
        """
        with self._store.lock():
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
        with self._store.lock():
            return Seen(
                self._store.current, self._unbroken(None), self.desired, self.inventory, self.policy, self.detector
            )

    def _holds(self, seen: Seen) -> bool:
        return all(now is then for now, then in zip(self._seen(), seen, strict=True))

    def _prepared(self, prepared: Prepared) -> Prepared:
        """The same, with all zones that it names on disk. Raises LedgerError."""
        self.ledger.keep(prepared.seen.unbroken, prepared.unbroken, prepared.seen.desired, prepared.desired)
        return prepared

    def commit(self, prepared: Prepared) -> Done | None:
        """Do what was prepared; None, and nothing has changed, where something that it rests on is not so any more.

        The one place where an operator's zones change, ledger first. Raises LedgerError; nothing has changed then.
        Afterwards ``drift`` is to be looked for, which opens and ends locks.
        """
        with self._store.lock():
            if not self._holds(prepared.seen):
                return None
            if prepared.entries is not None and prepared.entries != self.ledger.entries():
                return None
            seen, unbroken, desired = prepared.seen, prepared.unbroken, prepared.desired
            entry = self.ledger.commit(prepared.entry, (seen.unbroken, unbroken), (seen.desired, desired))
            self._put(prepared.zones, unbroken)
            current = self._store.current
            self.desired = current if desired == current else desired
        self._tell(entry)
        return Done(entry, verify(current, prepared.good))

    def _do(self, prepare: Callable[[], Prepared]) -> Done:
        done = self._undisturbed(lambda: self.commit(prepare()))
        self.drift()
        return done

    def _undisturbed(self, attempt: Callable[[], _T | None]) -> _T:
        """What ``attempt`` gives, which is None where it was overtaken; in the end nobody can come in between."""
        for number in itertools.count(1):
            with self._store.lock() if number > _ATTEMPTS else contextlib.nullcontext():
                if (result := attempt()) is not None:
                    return result
        raise AssertionError("counting ends never")

    def _make_current(self, zones: ZoneSet, _unbroken: ZoneSet) -> None:
        self._store.change(lambda _: zones)

    def _without_faults(self, step: Callable[[ZoneSet], ZoneSet], shown: ZoneSet, unbroken: ZoneSet) -> ZoneSet:
        """The zones without faults after ``step``, which made ``shown`` of current ones; ``unbroken`` before it."""
        try:
            return step(unbroken)
        except DnsChangeError:  # it repairs what only a fault had broken: what it leaves is what is shown
            return self._unbroken(shown)

    def _good(self, entries: Sequence[Entry], entry: Entry, seen: Seen) -> Step:
        """Production and desired state without the change of ``entry``."""
        known: dict[str, ZoneSet] = {}

        def zones(content: str) -> ZoneSet:
            if content not in known:
                known[content] = self.ledger.zones(content, seen.zones)
            return known[content]

        good, wanted = zones(entry.before), zones(entry.desired_before)
        if is_latest(entries, entry):
            return good, wanted
        rest = taken_back(seen.unbroken, good, zones(entry.after), entry.number)
        try:
            return rest, taken_back(seen.desired, wanted, zones(entry.desired), entry.number)
        except DnsChangeError:  # what is desired was settled otherwise meanwhile
            return rest, seen.desired

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

    def _tell(self, entry: Entry) -> None:
        if self._trace is not None and (text := _told(entry)):
            self._trace.record("", LabEvent(part="dns change", text=text))


def _told(entry: Entry) -> str:
    """What the trace says of it; nothing where no zones changed."""
    if entry.action == "apply":
        return f"change {entry.number} applied: {entry.title} ({entry.plan})"
    if entry.action == "rollback":
        return f"change {entry.undoes} rolled back: {entry.title}"
    return f"zones loaded: {entry.title}" if entry.action == "load" else ""
