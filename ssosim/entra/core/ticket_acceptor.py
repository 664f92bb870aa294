"""What the identity provider needs of Kerberos: somebody who looks at a Negotiate token.

The composition root adapts a real GSSAPI acceptor to this port, so that this package knows nothing of Kerberos.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, Protocol

__all__ = ["AcceptedTicket", "RefusalReason", "RefusedTicket", "TicketAcceptor"]

RefusalReason = Literal[
    "malformed",
    "ntlm",
    "unknown-mechanism",
    "wrong-service",
    "wrong-key",
    "expired",
    "not-yet-valid",
    "skew",
    "replayed",
    "other",
]


@dataclass(frozen=True, slots=True)
class AcceptedTicket:
    """A ticket that holds. ``principal`` is ``name@REALM``; ``reply`` the token for mutual authentication, if any."""

    principal: str
    service: str
    reply: bytes = b""


@dataclass(frozen=True, slots=True)
class RefusedTicket:
    """A token that does not. ``reason`` is for programs, ``text`` for people."""

    mechanism: Literal["kerberos", "ntlm", "unknown"]
    reason: RefusalReason
    text: str = ""


class TicketAcceptor(Protocol):
    """One service's key table. ``accept`` never raises for what a peer sent."""

    def accept(self, token: bytes) -> AcceptedTicket | RefusedTicket:
        """Judge one initial Negotiate token (SPNEGO or bare Kerberos), already decoded from base64."""
        ...
