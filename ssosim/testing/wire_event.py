"""One event of a client in a ``ClientEnvironment``: a query, request, ticket request or prompt."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ssosim.trace import SignInStep

__all__ = ["Kind", "WireEvent"]

Kind = Literal["dns", "ptr", "tgs", "prompt", "http"]


class WireEvent(NamedTuple):
    """One event on the wire, or one prompt. ``at`` is in seconds since the Unix epoch.

    ``what`` is the name, address, SPN, ``METHOD host/path`` or the prompt's reason. ``outcome`` is the kind of DNS
    failure, the HTTP status, the network stage that failed, or ``unknown``/``unreachable`` of the KDC; it is empty
    after success. ``auth`` is the kind of credential in an HTTP request.
    """

    at: float
    kind: Kind
    what: str
    outcome: str = ""
    auth: str = ""
    step: SignInStep = SignInStep.OTHER

    def __str__(self) -> str:
        return f"http {self.what} {self.outcome} {self.auth}" if self.kind == "http" else f"{self.kind} {self.what}"
