"""The endpoint to which the sign-in page posts: a password, a dssoToken, or a cancellation.

Sources: captures of the sign-in page (``login, passwd, ctx, flowToken, canary, dssoToken``), Seamless SSO
how-it-works. The page takes a second factor as given, because the lab has none.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ssosim.entra.core.application_rules import require_client
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.jose import encode_base64url
from ssosim.entra.core.messages import Call, HttpReply, make_guid
from ssosim.entra.core.pages import render_message_page
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import DesktopSsoClaims, SealedTokenError
from ssosim.entra.oauth.access_grants import grant_user_access
from ssosim.entra.oauth.authorization_codes import SignInFlow, issue_code
from ssosim.entra.oauth.authorize_endpoint import (
    check_canary,
    open_flow,
    record_prompt,
    show_sign_in_page,
)
from ssosim.entra.oauth.client_types import client_type_of_redirect
from ssosim.entra.oauth.error_page import render_error_page
from ssosim.entra.oauth.federated_users import federation_service_of_login, redirect_to_service
from ssosim.entra.oauth.redirect_uris import find_redirect_type, redirect_error, redirect_to_application
from ssosim.entra.oauth.requested_access import OIDC_SCOPES, RequestedAccess, read_scopes
from ssosim.entra.oauth.token_request import ClientType, read_form
from ssosim.entra.wstrust.autologon import BROWSER_SSO_PURPOSE
from ssosim.entra.wstrust.passwords import check_cloud_password
from ssosim.estate import Tenant, User

__all__ = ["finish_sign_in", "handle_login"]

_WINDOWS = "urn:federation:authentication:windows"
_SENT_TO_APPLICATION = (65001,)  # other refusals are shown on a page (msgraph-cli issue 48: 65002; soa issue 90: 50105)
_PASSWORD = "urn:oasis:names:tc:SAML:1.0:am:password"  # noqa: S105  a URI, not a password


def handle_login(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /common/login. Each page can be posted once; the reply to a refused attempt is a new page."""
    try:
        form = read_form(call.body)
        flow = _read_posted_flow(provider, call, form)
    except AadstsError as error:
        return render_error_page(error, call)
    if form.get("dssoToken") and not form.get("passwd"):
        method = _WINDOWS
    else:
        method = _PASSWORD
        record_prompt(provider, call, flow)
    if form.get("cancel"):
        return _decline(provider, call, flow)
    service = federation_service_of_login(provider, form.get("login", "")) if method == _PASSWORD else None
    if service is not None:
        # The real page asks for the name first, without a password. A password in this post is not checked.
        call.trace_buffer.auth = "password" if form.get("passwd") else "none"
        return redirect_to_service(provider, call, flow, service, form["login"].strip()[:256])
    try:
        user = (
            _user_of_dsso_token(provider, call, flow, form)
            if method == _WINDOWS
            else _user_of_password(provider, call, flow, form)
        )
    except AadstsError as error:
        again = msgspec.structs.replace(
            flow, id=make_guid(), issued=int(call.now), login_hint=form.get("login", "").strip()[:256]
        )
        return show_sign_in_page(provider, call, again, error=error)
    return finish_sign_in(provider, call, flow, user, method)


def _read_posted_flow(provider: Provider, call: Call, form: Mapping[str, str]) -> SignInFlow:
    """Read the flow of the posted page; raises AadstsError 165000 for another browser or a second post."""
    flow = open_flow(provider, form.get("flowToken", ""), call.now)
    check_canary(provider, call, flow, form.get("canary", ""))
    origin = call.headers.get("Origin", "")
    if origin and origin.lower() != f"https://{call.host}":
        raise AadstsError(165000, reason="The form was posted by another site.")
    if not provider.replay_cache.record_use(flow.id, flow.issued + 86_400, call.now):
        raise AadstsError(165000, reason="The page has been used already; start again.")
    return flow


def _requested_tenant(provider: Provider, flow: SignInFlow) -> Tenant | None:
    return provider.directory.find_tenant(flow.authority)


def _user_of_password(provider: Provider, call: Call, flow: SignInFlow, form: Mapping[str, str]) -> User:
    call.trace_buffer.auth = "password"
    name, password = form.get("login", "").strip(), form.get("passwd", "")
    return check_cloud_password(provider.estate, provider.directory, _requested_tenant(provider, flow), name, password)


def _user_of_dsso_token(provider: Provider, call: Call, flow: SignInFlow, form: Mapping[str, str]) -> User:
    """Return the user of a dssoToken.

    Raises AadstsError 81010 (not sealed here, expired, used), 81007, 50034 and 50057 (tenant and user), 81012 (another
    user than the named one).
    """
    try:
        claims = provider.sealer.open(BROWSER_SSO_PURPOSE, form["dssoToken"], DesktopSsoClaims)
    except SealedTokenError:
        raise AadstsError(81010, reason="The token is malformed.") from None
    skew = provider.estate.cloud.clock_skew
    if not claims.not_before - skew <= call.now < claims.not_on_or_after + skew:
        raise AadstsError(81010, reason="The token has expired.")
    user = provider.directory.find_user_by_id(claims.subject)
    home = provider.directory.find_tenant(claims.tenant)
    wanted = _requested_tenant(provider, flow)
    if user is None or not user.enabled:
        raise AadstsError(50057)
    if home is None or not home.desktop_sso:
        raise AadstsError(81007)
    if wanted is not None and wanted.id != home.id:
        raise AadstsError(50034, user=user.upn, tenant=wanted.id)
    named = form.get("login", "").strip() or flow.login_hint
    if named and named.lower() != user.upn.lower():
        raise AadstsError(81012)
    if not provider.replay_cache.record_use(claims.id, claims.not_on_or_after + skew, call.now):
        raise AadstsError(81010, reason="The token has been used before.")
    return user


def _decline(provider: Provider, call: Call, flow: SignInFlow) -> HttpReply:
    if not flow.user_code:
        return redirect_error(flow, AadstsError(65004), call, provider.settings.error_separator)
    code = provider.device_codes.find_by_user_code(flow.user_code)
    if code is not None and code.state == "pending":
        code.state = "declined"
    return render_message_page("Declined", "You have not signed in. You may close this window.")


def finish_sign_in(provider: Provider, call: Call, flow: SignInFlow, user: User, method: str) -> HttpReply:
    """Finish ``flow``: send a code to the application, or approve the device code.

    ``method`` is how ``user`` has authenticated (an authentication method URI). The real service asks an unknown
    application's user for consent; here the application gets ``consent_required``, for there is no such page.
    """
    try:
        client_type = _check_access(provider, flow, user)
    except AadstsError as error:
        if flow.user_code or error.code not in _SENT_TO_APPLICATION:
            return render_error_page(error, call)
        return redirect_error(flow, error, call, provider.settings.error_separator)
    if not flow.user_code:
        fields = {"code": issue_code(provider, flow, user, method, call.now, client_type)}
        if flow.client_info:
            info = {"uid": user.object_id, "utid": provider.directory.find_home_tenant(user).id}
            fields["client_info"] = encode_base64url(msgspec.json.encode(info))
        return redirect_to_application(flow, fields)
    code = provider.device_codes.find_by_user_code(flow.user_code)
    if code is None or code.state != "pending" or call.now >= code.not_on_or_after:
        return render_error_page(AadstsError(70019), call)
    code.state, code.subject, code.method = "approved", user.object_id, method
    return render_message_page("Signed in", "You have signed in on your device. You may close this window.")


def _check_access(provider: Provider, flow: SignInFlow, user: User) -> ClientType:
    """Check that the application may have the access that it asks for; return the type of the client.

    Raises AadstsError as ``grant_user_access``.
    """
    home = provider.directory.find_home_tenant(user)
    application = require_client(provider.directory, flow.client_id, home)
    access = read_scopes(flow.scopes, provider.estate.cloud, several=True)
    scopes = tuple(
        scope
        for scope in flow.scopes
        if scope in OIDC_SCOPES or read_scopes((scope,), provider.estate.cloud).resource == access.resource
    )
    wanted = RequestedAccess(flow.resource, scopes, id_token=False, refresh_token=False)
    grant_user_access(provider, application, home, user, wanted)
    redirect_type = None if flow.user_code else find_redirect_type(application, flow.redirect_uri)
    return client_type_of_redirect(redirect_type or "native")
