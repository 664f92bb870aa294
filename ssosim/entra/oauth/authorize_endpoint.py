"""The authorization endpoint: from an application's request to the page on which a person signs in.

Sources: Entra auth-code document, MSAL Python oauth2.py and MSAL.NET (parameters), captures of the sign-in page
(``$Config``). There is no session: each request asks, and ``prompt=none`` is always ``login_required``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from ssosim.entra.core.browser_cookie import browser_cookie, browser_of, is_browser_of
from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.jose import b64url
from ssosim.entra.core.messages import Answer, Call, new_guid
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.pages import message_page, sign_in_page
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import SealBrokenError
from ssosim.entra.oauth.authorization_codes import FLOW_LIFETIME, Canary, Flow, check_challenge
from ssosim.entra.oauth.error_responses import described
from ssosim.entra.oauth.federated_users import send_to_service, service_of
from ssosim.entra.oauth.redirect_uris import redirect_refusal, registered_redirect
from ssosim.entra.oauth.token_request import read_wanted, required
from ssosim.estate import Application, Tenant
from ssosim.trace import UserPrompted

__all__ = ["announce", "application_of", "ask", "authorize_v1", "authorize_v2", "check_canary",
           "error_page", "native_client", "open_flow", "shown"]  # fmt: skip

_FLOW, _CANARY = "sign-in-flow", "sign-in-canary"  # purposes of sealed texts
_MODES = ("query", "form_post", "fragment")
_PROMPTS = {"login", "none", "consent", "select_account", "create", "admin_consent", "refresh_session"}
_LONGEST = 6 * 1024  # bytes of all that the page must carry
_TIMEOUT_MS = 10_000  # unconfirmed


def authorize_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """GET /{tenant}/oauth2/authorize."""
    return _authorize(provider, call, captured[0], "1.0")


def authorize_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """GET /{tenant}/oauth2/v2.0/authorize."""
    return _authorize(provider, call, captured[0], "2.0")


def native_client(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """GET /common/oauth2/nativeclient: where embedded browsers end; what matters is in the address."""
    return message_page("Done", "You may close this window.")


def shown(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """GET /common/instrumentation/shown: the page says that its form came into sight. Ours."""
    try:
        announce(provider, call, open_flow(provider, call.query.get("flow", ""), call.now))
    except Refusal:
        return Answer(404)
    return Answer(204)


def _authorize(provider: Provider, call: Call, tenant: str, version: TokenVersion) -> Answer:
    query = call.query
    try:
        flow = _read_flow(provider, call, tenant, version)
    except Refusal as refusal:  # nobody has shown yet that the redirect address may be trusted
        return error_page(refusal, call)
    try:
        flow, silent = _read_wishes(call, flow, version)
    except Refusal as refusal:
        return redirect_refusal(flow, refusal, call, provider.settings.error_lines)
    hint = query.get("domain_hint", "")
    service = service_of(provider, flow.login_hint or hint)
    if service is not None and "select_account" not in query.get("prompt", "").split():
        return send_to_service(provider, call, flow, service, flow.login_hint)
    return ask(provider, call, flow, silent=silent, hint=hint)


def _read_wishes(call: Call, flow: Flow, version: TokenVersion) -> tuple[Flow, bool]:
    """The rest of the request, of whose mistakes the application hears; and whether a ticket may be tried."""
    query = call.query
    response_type = required(query, "response_type")
    if response_type != "code":
        raise Refusal(700054, value=response_type[:64])
    if query.get("response_mode", "query") not in _MODES:
        raise Refusal(9002313, reason="The response_mode is not known: query, fragment and form_post are.")
    method = check_challenge(flow.challenge, flow.challenge_method)
    wanted = read_wanted(query, version)
    prompts = set(query.get("prompt", "").split())
    if not prompts <= _PROMPTS:
        raise Refusal(9002313, reason="The prompt is not known.")
    if "none" in prompts:
        raise Refusal(50058)
    asked = msgspec.structs.replace(flow, challenge_method=method, resource=wanted.resource, scopes=wanted.scopes)
    return asked, not prompts


def _read_flow(provider: Provider, call: Call, tenant: str, version: TokenVersion) -> Flow:
    """The request as far as it decides where the answer goes."""
    query = call.query
    if call.repeated:
        raise Refusal(9000411, name=call.repeated[:64])
    authority = provider.directory.authority(tenant)
    name = authority.id if isinstance(authority, Tenant) else authority
    if name == "consumers":
        raise Refusal(50059)
    client_id = required(query, "client_id").strip()
    application = application_of(provider, client_id, name)
    redirect = registered_redirect(application, query.get("redirect_uri", ""))
    carried = ("redirect_uri", "scope", "resource", "state", "nonce", "login_hint", "code_challenge")
    if sum(len(query.get(key, "").encode(errors="replace")) for key in carried) > _LONGEST:
        raise Refusal(9002313, reason="The parameters are too long.")
    mode = query.get("response_mode", "query")
    return Flow(
        id=new_guid(),
        browser=browser_of(call) or new_guid(),
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
        login_hint=query.get("login_hint", "").strip(),
    )


def application_of(provider: Provider, client_id: str, tenant: str) -> Application:
    """The application ``client_id``; raises Refusal 700016."""
    application = provider.estate.application(client_id)
    if application is None:
        raise Refusal(700016, client=client_id[:64], tenant=tenant)
    return application


def open_flow(provider: Provider, text: str, now: float) -> Flow:
    """The flow of a page; raises Refusal 165000 for one that is not ours, or that has stayed open for too long."""
    try:
        flow = provider.seal.open(_FLOW, text, Flow)
    except SealBrokenError:
        raise Refusal(165000, reason="The flow token is malformed.") from None
    if not 0 <= now - flow.issued < FLOW_LIFETIME:
        raise Refusal(165000, reason="The page has been open for too long; start again.")
    return flow


def check_canary(provider: Provider, call: Call, flow: Flow, text: str) -> None:
    """That the page of ``flow`` was posted by the browser that it was served to; raises Refusal 165000."""
    try:
        canary = provider.seal.open(_CANARY, text, Canary)
    except SealBrokenError:
        raise Refusal(165000, reason="The canary is malformed.") from None
    if not is_browser_of(call, flow.browser) or (canary.browser, canary.flow) != (flow.browser, flow.id):
        raise Refusal(165000, reason="The page was served to another browser, or cookies are blocked.")


def ask(
    provider: Provider, call: Call, flow: Flow, *, refusal: Refusal | None = None, silent: bool = False, hint: str = ""
) -> Answer:
    """The sign-in page for ``flow``; after a ``refusal``, with its text.

    That a person is asked is recorded when the form comes into sight: at once, or after the ticket has been tried
    (``silent`` allows that), which the page reports. ``hint`` is a domain to try it for.
    """
    domain = _silent_domain(provider, flow, hint) if silent else ""
    if not domain:
        announce(provider, call, flow, "" if refusal is None else f"AADSTS{refusal.code}")
    application = provider.estate.application(flow.client_id)
    lines = "" if refusal is None else described(refusal, call, " ")
    return sign_in_page(
        _config(provider, call, flow, domain),
        application=application.name if application else flow.client_id,
        login=flow.login_hint,
        error=lines,
        code=refusal.code if refusal else None,
        silent=f"https://{provider.estate.cloud.autologon_host}" if domain else "",
        cookie=browser_cookie(flow.browser),
    )


def announce(provider: Provider, call: Call, flow: Flow, why: str = "") -> None:
    """Record, once for each page, that a person has been asked."""
    if call.method == "HEAD" or not provider.used.first_use(f"shown:{flow.id}", flow.issued + 86_400, call.now):
        return
    application = provider.estate.application(flow.client_id)
    name = application.name if application else flow.client_id
    reason = f"sign-in page for {name}" + (" by device code" if flow.user_code else "") + (f", {why}" if why else "")
    call.journal.events.append(UserPrompted(reason=reason))


def _silent_domain(provider: Provider, flow: Flow, hint: str) -> str:
    """The domain or tenant whose tickets the page may try, ``""`` for none.

    A tenanted endpoint, a domain hint or a login hint is needed (Seamless SSO FAQ); else the user types a name first,
    after which this page asks for the password too.
    """
    for name in (flow.login_hint.rpartition("@")[2], hint, flow.authority):
        tenant = provider.directory.tenant(name) if name else None
        if tenant is not None:
            return name.lower() if tenant.desktop_sso else ""
    return ""


def _config(provider: Provider, call: Call, flow: Flow, domain: str) -> Mapping[str, Any]:
    """The page's ``$Config``, with the names that captures show; ``urlShown`` and ``sDomain`` are ours."""
    flow_token = provider.seal.close(_FLOW, flow)
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
        "canary": provider.seal.close(_CANARY, Canary(flow.id, flow.browser)),
        "apiCanary": b64url(call.trace_id.encode()),
        "correlationId": request_id,
        "sessionId": call.trace_id,
        "hpgid": 1104,
        "hpgact": 1800,
        "urlPost": f"{base}/login",
        "urlDssoStatus": f"{base}/instrumentation/dssostatus",
        "urlGetCredentialType": f"{base}/GetCredentialType",
        "urlShown": f"{base}/instrumentation/shown?flow={flow_token}",
        "sDomain": domain,
    }


def error_page(refusal: Refusal, call: Call) -> Answer:
    """A "no" that the application does not hear of."""
    return message_page(
        "Sorry, but we are having trouble signing you in",
        described(refusal, call, " "),
        status=refusal.http_status,
        code=refusal.code,
    )
