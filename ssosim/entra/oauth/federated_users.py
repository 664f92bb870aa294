"""Users of federated domains at the sign-in page: the redirect to their federation service, and its response.

Sources: as in ``ws_federation``; Entra documentation, home realm discovery (a domain hint or a user name redirects at
once).
"""

from __future__ import annotations

import base64

import msgspec

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.browser_cookie import format_browser_cookie, is_from_browser
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply, make_guid
from ssosim.entra.core.pages import NO_STORE
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.realm_discovery import federation_service_of_domain
from ssosim.entra.core.safe_xml import InvalidXmlError
from ssosim.entra.core.sealed_tokens import SealedTokenError
from ssosim.entra.oauth.assertion import VerifiedSubject, verify_assertion
from ssosim.entra.oauth.authorization_codes import FLOW_LIFETIME, SignInFlow
from ssosim.entra.wstrust.ws_federation import (
    PASSWORD_METHOD,
    build_sign_in_url,
    build_wctx,
    extract_assertion,
    read_wctx,
)
from ssosim.estate import FederationService

__all__ = [
    "build_service_url",
    "federation_service_of_login",
    "read_returned_flow",
    "redirect_to_service",
    "verify_federated_user",
]

_FLOW = "federated-flow"  # purpose of sealed texts


def federation_service_of_login(provider: Provider, login: str) -> FederationService | None:
    """Return the federation service of ``login`` (a user name or a domain); None for a managed or unknown domain."""
    entry = provider.directory.find_domain(login)
    return None if entry is None else provider.find_announced_service(entry)


def build_service_url(
    provider: Provider, call: Call, flow: SignInFlow | None, service: FederationService, name: str
) -> str:
    """Build the URL of the sign-in page of ``service`` for the user ``name``.

    The URL carries ``flow`` as a sealed context. Without a flow the response of the service cannot be accepted.
    """
    request = ""
    if flow is not None:
        outgoing = msgspec.structs.replace(flow, id=make_guid(), issued=int(call.now), login_hint=name)
        request = provider.sealer.seal(_FLOW, outgoing)
    is_primary = call.host == provider.estate.cloud.login_hosts[0].lower()
    return build_sign_in_url(
        service,
        realm=provider.estate.cloud.audience_urn,
        context=build_wctx(request),
        reply="" if is_primary else endpoint_urls.login_srf_url(call.host),
        name=name,
        request_id=call.correlation_id,
        fresh=_ask_for_fresh_sign_in(provider, service, name) if flow is not None and flow.fresh else {},
    )


def _ask_for_fresh_sign_in(provider: Provider, service: FederationService, name: str) -> dict[str, str]:
    """Return the parameters that ``prompt=login`` becomes, by the setting of the user's domain.

    ``wfresh=0`` is satisfied by a ticket; a password is asked for with ``wauth`` only. Source: AD FS document "AD FS
    prompt=login parameter support".
    """
    entry = provider.directory.find_domain(name)
    domains = [entry.domain] if entry is not None else [
        domain for tenant in provider.estate.tenants for domain in tenant.domains if domain.federation == service.name
    ]  # fmt: skip
    behavior = domains[0].prompt_login_behavior if domains else ""
    if behavior == "nativeSupport":
        return {"prompt": "login"}
    fresh = {"wfresh": "0"}
    return fresh if behavior == "disabled" else {"wauth": PASSWORD_METHOD, **fresh}


def redirect_to_service(
    provider: Provider, call: Call, flow: SignInFlow, service: FederationService, name: str
) -> HttpReply:
    """Redirect the browser to the sign-in page of ``service``, with ``flow`` as the context of its response."""
    location = build_service_url(provider, call, flow, service, name)
    return HttpReply(
        302, headers=(("Location", location), ("Set-Cookie", format_browser_cookie(flow.browser)), *NO_STORE)
    )


def read_returned_flow(provider: Provider, call: Call, context: str) -> SignInFlow:
    """Open the flow in a ``wctx``.

    Raises AadstsError 165000 if it was not sealed here, is too old, has been used, or is from another browser.
    """
    try:
        flow = provider.sealer.open(_FLOW, read_wctx(context), SignInFlow)
    except SealedTokenError:
        raise AadstsError(165000, reason="The context is malformed.") from None
    if not 0 <= call.now - flow.issued < FLOW_LIFETIME:
        raise AadstsError(165000, reason="The sign-in has taken too long; start again.")
    if not is_from_browser(call, flow.browser):
        raise AadstsError(165000, reason="The sign-in was begun by another browser, or cookies are blocked.")
    if not provider.replay_cache.record_use(flow.id, flow.issued + 86_400, call.now):
        raise AadstsError(165000, reason="The answer has been used already; start again.")
    return flow


def verify_federated_user(provider: Provider, wresult: str, now: float) -> VerifiedSubject:
    """Verify the response of a federation service and return the user who has signed in.

    Raises AadstsError like ``verify_assertion``; 50008 if there is no assertion, 50107 if the user's domain is not
    federated.
    """
    try:
        assertion = extract_assertion(wresult)
    except InvalidXmlError as error:
        raise AadstsError(50008, reason=str(error)) from None
    subject = verify_assertion(provider, base64.b64encode(assertion).decode(), now, "saml1_1-bearer")
    entry = provider.directory.find_domain(subject.user.upn)
    if entry is None or federation_service_of_domain(provider.estate, entry) is None:
        raise AadstsError(50107, realm=subject.user.upn.rpartition("@")[2])
    return subject
