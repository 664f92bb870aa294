"""The judge: from the trace records of one client in one phase to an outcome, and the reason in one sentence.

Theory of operation. ``judge`` is a pure function of trace records. It uses what services and the network recorded; the
result that a client reports about itself is not used, except the exit code in ``ClientFinished``.

The rules for the outcome, in this order; the first that holds decides:

1. ``silent`` or ``interactive``: the last sign-in (``_ClientRecords.last_sign_in``) is final
   (``_ClientRecords.is_final``), and the client did not end with an error after it. Final means: no refusal and no
   prompt came after it. What is only a step of the usual sign-in (a ``browser`` session, and the next two) is also not
   final if an exchange failed, or a step was answered with an error, after it; an ``assertion`` also if a name had no
   address after it. With a
   ``UserPrompted`` anywhere in the phase the outcome is ``interactive``. A program that answered a sign-in page
   that no browser displayed (``UnattendedSignIn``) has asked nobody.
   What is issued after the end of a program reaches nobody, and is no sign-in.
2. ``failed``: the user was prompted, and no final token followed.
3. ``stalled``: ssosim stopped the client (``ClientFinished.stopped``). It was still running, whatever came before; a
   challenge that it left unanswered is no refusal.
4. ``failed``: a client model raised an error of its own (``ClientFinished.error``).
5. ``stalled`` or, if the client ended, ``failed``: it sent nothing. Its reason is then what it met last, in an earlier
   phase (``before``), since a client can store an error.
6. ``refused``: the last failure is the refusal of a service (``was_refused``): neither an unresolved name nor a failed
   exchange came after it. If a resource server refused an access token, or a permission, this rule comes before 2.
7. ``failed``: the client ended (``ClientFinished``).
8. ``stalled``: everything else. The client did not end, and the user saw nothing.

What signs in, by the step that gives it (``SignInStep``):

- a token of OAuth (``access``, ``refresh``, ``id``), at the step ``token`` or ``authorize``, if its answer reached the
  client as the service sent it: a fault can change the answer after the token was issued;
- the session of a ``browser`` at ``browser-sso``, since that is all that these endpoints give;
- the page of a service that is none of the identity provider's, as the answer to the request with a ticket that the
  service has accepted (RFC 4559, section 4.1: the server answers a good ticket with the page): it gives no token;
- an ``assertion`` of WS-Trust (``wstrust-ticket``, ``wstrust-password``) only if the client's last step is declared to
  be that (``LastStepDeclared``). An assertion is a grant for the token endpoint (RFC 7522, section 2.1), and a client
  that never goes there has no access to anything. An answer of status 200 alone signs nobody in.

What the kinds of failure are:

- A *refusal* is an answer with 401, 403, or an AADSTS code. An error page has status 200 and a code, and an error that
  is sent to the application has status 302 and a code. A later answer without error for the same host and path cancels
  a refusal. So the 401 that starts Negotiate is a refusal only if nothing better follows. The answer to a CORS
  preflight (OPTIONS) cancels none, since it carries no credentials (Fetch standard, CORS protocol). The refusal of an
  access token is cancelled by the same method only: a permission to read is none to write.
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

import re
import textwrap
from collections.abc import Sequence
from functools import cached_property
from typing import NoReturn

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from ssosim.trace import (
    ClientFinished,
    ConnectionFailed,
    DnsAnswered,
    Event,
    HttpExchange,
    KdcExchange,
    LabEvent,
    LastStepDeclared,
    Record,
    SignInStep,
    TicketChecked,
    TokenIssued,
    UnattendedSignIn,
    UserPrompted,
)
from ssosim.trace.connection_text import describe_failed_connection
from ssosim.verdict.by_kind import RecordsByKind
from ssosim.verdict.credentials import (
    CREDENTIAL_EVENTS,
    CredentialAttempt,
    describe_attempts,
    describe_chain_end,
    describe_credential,
    is_probe_without_host,
    list_attempts,
    split_attempts,
)
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.pauses import Pause, describe_pauses, find_pauses_while_waiting
from ssosim.verdict.steps import (
    ATTEMPTS,
    ON_THE_WIRE,
    PREFLIGHT_METHOD,
    classify_failed_step,
    describe_rcode,
    describe_unused_success,
    drop_abandoned_handshakes,
    find_last_failed_pointer,
    find_refused_certificate,
    find_unanswered_name,
    is_attempt,
    is_missing_page,
    is_refused_by_kdc,
    is_refused_sign_on,
    select_before_prompt,
)

__all__ = ["MAX_EVENTS_PER_HOUR", "Verdict", "find_unresolved_name", "judge"]

MAX_EVENTS_PER_HOUR = 20_000
"""The largest number of trace events that a client model may cause in an hour of the lab; then ssosim stops it.

It is more than five in each second of the hour. No shipped model comes near it.
"""

_UNKNOWN_SPN = "KDC_ERR_S_PRINCIPAL_UNKNOWN"
_TICKET_REQUESTS = ("TGS", "AP")
_REFUSALS = (401, 403)
_TRY_AGAIN = (408, 425, 429)
"""Request Timeout (RFC 9110), Too Early (RFC 8470), Too Many Requests (RFC 6585): the request was not judged."""
_STEP_TOKENS = ("assertion", "browser")
_NO_TOKEN_STEPS = (SignInStep.OTHER, SignInStep.UNKNOWN)
_WSTRUST_STEPS = (SignInStep.WSTRUST_TICKET, SignInStep.WSTRUST_PASSWORD)
_NO_FAILURE = "no exchange failed, and nothing was issued that signs in"
_TOO_LATE = "no exchange failed, and what signs in was issued after its end"
_ONLY_ASSERTION = "an assertion was issued, and no token was asked for with it"
_RESOURCE_CODE = re.compile(r"([A-Za-z][A-Za-z0-9_.]{2,127})(?::|$)")
_SENTENCE = 240  # characters of the provider's text in a reason
_PENDING_CODES = (70016,)  # authorization_pending: the device code waits for the user, which is not a refusal


class _End(Struct, frozen=True):
    """The record of a client's end."""

    seq: int
    at: float
    event: ClientFinished


class Verdict(Struct, frozen=True):
    """The outcome of one client in one phase.

    ``after_s`` is the time of the decision in seconds from the start of the phase; None if there was no decision, as
    for a client that ssosim stopped. ``spn`` is the last SPN that a ticket was requested for, empty if there was none.
    ``attempts`` counts sign-ins that the client started, ``prompts`` how often the user was asked. ``evidence`` holds
    the numbers of the trace records that the reason is based on. ``pauses`` are pauses of the lab itself while the
    client was waiting; ``note`` explains them to the reader. ``credential`` describes the credential that signed in
    without a person, and is empty for a person's. ``credential_attempts`` are the credentials without a person that
    sent requests, in order; the last one gave the token, if ``credential`` is not empty. ``tried`` is the end of
    ``reason`` that says which of them gave no token and why, and whether a chain went on. ``code`` is the error code of
    the cause that the reason names, such as ``AADSTS50126``, ``ForbiddenByRbac`` or ``KDC_ERR_S_PRINCIPAL_UNKNOWN``;
    empty if the cause has none.
    """

    outcome: Outcome
    reason: str
    after_s: float | None = None
    spn: str = ""
    attempts: int = 0
    evidence: tuple[int, ...] = ()
    pauses: tuple[Pause, ...] = ()
    note: str = ""
    prompts: int = 0
    credential: str = ""
    credential_attempts: tuple[CredentialAttempt, ...] = ()
    tried: str = ""
    code: str = ""

    def __bool__(self) -> NoReturn:
        """Raise TypeError: a verdict is there whatever the client did, so a test of that could not fail."""
        raise TypeError("a verdict is neither true nor false; compare its outcome, as in .outcome == 'silent'")


def judge(
    records: Sequence[Record],
    began: float,
    pauses: Sequence[Record] = (),
    before: Sequence[Record] = (),
    period: str = "phase",
) -> Verdict:
    """Judge one client in one phase.

    ``records`` are all records of that client in the phase, in order. ``began`` is the start of the phase in seconds
    since the Unix epoch. ``pauses`` are the phase's records of pauses of the lab itself; they never change the
    outcome. ``before`` are the client's records of earlier phases; they are named if it sends nothing in this one.
    ``period`` is the word for what began then: one of several sign-ins of a phase is an ``attempt``.
    """
    records = drop_abandoned_handshakes(records)
    client = _ClientRecords(records)
    prompts = len(client.select(UserPrompted))
    verdict = _say_not_checked(replace(_judge(client, began, before, period), prompts=prompts), client)
    if not pauses:
        return verdict
    met = find_pauses_while_waiting(pauses, records, _deciding_record(client, verdict))
    return replace(verdict, pauses=met, note=describe_pauses(met))


def _say_not_checked(verdict: Verdict, client: _ClientRecords) -> Verdict:
    """Add to the reason of a sign-in the rules that its requests and tokens do not keep, and that were not checked."""
    if verdict.outcome not in (Outcome.SILENT, Outcome.INTERACTIVE):
        return verdict
    rules = {rule for each in client.records for rule in getattr(each.event, "not_checked", ())}
    return replace(verdict, reason=f"{verdict.reason}; not checked: {', '.join(sorted(rules))}") if rules else verdict


def _deciding_record(client: _ClientRecords, verdict: Verdict) -> int | None:
    """Return the number of the record that decided ``verdict``; None if nothing decided it."""
    if verdict.after_s is None:
        return None
    if verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE):
        return verdict.evidence[-1]
    finished = client.end()
    return None if finished is None else finished.seq


def _judge(client: _ClientRecords, began: float, before: Sequence[Record], period: str) -> Verdict:
    spn, attempts = client.spn(), client.attempts()
    signed_in, finished = client.last_sign_in(), client.end()
    if signed_in is not None and client.is_final(signed_in) and not client.ended_with_error(signed_in):
        return _judge_sign_in(client, client.find_lasting_sign_in(signed_in), began, period)
    cause, evidence = client.describe_cause(), client.cause_evidence()
    if cause == _NO_FAILURE and signed_in is not None and client.ended_with_error(signed_in):
        cause = describe_unused_success(client.records)
    if cause == _NO_FAILURE and client.signed_in_too_late():
        cause = _TOO_LATE
    stopped = finished is not None and bool(finished.event.stopped)
    decided = finished.at - began if finished is not None and not stopped else None
    outcome, reason = _describe_end(client, cause, before, began)
    if outcome is Outcome.STALLED:
        decided = None
    made = list_attempts(client.select(*CREDENTIAL_EVENTS))
    judged = outcome is not Outcome.STALLED and client.first(UserPrompted) is None
    tried = _describe_tried(made, client.records) if judged else ""
    return Verdict(
        outcome,
        reason + tried,
        decided,
        spn,
        attempts,
        evidence,
        credential_attempts=made,
        tried=tried,
        code=client.cause_code() if cause in reason else "",
    )


def _describe_tried(tried: Sequence[CredentialAttempt], records: Sequence[Record]) -> str:
    """Say which credentials a program tried before the last one, why they gave no token, and what followed."""
    earlier = describe_attempts(tried[:-1])
    end = describe_chain_end(tried, records)
    return f"{f'; tried before: {earlier}' if earlier else ''}{f'; {end}' if end else ''}"


def _judge_sign_in(client: _ClientRecords, signed_in: Record, began: float, period: str) -> Verdict:
    """Return the verdict on a client whose final token is ``signed_in``."""
    after = signed_in.at - began
    spn, attempts, finished = client.spn(), client.attempts(), client.end()
    late = ""
    if finished is not None and finished.event.stopped and finished.seq > signed_in.seq:
        late = f"; it did not end by itself{_describe_stop(finished.event)}"
    if prompt := client.first(UserPrompted):
        before = [
            each for each in select_before_prompt(client.records, prompt) if not is_probe_without_host(each.event)
        ]
        cause, code = _ClientRecords(before).describe_cause(), ""
        reason = f"the user was asked{client.describe_prompts()}"
        if client.had_token_before(prompt):
            reason += " although a token had come"
        elif cause != _NO_FAILURE:
            reason += f", because {cause}"
            code = _ClientRecords(before).cause_code()
        evidence = (prompt.seq, signed_in.seq)
        return Verdict(Outcome.INTERACTIVE, reason + late, after, spn, attempts, evidence, code=code)
    reason = client.describe_silent_sign_in()
    if client.used_earlier_refresh_token(signed_in):
        reason += " with a refresh token of an earlier sign-in"
    credential = describe_credential(client.records, signed_in)
    if credential:
        reason += f" by {credential}"
    earlier, last = split_attempts(list_attempts(client.select(*CREDENTIAL_EVENTS)), signed_in)
    tried = f", after {text}" if credential and (text := describe_attempts(earlier)) else ""
    reason += tried
    if after >= 1 and not client.is_program():
        reason += f", {_format_duration(after)} into the {period}, without the user"
    return Verdict(
        Outcome.SILENT,
        reason + late,
        after,
        spn,
        attempts,
        (signed_in.seq,),
        credential=credential,
        credential_attempts=(*earlier, last) if credential and last is not None else earlier,
        tried=tried,
    )


def _describe_end(  # noqa: PLR0911 - one for each kind of end
    client: _ClientRecords, cause: str, before: Sequence[Record], began: float
) -> tuple[Outcome, str]:
    """Return outcome and reason of a client without a final token."""
    finished = client.end()
    event = finished.event if finished is not None else None
    if client.was_refused_with_token() and not (event is not None and event.stopped):
        return Outcome.REFUSED, cause
    still = _describe_stop(event) if event is not None and event.stopped else ""
    if prompt := client.first(UserPrompted):
        times = client.describe_prompts()
        if client.had_token_before(prompt):
            return Outcome.FAILED, f"the user was asked{times} although a token had come, and nothing followed{still}"
        return Outcome.FAILED, f"the user was asked{times} in vain{still}: {cause}"
    silent = not client.sent_anything()
    met = _describe_last_met(before, began) if silent else ""
    if event is not None and event.stopped:
        tries = f"{client.attempts()} attempts, " if client.attempts() > 1 else ""
        sent = f"it sent nothing{met}" if silent else client.describe_pending(cause)
        return Outcome.STALLED, f"{still.removeprefix(', ')}: {tries}{sent}"
    if event is not None and event.error:
        return Outcome.FAILED, f"it raised {event.error}{f' ({cause})' if cause != _NO_FAILURE else ''}"
    if silent and event is not None:
        return Outcome.FAILED, f"it ended with exit code {event.exit_code} and sent nothing{met}"
    if silent:
        return Outcome.STALLED, f"it did nothing that reached the wire{met}"
    if client.was_refused:
        return Outcome.REFUSED, cause
    if event is not None:
        return Outcome.FAILED, f"it ended with exit code {event.exit_code}: {cause}"
    tries = f"{client.attempts()} attempts" if client.attempts() != 1 else "one attempt"
    return Outcome.STALLED, f"{tries}, no prompt, no sign-in: {cause}"


def _describe_stop(event: ClientFinished) -> str:
    """Return the words for a client that ssosim stopped."""
    after = "" if event.running_s is None else f" after {_format_seconds(event.running_s)}"
    if event.stopped == "limit":
        return f", stopped{after} at the limit of {MAX_EVENTS_PER_HOUR:,} events in an hour: it retries without bound"
    why = "its deadline came" if event.stopped == "deadline" else "it was stopped by a request"
    return f", still running{after}, when {why}"


def _describe_last_met(before: Sequence[Record], began: float) -> str:
    """Return what a client met last in earlier phases, and when; empty if it met nothing."""
    failed = next((record for record in reversed(before) if classify_failed_step(record.event)), None)
    if failed is None:
        return ""
    own = [record for record in before if record.seq <= failed.seq]
    ago = _format_seconds(max(began - failed.at, 0.0))
    return f"; what it met last, {ago} before: {_ClientRecords(own).describe_cause()}"


def find_unresolved_name(records: Sequence[Record]) -> Record | None:
    """Return the A query without an address that a verdict on ``records`` would name, or None."""
    return _ClientRecords(records).unresolved_name


class _ClientRecords:
    """The records of one client in one phase, with the properties that a verdict depends on."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = RecordsByKind.of(records)
        self.select = self._records.select

    @property
    def records(self) -> Sequence[Record]:
        return self._records

    def end(self) -> _End | None:
        """Return the record of the client's end; None if it did not end."""
        for record in reversed(self.select(ClientFinished)):
            event = record.event
            if isinstance(event, ClientFinished):
                if event.exit_code < 0 and not event.stopped:  # a trace of a lab that did not say why
                    event = msgspec.structs.replace(event, stopped="request")
                return _End(record.seq, record.at, event)
        return None

    def is_program(self) -> bool:
        """Return whether the client is a program: its device was recorded."""
        return any(getattr(record.event, "part", "") == "device" for record in self.select(LabEvent))

    def sent_anything(self) -> bool:
        """Return whether a message of the client reached the lab, or it got a token."""
        return bool(self.select(*ON_THE_WIRE))

    def ended_with_error(self, signed_in: Record) -> bool:
        """Return whether the client ended with an error after ``signed_in``; one that ssosim stopped did not."""
        end = self.end()
        if end is None or end.event.stopped or end.seq < signed_in.seq:
            return False
        return end.event.exit_code > 0 or bool(end.event.error)

    def had_token_before(self, prompt: Record) -> bool:
        """Return whether a token that is no mere step of a sign-in was issued before ``prompt``."""
        return any(
            getattr(record.event, "kind", "") not in _STEP_TOKENS and record.seq < prompt.seq
            for record in self.select(TokenIssued)
            if record.seq not in self._lost_tokens
        )

    @cached_property
    def _lost_tokens(self) -> frozenset[int]:
        """The numbers of the tokens that the client did not get: a fault changed the answer, or kept it back.

        The record of a token stands just before that of the exchange whose answer contains it.
        """
        lost: set[int] = set()
        issued: list[int] = []
        for record in self.select(TokenIssued, HttpExchange):
            event = record.event
            if isinstance(event, TokenIssued):
                issued.append(record.seq)
            elif isinstance(event, HttpExchange):
                if event.step not in _NO_TOKEN_STEPS and (event.injected or not event.status):
                    lost.update(issued)
                issued.clear()
        return frozenset(lost)

    def describe_prompts(self) -> str:
        """Return `` twice`` or `` N times`` if the user was prompted more than once; else an empty text."""
        number = len(self.select(UserPrompted))
        return "" if number < 2 else " twice" if number == 2 else f" {number} times"

    def describe_pending(self, cause: str) -> str:
        """Return what a client that was stopped met last: ``cause``, or a challenge that it left unanswered."""
        last = self.last_refusal
        if last is not None and self.was_refused and not self._last_refused_ticket:
            event = last.event
            if isinstance(event, HttpExchange) and event.status == 401 and event.auth == "none" and event.code is None:
                return f"it met the challenge of {event.host}{event.path} (401) last, without an answer to it"
        return cause

    def first(self, kind: type[Event]) -> Record | None:
        return next(iter(self.select(kind)), None)

    def last(self, kind: type[Event]) -> Record | None:
        return next(reversed(self.select(kind)), None)

    def last_step(self) -> SignInStep | None:
        """Return the step that was declared to complete the client's sign-in; None for a token, as usual."""
        declared = self.last(LastStepDeclared)
        return declared.event.last_step if declared and isinstance(declared.event, LastStepDeclared) else None

    def last_sign_in(self) -> Record | None:
        """Return the last record that completes a sign-in: a token, or the page of a service behind Kerberos."""
        return next(reversed([record for record in self._sign_ins if record.seq < self._ended_for_good]), None)

    def signed_in_too_late(self) -> bool:
        """Return whether something that signs in was issued, and only after the program had ended."""
        return bool(self._sign_ins) and self.last_sign_in() is None

    @cached_property
    def _ended_for_good(self) -> float:
        """The number of the record of a program's end, infinite while it runs: what is issued then reaches nobody.

        A client model has no such end: its process goes on. A program that runs again has a device again.
        """
        end = self.end()
        devices = [r.seq for r in self.select(LabEvent) if getattr(r.event, "part", "") == "device"]
        return end.seq if end is not None and devices and devices[-1] < end.seq else float("inf")

    @cached_property
    def _sign_ins(self) -> Sequence[Record]:
        """The records that complete a sign-in, in their order."""
        assertion_completes = self.last_step() in _WSTRUST_STEPS
        accepted = False
        found: list[Record] = []
        if not self.select(TokenIssued, TicketChecked):
            return found
        for record in self.select(TokenIssued, TicketChecked, HttpExchange):
            event = record.event
            if isinstance(event, TokenIssued):
                if (event.kind != "assertion" or assertion_completes) and record.seq not in self._lost_tokens:
                    found.append(record)
            elif isinstance(event, TicketChecked):
                accepted = event.accepted
            elif isinstance(event, HttpExchange):
                shown = event.step is SignInStep.OTHER and event.status and not event.is_error and not event.injected
                if accepted and shown and event.auth == "kerberos":
                    found.append(record)
                accepted = False  # the check of a ticket stands just before its exchange
        return found

    def used_earlier_refresh_token(self, signed_in: Record) -> bool:
        """Return whether a refresh token gave ``signed_in``, and none was issued to the client before it."""
        if getattr(signed_in.event, "grant", "") != "refresh_token":
            return False
        return not any(
            getattr(record.event, "grant", "") != "refresh_token"
            for record in self.select(TokenIssued)
            if record.seq < signed_in.seq
        )

    def only_has_assertion(self) -> bool:
        """Return whether an assertion is all that was issued to the client."""
        kinds = {getattr(record.event, "kind", "") for record in self.select(TokenIssued)}
        return kinds == {"assertion"}

    def is_final(self, signed_in: Record) -> bool:
        """Return whether ``signed_in`` is final: no refusal, prompt or failed next step came after it.

        Unresolved names count after an assertion only, since browsers query many names on their own. An error that
        answers a later step of the sign-in, such as 429, is a failed step too, although it refuses nothing.
        """
        after = [self.last_refusal, self.last(UserPrompted)]
        kind = getattr(signed_in.event, "kind", "")
        if kind in _STEP_TOKENS or not isinstance(signed_in.event, TokenIssued):
            after += [self.last_failed_exchange, self._last_error]
        if kind == "assertion":
            after.append(self.unresolved_name)
        return all(record is None or record.seq < signed_in.seq for record in after)

    def find_lasting_sign_in(self, last: Record) -> Record:
        """Return the first sign-in of the same kind after which nothing failed: ``last``, or an earlier one."""
        found = last
        for record in reversed(self._records):
            if record.seq >= last.seq:
                continue
            if classify_failed_step(record.event) or isinstance(record.event, UserPrompted):
                break
            kind = getattr(record.event, "kind", "")
            if isinstance(record.event, TokenIssued) and kind == getattr(last.event, "kind", ""):
                found = found if record.seq in self._lost_tokens else record
        return found

    def describe_silent_sign_in(self) -> str:
        """Say how the client signed in without a prompt: a page that a program answers asks nobody."""
        if self.first(UnattendedSignIn) is not None:
            return "signed in at the page without a person"
        return "the ticket was accepted" if self.ticket_accepted() else "signed in without a prompt"

    def ticket_accepted(self) -> bool:
        return any(getattr(record.event, "accepted", False) for record in self.select(TicketChecked))

    def attempts(self) -> int:
        """Count the sign-ins that the client started, by requests for realm discovery.

        Realm discovery is the first step of the native flow. A program that starts with another step counts as one
        attempt.
        """
        starts = sum(is_attempt(record.event) for record in self.select(*ATTEMPTS))
        return max(starts, 1 if self._records else 0)

    def spn(self) -> str:
        """Return the last service that a ticket was requested for; empty if there was none."""
        for record in reversed(self.select(KdcExchange)):
            event = record.event
            if isinstance(event, KdcExchange) and _is_for_service(event):
                return event.service
        return ""

    @cached_property
    def last_refusal(self) -> Record | None:
        """Return the last refusal that no later success cancels.

        A 401 that starts Negotiate is the normal first step; it is a refusal only if nothing better follows. An AADSTS
        code is a refusal, whatever the status: a token endpoint that does not accept an assertion means no sign-in, and
        an error page has status 200. ``authorization_pending`` is not a refusal.
        """
        last: Record | None = None
        for record in self.select(HttpExchange):
            event = record.event
            if not isinstance(event, HttpExchange) or event.code in _PENDING_CODES:
                continue
            if _is_refusal(event):
                last = record
            elif last is not None and (_succeeds(event, last.event) or _answers_ticket(event, last.event)):
                last = None
        return last

    def was_refused_with_token(self) -> bool:
        """Return whether the last failure is the refusal of a resource server: the sign-in itself had succeeded."""
        refusal = self.last_refusal
        return refusal is not None and getattr(refusal.event, "auth", "") == "bearer" and self.was_refused

    @cached_property
    def was_refused(self) -> bool:
        """Return whether a refusal was the last failure."""
        refusal = self.last_refusal
        others = (self.unresolved_name, self.last_failed_exchange)
        return refusal is not None and all(other is None or other.seq <= refusal.seq for other in others)

    @cached_property
    def last_failed_exchange(self) -> Record | None:
        """Return the last exchange without an answer of the service itself, unless that host answered later."""
        last: Record | None = None
        for record in self.select(ConnectionFailed, HttpExchange):
            event = record.event
            if is_probe_without_host(event) or is_refused_by_kdc(event):
                continue
            if isinstance(event, ConnectionFailed):
                last = record
            elif isinstance(event, HttpExchange):
                if event.injected or event.status >= 500 or event.status == 0:
                    last = record
                elif last is not None and event.host == _host_of(last.event) and not is_missing_page(event):
                    last = None
        return last

    def describe_cause(self) -> str:
        """Describe the deepest cause in one clause."""
        return self._find_cause[0]

    def cause_code(self) -> str:
        """Return the error code of the cause that ``describe_cause`` names; empty if it has none."""
        event = self._find_cause[1]
        return "" if event is None else _find_code(event)

    @cached_property
    def _find_cause(self) -> tuple[str, Event | None]:  # noqa: PLR0911 - one for each kind of cause
        """Return the deepest cause in one clause, and the event that it is; None if it is no single event."""
        if (ticket := self._last_refused_ticket) and self.was_refused:
            return self._describe_ticket_failure(ticket), ticket.event
        if (certificate := self._refused_certificate) and not self.was_refused:
            return _describe_failed_exchange(certificate.event), None
        if missing := self.unresolved_name:
            event = missing.event
            assert isinstance(event, DnsAnswered)  # noqa: S101 - by find_unresolved_name
            return f"{event.name} has no address ({describe_rcode(event)})", None
        if ticket:
            return self._describe_ticket_failure(ticket), ticket.event
        refusal, failed = self.last_refusal, self.last_failed_exchange
        if failed is not None and (refusal is None or failed.seq >= refusal.seq):
            return _describe_failed_exchange(failed.event), failed.event
        if refusal is not None:
            event = refusal.event
            assert isinstance(event, HttpExchange)  # noqa: S101 - by last_refusal
            return _describe_answer(event), event
        asked = [
            r.event
            for r in self.select(HttpExchange)
            if isinstance(r.event, HttpExchange) and r.event.code not in _PENDING_CODES
        ]
        # A refusal among them was cancelled by a success, such as the 401 that starts Negotiate.
        if errors := [event for event in asked if event.is_error and event.status not in _REFUSALS]:
            errors = [event for event in errors if not is_missing_page(event)] or errors
            return _describe_answer(errors[-1]), errors[-1]
        if any(is_probe_without_host(record.event) for record in self.select(ConnectionFailed)):
            return "there is no managed identity here: 169.254.169.254 does not answer on this device", None
        if asked and asked[-1].step in (SignInStep.REALM, SignInStep.CREDENTIAL_TYPE):
            return f"{asked[-1].host} offers no silent way for this user", None
        return self._describe_without_failure(), None

    def _describe_without_failure(self) -> str:
        """Describe the cause where no exchange failed: a reverse look-up, or what was not requested."""
        if (pointer := find_last_failed_pointer(self._records)) and self._ended_badly():
            event = pointer.event
            assert isinstance(event, DnsAnswered)  # noqa: S101 - by find_last_failed_pointer
            return f"the PTR look-up of {event.name} failed ({describe_rcode(event)})"
        return _ONLY_ASSERTION if self.only_has_assertion() else _NO_FAILURE

    def _ended_badly(self) -> bool:
        """Return whether the client ended with an error by itself."""
        end = self.end()
        return end is not None and not end.event.stopped and (end.event.exit_code > 0 or bool(end.event.error))

    def _describe_ticket_failure(self, ticket: Record) -> str:
        event = ticket.event
        assert isinstance(event, KdcExchange)  # noqa: S101 - by _last_refused_ticket
        if event.request == "AS":
            verb, why = ("did not answer", "") if event.outcome == "no answer" else ("refused", f": {event.outcome}")
            return f"the KDC {verb} the sign-on of {event.principal}{why}{self._describe_response()}"
        if event.request == "AP":
            why = f"is not valid by the clock of the device: {event.outcome}"
            return f"its ticket for {event.service} {why}{self._describe_response()}"
        if event.outcome == _UNKNOWN_SPN:
            return f"it asked for {event.service}, which the KDC does not know{self._describe_response()}"
        response = "did not answer" if event.outcome == "no answer" else f"said {event.outcome}"
        return f"it asked for {event.service}, and the KDC {response}{self._describe_response()}"

    def cause_evidence(self) -> tuple[int, ...]:
        """Return the numbers of the records that ``describe_cause`` is based on, in ascending order."""
        found = (self.unresolved_name, self._last_refused_ticket, self.last_failed_exchange, self.last_refusal)
        return tuple(sorted({record.seq for record in found if record is not None}))

    def _describe_response(self) -> str:
        refusal = self.last_refusal
        if refusal is None or not isinstance(refusal.event, HttpExchange):
            return ""
        how = {"ntlm": " to the NTLM token it sent instead", "none": " to the request without a ticket"}
        return f", and got {refusal.event.status}{how.get(refusal.event.auth, '')}"

    @cached_property
    def _last_refused_ticket(self) -> Record | None:
        """Return the last ticket request, if the KDC did not issue the ticket; or a sign-on that it refused."""
        for record in reversed(self.select(KdcExchange)):
            event = record.event
            if is_refused_sign_on(event):
                return record
            if isinstance(event, KdcExchange) and _is_for_service(event):
                return record if event.outcome != "issued" else None
        return None

    @cached_property
    def _refused_certificate(self) -> Record | None:
        """Return the record of the last certificate that the client refused, unless the same host answered later."""
        return find_refused_certificate(self.select(ConnectionFailed, HttpExchange))

    @cached_property
    def _last_error(self) -> Record | None:
        """Return the last error that answered a step of the sign-in, unless a later success cancels it."""
        last: Record | None = None
        for record in self.select(HttpExchange):
            event = record.event
            if not isinstance(event, HttpExchange) or event.step is SignInStep.OTHER or event.code in _PENDING_CODES:
                continue
            if event.is_error and event.status not in _REFUSALS:
                last = record
            elif last is not None and _succeeds(event, last.event):
                last = None
        return last

    @cached_property
    def unresolved_name(self) -> Record | None:
        """Return the A query that got no address, unless a later one got an address.

        If there is another failure, a name that the client never connected to is not the cause: browsers query many
        names on their own.
        """
        missing = find_unanswered_name(self.select(DnsAnswered))
        name = getattr(missing.event, "name", "") if missing is not None else ""
        reached = self.select(ConnectionFailed, HttpExchange)
        if missing is None or any(_host_of(record.event) == name for record in reached):
            return missing
        others = (
            self.last_refusal,
            self.last_failed_exchange,
            self._last_refused_ticket,
            self._refused_certificate,
            self._last_error,
        )
        return missing if all(other is None for other in others) else None


def _is_for_service(event: KdcExchange) -> bool:
    return event.request in _TICKET_REQUESTS and not event.service.startswith("krbtgt/")


def _find_code(event: Event) -> str:
    """Return the error code in an answer: AADSTS, that of a resource server, or that of a KDC; empty without one."""
    if isinstance(event, KdcExchange):
        return event.outcome if event.outcome.startswith(("KDC_", "KRB_")) else ""
    if not isinstance(event, HttpExchange) or not event.is_error:
        return ""
    if event.code is not None:
        return f"AADSTS{event.code}"
    named = _RESOURCE_CODE.match(event.error_description) if event.auth == "bearer" else None
    return named[1] if named else ""


def _is_refusal(event: HttpExchange) -> bool:
    """Return whether a service has refused: by the status, by a code, or as a host that has no token for a program.

    Any error of the client with which the service itself answers a ticket at a step of the sign-in is a refusal of it,
    but those that mean "try again".
    """
    ticket = event.auth == "kerberos" and event.step not in _NO_TOKEN_STEPS
    ticket = ticket and not event.injected and event.status not in _TRY_AGAIN
    refused = (ticket or event.step is SignInStep.MANAGED_IDENTITY) and 400 <= event.status < 500
    return event.status in _REFUSALS or event.code is not None or refused


def _host_of(event: Event) -> str:
    return event.host if isinstance(event, (HttpExchange, ConnectionFailed)) else ""


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
    response = f"{event.host}{event.path} answered {event.status}"
    if event.auth == "bearer":
        return _describe_resource_answer(event, response)
    if event.code is None and not event.error_description:
        return response
    text = event.error_description or f"AADSTS{event.code}"
    return f"{response}, {textwrap.shorten(text.rstrip('.'), _SENTENCE, placeholder=' …')}"


def _describe_resource_answer(event: HttpExchange, response: str) -> str:
    """Describe what a resource server answered to an access token: 403 is a permission that is missing."""
    text = textwrap.shorten(event.error_description.rstrip("."), _SENTENCE, placeholder=" …")
    what = "the token was accepted, and a permission is missing: " if event.status == 403 else ""
    return f"{what}{response}{f', {text}' if text else ''}"


def _format_duration(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    parts = ((hours, "h"), (minutes, "min"), (rest, "s"))
    return " ".join(f"{number} {unit}" for number, unit in parts if number)


def _format_seconds(seconds: float) -> str:
    return f"{seconds:.2g} s" if seconds < 10 else _format_duration(seconds)


def _answers_ticket(now: HttpExchange, then: Event) -> bool:
    """Return whether ``now`` is the answer of the service itself to the ticket that it had asked for in ``then``."""
    return (
        isinstance(then, HttpExchange)
        and (then.status, then.auth, then.code) == (401, "none", None)
        and (now.host, now.path, now.auth) == (then.host, then.path, "kerberos")
        and now.status != 0
        and not now.injected
    )


def _succeeds(now: HttpExchange, then: Event) -> bool:
    """Return whether the service itself has answered ``now`` without error at the place of ``then``."""
    good = bool(now.status) and not now.is_error and not now.injected
    if not good or not isinstance(then, HttpExchange) or (now.host, now.path) != (then.host, then.path):
        return False
    return now.method == then.method if then.auth == "bearer" else now.method != PREFLIGHT_METHOD
