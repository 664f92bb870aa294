"""The acceptor of a service that has keys in several realms."""

from __future__ import annotations

from msgspec import Struct

from ssosim.entra import AcceptedTicket, ChannelBindings, RefusedTicket, TicketAcceptor

__all__ = ["AcceptorOfRealms"]


class AcceptorOfRealms(Struct, frozen=True):
    """The acceptor of a service with keys in several realms: one of them has to open the ticket."""

    acceptors: tuple[TicketAcceptor, ...]

    def accept(self, token: bytes, bindings: ChannelBindings | None = None) -> AcceptedTicket | RefusedTicket:
        """Accept or refuse one SPNEGO or Kerberos token. A refusal is that of the realm whose name the ticket has."""
        results = []
        for acceptor in self.acceptors:
            result = acceptor.accept(token, bindings)
            if isinstance(result, AcceptedTicket):
                return result
            results.append(result)
        return next((result for result in results if result.reason != "wrong-service"), results[0])
