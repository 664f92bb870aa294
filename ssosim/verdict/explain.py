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
from ssosim.verdict.explain_causes import find_causes
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

    ``note`` reports pauses of the lab itself while the client was waiting. ``sign_in_at``: which sign-in of a phase
    with several, in seconds from its start. ``credential`` is that of a program that signed in without a person;
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
    they are known; the trace shows those that answered.
    """
    found: list[Explanation] = []
    others = LAB_COMMANDS | find_resolvers(records)
    seen = 0
    for (name, at), began, part in _split_phases(records):
        seen += len(part)
        if phase in (None, name):
            whoever = dict.fromkeys(record.client for record in part if record.client)
            names = [each for each in whoever if (each not in others if client is None else each == client)]
            pauses = select_pauses(part)
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
                        verdict.note,
                        at,
                        verdict.credential,
                        verdict.credential_attempts,
                        verdict.tried,
                    )
                )
    return tuple(found)


def build_causes(
    records: Sequence[Record],
    verdict: Verdict,
    around: Sequence[Record],
    first_steps: FirstSteps = NO_FIRST_STEPS,
) -> list[Cause]:
    """Return the causes behind ``verdict`` on the client of ``records``; none for a silent sign-in.

    ``around`` are all records up to the end of the phase. ``first_steps`` has the hosts that the estate serves. The
    chain ends with the faults that changed its last exchange; a fault that changed none of them is not named.
    """
    if verdict.outcome is Outcome.SILENT:
        return []
    prompt = next((record for record in records if isinstance(record.event, UserPrompted)), None)
    interactive = verdict.outcome is Outcome.INTERACTIVE
    before = select_before_prompt(records, prompt) if prompt is not None and interactive else list(records)
    links = [] if prompt is None else [Cause("the user was asked", prompt.seq)]
    found = tuple(find_causes(before, around, {**_find_served(around), **first_steps}))
    links += [Cause(each.text, each.record.seq) for each in found]
    faults = next((each.faults for each in reversed(found) if each.faults), ())
    by_number = {r.event.id: r for r in around if isinstance(r.event, FaultApplied) and r.event.id}
    return links + [Cause(_describe_fault(by_number[n]), by_number[n].seq) for n in faults if n in by_number]


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
