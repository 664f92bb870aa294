"""Conformance checks for a user's own network-error policies and client models.

Each check runs its argument in many situations of a sign-in and raises ``ConformanceError`` with all violations, so
that a test is one line. A check shows that the contract is kept; it does not judge the design.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from ssosim_clients.failures import (
    CredentialUnavailable,
    Failure,
    HttpFailure,
    InteractionRequired,
    NetworkFailure,
    OauthFailure,
    ProtocolFailure,
    Stage,
    TicketFailure,
)
from ssosim_clients.models.base import Model, SignInReport, SignInState
from ssosim_clients.policies.decision import Decision, Policy, RetryAfter
from ssosim_clients.policies.guard import PolicyBrokenError, decide
from ssosim_clients.ports import HttpResponse

from ssosim.entra.oauth.tokens import compute_digest
from ssosim.lab.base.own_sockets import refuse_own_sockets
from ssosim.memory import NoProgressError
from ssosim.testing.client_environment import AUTOLOGON, LOGIN, ClientEnvironment
from ssosim.trace import SignInStep, TokenIssued

__all__ = ["SITUATIONS", "ConformanceError", "check_client", "check_policy"]

_DAY_S: Final = 86400.0
_MAX_ROUND: Final = 10_000


class ConformanceError(AssertionError):
    """The contract is broken; ``complaints`` lists the violations, one sentence each."""

    def __init__(self, what: str, complaints: list[str]) -> None:
        super().__init__("\n  ".join([f"{what} breaks its contract:", *complaints]))
        self.complaints = tuple(complaints)


_FAILURES: Final[tuple[Failure, ...]] = (
    *(NetworkFailure("dns", kind) for kind in ("nxdomain", "nodata", "servfail", "timeout")),
    NetworkFailure("connect", "refused"),
    NetworkFailure("tls", "bad-certificate"),
    NetworkFailure("read", "timeout"),
    *(HttpFailure(status) for status in (401, 403, 404, 429, 500, 503)),
    ProtocolFailure("not XML"),
    *(TicketFailure(kind, "HTTP/h") for kind in ("server-unknown", "kdc-unreachable", "no-credentials", "expired")),
    OauthFailure("invalid_grant"),
    OauthFailure("temporarily_unavailable"),
    InteractionRequired("managed"),
    CredentialUnavailable("not set up"),
)
_ATTEMPTS: Final = (1, 2, 3, 10, 1000, 10**9)
_ELAPSED: Final = (0.0, 0.001, 5.0, 60.0, 3600.0, 1e9)


def check_policy(policy: Policy) -> None:
    """Raise ``ConformanceError`` unless ``policy`` keeps the contract of a network-error policy.

    For every stage, failure, attempt and elapsed time the policy must decide without an exception and in time, and must
    decide the same on a second call. If it has ``max_retry_time`` (seconds), no retry may start after that time, and
    every round of attempts must end, whatever fails and however long it takes.
    """
    complaints = list(itertools.islice(_find_policy_complaints(policy), 5))
    if complaints:
        raise ConformanceError(type(policy).__name__, complaints)


def _find_policy_complaints(policy: Policy) -> Iterator[str]:
    try:
        for stage, error, attempt, elapsed in itertools.product(Stage, _FAILURES, _ATTEMPTS, _ELAPSED):
            where = f"{stage}, {error!r}, attempt {attempt}, {elapsed:g} s"
            first = decide(policy, stage, error, attempt, elapsed)
            if decide(policy, stage, error, attempt, elapsed) != first:
                yield f"{where}: two decisions for one input; a policy must have no state and no randomness"
        bound = getattr(policy, "max_retry_time", None)
        if bound is not None:
            yield from _find_overruns(policy, float(bound))
    except PolicyBrokenError as error:
        yield str(error)


def _find_overruns(policy: Policy, bound: float) -> Iterator[str]:
    for error, took in itertools.product(_FAILURES, (0.0, 0.05, 1.0, 21.0)):
        decision: Decision | None = None
        elapsed, attempt = 0.0, 0
        while attempt == 0 or isinstance(decision, RetryAfter):
            attempt, elapsed = attempt + 1, elapsed + took
            decision = decide(policy, Stage.MEX, error, attempt, elapsed)
            if isinstance(decision, RetryAfter):
                elapsed += decision.seconds
                if elapsed > bound:
                    yield f"{error!r} each {took:g} s: a retry begins at {elapsed:g} s, after max_retry_time {bound:g}"
                    break
            if attempt >= _MAX_ROUND:
                yield f"{error!r} each {took:g} s: {attempt} attempts in one round, and no end"
                break


def _healthy(environment: ClientEnvironment) -> None:
    del environment


def _login_down(environment: ClientEnvironment) -> None:
    environment.dns_failures[LOGIN] = "servfail"


def _no_kdc(environment: ClientEnvironment) -> None:
    environment.kdc_reachable = False


def _sign_in_managed(environment: ClientEnvironment) -> None:
    environment.desktop_sso = False


def _middlebox(environment: ClientEnvironment) -> None:
    page = HttpResponse(200, body=b"<html><body>Please accept the terms")
    environment.answers = dict.fromkeys(SignInStep, page)


def _refuse_tickets(environment: ClientEnvironment) -> None:
    environment.answers = dict.fromkeys(SignInStep, HttpResponse(503))


def _empty(environment: ClientEnvironment) -> None:
    environment.answers = dict.fromkeys(SignInStep, HttpResponse(200))


def _drop_answers(environment: ClientEnvironment) -> None:
    environment.answers = dict.fromkeys(SignInStep, NetworkFailure("read", "closed"))


def _flap_record(environment: ClientEnvironment) -> None:
    environment.remove_record()
    for hour in range(1, 12):
        environment.after(3600.0 * hour, ClientEnvironment.restore if hour % 2 else ClientEnvironment.remove_record)


class _Anything(dict[str, tuple[str, ...]]):
    """The addresses that a captive portal's resolver returns: its own address for every name."""

    def __contains__(self, name: object) -> bool:
        return True

    def __missing__(self, name: str) -> tuple[str, ...]:
        return ("203.0.113.9",)


def _captive(environment: ClientEnvironment) -> None:
    _middlebox(environment)
    environment.addresses = _Anything()


SITUATIONS: Final[dict[str, Callable[[ClientEnvironment], None]]] = {
    "healthy": _healthy,
    "record removed": ClientEnvironment.remove_record,
    "CNAME": ClientEnvironment.put_cname,
    "flapping": _flap_record,
    "no KDC": _no_kdc,
    "login host down": _login_down,
    "managed": _sign_in_managed,
    "middlebox": _middlebox,
    "captive portal": _captive,
    "503 everywhere": _refuse_tickets,
    "empty answers": _empty,
    "dropped connections": _drop_answers,
}
"""The situations of ``check_client``: each function changes the environment before the sign-in."""


def check_client(model: Model, **device: object) -> SignInReport:
    """Raise ``ConformanceError`` unless ``model`` keeps the contract of a client model; return its healthy report.

    A model must have a name, a one-line description and sources. It must sign in without faults. In each of
    ``SITUATIONS`` it must return a SignInReport or wait, without an exception or an endless loop. A report of success
    must have a token that the identity provider issued in that sign-in. It must end when it is cancelled at any await.
    It must send a password only to the login host, autologon and the user's own token service, and its report must not
    show the token when printed. ``device`` are fields of the device (``upn=…``).
    """
    complaints = [*_check_description(model)]
    report: SignInReport | None = None
    for name, change in SITUATIONS.items():
        environment = ClientEnvironment(prompt_replies=[None])
        change(environment)
        try:
            found = environment.play(model.sign_in(environment.device(**device)), _DAY_S)
        except NoProgressError as error:
            complaints.append(f"{name}: {error}")
            continue
        except Exception as error:  # noqa: BLE001 - whatever a user's model raises
            complaints.append(f"{name}: raised {type(error).__name__}: {error}")
            continue
        if not isinstance(found, SignInReport | None):
            complaints.append(f"{name}: sign_in returned {found!r} and no SignInReport")
        elif name == "healthy":
            report = found
            complaints += _check_healthy_sign_in(found, environment)
        complaints += [f"{name}: {text}" for text in _find_password_leaks(environment)]
        if isinstance(found, SignInReport):
            complaints += [f"{name}: {text}" for text in _find_false_success(found, environment)]
    for name in ("healthy", "record removed", "CNAME"):
        complaints += _check_cancellation(model, SITUATIONS[name], name, device)
    if complaints or report is None:
        raise ConformanceError(f"the client model {getattr(model, 'name', model)!r}", complaints)
    return report


def _check_description(model: Model) -> Iterator[str]:
    if not model.name or model.name != model.name.lower() or " " in model.name:
        yield f"name {model.name!r}: short and lower-case, without blanks, is expected"
    if not model.description or "\n" in model.description:
        yield "description: one line is expected"
    if not model.sources:
        yield "sources: at least one is expected; 'unconfirmed: …' counts"


def _check_healthy_sign_in(report: SignInReport | None, environment: ClientEnvironment) -> Iterator[str]:
    if report is None or report.tokens is None:
        answered = f": {report.detail}" if report else ""
        yield f"healthy: it does not sign in{answered}"
    elif environment.seen("prompt"):
        yield "healthy: it prompts the user although silent sign-in is possible"
    if report is not None and report.tokens is not None and report.tokens.access_token in repr(report).split("'"):
        yield "healthy: its report shows the token when printed"


def _find_false_success(report: SignInReport, environment: ClientEnvironment) -> Iterator[str]:
    """Yield a complaint if the report claims a sign-in that the identity provider did not give."""
    if report.tokens is None:
        if report.state in (SignInState.SILENT, SignInState.INTERACTIVE):
            yield f"it reports {str(report.state)!r} and has no token"
        return
    digest = compute_digest(report.tokens.access_token)
    issued = (record.event for record in environment.lab.trace.since() if isinstance(record.event, TokenIssued))
    if not any(event.kind != "refresh" and event.digest == digest for event in issued):
        yield "it reports a token that the identity provider did not issue"


def _find_password_leaks(environment: ClientEnvironment) -> Iterator[str]:
    allowed = (LOGIN, AUTOLOGON, environment.metadata_host, environment.usual_metadata_host)
    for event in environment.events:
        host = event.what.partition(" ")[2].partition("/")[0]
        if event.auth == "password" and host not in allowed:
            yield f"a password went to {host}"


def _check_cancellation(
    model: Model, change: Callable[[ClientEnvironment], None], name: str, device: dict[str, object]
) -> Iterator[str]:
    """Cancel the model at each of its first awaits: the cancellation must be raised again, and nothing else."""
    from asyncio import CancelledError  # noqa: PLC0415 - a lab cancels with it; models themselves need no asyncio

    for steps in range(1, 40):
        environment = ClientEnvironment(prompt_replies=[None])
        change(environment)
        running = model.sign_in(environment.device(**device))
        try:
            with refuse_own_sockets(model.name):
                for _ in range(steps):
                    running.send(None)
        except StopIteration:
            return
        except Exception:  # noqa: BLE001 - a complaint of its own by now
            return
        try:
            running.throw(CancelledError())
        except CancelledError:
            continue
        except StopIteration:
            became = "a normal return"
        except Exception as error:  # noqa: BLE001 - whatever a user's model makes of it
            became = type(error).__name__
        else:
            became = "another wait"
        yield f"{name}: a cancellation at its await number {steps} became {became}; it must not be caught"
        running.close()
        return
