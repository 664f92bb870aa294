"""Recognise tickets in bytes, in every form in which a program may send or store them.

Source: RFC 4120, sections 5.3 (Ticket), 5.5.1 (AP-REQ) and 5.8.1 (KRB-CRED); RFC 4178 (SPNEGO); MIT krb5 documentation,
"Credential cache file format".
"""

from __future__ import annotations

from ssosim.kerberos import der
from ssosim.kerberos.der import DerError
from ssosim.kerberos.messages import ApRequest, read_message, read_ticket_server
from ssosim.kerberos.spnego import read_negotiate_token

__all__ = ["read_ticket_service"]

_TICKET, _KRB_CRED, _AP_REQ = 0x61, 0x76, 0x6E
_GSS, _NEGOTIATION = 0x60, 0xA1
_CCACHE = (b"\x05\x03", b"\x05\x04")
_FIRST_OCTETS = frozenset({_TICKET, _KRB_CRED, _AP_REQ, _GSS, _NEGOTIATION, *(each[0] for each in _CCACHE)})
_SMALLEST = 40


def read_ticket_service(data: bytes) -> str | None:
    """Return the service that the ticket in ``data`` is for, without its realm; None if ``data`` is no ticket.

    ``data`` is a Negotiate token, an AP-REQ, a ticket, a KRB-CRED message (a ``.kirbi`` file) or a credential cache
    file. For a credential cache the result is ``credential cache``. Never raises.
    """
    if len(data) < _SMALLEST or (first := data[0]) not in _FIRST_OCTETS:
        return None
    if first in (_GSS, _NEGOTIATION, _AP_REQ):
        request = data if first == _AP_REQ else read_negotiate_token(data).ap_request
        message = read_message(request) if request else None
        return message.service if isinstance(message, ApRequest) else None
    if first == _TICKET:
        return _read_ticket(data)
    if first == _KRB_CRED:
        try:
            tickets = der.read_fields(der.read_single(der.read_single(data).value))[2]
            found = der.read_children(tickets.expect(der.SEQUENCE))
            return read_ticket_server(found[0]) if found else None
        except (DerError, KeyError):
            return None
    return "credential cache" if data.startswith(_CCACHE) and b"krbtgt" in data else None


def _read_ticket(data: bytes) -> str | None:
    try:
        return read_ticket_server(der.read_single(data))
    except (DerError, KeyError):
        return None
