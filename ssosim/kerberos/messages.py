"""Read the clear-text part of Kerberos messages: message type, realm, client and service names, error code.

``read_message`` accepts any bytes and always returns a value. No key is used here. Source: RFC 4120, section 5.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from types import MappingProxyType
from typing import Literal, NamedTuple

from msgspec import Struct

from ssosim.kerberos import der
from ssosim.kerberos.codes import error_name
from ssosim.kerberos.der import DerError, Element

__all__ = [
    "ApRequest",
    "KdcReply",
    "KdcRequest",
    "KrbError",
    "Message",
    "ReplyTicket",
    "Unreadable",
    "build_as_request",
    "build_error",
    "build_tgs_reply",
    "read_message",
    "read_presented_ticket",
    "read_reply_ticket",
    "read_ticket_server",
]

MAX_NAME = 1024
MAX_COMPONENTS = 32
MAX_ETYPES = 64
_LONGEST_KEPT = 16 * 1024  # bytes of a ticket whose reading is kept; one with many groups has about 12 KB

_AS_REQ, _AS_REP, _TGS_REQ, _TGS_REP, _AP_REQ, _KRB_ERROR = 10, 11, 12, 13, 14, 30
_NT_PRINCIPAL, _NT_SRV_INST = 1, 2
_PA_TGS_REQ = 1
_ESCAPES = {"/": "\\/", "@": "\\@", "\\": "\\\\"}


class KdcRequest(Struct, frozen=True):
    """An AS-REQ or TGS-REQ. Names have no realm. ``principal`` is ``""`` in a TGS-REQ, which does not contain it.

    ``etypes`` are the encryption types that the client offers, in its order of preference.
    """

    kind: Literal["AS", "TGS"]
    realm: str
    service: str
    principal: str
    etypes: tuple[int, ...] = ()


class KdcReply(Struct, frozen=True):
    """An AS-REP or TGS-REP: the KDC issued a ticket for ``service`` to ``principal``.

    ``enctype`` and ``kvno`` are those of the key that the ticket is encrypted with; 0 and None where they are missing.
    """

    kind: Literal["AS", "TGS"]
    realm: str
    principal: str
    service: str
    enctype: int = 0
    kvno: int | None = None


class KrbError(Struct, frozen=True):
    """A KRB-ERROR. ``name`` is the name of ``code`` in RFC 4120."""

    code: int
    name: str
    realm: str
    service: str
    text: str = ""


class ApRequest(Struct, frozen=True):
    """An AP-REQ: a ticket that a client presents to a service. ``kvno`` is None if the ticket has no key version.

    ``session_enctype`` is the type of the session key, with which the authenticator is encrypted (RFC 4120, section
    3.2.2).
    """

    realm: str
    service: str
    enctype: int
    kvno: int | None
    session_enctype: int = 0


class Unreadable(Struct, frozen=True):
    """Bytes that are none of these messages. ``reason`` describes the first error found."""

    reason: str


Message = KdcRequest | KdcReply | KrbError | ApRequest | Unreadable


def read_message(data: bytes) -> Message:
    """Parse ``data``. Never raises: bytes that cannot be read give ``Unreadable``."""
    try:
        outer = der.read_single(data)
        reader = _READERS.get(outer.tag)
        if reader is None:
            return Unreadable(f"no Kerberos message has tag 0x{outer.tag:02x}")
        return reader(der.read_fields(der.read_single(outer.value)))
    except DerError as error:
        return Unreadable(str(error))
    except KeyError as error:
        return Unreadable(f"member [{error.args[0]}] is missing")


def _request(kind: Literal["AS", "TGS"], number: int) -> Callable[[Mapping[int, Element]], Message]:
    def reader(message: Mapping[int, Element]) -> Message:
        _check_header(message[1], message[2], number)
        body = der.read_fields(message[4])
        service = _name(body[3]) if 3 in body else ""
        offered = der.read_children(body[8].expect(der.SEQUENCE))[:MAX_ETYPES] if 8 in body else ()
        etypes = tuple(der.read_integer(each) for each in offered)
        return KdcRequest(kind, _text(body[2]), service, _name(body[1]) if 1 in body else "", etypes)

    return reader


def _reply(kind: Literal["AS", "TGS"], number: int) -> Callable[[Mapping[int, Element]], Message]:
    def reader(message: Mapping[int, Element]) -> Message:
        _check_header(message[0], message[1], number)
        realm, service, sealed = _ticket(message[5])
        return KdcReply(kind, realm, _name(message[4]), service, der.read_integer(sealed[0]), _kvno(sealed))

    return reader


def _error(message: Mapping[int, Element]) -> Message:
    _check_header(message[0], message[1], _KRB_ERROR)
    code = der.read_integer(message[6])
    text = _text(message[11]) if 11 in message else ""
    # A KDC that refuses a request before it has read the name sends one of no components (Heimdal, Samba).
    return KrbError(code, error_name(code), _text(message[9]), _name(message[10], least=0), text)


def _ap_request(message: Mapping[int, Element]) -> Message:
    _check_header(message[0], message[1], _AP_REQ)
    ticket = message[3]
    read = _read_kept_ticket if len(ticket.value) <= _LONGEST_KEPT else _read_ticket
    return ApRequest(*read(ticket), der.read_integer(der.read_fields(message[4])[0]))


def _read_ticket(element: Element) -> tuple[str, str, int, int | None]:
    """The realm, the service, and encryption type and version of the key of a ticket."""
    realm, service, sealed = _ticket(element)
    return realm, service, der.read_integer(sealed[0]), _kvno(sealed)


_read_kept_ticket = lru_cache(maxsize=256)(_read_ticket)  # a client presents a ticket many times until it expires


def _kvno(sealed: Mapping[int, Element]) -> int | None:
    return der.read_integer(sealed[1]) if 1 in sealed else None


_READERS: Mapping[int, Callable[[Mapping[int, Element]], Message]] = {
    0x60 | _AS_REQ: _request("AS", _AS_REQ),
    0x60 | _TGS_REQ: _request("TGS", _TGS_REQ),
    0x60 | _AS_REP: _reply("AS", _AS_REP),
    0x60 | _TGS_REP: _reply("TGS", _TGS_REP),
    0x60 | _AP_REQ: _ap_request,
    0x60 | _KRB_ERROR: _error,
}


def _check_header(version: Element, kind: Element, number: int) -> None:
    if der.read_integer(version) != 5:
        raise DerError("not protocol version 5")
    if der.read_integer(kind) != number:
        raise DerError("message type and tag differ")


def _ticket(element: Element) -> tuple[str, str, Mapping[int, Element]]:
    ticket = der.read_fields(der.read_single(element.expect(0x61)))
    return _text(ticket[1]), _name(ticket[2]), der.read_fields(ticket[3])


def read_ticket_server(element: Element) -> str:
    """The name of the service that a Ticket (RFC 4120, section 5.3) is for. Raises DerError and KeyError."""
    return _ticket(element)[1]


class ReplyTicket(NamedTuple):
    """The realm of the client in an AS-REP or TGS-REP, and the bytes of the ticket in it."""

    client_realm: str
    ticket: bytes


def read_reply_ticket(data: bytes) -> ReplyTicket | None:
    """The ticket of an AS-REP or TGS-REP (RFC 4120, section 5.4.2); None for other bytes. Never raises."""
    try:
        fields = der.read_fields(der.read_single(der.read_single(data).value))
        return ReplyTicket(_text(fields[3]), fields[5].expect(0x61))
    except (DerError, KeyError):
        return None


def read_presented_ticket(data: bytes) -> bytes | None:
    """The bytes of the ticket that a TGS-REQ presents (RFC 4120, section 5.4.1); None for other bytes. Never raises."""
    try:
        fields = der.read_fields(der.read_single(der.read_single(data).value))
        for each in der.read_children(fields[3].expect(der.SEQUENCE)):
            padata = der.read_fields(each)
            if der.read_integer(padata[1]) == _PA_TGS_REQ:
                request = der.read_single(der.read_single(padata[2].expect(der.OCTET_STRING)).value)
                return der.read_fields(request)[3].expect(0x61)
    except (DerError, KeyError):
        pass
    return None


def _text(element: Element, escapes: Mapping[str, str] = MappingProxyType({})) -> str:
    value = element.expect(der.GENERAL_STRING)
    if len(value) > MAX_NAME:
        raise DerError(f"a string of more than {MAX_NAME} bytes")
    text = value.decode("utf-8", "backslashreplace")
    if text.isprintable() and escapes.keys().isdisjoint(text):
        return text
    return "".join(_escape(character, escapes) for character in text)


def _escape(character: str, escapes: Mapping[str, str]) -> str:
    # One line of printable characters: the text is written to traces and terminals.
    if character.isprintable():
        return escapes.get(character, character)
    return character.encode("unicode_escape").decode("ascii")


def _name(element: Element, *, least: int = 1) -> str:
    components = der.read_children(der.read_fields(element)[1].expect(der.SEQUENCE))
    if not least <= len(components) <= MAX_COMPONENTS:
        raise DerError("a name of no or too many components")
    if sum(len(part.value) for part in components) > MAX_NAME:  # before they are escaped, which takes time
        raise DerError(f"a name of more than {MAX_NAME} bytes")
    name = "/".join(_text(part, _ESCAPES) for part in components)
    if len(name) > MAX_NAME:
        raise DerError(f"a name of more than {MAX_NAME} characters")
    return name


def build_as_request(realm: str, principal: str, nonce: int = 1) -> bytes:
    """The smallest AS-REQ that a KDC answers: ``principal`` (one component) requests a TGT without pre-auth."""
    body = der.encode_element(
        der.SEQUENCE,
        der.encode_context(0, der.encode_element(der.BIT_STRING, bytes(5))),
        der.encode_context(1, _build_name(_NT_PRINCIPAL, principal)),
        der.encode_context(2, _build_text(realm)),
        der.encode_context(3, _build_name(_NT_SRV_INST, "krbtgt", realm)),
        der.encode_context(5, der.encode_element(der.GENERALIZED_TIME, b"19700101000000Z")),
        der.encode_context(7, der.encode_integer(nonce)),
        der.encode_context(8, der.encode_element(der.SEQUENCE, der.encode_integer(18), der.encode_integer(17))),
    )
    return der.encode_application(
        _AS_REQ,
        der.encode_element(
            der.SEQUENCE,
            der.encode_context(1, der.encode_integer(5)),
            der.encode_context(2, der.encode_integer(_AS_REQ)),
            der.encode_context(4, body),
        ),
    )


def build_error(code: int, realm: str, service: tuple[str, ...], now: float) -> bytes:
    """A KRB-ERROR. ``service`` has the components of the name; ``now`` is in seconds since the Unix epoch."""
    stamp = datetime.fromtimestamp(int(now), UTC).strftime("%Y%m%d%H%M%SZ").encode("ascii")
    return der.encode_application(
        _KRB_ERROR,
        der.encode_element(
            der.SEQUENCE,
            der.encode_context(0, der.encode_integer(5)),
            der.encode_context(1, der.encode_integer(_KRB_ERROR)),
            der.encode_context(4, der.encode_element(der.GENERALIZED_TIME, stamp)),
            der.encode_context(5, der.encode_integer(0)),
            der.encode_context(6, der.encode_integer(code)),
            der.encode_context(9, _build_text(realm)),
            der.encode_context(10, _build_name(_NT_SRV_INST, *service)),
        ),
    )


def build_tgs_reply(realm: str, principal: str, service: str, sealed: bytes) -> bytes:
    """A TGS-REP whose encrypted parts are the bytes ``sealed``, for the KDC in memory: no client can decrypt it.

    Source: RFC 4120, section 5.4.2.
    """
    encrypted = der.encode_element(
        der.SEQUENCE,
        der.encode_context(0, der.encode_integer(18)),
        der.encode_context(2, der.encode_element(der.OCTET_STRING, sealed)),
    )
    ticket = der.encode_element(
        der.SEQUENCE,
        der.encode_context(0, der.encode_integer(5)),
        der.encode_context(1, _build_text(realm)),
        der.encode_context(2, _build_name(_NT_SRV_INST, *service.split("/"))),
        der.encode_context(3, encrypted),
    )
    return der.encode_application(
        _TGS_REP,
        der.encode_element(
            der.SEQUENCE,
            der.encode_context(0, der.encode_integer(5)),
            der.encode_context(1, der.encode_integer(_TGS_REP)),
            der.encode_context(3, _build_text(realm)),
            der.encode_context(4, _build_name(_NT_PRINCIPAL, principal)),
            der.encode_context(5, der.encode_application(1, ticket)),
            der.encode_context(6, encrypted),
        ),
    )


def _build_text(text: str) -> bytes:
    return der.encode_element(der.GENERAL_STRING, text.encode())


def _build_name(kind: int, *components: str) -> bytes:
    strings = der.encode_element(der.SEQUENCE, *(_build_text(component) for component in components))
    return der.encode_element(
        der.SEQUENCE, der.encode_context(0, der.encode_integer(kind)), der.encode_context(1, strings)
    )
