"""At which step of a sign-in an event is a failure, and what else of a trace several questions rest on."""

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

__all__ = ["before_prompt", "failed_step", "is_attempt", "refused_certificate", "unanswered_name"]

_LATE_S = 1.0


def failed_step(event: Event, first_steps: FirstSteps = NO_FIRST_STEPS) -> SignInStep | None:
    """The step at which ``event`` is a failure; None if it is none. The 401 that asks for Negotiate is none.

    A name without an address fails at the step that its host is asked for first.
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
        case HttpExchange() if event.status >= 400 or event.status == 0 or event.injected:
            return event.step
        case _:
            return None


def is_attempt(event: Event) -> bool:
    """Whether a client begins a sign-in with ``event``: realm discovery is the first step of the native flow."""
    return isinstance(event, HttpExchange | ConnectionFailed) and event.step is SignInStep.REALM


def unanswered_name(records: Sequence[Record]) -> Record | None:
    """The address question that stayed without an answer, if nothing was reached after it.

    A resolver that fails goes on through its search list; the first name is the one that was meant.
    """
    unanswered: Record | None = None
    for record in records:
        event = record.event
        if isinstance(event, DnsAnswered) and event.type == "A":
            unanswered = None if event.answers else unanswered or record
    return unanswered


def before_prompt(records: Sequence[Record], prompt: Record) -> list[Record]:
    """What came before ``prompt``, of the same client.

    With it goes an alert of TLS that the server got a moment later: a browser goes on before it has sent it (Chromium,
    up to 20 ms).
    """
    return [
        record
        for record in records
        if record.seq < prompt.seq
        or (isinstance(record.event, ConnectionFailed) and record.event.by == "server" and _at_once(prompt, record))
    ]


def _at_once(first: Record, then: Record) -> bool:
    return then.at - first.at < _LATE_S


def refused_certificate(records: Sequence[Record]) -> Record | None:
    """The last certificate that a program refused, unless the same host answered later.

    It is the trouble even if a name had no address after it: browsers ask for names of their own all the time.
    """
    last: Record | None = None
    for record in records:
        event = record.event
        if isinstance(event, ConnectionFailed) and event.stage == "tls" and event.by != "device":
            last = record
        elif isinstance(event, HttpExchange) and last is not None and event.host == getattr(last.event, "host", ""):
            last = None
    return last
