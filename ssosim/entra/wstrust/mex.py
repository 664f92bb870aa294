"""The MEX document: the WS-Trust endpoints and their authentication policies, as WSDL.

All known parsers can read it: policies, bindings and the service are direct children of the root, ids use the literal
prefix ``wsu:``, each assertion declares the prefix ``sp`` itself, as AD FS does (MSAL Go ignores a policy whose
TransportBinding has no ``xmlns:sp``), every binding has its SOAP 1.2 parts, port addresses are https. Port types,
messages and types are included, so that a SOAP library that needs complete WSDL (zeep) can call the service.
Sources: MSAL.NET MexDocument.cs, msal4j MexParser.java, MSAL Python mex.py, ADAL mex.js and mex.py, MSAL Go
wstrust_mex_document.go.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import cast

from msgspec import Struct

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.safe_xml import escape_attribute, escape_text
from ssosim.entra.wstrust.rst import SOAP12, TRANSFER, TRUST_NAMESPACES, WSU, TrustVersion
from ssosim.estate import Cloud, FederationService
from ssosim.estate.trust_endpoints import TRUST_ENDPOINTS, TrustEndpointKind, TrustEndpointName

__all__ = ["MEX_TYPE", "MexEndpoint", "render_adfs_mex", "render_autologon_mex", "render_mex"]

MEX_TYPE = "text/xml; charset=utf-8"
_TARGET = "http://schemas.microsoft.com/ws/2008/06/identity/securitytokenservice"  # MSAL Python microsoft.mex.xml
_MEX = "http://schemas.xmlsoap.org/ws/2004/09/mex"
_REQUEST_ID_SLOT = "00000000-0000-0000-0000-000000000000"  # placeholder of the request id in the cached document

_SP_OF: dict[TrustVersion, tuple[str, str]] = {
    "2005": ("http://schemas.xmlsoap.org/ws/2005/07/securitypolicy", "SignedSupportingTokens"),
    "13": ("http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702", "SignedEncryptedSupportingTokens"),
}
_INTERFACES: dict[TrustVersion, str] = {"2005": "TrustFeb2005", "13": "Trust13"}
_RESPONSES: dict[TrustVersion, str] = {
    "2005": "RequestSecurityTokenResponse",
    "13": "RequestSecurityTokenResponseCollection",
}
# Names as AD FS has them (MSAL.NET test resource TestMex.xml).
_NAMES: dict[tuple[str, TrustVersion], str] = {
    ("windowstransport", "2005"): "CustomBinding_IWSTrustFeb2005Async",
    ("certificatemixed", "2005"): "CertificateWSTrustBinding_IWSTrustFeb2005Async",
    ("certificatetransport", "2005"): "CertificateWSTrustBinding_IWSTrustFeb2005Async1",
    ("usernamemixed", "2005"): "UserNameWSTrustBinding_IWSTrustFeb2005Async",
    ("kerberosmixed", "2005"): "CustomBinding_IWSTrustFeb2005Async1",
    ("issuedtokenmixedasymmetricbasic256", "2005"): "IssuedTokenWSTrustBinding_IWSTrustFeb2005Async",
    ("issuedtokenmixedsymmetricbasic256", "2005"): "IssuedTokenWSTrustBinding_IWSTrustFeb2005Async1",
    ("kerberosmixed", "13"): "CustomBinding_IWSTrust13Async",
    ("certificatemixed", "13"): "CertificateWSTrustBinding_IWSTrust13Async",
    ("certificatetransport", "13"): "CertificateWSTrustBinding_IWSTrust13Async1",
    ("usernamemixed", "13"): "UserNameWSTrustBinding_IWSTrust13Async",
    ("issuedtokenmixedasymmetricbasic256", "13"): "IssuedTokenWSTrustBinding_IWSTrust13Async",
    ("issuedtokenmixedsymmetricbasic256", "13"): "IssuedTokenWSTrustBinding_IWSTrust13Async1",
    ("windowstransport", "13"): "CustomBinding_IWSTrust13Async1",
}


class MexEndpoint(Struct, frozen=True):
    """One WS-Trust endpoint; ``address`` is an https URL."""

    kind: TrustEndpointKind
    version: TrustVersion
    address: str


def _token(endpoint: MexEndpoint, sp: str) -> str:
    """Return the token that the policy of an endpoint with message credentials demands."""
    always = f'sp:IncludeToken="{sp}/IncludeToken/AlwaysToRecipient"'
    match endpoint.kind:
        case "usernamemixed":
            return f"<sp:UsernameToken {always}><wsp:Policy><sp:WssUsernameToken10/></wsp:Policy></sp:UsernameToken>"
        case "certificatemixed":
            return f"<sp:X509Token {always}><wsp:Policy><sp:WssX509V3Token10/></wsp:Policy></sp:X509Token>"
        case "kerberosmixed":
            once = f'sp:IncludeToken="{sp}/IncludeToken/Once"'
            form = "<wsp:Policy><sp:WssGssKerberosV5ApReqToken11/></wsp:Policy>"
            return f"<sp:KerberosToken {once}>{form}</sp:KerberosToken>"
    trust = TRUST_NAMESPACES[endpoint.version]
    asymmetric = endpoint.kind == "issuedtokenmixedasymmetricbasic256"
    key = "PublicKey" if asymmetric else "SymmetricKey"
    return (
        f"<sp:IssuedToken {always}><sp:RequestSecurityTokenTemplate>"
        f'<t:KeyType xmlns:t="{trust}">{trust}/{key}</t:KeyType></sp:RequestSecurityTokenTemplate>'
        "<wsp:Policy><sp:RequireInternalReference/></wsp:Policy></sp:IssuedToken>"
    )


def _policy(endpoint: MexEndpoint, name: str) -> str:
    sp, supporting = _SP_OF[endpoint.version]
    by_certificate = "true" if endpoint.kind == "certificatetransport" else "false"
    transport = (
        f'<sp:TransportBinding xmlns:sp="{sp}"><wsp:Policy><sp:TransportToken><wsp:Policy>'
        f'<sp:HttpsToken RequireClientCertificate="{by_certificate}"/>'
        "</wsp:Policy></sp:TransportToken></wsp:Policy></sp:TransportBinding>"
    )
    if endpoint.kind == "windowstransport":
        assertion = f"<http:NegotiateAuthentication/>{transport}"
    elif endpoint.kind == "certificatetransport":
        assertion = transport
    else:
        element = supporting if endpoint.kind == "usernamemixed" else "EndorsingSupportingTokens"
        assertion = (
            f'{transport}<sp:{element} xmlns:sp="{sp}"><wsp:Policy>{_token(endpoint, sp)}</wsp:Policy></sp:{element}>'
        )
    return (
        f'<wsp:Policy wsu:Id="{name}_policy"><wsp:ExactlyOne><wsp:All>{assertion}'
        "</wsp:All></wsp:ExactlyOne></wsp:Policy>"
    )


def _schema(version: TrustVersion) -> str:
    """The request and response elements, which allow any content, as in the schema of WS-Trust."""
    return (
        f'<xsd:schema targetNamespace="{TRUST_NAMESPACES[version]}" xmlns:t="{TRUST_NAMESPACES[version]}">'
        '<xsd:complexType name="AnyContent"><xsd:sequence>'
        '<xsd:any namespace="##any" processContents="lax" minOccurs="0" maxOccurs="unbounded"/>'
        '</xsd:sequence><xsd:attribute name="Context" type="xsd:anyURI"/>'
        '<xsd:anyAttribute namespace="##other" processContents="lax"/></xsd:complexType>'
        '<xsd:element name="RequestSecurityToken" type="t:AnyContent"/>'
        f'<xsd:element name="{_RESPONSES[version]}" type="t:AnyContent"/></xsd:schema>'
    )


def _messages(version: TrustVersion) -> str:
    name, trust = _INTERFACES[version], TRUST_NAMESPACES[version]
    return "".join(
        f'<wsdl:message name="{name}Issue{way}Message">'
        f'<wsdl:part name="{way.lower()}" element="t:{element}" xmlns:t="{trust}"/></wsdl:message>'
        for way, element in (("Input", "RequestSecurityToken"), ("Output", _RESPONSES[version]))
    )


def _port_type(version: TrustVersion) -> str:
    name = _INTERFACES[version]
    return (
        f'<wsdl:portType name="IWS{name}Async"><wsdl:operation name="{name}IssueAsync">'
        f'<wsdl:input message="tns:{name}IssueInputMessage"/><wsdl:output message="tns:{name}IssueOutputMessage"/>'
        "</wsdl:operation></wsdl:portType>"
    )


def _render_binding(endpoint: MexEndpoint, name: str) -> str:
    trust, interface = TRUST_NAMESPACES[endpoint.version], _INTERFACES[endpoint.version]
    return (
        f'<wsdl:binding name="{name}" type="tns:IWS{interface}Async">'
        f'<wsp:PolicyReference URI="#{name}_policy"/>'
        '<soap12:binding transport="http://schemas.xmlsoap.org/soap/http"/>'
        f'<wsdl:operation name="{interface}IssueAsync">'
        f'<soap12:operation soapAction="{trust}/RST/Issue" style="document"/>'
        '<wsdl:input><soap12:body use="literal"/></wsdl:input><wsdl:output><soap12:body use="literal"/></wsdl:output>'
        "</wsdl:operation></wsdl:binding>"
    )


def _port(endpoint: MexEndpoint, name: str) -> str:
    return (
        f'<wsdl:port name="{name}" binding="tns:{name}">'
        f'<soap12:address location="{escape_attribute(endpoint.address)}"/>'
        f"<wsa10:EndpointReference><wsa10:Address>{escape_text(endpoint.address)}</wsa10:Address>"
        "</wsa10:EndpointReference></wsdl:port>"
    )


def _name(endpoints: tuple[MexEndpoint, ...]) -> Iterator[tuple[MexEndpoint, str]]:
    """Yield each endpoint with a name of its own: a second one of its kind gets a number."""
    taken: set[str] = set()
    for endpoint in endpoints:
        plain = name = _NAMES[endpoint.kind, endpoint.version]
        number = 1
        while name in taken:
            number += 1
            name = f"{plain}{number}"
        taken.add(name)
        yield endpoint, name


@lru_cache(maxsize=1024)
def render_mex(endpoints: tuple[MexEndpoint, ...]) -> str:
    """Render the WSDL that offers exactly these ``endpoints``."""
    named = list(_name(endpoints))
    versions = sorted({endpoint.version for endpoint in endpoints}, reverse=True)
    return (
        '<?xml version="1.0" encoding="utf-8"?>'
        f'<wsdl:definitions name="SecurityTokenService" targetNamespace="{_TARGET}" xmlns:tns="{_TARGET}"'
        ' xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/"'
        f' xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:wsu="{WSU}"'
        ' xmlns:http="http://schemas.microsoft.com/ws/06/2004/policy/http"'
        ' xmlns:wsa10="http://www.w3.org/2005/08/addressing" xmlns:xsd="http://www.w3.org/2001/XMLSchema">'
        + "".join(_policy(*pair) for pair in named)
        + f"<wsdl:types>{''.join(map(_schema, versions))}</wsdl:types>"
        + "".join(map(_messages, versions))
        + "".join(map(_port_type, versions))
        + "".join(_render_binding(*pair) for pair in named)
        + '<wsdl:service name="SecurityTokenService">'
        + "".join(_port(*pair) for pair in named)
        + "</wsdl:service></wsdl:definitions>"
    )


def render_autologon_mex(cloud: Cloud, domain: str, request_id: str) -> bytes:
    """Render the document of the autologon host: WS-Trust 2005 only, and the request id in each address.

    Sources: MSAL.NET issues 1985 and 2044 (addresses). They show no other version than 2005.
    """
    return _autologon_frame(cloud, domain).replace(_REQUEST_ID_SLOT, request_id).encode()


@lru_cache(maxsize=1024)
def _autologon_frame(cloud: Cloud, domain: str) -> str:
    return render_mex(
        (
            MexEndpoint(
                "windowstransport",
                "2005",
                endpoint_urls.autologon_trust_url(cloud, domain, "windowstransport", _REQUEST_ID_SLOT),
            ),
            MexEndpoint(
                "usernamemixed",
                "2005",
                endpoint_urls.autologon_trust_url(cloud, domain, "usernamemixed", _REQUEST_ID_SLOT),
            ),
        )
    )


@lru_cache(maxsize=64)
def render_adfs_mex(service: FederationService) -> bytes:
    """Render the document of a federation service: its extra endpoints, and then those of AD FS that are enabled.

    With ``mex_form`` metadata-section the WSDL is nested, as SiteMinder sends it (MSAL.NET issues 2152, 2665). Programs
    with a password must not choose an endpoint for certificates, Kerberos or issued tokens (MSAL Go issue 98).
    """
    extra = tuple(MexEndpoint(each.kind, each.version, each.address) for each in service.extra_endpoints)
    enabled = tuple(_read_endpoint(service, name) for name in TRUST_ENDPOINTS if name in service.endpoints)
    wsdl = render_mex((*extra, *enabled))
    return (_nest(wsdl) if service.mex_form == "metadata-section" else wsdl).encode()


def _read_endpoint(service: FederationService, name: TrustEndpointName) -> MexEndpoint:
    version, _, kind = name.partition("/")
    address = endpoint_urls.adfs_trust_url(service, version, kind)
    return MexEndpoint(cast("TrustEndpointKind", kind), cast("TrustVersion", version), address)


_DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'


def _nest(wsdl: str) -> str:
    return (
        f'{_DECLARATION}<wsx:Metadata xmlns:wsx="{_MEX}"><wsx:MetadataSection '
        f'Dialect="http://schemas.xmlsoap.org/wsdl/">{wsdl.removeprefix(_DECLARATION)}'
        "</wsx:MetadataSection></wsx:Metadata>"
    )


def render_transfer_response(service: FederationService, message_id: str) -> bytes:
    """Render the response to a WS-Transfer Get: the metadata in an envelope (WS-MetadataExchange 1.1)."""
    plain = render_adfs_mex(service).decode()
    metadata = (plain if service.mex_form == "metadata-section" else _nest(plain)).removeprefix(_DECLARATION)
    relates = f"<a:RelatesTo>{escape_text(message_id)}</a:RelatesTo>" if message_id else ""
    return (
        f'<s:Envelope xmlns:s="{SOAP12}" xmlns:a="http://www.w3.org/2005/08/addressing"><s:Header>'
        f'<a:Action s:mustUnderstand="1">{TRANSFER}/GetResponse</a:Action>{relates}</s:Header>'
        f"<s:Body>{metadata}</s:Body></s:Envelope>"
    ).encode()
