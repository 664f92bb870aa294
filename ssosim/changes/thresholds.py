"""The criteria by which a plan fails a pipeline: ``--fail-on``.

Each criterion has a limit; a plan fails if one of them is reached. Shares are counted for each zone, as octoDNS counts
them: deleted (or updated) record sets by the record sets that the zone had, only for zones with at least
``MIN_EXISTING_RECORDS``. Source: octoDNS, ``octodns/provider/plan.py`` (``MAX_SAFE_DELETE_PCENT``,
``MAX_SAFE_UPDATE_PCENT`` and ``MIN_EXISTING_RECORDS``).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Literal

import msgspec
from dns.name import Name
from dns.rdatatype import NS, SOA
from msgspec import Struct

from ssosim.changes.diff import Kind
from ssosim.changes.plan import Plan
from ssosim.changes.risk import Level
from ssosim.dns.zones.lint import LintFinding, Severity
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone import Zone

__all__ = [
    "DEFAULT_CRITERIA",
    "SEVERITIES",
    "Breach",
    "CriterionName",
    "FailOn",
    "ThresholdError",
    "find_breaches",
    "is_severe",
    "parse_fail_on",
]

CriterionName = Literal["risk", "worse", "deletions", "updates", "lint", "changes"]

MAX_SAFE_DELETE_PCENT = 0.3
MAX_SAFE_UPDATE_PCENT = 0.3
MIN_EXISTING_RECORDS = 10
"""Source of the three: octoDNS, ``octodns/provider/plan.py``."""

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "info")
"""The levels of lint findings, worst first."""

_PLACEHOLDER = "ns1.lab.invalid."
"""The name server of a zone that came without NS records: no record set of the user's."""


class ThresholdError(ValueError):
    """A criterion that does not exist, or a limit that cannot be read."""


class FailOn(Struct, frozen=True, kw_only=True):
    """The limits; None: no criterion.

    ``risk``: this level or a higher one. ``worse``: this many client models that are worse off, or more. ``deletions``
    and ``updates``: shares from 0 to 1; a zone fails if its share is over the limit. ``lint``: new findings of this
    severity or a worse one. ``changes``: any difference at all.
    """

    risk: Level | None = None
    worse: int | None = None
    deletions: float | None = None
    updates: float | None = None
    lint: Severity | None = None
    changes: bool = False


DEFAULT_CRITERIA = FailOn(
    risk=Level.HIGH, worse=1, deletions=MAX_SAFE_DELETE_PCENT, updates=MAX_SAFE_UPDATE_PCENT, lint="error"
)
"""The criteria of ``ssosim dns check`` without ``--fail-on``."""


class Breach(Struct, frozen=True):
    """A criterion that a plan does not meet: its limit, what was found, and what would meet it.

    ``approvable``: people may accept it by their approvals. A lint error is a mistake, which nobody can approve.
    """

    criterion: CriterionName
    limit: str
    text: str
    advice: str
    approvable: bool = True


def parse_fail_on(texts: Iterable[str]) -> FailOn:
    """Read criteria such as ``risk=medium``, ``worse=3,deletions=50%``, ``lint``, ``changes`` or ``none``.

    A criterion without a limit has the limit of ``DEFAULT_CRITERIA``. Raises ThresholdError, also for a criterion that
    is there twice and for ``none`` beside others, where one of the two would be dropped.
    """
    found = FailOn()
    parts = [part.strip() for given in texts for part in given.split(",")]
    _refuse_dropped([part.partition("=")[0].strip() for part in parts])
    for text in parts:
        name, equals, limit = (part.strip() for part in text.partition("="))
        if name == "none" and not equals:
            found = FailOn()
        elif name == "deletions":
            found = msgspec.structs.replace(found, deletions=_share(text, limit) if equals else MAX_SAFE_DELETE_PCENT)
        elif name == "updates":
            found = msgspec.structs.replace(found, updates=_share(text, limit) if equals else MAX_SAFE_UPDATE_PCENT)
        elif name == "risk":
            found = msgspec.structs.replace(found, risk=_level(text, limit if equals else "high"))
        elif name == "worse":
            found = msgspec.structs.replace(found, worse=_count(text, limit if equals else "1"))
        elif name == "lint":
            found = msgspec.structs.replace(found, lint=_severity(text, limit if equals else "error"))
        elif name == "changes" and not equals:
            found = msgspec.structs.replace(found, changes=True)
        else:
            expected = "risk=LEVEL, worse=N, deletions=N%, updates=N%, lint=SEVERITY, changes, none"
            raise ThresholdError(f"--fail-on {text!r}: there is no such criterion; expected {expected}")
    return found


def _refuse_dropped(names: Sequence[str]) -> None:
    if "none" in names and len(set(names)) > 1:
        raise ThresholdError("--fail-on none: no criterion at all, and others are given; give one of the two")
    for name in dict.fromkeys(names):
        if name != "none" and names.count(name) > 1:
            raise ThresholdError(f"--fail-on {name}: is given twice, with one limit to hold; give one")


def find_breaches(plan: Plan, worse: Mapping[str, int], fail_on: FailOn) -> tuple[Breach, ...]:
    """The criteria of ``fail_on`` that ``plan`` does not meet.

    ``worse`` is the number of client models that are worse off, by a text that says where.
    """
    return tuple(each for check in _CHECKS for each in check(plan, worse, fail_on)) if plan.delta else ()


def is_severe(finding: LintFinding, limit: Severity | None) -> bool:
    """Whether the finding has the severity ``limit`` or a worse one."""
    return limit is not None and SEVERITIES.index(finding.severity) <= SEVERITIES.index(limit)


def _check_changes(plan: Plan, _worse: Mapping[str, int], fail_on: FailOn) -> Iterator[Breach]:
    if fail_on.changes:
        count = len(plan.delta.records) + len(plan.delta.profiles)
        yield Breach("changes", "none", f"{count} record sets and profiles differ", "make both states equal")


def _check_risk(plan: Plan, _worse: Mapping[str, int], fail_on: FailOn) -> Iterator[Breach]:
    if fail_on.risk is not None and plan.risk.level >= fail_on.risk:
        first = plan.risk.reasons[0].text if plan.risk.reasons else "no reason"
        text = f"risk {plan.risk.level.word}: {first}"
        yield Breach("risk", f"below {fail_on.risk.word}", text, "make the change smaller, or have it approved")


def _check_worse(_plan: Plan, worse: Mapping[str, int], fail_on: FailOn) -> Iterator[Breach]:
    if fail_on.worse is None:
        return
    for where, count in worse.items():
        if count and count >= fail_on.worse:
            limit = f"fewer than {max(fail_on.worse, 1)} client models worse off"
            yield Breach("worse", limit, where, "keep the canonical name and an address that answers for the name")


def _check_shares(plan: Plan, _worse: Mapping[str, int], fail_on: FailOn) -> Iterator[Breach]:
    criteria: tuple[tuple[Literal["deletions", "updates"], Kind, float | None, str], ...] = (
        ("deletions", Kind.DELETE, fail_on.deletions, "deleted"),
        ("updates", Kind.UPDATE, fail_on.updates, "updated"),
    )
    for name, kind, limit, verb in criteria:
        if limit is None:
            continue
        for origin, count, total in _count_by_zone(plan, kind):
            if total >= MIN_EXISTING_RECORDS and count / total > limit:
                share = f"{count / total:.2%} is over {limit:.2%}"
                text = f"zone {plain(origin)}: {count} of {total} record sets {verb}, {share}"
                yield Breach(
                    name, f"at most {limit:.2%}", text, f"change fewer at a time, or raise --fail-on {name}=N%"
                )


def _count_by_zone(plan: Plan, kind: Kind) -> Iterator[tuple[Name, int, int]]:
    """For each changed zone: its origin, the record sets with this kind of change, and those that it had before."""
    counts: dict[Name, int] = {}
    for each in plan.delta.records:
        if each.kind is kind and each.type != SOA and not each.rrset.is_profile_name:
            origin = plan.before.zone_of(each.name).origin
            counts[origin] = counts.get(origin, 0) + 1
    for origin, count in sorted(counts.items()):
        yield origin, count, _count_record_sets(plan.before.zones[origin])


def _count_record_sets(zone: Zone) -> int:
    """The record sets as octoDNS counts them: without the SOA, and without what this program added to the zone."""
    return sum(
        rrset.type != SOA and not rrset.is_profile_name and not (rrset.type == NS and _is_placeholder(rrset))
        for rrset in zone.rrsets()
    )


def _is_placeholder(rrset: RRset) -> bool:
    return [rdata.to_text() for rdata in rrset.rdatas] == [_PLACEHOLDER]


def _check_lint(plan: Plan, _worse: Mapping[str, int], fail_on: FailOn) -> Iterator[Breach]:
    for each in plan.lint:
        if is_severe(each, fail_on.lint):
            text = f"{each.severity}: {each.name}: {each.text}"
            yield Breach("lint", f"no new {fail_on.lint}", text, "correct it", approvable=each.severity != "error")


_CHECKS = (_check_changes, _check_risk, _check_worse, _check_shares, _check_lint)


def _level(text: str, word: str) -> Level:
    if word.upper() not in Level.__members__:
        raise ThresholdError(f"--fail-on {text!r}: expected risk=low, risk=medium or risk=high")
    return Level[word.upper()]


def _count(text: str, digits: str) -> int:
    if not digits.isdecimal() or not digits.isascii() or len(digits) > 6 or int(digits) < 1:
        raise ThresholdError(f"--fail-on {text!r}: expected worse=N, a number of client models from 1")
    return int(digits)


def _severity(text: str, word: str) -> Severity:
    for severity in SEVERITIES:
        if word == severity:
            return severity
    raise ThresholdError(f"--fail-on {text!r}: expected lint=error, lint=warning or lint=info")


def _share(text: str, digits: str) -> float:
    try:
        share = float(digits.removesuffix("%")) / 100
    except ValueError:
        share = -1.0
    if not digits.endswith("%") or not 0 <= share <= 1:
        raise ThresholdError(f"--fail-on {text!r}: expected a share from 0% to 100%, such as deletions=30%")
    return share
