"""When the ticket-granting tickets of a lab were issued, and to whom, from the clear text of the messages.

A request for a service ticket does not name its client: the name is in the encrypted part of the ticket that it
presents. The reply with which that ticket was issued names it. So the gateway remembers each ticket-granting ticket by
a digest, and finds client and time of the sign-on when it is presented. A renewed or forwarded ticket, and one for
another realm, has the time of the ticket that it was issued for (RFC 4120, section 3.3.3: ``authtime``).
"""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from typing import NamedTuple

from ssosim.kerberos.messages import KdcReply, read_presented_ticket, read_reply_ticket

__all__ = ["TicketAges", "TicketOwner"]

_MOST = 10_000


class TicketOwner(NamedTuple):
    """Whom a ticket-granting ticket was issued to, and the time of the sign-on in seconds since the Unix epoch."""

    principal: str
    realm: str
    signed_on: float


class TicketAges:
    """The owners of the last ticket-granting tickets."""

    def __init__(self) -> None:
        self._owners: OrderedDict[bytes, TicketOwner] = OrderedDict()

    def note_reply(self, request: bytes, reply: bytes, message: KdcReply, now: float) -> None:
        """Remember the ticket in ``reply`` if it is a ticket-granting ticket. ``message`` is what is read in it."""
        if not message.service.startswith("krbtgt/"):
            return
        read = read_reply_ticket(reply)
        if read is None:
            return
        former = self.find_owner(request) if message.kind == "TGS" else None
        owner = former or TicketOwner(message.principal, read.client_realm, now)
        self._owners[_digest(read.ticket)] = owner
        while len(self._owners) > _MOST:
            self._owners.popitem(last=False)

    def find_owner(self, request: bytes) -> TicketOwner | None:
        """Return the owner of the ticket that a TGS-REQ presents; None where it is not known."""
        ticket = read_presented_ticket(request)
        return None if ticket is None else self._owners.get(_digest(ticket))


def _digest(ticket: bytes) -> bytes:
    return hashlib.sha256(ticket).digest()
