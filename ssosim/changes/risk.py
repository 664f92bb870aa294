"""The risk and the blast radius of a change.

Each rule examines one record set and returns a level with its reason, or None; the highest level counts. Sources: the
ratings of the incident's change (TMS9-046, TMS9-047, TMS9-048), and requests of octoDNS users for finer thresholds.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, Literal

from dns.rdatatype import CNAME, NS, SOA, RdataType
from msgspec import Struct

from ssosim.changes.answers import AnswerChange
from ssosim.changes.diff import Delta, Difference, Effect, Kind
from ssosim.changes.inventory import Endpoint, Inventory
from ssosim.changes.level import Level
from ssosim.changes.locators import LOCATORS, assess_locator
from ssosim.changes.references import Reference
from ssosim.changes.usage import NO_METRIC, Usage
from ssosim.dns.zones.lint import LintFinding
from ssosim.dns.zones.rrset import plain

__all__ = ["BlastRadius", "Level", "Reason", "Risk", "assess_risk"]


class Reason(Struct, frozen=True):
    """A reason why the risk is at least ``level``."""

    level: Level
    text: str


class BlastRadius(Struct, frozen=True):
    """The scope (``global`` unless the change is limited to views), and the names and clients that are affected."""

    scope: Literal["global", "views"]
    views: tuple[str, ...]
    names: tuple[str, ...]
    clients: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "scope": self.scope,
            "views": list(self.views),
            "names": list(self.names),
            "clients": list(self.clients),
        }


class Risk(Struct, frozen=True):
    """The reasons, worst first. The level is the highest of them; low without reasons."""

    reasons: tuple[Reason, ...]

    @property
    def level(self) -> Level:
        """The highest level of all reasons."""
        return max((reason.level for reason in self.reasons), default=Level.LOW)

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        reasons = [{"level": reason.level.word, "text": reason.text} for reason in self.reasons]
        return {"level": self.level.word, "reasons": reasons}

    def with_reasons(self, more: Iterable[Reason]) -> Risk:
        """The risk with further reasons."""
        return sort_reasons(dict.fromkeys((*self.reasons, *more)))


class _Aspect(Struct, frozen=True):
    """The input of a rule: one record set's difference, usage and references."""

    difference: Difference
    usage: Usage | None
    critical: bool
    referred: bool
    locates: bool = False
    """Whether SRV records by which devices find a KDC or a domain controller lead to the name."""


_SOA_FIELDS = ("mname", "rname", "serial", "refresh", "retry", "expire", "minimum")

_TRUST = (Level.HIGH, "is part of the chain of trust: validating resolvers answer SERVFAIL where keys do not match it")
_SPECIAL_TYPES: Mapping[str, tuple[Level, str]] = {
    "DS": _TRUST,
    "DNSKEY": _TRUST,
    "RRSIG": _TRUST,
    "NSEC": _TRUST,
    "NSEC3": _TRUST,
    "NSEC3PARAM": _TRUST,
    "CDS": _TRUST,
    "CDNSKEY": _TRUST,
    "DNAME": (Level.HIGH, "redirects every name below it (RFC 6672)"),
    "CAA": (Level.MEDIUM, "decides which authorities may issue certificates (RFC 8659)"),
    "TLSA": (Level.MEDIUM, "decides which certificates its clients accept (RFC 6698)"),
    "SSHFP": (Level.MEDIUM, "decides which host keys its clients accept (RFC 4255)"),
    "HTTPS": (Level.MEDIUM, "decides where and how clients connect (RFC 9460)"),
    "SVCB": (Level.MEDIUM, "decides where and how clients connect (RFC 9460)"),
    "NAPTR": (Level.MEDIUM, "decides which services clients find (RFC 3403)"),
}
"""Types whose records are not addresses and decide all the same who can connect. Source: RFC 4035 section 5."""

_Rule = Callable[[_Aspect], tuple[Level, str] | None]


def _assess_deletion(aspect: _Aspect) -> tuple[Level, str] | None:
    effects = aspect.difference.effects
    if Effect.EMPTIED in effects:
        return Level.HIGH, "is left as an empty record set: the name exists and has no address"
    if Effect.DELETED in effects and not aspect.difference.retyped:
        return (
            (Level.HIGH, "is deleted and something refers to it") if aspect.referred else (Level.MEDIUM, "is deleted")
        )
    return None


def _assess_shape(aspect: _Aspect) -> tuple[Level, str] | None:
    if Effect.SHAPE not in aspect.difference.effects or Effect.EMPTIED in aspect.difference.effects:
        return None
    return Level.HIGH, "changes its shape or type: the canonical name, and with it the SPN of many clients, may move"


def _alias(aspect: _Aspect) -> tuple[Level, str] | None:
    before = aspect.difference.before
    if before is None or before.shape != "alias" or before.is_profile_name or aspect.difference.kind is Kind.CREATE:
        return None
    return Level.HIGH, "is an alias record set: its link is cut for good when its target goes"


def _delegation(aspect: _Aspect) -> tuple[Level, str] | None:
    if aspect.difference.type != NS:
        return None
    return Level.HIGH, "decides which name servers answer for the zone: caches keep the old ones for their TTL"


def _start_of_authority(aspect: _Aspect) -> tuple[Level, str] | None:
    was, now = aspect.difference.before, aspect.difference.after
    if aspect.difference.type != SOA or was is None or now is None:
        return None
    changed = [field for field in _SOA_FIELDS if getattr(was.rdatas[0], field) != getattr(now.rdatas[0], field)]
    if "minimum" in changed or was.ttl != now.ttl:
        return Level.MEDIUM, "changes how long caches keep that a name is missing (RFC 2308 section 5)"
    if not changed or changed == ["serial"]:
        return None
    if now.rdatas[0].serial == was.rdatas[0].serial:  # type: ignore[attr-defined]
        return Level.MEDIUM, "changes without a new serial: secondary servers do not load it (RFC 1912 section 2.2)"
    return Level.MEDIUM, f"gets other values: {', '.join(changed)}"


def _special_type(aspect: _Aspect) -> tuple[Level, str] | None:
    level, text = _SPECIAL_TYPES.get(RdataType.to_text(aspect.difference.type), (None, ""))
    return None if level is None or aspect.difference.effects == {Effect.TTL} else (level, text)


def _assess_use(aspect: _Aspect) -> tuple[Level, str] | None:
    usage = aspect.usage
    if usage is None or not usage.in_use or aspect.difference.kind is Kind.CREATE:
        return None
    if usage.count is None and usage.gap == NO_METRIC:
        return None
    if usage.count is None:
        text = f"has no complete query count for the last {usage.window:g} s ({usage.gap}), which counts as use"
        return Level.MEDIUM, text
    return Level.HIGH, f"was resolved {usage.count.total} times in the last {usage.window:g} s"


def _critical(aspect: _Aspect) -> tuple[Level, str] | None:
    if not aspect.critical or aspect.difference.effects == {Effect.TTL}:
        return None
    return Level.HIGH, "is marked critical in the inventory"


def _assess_move(aspect: _Aspect) -> tuple[Level, str] | None:
    if Effect.VALUES not in aspect.difference.effects or aspect.difference.type == SOA:
        return None  # _start_of_authority compares its fields: a new serial alone is no risk
    what = "another canonical name" if aspect.difference.type == CNAME else "other values"
    return Level.MEDIUM, f"gets {what}"


def _locator(aspect: _Aspect) -> tuple[Level, str] | None:
    return assess_locator(aspect.difference.before, aspect.difference.after, is_kdc_address=aspect.locates)


_RULES: tuple[_Rule, ...] = (
    _assess_deletion,
    _assess_shape,
    _alias,
    _delegation,
    _start_of_authority,
    _special_type,
    _assess_use,
    _critical,
    _assess_move,
    _locator,
)


def _by_answers(answers: Iterable[AnswerChange]) -> Iterator[Reason]:
    """Reasons that no record shows: what is created at a name hides what a wildcard or another zone answered for it."""
    for each in answers:
        if each.same or each.kind in (Kind.DELETE, Kind.UPDATE):
            continue
        if each.delegated:
            text = f"{each.text} is delegated: whether the other name servers answer for it is not known here"
            yield Reason(Level.HIGH if each.lost else Level.MEDIUM, text)
        elif each.lost:
            text = f"{each.text} has an answer today and none after ({each.after.outcome}): what is created hides it"
            yield Reason(Level.HIGH, text)
        elif each.kind is Kind.CREATE and each.was_answered:
            yield Reason(Level.MEDIUM, f"{each.text} has another answer already, which it replaces")


def _by_covered(
    covered: Iterable[AnswerChange], usage: Mapping[str, Usage], entries: Mapping[str, Endpoint]
) -> Iterator[Reason]:
    """Reasons about names that a wildcard, a delegation or a DNAME answers for: none of their own records changes."""
    for each in covered:
        name = plain(each.name)
        if each.delegated:
            text = f"{each.text} is delegated: whether the other name servers answer for it is not known here"
            yield Reason(Level.HIGH if each.lost else Level.MEDIUM, text)
        elif each.lost:
            text = "has an answer today and none after, though none of its own records changes"
            yield Reason(Level.HIGH, f"{each.text} {text} ({each.after.outcome})")
        elif each.was_answered:
            yield Reason(Level.MEDIUM, f"{each.text} gets another answer, though none of its own records changes")
        if (entry := entries.get(name)) is not None and entry.critical:
            yield Reason(Level.HIGH, f"{each.text} is marked critical in the inventory")
        if (used := usage.get(name)) is not None and used.count is not None and used.count.total:
            yield Reason(Level.HIGH, f"{name} was resolved {used.count.total} times in the last {used.window:g} s")


def _by_zones(delta: Delta) -> Iterator[Reason]:
    for origin in delta.zones_removed:
        yield Reason(Level.HIGH, f"zone {plain(origin)} is removed, with all its names")
    for origin in delta.zones_added:
        text = "it answers once the parent zone delegates to it, and at once for clients of servers that have it"
        yield Reason(Level.LOW, f"zone {plain(origin)} is added: {text}")


def _by_interruptions(delta: Delta) -> Iterator[Reason]:
    """Reasons about record sets that the change itself takes away, for a time or for good."""
    for name, kind, text in delta.interrupted:
        yield Reason(Level.HIGH, f"{plain(name)} {RdataType.to_text(kind)} {text}; caches keep that it was missing")


def assess_risk(
    delta: Delta,
    usage: Mapping[str, Usage],
    referring: tuple[Reference, ...],
    inventory: Inventory,
    mistakes: Iterable[LintFinding] = (),
    answers: Iterable[AnswerChange] = (),
    covered: Iterable[AnswerChange] = (),
) -> Risk:
    """Rate the risk of a change.

    ``usage`` is by name. ``referring`` are the references to changed names in the zones before the change.
    ``mistakes`` are the lint errors that the change introduces; ``answers`` what clients are told, before and after;
    ``covered`` the same for known names without a difference of their own.
    """
    answers = tuple(answers)
    same = {(each.name, each.type) for each in answers if each.same}
    reasons: dict[Reason, None] = {
        Reason(Level.HIGH, f"{mistake.name} becomes a mistake: {mistake.text}"): None for mistake in mistakes
    }
    referred = {each.target for each in referring if each.kind != "alert"}
    located = {each.target for each in referring if each.kind == "SRV" and each.source.startswith(LOCATORS)}
    entries = inventory.by_name()
    added = frozenset(delta.zones_added)
    for difference in delta.records:
        if difference.name in added:
            continue  # the apex of a new zone: its name servers and SOA replace nothing
        if difference.kind is not Kind.UPDATE and (difference.name, difference.type) in same:
            continue  # a wildcard or an enclosing zone gives the same answer with or without it
        name = plain(difference.name)
        entry = entries.get(name)
        aspect = _Aspect(
            difference,
            usage.get(name),
            entry is not None and entry.critical,
            not difference.rrset.is_profile_name and name in referred,
            name in located,
        )
        for rule in _RULES:
            if (found := rule(aspect)) is not None:
                reasons[Reason(found[0], f"{name} {RdataType.to_text(difference.type)} {found[1]}")] = None
    reasons |= dict.fromkeys(_by_answers(answers))
    reasons |= dict.fromkeys(_by_covered(covered, usage, entries))
    reasons |= dict.fromkeys(_by_zones(delta))
    reasons |= dict.fromkeys(_by_interruptions(delta))
    by_target = Counter(reference.target for reference in referring)
    for profile in delta.profiles:
        if profile.kind is Kind.DELETE:
            linked = by_target[profile.name]
            level = Level.HIGH if linked else Level.MEDIUM
            after = f", and {linked} alias record sets with it" if linked else ""
            reasons[Reason(level, f"traffic manager {profile.name} is deleted{after}")] = None
        elif profile.kind is Kind.UPDATE:
            reasons[Reason(Level.MEDIUM, f"traffic manager {profile.name} changes under all that point at it")] = None
    return sort_reasons(reasons)


def sort_reasons(reasons: Iterable[Reason]) -> Risk:
    """The risk of these reasons, worst first."""
    return Risk(tuple(sorted(reasons, key=lambda reason: -reason.level)))
