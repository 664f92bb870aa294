"""Explain a verdict: the chain of causes behind it. Each cause is a record of the trace.

Pure functions of trace records. The first cause is the last event at the client; the last one is the root cause.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from ssosim.trace import (
    ConnectionFailed,
    DnsAnswered,
    FaultApplied,
    FaultUndone,
    HttpExchange,
    KdcExchange,
    PhaseStarted,
    Record,
    SignInStep,
    UserPrompted,
)
from ssosim.trace.connection_text import describe_failed_connection
from ssosim.verdict.credentials import is_probe_without_host
from ssosim.verdict.judge import Verdict, find_unresolved_name, judge
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.pauses import select_pauses
from ssosim.verdict.steps import find_refused_certificate, select_before_prompt

__all__ = ["Cause", "Explanation", "build_causes", "explain"]

_LAB_COMMANDS = ("spn", "dns-probe")
"""Client names under which the trace has the queries of `ssosim spn` and `ssosim dns`; they do not sign in."""


@dataclass(frozen=True, slots=True)
class Cause:
    """One cause. ``seq`` is the number of the record that shows it."""

    text: str
    seq: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why ``client`` had ``outcome`` in ``phase``. ``links`` are the causes, from the last event to the root cause.

    ``note`` reports pauses of the lab itself while the client was waiting.
    """

    phase: str
    client: str
    outcome: Outcome
    reason: str
    links: tuple[Cause, ...]
    note: str = ""

    def __str__(self) -> str:
        causes = " ← ".join(link.text for link in self.links)
        why = causes or ("" if self.outcome is Outcome.SILENT else self.reason)
        note = f" ({self.note})" if self.note else ""
        return f"{self.client} in {self.phase or 'this lab'}: {self.outcome}{f': {why}' if why else ''}{note}"


def explain(
    records: Sequence[Record], *, client: str | None = None, phase: str | None = None
) -> tuple[Explanation, ...]:
    """Explain each client in each phase of a trace; ``client`` and ``phase`` select one of them.

    A trace without phases is one phase with an empty name.
    """
    found: list[Explanation] = []
    in_force: list[Record] = []
    for name, began, part in _split_phases(records):
        if phase in (None, name):
            names = dict.fromkeys(r.client for r in part if r.client and _is_selected(r.client, client))
            pauses = select_pauses(part)
            for who in names:
                mine = [record for record in part if record.client == who]
                verdict = judge(mine, began, pauses)
                links = build_causes(mine, verdict, [*in_force, *part])
                found.append(Explanation(name, who, verdict.outcome, verdict.reason, tuple(links), verdict.note))
        in_force = _select_faults_in_force([*in_force, *part])
    return tuple(found)


def _is_selected(name: str, client: str | None) -> bool:
    return name not in _LAB_COMMANDS if client is None else name == client


def build_causes(records: Sequence[Record], verdict: Verdict, around: Sequence[Record]) -> list[Cause]:
    """Return the causes behind ``verdict`` on the client of ``records``; none for a silent sign-in.

    ``around`` are all records up to the end of the phase, with the faults in force.
    """
    if verdict.outcome is Outcome.SILENT:
        return []
    links: list[Cause] = []
    prompt = next((record for record in records if isinstance(record.event, UserPrompted)), None)
    interactive = verdict.outcome is Outcome.INTERACTIVE
    before = select_before_prompt(records, prompt) if prompt is not None and interactive else list(records)
    if prompt is not None:
        links.append(Cause("the user was asked", prompt.seq))
    root: Record | None = None
    for link, record in _find_causes(before):
        links.append(link)
        root = record
    if root is not None:
        links += [Cause(_describe_fault(r), r.seq) for r in _find_faults_behind(root, around)]
    return links


def _find_causes(records: Sequence[Record]) -> Iterator[tuple[Cause, Record]]:
    """Yield the causes of one client, from the last failed exchange back to its origin."""
    last = next((r for r in reversed(records) if _is_failure(r)), None)
    if last is not None and isinstance(last.event, DnsAnswered):
        other = next((r for r in reversed(records) if _is_failure(r) and not isinstance(r.event, DnsAnswered)), None)
        last = find_refused_certificate(records) or find_unresolved_name(records) or other or last
    if last is None:
        asked = next((r for r in reversed(records) if isinstance(r.event, HttpExchange)), None)
        step = getattr(asked.event, "step", None) if asked is not None else None
        if asked is not None and step in (SignInStep.REALM, SignInStep.CREDENTIAL_TYPE):
            yield Cause("the provider offers no silent way for this user", asked.seq), asked
        return
    event = last.event
    if isinstance(event, HttpExchange):
        yield Cause(_describe_http(event), last.seq), last
        ticket = _last_ticket(records, last.seq)
        if ticket is not None and event.auth != "kerberos" and event.status in (401, 403):
            yield from _find_ticket_causes(records, ticket)
    elif isinstance(event, KdcExchange):
        yield from _find_ticket_causes(records, last)
    elif isinstance(event, ConnectionFailed):
        yield Cause(describe_failed_connection(event), last.seq), last
    elif isinstance(event, DnsAnswered):
        yield Cause(f"{event.name} has no address ({event.rcode})", last.seq), last


def _find_ticket_causes(records: Sequence[Record], ticket: Record) -> Iterator[tuple[Cause, Record]]:
    event = ticket.event
    assert isinstance(event, KdcExchange)  # noqa: S101 - by _last_ticket
    yield Cause("no ticket", ticket.seq), ticket
    if event.outcome != "KDC_ERR_S_PRINCIPAL_UNKNOWN":
        said = "the KDC did not answer" if event.outcome == "no answer" else f"the KDC said {event.outcome}"
        yield Cause(f"{said} for {event.service}", ticket.seq), ticket
        return
    yield Cause(f"the KDC does not know {event.service}", ticket.seq), ticket
    name = event.service.partition("/")[2].partition(":")[0]
    for record in reversed(records):
        found = record.event
        if record.seq < ticket.seq and isinstance(found, DnsAnswered) and found.name != name:
            if f"CNAME {name}" in (answer.rstrip(".") for answer in found.answers):
                text = f"{found.name} is a CNAME and this client canonicalises"
                yield Cause(text, record.seq), record
                return
            if found.type == "PTR" and f"PTR {name}" in (answer.rstrip(".") for answer in found.answers):
                yield Cause(f"the PTR of {found.name} is {name} and this client looks backwards", record.seq), record
                return


def _is_failure(record: Record) -> bool:
    event = record.event
    match event:
        case DnsAnswered(type="A" | "AAAA", answers=()):
            return event.type == "A"
        case KdcExchange():
            return event.outcome != "issued" and not _is_referral(event)
        case HttpExchange():
            return event.is_error or event.status == 0 or event.injected
        case ConnectionFailed():
            return not is_probe_without_host(event)
        case _:
            return False


def _is_referral(event: KdcExchange) -> bool:
    """Return whether the request is for another realm, which libkrb5 derives from the name of an unknown host."""
    return event.request == "TGS" and event.service.startswith("krbtgt/")


def _describe_http(event: HttpExchange) -> str:
    where = event.path.rstrip("/").rpartition("/")[2] or event.host
    if event.injected:
        said = "no answer" if event.status == 0 else f"{event.status}, not of the service itself,"
        return f"{said} at {where} of {event.host}"
    said = event.error_description.removeprefix(f"AADSTS{event.code}: ").rstrip(".")
    return f"{event.status}{f' AADSTS{event.code}' if event.code else ''} at {where}{f': {said}' if said else ''}"


def _last_ticket(records: Sequence[Record], before: int) -> Record | None:
    """Return the last refused ticket before record number ``before``, unless a later ticket was issued."""
    for record in reversed(records):
        event = record.event
        if (
            record.seq < before
            and isinstance(event, KdcExchange)
            and event.request == "TGS"
            and not _is_referral(event)
        ):
            return None if event.outcome == "issued" else record
    return None


def _find_faults_behind(root: Record, around: Sequence[Record]) -> list[Record]:
    """Return the faults in force at ``root``; only those that name its host, if there are any."""
    in_force = _select_faults_in_force([record for record in around if record.seq < root.seq])
    event = root.event
    host = ""
    if isinstance(event, HttpExchange | ConnectionFailed):
        host = event.host
    elif isinstance(event, DnsAnswered):
        host = event.name
    naming = [r for r in in_force if isinstance(r.event, FaultApplied) and host and host in r.event.detail]
    return naming or in_force


def _select_faults_in_force(records: Sequence[Record]) -> list[Record]:
    """Return the records of faults that are applied in ``records`` and not undone."""
    found: list[Record] = []
    for record in records:
        event = record.event
        if isinstance(event, FaultApplied):
            found.append(record)
        elif isinstance(event, FaultUndone):
            same = [r for r in found if isinstance(r.event, FaultApplied) and r.event.detail == event.detail]
            if same:
                found.remove(same[-1])
    return found


def _describe_fault(record: Record) -> str:
    event = record.event
    assert isinstance(event, FaultApplied)  # noqa: S101 - by _select_faults_in_force
    return f"fault {event.name!r} at {datetime.fromtimestamp(record.at, UTC):%H:%M}"


def _split_phases(records: Sequence[Record]) -> Iterator[tuple[str, float, list[Record]]]:
    """Yield name, start and records of each phase. The records of a phase's faults come just before its name."""
    starts = [index for index, record in enumerate(records) if isinstance(record.event, PhaseStarted)]
    bounds = []
    for index in starts:
        first = index
        while first and isinstance(records[first - 1].event, FaultApplied | FaultUndone):
            first -= 1
        bounds.append(first)
    if not starts:
        yield "", records[0].at if records else 0.0, list(records)
        return
    if bounds[0]:
        yield "", records[0].at, list(records[: bounds[0]])
    for place, index in enumerate(starts):
        event = records[index].event
        assert isinstance(event, PhaseStarted)  # noqa: S101 - by starts
        end = bounds[place + 1] if place + 1 < len(bounds) else len(records)
        yield event.phase, records[index].at, list(records[bounds[place] : end])
