"""Explain a verdict: the chain of causes behind it. Each cause is a record of the trace.

Pure functions of trace records. The first cause is the last event at the client; the last one is the root cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ssosim.trace import (
    NO_FIRST_STEPS,
    ConnectionFailed,
    FaultApplied,
    FaultUndone,
    FirstSteps,
    HttpExchange,
    PhaseStarted,
    Record,
    SignInsStarted,
    SignInStep,
    UserPrompted,
)
from ssosim.verdict.clients import LAB_COMMANDS, find_resolvers
from ssosim.verdict.credentials import CredentialAttempt
from ssosim.verdict.explain_causes import FoundCause, find_causes
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.outcome import Outcome, label_phase
from ssosim.verdict.pauses import select_pauses
from ssosim.verdict.steps import drop_abandoned_handshakes, is_on_the_wire, select_before_prompt

__all__ = ["Cause", "Explanation", "build_causes", "explain"]

_NO_STEP = (SignInStep.OTHER, SignInStep.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause. ``seq`` is the number of the record that shows it."""

    text: str
    seq: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why ``client`` had ``outcome`` in ``phase``. ``links`` are the causes, from the last event to the root cause.

    ``note`` reports pauses of the lab itself while the client was waiting, and records that are missing.
    ``sign_in_at``: which sign-in of a phase with several, in seconds from its start. ``credential`` is that of a
    program that signed in without a person;
    ``credential_attempts`` are all that sent requests, and ``tried`` says in words which gave no token, why, and
    whether a chain went on.
    """

    phase: str
    client: str
    outcome: Outcome
    reason: str
    links: tuple[Cause, ...]
    note: str = ""
    sign_in_at: float | None = None
    credential: str = ""
    credential_attempts: tuple[CredentialAttempt, ...] = ()
    tried: str = ""

    def __str__(self) -> str:
        causes = " ← ".join(link.text for link in self.links)
        signed_in = f"by {self.credential}" if self.credential else ""
        why = causes or (signed_in if self.outcome is Outcome.SILENT else self.reason)
        if self.tried and self.tried not in why:
            why += self.tried
        note = f" ({self.note})" if self.note else ""
        where = label_phase(self.phase, self.sign_in_at) or "this lab"
        return f"{self.client} in {where}: {self.outcome}{f': {why}' if why else ''}{note}"


def explain(
    records: Sequence[Record],
    *,
    client: str | None = None,
    phase: str | None = None,
    first_steps: FirstSteps = NO_FIRST_STEPS,
) -> tuple[Explanation, ...]:
    """Explain each client in each phase of a trace; ``client`` and ``phase`` select one of them.

    A trace without phases is one phase with an empty name. ``first_steps`` has the hosts that the estate serves, if
    they are known; the trace shows those that answered. Where records are missing, before or within a phase or just
    after it, the note of its explanations says so: a prompt or a refusal may be among them.
    """
    found: list[Explanation] = []
    others = LAB_COMMANDS | find_resolvers(records)
    missing = _find_missing(records)
    seen = 0
    for (name, at), began, part in _split_phases(records):
        seen += len(part)
        if phase in (None, name):
            whoever = dict.fromkeys(record.client for record in part if record.client)
            names = [each for each in whoever if (each not in others if client is None else each == client)]
            pauses = select_pauses(part)
            gap = _describe_missing(missing, part)
            for who in names:
                mine = [record for record in part if record.client == who]
                silent = not any(is_on_the_wire(record.event) for record in mine)
                before = [r for r in records[: seen - len(part)] if r.client == who] if silent else ()
                verdict = judge(mine, began, pauses, before, "phase" if at is None else "attempt")
                links = build_causes(drop_abandoned_handshakes(mine), verdict, records[:seen], first_steps)
                found.append(
                    Explanation(
                        name,
                        who,
                        verdict.outcome,
                        verdict.reason,
                        tuple(links),
                        "; ".join(filter(None, (verdict.note, gap))),
                        at,
                        verdict.credential,
                        verdict.credential_attempts,
                        verdict.tried,
                    )
                )
    return tuple(found)


def _find_missing(records: Sequence[Record]) -> list[tuple[int, int]]:
    """Return the first and the last number of each run of records that are missing before or between ``records``."""
    expected = 1
    missing = []
    for record in records:
        if record.seq > expected:
            missing.append((expected, record.seq - 1))
        expected = record.seq + 1
    return missing


def _describe_missing(missing: Sequence[tuple[int, int]], part: Sequence[Record]) -> str:
    """Return which records of ``part``, or beside it, are missing; empty if none is."""
    if not part:
        return ""
    found = [(first, last) for first, last in missing if last >= part[0].seq - 1 and first <= part[-1].seq + 1]
    if not found:
        return ""
    numbers = ", ".join(f"{first:,}" if first == last else f"{first:,} to {last:,}" for first, last in found)
    return f"the trace lacks the records {numbers}: prompts, refusals and tokens among them are not known"


def build_causes(
    records: Sequence[Record],
    verdict: Verdict,
    around: Sequence[Record],
    first_steps: FirstSteps = NO_FIRST_STEPS,
) -> list[Cause]:
    """Return the causes behind ``verdict`` on the client of ``records``; none for a silent sign-in.

    ``around`` are all records up to the end of the phase. ``first_steps`` has the hosts that the estate serves. The
    chain ends with the faults that changed its last exchange; a fault that changed none of them is not named. What
    failed after the user was asked is no reason for the question: it stands before it, with its own faults.
    """
    if verdict.outcome is Outcome.SILENT:
        return []
    prompt = next((record for record in records if isinstance(record.event, UserPrompted)), None)
    steps = {**_find_served(around), **first_steps}
    applied = {r.event.id: r for r in around if isinstance(r.event, FaultApplied) and r.event.id}

    def follow(part: Sequence[Record]) -> tuple[tuple[FoundCause, ...], list[Cause]]:
        found = tuple(find_causes(part, around, steps))
        faults = next((each.faults for each in reversed(found) if each.faults), ())
        named = [Cause(_describe_fault(applied[n]), applied[n].seq) for n in faults if n in applied]
        return found, [Cause(each.text, each.record.seq) for each in found] + named

    if prompt is None:
        return follow(records)[1]
    asked = Cause("the user was asked", prompt.seq)
    before = select_before_prompt(records, prompt)
    early = {record.seq for record in before}
    led_to_prompt = follow(before)[1]
    if verdict.outcome is Outcome.INTERACTIVE:
        return [asked, *led_to_prompt]
    found, later = follow(records)
    if (
        not found
        or found[0].record.seq in early
        or [each.text for each in later] == [each.text for each in led_to_prompt]
    ):
        return [asked, *later]
    return later if verdict.outcome is Outcome.REFUSED else [*later, asked, *led_to_prompt]


_TOLD_BY_DETAIL = ("clock-skew",)
"""The faults of which several are in force at once, so that only their detail says which one it was."""


def _find_served(records: Sequence[Record]) -> dict[str, SignInStep]:
    """Return the hosts at which the trace shows a service of the lab, with a step of the sign-in there."""
    return {
        record.event.host: record.event.step
        for record in records
        if isinstance(record.event, HttpExchange | ConnectionFailed) and record.event.step not in _NO_STEP
    }


def _describe_fault(record: Record) -> str:
    event = record.event
    assert isinstance(event, FaultApplied)  # noqa: S101 - by build_causes
    detail = f": {event.detail}" if event.name in _TOLD_BY_DETAIL else ""
    return f"fault {event.name!r} at {datetime.fromtimestamp(record.at, UTC):%H:%M}{detail}"


def _split_phases(records: Sequence[Record]) -> Iterator[tuple[tuple[str, float | None], float, list[Record]]]:
    """Yield name and sign-in, start and records of each phase, and of each sign-in of a phase with several.

    The records of a phase's faults come just before its name.
    """
    starts = [index for index, record in enumerate(records) if isinstance(record.event, PhaseStarted | SignInsStarted)]
    bounds = []
    for index in starts:
        first = index
        while first and isinstance(records[first - 1].event, FaultApplied | FaultUndone):
            first -= 1
        bounds.append(first)
    if not starts:
        yield ("", None), records[0].at if records else 0.0, list(records)
        return
    if bounds[0]:
        yield ("", None), records[0].at, list(records[: bounds[0]])
    for place, index in enumerate(starts):
        event = records[index].event
        assert isinstance(event, PhaseStarted | SignInsStarted)  # noqa: S101 - by starts
        at = event.sign_in_at if isinstance(event, SignInsStarted) else None
        end = bounds[place + 1] if place + 1 < len(bounds) else len(records)
        yield (event.phase, at), records[index].at, list(records[bounds[place] : end])
