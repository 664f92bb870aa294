"""What a world remembers of a client: one entry for each thing that went over the wire."""

from __future__ import annotations

from typing import Literal, NamedTuple

from ssosim.trace import SignInStep

__all__ = ["Kind", "WireEvent"]

Kind = Literal["dns", "ptr", "tgs", "prompt", "http"]


class WireEvent(NamedTuple):
    """One thing that went over the wire, or one prompt. ``at`` is in seconds since the epoch.

    ``what`` is the name, address, SPN, ``METHOD host/path`` or reason; ``outcome`` the DNS kind, the HTTP status, the
    network stage that failed, or ``unknown``/``unreachable`` of the KDC, empty where all was well; ``auth`` what an
    HTTP request carried.
    """

    at: float
    kind: Kind
    what: str
    outcome: str = ""
    auth: str = ""
    step: SignInStep = SignInStep.OTHER

    def __str__(self) -> str:
        return f"http {self.what} {self.outcome} {self.auth}" if self.kind == "http" else f"{self.kind} {self.what}"
