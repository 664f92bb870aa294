"""What was true over time: the state of DNS records, and the faults in force. Pure functions of trace records."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from ssosim.report.evidence import is_undone_by
from ssosim.trace import DnsAnswered, FaultApplied, FaultUndone, PhaseStarted, Record
from ssosim.verdict.steps import is_attempt

__all__ = ["Band", "FaultSpan", "RecordState", "Segment", "attempts", "fault_spans", "record_bands"]

RecordState = Literal["addresses", "cname", "empty", "gone", "failing", "mixed", "not asked"]

_MAX_BANDS = 6
_MAX_TURNS = 8
_NEGATIVE: dict[str, RecordState] = {"NODATA": "empty", "NXDOMAIN": "gone"}


@dataclass(frozen=True, slots=True)
class Segment:
    """From ``begin`` to ``end`` (seconds since the Unix epoch) the record was in ``state``; ``detail`` is an answer."""

    begin: float
    end: float
    state: RecordState
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Band:
    """A name and record type, and what was answered to it over time. Segments touch each other."""

    name: str
    type: str
    segments: tuple[Segment, ...]


@dataclass(frozen=True, slots=True)
class FaultSpan:
    """A fault from when it was applied to when it was undone, or to the end."""

    name: str
    detail: str
    begin: float
    end: float


@dataclass(frozen=True, slots=True)
class _Answer:
    at: float
    since: float | None  # the last moment before at which something was changed, if that came after the answer before
    state: RecordState
    detail: str


def record_bands(records: Iterable[Record], begin: float, end: float) -> list[Band]:
    """The records whose state changed; if none did, the address record that was asked for most. At most six.

    A state is known from answers. It is taken to have begun with the last fault or phase before the answer that first
    showed it, since that is when the record was changed; nobody asks at the very moment.
    """
    answers = {key: found for key, found in _answers(records).items() if key[1] == "A" or _has_ipv6(found)}
    bands = [_band(key, found, begin, end) for key, found in answers.items()]
    changed = [band for band in bands if len({segment.state for segment in band.segments} - {"not asked"}) > 1]
    if changed:
        return changed[:_MAX_BANDS]
    reached = [band for band in bands if any(segment.state in ("addresses", "cname") for segment in band.segments)]
    return sorted(reached or bands, key=lambda band: -len(answers[band.name, band.type]))[:1]


def fault_spans(records: Iterable[Record], end: float) -> list[FaultSpan]:
    """Every fault, in the order of its first moment."""
    spans: list[FaultSpan] = []
    standing: list[tuple[FaultApplied, float]] = []
    for record in records:
        event = record.event
        if isinstance(event, FaultApplied):
            standing.append((event, record.at))
        elif isinstance(event, FaultUndone):
            match = next((one for one in reversed(standing) if is_undone_by(one[0], event)), None)
            if match is not None:
                standing.remove(match)
                spans.append(FaultSpan(match[0].name, match[0].detail, match[1], record.at))
    spans += [FaultSpan(applied.name, applied.detail, since, end) for applied, since in standing]
    return sorted(spans, key=lambda span: span.begin)


def attempts(records: Iterable[Record]) -> dict[str, tuple[float, ...]]:
    """When each client began an attempt: its realm discoveries, as the judge counts them."""
    found: dict[str, list[float]] = defaultdict(list)
    for record in records:
        if is_attempt(record.event):
            found[record.client].append(record.at)
    return {client: tuple(moments) for client, moments in found.items()}


def _answers(records: Iterable[Record]) -> dict[tuple[str, str], list[_Answer]]:
    found: dict[tuple[str, str], list[_Answer]] = defaultdict(list)
    changes: list[float] = []
    seen: dict[tuple[str, str], int] = {}
    for record in records:
        event = record.event
        if isinstance(event, (FaultApplied, FaultUndone, PhaseStarted)):
            changes.append(record.at)
        elif isinstance(event, DnsAnswered) and event.type in ("A", "AAAA"):
            key = (event.name.lower(), event.type)
            since = changes[-1] if len(changes) > seen.get(key, 0) else None
            seen[key] = len(changes)
            detail = ", ".join(event.answers) or event.rcode
            found[key].append(_Answer(record.at, since, _state(event), detail))
    return found


def _has_ipv6(answers: Iterable[_Answer]) -> bool:
    """An AAAA record that never was says nothing when it is empty."""
    return any("AAAA " in answer.detail for answer in answers)


def _state(event: DnsAnswered) -> RecordState:
    if event.answers:
        return "cname" if any(answer.startswith("CNAME ") for answer in event.answers) else "addresses"
    return _NEGATIVE.get(event.rcode, "failing")


def _band(key: tuple[str, str], answers: Sequence[_Answer], begin: float, end: float) -> Band:
    turns: list[Segment] = []
    for answer in answers:
        if turns and turns[-1].state == answer.state:
            continue
        start = answer.at if answer.since is None else answer.since
        if not turns and answer.since is None:
            start = begin
        turns.append(Segment(max(begin, start), end, answer.state, answer.detail))
    joined = [
        Segment(now.begin, following.begin, now.state, now.detail)
        for now, following in pairwise(turns)
        if following.begin > now.begin
    ]
    joined += turns[-1:]
    if joined and joined[0].begin > begin:
        joined.insert(0, Segment(begin, joined[0].begin, "not asked"))
    if len(joined) > _MAX_TURNS * 4:
        joined = _join_short_turns(joined)
    return Band(key[0], key[1], tuple(joined))


def _join_short_turns(turns: Sequence[Segment]) -> list[Segment]:
    """Many short turns (servers that disagree, a record that flaps) as stretches of ``mixed``."""
    typical = (turns[-1].end - turns[0].begin) / (_MAX_TURNS * 4)
    result: list[Segment] = []
    for turn in turns:
        state: RecordState = turn.state if turn.end - turn.begin >= typical else "mixed"
        if result and result[-1].state == state == "mixed":
            result[-1] = Segment(result[-1].begin, turn.end, "mixed", result[-1].detail)
        else:
            detail = turn.detail if state != "mixed" else "answers differed from one question to the next"
            result.append(Segment(turn.begin, turn.end, state, detail))
    return result
