"""From what was seen on the wire to what became of a sign-in, and why, in one sentence.

Pure functions of trace records. What a client says of itself plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ssosim.scenario.model import Outcome
from ssosim.trace import (
    ClientFinished,
    DnsAnswered,
    Event,
    HttpExchange,
    KdcExchange,
    Record,
    TicketChecked,
    TokenIssued,
    UserPrompted,
)

__all__ = ["Verdict", "judge"]

_UNKNOWN_SPN = "KDC_ERR_S_PRINCIPAL_UNKNOWN"
_REFUSALS = (401, 403)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one client in one phase.

    ``after_s`` is when it was decided, in seconds from the start of the phase; None if it was not. ``spn`` is the SPN
    that decided it, if one was asked for. ``evidence`` are the numbers of the trace records that the reason rests on.
    """

    outcome: Outcome
    reason: str
    after_s: float | None = None
    spn: str = ""
    attempts: int = 0
    evidence: tuple[int, ...] = ()


def judge(records: Sequence[Record], began: float) -> Verdict:  # noqa: PLR0911 - one for each outcome
    """The verdict on the client whose records of one phase these are; the phase began at ``began``."""
    seen = _Seen(records)
    spn = seen.spn()
    signed_in = seen.last(TokenIssued)
    prompt = seen.first(UserPrompted)
    attempts = seen.attempts()
    if signed_in is not None and seen.stands(signed_in):
        after = signed_in.at - began
        if prompt is not None:
            before = _Seen([record for record in records if record.seq < prompt.seq])
            reason = f"the user was asked, because {before.trouble()}"
            return Verdict(Outcome.INTERACTIVE, reason, after, spn, attempts, (prompt.seq, signed_in.seq))
        reason = "the ticket was accepted" if seen.ticket_accepted() else "signed in without a prompt"
        if after >= 1:
            reason += f", {_span(after)} into the phase, without the user"
        return Verdict(Outcome.SILENT, reason, after, spn, attempts, (signed_in.seq,))
    if not records:
        return Verdict(Outcome.STALLED, "it did nothing that reached the wire")
    trouble, evidence = seen.trouble(), seen.trouble_evidence()
    finished = seen.last(ClientFinished)
    decided = finished.at - began if finished else None
    if prompt is not None:
        return Verdict(Outcome.FAILED, f"the user was asked in vain: {trouble}", decided, spn, attempts, evidence)
    if seen.refusal() is not None:
        return Verdict(Outcome.REFUSED, trouble, decided, spn, attempts, evidence)
    if finished is not None:
        event = finished.event
        code = event.exit_code if isinstance(event, ClientFinished) else 0
        return Verdict(Outcome.FAILED, f"it ended with exit code {code}: {trouble}", decided, spn, attempts, evidence)
    tries = f"{attempts} attempts" if attempts != 1 else "one attempt"
    return Verdict(Outcome.STALLED, f"{tries}, no prompt, no sign-in: {trouble}", None, spn, attempts, evidence)


class _Seen:
    """The records of one client in one phase, with the questions that a verdict asks of them."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def first(self, kind: type[Event]) -> Record | None:
        return next((record for record in self._records if isinstance(record.event, kind)), None)

    def last(self, kind: type[Event]) -> Record | None:
        return next((record for record in reversed(self._records) if isinstance(record.event, kind)), None)

    def stands(self, signed_in: Record) -> bool:
        """Whether nothing was refused after ``signed_in``, and nobody asked."""
        after = (self.refusal(), self.last(UserPrompted))
        return all(record is None or record.seq < signed_in.seq for record in after)

    def ticket_accepted(self) -> bool:
        return any(isinstance(r.event, TicketChecked) and r.event.accepted for r in self._records)

    def attempts(self) -> int:
        """How often the client tried: one run of failures or one success each time it began anew.

        Counted by realm discovery, the first step of the native flow; a program that starts elsewhere tries once.
        """
        starts = sum(
            isinstance(record.event, HttpExchange) and "/userrealm/" in record.event.path.lower()
            for record in self._records
        )
        return max(starts, 1 if self._records else 0)

    def spn(self) -> str:
        """The last service of the host type that a ticket was asked for."""
        for record in reversed(self._records):
            event = record.event
            if isinstance(event, KdcExchange) and event.request == "TGS" and not event.service.startswith("krbtgt/"):
                return event.service
        return ""

    def refusal(self) -> Record | None:
        """The last answer of a service that said no, unless a later one said yes.

        A 401 that only asks for Negotiate is the normal first step; it is a refusal when nothing better follows. An
        AADSTS code says no with whatever status: an assertion that the token endpoint does not take is no sign-in.
        """
        last: Record | None = None
        for record in self._records:
            if isinstance(record.event, HttpExchange):
                if record.event.status in _REFUSALS or (record.event.status >= 400 and record.event.code is not None):
                    last = record
                elif last is not None and _better(record.event, last.event):
                    last = None
        return last

    def trouble(self) -> str:
        """Why it went wrong, in one clause, from the deepest cause seen."""
        if unknown := self._unknown_spn():
            event = unknown.event
            assert isinstance(event, KdcExchange)  # noqa: S101 - by _unknown_spn
            answer = self._answer()
            return f"it asked for {event.service}, which the KDC does not know{answer}"
        if missing := self._missing_name():
            event = missing.event
            assert isinstance(event, DnsAnswered)  # noqa: S101 - by _missing_name
            return f"{event.name} has no address ({event.rcode})"
        if refusal := self.refusal():
            event = refusal.event
            assert isinstance(event, HttpExchange)  # noqa: S101 - by refusal
            code = f", AADSTS{event.code}" if event.code else ""
            return f"{event.host}{event.path} answered {event.status}{code}"
        errors = [r.event for r in self._records if isinstance(r.event, HttpExchange) and r.event.status >= 400]
        if errors:
            code = f", AADSTS{errors[-1].code}" if errors[-1].code else ""
            return f"{errors[-1].host}{errors[-1].path} answered {errors[-1].status}{code}"
        return "no failed exchange was seen"

    def trouble_evidence(self) -> tuple[int, ...]:
        """The records behind ``trouble``."""
        found = (self._missing_name(), self._unknown_spn(), self.refusal())
        return tuple(record.seq for record in found if record is not None)

    def _answer(self) -> str:
        refusal = self.refusal()
        if refusal is None or not isinstance(refusal.event, HttpExchange):
            return ""
        how = {"ntlm": " to the NTLM token it sent instead", "none": " to the request without a ticket"}
        return f", and got {refusal.event.status}{how.get(refusal.event.auth, '')}"

    def _unknown_spn(self) -> Record | None:
        for record in reversed(self._records):
            event = record.event
            if isinstance(event, KdcExchange) and event.request == "TGS" and not event.service.startswith("krbtgt/"):
                return record if event.outcome == _UNKNOWN_SPN else None
        return None

    def _missing_name(self) -> Record | None:
        """The address question that stayed without an answer, if nothing was reached after it.

        A resolver that fails goes on through its search list; the first name is the one that was meant.
        """
        unanswered: Record | None = None
        for record in self._records:
            event = record.event
            if isinstance(event, DnsAnswered) and event.type == "A":
                unanswered = None if event.answers else unanswered or record
        return unanswered


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _better(now: HttpExchange, then: Event) -> bool:
    return isinstance(then, HttpExchange) and (now.host, now.path) == (then.host, then.path) and now.status < 400
