"""GSS-API on both sides of Negotiate. Imported late: loading libgssapi costs 0.07 s."""

from ssosim.kerberos.acceptor import Accepted, Acceptor, KeytabError, Refusal, Refused
from ssosim.kerberos.initiator import Initiator, TicketError, TicketFailure
from ssosim.kerberos.spnego import look_inside, ntlm_negotiate_token

__all__ = [
    "Accepted",
    "Acceptor",
    "Initiator",
    "KeytabError",
    "Refusal",
    "Refused",
    "TicketError",
    "TicketFailure",
    "look_inside",
    "ntlm_negotiate_token",
]
