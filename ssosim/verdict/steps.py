"""The step of a sign-in at which an event is a failure, and other properties of a trace that several modules need."""

from __future__ import annotations

from collections.abc import Sequence

from ssosim.trace import (
    NO_FIRST_STEPS,
    ConnectionFailed,
    DnsAnswered,
    Event,
    FirstSteps,
    HttpExchange,
    KdcExchange,
    Record,
    SignInStep,
    TicketChecked,
    TokenIssued,
    step_of_host,
)
from ssosim.verdict.by_kind import RecordsByKind

__all__ = [
    "ATTEMPTS",
    "ON_THE_WIRE",
    "PREAUTH_REQUIRED",
    "PREFLIGHT_METHOD",
    "choose_unanswered_name",
    "classify_failed_step",
    "describe_rcode",
    "describe_unused_success",
    "drop_abandoned_handshakes",
    "find_last_failed_pointer",
    "find_refused_certificate",
    "find_unanswered_name",
    "has_address",
    "is_address_query",
    "is_attempt",
    "is_missing_page",
    "is_on_the_wire",
    "is_refused_by_kdc",
    "is_refused_sign_on",
    "select_before_prompt",
]

ATTEMPTS = (HttpExchange, ConnectionFailed)
"""The kinds of events that may start a sign-in (``is_attempt``)."""
ON_THE_WIRE = (DnsAnswered, KdcExchange, TicketChecked, HttpExchange, ConnectionFailed, TokenIssued)
"""The kinds of events of messages that reached the lab, or that follow from one."""
_LATE_ALERT_S, _KDC_PORT = 1.0, 88
_SIGN_ON_ERRORS = frozenset(
    {"KDC_ERR_CLIENT_REVOKED", "KDC_ERR_ETYPE_NOSUPP", "KDC_ERR_KEY_EXPIRED", "KDC_ERR_NAME_EXP", "no answer"}
)
PREAUTH_REQUIRED = "KDC_ERR_PREAUTH_REQUIRED"
"""The normal reply to the first AS request; it names the pre-authentication to use (RFC 4120, section 3.1.1)."""

PREFLIGHT_METHOD = "OPTIONS"
"""The method of a CORS preflight, which never carries credentials (Fetch standard, CORS protocol)."""


def classify_failed_step(event: Event, first_steps: FirstSteps = NO_FIRST_STEPS) -> SignInStep | None:
    """Return the step at which ``event`` is a failure; None if it is not a failure.

    The 401 that starts Negotiate is not a failure. A name without an address fails at the step for which its host is
    contacted first (``first_steps``).
    """
    match event:
        case DnsAnswered(type="A") if not has_address(event):
            return step_of_host(first_steps, event.name)
        case ConnectionFailed():
            return SignInStep.TICKET if is_refused_by_kdc(event) else event.step
        case KdcExchange():
            return None if event.outcome in ("issued", PREAUTH_REQUIRED) else SignInStep.TICKET
        case HttpExchange(status=401, auth="none", code=None):
            return None
        case HttpExchange() if event.is_error or event.status == 0 or event.injected:
            return event.step
        case _:
            return None


def is_refused_sign_on(event: Event) -> bool:
    """Return whether the KDC gave no ticket-granting ticket: because of the user's account, or without an answer."""
    return isinstance(event, KdcExchange) and event.request == "AS" and event.outcome in _SIGN_ON_ERRORS


def is_attempt(event: Event) -> bool:
    """Return whether ``event`` starts a sign-in: realm discovery is the first step of the native flow."""
    return isinstance(event, ATTEMPTS) and event.step is SignInStep.REALM


def is_missing_page(event: Event) -> bool:
    """Return whether a page that is no step of a sign-in does not exist: an icon, for example.

    Browsers request ``/favicon.ico`` from every host, also after a refusal (HTML standard, section 4.6.7.8).
    """
    return (
        isinstance(event, HttpExchange)
        and event.step is SignInStep.OTHER
        and event.status in (404, 410)
        and event.auth == "none"
        and event.code is None
    )


def is_refused_by_kdc(event: Event) -> bool:
    """Return whether a client got no connection to a KDC, so that it asks the next one, or goes on without a ticket."""
    return isinstance(event, ConnectionFailed) and event.port == _KDC_PORT


def is_on_the_wire(event: Event) -> bool:
    """Return whether ``event`` is a message of a client that reached the lab, or follows from one."""
    return isinstance(event, ON_THE_WIRE)


def find_unanswered_name(records: Sequence[Record]) -> Record | None:
    """Return the A query that got no address, unless a later A query got one.

    Of several names it is the one that a fault touched, else the first: a stub resolver that fails continues with its
    search list.
    """
    return choose_unanswered_name(records)


def choose_unanswered_name(records: Sequence[Record], first_steps: FirstSteps = NO_FIRST_STEPS) -> Record | None:
    """Return the A query that got no address, unless a later A query got one.

    Of several names it prefers one that is in ``first_steps``, which the estate serves, and one whose answer a fault
    changed; of these the last, since a client tries again. Else it is the first.
    """
    unanswered: list[Record] = []
    for record in records:
        event = record.event
        if isinstance(event, DnsAnswered) and is_address_query(event):
            if has_address(event):
                unanswered.clear()
            else:
                if event.transport == "tcp":  # the same query again, since the answer over UDP was cut (RFC 7766)
                    unanswered = [each for each in unanswered if not _is_cut_answer(each.event, event.name)]
                unanswered.append(record)

    def rank(record: Record) -> tuple[bool, bool]:
        event = record.event
        assert isinstance(event, DnsAnswered)  # noqa: S101 - by the loop
        return event.name in first_steps, bool(event.faults)

    best = max(map(rank, unanswered), default=None)
    found = [record for record in unanswered if rank(record) == best]
    # Names that the estate serves are no names of a search list: the client met the last one last.
    return next(iter(found[::-1] if best and best[0] else found), None)


def _is_cut_answer(event: Event, name: str) -> bool:
    return isinstance(event, DnsAnswered) and event.name == name and event.rcode == "TRUNCATED"


def is_address_query(event: DnsAnswered) -> bool:
    """Return whether the query is for IPv4 addresses; every client sends it, also one that prefers IPv6."""
    return event.type == "A"


def has_address(event: DnsAnswered) -> bool:
    """Return whether the answer has an address. A chain of CNAMEs that ends at no address has none."""
    return bool(event.answers) and any(answer.startswith(("A ", "AAAA ")) for answer in event.answers)


def describe_rcode(event: DnsAnswered) -> str:
    """Return the response code, with the extended error of the server if there is one (RFC 8914)."""
    return f"{event.rcode}, {event.extended_error}" if event.extended_error else event.rcode


def describe_unused_success(records: Sequence[Record]) -> str:
    """Say what a client had got that ended with an error although no exchange failed.

    A client that demands mutual authentication (RFC 4559, section 4.2) takes no response without a token of the
    service, although the service has signed it in: for example requests-kerberos, by default.
    """
    last = next((record.event for record in reversed(records) if isinstance(record.event, HttpExchange)), None)
    if last is None or last.auth != "kerberos":
        return "no exchange failed, and it had signed in"
    if last.mutual_token:
        return "no exchange failed, and the ticket was accepted"
    return (
        "the ticket was accepted, and the response had no token of the service, which a client that demands mutual "
        "authentication does not take"
    )


def select_before_prompt(records: Sequence[Record], prompt: Record) -> list[Record]:
    """Return the records of the same client before ``prompt``.

    A TLS alert that the server received less than a second after the prompt is included: a browser continues before it
    has sent the alert (Chromium: up to 20 ms later).
    """
    return [
        record
        for record in records
        if record.seq < prompt.seq
        or (
            isinstance(record.event, ConnectionFailed)
            and record.event.by == "server"
            and _is_within_a_second(prompt, record)
        )
    ]


def _is_within_a_second(first: Record, then: Record) -> bool:
    return then.at - first.at < _LATE_ALERT_S


def drop_abandoned_handshakes(records: Sequence[Record]) -> Sequence[Record]:
    """Return ``records`` of a client without the handshakes that it gave up and that are no failure.

    A browser opens connections in advance, and closes one that it does not need, also within the handshake (Firefox
    153, measured). It is no failure if no fault touched it and that host answered the client on another connection.
    """
    abandoned = {
        record.seq: record.event.host
        for record in RecordsByKind.of(records).select(ConnectionFailed)
        if isinstance(record.event, ConnectionFailed)
        and record.event.stage == "tls"
        and record.event.reason == "unfinished"
        and not record.event.faults
    }
    if not abandoned:
        return records
    answered = {r.event.host for r in records if isinstance(r.event, HttpExchange) and r.event.status}
    return [record for record in records if abandoned.get(record.seq) not in answered]


def find_last_failed_pointer(records: Sequence[Record]) -> Record | None:
    """Return the PTR look-up without an answer that was the last message of a client; None if another one was.

    libkrb5 goes on after it, and then there is a request to the KDC. Some clients end with its error (go-spnego).
    """
    last = next((record for record in reversed(records) if is_on_the_wire(record.event)), None)
    event = None if last is None else last.event
    return last if isinstance(event, DnsAnswered) and event.type == "PTR" and not event.answers else None


def find_refused_certificate(records: Sequence[Record]) -> Record | None:
    """Return the record of the last certificate that a program refused, unless the same host answered later.

    It is the cause even if a later name had no address: browsers query other names all the time.
    """
    last: Record | None = None
    for record in records:
        event = record.event
        if isinstance(event, ConnectionFailed) and event.stage == "tls" and event.by != "device":
            last = record
        elif isinstance(event, HttpExchange) and last is not None and event.host == getattr(last.event, "host", ""):
            last = None
    return last
