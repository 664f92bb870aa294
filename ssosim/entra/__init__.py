"""The identity provider: realm discovery, WS-Trust, SAML and OAuth as pure functions behind one aiohttp server.

``ssosim.entra.http.app.create_server`` makes the server. It is not imported here, because the import of aiohttp takes a
quarter of a second.
"""

from ssosim.entra.core.keys import Keys, KeysError, SigningKey
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.settings import ClientRule, Settings
from ssosim.entra.core.ticket_acceptor import AcceptedTicket, RefusalReason, RefusedTicket, TicketAcceptor
from ssosim.entra.http.exchange import serve
from ssosim.entra.http.routing import first_steps

__all__ = [
    "AcceptedTicket",
    "Call",
    "ClientRule",
    "HttpReply",
    "Keys",
    "KeysError",
    "Provider",
    "RefusalReason",
    "RefusedTicket",
    "Settings",
    "SigningKey",
    "TicketAcceptor",
    "first_steps",
    "serve",
]
