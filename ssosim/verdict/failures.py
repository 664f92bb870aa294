"""What an exchange means to its client: a refusal, a success that cancels one, an error code. Pure functions of events.

The module ``ssosim.verdict.judge`` says what the kinds of failure are.
"""

from __future__ import annotations

import re

from ssosim.trace import ConnectionFailed, Event, HttpExchange, KdcExchange, SignInStep
from ssosim.verdict.steps import PREFLIGHT_METHOD

__all__ = [
    "NO_TOKEN_STEPS",
    "REFUSALS",
    "answers_ticket",
    "find_code",
    "host_of",
    "is_for_service",
    "is_refusal",
    "succeeds",
]

NO_TOKEN_STEPS = (SignInStep.OTHER, SignInStep.UNKNOWN)
"""Steps that are none of a sign-in at the identity provider."""
REFUSALS = (401, 403)
"""The status codes that refuse, whatever else the answer has."""
_TICKET_REQUESTS = ("TGS", "AP")
_TRY_AGAIN = (408, 425, 429)
"""Request Timeout (RFC 9110), Too Early (RFC 8470), Too Many Requests (RFC 6585): the request was not judged."""
_RESOURCE_CODE = re.compile(r"([A-Za-z][A-Za-z0-9_.]{2,127})(?::|$)")


def is_for_service(event: KdcExchange) -> bool:
    """Return whether a ticket for a service was requested or used, and not one for a realm."""
    return event.request in _TICKET_REQUESTS and not event.service.startswith("krbtgt/")


def find_code(event: Event) -> str:
    """Return the error code in an answer: AADSTS, that of a resource server, or that of a KDC; empty without one."""
    if isinstance(event, KdcExchange):
        return event.outcome if event.outcome.startswith(("KDC_", "KRB_")) else ""
    if not isinstance(event, HttpExchange) or not event.is_error:
        return ""
    if event.code is not None:
        return f"AADSTS{event.code}"
    named = _RESOURCE_CODE.match(event.error_description) if event.auth == "bearer" else None
    return named[1] if named else ""


def is_refusal(event: HttpExchange) -> bool:
    """Return whether a service has refused: by the status, by a code, or as a host that has no token for a program.

    Any error of the client with which the service itself answers a ticket at a step of the sign-in is a refusal of it,
    but those that mean "try again".
    """
    ticket = event.auth == "kerberos" and event.step not in NO_TOKEN_STEPS
    ticket = ticket and not event.injected and event.status not in _TRY_AGAIN
    refused = (ticket or event.step is SignInStep.MANAGED_IDENTITY) and 400 <= event.status < 500
    return event.status in REFUSALS or event.code is not None or refused


def host_of(event: Event) -> str:
    """Return the host of an exchange or of a failed connection; empty for other events."""
    return event.host if isinstance(event, (HttpExchange, ConnectionFailed)) else ""


def answers_ticket(now: HttpExchange, then: Event) -> bool:
    """Return whether ``now`` is the answer of the service itself to the ticket that it had asked for in ``then``."""
    return (
        isinstance(then, HttpExchange)
        and (then.status, then.auth, then.code) == (401, "none", None)
        and (now.host, now.path, now.auth) == (then.host, then.path, "kerberos")
        and now.status != 0
        and not now.injected
    )


def succeeds(now: HttpExchange, then: Event) -> bool:
    """Return whether the service itself has answered ``now`` without error at the place of ``then``."""
    good = bool(now.status) and not now.is_error and not now.injected
    if not good or not isinstance(then, HttpExchange) or (now.host, now.path) != (then.host, then.path):
        return False
    return now.method == then.method if then.auth == "bearer" else now.method != PREFLIGHT_METHOD
