"""The GSS-API acceptor of a lab, as the port ``TicketAcceptor`` of the identity provider."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssosim.entra import AcceptedTicket, RefusalReason, RefusedTicket
from ssosim.kerberos.tickets import AcceptedToken, TicketRefusal

if TYPE_CHECKING:
    from ssosim.kerberos.gss import Acceptor

__all__ = ["GssAcceptor"]

_FAULTS: Mapping[TicketRefusal, RefusalReason] = {
    TicketRefusal.MALFORMED: "malformed",
    TicketRefusal.NTLM: "ntlm",
    TicketRefusal.UNKNOWN_MECHANISM: "unknown-mechanism",
    TicketRefusal.NOT_FOR_THIS_SERVICE: "wrong-service",
    TicketRefusal.WRONG_KEY: "wrong-key",
    TicketRefusal.EXPIRED: "expired",
    TicketRefusal.NOT_YET_VALID: "not-yet-valid",
    TicketRefusal.CLOCK_SKEW: "skew",
    TicketRefusal.REPLAYED: "replayed",
}


@dataclass(frozen=True, slots=True)
class GssAcceptor:
    """Implementation of ``ssosim.entra.TicketAcceptor`` with the key table of one service."""

    acceptor: Acceptor

    def accept(self, token: bytes) -> AcceptedTicket | RefusedTicket:
        """Accept or refuse one SPNEGO or Kerberos token."""
        result = self.acceptor.accept(token)
        if isinstance(result, AcceptedToken):
            return AcceptedTicket(result.principal, result.service, result.reply or b"")
        return RefusedTicket(result.mechanism, _FAULTS.get(result.reason, "other"), result.text)
