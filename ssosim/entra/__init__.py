"""The identity provider: realm discovery, WS-Trust, SAML and OAuth, pure functions under one aiohttp application.

``ssosim.entra.http.app.create_server`` is the server; it is not imported here: aiohttp costs a quarter of a second.
"""

from ssosim.entra.core.keys import Keys, KeysError, SigningKey
from ssosim.entra.core.messages import Answer, Call
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.settings import ClientRule, Settings
from ssosim.entra.core.ticket_acceptor import AcceptedTicket, RefusedTicket, TicketAcceptor, TicketFault
from ssosim.entra.http.exchange import serve
from ssosim.entra.http.routing import first_steps

__all__ = [
    "AcceptedTicket",
    "Answer",
    "Call",
    "ClientRule",
    "Keys",
    "KeysError",
    "Provider",
    "RefusedTicket",
    "Settings",
    "SigningKey",
    "TicketAcceptor",
    "TicketFault",
    "first_steps",
    "serve",
]
