"""Kerberos for an application: the Negotiate token of a request, judged with the service's key table."""

from __future__ import annotations

from ssosim.entra import AcceptedTicket, Answer, Call, RefusedTicket
from ssosim.entra.core.errors import Refusal
from ssosim.entra.wstrust.integrated_auth import accept_ticket, challenge, negotiate_token
from ssosim.services.service import Context

__all__ = ["ask_for_ticket", "check_ticket"]


def ask_for_ticket() -> Answer:
    """401 with ``WWW-Authenticate: Negotiate``."""
    return challenge()


def check_ticket(context: Context, call: Call) -> AcceptedTicket | RefusedTicket | None:
    """Have the Negotiate token of ``call`` judged with the service's key table, and the verdict written to the trace.

    None: the request carries none, and ``ask_for_ticket`` is due.
    """
    try:
        token = negotiate_token(call)
    except Refusal as refusal:  # bare NTLM, or no base64
        if call.journal.auth == "ntlm":
            return RefusedTicket("ntlm", "ntlm", str(refusal))
        return RefusedTicket("unknown", "malformed", str(refusal))
    return None if token is None else accept_ticket(context.provider, call, token)
