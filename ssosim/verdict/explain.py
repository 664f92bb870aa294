"""Why it came to this: the chain of causes behind a verdict, each link a record of the trace.

Pure functions of trace records. The first link is what the client met last; the last one is what broke it.
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
from ssosim.verdict.judge import Verdict, judge, missing_name
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.pauses import pauses_among
from ssosim.verdict.steps import before_prompt, refused_certificate

__all__ = ["Explanation", "Link", "chain", "explain"]

_OF_THE_LAB = ("spn", "dns-probe")
"""What `ssosim spn` and `ssosim dns` ask is in the trace under these names; nobody signs in by them."""


@dataclass(frozen=True, slots=True)
class Link:
    """One cause. ``seq`` is the number of the record that shows it."""

    text: str
    seq: int


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why ``client`` came to ``outcome`` in ``phase``; ``links`` from what it met to what broke.

    ``note`` says of pauses of the lab itself while it was waiting.
    """

    phase: str
    client: str
    outcome: Outcome
    reason: str
    links: tuple[Link, ...]
    note: str = ""

    def __str__(self) -> str:
        causes = " ← ".join(link.text for link in self.links)
        why = causes or ("" if self.outcome is Outcome.SILENT else self.reason)
        note = f" ({self.note})" if self.note else ""
        return f"{self.client} in {self.phase or 'this lab'}: {self.outcome}{f': {why}' if why else ''}{note}"


def explain(
    records: Sequence[Record], *, client: str | None = None, phase: str | None = None
) -> tuple[Explanation, ...]:
    """An explanation for each client in each phase of a trace; ``client`` and ``phase`` narrow it.

    A trace without phases is one nameless phase.
    """
    found: list[Explanation] = []
    standing: list[Record] = []
    for name, began, part in _phases(records):
        if phase in (None, name):
            names = dict.fromkeys(r.client for r in part if r.client and _is_asked_for(r.client, client))
            pauses = pauses_among(part)
            for who in names:
                mine = [record for record in part if record.client == who]
                verdict = judge(mine, began, pauses)
                links = chain(mine, verdict, [*standing, *part])
                found.append(Explanation(name, who, verdict.outcome, verdict.reason, tuple(links), verdict.note))
        standing = _standing([*standing, *part])
    return tuple(found)


def _is_asked_for(name: str, client: str | None) -> bool:
    return name not in _OF_THE_LAB if client is None else name == client


def chain(records: Sequence[Record], verdict: Verdict, around: Sequence[Record]) -> list[Link]:
    """The causes behind ``verdict`` on the client of ``records``; ``around`` holds the faults of that time as well.

    One that signed in without trouble has none.
    """
    if verdict.outcome is Outcome.SILENT:
        return []
    links: list[Link] = []
    prompt = next((record for record in records if isinstance(record.event, UserPrompted)), None)
    interactive = verdict.outcome is Outcome.INTERACTIVE
    before = before_prompt(records, prompt) if prompt is not None and interactive else list(records)
    if prompt is not None:
        links.append(Link("the user was asked", prompt.seq))
    root: Record | None = None
    for link, record in _causes(before):
        links.append(link)
        root = record
    if root is not None:
        links += [Link(_fault(r), r.seq) for r in _faults_behind(root, around)]
    return links


def _causes(records: Sequence[Record]) -> Iterator[tuple[Link, Record]]:
    """From the last failed exchange back to what it came from, of one client."""
    last = next((r for r in reversed(records) if _failed(r)), None)
    if last is not None and isinstance(last.event, DnsAnswered):
        other = next((r for r in reversed(records) if _failed(r) and not isinstance(r.event, DnsAnswered)), None)
        last = refused_certificate(records) or missing_name(records) or other or last
    if last is None:
        asked = next((r for r in reversed(records) if isinstance(r.event, HttpExchange)), None)
        step = getattr(asked.event, "step", None) if asked is not None else None
        if asked is not None and step in (SignInStep.REALM, SignInStep.CREDENTIAL_TYPE):
            yield Link("the provider offers no silent way for this user", asked.seq), asked
        return
    event = last.event
    if isinstance(event, HttpExchange):
        yield Link(_http(event), last.seq), last
        ticket = _last_ticket(records, last.seq)
        if ticket is not None and event.auth != "kerberos" and event.status in (401, 403):
            yield from _ticket_causes(records, ticket)
    elif isinstance(event, KdcExchange):
        yield from _ticket_causes(records, last)
    elif isinstance(event, ConnectionFailed):
        yield Link(describe_failed_connection(event), last.seq), last
    elif isinstance(event, DnsAnswered):
        yield Link(f"{event.name} has no address ({event.rcode})", last.seq), last


def _ticket_causes(records: Sequence[Record], ticket: Record) -> Iterator[tuple[Link, Record]]:
    event = ticket.event
    assert isinstance(event, KdcExchange)  # noqa: S101 - by _last_ticket
    yield Link("no ticket", ticket.seq), ticket
    if event.outcome != "KDC_ERR_S_PRINCIPAL_UNKNOWN":
        said = "the KDC did not answer" if event.outcome == "no answer" else f"the KDC said {event.outcome}"
        yield Link(f"{said} for {event.service}", ticket.seq), ticket
        return
    yield Link(f"the KDC does not know {event.service}", ticket.seq), ticket
    name = event.service.partition("/")[2].partition(":")[0]
    for record in reversed(records):
        found = record.event
        if record.seq < ticket.seq and isinstance(found, DnsAnswered) and found.name != name:
            if f"CNAME {name}" in (answer.rstrip(".") for answer in found.answers):
                text = f"{found.name} is a CNAME and this client canonicalises"
                yield Link(text, record.seq), record
                return
            if found.type == "PTR" and f"PTR {name}" in (answer.rstrip(".") for answer in found.answers):
                yield Link(f"the PTR of {found.name} is {name} and this client looks backwards", record.seq), record
                return


def _failed(record: Record) -> bool:
    event = record.event
    match event:
        case DnsAnswered(type="A" | "AAAA", answers=()):
            return event.type == "A"
        case KdcExchange():
            return event.outcome != "issued" and not _is_referral(event)
        case HttpExchange():
            return event.status >= 400 or event.status == 0 or event.injected
        case ConnectionFailed():
            return True
        case _:
            return False


def _is_referral(event: KdcExchange) -> bool:
    """Whether a realm was asked for, which libkrb5 guesses from a host's name when the host is not known."""
    return event.request == "TGS" and event.service.startswith("krbtgt/")


def _http(event: HttpExchange) -> str:
    where = event.path.rstrip("/").rpartition("/")[2] or event.host
    if event.injected:
        said = "no answer" if event.status == 0 else f"{event.status}, not of the service itself,"
        return f"{said} at {where} of {event.host}"
    return f"{event.status}{f' AADSTS{event.code}' if event.code else ''} at {where}"


def _last_ticket(records: Sequence[Record], before: int) -> Record | None:
    """The last ticket that was refused, with none given since."""
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


def _faults_behind(root: Record, around: Sequence[Record]) -> list[Record]:
    """The faults in force at ``root``; those that name its host, where some do."""
    standing = _standing([record for record in around if record.seq < root.seq])
    event = root.event
    host = ""
    if isinstance(event, HttpExchange | ConnectionFailed):
        host = event.host
    elif isinstance(event, DnsAnswered):
        host = event.name
    naming = [r for r in standing if isinstance(r.event, FaultApplied) and host and host in r.event.detail]
    return naming or standing


def _standing(records: Sequence[Record]) -> list[Record]:
    """The faults that are applied in ``records`` and not undone again."""
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


def _fault(record: Record) -> str:
    event = record.event
    assert isinstance(event, FaultApplied)  # noqa: S101 - by _standing
    return f"fault {event.name!r} at {datetime.fromtimestamp(record.at, UTC):%H:%M}"


def _phases(records: Sequence[Record]) -> Iterator[tuple[str, float, list[Record]]]:
    """Name, start and records of each phase. A phase's faults are written down just before its name."""
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
