"""WS-MetadataExchange (MEX): find the endpoint for a Kerberos ticket, or the one for a password.

By default an endpoint is chosen as by MSAL.NET: its policy asserts ``http:NegotiateAuthentication`` and a
TransportBinding, its binding is SOAP 1.2, and the address of its port is an absolute URI. WS-Trust 1.3 is preferred to
2005. Source: MSAL.NET WsTrust/MexDocument.cs. The result is cached by the bytes of the document, because a client gets
the same document again and again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from typing import Final, Literal

from lxml import etree
from msgspec import Struct

from ssosim_clients.failures import HttpFailure, InteractionRequired, ProtocolFailure
from ssosim_clients.flows.realm import ClientHeaders
from ssosim_clients.flows.uri import is_absolute
from ssosim_clients.flows.wstrust import VERSIONS, WsTrustVersion
from ssosim_clients.flows.xml import parse
from ssosim_clients.ports import Device

__all__ = [
    "ADAL_PASSWORD",
    "MSAL4J",
    "MSAL_DOTNET",
    "MSAL_DOTNET_PASSWORD",
    "MSAL_PYTHON_PASSWORD",
    "Endpoint",
    "MexRequirements",
    "PasswordRequirements",
    "download",
    "fetch_kerberos_endpoint",
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
_SUPPORTING_TOKENS: Final = {"sp12": "SignedEncryptedSupportingTokens", "sp2005": "SignedSupportingTokens"}
_SOAP_OVER_HTTP: Final = "http://schemas.xmlsoap.org/soap/http"


class Endpoint(Struct, frozen=True):
    """The URL of a WS-Trust endpoint, and its version of WS-Trust."""

    url: str
    version: WsTrustVersion


class MexRequirements(Struct, frozen=True):
    """What a library requires of an endpoint: a TransportBinding beside Negotiate, an https address."""

    transport_binding: bool = True
    https_only: bool = False


class PasswordRequirements(Struct, frozen=True):
    """What a library requires of an endpoint for a user name and a password.

    ``tokens``: the versions of WS-SecurityPolicy of the supporting tokens and of the token in them, as prefixes, of
    which one pair must match. ``transport_binding``: of the ``same`` version as the supporting tokens, of ``any``
    version, or ``none``: it is not looked at.
    """

    tokens: tuple[tuple[str, str], ...] = (("sp12", "sp12"), ("sp2005", "sp2005"))
    transport_binding: Literal["same", "any", "none"] = "same"
    https_only: bool = True


MSAL_PYTHON_PASSWORD: Final = PasswordRequirements()
"""Source: msal mex.py (read, run)."""
ADAL_PASSWORD: Final = PasswordRequirements(transport_binding="none")
"""A policy without a transport binding is logged, and used. Source: adal mex.py, _check_policy (read, run)."""
MSAL_DOTNET_PASSWORD: Final = PasswordRequirements(
    tokens=(("sp12", "sp2005"), ("sp2005", "sp2005")), transport_binding="any", https_only=False
)
"""It looks for the token of 2005 in both versions, so it does not see the usernamemixed endpoint of WS-Trust 1.3 of AD
FS. Source: MSAL.NET WsTrust/MexDocument.cs, ReadPolicies."""

MSAL_DOTNET: Final = MexRequirements()
MSAL4J: Final = MexRequirements(transport_binding=False, https_only=True)
"""Source: msal4j MexParser.java."""


async def fetch_kerberos_endpoint(
    device: Device, url: str, headers: ClientHeaders | None, requirements: MexRequirements = MSAL_DOTNET
) -> Endpoint:
    """Download the MEX document at ``url`` and choose the endpoint for a ticket.

    Raises ``NetworkFailure``, ``HttpFailure`` (any status but 200), ``ProtocolFailure`` and ``InteractionRequired``.
    """
    return read_kerberos_endpoint(await download(device, url, headers), requirements)


async def download(device: Device, url: str, headers: ClientHeaders | None) -> bytes:
    """The MEX document at ``url``. Raises ``NetworkFailure`` and ``HttpFailure`` (any status but 200)."""
    response = await device.http.request("GET", url, headers.fields() if headers else {}, b"")
    if response.status != 200:
        raise HttpFailure(response.status, "metadata exchange failed")
    return response.body


@lru_cache(maxsize=64)
def read_kerberos_endpoint(body: bytes, requirements: MexRequirements = MSAL_DOTNET) -> Endpoint:
    """The windowstransport endpoint of a MEX document.

    Raises ``ProtocolFailure``, and ``InteractionRequired`` if there is no integrated Windows authentication in it.
    """

    def is_negotiate(alternative: etree._Element) -> bool:
        return alternative.find("http:NegotiateAuthentication", _NS) is not None and (
            not requirements.transport_binding or _has_transport_binding(alternative)
        )

    found = _find_endpoint(parse(body, "the MEX document"), is_negotiate, https_only=requirements.https_only)
    if found is None:
        raise InteractionRequired("the MEX document offers no integrated Windows authentication")
    return found


@lru_cache(maxsize=64)
def read_password_endpoint(body: bytes, requirements: PasswordRequirements = MSAL_PYTHON_PASSWORD) -> Endpoint:
    """The usernamemixed endpoint of a MEX document.

    Raises ``ProtocolFailure``, also if there is none: MSAL Python raises ValueError then (source: mex.py).
    """

    def is_password(alternative: etree._Element) -> bool:
        return any(
            alternative.find(_build_token_path(outer, inner), _NS) is not None
            and _has_required_binding(alternative, outer, requirements)
            for outer, inner in requirements.tokens
        )

    found = _find_endpoint(parse(body, "the MEX document"), is_password, https_only=requirements.https_only)
    if found is None:
        raise ProtocolFailure("the MEX document has no endpoint for a user name and a password")
    return found


def _find_endpoint(
    root: etree._Element, is_suitable: Callable[[etree._Element], bool], *, https_only: bool
) -> Endpoint | None:
    bindings = dict(_find_bindings(root, _find_policies(root, is_suitable)))
    found: dict[WsTrustVersion, str] = {}
    for port in root.iterfind("wsdl:service/wsdl:port", _NS):
        version = bindings.get((port.get("binding") or "").rpartition(":")[2])
        address = port.findtext("wsa:EndpointReference/wsa:Address", None, _NS) or ""  # no library removes white space
        if version and is_absolute(address) and (address.lower().startswith("https://") or not https_only):
            found.setdefault(version, address)
    return next((Endpoint(found[version], version) for version in VERSIONS if version in found), None)


def _build_token_path(outer: str, inner: str) -> str:
    return f"{outer}:{_SUPPORTING_TOKENS[outer]}/wsp:Policy/{inner}:UsernameToken/wsp:Policy/{inner}:WssUsernameToken10"


def _has_required_binding(alternative: etree._Element, outer: str, requirements: PasswordRequirements) -> bool:
    if requirements.transport_binding == "same":
        return alternative.find(f"{outer}:TransportBinding", _NS) is not None
    return requirements.transport_binding == "none" or _has_transport_binding(alternative)


def _has_transport_binding(alternative: etree._Element) -> bool:
    return any(alternative.find(f"{prefix}:TransportBinding", _NS) is not None for prefix in ("sp12", "sp2005"))


def _find_policies(root: etree._Element, is_suitable: Callable[[etree._Element], bool]) -> frozenset[str]:
    """The ids of the policies with at least one suitable alternative."""
    seen: set[str] = set()
    chosen: set[str] = set()
    for policy in root.iterfind("wsp:Policy", _NS):
        name = policy.get(_ID) or ""
        if name in seen:
            raise ProtocolFailure(f"the MEX document has two policies with the id {name!r}")
        seen.add(name)
        if any(is_suitable(alternative) for alternative in policy.iterfind("wsp:ExactlyOne/wsp:All", _NS)):
            chosen.add(name)
    return frozenset(chosen)


def _find_bindings(root: etree._Element, policies: frozenset[str]) -> Iterator[tuple[str, WsTrustVersion]]:
    """The name and WS-Trust version of each binding with one of ``policies``."""
    actions = {version.action: version for version in VERSIONS}
    for binding in root.iterfind("wsdl:binding", _NS):
        reference = binding.find("wsp:PolicyReference", _NS)
        soap = binding.find("soap12:binding", _NS)
        operation = binding.find("wsdl:operation/soap12:operation", _NS)
        if reference is None or soap is None or operation is None:
            continue
        version = actions.get(operation.get("soapAction") or "")
        is_chosen = (reference.get("URI") or "").removeprefix("#") in policies
        if is_chosen and version and soap.get("transport") == _SOAP_OVER_HTTP:
            yield binding.get("name") or "", version
