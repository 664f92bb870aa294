"""Kerberos authentication for applications: it checks the Negotiate token of a request with the service's key table."""

from __future__ import annotations

from ssosim.entra import AcceptedTicket, Call, HttpReply, RefusedTicket
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.wstrust.integrated_auth import accept_ticket, make_challenge, read_negotiate_token
from ssosim.services.service import ServiceContext

__all__ = ["check_ticket", "request_ticket"]


def request_ticket() -> HttpReply:
    """Return the challenge: 401 with ``WWW-Authenticate: Negotiate``."""
    return make_challenge()


def check_ticket(context: ServiceContext, call: Call) -> AcceptedTicket | RefusedTicket | None:
    """Check the Negotiate token of ``call`` with the service's key table, and record the verdict in the trace.

    Returns None if the request has no token; the reply is then ``request_ticket()``.
    """
    try:
        token = read_negotiate_token(call)
    except AadstsError as error:  # the scheme NTLM, or a value that is not base64
        if call.trace_buffer.auth == "ntlm":
            return RefusedTicket("ntlm", "ntlm", str(error))
        return RefusedTicket("unknown", "malformed", str(error))
    return None if token is None else accept_ticket(context.provider, call, token)
