"""The authorization endpoint: it reads an application's request and shows the sign-in page to the user.

Sources: Entra auth-code document, MSAL Python oauth2.py and MSAL.NET (parameters), captures of the sign-in page
(``$Config``). A browser that has signed in has a session, which only requests with ``prompt=none`` use: any other
request shows the page.
"""

from __future__ import annotations

from typing import Any

import msgspec

from ssosim.entra.core.application_rules import require_client
from ssosim.entra.core.browser_cookie import format_browser_cookie, is_from_browser, read_browser_cookie
from ssosim.entra.core.errors import AadstsError, build_error_description, mark_error
from ssosim.entra.core.jose import encode_base64url
from ssosim.entra.core.messages import Call, HttpReply, make_guid
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.page_views import PageView, record_unattended, seal_page_view
from ssosim.entra.core.pages import render_message_page, render_sign_in_page
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import SealedTokenError
from ssosim.entra.oauth.access_grants import check_resource
from ssosim.entra.oauth.authorization_codes import FLOW_LIFETIME, Canary, SignInFlow, check_challenge
from ssosim.entra.oauth.error_page import build_page_error, render_error_page
from ssosim.entra.oauth.federated_users import federation_service_of_login, redirect_to_service
from ssosim.entra.oauth.national_clouds import find_cloud_of_login, redirect_to_cloud
from ssosim.entra.oauth.redirect_uris import check_redirect_uri, redirect_error
from ssosim.entra.oauth.request_parameters import check_parameters
from ssosim.entra.oauth.requested_access import (
    list_resources,
    read_requested_access,
    refuse_mixed_scopes,
    require_parameter,
)
from ssosim.entra.oauth.sign_in_result import answer_silently
from ssosim.entra.oauth.sign_in_rules import read_policy_ids
from ssosim.estate import Tenant

__all__ = [
    "check_canary",
    "handle_authorize_v1",
    "handle_authorize_v2",
    "handle_native_client",
    "open_flow",
    "record_unattended_post",
    "refuse_silent_request",
    "seal_canary",
    "show_sign_in_page",
    "shown_url",
]  # fmt: skip

_FLOW, _CANARY = "sign-in-flow", "sign-in-canary"  # purposes of sealed texts
_MODES = ("query", "form_post", "fragment")
_PROMPTS = frozenset({"", "login", "none", "consent", "select_account", "create"})
"""The values of ``prompt``. The real service takes one of them only, where OpenID Connect allows several."""
_PROMPTS_V1 = _PROMPTS | {"admin_consent", "refresh_session"}
_PARAMETER_LIMIT = 6 * 1024  # bytes of all that the page must carry
_TIMEOUT_MS = 10_000  # unconfirmed


def handle_authorize_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET /{tenant}/oauth2/authorize."""
    return _authorize(provider, call, captured[0], "1.0")


def handle_authorize_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """GET /{tenant}/oauth2/v2.0/authorize."""
    return _authorize(provider, call, captured[0], "2.0")


def handle_native_client(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET /common/oauth2/nativeclient: the last page of embedded browsers; the result is in the address."""
    return render_message_page("Done", "You may close this window.")


def _authorize(provider: Provider, call: Call, tenant: str, version: TokenVersion) -> HttpReply:
    query = call.query
    try:
        flow = _read_flow(provider, call, tenant, version)
    except AadstsError as error:  # the redirect address has not been checked yet
        return render_error_page(error, call)
    try:
        flow, try_ticket = _read_options(provider, call, flow, version)
        if "none" in query.get("prompt", "").split():
            return answer_silently(provider, call, flow)
    except AadstsError as error:
        return redirect_error(flow, error, call, provider.settings.error_separator)
    hint = query.get("domain_hint", "")
    elsewhere = None
    if "select_account" not in query.get("prompt", "").split():
        elsewhere = _send_elsewhere(provider, call, flow, flow.login_hint or hint)
    if elsewhere is not None:
        return elsewhere
    return show_sign_in_page(provider, call, flow, try_ticket=try_ticket, hint=hint)


def _send_elsewhere(provider: Provider, call: Call, flow: SignInFlow, hint: str) -> HttpReply | None:
    """Send the browser to the cloud or to the federation service that ``hint`` names; None if it names neither."""
    service = federation_service_of_login(provider, hint)
    if service is not None:
        return redirect_to_service(provider, call, flow, service, flow.login_hint)
    other = find_cloud_of_login(provider, flow, hint)
    if other is None:
        return None
    try:
        return redirect_to_cloud(other, flow, flow.login_hint)
    except AadstsError as error:
        return render_error_page(error, call)


def _read_options(provider: Provider, call: Call, flow: SignInFlow, version: TokenVersion) -> tuple[SignInFlow, bool]:
    """Read the parameters whose errors are sent to the application. Also returns whether a ticket may be tried."""
    query = call.query
    response_type = require_parameter(query, "response_type")
    if response_type != "code":
        raise AadstsError(700051 if response_type == "token" else 700054, value=response_type[:64])
    if query.get("response_mode", "query") not in _MODES:
        raise AadstsError(9002313, reason="The response_mode is not known: query, fragment and form_post are.")
    method = check_challenge(flow.challenge, flow.challenge_method)
    check_parameters(provider.directory, query, version)
    access = read_requested_access(query, version, provider.estate.cloud, several=True)
    refuse_mixed_scopes(access.scopes)
    tenant = provider.directory.find_tenant(flow.authority)
    for resource in list_resources(access, provider.estate.cloud):
        check_resource(provider, tenant, resource)
    asked = msgspec.structs.replace(
        flow,
        challenge_method=method,
        resource=access.resource,
        scopes=access.scopes,
        policies=read_policy_ids(query.get("claims", "")),
        max_age=int(age) if (age := query.get("max_age", "").strip()) else None,
    )
    return asked, not query.get("prompt", "").strip()


def _read_flow(provider: Provider, call: Call, tenant: str, version: TokenVersion) -> SignInFlow:
    """Read the parameters that decide where the response is sent. Their errors are shown on a page."""
    query = call.query
    if call.repeated:
        raise AadstsError(9000411, name=call.repeated[:64])
    authority = provider.directory.find_authority(tenant)
    name = authority.id if isinstance(authority, Tenant) else authority
    if name == "consumers":
        raise AadstsError(50059)
    client_id = require_parameter(query, "client_id")
    application = require_client(provider.directory, client_id, authority)
    redirect = check_redirect_uri(application, query.get("redirect_uri", ""))
    carried = ("redirect_uri", "scope", "resource", "state", "nonce", "login_hint", "code_challenge")
    if sum(len(query.get(key, "").encode(errors="replace")) for key in carried) > _PARAMETER_LIMIT:
        raise AadstsError(9002313, reason="The parameters are too long.")
    if query.get("prompt", "").strip() not in (_PROMPTS_V1 if version == "1.0" else _PROMPTS):
        raise AadstsError(90023)
    mode = query.get("response_mode", "query")
    return SignInFlow(
        id=make_guid(),
        browser=read_browser_cookie(call) or make_guid(),
        authority=name,
        version=version,
        client_id=application.client_id,
        resource="",
        scopes=(),
        issued=int(call.now),
        redirect_uri=redirect,
        response_mode=mode if mode in _MODES else "query",
        state=query.get("state"),
        challenge=query.get("code_challenge", ""),
        challenge_method=query.get("code_challenge_method", ""),
        nonce=query.get("nonce", ""),
        client_info=query.get("client_info") == "1",
        instance_aware=query.get("instance_aware", "").lower() == "true",
        login_hint=query.get("login_hint", "").strip(),
        fresh=query.get("prompt", "").strip() == "login",
    )


def open_flow(provider: Provider, text: str, now: float) -> SignInFlow:
    """Open the flow token of a page; raises AadstsError 165000 if it is not valid or the page was open for too long."""
    try:
        flow = provider.sealer.open(_FLOW, text, SignInFlow)
    except SealedTokenError:
        raise AadstsError(165000, reason="The flow token is malformed.") from None
    if not 0 <= now - flow.issued < FLOW_LIFETIME:
        raise AadstsError(165000, reason="The page has been open for too long; start again.")
    return flow


def seal_canary(provider: Provider, flow: SignInFlow) -> str:
    """Return the canary of the page of ``flow``, which ``check_canary`` accepts from the same browser."""
    return provider.sealer.seal(_CANARY, Canary(flow.id, flow.browser))


def check_canary(provider: Provider, call: Call, flow: SignInFlow, text: str) -> None:
    """Check that the browser that got the page of ``flow`` has posted it; raises AadstsError 165000 if not."""
    try:
        canary = provider.sealer.open(_CANARY, text, Canary)
    except SealedTokenError:
        raise AadstsError(165000, reason="The canary is malformed.") from None
    if not is_from_browser(call, flow.browser) or (canary.browser, canary.flow) != (flow.browser, flow.id):
        raise AadstsError(165000, reason="The page was served to another browser, or cookies are blocked.")


def refuse_silent_request(provider: Provider, call: Call, error: AadstsError) -> HttpReply | None:
    """Return the reply that sends ``error`` to the application; None for a request without ``prompt=none``.

    OpenID Connect Core, section 3.1.2.6: with ``prompt=none`` no page is shown. A request whose redirect address is not
    registered gets None as well.
    """
    if "none" not in call.query.get("prompt", "").split():
        return None
    version: TokenVersion = "2.0" if "v2.0" in call.path else "1.0"
    try:
        flow = _read_flow(provider, call, call.path[0], version)
    except AadstsError:
        return None
    return redirect_error(flow, error, call, provider.settings.error_separator)


def show_sign_in_page(
    provider: Provider,
    call: Call,
    flow: SignInFlow,
    *,
    error: AadstsError | None = None,
    try_ticket: bool = False,
    hint: str = "",
) -> HttpReply:
    """Return the sign-in page for ``flow``; after a refused attempt with the text of ``error``.

    ``try_ticket``: whether the page may try a Kerberos ticket first; ``hint`` is a domain to try it for. The user
    prompt is recorded when the form is displayed: at once, or after the ticket has failed.
    """
    domain = _ticket_domain(provider, flow, hint) if try_ticket else ""
    application = provider.estate.application(flow.client_id)
    lines = "" if error is None else build_error_description(error, call, " ")
    reply = render_sign_in_page(
        _build_config(provider, call, flow, domain, error) | ({} if error is None else _build_form_error(error, call)),
        application=application.name if application else flow.client_id,
        login=flow.login_hint,
        error=lines,
        autologon_origin=f"https://{provider.estate.cloud.autologon_host}" if domain else "",
        cookie=format_browser_cookie(flow.browser),
    )
    return reply if error is None else mark_error(reply, error)


def _build_form_error(error: AadstsError, call: Call) -> dict[str, Any]:
    """Build the members of ``$Config`` for an error at which the page shows its form again."""
    shown = build_page_error(error, call)
    return shown if shown["pgid"] == "ConvergedChangePassword" else {**shown, "pgid": "ConvergedSignIn"}


def shown_url(provider: Provider, call: Call, flow: SignInFlow, error: AadstsError | None) -> str:
    """Return the address of the image that a browser loads when it displays the page of ``flow``."""
    view = PageView(
        flow.id, _describe_prompt(provider, flow, "" if error is None else f"AADSTS{error.code}"), int(call.now)
    )
    return f"https://{call.host}/common/instrumentation/shown?{seal_page_view(provider, view)}"


def record_unattended_post(provider: Provider, call: Call, flow: SignInFlow) -> None:
    """Record that the page of ``flow`` was answered, if nobody has seen it."""
    record_unattended(provider, call, flow.id, _describe_prompt(provider, flow, ""))


def _describe_prompt(provider: Provider, flow: SignInFlow, why: str) -> str:
    application = provider.estate.application(flow.client_id)
    name = application.name if application else flow.client_id
    return f"sign-in page for {name}" + (" by device code" if flow.user_code else "") + (f", {why}" if why else "")


def _ticket_domain(provider: Provider, flow: SignInFlow, hint: str) -> str:
    """Return the domain or tenant whose tickets the page may try, or ``""``.

    A tenanted endpoint, a domain hint or a login hint is needed (Seamless SSO FAQ). Without one the user types the name
    first, and this page then asks for the password too.
    """
    for name in (flow.login_hint.rpartition("@")[2], hint, flow.authority):
        tenant = provider.directory.find_tenant(name) if name else None
        if tenant is not None:
            return name.lower() if tenant.desktop_sso else ""
    return ""


def _build_config(
    provider: Provider, call: Call, flow: SignInFlow, domain: str, error: AadstsError | None
) -> dict[str, Any]:
    """Build the page's ``$Config`` with the names in captures; ``urlShown`` and ``sDomain`` exist here only."""
    flow_token = provider.sealer.seal(_FLOW, flow)
    base, request_id = f"https://{call.host}/common", call.correlation_id
    autologon = f"https://{provider.estate.cloud.autologon_host}/{{0}}/winauth"
    query = f"desktopsso=true&isAdalRequest=False&client-request-id={request_id}"
    return {
        "desktopSsoConfig": {
            "iwaEndpointUrlFormat": f"{autologon}/sso?{query}",
            "iwaSsoProbeUrlFormat": f"{autologon}/ssoprobe?client-request-id={request_id}",
            "iwaRequestTimeoutInMs": _TIMEOUT_MS,
            "startDesktopSsoOnPageLoad": bool(domain),
        },
        "sFT": flow_token,
        "sCtx": flow.id,
        "canary": seal_canary(provider, flow),
        "apiCanary": encode_base64url(call.trace_id.encode()),
        "correlationId": request_id,
        "sessionId": call.trace_id,
        "pgid": "ConvergedSignIn",
        "hpgid": 1104,
        "hpgact": 1800,
        "urlPost": f"{base}/login",
        "urlDssoStatus": f"{base}/instrumentation/dssostatus",
        "urlGetCredentialType": f"{base}/GetCredentialType",
        "urlShown": shown_url(provider, call, flow, error),
        "sDomain": domain,
    }
