"""The identity provider: realm discovery, WS-Trust, SAML and OAuth as pure functions behind one aiohttp server.

``ssosim.entra.http.app.create_server`` makes the server. It is not imported here, because the import of aiohttp takes a
quarter of a second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssosim.late_imports import import_late

if TYPE_CHECKING:
    from ssosim.entra.core.keys import Keys, KeysError, SigningKey
    from ssosim.entra.core.messages import Call, HttpReply
    from ssosim.entra.core.provider import Provider
    from ssosim.entra.core.settings import ClientRule, Settings
    from ssosim.entra.core.ticket_acceptor import (
        AcceptedTicket,
        ChannelBindings,
        RefusalReason,
        RefusedTicket,
        TicketAcceptor,
    )
    from ssosim.entra.http.exchange import serve
    from ssosim.entra.http.routing import first_steps

__all__ = [
    "AcceptedTicket",
    "Call",
    "ChannelBindings",
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

_MODULES = {
    "Keys": "core.keys",
    "KeysError": "core.keys",
    "SigningKey": "core.keys",
    "Call": "core.messages",
    "HttpReply": "core.messages",
    "Provider": "core.provider",
    "ClientRule": "core.settings",
    "Settings": "core.settings",
    "AcceptedTicket": "core.ticket_acceptor",
    "ChannelBindings": "core.ticket_acceptor",
    "RefusalReason": "core.ticket_acceptor",
    "RefusedTicket": "core.ticket_acceptor",
    "TicketAcceptor": "core.ticket_acceptor",
    "serve": "http.exchange",
    "first_steps": "http.routing",
}
"""The module of each name. It is imported when the name is used: together they take longer than a small check."""

__getattr__ = import_late(__name__, _MODULES)
