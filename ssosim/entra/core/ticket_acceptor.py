"""The port through which the identity provider has Negotiate tokens checked.

The composition root adapts a GSSAPI acceptor to this port, so this package does not depend on a Kerberos library.
"""

from __future__ import annotations

from typing import Literal, Protocol

from msgspec import Struct

__all__ = ["AcceptedTicket", "ChannelBindings", "RefusalReason", "RefusedTicket", "TicketAcceptor"]

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
    "bad-bindings",
    "other",
]


class ChannelBindings(Struct, frozen=True):
    """The TLS connection of a token; ``application_data`` as in RFC 5929, section 4 (``tls-server-end-point``).

    ``required``: a token that is bound to no connection is refused, too.
    """

    application_data: bytes
    required: bool = False


class AcceptedTicket(Struct, frozen=True):
    """A valid ticket.

    ``principal`` is ``name@REALM``; ``reply`` is the token for mutual authentication, if there is one. ``kvno`` and
    ``etype`` are those of the key that the ticket is encrypted with, ``session_etype`` is that of the session key.
    """

    principal: str
    service: str
    reply: bytes = b""
    kvno: int | None = None
    etype: str = ""
    session_etype: str = ""


class RefusedTicket(Struct, frozen=True):
    """A token that was refused. ``reason`` is for programs, ``text`` for people.

    ``kvno``, ``etype`` and ``session_etype`` as in ``AcceptedTicket``; ``faults`` are the numbers of the faults without
    which the service could have decrypted the ticket.
    """

    mechanism: Literal["kerberos", "ntlm", "unknown"]
    reason: RefusalReason
    text: str = ""
    kvno: int | None = None
    etype: str = ""
    session_etype: str = ""
    faults: tuple[int, ...] = ()


class TicketAcceptor(Protocol):
    """Checks tokens with the key table of one service. ``accept`` never raises for the content of a token."""

    def accept(self, token: bytes, bindings: ChannelBindings | None = None) -> AcceptedTicket | RefusedTicket:
        """Check one initial Negotiate token (SPNEGO, or Kerberos without SPNEGO), already decoded from base64.

        ``bindings``: the TLS connection of the token. None: a token that is bound to another one is accepted.
        """
        ...
