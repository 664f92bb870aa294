"""What becomes of tickets, as values: accepted, refused, not given. Nothing here needs GSS-API."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ssosim.kerberos.errors import KerberosError
from ssosim.kerberos.spnego import Mechanism

__all__ = ["Accepted", "KeytabError", "Refusal", "Refused", "TicketError", "TicketFailure"]


class KeytabError(KerberosError):
    """The keytab cannot be read or holds no key."""


class Refusal(StrEnum):
    """Why a Negotiate token was refused."""

    MALFORMED = "malformed"
    NTLM = "ntlm"
    UNKNOWN_MECHANISM = "unknown mechanism"
    NOT_FOR_THIS_SERVICE = "not for this service"
    WRONG_KEY = "wrong key"
    EXPIRED = "expired"
    NOT_YET_VALID = "not yet valid"
    CLOCK_SKEW = "clock skew"
    REPLAYED = "replayed"
    NEEDS_MORE = "needs more legs"
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A ticket that is good. ``principal`` and ``service`` are with realm (``alice@CORP.CONTOSO.COM``).

    ``reply`` is the token for the answer's WWW-Authenticate, None if there is none. ``expires_at`` is the ticket's
    end in seconds since the Unix epoch, to about a second.
    """

    principal: str
    service: str
    reply: bytes | None
    expires_at: float
    mechanism: Mechanism = "kerberos"


@dataclass(frozen=True, slots=True)
class Refused:
    """A token that is not good. ``text`` is GSS-API's own wording where it has one; it holds no secret.

    ``service`` is the principal that the ticket is for, as far as the token says, without realm.
    """

    mechanism: Mechanism
    reason: Refusal
    text: str
    service: str = ""


class TicketFailure(StrEnum):
    """Why there is no ticket for a service."""

    SERVER_UNKNOWN = "server unknown"
    KDC_UNREACHABLE = "kdc unreachable"
    NO_CREDENTIALS = "no credentials"
    EXPIRED = "expired"
    OTHER = "other"


class TicketError(KerberosError):
    """libkrb5 got no ticket; ``kind`` says why, the text is its own."""

    def __init__(self, kind: TicketFailure, text: str) -> None:
        super().__init__(text)
        self.kind = kind
