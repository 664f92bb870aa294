"""The identity provider: realm discovery, WS-Trust, SAML and OAuth, pure functions under one aiohttp application.

``ssosim.entra.app.create_server`` is the server; it is not imported here: aiohttp costs a quarter of a second.
"""

from ssosim.entra.keys import Keys, KeysError, SigningKey
from ssosim.entra.ports import AcceptedTicket, RefusedTicket, TicketAcceptor, TicketFault
from ssosim.entra.provider import Provider
from ssosim.entra.serving import serve
from ssosim.entra.settings import ClientRule, Settings
from ssosim.entra.wire import Answer, Call

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
    "serve",
]
