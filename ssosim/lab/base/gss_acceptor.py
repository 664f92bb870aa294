"""The real GSSAPI acceptor behind the identity provider's port."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssosim.entra import AcceptedTicket, RefusalReason, RefusedTicket
from ssosim.kerberos.tickets import Accepted, Refusal

if TYPE_CHECKING:
    from ssosim.kerberos.gss import Acceptor

__all__ = ["GssAcceptor"]

_FAULTS: Mapping[Refusal, RefusalReason] = {
    Refusal.MALFORMED: "malformed",
    Refusal.NTLM: "ntlm",
    Refusal.UNKNOWN_MECHANISM: "unknown-mechanism",
    Refusal.NOT_FOR_THIS_SERVICE: "wrong-service",
    Refusal.WRONG_KEY: "wrong-key",
    Refusal.EXPIRED: "expired",
    Refusal.NOT_YET_VALID: "not-yet-valid",
    Refusal.CLOCK_SKEW: "skew",
    Refusal.REPLAYED: "replayed",
}


@dataclass(frozen=True, slots=True)
class GssAcceptor:
    """One service's key table, as ``ssosim.entra.TicketAcceptor``."""

    acceptor: Acceptor

    def accept(self, token: bytes) -> AcceptedTicket | RefusedTicket:
        """Judge one token."""
        result = self.acceptor.accept(token)
        if isinstance(result, Accepted):
            return AcceptedTicket(result.principal, result.service, result.reply or b"")
        return RefusedTicket(result.mechanism, _FAULTS.get(result.reason, "other"), result.text)
