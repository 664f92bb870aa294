"""Results of ticket requests and ticket checks, as values. This module does not need GSS-API."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from ssosim.kerberos.errors import KerberosError
from ssosim.kerberos.spnego import Mechanism

__all__ = [
    "NO_BINDINGS",
    "AcceptedToken",
    "ChannelBindings",
    "KeytabError",
    "RefusedToken",
    "TicketError",
    "TicketErrorKind",
    "TicketKey",
    "TicketRefusal",
]


NO_BINDINGS = "the client sent no channel bindings, which this service requires"


class KeytabError(KerberosError):
    """The keytab cannot be read, or it has no key."""


class TicketRefusal(StrEnum):
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
    BAD_BINDINGS = "bad channel bindings"
    NEEDS_MORE = "needs more legs"
    OTHER = "other"


class ChannelBindings(NamedTuple):
    """The TLS connection of a token, as a service expects it (RFC 5929, section 4: ``tls-server-end-point:`` and hash).

    A token that is bound to another connection is refused. ``required``: one that is bound to none is refused, too.
    """

    application_data: bytes
    required: bool = False


class TicketKey(NamedTuple):
    """The keys of a ticket, from the clear text of an AP-REQ: version and type of its key, and type of the session key.

    ``service`` is the service principal of the ticket without its ``realm``.
    """

    service: str
    kvno: int | None
    etype: str
    session_etype: str
    realm: str


@dataclass(frozen=True, slots=True)
class AcceptedToken:
    """A ticket that was accepted. ``principal`` and ``service`` include the realm (``alice@CORP.CONTOSO.COM``).

    ``reply`` is the token for the WWW-Authenticate header of the response, None if there is none. ``expires_at`` is the
    end of the ticket in seconds since the Unix epoch, exact to about one second.
    """

    principal: str
    service: str
    reply: bytes | None
    expires_at: float
    mechanism: Mechanism = "kerberos"
    key: TicketKey | None = None


@dataclass(frozen=True, slots=True)
class RefusedToken:
    """A token that was refused. ``text`` is the text of GSS-API where it has one; it contains no secret.

    ``service`` is the service principal of the ticket without its realm, ``""`` where the token could not be read.
    ``key`` is what the ticket says of its key; None where the token could not be read.
    """

    mechanism: Mechanism
    reason: TicketRefusal
    text: str
    service: str = ""
    key: TicketKey | None = None


class TicketErrorKind(StrEnum):
    """Why the KDC or libkrb5 gave no ticket for a service."""

    SERVER_UNKNOWN = "server unknown"
    KDC_UNREACHABLE = "kdc unreachable"
    NO_CREDENTIALS = "no credentials"
    EXPIRED = "expired"
    OTHER = "other"


class TicketError(KerberosError):
    """libkrb5 got no ticket. ``kind`` is the reason; the text is libkrb5's."""

    def __init__(self, kind: TicketErrorKind, text: str) -> None:
        super().__init__(text)
        self.kind = kind
