"""The GSS-API acceptor of a lab, as the port ``TicketAcceptor`` of the identity provider."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ssosim.entra import AcceptedTicket, ChannelBindings, RefusalReason, RefusedTicket
from ssosim.kerberos import tickets
from ssosim.kerberos.tickets import AcceptedToken, TicketKey, TicketRefusal

if TYPE_CHECKING:
    from ssosim.kerberos.clocked_acceptor import ClockedAcceptor
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
    TicketRefusal.BAD_BINDINGS: "bad-bindings",
}


_KEY_REFUSALS = frozenset({TicketRefusal.WRONG_KEY, TicketRefusal.NOT_FOR_THIS_SERVICE, TicketRefusal.OTHER})


@dataclass(frozen=True, slots=True)
class GssAcceptor:
    """Implementation of ``ssosim.entra.TicketAcceptor`` with the key table of one service.

    ``find_key_faults`` returns the numbers of the faults because of which a service has no key for a ticket.
    """

    acceptor: Acceptor | ClockedAcceptor
    find_key_faults: Callable[[TicketKey], tuple[int, ...]] = lambda _key: ()

    def accept(self, token: bytes, bindings: ChannelBindings | None = None) -> AcceptedTicket | RefusedTicket:
        """Accept or refuse one SPNEGO or Kerberos token."""
        own = None if bindings is None else tickets.ChannelBindings(bindings.application_data, bindings.required)
        result = self.acceptor.accept(token, own)
        key = result.key
        seen = (None, "", "") if key is None else (key.kvno, key.etype, key.session_etype)
        if isinstance(result, AcceptedToken):
            return AcceptedTicket(result.principal, result.service, result.reply or b"", *seen)
        faults = self.find_key_faults(key) if key is not None and result.reason in _KEY_REFUSALS else ()
        return RefusedTicket(result.mechanism, _FAULTS.get(result.reason, "other"), result.text, *seen, faults)
