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
    step_of_host,
)

__all__ = [
    "classify_failed_step",
    "find_refused_certificate",
    "find_unanswered_name",
    "is_attempt",
    "select_before_prompt",
]

_LATE_ALERT_S = 1.0


def classify_failed_step(event: Event, first_steps: FirstSteps = NO_FIRST_STEPS) -> SignInStep | None:
    """Return the step at which ``event`` is a failure; None if it is not a failure.

    The 401 that starts Negotiate is not a failure. A name without an address fails at the step for which its host is
    contacted first (``first_steps``).
    """
    match event:
        case DnsAnswered(type="A", answers=()):
            return step_of_host(first_steps, event.name)
        case ConnectionFailed():
            return event.step
        case KdcExchange():
            return None if event.outcome == "issued" else SignInStep.TICKET
        case HttpExchange(status=401, auth="none", code=None):
            return None
        case HttpExchange() if event.is_error or event.status == 0 or event.injected:
            return event.step
        case _:
            return None


def is_attempt(event: Event) -> bool:
    """Return whether ``event`` starts a sign-in: realm discovery is the first step of the native flow."""
    return isinstance(event, HttpExchange | ConnectionFailed) and event.step is SignInStep.REALM


def find_unanswered_name(records: Sequence[Record]) -> Record | None:
    """Return the A query that got no address, unless a later A query got one.

    A stub resolver that fails continues with its search list, so the first of several names is the one that the client
    requested.
    """
    unanswered: Record | None = None
    for record in records:
        event = record.event
        if isinstance(event, DnsAnswered) and event.type == "A":
            unanswered = None if event.answers else unanswered or record
    return unanswered


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
