"""People of federated domains at the sign-in page: out to their own service, and back with its assertion.

Sources: as of ``wsfed``; Entra documentation, home realm discovery (a domain hint or a name leads there at once).
"""

from __future__ import annotations

import base64

import msgspec

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.browser_cookie import browser_cookie, is_browser_of
from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.messages import Answer, Call, new_guid
from ssosim.entra.core.pages import NO_STORE
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.realm_discovery import federation_of
from ssosim.entra.core.safe_xml import XmlRefusedError
from ssosim.entra.core.sealed_tokens import SealBrokenError
from ssosim.entra.oauth.assertion import Proven, verify_assertion
from ssosim.entra.oauth.authorization_codes import FLOW_LIFETIME, Flow
from ssosim.entra.wstrust.ws_federation import assertion_in, context_of, request_in, sign_in_address
from ssosim.estate import FederationService, Tenant

__all__ = ["address_at_service", "proven_by_service", "returned_flow", "send_to_service", "service_of"]

_FLOW = "federated-flow"  # purpose of sealed texts


def service_of(provider: Provider, login: str) -> FederationService | None:
    """The service that signs ``login`` (a name or a bare domain) in; None where a password here does."""
    place = provider.directory.place(login)
    return None if place is None else federation_of(provider.estate, place)


def address_at_service(provider: Provider, call: Call, flow: Flow | None, service: FederationService, name: str) -> str:
    """The page of ``service``, for ``name``; without a ``flow`` nothing can come back from there."""
    request = ""
    if flow is not None:
        leaving = msgspec.structs.replace(flow, id=new_guid(), issued=int(call.now), login_hint=name)
        request = provider.seal.close(_FLOW, leaving)
    return sign_in_address(
        service,
        realm=provider.estate.cloud.audience_urn,
        context=context_of(request),
        reply=endpoint_urls.federated_return(call.host),
        name=name,
        request_id=call.correlation_id,
    )


def send_to_service(provider: Provider, call: Call, flow: Flow, service: FederationService, name: str) -> Answer:
    """The redirect to the page of ``service``, which is to come back with ``flow``."""
    location = address_at_service(provider, call, flow, service, name)
    return Answer(302, headers=(("Location", location), ("Set-Cookie", browser_cookie(flow.browser)), *NO_STORE))


def returned_flow(provider: Provider, call: Call, context: str) -> Flow:
    """The flow of a ``wctx``; raises Refusal 165000 for one that is stale, used, not ours, or another browser's."""
    try:
        flow = provider.seal.open(_FLOW, request_in(context), Flow)
    except SealBrokenError:
        raise Refusal(165000, reason="The context is malformed.") from None
    if not 0 <= call.now - flow.issued < FLOW_LIFETIME:
        raise Refusal(165000, reason="The sign-in has taken too long; start again.")
    if not is_browser_of(call, flow.browser):
        raise Refusal(165000, reason="The sign-in was begun by another browser, or cookies are blocked.")
    if not provider.used.first_use(flow.id, flow.issued + 86_400, call.now):
        raise Refusal(165000, reason="The answer has been used already; start again.")
    return flow


def proven_by_service(provider: Provider, flow: Flow, wresult: str, now: float) -> Proven:
    """Who has signed in, by the service's own signature.

    Raises Refusal as ``verify_assertion``, 50008 for what holds no assertion, 50107 for a token of no federation
    service, 50034 for somebody of another tenant than was asked for.
    """
    try:
        assertion = assertion_in(wresult)
    except XmlRefusedError as error:
        raise Refusal(50008, reason=str(error)) from None
    proven = verify_assertion(provider, base64.b64encode(assertion).decode(), now, "saml1_1-bearer")
    if service_of(provider, proven.user.upn) is None:
        raise Refusal(50107, realm=proven.user.upn.rpartition("@")[2])
    wanted = provider.directory.tenant(flow.authority)
    home: Tenant = provider.directory.home(proven.user)
    if wanted is not None and wanted.id != home.id:
        raise Refusal(50034, user=proven.user.upn, tenant=wanted.id)
    return proven
