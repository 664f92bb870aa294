"""WS-Trust: the request for a security token (RST), its answer (RSTR) and its fault.

Source: MSAL.NET WsTrust/WsTrustEndpoint.cs, WsTrustResponse.cs.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from html import escape
from typing import Final

from lxml import etree

from ssosim_clients.failures import HttpFailure, ProtocolFailure
from ssosim_clients.flows.xml import parse
from ssosim_clients.ports import HttpResponse

__all__ = ["V13", "V2005", "VERSIONS", "Assertion", "UsernameToken", "WsTrust", "fault", "read_rstr", "request_token"]

SAML_1: Final = "urn:oasis:names:tc:SAML:1.0:assertion"
_SOAP: Final = "{http://www.w3.org/2003/05/soap-envelope}"
_PSF: Final = "{http://schemas.microsoft.com/Passport/SoapServices/SOAPFault}"
_WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
_WSU: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"
_AADSTS: Final = re.compile(r"AADSTS(\d{1,9})")


@dataclass(frozen=True, slots=True)
class WsTrust:
    """A version of WS-Trust: its namespace, and the URIs of an Issue request for a bearer token."""

    namespace: str
    key_type: str

    @property
    def action(self) -> str:
        """The SOAP action."""
        return f"{self.namespace}/RST/Issue"


V13: Final = WsTrust(
    "http://docs.oasis-open.org/ws-sx/ws-trust/200512", "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer"
)
V2005: Final = WsTrust(
    "http://schemas.xmlsoap.org/ws/2005/02/trust", "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey"
)
VERSIONS: Final = (V13, V2005)
"""In MSAL.NET's order of preference. Only 2005 has been seen at the autologon host."""


@dataclass(frozen=True, slots=True)
class Assertion:
    """What stood inside RequestedSecurityToken, as bytes, and the OAuth grant type that goes with its TokenType."""

    xml: bytes = field(repr=False)
    grant_type: str


@dataclass(frozen=True, slots=True)
class UsernameToken:
    """A password in the envelope (WS-Security). ``at`` is when it was written, in seconds since the epoch."""

    username: str
    password: str = field(repr=False)
    at: float

    def header(self) -> str:
        """The security header, good for ten minutes as MSAL.NET makes it. Source: MSAL.NET WsTrustEndpoint.cs."""
        created, expires = (
            datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ") for moment in (self.at, self.at + 600)
        )
        return (
            f'<o:Security s:mustUnderstand="1" xmlns:o="{_WSSE}" xmlns:u="{_WSU}"><u:Timestamp u:Id="_0">'
            f"<u:Created>{created}</u:Created><u:Expires>{expires}</u:Expires></u:Timestamp>"
            f'<o:UsernameToken u:Id="user"><o:Username>{escape(self.username)}</o:Username>'
            f"<o:Password>{escape(self.password)}</o:Password></o:UsernameToken></o:Security>"
        )


def request_token(
    version: WsTrust, to: str, audience: str, message_id: str, password: UsernameToken | None = None
) -> bytes:
    """The RST. Without ``password`` there is no security header: the transport carries the ticket."""
    return (
        '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"'
        ' xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{version.action}</a:Action>'
        f"<a:MessageID>urn:uuid:{escape(message_id)}</a:MessageID>"
        "<a:ReplyTo><a:Address>http://www.w3.org/2005/08/addressing/anonymous</a:Address></a:ReplyTo>"
        f'<a:To s:mustUnderstand="1">{escape(to)}</a:To>{password.header() if password else ""}</s:Header>'
        f'<s:Body><t:RequestSecurityToken xmlns:t="{version.namespace}">'
        '<p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy"><a:EndpointReference>'
        f"<a:Address>{escape(audience)}</a:Address></a:EndpointReference></p:AppliesTo>"
        f"<t:KeyType>{version.key_type}</t:KeyType>"
        f"<t:RequestType>{version.namespace}/Issue</t:RequestType>"
        "</t:RequestSecurityToken></s:Body></s:Envelope>"
    ).encode(errors="replace")


def read_rstr(body: bytes) -> Assertion:
    """The assertion in an RSTR. SAML 1.0 is preferred; every other TokenType is taken for SAML 2, as MSAL.NET does.

    Raises ``ProtocolFailure``.
    """
    root = parse(body, "the WS-Trust answer")
    found: list[Assertion] = []
    for version in VERSIONS:
        for answer in root.iter(f"{{{version.namespace}}}RequestSecurityTokenResponse"):
            kind = answer.findtext(f"{{{version.namespace}}}TokenType")
            token = answer.find(f"{{{version.namespace}}}RequestedSecurityToken")
            if not kind or token is None or len(token) == 0:
                continue
            name = "saml1_1" if kind == SAML_1 else "saml2"
            xml = b"".join(etree.tostring(child, with_tail=False) for child in token)
            found.append(Assertion(xml, f"urn:ietf:params:oauth:grant-type:{name}-bearer"))
    if not found:
        raise ProtocolFailure("the WS-Trust answer holds no security token")
    return next((item for item in found if "saml1_1" in item.grant_type), found[0])


def fault(response: HttpResponse) -> HttpFailure:
    """A refusal as a failure, with the reason and the AADSTS number where the body is a SOAP fault that has them."""
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
