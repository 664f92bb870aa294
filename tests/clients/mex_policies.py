"""MEX documents with one policy for a user name and a password, each part of which a test can choose."""

from __future__ import annotations

from typing import Final

__all__ = ["ACTIONS", "POLICY_VERSIONS", "password_document"]

POLICY_VERSIONS: Final = {
    "sp12": "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702",
    "sp2005": "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
}
"""The namespaces of WS-SecurityPolicy 1.2 and of that of July 2005."""

ACTIONS: Final = {
    "13": "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue",
    "2005": "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue",
}
"""The SOAP actions of WS-Trust 1.3 and of February 2005."""

_TOKENS: Final = {"sp12": "SignedEncryptedSupportingTokens", "sp2005": "SignedSupportingTokens"}


def password_document(
    outer: str,
    inner: str,
    binding: str | None,
    *,
    action: str = "2005",
    address: str = "https://sts.example/x",
    transport: str = "http://schemas.xmlsoap.org/soap/http",
    reference: str = "#p",
    port: str = "t:B",
) -> bytes:
    """A document whose supporting tokens are of version ``outer``, the token in them of ``inner``.

    ``binding`` is the version of the transport binding, None for none. The others are parts of binding and port.
    """
    element = _TOKENS[outer]
    tls = "" if binding is None else f'<b:TransportBinding xmlns:b="{POLICY_VERSIONS[binding]}"/>'
    return (
        '<d:definitions xmlns:d="http://schemas.xmlsoap.org/wsdl/" xmlns:t="urn:t"'
        ' xmlns:w="http://schemas.xmlsoap.org/ws/2004/09/policy" xmlns:a="http://www.w3.org/2005/08/addressing"'
        ' xmlns:u="http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd"'
        f' xmlns:o="{POLICY_VERSIONS[outer]}" xmlns:i="{POLICY_VERSIONS[inner]}"'
        ' xmlns:s="http://schemas.xmlsoap.org/wsdl/soap12/">'
        f'<w:Policy u:Id="p"><w:ExactlyOne><w:All>{tls}<o:{element}><w:Policy><i:UsernameToken><w:Policy>'
        f"<i:WssUsernameToken10/></w:Policy></i:UsernameToken></w:Policy></o:{element}></w:All></w:ExactlyOne></w:Policy>"
        f'<d:binding name="B" type="t:x"><w:PolicyReference URI="{reference}"/><s:binding transport="{transport}"/>'
        f'<d:operation name="i"><s:operation soapAction="{ACTIONS.get(action, action)}"/></d:operation></d:binding>'
        f'<d:service name="s"><d:port name="P" binding="{port}"><a:EndpointReference><a:Address>{address}'
        "</a:Address></a:EndpointReference></d:port></d:service></d:definitions>"
    ).encode()
