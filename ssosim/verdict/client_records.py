"""The records of one client in one phase, and what they say about its sign-ins, failures and end.

``ssosim.verdict.judge`` has the rules that this is for.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import msgspec
from msgspec import Struct

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
from ssosim.verdict.by_kind import RecordsByKind
from ssosim.verdict.credentials import is_probe_without_host
from ssosim.verdict.failure_text import describe_answer, describe_failed_exchange
from ssosim.verdict.failures import (
    NO_TOKEN_STEPS,
    REFUSALS,
    answers_ticket,
    find_code,
    host_of,
    is_for_service,
    is_refusal,
    succeeds,
)
from ssosim.verdict.steps import (
    ATTEMPTS,
    ON_THE_WIRE,
    classify_failed_step,
    describe_rcode,
    find_last_failed_pointer,
    find_refused_certificate,
    find_unanswered_name,
    is_attempt,
    is_missing_page,
    is_refused_by_kdc,
    is_refused_sign_on,
)

__all__ = ["NO_FAILURE", "ClientEnd", "ClientRecords"]

NO_FAILURE = "no exchange failed, and nothing was issued that signs in"
"""The cause of a client whose records have no failure."""
_UNKNOWN_SPN = "KDC_ERR_S_PRINCIPAL_UNKNOWN"
_STEP_TOKENS = ("assertion", "browser")
_WSTRUST_STEPS = (SignInStep.WSTRUST_TICKET, SignInStep.WSTRUST_PASSWORD)
_ONLY_ASSERTION = "an assertion was issued, and no token was asked for with it"
_PENDING_CODES = (70016,)  # authorization_pending: the device code waits for the user, which is not a refusal


class ClientEnd(Struct, frozen=True):
    """The record of a client's end."""

    seq: int
    at: float
    event: ClientFinished


class ClientRecords:
    """The records of one client in one phase, with the properties that a verdict depends on."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = RecordsByKind.of(records)
        self.select = self._records.select

    @property
    def records(self) -> Sequence[Record]:
        """All records, in their order."""
        return self._records

    def end(self) -> ClientEnd | None:
        """Return the record of the client's end; None if it did not end."""
        for record in reversed(self.select(ClientFinished)):
            event = record.event
            if isinstance(event, ClientFinished):
                if event.exit_code < 0 and not event.stopped:  # a trace of a lab that did not say why
                    event = msgspec.structs.replace(event, stopped="request")
                return ClientEnd(record.seq, record.at, event)
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
                if event.step not in NO_TOKEN_STEPS and (event.injected or not event.status):
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
        """Return the first record of this kind of event; None if there is none."""
        return next(iter(self.select(kind)), None)

    def last(self, kind: type[Event]) -> Record | None:
        """Return the last record of this kind of event; None if there is none."""
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
        """Return whether a service accepted a ticket of the client."""
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
            if isinstance(event, KdcExchange) and is_for_service(event):
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
            if is_refusal(event):
                last = record
            elif last is not None and (succeeds(event, last.event) or answers_ticket(event, last.event)):
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
                elif last is not None and event.host == host_of(last.event) and not is_missing_page(event):
                    last = None
        return last

    def describe_cause(self) -> str:
        """Describe the deepest cause in one clause."""
        return self._find_cause[0]

    def cause_code(self) -> str:
        """Return the error code of the cause that ``describe_cause`` names; empty if it has none."""
        event = self._find_cause[1]
        return "" if event is None else find_code(event)

    @cached_property
    def _find_cause(self) -> tuple[str, Event | None]:  # noqa: PLR0911 - one for each kind of cause
        """Return the deepest cause in one clause, and the event that it is; None if it is no single event."""
        if (ticket := self._last_refused_ticket) and self.was_refused:
            return self._describe_ticket_failure(ticket), ticket.event
        if (certificate := self._refused_certificate) and not self.was_refused:
            return describe_failed_exchange(certificate.event), None
        if missing := self.unresolved_name:
            event = missing.event
            assert isinstance(event, DnsAnswered)  # noqa: S101 - by find_unresolved_name
            return f"{event.name} has no address ({describe_rcode(event)})", None
        if ticket:
            return self._describe_ticket_failure(ticket), ticket.event
        refusal, failed = self.last_refusal, self.last_failed_exchange
        if failed is not None and (refusal is None or failed.seq >= refusal.seq):
            return describe_failed_exchange(failed.event), failed.event
        if refusal is not None:
            event = refusal.event
            assert isinstance(event, HttpExchange)  # noqa: S101 - by last_refusal
            return describe_answer(event), event
        asked = [
            r.event
            for r in self.select(HttpExchange)
            if isinstance(r.event, HttpExchange) and r.event.code not in _PENDING_CODES
        ]
        # A refusal among them was cancelled by a success, such as the 401 that starts Negotiate.
        if errors := [event for event in asked if event.is_error and event.status not in REFUSALS]:
            errors = [event for event in errors if not is_missing_page(event)] or errors
            return describe_answer(errors[-1]), errors[-1]
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
        return _ONLY_ASSERTION if self.only_has_assertion() else NO_FAILURE

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
            if isinstance(event, KdcExchange) and is_for_service(event):
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
            if event.is_error and event.status not in REFUSALS:
                last = record
            elif last is not None and succeeds(event, last.event):
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
        if missing is None or any(host_of(record.event) == name for record in reached):
            return missing
        others = (
            self.last_refusal,
            self.last_failed_exchange,
            self._last_refused_ticket,
            self._refused_certificate,
            self._last_error,
        )
        return missing if all(other is None for other in others) else None
