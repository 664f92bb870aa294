"""Which stage of a sign-in an event belongs to, and whether it is a failure there."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ssosim.trace import ConnectionFailed, DnsAnswered, Event, HttpExchange, KdcExchange, Record

__all__ = ["Stage", "before_prompt", "failed_stage", "refused_certificate", "stage_of_path", "unanswered_name"]

_LATE_S = 1.0

Stage = Literal["", "realm", "page", "mex", "trust", "ticket", "token", "keys", "other"]

_PATHS: tuple[tuple[str, Stage], ...] = (
    ("/userrealm/", "realm"),
    ("/getuserrealm.srf", "realm"),
    ("/getcredentialtype", "page"),
    ("/trust/mex", "mex"),
    ("/windowstransport", "trust"),
    ("/usernamemixed", "trust"),
    ("/winauth/sso", "trust"),
    ("/token", "token"),
    ("/keys", "keys"),
)


def failed_stage(event: Event) -> Stage:  # noqa: PLR0911 - one for each kind of event
    """The stage at which ``event`` is a failure; empty if it is none. The 401 that asks for Negotiate is none."""
    match event:
        case DnsAnswered(type="A", answers=()):
            return _stage_of_host(event.name)
        case ConnectionFailed():
            return _stage_of_host(event.host)
        case KdcExchange(outcome="issued"):
            return ""
        case KdcExchange():
            return "ticket"
        case HttpExchange(status=401, auth="none", code=None):
            return ""
        case HttpExchange() if event.status >= 400 or event.status == 0 or event.struck:
            return stage_of_path(event.path)
        case _:
            return ""


def stage_of_path(path: str) -> Stage:
    """What a request for ``path`` is for."""
    lower = path.lower() + "/"
    return next((stage for part, stage in _PATHS if part in lower), "other")


def _stage_of_host(host: str) -> Stage:
    return "realm" if host.startswith("login.") else "mex"  # which of its endpoints it was is not on the wire


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
