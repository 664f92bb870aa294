"""WS-Trust messages: the request for a security token (RST), its response (RSTR), and SOAP faults.

Source: MSAL.NET WsTrust/WsTrustEndpoint.cs, WsTrustResponse.cs.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from types import MappingProxyType
from typing import Final

from lxml import etree
from msgspec import Struct

from ssosim_clients.failures import HttpFailure, ProtocolFailure
from ssosim_clients.flows.xml import parse
from ssosim_clients.ports import HttpResponse

__all__ = [
    "MSAL_PYTHON_TOKEN_TYPES",
    "V13",
    "V2005",
    "VERSIONS",
    "Assertion",
    "UsernameToken",
    "WsTrustVersion",
    "build_rst",
    "read_fault",
    "read_rstr",
]

SAML_1: Final = "urn:oasis:names:tc:SAML:1.0:assertion"
_WSS_PROFILE: Final = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#"
MSAL_PYTHON_TOKEN_TYPES: Final[Mapping[str, str]] = MappingProxyType(
    {
        SAML_1: "saml1_1",
        "urn:oasis:names:tc:SAML:2.0:assertion": "saml2",
        f"{_WSS_PROFILE}SAMLV1.1": "saml1_1",
        f"{_WSS_PROFILE}SAMLV2.0": "saml2",
    }
)
"""Source: msal wstrust_response.py, application.py (read, run); adal token_request.py, _get_saml_grant_type."""
_SOAP: Final = "{http://www.w3.org/2003/05/soap-envelope}"
_PSF: Final = "{http://schemas.microsoft.com/Passport/SoapServices/SOAPFault}"
_WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_AADSTS: Final = re.compile(r"AADSTS(\d{1,9})")


class WsTrustVersion(Struct, frozen=True):
    """A version of WS-Trust: its XML namespace, and the key type of an Issue request for a bearer token."""

    namespace: str
    key_type: str

    @property
    def action(self) -> str:
        """The SOAP action."""
        return f"{self.namespace}/RST/Issue"


V13: Final = WsTrustVersion(
    "http://docs.oasis-open.org/ws-sx/ws-trust/200512", "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer"
)
V2005: Final = WsTrustVersion(
    "http://schemas.xmlsoap.org/ws/2005/02/trust", "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"
)
VERSIONS: Final = (V13, V2005)
"""In MSAL.NET's order of preference. The autologon host has been observed to offer only 2005."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """The content of RequestedSecurityToken as bytes, and the OAuth grant type for its TokenType."""

    xml: bytes = field(repr=False)
    grant_type: str


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """A user name and a password in a SOAP message (WS-Security). ``created`` is in seconds since the Unix epoch."""

    username: str
    password: str = field(repr=False)
    created: float

    def build_header(self) -> str:
        """The security header. It is valid for ten minutes, as in MSAL.NET. Source: MSAL.NET WsTrustEndpoint.cs."""
        created, expires = (
            datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            for moment in (self.created, self.created + 600)
        )
        return (
            f'<o:Security s:mustUnderstand="1" xmlns:o="{_WSSE}" xmlns:u="{_WSU}"><u:Timestamp u:Id="_0">'
            f"<u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>"
            f'<o:UsernameToken u:Id="user"><o:Username>{escape(self.username)}</o:Username>'
            f"<o:Password>{escape(self.password)}</o:Password></o:UsernameToken></o:Security>"
        )


def build_rst(
    version: WsTrustVersion, to: str, audience: str, message_id: str, password: UsernameToken | None = None
) -> bytes:
    """The RST. Without ``password`` it has no security header: the ticket is in the HTTP header."""
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{version.action}</a:Action>'
        f"<a:MessageID>urn:uuid:{escape(message_id)}</a:MessageID>"
        "<a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>"
        f'<a:To s:mustUnderstand="1">{escape(to)}</a:To>{password.build_header() if password else ""}</s:Header>'
        f'<s:Body><t:RequestSecurityToken xmlns:t="{version.namespace}">'
        '<p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy"><a:EndpointReference>'
        f"<a:Address>{escape(audience)}</a:Address></a:EndpointReference></p:AppliesTo>"
        f"<t:KeyType>{version.key_type}</t:KeyType>"
        f"<t:RequestType>{version.namespace}/Issue</t:RequestType>"
        "</t:RequestSecurityToken></s:Body></s:Envelope>"
    ).encode(errors="replace")


def read_rstr(body: bytes, token_types: Mapping[str, str] | None = None) -> Assertion:
    """The assertion in an RSTR.

    SAML 1.0 is preferred; every other TokenType is treated as SAML 2, as in MSAL.NET. With ``token_types``, the SAML
    version of each type that the library knows, the first assertion counts, and another type is an error. Raises
    ``ProtocolFailure``.
    """
    root = parse(body, "the WS-Trust response")
    found: list[Assertion] = []
    for version in VERSIONS:
        for rstr in root.iter(f"{{{version.namespace}}}RequestSecurityTokenResponse"):
            kind = rstr.findtext(f"{{{version.namespace}}}TokenType")
            token = rstr.find(f"{{{version.namespace}}}RequestedSecurityToken")
            if not kind or token is None or len(token) == 0:
                continue
            name = "saml1_1" if kind == SAML_1 else "saml2"
            if token_types is not None:
                if kind not in token_types:
                    raise ProtocolFailure(f"the WS-Trust response has a token of the unknown type {kind[:100]!r}")
                name = token_types[kind]
            xml = b"".join(etree.tostring(child, with_tail=False) for child in token)
            found.append(Assertion(xml, f"urn:ietf:params:oauth:grant-type:{name}-bearer"))
    if not found:
        raise ProtocolFailure("the WS-Trust response contains no security token")
    if token_types is not None:
        return found[0]
    return next((item for item in found if "saml1_1" in item.grant_type), found[0])


def read_fault(response: HttpResponse) -> HttpFailure:
    """The failure for an error response. It has the reason and the AADSTS number of the SOAP fault, if there is one."""
    if not response.body:
        return HttpFailure(response.status)
    try:
        root = parse(response.body, "the fault")
    except ProtocolFailure:
        return HttpFailure(response.status)
    detail = next((node.text or "" for node in root.iter(f"{_PSF}text")), "")
    reason = root.findtext(f".//{_SOAP}Reason/{_SOAP}Text") or ""
    code = _AADSTS.search(detail)
    return HttpFailure(response.status, (detail or reason)[:500], int(code[1]) if code else None)
