"""The federation metadata of a federation service: its signing certificate and its endpoints for browsers.

Sources: WS-Federation 1.2, section 3 (``fed:SecurityTokenServiceType``), SAML 2.0 metadata (``IDPSSODescriptor``), the
address that AD FS uses. The document is not signed.
"""

from __future__ import annotations

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.safe_xml import escape_attribute, escape_text

__all__ = ["handle_federation_metadata"]

_METADATA = "urn:oasis:names:tc:SAML:2.0:metadata"


def handle_federation_metadata(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET /FederationMetadata/2007-06/FederationMetadata.xml. Raises AadstsError 50000 for a service without a key."""
    service = provider.federation_by_host[call.host]
    key = provider.keys.federation.get(service.name)
    if key is None:
        raise AadstsError(50000)
    page = endpoint_urls.federation_page_url(service)
    signing = (
        '<KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>'
        f"{key.certificate_base64}</X509Certificate></X509Data></KeyInfo></KeyDescriptor>"
    )
    passive = (
        '<fed:PassiveRequestorEndpoint><wsa:EndpointReference xmlns:wsa="http://www.w3.org/2005/08/addressing">'
        f"<wsa:Address>{escape_text(page)}</wsa:Address></wsa:EndpointReference></fed:PassiveRequestorEndpoint>"
    )
    body = (
        f'<?xml version="1.0" encoding="utf-8"?><EntityDescriptor xmlns="{_METADATA}" '
        f'entityID="{escape_attribute(service.issuer)}"><RoleDescriptor xsi:type="fed:SecurityTokenServiceType" '
        'protocolSupportEnumeration="http://docs.oasis-open.org/wsfed/federation/200706" '
        'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" '
        f'xmlns:fed="http://docs.oasis-open.org/wsfed/federation/200706">{signing}{passive}</RoleDescriptor>'
        '<IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol">'
        f'{signing}<SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" '
        f'Location="{escape_attribute(page)}"/></IDPSSODescriptor></EntityDescriptor>'
    )
    return HttpReply(200, body.encode(), "application/samlmetadata+xml")
