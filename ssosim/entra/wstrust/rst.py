"""Parsing of WS-Trust requests (RST, RequestSecurityToken), 2005 and 1.3.

These deviations are read, because maintained clients send them: blanks before the XML declaration, a missing
SOAPAction or Content-Type, any spelling of MessageID (msal4j writes ``messageID``), a ``To`` that differs from the URL,
an ``Id`` on the RST, and a missing Timestamp. What AD FS refuses beside is in ``adfs_message``; whether Entra does so
too is unconfirmed (ROADtools sends it a constant Timestamp of 2020). Sources: MSAL.NET WsTrustEndpoint.cs, MSAL Python
wstrust_request.py, msal4j WSTrustRequest.java, AADInternals, ROADtools.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from lxml.etree import _Element

from ssosim.entra.core.safe_xml import InvalidXmlError, local_name, parse_xml, text_of

__all__ = [
    "ADDRESSING",
    "SOAP12",
    "TRANSFER",
    "TRUST_NAMESPACES",
    "WSSE",
    "WSU",
    "Rst",
    "TrustVersion",
    "find_message_id",
    "parse_rst",
    "read_transfer_get",
]

TrustVersion = Literal["2005", "13"]

TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
_FAULT_LIMIT = 256 * 1024
SOAP12 = "http://www.w3.org/2003/05/soap-envelope"
WSSE = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
WSU = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
TRUST_NAMESPACES: dict[TrustVersion, str] = {
    "2005": "http://schemas.xmlsoap.org/ws/2005/02/trust",
    "13": "http://docs.oasis-open.org/ws-sx/ws-trust/200512",
}
ADDRESSING = "http://www.w3.org/2005/08/addressing"
_ADDRESS, _ACTION = f"{{{ADDRESSING}}}Address", f"{{{ADDRESSING}}}Action"
_ULTIMATE_RECEIVER, _NEXT = f"{SOAP12}/role/ultimateReceiver", f"{SOAP12}/role/next"
_PARTS_WITH_FIELDS = frozenset({"AppliesTo", "KeySize", "KeyType", "RequestType", "TokenType"})
_ENVELOPE, _HEADER, _BODY = (f"{{{SOAP12}}}{name}" for name in ("Envelope", "Header", "Body"))
_SECURITY, _USERNAME_TOKEN, _TIMESTAMP = f"{{{WSSE}}}Security", f"{{{WSSE}}}UsernameToken", f"{{{WSU}}}Timestamp"


@dataclass(frozen=True, slots=True)
class Rst:
    """A request to issue a token. Missing parts are empty; ``username`` is None without a UsernameToken.

    ``created`` and ``expires`` are the texts of the Timestamp in its security header. ``action`` is that of
    WS-Addressing, ``must_understand`` are the tags of all headers that the receiver must understand (SOAP 1.2, section
    5.2.3). ``other_parts`` are the local names of the request's parts beside those with a field of their own.
    """

    version: TrustVersion
    message_id: str
    applies_to: str
    token_type: str
    username: str | None = None
    password: str = field(default="", repr=False)
    created: str = ""
    expires: str = ""
    action: str = ""
    password_type: str = ""
    key_type: str = ""
    key_size: str = ""
    must_understand: tuple[str, ...] = ()
    other_parts: tuple[str, ...] = ()
    is_first_in_body: bool = True


def parse_rst(text: bytes, version: TrustVersion, limit: int) -> Rst:
    """Parse a SOAP 1.2 envelope with an RST of ``version``; raises InvalidXmlError for anything else.

    The only supported request type is Issue. Sign-in needs no other. A part that is there twice is refused, as by WCF:
    nobody knows which of two users, passwords or relying parties is meant.
    """
    root = parse_xml(text, limit)
    if root.tag != _ENVELOPE:
        raise InvalidXmlError("The message is not a SOAP 1.2 envelope.")
    trust = TRUST_NAMESPACES[version]
    body = _only_child(root, _BODY)
    request = _only_child(body, f"{{{trust}}}RequestSecurityToken")
    if body is None or request is None:
        raise InvalidXmlError(f"The body holds no RequestSecurityToken of {trust}.")
    request_type = text_of(_only_child(request, f"{{{trust}}}RequestType")).strip()
    if request_type and request_type != f"{trust}/Issue":
        raise InvalidXmlError("Only tokens can be issued here; the request type is not supported.")
    header = _only_child(root, _HEADER)
    token, timestamp = _in_security(header, _USERNAME_TOKEN), _in_security(header, _TIMESTAMP)
    password = _only_child(token, f"{{{WSSE}}}Password")
    return Rst(
        version=version,
        message_id=_message_id(header),
        applies_to=_applies_to(request),
        token_type=text_of(_only_child(request, f"{{{trust}}}TokenType")).strip(),
        username=None if token is None else text_of(_only_child(token, f"{{{WSSE}}}Username")).strip(),
        password=text_of(password),
        created=text_of(_only_child(timestamp, f"{{{WSU}}}Created")).strip(),
        expires=text_of(_only_child(timestamp, f"{{{WSU}}}Expires")).strip(),
        action=text_of(_only_child(header, _ACTION)).strip(),
        password_type="" if password is None else password.get("Type", ""),
        key_type=text_of(_only_child(request, f"{{{trust}}}KeyType")).strip(),
        key_size=text_of(_only_child(request, f"{{{trust}}}KeySize")).strip(),
        must_understand=_list_must_understand(header),
        other_parts=tuple(
            local_name(part) for part in request.iterchildren("{*}*") if local_name(part) not in _PARTS_WITH_FIELDS
        ),
        is_first_in_body=next(body.iterchildren("{*}*")) is request,
    )


def find_message_id(body: bytes) -> str:
    """Return the MessageID of an envelope; ``""`` if there is none, or the body is no envelope."""
    try:
        root = parse_xml(body, _FAULT_LIMIT)
    except InvalidXmlError:
        return ""
    return _message_id(root.find(f"{{{SOAP12}}}Header"))


def read_transfer_get(body: bytes, limit: int) -> str:
    """Return the MessageID of a WS-Transfer Get; raises InvalidXmlError for anything else."""
    root = parse_xml(body, limit)
    header = root.find(f"{{{SOAP12}}}Header")
    action = "" if header is None else text_of(header.find(f"{{{ADDRESSING}}}Action")).strip()
    if root.tag != f"{{{SOAP12}}}Envelope" or action != f"{TRANSFER}/Get":
        raise InvalidXmlError("The message is no WS-Transfer Get.")
    return _message_id(header)


def _only_child(parent: _Element | None, tag: str) -> _Element | None:
    """Return the child with ``tag``; raises InvalidXmlError for two. ``iterchildren`` compares tags in C."""
    if parent is None:
        return None
    children = parent.iterchildren(tag)
    found = next(children, None)
    if found is not None and next(children, None) is not None:
        raise InvalidXmlError(f"There is more than one {local_name(found)}.")
    return found


def _in_security(header: _Element | None, tag: str) -> _Element | None:
    """Return the child with ``tag`` of the security headers; raises InvalidXmlError for two."""
    found = None
    for security in () if header is None else header.iterchildren(_SECURITY):
        child = _only_child(security, tag)
        if child is not None and found is not None:
            raise InvalidXmlError(f"There is more than one {local_name(child)}.")
        found = child if found is None else found
    return found


def _list_must_understand(header: _Element | None) -> tuple[str, ...]:
    """Return the tags of the headers that the receiver must understand, the ultimate receiver's only."""
    if header is None:
        return ()
    return tuple(
        str(each.tag)
        for each in header.iterchildren("{*}*")
        if each.get(f"{{{SOAP12}}}mustUnderstand", "").strip() in ("1", "true")
        and each.get(f"{{{SOAP12}}}role", _ULTIMATE_RECEIVER) in (_ULTIMATE_RECEIVER, _NEXT)
    )


def _message_id(header: _Element | None) -> str:
    if header is None:
        return ""
    for element in header:
        if local_name(element).lower() == "messageid":
            return text_of(element).strip()
    return ""


def _applies_to(request: _Element) -> str:
    applies_to = _only_child(request, "{*}AppliesTo")
    return "" if applies_to is None else text_of(next(applies_to.iterdescendants(_ADDRESS), None)).strip()
