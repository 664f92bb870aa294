"""GSS-API on both sides of Negotiate. Imported late: loading libgssapi costs 0.07 s.

Importing it raises GssapiMissingError where python-gssapi or the library under it is missing: only a lab needs them.
The values (``Accepted``, ``Refused``, ``TicketError``) are in ``ssosim.kerberos.tickets``, which needs neither.
"""

from ssosim.kerberos.errors import GssapiMissingError

try:
    import gssapi as _gssapi  # noqa: F401 - to name what is missing, before anything else fails for it
except (ImportError, OSError) as _error:
    raise GssapiMissingError(str(_error)) from _error

from ssosim.kerberos.acceptor import Acceptor
from ssosim.kerberos.initiator import Initiator
from ssosim.kerberos.spnego import look_inside, ntlm_negotiate_token
from ssosim.kerberos.tickets import Accepted, KeytabError, Refusal, Refused, TicketError, TicketFailure

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
