"""Plans: what a change would do, computed without applying it.

A plan has the differences, the risk, the blast radius, the usage of the affected names, the references to them, the
approvals that the policy requires, and the result of a rehearsed rollback.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from typing import Any

import msgspec
from dns.name import Name
from dns.rdatatype import AAAA, CNAME, SOA, A
from msgspec import Struct

from ssosim.changes.answers import AnswerChange, compare_answers
from ssosim.changes.approvals import Policy, Requirements
from ssosim.changes.certificate_issuance import find_lost_authorities
from ssosim.changes.change import Change
from ssosim.changes.covered_names import find_covered_names, list_known_names
from ssosim.changes.diff import Delta, Effect, Kind, compare
from ssosim.changes.inventory import Inventory
from ssosim.changes.kdc_records import find_hidden_kdcs
from ssosim.changes.lost_delegations import find_lost_delegations, reachable_zones
from ssosim.changes.references import Reference, find_affected_names, find_references
from ssosim.changes.risk import BlastRadius, Level, Reason, Risk, assess_risk
from ssosim.changes.signed_records import find_unsigned_changes
from ssosim.changes.snapshot import digest
from ssosim.changes.usage import QueryCounts, Usage, measure_usage
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.lint import LintFinding, lint
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["Plan", "PlanContext", "find_new_lint", "make_plan", "plan_between", "plan_token", "tree_token"]

_TOKEN_DIGITS = 12
_SERIALS = 2**32
_WINDOW_S = 300
"""Seconds of query counts for a name of which no cache is known to have anything."""


class PlanContext(Struct, frozen=True, kw_only=True):
    """What ``make_plan`` needs beside the change and the zones.

    ``now`` is in seconds since the epoch; ``spns`` are the SPNs of the service account.
    """

    inventory: Inventory
    policy: Policy
    counts: QueryCounts
    spns: tuple[str, ...]
    now: float


class Plan(Struct, frozen=True, kw_only=True):
    """A change, planned against one version of the zones.

    ``token`` identifies the change and the zones that it was planned against. Approvals and ``apply`` name it, so that
    an outdated plan cannot be applied late (dynamodb-2025). ``rollback`` is the difference from last known good that
    would remain after the change's ``rollback_operations``, or the error text if they cannot be applied; None if the
    change has none. ``lint`` are the findings that the change introduces. ``covered`` are answers of known names
    that change although none of their records does (``covered_names``).
    """

    change: Change
    token: str
    before: ZoneSet
    after: ZoneSet
    delta: Delta
    risk: Risk
    blast: BlastRadius
    usage: tuple[Usage, ...]
    references: tuple[Reference, ...]
    requirements: Requirements
    rollback: Delta | str | None
    lint: tuple[LintFinding, ...] = ()
    covered: tuple[AnswerChange, ...] = ()

    @property
    def effects(self) -> dict[str, frozenset[Effect]]:
        """The effects on each affected name that exists: on its own records, or through a link to changed records."""
        found = dict.fromkeys(self.blast.names, frozenset({Effect.VALUES}))
        found |= {plain(each.name): frozenset({Effect.DELETED}) for each in self.covered if each.lost}
        own: dict[str, frozenset[Effect]] = {}
        for each in self.delta.records:
            name = plain(each.name)
            own[name] = own.get(name, frozenset()) | (each.effects - {Effect.CREATED} if each.retyped else each.effects)
        return {name: effects for name, effects in (found | own).items() if effects != {Effect.CREATED}}

    @property
    def zones(self) -> frozenset[Name]:
        """The origins of the zones that it changes."""
        changed = frozenset(self.before.zone_of(name).origin for name in self.delta.names)
        return changed | frozenset((*self.delta.zones_added, *self.delta.zones_removed))

    @property
    def reached(self) -> ZoneSet:
        """The zones after the change without those that lose their delegation: what clients can get answers from."""
        return reachable_zones(self.before, self.after)

    def with_reasons(self, reasons: Iterable[Reason], policy: Policy) -> Plan:
        """The plan with further reasons of risk, and with what ``policy`` requires for that risk."""
        risk = self.risk.with_reasons(reasons)
        return msgspec.structs.replace(self, risk=risk, requirements=policy.requirements_for(risk.level, self.blast))

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        undo: Any = self.rollback.as_data() if isinstance(self.rollback, Delta) else self.rollback
        return {
            "plan": self.token,
            "version": self.before.version,
            "title": self.change.title,
            "changes": self.delta.as_data(),
            "risk": self.risk.as_data(),
            "blast_radius": self.blast.as_data(),
            "references": [reference.as_data() for reference in self.references],
            "usage": [usage.as_data() for usage in self.usage],
            "needs": msgspec.to_builtins(self.requirements),
            "rollback": undo,
        }


def plan_token(change: Change, zones: ZoneSet) -> str:
    """The token, such as ``v7-3f2a…``: the version of ``zones``, and a digest of the change and the zones."""
    whole = msgspec.json.encode(change, order="deterministic") + digest(zones).encode()
    return f"v{zones.version}-{hashlib.sha256(whole).hexdigest()[:_TOKEN_DIGITS]}"


def make_plan(change: Change, zones: ZoneSet, context: PlanContext) -> Plan:
    """Plan ``change`` against ``zones``, which do not change. Raises DnsChangeError if it cannot be applied."""
    return plan_between(change, zones, change.apply(zones), context)


def tree_token(plan: Plan, forecast: bytes) -> str:
    """The token of a plan of two trees, such as ``t-3f2a…``: a digest of all that its reviewers see.

    That is the differences, the references, the lint, the reasons of the risk, and ``forecast`` (JSON). An approval
    holds while these are the same, even if other records change meanwhile.
    """
    data = plan.as_data()
    seen = [data[key] for key in ("changes", "risk", "references", "blast_radius")], plan.lint
    whole = msgspec.json.encode(seen, order="deterministic") + forecast
    return f"t-{hashlib.sha256(whole).hexdigest()[:_TOKEN_DIGITS]}"


def plan_between(change: Change, zones: ZoneSet, after: ZoneSet, context: PlanContext) -> Plan:
    """Plan the change from ``zones`` to ``after``, which may add and remove whole zones; ``change`` describes it.

    A plan without operations has no token yet: see ``tree_token``.
    """
    delta = compare(zones, after)
    gone = [profile.name for profile in delta.profiles if profile.kind is not Kind.CREATE]
    counts = context.counts.freeze()
    known = list_known_names(zones, context.inventory, context.spns, counts.names(context.now))
    reached = reachable_zones(zones, after)
    covered = find_covered_names(zones, reached, delta, known)
    other = dict.fromkeys(each.name for each in covered)
    referring = find_references(zones, (*delta.names, *other), gone, context.spns, context.inventory)
    names = find_affected_names(zones, delta, other)
    ttls = _former_ttls(zones, delta, covered, names)
    usage = {name: measure_usage(counts, name, _window(change, ttls.get(name)), context.now) for name in names}
    clients = sorted({client for each in usage.values() if each.count for client in each.count.clients if client})
    blast = BlastRadius("views" if change.views else "global", change.views, names, tuple(clients))
    lint_findings = find_new_lint(zones, after)
    errors = tuple(each for each in lint_findings if each.severity == "error")
    answers = compare_answers(zones, reached, delta)
    risk = assess_risk(delta, usage, referring, context.inventory, errors, answers, covered)
    risk = risk.with_reasons(
        (
            *_find_old_serials(zones, after, delta),
            *_find_unloadable_zones(zones, after),
            *find_lost_delegations(zones, after),
            *find_lost_authorities(zones, after, delta),
            *find_hidden_kdcs(zones, after, delta),
            *find_unsigned_changes(after, delta, context.now),
        )
    )
    return Plan(
        change=change,
        token=plan_token(change, zones) if change.operations else "",
        before=zones,
        after=after,
        delta=delta,
        risk=risk,
        blast=blast,
        usage=tuple(usage.values()),
        references=referring,
        requirements=context.policy.requirements_for(risk.level, blast),
        lint=lint_findings,
        covered=covered,
        rollback=_rehearse(change, zones, after),
    )


def find_new_lint(before: ZoneSet, after: ZoneSet) -> tuple[LintFinding, ...]:
    """Lint findings that the change introduces, such as a CNAME target without its final dot (se-2009)."""
    found = lint(after)
    known = frozenset(lint(before) if found else ())
    return tuple(each for each in found if each not in known)


def _find_old_serials(before: ZoneSet, after: ZoneSet, delta: Delta) -> Iterator[Reason]:
    """Zones that change and keep the serial of their own SOA, or get an older one.

    Sources: RFC 1912 section 2.2, RFC 1982 section 3.2 (which of two serials is the older one).
    """
    changed: dict[Name, bool] = {}  # whether other records than the SOA change
    for each in delta.records:
        origin = before.zone_of(each.name).origin
        changed[origin] = changed.get(origin, False) or each.type != SOA
    for origin, has_others in changed.items():
        was, now = before.find(origin, SOA), after.find(origin, SOA) if origin in after.zones else None
        if was is None or now is None or not was.rdatas or not now.rdatas:
            continue
        step = (now.rdatas[0].serial - was.rdatas[0].serial) % _SERIALS  # type: ignore[attr-defined]
        if step == 0 and has_others:
            text = f"zone {plain(origin)} keeps its serial: secondary servers do not load what changes"
            yield Reason(Level.LOW, text)
        if step >= _SERIALS // 2 and SOA not in after.zones[origin].missing:
            text = f"zone {plain(origin)} gets an older serial: secondary servers load nothing until it is newer again"
            yield Reason(Level.MEDIUM, text)


def _find_unloadable_zones(before: ZoneSet, after: ZoneSet) -> Iterator[Reason]:
    """Zones whose file loses the records at the apex without which name servers do not load it (RFC 1035, 5.2)."""
    for origin in before.zones.keys() & after.zones.keys():
        for kind in sorted(after.zones[origin].missing - before.zones[origin].missing):
            text = f"the file of zone {plain(origin)} has no {kind.name} record any more: name servers do not load it"
            yield Reason(Level.HIGH, text)


def _former_ttls(
    zones: ZoneSet, delta: Delta, covered: Iterable[AnswerChange], affected: Iterable[str]
) -> dict[str, int]:
    """The longest TTL, in seconds, of what caches have of each affected name.

    That are the existing record sets that change; the addresses or the CNAME of a name that leads to them; the answer
    of a name without records.
    """
    found: dict[str, int] = {}
    for each in delta.records:
        if each.before is not None:
            name = plain(each.name)
            found[name] = max(found.get(name, 0), each.before.ttl)
    own = {plain(name) for name in delta.names}
    others = [(plain(change.name), rrset) for change in covered for rrset in change.before.answer]
    for text in affected:
        node = zones.zone_of(to_name(text)).node(to_name(text))
        others += [(text, node[kind]) for kind in (A, AAAA, CNAME) if kind in node]
    for text, rrset in others:
        if text not in own:
            found[text] = max(found.get(text, _WINDOW_S), rrset.ttl)
    return found


def _window(change: Change, ttl: int | None) -> float:
    """The window of query counts in seconds: at least the TTL, because a cache hides queries that long (TMS9-089)."""
    return float(change.window or _WINDOW_S) if ttl is None else float(max(change.window, ttl))


def _rehearse(change: Change, before: ZoneSet, after: ZoneSet) -> Delta | str | None:
    """The differences from last known good after ``rollback_operations`` (TMS9-084); the error text if they fail."""
    if not change.rollback_operations:
        return None
    try:
        return compare(before, change.undo(after))
    except DnsChangeError as error:
        return str(error)
