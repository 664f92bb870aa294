"""Kerberos for an application: the Negotiate token of a request, judged with the service's key table."""

from __future__ import annotations

from ssosim.entra import AcceptedTicket, Call, HttpReply, RefusedTicket
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.wstrust.integrated_auth import accept_ticket, make_challenge, read_negotiate_token
from ssosim.services.service import ServiceContext

__all__ = ["check_ticket", "request_ticket"]


def request_ticket() -> HttpReply:
    """401 with ``WWW-Authenticate: Negotiate``."""
    return make_challenge()


def check_ticket(context: ServiceContext, call: Call) -> AcceptedTicket | RefusedTicket | None:
    """Have the Negotiate token of ``call`` judged with the service's key table, and the verdict written to the trace.

    None: the request carries none, and ``request_ticket`` is due.
    """
    try:
        token = read_negotiate_token(call)
    except AadstsError as error:  # bare NTLM, or no base64
        if call.trace_buffer.auth == "ntlm":
            return RefusedTicket("ntlm", "ntlm", str(error))
        return RefusedTicket("unknown", "malformed", str(error))
    return None if token is None else accept_ticket(context.provider, call, token)
