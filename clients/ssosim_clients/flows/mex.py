"""WS-MetadataExchange: the endpoint that takes a Kerberos ticket, and the one that takes a password.

The default choice is MSAL.NET's: a policy that asserts ``http:NegotiateAuthentication`` and a TransportBinding, bound
over SOAP 1.2, its port's address an absolute URI; WS-Trust 1.3 before 2005. Source: MSAL.NET WsTrust/MexDocument.cs.
A document is read once: the choice is a function of its bytes, and a client asks for the same one again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from lxml import etree

from ssosim_clients.failures import HttpFailure, InteractionRequired, ProtocolFailure
from ssosim_clients.flows.realm import ClientHeaders
from ssosim_clients.flows.uri import is_absolute
from ssosim_clients.flows.wstrust import VERSIONS, WsTrust
from ssosim_clients.flows.xml import parse
from ssosim_clients.ports import Device

__all__ = [
    "MSAL4J",
    "MSAL_DOTNET",
    "Endpoint",
    "Reading",
    "download",
    "fetch",
    "read_kerberos_endpoint",
    "read_password_endpoint",
]

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
# Both generations of the policy language, and the mixture that AD FS writes: a 1.2 wrapper around 2005 tokens.
_PASSWORD_PATHS: Final = tuple(
    f"{outer}/wsp:Policy/{inner}:UsernameToken/wsp:Policy/{inner}:WssUsernameToken10"
    for outer in ("sp12:SignedEncryptedSupportingTokens", "sp2005:SignedSupportingTokens")
    for inner in ("sp12", "sp2005")
)
_SOAP_OVER_HTTP: Final = "http://schemas.xmlsoap.org/soap/http"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address and the version of WS-Trust spoken there."""

    url: str
    version: WsTrust


@dataclass(frozen=True, slots=True)
class Reading:
    """How strictly a library reads. ``transport``: a TransportBinding has to be asserted beside Negotiate."""

    transport: bool = True
    https_only: bool = False


MSAL_DOTNET: Final = Reading()
MSAL4J: Final = Reading(transport=False, https_only=True)
"""Source: msal4j MexParser.java."""


async def fetch(device: Device, url: str, headers: ClientHeaders | None, reading: Reading = MSAL_DOTNET) -> Endpoint:
    """Read the MEX document at ``url`` and choose the endpoint for a ticket.

    Raises ``NetworkFailure``, ``HttpFailure`` (any status but 200), ``ProtocolFailure`` and ``InteractionRequired``.
    """
    return read_kerberos_endpoint(await download(device, url, headers), reading)


async def download(device: Device, url: str, headers: ClientHeaders | None) -> bytes:
    """The MEX document at ``url``. Raises ``NetworkFailure`` and ``HttpFailure`` (any status but 200)."""
    response = await device.http.request("GET", url, headers.fields() if headers else {}, b"")
    if response.status != 200:
        raise HttpFailure(response.status, "metadata exchange failed")
    return response.body


@lru_cache(maxsize=64)
def read_kerberos_endpoint(body: bytes, reading: Reading = MSAL_DOTNET) -> Endpoint:
    """The windowstransport endpoint of a MEX document.

    Raises ``ProtocolFailure``, and ``InteractionRequired`` when the document offers no integrated Windows authentication.
    """

    def negotiates(choice: etree._Element) -> bool:
        return choice.find("http:NegotiateAuthentication", _NS) is not None and (
            not reading.transport or _over_transport(choice)
        )

    found = _endpoint(parse(body, "the MEX document"), negotiates, https_only=reading.https_only)
    if found is None:
        raise InteractionRequired("the MEX document offers no integrated Windows authentication")
    return found


@lru_cache(maxsize=64)
def read_password_endpoint(body: bytes) -> Endpoint:
    """The usernamemixed endpoint of a MEX document: https only, as MSAL Python and ADAL choose it.

    Raises ``ProtocolFailure``, also when there is none: MSAL Python raises ValueError then (source: mex.py).
    """

    def takes_password(choice: etree._Element) -> bool:
        return _over_transport(choice) and any(choice.find(path, _NS) is not None for path in _PASSWORD_PATHS)

    found = _endpoint(parse(body, "the MEX document"), takes_password, https_only=True)
    if found is None:
        raise ProtocolFailure("the MEX document has no endpoint that takes a password")
    return found


def _endpoint(root: etree._Element, fits: Callable[[etree._Element], bool], *, https_only: bool) -> Endpoint | None:
    bindings = dict(_bindings(root, _policies(root, fits)))
    found: dict[WsTrust, str] = {}
    for port in root.iterfind("wsdl:service/wsdl:port", _NS):
        version = bindings.get((port.get("binding") or "").rpartition(":")[2])
        address = (port.findtext("wsa:EndpointReference/wsa:Address", None, _NS) or "").strip()
        if version and is_absolute(address) and (address.startswith("https://") or not https_only):
            found.setdefault(version, address)
    return next((Endpoint(found[version], version) for version in VERSIONS if version in found), None)


def _over_transport(choice: etree._Element) -> bool:
    return any(choice.find(f"{prefix}:TransportBinding", _NS) is not None for prefix in ("sp12", "sp2005"))


def _policies(root: etree._Element, fits: Callable[[etree._Element], bool]) -> frozenset[str]:
    """The ids of the policies with an alternative that ``fits``."""
    seen: set[str] = set()
    chosen: set[str] = set()
    for policy in root.iterfind("wsp:Policy", _NS):
        name = policy.get(_ID) or ""
        if name in seen:
            raise ProtocolFailure(f"the MEX document has two policies with the id {name!r}")
        seen.add(name)
        if any(fits(choice) for choice in policy.iterfind("wsp:ExactlyOne/wsp:All", _NS)):
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
