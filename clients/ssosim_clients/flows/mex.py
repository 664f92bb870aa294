"""WS-MetadataExchange: the endpoint that takes a Kerberos ticket.

The choice is MSAL.NET's: a policy that asserts ``http:NegotiateAuthentication`` and a TransportBinding, bound over
SOAP 1.2, its port's address an absolute URI; WS-Trust 1.3 before 2005. Source: MSAL.NET WsTrust/MexDocument.cs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from lxml import etree

from ssosim_clients.failures import HttpFailure, NotOffered, ProtocolFailure
from ssosim_clients.flows.realm import ClientHeaders
from ssosim_clients.flows.uri import is_absolute
from ssosim_clients.flows.wstrust import VERSIONS, WsTrust
from ssosim_clients.flows.xml import parse
from ssosim_clients.ports import Device

__all__ = ["Endpoint", "fetch", "kerberos_endpoint"]

_NS: Final = {
    "wsdl": "http://schemas.xmlsoap.org/wsdl/",
    "wsp": "http://schemas.xmlsoap.org/ws/2004/09/policy",
    "http": "http://schemas.microsoft.com/ws/06/2004/policy/http",
    "sp12": "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702",
    "sp2005": "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
    "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
    "wsa": "http://www.w3.org/2005/08/addressing",
}
_ID: Final = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"
_SOAP_OVER_HTTP: Final = "http://schemas.xmlsoap.org/soap/http"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and the version of WS-Trust spoken there."""

    url: str
    version: WsTrust


async def fetch(device: Device, url: str, headers: ClientHeaders | None) -> Endpoint:
    """Read the MEX document at ``url`` and choose from it.

    Raises ``NetworkFailure``, ``HttpFailure`` (any status but 200), ``ProtocolFailure`` and ``NotOffered``.
    """
    response = await device.http.request("GET", url, headers.fields() if headers else {}, b"")
    if response.status != 200:
        raise HttpFailure(response.status, "metadata exchange failed")
    return kerberos_endpoint(response.body)


def kerberos_endpoint(body: bytes) -> Endpoint:
    """The windowstransport endpoint of a MEX document.

    Raises ``ProtocolFailure``, and ``NotOffered`` when the document offers no integrated Windows authentication.
    """
    root = parse(body, "the MEX document")
    bindings = dict(_bindings(root, _negotiate_policies(root)))
    found: dict[WsTrust, str] = {}
    for port in root.iterfind("wsdl:service/wsdl:port", _NS):
        version = bindings.get((port.get("binding") or "").rpartition(":")[2])
        address = (port.findtext("wsa:EndpointReference/wsa:Address", None, _NS) or "").strip()
        if version and is_absolute(address):
            found.setdefault(version, address)
    for version in VERSIONS:
        if version in found:
            return Endpoint(found[version], version)
    raise NotOffered("the MEX document offers no integrated Windows authentication")


def _negotiate_policies(root: etree._Element) -> frozenset[str]:
    seen: set[str] = set()
    chosen: set[str] = set()
    for policy in root.iterfind("wsp:Policy", _NS):
        name = policy.get(_ID) or ""
        if name in seen:
            raise ProtocolFailure(f"the MEX document has two policies with the id {name!r}")
        seen.add(name)
        for choice in policy.iterfind("wsp:ExactlyOne/wsp:All", _NS):
            transport = [choice.find(f"{prefix}:TransportBinding", _NS) for prefix in ("sp12", "sp2005")]
            if choice.find("http:NegotiateAuthentication", _NS) is not None and transport != [None, None]:
                chosen.add(name)
    return frozenset(chosen)


def _bindings(root: etree._Element, policies: frozenset[str]) -> Iterator[tuple[str, WsTrust]]:
    actions = {version.action: version for version in VERSIONS}
    for binding in root.iterfind("wsdl:binding", _NS):
        reference = binding.find("wsp:PolicyReference", _NS)
        soap = binding.find("soap12:binding", _NS)
        operation = binding.find("wsdl:operation/soap12:operation", _NS)
        if reference is None or soap is None or operation is None:
            continue
        version = actions.get(operation.get("soapAction") or "")
        named = (reference.get("URI") or "").removeprefix("#") in policies
        if named and version and soap.get("transport") == _SOAP_OVER_HTTP:
            yield binding.get("name") or "", version
