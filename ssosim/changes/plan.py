"""What a change would do, worked out before anything is done: differences, risk, reach, use, references, undo."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Any

import msgspec
from dns.name import Name

from ssosim.changes.approvals import Policy, Requirements
from ssosim.changes.change import Change
from ssosim.changes.diff import Delta, Effect, Kind, compare
from ssosim.changes.inventory import Inventory
from ssosim.changes.references import Reference, find_affected_names, find_references
from ssosim.changes.risk import BlastRadius, Risk, assess_risk
from ssosim.changes.snapshot import digest
from ssosim.changes.usage import QueryCounts, Usage, measure_usage
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.lint import LintFinding, lint
from ssosim.dns.zones.rrset import plain
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["Plan", "PlanContext", "make_plan", "plan_token"]

_TOKEN_DIGITS = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanContext:
    """What a plan is judged against. ``now`` is in seconds since the epoch, ``spns`` are those of the service."""

    inventory: Inventory
    policy: Policy
    counts: QueryCounts
    spns: tuple[str, ...]
    now: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A change worked out against one version of the zones.

    ``token`` stands for the change and for the zones that it was planned against: approvals and ``apply`` name it, so
    that a plan that was overtaken cannot be applied late (dynamodb-2025). ``rollback`` is what the rollback, as it is
    written, would leave different from last known good; None where it is words only.
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

    @property
    def effects(self) -> dict[str, frozenset[Effect]]:
        """What happens to each existing name that is affected: to its own records, or by way of what it leads to."""
        found = dict.fromkeys(self.blast.names, frozenset({Effect.VALUES}))
        own: dict[str, frozenset[Effect]] = {}
        for each in self.delta.records:
            name = plain(each.name)
            own[name] = own.get(name, frozenset()) | (each.effects - {Effect.CREATED} if each.retyped else each.effects)
        return {name: effects for name, effects in (found | own).items() if effects != {Effect.CREATED}}

    @property
    def zones(self) -> frozenset[Name]:
        """Origins of the zones that it touches."""
        return frozenset(self.before.zone_of(name).origin for name in self.delta.names)

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
    """``v7-3f2a…``: the version planned against, and a digest of the change and of the zones' content."""
    whole = msgspec.json.encode(change, order="deterministic") + digest(zones).encode()
    return f"v{zones.version}-{hashlib.sha256(whole).hexdigest()[:_TOKEN_DIGITS]}"


def make_plan(change: Change, zones: ZoneSet, context: PlanContext) -> Plan:
    """Work ``change`` out against ``zones``, which stay as they are. Raises DnsChangeError when it cannot be done."""
    after = change.apply(zones)
    delta = compare(zones, after)
    gone = [profile.name for profile in delta.profiles if profile.kind is not Kind.CREATE]
    referring = find_references(zones, delta.names, gone, context.spns, context.inventory)
    names = find_affected_names(zones, delta)
    counts, ttls = context.counts.freeze(), _former_ttls(delta)
    usage = {name: measure_usage(counts, name, _window(change, ttls.get(name)), context.now) for name in names}
    clients = sorted({client for each in usage.values() if each.count for client in each.count.clients if client})
    blast = BlastRadius("views" if change.views else "global", change.views, names, tuple(clients))
    risk = assess_risk(delta, usage, referring, context.inventory, _find_new_lint_errors(zones, after))
    return Plan(
        change=change,
        token=plan_token(change, zones),
        before=zones,
        after=after,
        delta=delta,
        risk=risk,
        blast=blast,
        usage=tuple(usage.values()),
        references=referring,
        requirements=context.policy.requirements_for(risk.level, blast),
        rollback=_rehearse(change, zones, after),
    )


def _find_new_lint_errors(before: ZoneSet, after: ZoneSet) -> tuple[LintFinding, ...]:
    """Errors of the zones that are not there before the change, such as a CNAME without its last dot (se-2009)."""
    known = frozenset(lint(before))
    return tuple(each for each in lint(after) if each.severity == "error" and each not in known)


def _former_ttls(delta: Delta) -> dict[str, int]:
    """The longest TTL, in seconds, that the existing record sets of each changed name have."""
    found: dict[str, int] = {}
    for each in delta.records:
        if each.before is not None:
            name = plain(each.name)
            found[name] = max(found.get(name, 0), each.before.ttl)
    return found


def _window(change: Change, ttl: int | None) -> float:
    """The seconds to look back: never less than the TTL, behind which a cache hides its use (TMS9-089)."""
    return float(change.window or 300) if ttl is None else float(max(change.window, ttl))


def _rehearse(change: Change, before: ZoneSet, after: ZoneSet) -> Delta | str | None:
    """What differs from last known good after the rollback as written (TMS9-084)."""
    if not change.rollback_operations:
        return None
    try:
        return compare(before, change.undo(after))
    except DnsChangeError as error:
        return str(error)
