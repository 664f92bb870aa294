"""The judge: from the trace records of one client in one phase to an outcome, and the reason in one sentence.

Theory of operation. ``judge`` is a pure function of trace records. It uses what services and the network recorded; the
result that a client reports about itself is not used, except the exit code in ``ClientFinished``.

The rules for the outcome, in this order; the first that holds decides:

1. ``silent`` or ``interactive``: the last sign-in (``ClientRecords.last_sign_in``) is final
   (``ClientRecords.is_final``), and the client did not end with an error after it. Final means: no refusal and no
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

from collections.abc import Sequence
from typing import NoReturn

from msgspec import Struct
from msgspec.structs import replace

from ssosim.trace import ClientFinished, Record, UserPrompted
from ssosim.verdict.client_records import NO_FAILURE, ClientRecords
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
from ssosim.verdict.failure_text import format_duration, format_seconds
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.pauses import Pause, describe_pauses, find_pauses_while_waiting
from ssosim.verdict.steps import (
    classify_failed_step,
    describe_unused_success,
    drop_abandoned_handshakes,
    select_before_prompt,
)

__all__ = ["MAX_EVENTS_PER_HOUR", "Verdict", "find_unresolved_name", "judge"]

MAX_EVENTS_PER_HOUR = 20_000
"""The largest number of trace events that a client model may cause in an hour of the lab; then ssosim stops it.

It is more than five in each second of the hour. No shipped model comes near it.
"""

_TOO_LATE = "no exchange failed, and what signs in was issued after its end"


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
    client = ClientRecords(records)
    prompts = len(client.select(UserPrompted))
    verdict = _say_not_checked(replace(_judge(client, began, before, period), prompts=prompts), client)
    if not pauses:
        return verdict
    met = find_pauses_while_waiting(pauses, records, _deciding_record(client, verdict))
    return replace(verdict, pauses=met, note=describe_pauses(met))


def _say_not_checked(verdict: Verdict, client: ClientRecords) -> Verdict:
    """Add to the reason of a sign-in the rules that its requests and tokens do not keep, and that were not checked."""
    if verdict.outcome not in (Outcome.SILENT, Outcome.INTERACTIVE):
        return verdict
    rules = {rule for each in client.records for rule in getattr(each.event, "not_checked", ())}
    return replace(verdict, reason=f"{verdict.reason}; not checked: {', '.join(sorted(rules))}") if rules else verdict


def _deciding_record(client: ClientRecords, verdict: Verdict) -> int | None:
    """Return the number of the record that decided ``verdict``; None if nothing decided it."""
    if verdict.after_s is None:
        return None
    if verdict.outcome in (Outcome.SILENT, Outcome.INTERACTIVE):
        return verdict.evidence[-1]
    finished = client.end()
    return None if finished is None else finished.seq


def _judge(client: ClientRecords, began: float, before: Sequence[Record], period: str) -> Verdict:
    spn, attempts = client.spn(), client.attempts()
    signed_in, finished = client.last_sign_in(), client.end()
    if signed_in is not None and client.is_final(signed_in) and not client.ended_with_error(signed_in):
        return _judge_sign_in(client, client.find_lasting_sign_in(signed_in), began, period)
    cause, evidence = client.describe_cause(), client.cause_evidence()
    if cause == NO_FAILURE and signed_in is not None and client.ended_with_error(signed_in):
        cause = describe_unused_success(client.records)
    if cause == NO_FAILURE and client.signed_in_too_late():
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


def _judge_sign_in(client: ClientRecords, signed_in: Record, began: float, period: str) -> Verdict:
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
        cause, code = ClientRecords(before).describe_cause(), ""
        reason = f"the user was asked{client.describe_prompts()}"
        if client.had_token_before(prompt):
            reason += " although a token had come"
        elif cause != NO_FAILURE:
            reason += f", because {cause}"
            code = ClientRecords(before).cause_code()
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
        reason += f", {format_duration(after)} into the {period}, without the user"
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
    client: ClientRecords, cause: str, before: Sequence[Record], began: float
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
        return Outcome.FAILED, f"it raised {event.error}{f' ({cause})' if cause != NO_FAILURE else ''}"
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
    after = "" if event.running_s is None else f" after {format_seconds(event.running_s)}"
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
    ago = format_seconds(max(began - failed.at, 0.0))
    return f"; what it met last, {ago} before: {ClientRecords(own).describe_cause()}"


def find_unresolved_name(records: Sequence[Record]) -> Record | None:
    """Return the A query without an address that a verdict on ``records`` would name, or None."""
    return ClientRecords(records).unresolved_name
