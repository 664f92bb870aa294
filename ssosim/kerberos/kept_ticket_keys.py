"""What Negotiate tokens say in clear text of the keys of their tickets, read once for each ticket.

A client presents a ticket many times. Its tokens differ in the sealed part of the authenticator only, which comes
last, and which nobody reads here (RFC 4120, section 5.5.1). So a token that is as long as one that was read before, and
equal to it up to that part, says the same. A token is kept if a second reading, with other octets in that part, says
the same.
"""

from __future__ import annotations

from ssosim.kerberos import der
from ssosim.kerberos.der import DerError
from ssosim.kerberos.enctypes import enctype_name
from ssosim.kerberos.messages import ApRequest, read_message
from ssosim.kerberos.spnego import read_negotiate_token
from ssosim.kerberos.tickets import TicketKey

__all__ = ["KeptTicketKeys", "describe_ticket_key", "read_ticket_key"]

_MOST, _LONGEST = 256, 16 * 1024
_BEGIN = 24
"""Octets at the begin of a token by which the length of what is compared is found. Other lengths are only slower."""


def describe_ticket_key(request: ApRequest) -> TicketKey:
    """Return what an AP-REQ says of its keys."""
    types = enctype_name(request.enctype), enctype_name(request.session_enctype)
    return TicketKey(request.service, request.kvno, *types, request.realm)


def read_ticket_key(token: bytes) -> TicketKey | None:
    """Read what the AP-REQ in a Negotiate token says of its keys in clear text; None if there is none. Never raises."""
    request = read_message(read_negotiate_token(token).ap_request)
    return describe_ticket_key(request) if isinstance(request, ApRequest) else None


class KeptTicketKeys:
    """Reads tokens as ``read_ticket_key``, and keeps what it has read of at most 256 tickets."""

    def __init__(self) -> None:
        self._sizes: dict[tuple[int, bytes], int] = {}
        self._keys: dict[tuple[int, bytes], TicketKey] = {}

    def read(self, token: bytes) -> TicketKey | None:
        """Return what ``read_ticket_key`` returns."""
        size = self._sizes.get((len(token), token[:_BEGIN]))
        if size is not None:
            kept = self._keys.get((len(token), token[:size]))
            if kept is not None:
                return kept
        key = read_ticket_key(token)
        if key is not None and len(token) <= _LONGEST:
            self._keep(token, key)
        return key

    def _keep(self, token: bytes, key: TicketKey) -> None:
        sealed = _measure_sealed_end(token)
        size = len(token) - sealed
        # An octet of ones is no tag of DER that is read, and in a text or a number it would be another one.
        if not sealed or read_ticket_key(token[:size] + b"\xff" * sealed) != key:
            return
        if len(self._keys) >= _MOST:
            self._keys.clear()
            self._sizes.clear()
        self._keys[len(token), token[:size]] = key
        self._sizes[len(token), token[:_BEGIN]] = size


def _measure_sealed_end(token: bytes) -> int:
    """Return how many octets at the end of a token are the sealed part of its authenticator; 0 if it ends otherwise."""
    try:
        request = der.read_single(read_negotiate_token(token).ap_request)
        authenticator = der.read_fields(der.read_fields(der.read_single(request.value))[4])
        sealed = authenticator[2].expect(der.OCTET_STRING)
    except (DerError, KeyError):
        return 0
    return len(sealed) if token.endswith(sealed) else 0
