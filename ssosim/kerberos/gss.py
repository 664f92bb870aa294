"""The GSS-API part of the package: acceptor and initiator. Import it late: loading libgssapi takes 0.07 s.

The import raises GssapiMissingError where python-gssapi or the GSS-API library is not installed; only a lab needs them.
The values (``AcceptedToken``, ``RefusedToken``, ``TicketError``) are in ``ssosim.kerberos.tickets``, which needs
neither.
"""

from ssosim.kerberos.errors import GssapiMissingError

try:
    import gssapi as _gssapi  # noqa: F401 - imported first, so that the error names what is missing
except (ImportError, OSError) as _error:
    raise GssapiMissingError(str(_error)) from _error

from ssosim.kerberos.acceptor import Acceptor
from ssosim.kerberos.initiator import Initiator
from ssosim.kerberos.spnego import build_ntlm_negotiate_token, read_negotiate_token
from ssosim.kerberos.tickets import (
    AcceptedToken,
    KeytabError,
    RefusedToken,
    TicketError,
    TicketErrorKind,
    TicketRefusal,
)

__all__ = [
    "AcceptedToken",
    "Acceptor",
    "Initiator",
    "KeytabError",
    "RefusedToken",
    "TicketError",
    "TicketErrorKind",
    "TicketRefusal",
    "build_ntlm_negotiate_token",
    "read_negotiate_token",
]
