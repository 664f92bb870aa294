"""Which stage of a sign-in an event belongs to, and whether it is a failure there."""

from __future__ import annotations

from typing import Literal

from ssosim.trace import ConnectionFailed, DnsAnswered, Event, HttpExchange, KdcExchange

__all__ = ["Stage", "failed_stage", "stage_of_path"]

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
