"""WS-Trust responses: RSTR and SOAP faults, rendered from text templates."""

from __future__ import annotations

from dataclasses import dataclass

from ssosim.entra.core.safe_xml import escape_text
from ssosim.entra.core.timestamps import format_xml_time
from ssosim.entra.wstrust.rst import SOAP12, TRUST_NAMESPACES, WSSE, WSU, TrustVersion

__all__ = ["SOAP_TYPE", "Rstr", "render_adfs_fault", "render_fault", "render_rstr"]

SOAP_TYPE = "application/soap+xml; charset=utf-8"
_PSF = "http://schemas.microsoft.com/Passport/SoapServices/SOAPFault"
_ADDRESSING = "http://www.w3.org/2005/08/addressing"
_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
_FINAL = {"2005": "/RSTR/Issue", "13": "/RSTRC/IssueFinal"}
_KEY_TYPE = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer"
_HEADER_SECONDS = 300  # span of the header's Timestamp in a captured eSTS answer


@dataclass(frozen=True, slots=True)
class Rstr:
    """The content of an RSTR. ``assertion`` is XML text that declares all its namespaces.

    Times are in seconds since the Unix epoch.
    """

    version: TrustVersion
    token_type: str
    audience: str
    assertion: str
    created: float
    expires: float


# The prefix is S: in upper case, because some parsers need it (AADInternals). No element around the assertion has a
# default namespace, because ROADtools looks for DesktopSsoToken without one.
_ENVELOPE = (
    f'<S:Envelope xmlns:S="{SOAP12}" xmlns:wsa="{_ADDRESSING}" xmlns:wsse="{WSSE}" xmlns:wsu="{WSU}"'
    ' xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:wst="%(trust)s">'
    '<S:Header><wsa:Action S:mustUnderstand="1">%(trust)s%(action)s</wsa:Action>'
    f'<wsa:To S:mustUnderstand="1">{_ANONYMOUS}</wsa:To>'
    '<wsse:Security S:mustUnderstand="1"><wsu:Timestamp wsu:Id="TS"><wsu:Created>%(now)s</wsu:Created>'
    "<wsu:Expires>%(soon)s</wsu:Expires></wsu:Timestamp></wsse:Security></S:Header>"
    "<S:Body>%(open)s<wst:RequestSecurityTokenResponse>"
    "<wst:TokenType>%(token_type)s</wst:TokenType>"
    "<wsp:AppliesTo><wsa:EndpointReference><wsa:Address>%(audience)s</wsa:Address></wsa:EndpointReference></wsp:AppliesTo>"
    "<wst:Lifetime><wsu:Created>%(now)s</wsu:Created><wsu:Expires>%(end)s</wsu:Expires></wst:Lifetime>"
    "<wst:RequestedSecurityToken>%(assertion)s</wst:RequestedSecurityToken>%(tail)s"
    "</wst:RequestSecurityTokenResponse>%(close)s</S:Body></S:Envelope>"
)


def render_rstr(rstr: Rstr) -> bytes:
    """Render the response to an RST. WS-Trust 1.3 has it in a collection, 2005 has not.

    Sources: AADInternals Kerberos_utils.ps1 (2005), MSAL.NET WsTrustResponse.cs and MSAL Go (1.3).
    """
    trust = TRUST_NAMESPACES[rstr.version]
    in_collection = rstr.version == "13"
    kind = (
        f"<wst:RequestType>{trust}/Issue</wst:RequestType><wst:KeyType>{_KEY_TYPE}</wst:KeyType>"
        if in_collection
        else ""
    )
    values = {
        "trust": trust,
        "action": _FINAL[rstr.version],
        "now": format_xml_time(rstr.created),
        "soon": format_xml_time(rstr.created + _HEADER_SECONDS),
        "end": format_xml_time(rstr.expires),
        "token_type": rstr.token_type,
        "audience": escape_text(rstr.audience),
        "assertion": rstr.assertion,
        "open": "<wst:RequestSecurityTokenResponseCollection>" if in_collection else "",
        "close": "</wst:RequestSecurityTokenResponseCollection>" if in_collection else "",
        "tail": kind,
    }
    return (_ENVELOPE % values).encode()


# AADSTS number -> psf value, from captures. All other errors have the general value.
_PSF_VALUES = {50126: "0x80048821", 53003: "0x80048823"}
_PSF_GENERAL = "0x80048821"

_FAULT = (
    f'<S:Envelope xmlns:S="{SOAP12}" xmlns:wsse="{WSSE}" xmlns:wst="%(trust)s" xmlns:psf="{_PSF}">'
    "<S:Header><psf:pp><psf:serverVersion>1</psf:serverVersion><psf:authstate>0x80048800</psf:authstate>"
    "<psf:reqstatus>%(value)s</psf:reqstatus>"
    '<psf:serverInfo ServerTime="%(now)s">lab rid:%(trace)s</psf:serverInfo></psf:pp></S:Header>'
    "<S:Body><S:Fault><S:Code><S:Value>S:Sender</S:Value><S:Subcode><S:Value>wst:FailedAuthentication</S:Value>"
    '</S:Subcode></S:Code><S:Reason><S:Text xml:lang="en-US">Authentication Failure</S:Text></S:Reason>'
    "<S:Detail><psf:error><psf:value>%(value)s</psf:value><psf:internalerror><psf:code>%(value)s</psf:code>"
    "<psf:text>%(text)s</psf:text></psf:internalerror></psf:error></S:Detail></S:Fault></S:Body></S:Envelope>"
)


def render_fault(code: int, text: str, *, now: float, trace_id: str) -> bytes:
    """Render a fault of the autologon host; ``text`` starts with ``AADSTSnnnnn: ``.

    Sources: sp-rest-proxy issue 96 (capture), MSAL Python and msal4j parsers (Subcode must hold a colon).
    """
    values = {
        "trust": TRUST_NAMESPACES["2005"],
        "value": _PSF_VALUES.get(code, _PSF_GENERAL),
        "now": format_xml_time(now),
        "trace": trace_id,
        "text": escape_text(text),
    }
    return (_FAULT % values).encode()


_ADFS_FAULT = (
    f'<s:Envelope xmlns:s="{SOAP12}" xmlns:a="{_ADDRESSING}"><s:Header>'
    f'<a:Action s:mustUnderstand="1">{_ADDRESSING}/soap/fault</a:Action></s:Header>'
    "<s:Body><s:Fault><s:Code><s:Value>s:Sender</s:Value><s:Subcode>"
    '<s:Value xmlns:a="%(trust)s">a:%(subcode)s</s:Value></s:Subcode></s:Code>'
    '<s:Reason><s:Text xml:lang="en-US">%(text)s</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
)


def render_adfs_fault(subcode: str, text: str, version: TrustVersion) -> bytes:
    """Render a fault of a federation service: plain SOAP 1.2 without an AADSTS code, because AD FS has none.

    The subcode has the prefix ``a``, bound to the namespace of the endpoint's ``version`` (MSAL Python test_wstrust.py,
    azure-cli issue 22244).
    """
    values = {"trust": TRUST_NAMESPACES[version], "subcode": subcode, "text": escape_text(text)}
    return (_ADFS_FAULT % values).encode()
