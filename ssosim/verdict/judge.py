"""The judge: from the trace records of one client in one phase to an outcome, and the reason in one sentence.

Theory of operation. ``judge`` is a pure function of trace records. It uses what services and the network recorded; the
result that a client reports about itself is not used, except the exit code in ``ClientFinished``.

The rules for the outcome, in this order; the first that holds decides:

1. ``silent`` or ``interactive``: the last ``TokenIssued`` is final (``_ClientRecords.is_final``), and the program did
   not end with an error after it. Final means: no refusal and no prompt came after it. A token that is only a step
   (``assertion`` of WS-Trust, ``browser`` session) is also not final if an exchange failed after it; an ``assertion``
   also if a name had no address after it. With a ``UserPrompted`` anywhere in the phase the outcome is ``interactive``.
2. ``stalled``: there are no records at all.
3. ``failed``: the user was prompted, and no final token followed.
4. ``refused``: the last failure is the refusal of a service (``was_refused``): neither an unresolved name nor a failed
   exchange came after it.
5. ``failed``: the client ended (``ClientFinished``).
6. ``stalled``: everything else. The client did not end, and the user saw nothing.

What the kinds of failure are:

- A *refusal* is an answer with 401, 403, or an AADSTS code. An error page has status 200 and a code, and an error that
  is sent to the application has status 302 and a code. A later answer without error for the same host and path cancels
  a refusal. So the 401 that starts Negotiate is a refusal only if nothing better follows.
  AADSTS70016 (``authorization_pending``) is never a refusal: the device code waits for the user.
- A host's answer that it has no token for the program (4xx at the step ``managed-identity``) is a refusal too.
- A connection to the address of the metadata service on a device without one is a probe of a chained credential. It is
  the cause only if there is no other failure.
- A *failed exchange* did not bring an answer of the service itself: the connection failed, no response came, the status
  was 500 or above, or a fault injected the response. A later good answer from the same host cancels it.
- A *refused ticket* is the last TGS request, if the KDC did not issue the ticket. Requests for a realm
  (``krbtgt/...``) do not count, since libkrb5 makes them on its own.
- An *unresolved name* is the first A query without an address after the last one with an address. It is not reported if
  there is another failure and the client never connected to that name, since browsers query many names on their own.

The reason names the deepest cause: a refused ticket before the refusal that followed from it, a refused certificate, an
unresolved name, a refused ticket, a failed exchange, a refusal; see ``describe_cause``.

What always holds: the order of records decides, not their times, so verdicts are the same in real and in virtual time.
A rule of the identity provider that was switched off, and that a token does not keep, is named in the reason of the
sign-in. Pauses of the lab itself are reported beside the outcome and never change it. ``evidence`` holds only numbers
of records that were given.

What can go wrong: a client that signs in by a protocol that the trace does not show looks stalled. A client that gives
up without ending cannot be told from one that is still trying; both are stalled.
"""

from __future__ import annotations

import textwrap
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
from ssosim.verdict.credentials import (
    describe_credential,
    describe_unavailable_credentials,
    is_probe_without_host,
)
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.pauses import Pause, describe_pauses, find_pauses_while_waiting
from ssosim.verdict.steps import (
    classify_failed_step,
    find_refused_certificate,
    find_unanswered_name,
    is_attempt,
    select_before_prompt,
)

__all__ = ["Verdict", "find_unresolved_name", "judge"]

_UNKNOWN_SPN = "KDC_ERR_S_PRINCIPAL_UNKNOWN"
_REFUSALS = (401, 403)
_NO_FAILURE = "no failed exchange was seen"
_SENTENCE = 240  # characters of the provider's text in a reason
_PENDING_CODES = (70016,)  # authorization_pending: the device code waits for the user, which is not a refusal


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome of one client in one phase.

    ``after_s`` is the time of the decision in seconds from the start of the phase; None if there was no decision.
    ``spn`` is the last SPN that a ticket was requested for, empty if there was none. ``attempts`` counts sign-ins that
    the client started. ``evidence`` holds the numbers of the trace records that the reason is based on. ``pauses`` are
    pauses of the lab itself while the client was waiting; ``note`` explains them to the reader.
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
    """Judge one client in one phase.

    ``records`` are all records of that client in the phase, in order. ``began`` is the start of the phase in seconds
    since the Unix epoch. ``pauses`` are the phase's records of pauses of the lab itself; they never change the
    outcome.
    """
    verdict = _say_not_checked(_judge(records, began), records)
    if not pauses:
        return verdict
    met = find_pauses_while_waiting(pauses, records, _deciding_record(records, verdict))
    return replace(verdict, pauses=met, note=describe_pauses(met))


def _say_not_checked(verdict: Verdict, records: Sequence[Record]) -> Verdict:
    """Add to the reason of a sign-in the rules of the identity provider that its tokens do not keep."""
    if verdict.outcome not in (Outcome.SILENT, Outcome.INTERACTIVE):
        return verdict
    rules = {rule for each in records if isinstance(each.event, TokenIssued) for rule in each.event.not_checked}
    return replace(verdict, reason=f"{verdict.reason}; not checked: {', '.join(sorted(rules))}") if rules else verdict


def _deciding_record(records: Sequence[Record], verdict: Verdict) -> int | None:
    """Return the number of the record that decided ``verdict``; None if nothing decided it."""
    if verdict.after_s is None:
        return None
    if verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE):
        return verdict.evidence[-1]
    finished = _ClientRecords(records).last(ClientFinished)
    return None if finished is None else finished.seq


def _judge(records: Sequence[Record], began: float) -> Verdict:  # noqa: PLR0911 - one for each outcome
    client = _ClientRecords(records)
    spn = client.spn()
    signed_in = client.last(TokenIssued)
    prompt = client.first(UserPrompted)
    attempts = client.attempts()
    finished = client.last(ClientFinished)
    if signed_in is not None and client.is_final(signed_in) and not _ended_with_error(finished, signed_in):
        signed_in = client.find_lasting_sign_in(signed_in)
        after = signed_in.at - began
        if prompt is not None:
            before = [each for each in select_before_prompt(records, prompt) if not is_probe_without_host(each.event)]
            cause = _ClientRecords(before).describe_cause()
            reason = "the user was asked" if cause == _NO_FAILURE else f"the user was asked, because {cause}"
            return Verdict(Outcome.INTERACTIVE, reason, after, spn, attempts, (prompt.seq, signed_in.seq))
        reason = "the ticket was accepted" if client.ticket_accepted() else "signed in without a prompt"
        if credential := describe_credential(records, signed_in):
            reason += f" by {credential}"
        if earlier := describe_unavailable_credentials(records, signed_in):
            reason += f", after {earlier}"
        if after >= 1:
            reason += f", {_format_duration(after)} into the phase, without the user"
        return Verdict(Outcome.SILENT, reason, after, spn, attempts, (signed_in.seq,))
    if not records:
        return Verdict(Outcome.STALLED, "it did nothing that reached the wire")
    cause, evidence = client.describe_cause(), client.cause_evidence()
    decided = finished.at - began if finished else None
    if prompt is not None:
        return Verdict(Outcome.FAILED, f"the user was asked in vain: {cause}", decided, spn, attempts, evidence)
    if client.was_refused():
        return Verdict(Outcome.REFUSED, cause, decided, spn, attempts, evidence)
    if finished is not None:
        event = finished.event
        code = event.exit_code if isinstance(event, ClientFinished) else 0
        return Verdict(Outcome.FAILED, f"it ended with exit code {code}: {cause}", decided, spn, attempts, evidence)
    tries = f"{attempts} attempts" if attempts != 1 else "one attempt"
    return Verdict(Outcome.STALLED, f"{tries}, no prompt, no sign-in: {cause}", None, spn, attempts, evidence)


def find_unresolved_name(records: Sequence[Record]) -> Record | None:
    """Return the A query without an address that a verdict on ``records`` would name, or None."""
    return _ClientRecords(records).unresolved_name()


class _ClientRecords:
    """The records of one client in one phase, with the properties that a verdict depends on."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def first(self, kind: type[Event]) -> Record | None:
        return next((record for record in self._records if isinstance(record.event, kind)), None)

    def last(self, kind: type[Event]) -> Record | None:
        return next((record for record in reversed(self._records) if isinstance(record.event, kind)), None)

    def is_final(self, signed_in: Record) -> bool:
        """Return whether ``signed_in`` is final: no refusal, prompt or failed next step came after it.

        Unresolved names count after an assertion only, since browsers query many names on their own.
        """
        after = [self.last_refusal(), self.last(UserPrompted)]
        kind = getattr(signed_in.event, "kind", "")
        if kind in ("assertion", "browser"):
            after.append(self.last_failed_exchange())
        if kind == "assertion":
            after.append(self.unresolved_name())
        return all(record is None or record.seq < signed_in.seq for record in after)

    def find_lasting_sign_in(self, last: Record) -> Record:
        """Return the first sign-in of the same kind after which nothing failed: ``last``, or an earlier one."""
        found = last
        for record in reversed(self._records):
            if record.seq >= last.seq:
                continue
            if classify_failed_step(record.event) or isinstance(record.event, UserPrompted):
                break
            if isinstance(record.event, TokenIssued) and record.event.kind == getattr(last.event, "kind", ""):
                found = record
        return found

    def ticket_accepted(self) -> bool:
        return any(isinstance(r.event, TicketChecked) and r.event.accepted for r in self._records)

    def attempts(self) -> int:
        """Count the sign-ins that the client started, by requests for realm discovery.

        Realm discovery is the first step of the native flow. A program that starts with another step counts as one
        attempt.
        """
        starts = sum(is_attempt(record.event) for record in self._records)
        return max(starts, 1 if self._records else 0)

    def spn(self) -> str:
        """Return the last service that a ticket was requested for; empty if there was none."""
        for record in reversed(self._records):
            event = record.event
            if isinstance(event, KdcExchange) and event.request == "TGS" and not event.service.startswith("krbtgt/"):
                return event.service
        return ""

    def last_refusal(self) -> Record | None:
        """Return the last refusal that no later success cancels.

        A 401 that starts Negotiate is the normal first step; it is a refusal only if nothing better follows. An AADSTS
        code is a refusal, whatever the status: a token endpoint that does not accept an assertion means no sign-in, and
        an error page has status 200. ``authorization_pending`` is not a refusal.
        """
        last: Record | None = None
        for record in self._records:
            event = record.event
            if not isinstance(event, HttpExchange) or event.code in _PENDING_CODES:
                continue
            if _is_refusal(event):
                last = record
            elif last is not None and _succeeds(event, last.event):
                last = None
        return last

    def was_refused(self) -> bool:
        """Return whether a refusal was the last failure."""
        refusal = self.last_refusal()
        others = (self.unresolved_name(), self.last_failed_exchange())
        return refusal is not None and all(other is None or other.seq <= refusal.seq for other in others)

    def last_failed_exchange(self) -> Record | None:
        """Return the last exchange without an answer of the service itself, unless that host answered later."""
        last: Record | None = None
        for record in self._records:
            event = record.event
            if is_probe_without_host(event):
                continue
            if isinstance(event, ConnectionFailed):
                last = record
            elif isinstance(event, HttpExchange):
                if event.injected or event.status >= 500 or event.status == 0:
                    last = record
                elif last is not None and event.host == _host_of(last.event):
                    last = None
        return last

    def describe_cause(self) -> str:  # noqa: PLR0911 - one for each kind of cause
        """Describe the deepest cause in one clause."""
        if (ticket := self._last_refused_ticket()) and self.was_refused():
            return self._describe_ticket_failure(ticket)
        if (certificate := find_refused_certificate(self._records)) and not self.was_refused():
            return _describe_failed_exchange(certificate.event)
        if missing := self.unresolved_name():
            event = missing.event
            assert isinstance(event, DnsAnswered)  # noqa: S101 - by find_unresolved_name
            return f"{event.name} has no address ({event.rcode})"
        if ticket:
            return self._describe_ticket_failure(ticket)
        refusal, failed = self.last_refusal(), self.last_failed_exchange()
        if failed is not None and (refusal is None or failed.seq >= refusal.seq):
            return _describe_failed_exchange(failed.event)
        if refusal is not None:
            event = refusal.event
            assert isinstance(event, HttpExchange)  # noqa: S101 - by last_refusal
            return _describe_answer(event)
        asked = [
            r.event for r in self._records if isinstance(r.event, HttpExchange) and r.event.code not in _PENDING_CODES
        ]
        if errors := [event for event in asked if event.is_error]:
            return _describe_answer(errors[-1])
        if any(is_probe_without_host(record.event) for record in self._records):
            return "there is no managed identity here: 169.254.169.254 does not answer on this device"
        if asked and asked[-1].step in (SignInStep.REALM, SignInStep.CREDENTIAL_TYPE):
            return f"{asked[-1].host} offers no silent way for this user"
        return _NO_FAILURE

    def _describe_ticket_failure(self, ticket: Record) -> str:
        event = ticket.event
        assert isinstance(event, KdcExchange)  # noqa: S101 - by _last_refused_ticket
        if event.outcome == _UNKNOWN_SPN:
            return f"it asked for {event.service}, which the KDC does not know{self._describe_response()}"
        said = "did not answer" if event.outcome == "no answer" else f"said {event.outcome}"
        return f"it asked for {event.service}, and the KDC {said}{self._describe_response()}"

    def cause_evidence(self) -> tuple[int, ...]:
        """Return the numbers of the records that ``describe_cause`` is based on, in ascending order."""
        found = (self.unresolved_name(), self._last_refused_ticket(), self.last_failed_exchange(), self.last_refusal())
        return tuple(sorted({record.seq for record in found if record is not None}))

    def _describe_response(self) -> str:
        refusal = self.last_refusal()
        if refusal is None or not isinstance(refusal.event, HttpExchange):
            return ""
        how = {"ntlm": " to the NTLM token it sent instead", "none": " to the request without a ticket"}
        return f", and got {refusal.event.status}{how.get(refusal.event.auth, '')}"

    def _last_refused_ticket(self) -> Record | None:
        """Return the last ticket request, if the KDC did not issue the ticket."""
        for record in reversed(self._records):
            event = record.event
            if isinstance(event, KdcExchange) and event.request == "TGS" and not event.service.startswith("krbtgt/"):
                return record if event.outcome != "issued" else None
        return None

    def unresolved_name(self) -> Record | None:
        """Return the A query that got no address, unless a later one got an address.

        If there is another failure, a name that the client never connected to is not the cause: browsers query many
        names on their own.
        """
        missing = find_unanswered_name(self._records)
        name = getattr(missing.event, "name", "") if missing is not None else ""
        if missing is None or any(_host_of(record.event) == name for record in self._records):
            return missing
        others = (
            self.last_refusal(),
            self.last_failed_exchange(),
            self._last_refused_ticket(),
            find_refused_certificate(self._records),
        )
        return missing if all(other is None for other in others) else None


def _ended_with_error(finished: Record | None, signed_in: Record) -> bool:
    """Return whether the program ended with an error after its sign-in.

    A program that was killed (negative exit code) did not end with an error.
    """
    event = finished.event if finished is not None else None
    return (
        isinstance(event, ClientFinished)
        and event.exit_code > 0
        and finished is not None
        and (finished.seq > signed_in.seq)
    )


def _is_refusal(event: HttpExchange) -> bool:
    """Return whether a service has refused: by the status, by a code, or as a host that has no token for a program."""
    host = event.step is SignInStep.MANAGED_IDENTITY and 400 <= event.status < 500
    return event.status in _REFUSALS or event.code is not None or host


def _host_of(event: Event) -> str:
    return event.host if isinstance(event, HttpExchange | ConnectionFailed) else ""


def _describe_failed_exchange(event: Event) -> str:
    if isinstance(event, ConnectionFailed):
        return describe_failed_connection(event)
    assert isinstance(event, HttpExchange)  # noqa: S101 - by last_failed_exchange
    where = f"{event.host}{event.path}"
    if event.status == 0:
        return f"{where} did not answer"
    if event.injected and event.status < 400:
        return f"what came from {where} ({event.status}) was not the service's own answer"
    return _describe_answer(event)


def _describe_answer(event: HttpExchange) -> str:
    """Describe an error in the provider's own words, if it has any."""
    said = f"{event.host}{event.path} answered {event.status}"
    if event.code is None:
        return said
    text = event.error_description or f"AADSTS{event.code}"
    return f"{said}, {textwrap.shorten(text.rstrip('.'), _SENTENCE, placeholder=' …')}"


def _format_duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _succeeds(now: HttpExchange, then: Event) -> bool:
    return isinstance(then, HttpExchange) and (now.host, now.path) == (then.host, then.path) and not now.is_error
