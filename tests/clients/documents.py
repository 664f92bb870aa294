"""Documents of an identity provider in their barest shape that every parser accepts, for tests to spoil."""

from __future__ import annotations

from typing import Final

__all__ = ["ACTION", "mex_document", "rstr", "soap_fault"]

ACTION: Final = "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue"
"""WS-Trust 2005, the only version seen at the autologon host."""

_TAKES_USERNAME: Final = (
    "sp:TransportBinding/><sp:SignedSupportingTokens><wsp:Policy><sp:UsernameToken><wsp:Policy>"
    "<sp:WssUsernameToken10/></wsp:Policy></sp:UsernameToken></wsp:Policy></sp:SignedSupportingTokens"
)


def mex_document(
    windows: str | None = None,
    password: str | None = None,
    *,
    assertion: str = "http:NegotiateAuthentication",
    transport: str = "sp:TransportBinding",
) -> bytes:
    """A MEX document that offers windowstransport and usernamemixed at these addresses; None leaves one out.

    ``assertion`` and ``transport`` are what the Windows policy asserts, so that a test can spoil it.
    """
    offers = [("W", windows, f"<{assertion}/><{transport}/>"), ("P", password, f"<{_TAKES_USERNAME}>")]
    parts = [(name, address, policy) for name, address, policy in offers if address is not None]
    policies = "".join(
        f'<wsp:Policy wsu:Id="policy{name}"><wsp:ExactlyOne><wsp:All>{policy}</wsp:All></wsp:ExactlyOne></wsp:Policy>'
        for name, _, policy in parts
    )
    bindings = "".join(
        f'<wsdl:binding name="{name}" type="tns:x"><wsp:PolicyReference URI="#policy{name}"/>'
        f'<soap12:binding transport="http://schemas.xmlsoap.org/soap/http"/><wsdl:operation name="i">'
        f'<soap12:operation soapAction="{ACTION}"/></wsdl:operation></wsdl:binding>'
        for name, _, _ in parts
    )
    ports = "".join(
        f'<wsdl:port name="{name}" binding="tns:{name}"><wsa10:EndpointReference><wsa10:Address>{address}'
        "</wsa10:Address></wsa10:EndpointReference></wsdl:port>"
        for name, address, _ in parts
    )
    return (
        '<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:tns="urn:t"'
        ' xmlns:wsp="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:wsa10="http://www.w3.org/2005/08/addressing"'
        ' xmlns:wsu="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"'
        ' xmlns:http="http://schemas.microsoft.com/ws/06/2004/policy/http"'
        ' xmlns:sp="http://schemas.xmlsoap.org/ws/2005/07/securitypolicy"'
        f' xmlns:soap12="http://schemas.xmlsoap.org/wsdl/soap12/">{policies}{bindings}'
        f'<wsdl:service name="s">{ports}</wsdl:service></wsdl:definitions>'
    ).encode()


def rstr(kind: str = "urn:oasis:names:tc:SAML:1.0:assertion", token: str = "opaque") -> bytes:  # noqa: S107 - no secret
    """An RSTR around the shell assertion that public tools rebuild."""
    return (
        '<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Body><wst:RequestSecurityTokenResponse'
        f' xmlns:wst="http://schemas.xmlsoap.org/ws/2005/02/trust"><wst:TokenType>{kind}</wst:TokenType>'
        '<wst:RequestedSecurityToken><saml:Assertion xmlns:saml="urn:oasis:names:tc:SAML:1.0:assertion">'
        f"<DesktopSsoToken>{token}</DesktopSsoToken></saml:Assertion></wst:RequestedSecurityToken>"
        "</wst:RequestSecurityTokenResponse></S:Body></S:Envelope>"
    ).encode()


def soap_fault(text: str) -> bytes:
    """A SOAP fault whose reason is ``text``."""
    return (
        '<S:Envelope xmlns:S="http://www.w3.org/2003/05/soap-envelope"><S:Body><S:Fault><S:Code><S:Value>S:Sender'
        f'</S:Value></S:Code><S:Reason><S:Text xml:lang="en-US">{text}</S:Text></S:Reason></S:Fault></S:Body>'
        "</S:Envelope>"
    ).encode()
