"""From what was seen on the wire to what became of a sign-in, and why, in one sentence.

Pure functions of trace records. What a client says of itself plays no part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ssosim.trace import (
    ClientFinished,
    ConnectionFailed,
    DnsAnswered,
    Event,
    HttpExchange,
    KdcExchange,
    Record,
    SignInStep,
    TicketChecked,
    TokenIssued,
    UserPrompted,
)
from ssosim.trace.connection_text import describe_failed_connection
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.pauses import Pause, note_on, pauses_met
from ssosim.verdict.steps import before_prompt, failed_step, is_attempt, refused_certificate, unanswered_name

__all__ = ["Verdict", "judge", "missing_name"]

_UNKNOWN_SPN = "KDC_ERR_S_PRINCIPAL_UNKNOWN"
_REFUSALS = (401, 403)
_NO_TROUBLE = "no failed exchange was seen"
_NOT_YET = (70016,)  # authorization_pending: the device code waits for a person, which is no refusal


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one client in one phase.

    ``after_s`` is when it was decided, in seconds from the start of the phase; None if it was not. ``spn`` is the SPN
    that decided it, if one was asked for. ``evidence`` are the numbers of the trace records that the reason rests on.
    ``pauses`` are those of the lab itself while the client was waiting, ``note`` says what that means for a reader.
    """

    outcome: Outcome
    reason: str
    after_s: float | None = None
    spn: str = ""
    attempts: int = 0
    evidence: tuple[int, ...] = ()
    pauses: tuple[Pause, ...] = ()
    note: str = ""


def judge(records: Sequence[Record], began: float, pauses: Sequence[Record] = ()) -> Verdict:
    """The verdict on the client whose records of one phase these are; the phase began at ``began``.

    ``pauses`` are the records of the phase that are pauses of the lab itself. They change no outcome.
    """
    verdict = _judge(records, began)
    if not pauses:
        return verdict
    met = pauses_met(pauses, records, _decided_by(records, verdict))
    return replace(verdict, pauses=met, note=note_on(met))


def _decided_by(records: Sequence[Record], verdict: Verdict) -> int | None:
    """The number of the record by which ``verdict`` stood; None where it never did."""
    if verdict.after_s is None:
        return None
    if verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE):
        return verdict.evidence[-1]
    finished = _Seen(records).last(ClientFinished)
    return None if finished is None else finished.seq


def _judge(records: Sequence[Record], began: float) -> Verdict:  # noqa: PLR0911 - one for each outcome
    seen = _Seen(records)
    spn = seen.spn()
    signed_in = seen.last(TokenIssued)
    prompt = seen.first(UserPrompted)
    attempts = seen.attempts()
    finished = seen.last(ClientFinished)
    if signed_in is not None and seen.stands(signed_in) and not _ended_badly(finished, signed_in):
        signed_in = seen.settled(signed_in)
        after = signed_in.at - began
        if prompt is not None:
            trouble = _Seen(before_prompt(records, prompt)).trouble()
            reason = "the user was asked" if trouble == _NO_TROUBLE else f"the user was asked, because {trouble}"
            return Verdict(Outcome.INTERACTIVE, reason, after, spn, attempts, (prompt.seq, signed_in.seq))
        reason = "the ticket was accepted" if seen.ticket_accepted() else "signed in without a prompt"
        if after >= 1:
            reason += f", {_span(after)} into the phase, without the user"
        return Verdict(Outcome.SILENT, reason, after, spn, attempts, (signed_in.seq,))
    if not records:
        return Verdict(Outcome.STALLED, "it did nothing that reached the wire")
    trouble, evidence = seen.trouble(), seen.trouble_evidence()
    decided = finished.at - began if finished else None
    if prompt is not None:
        return Verdict(Outcome.FAILED, f"the user was asked in vain: {trouble}", decided, spn, attempts, evidence)
    if seen.was_refused():
        return Verdict(Outcome.REFUSED, trouble, decided, spn, attempts, evidence)
    if finished is not None:
        event = finished.event
        code = event.exit_code if isinstance(event, ClientFinished) else 0
        return Verdict(Outcome.FAILED, f"it ended with exit code {code}: {trouble}", decided, spn, attempts, evidence)
    tries = f"{attempts} attempts" if attempts != 1 else "one attempt"
    return Verdict(Outcome.STALLED, f"{tries}, no prompt, no sign-in: {trouble}", None, spn, attempts, evidence)


def missing_name(records: Sequence[Record]) -> Record | None:
    """The address question without an answer that a verdict on these records would name, if there is one."""
    return _Seen(records).missing_name()


class _Seen:
    """The records of one client in one phase, with the questions that a verdict asks of them."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def first(self, kind: type[Event]) -> Record | None:
        return next((record for record in self._records if isinstance(record.event, kind)), None)

    def last(self, kind: type[Event]) -> Record | None:
        return next((record for record in reversed(self._records) if isinstance(record.event, kind)), None)

    def stands(self, signed_in: Record) -> bool:
        """Whether nothing was refused after ``signed_in``, nobody asked, and a token for a token did not lead nowhere.

        Names are looked at for an assertion only: browsers ask for many on their own account.
        """
        after = [self.refusal(), self.last(UserPrompted)]
        kind = getattr(signed_in.event, "kind", "")
        if kind in ("assertion", "browser"):
            after.append(self.unserved())
        if kind == "assertion":
            after.append(self.missing_name())
        return all(record is None or record.seq < signed_in.seq for record in after)

    def settled(self, last: Record) -> Record:
        """The sign-in after which nothing failed any more: ``last``, or the first of several."""
        found = last
        for record in reversed(self._records):
            if record.seq >= last.seq:
                continue
            if failed_step(record.event) or isinstance(record.event, UserPrompted):
                break
            if isinstance(record.event, TokenIssued) and record.event.kind == getattr(last.event, "kind", ""):
                found = record
        return found

    def ticket_accepted(self) -> bool:
        return any(isinstance(r.event, TicketChecked) and r.event.accepted for r in self._records)

    def attempts(self) -> int:
        """How often the client tried: one run of failures or one success each time it began anew.

        Counted by realm discovery, the first step of the native flow; a program that starts elsewhere tries once.
        """
        starts = sum(is_attempt(record.event) for record in self._records)
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
        Only "not yet" is no no.
        """
        last: Record | None = None
        for record in self._records:
            event = record.event
            if not isinstance(event, HttpExchange) or event.code in _NOT_YET:
                continue
            if event.status in _REFUSALS or (event.status >= 400 and event.code is not None):
                last = record
            elif last is not None and _better(event, last.event):
                last = None
        return last

    def was_refused(self) -> bool:
        """Whether a service's no was the last thing that it met."""
        refusal = self.refusal()
        others = (self.missing_name(), self.unserved())
        return refusal is not None and all(other is None or other.seq <= refusal.seq for other in others)

    def unserved(self) -> Record | None:
        """The last exchange that brought no answer of the service itself, unless one came later from that host."""
        last: Record | None = None
        for record in self._records:
            event = record.event
            if isinstance(event, ConnectionFailed):
                last = record
            elif isinstance(event, HttpExchange):
                if event.injected or event.status >= 500 or event.status == 0:
                    last = record
                elif last is not None and event.host == _host_of(last.event):
                    last = None
        return last

    def trouble(self) -> str:  # noqa: PLR0911 - one for each kind of trouble
        """Why it went wrong, in one clause, from the deepest cause seen."""
        if (ticket := self._no_ticket()) and self.was_refused():
            return self._ticket_trouble(ticket)
        if (certificate := refused_certificate(self._records)) and not self.was_refused():
            return _unserved(certificate.event)
        if missing := self.missing_name():
            event = missing.event
            assert isinstance(event, DnsAnswered)  # noqa: S101 - by missing_name
            return f"{event.name} has no address ({event.rcode})"
        if ticket:
            return self._ticket_trouble(ticket)
        refusal, unserved = self.refusal(), self.unserved()
        if unserved is not None and (refusal is None or unserved.seq >= refusal.seq):
            return _unserved(unserved.event)
        if refusal is not None:
            event = refusal.event
            assert isinstance(event, HttpExchange)  # noqa: S101 - by refusal
            code = f", AADSTS{event.code}" if event.code else ""
            return f"{event.host}{event.path} answered {event.status}{code}"
        asked = [r.event for r in self._records if isinstance(r.event, HttpExchange) and r.event.code not in _NOT_YET]
        if errors := [event for event in asked if event.status >= 400]:
            code = f", AADSTS{errors[-1].code}" if errors[-1].code else ""
            return f"{errors[-1].host}{errors[-1].path} answered {errors[-1].status}{code}"
        if asked and asked[-1].step in (SignInStep.REALM, SignInStep.CREDENTIAL_TYPE):
            return f"{asked[-1].host} offers no silent way for this user"
        return _NO_TROUBLE

    def _ticket_trouble(self, ticket: Record) -> str:
        event = ticket.event
        assert isinstance(event, KdcExchange)  # noqa: S101 - by _no_ticket
        if event.outcome == _UNKNOWN_SPN:
            return f"it asked for {event.service}, which the KDC does not know{self._answer()}"
        said = "did not answer" if event.outcome == "no answer" else f"said {event.outcome}"
        return f"it asked for {event.service}, and the KDC {said}{self._answer()}"

    def trouble_evidence(self) -> tuple[int, ...]:
        """The records behind ``trouble``."""
        found = (self.missing_name(), self._no_ticket(), self.unserved(), self.refusal())
        return tuple(sorted({record.seq for record in found if record is not None}))

    def _answer(self) -> str:
        refusal = self.refusal()
        if refusal is None or not isinstance(refusal.event, HttpExchange):
            return ""
        how = {"ntlm": " to the NTLM token it sent instead", "none": " to the request without a ticket"}
        return f", and got {refusal.event.status}{how.get(refusal.event.auth, '')}"

    def _no_ticket(self) -> Record | None:
        """The last ticket asked for, if it was not given."""
        for record in reversed(self._records):
            event = record.event
            if isinstance(event, KdcExchange) and event.request == "TGS" and not event.service.startswith("krbtgt/"):
                return record if event.outcome != "issued" else None
        return None

    def missing_name(self) -> Record | None:
        """The address question that stayed without an answer, if nothing was reached after it.

        Where there is other trouble, a name that was never connected to is none of it: browsers ask for many on their
        own account.
        """
        missing = unanswered_name(self._records)
        name = getattr(missing.event, "name", "") if missing is not None else ""
        if missing is None or any(_host_of(record.event) == name for record in self._records):
            return missing
        others = (self.refusal(), self.unserved(), self._no_ticket(), refused_certificate(self._records))
        return missing if all(other is None for other in others) else None


def _ended_badly(finished: Record | None, signed_in: Record) -> bool:
    """Whether a program ended with an error after its sign-in; one that was stopped from outside did not."""
    event = finished.event if finished is not None else None
    return (
        isinstance(event, ClientFinished)
        and event.exit_code > 0
        and finished is not None
        and (finished.seq > signed_in.seq)
    )


def _host_of(event: Event) -> str:
    return event.host if isinstance(event, HttpExchange | ConnectionFailed) else ""


def _unserved(event: Event) -> str:
    if isinstance(event, ConnectionFailed):
        return describe_failed_connection(event)
    assert isinstance(event, HttpExchange)  # noqa: S101 - by unserved
    where = f"{event.host}{event.path}"
    if event.status == 0:
        return f"{where} did not answer"
    code = f", AADSTS{event.code}" if event.code else ""
    if event.injected and event.status < 400:
        return f"what came from {where} ({event.status}) was not the service's own answer"
    return f"{where} answered {event.status}{code}"


def _span(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _better(now: HttpExchange, then: Event) -> bool:
    return isinstance(then, HttpExchange) and (now.host, now.path) == (then.host, then.path) and now.status < 400
