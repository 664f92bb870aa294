"""WS-Trust responses: RSTR and SOAP faults, rendered from text templates."""

from __future__ import annotations

from msgspec import Struct

from ssosim.entra.core.safe_xml import escape_text
from ssosim.entra.core.timestamps import format_xml_time
from ssosim.entra.wstrust.rst import SOAP12, TRUST_NAMESPACES, WSSE, WSU, TrustVersion

__all__ = ["SOAP_TYPE", "Rstr", "render_adfs_fault", "render_adfs_rstr", "render_fault", "render_rstr"]

SOAP_TYPE = "application/soap+xml; charset=utf-8"
_PSF = "http://schemas.microsoft.com/Passport/SoapServices/SOAPFault"
_ADDRESSING = "http://www.w3.org/2005/08/addressing"
_ANONYMOUS = "http://schemas.xmlsoap.org/ws/2004/08/addressing/role/anonymous"
_FINAL = {"2005": "/RSTR/Issue", "13": "/RSTRC/IssueFinal"}
_KEY_TYPE = "http://docs.oasis-open.org/ws-sx/ws-trust/200512/Bearer"
_HEADER_SECONDS = 300  # span of the header's Timestamp in a captured eSTS answer


class Rstr(Struct, frozen=True):
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


_ADFS_HEADER = (
    f'<s:Envelope xmlns:s="{SOAP12}" xmlns:a="{_ADDRESSING}" xmlns:u="{WSU}"><s:Header>'
    '<a:Action s:mustUnderstand="1">%(action)s</a:Action>%(relates)s'
)
_ADFS_ENVELOPE = (
    _ADFS_HEADER + f'<o:Security s:mustUnderstand="1" xmlns:o="{WSSE}"><u:Timestamp u:Id="_0">'
    "<u:Created>%(now)s</u:Created><u:Expires>%(soon)s</u:Expires></u:Timestamp></o:Security></s:Header>"
    "<s:Body>%(open)s<%(p)s:RequestSecurityTokenResponse%(declare)s><%(p)s:Lifetime>"
    f'<wsu:Created xmlns:wsu="{WSU}">%(now)s</wsu:Created><wsu:Expires xmlns:wsu="{WSU}">%(end)s</wsu:Expires>'
    '</%(p)s:Lifetime><wsp:AppliesTo xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy">'
    f'<wsa:EndpointReference xmlns:wsa="{_ADDRESSING}"><wsa:Address>%(audience)s</wsa:Address></wsa:EndpointReference>'
    "</wsp:AppliesTo><%(p)s:RequestedSecurityToken>%(assertion)s</%(p)s:RequestedSecurityToken>"
    "<%(p)s:TokenType>%(token_type)s</%(p)s:TokenType><%(p)s:RequestType>%(trust)s/Issue</%(p)s:RequestType>"
    "<%(p)s:KeyType>%(key)s</%(p)s:KeyType></%(p)s:RequestSecurityTokenResponse>%(close)s</s:Body></s:Envelope>"
)
_ADFS_PREFIXES: dict[TrustVersion, str] = {"2005": "t", "13": "trust"}
_ADFS_KEYS: dict[TrustVersion, str] = {
    "2005": "http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey",
    "13": _KEY_TYPE,
}


def _relates_to(message_id: str) -> str:
    return f"<a:RelatesTo>{escape_text(message_id)}</a:RelatesTo>" if message_id else ""


def render_adfs_rstr(rstr: Rstr, message_id: str) -> bytes:
    """Render the response of a federation service, with the prefixes of AD FS, by which some programs look for parts.

    ``message_id`` is that of the request. Sources: three public captures (2012, 2014, 2020) of ``s:``, ``a:RelatesTo``
    and ``trust:`` in WS-Trust 1.3; ``t:`` in 2005: captures of WS-Federation responses of AD FS.
    """
    trust, prefix = TRUST_NAMESPACES[rstr.version], _ADFS_PREFIXES[rstr.version]
    declare = f' xmlns:{prefix}="{trust}"'
    in_collection = rstr.version == "13"
    values = {
        "action": f"{trust}{_FINAL[rstr.version]}",
        "relates": _relates_to(message_id),
        "p": prefix,
        "trust": trust,
        "declare": "" if in_collection else declare,
        "open": f"<{prefix}:RequestSecurityTokenResponseCollection{declare}>" if in_collection else "",
        "close": f"</{prefix}:RequestSecurityTokenResponseCollection>" if in_collection else "",
        "now": format_xml_time(rstr.created),
        "soon": format_xml_time(rstr.created + _HEADER_SECONDS),
        "end": format_xml_time(rstr.expires),
        "audience": escape_text(rstr.audience),
        "assertion": rstr.assertion,
        "token_type": escape_text(rstr.token_type),
        "key": _ADFS_KEYS[rstr.version],
    }
    return (_ADFS_ENVELOPE % values).encode()


_ADFS_FAULT = (
    _ADFS_HEADER + "</s:Header><s:Body><s:Fault><s:Code>%(code)s</s:Code>"
    '<s:Reason><s:Text xml:lang="en-US">%(text)s</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
)


def render_adfs_fault(
    subcode: str, text: str, version: TrustVersion = "2005", message_id: str = "", namespace: str = ""
) -> bytes:
    """Render a fault of a federation service: plain SOAP 1.2 without an AADSTS code, because AD FS has none.

    The subcode is in ``namespace``, by default that of the endpoint's ``version``; one of SOAP itself is the code of
    the fault (SOAP 1.2, section 5.4.6). Sources: node-sp-auth issue 77 (1.3), azure-cli issue 22244 (prefix ``a:``).
    """
    values = {
        "action": f"{_ADDRESSING}/soap/fault",
        "relates": _relates_to(message_id),
        "code": f"<s:Value>s:{subcode}</s:Value>"
        if namespace == SOAP12
        else f'<s:Value>s:Sender</s:Value><s:Subcode><s:Value xmlns:a="{namespace or TRUST_NAMESPACES[version]}">'
        f"a:{subcode}</s:Value></s:Subcode>",
        "text": escape_text(text),
    }
    return (_ADFS_FAULT % values).encode()
