"""The endpoint to which the sign-in page posts: a password, a dssoToken, or a cancellation.

Sources: captures of the sign-in page (``login, passwd, ctx, flowToken, canary, dssoToken``), Seamless SSO
how-it-works.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ssosim.entra.core.authentication import PASSWORD, WINDOWS, Authentication, authenticate_by
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply, make_guid
from ssosim.entra.core.pages import render_message_page
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import DesktopSsoClaims, SealedTokenError
from ssosim.entra.oauth.authorization_codes import SignInFlow
from ssosim.entra.oauth.authorize_endpoint import (
    check_canary,
    open_flow,
    record_unattended_post,
    show_sign_in_page,
)
from ssosim.entra.oauth.error_page import render_error_page
from ssosim.entra.oauth.federated_users import federation_service_of_login, redirect_to_service
from ssosim.entra.oauth.national_clouds import find_cloud_of_login, redirect_to_cloud
from ssosim.entra.oauth.redirect_uris import redirect_error
from ssosim.entra.oauth.sign_in_result import check_access, send_code
from ssosim.entra.oauth.token_request import read_form
from ssosim.entra.signin.second_factor import (
    ASKED,
    ask_for_second_factor,
    is_one_time_code,
    open_second_factor,
    show_second_factor_page,
)
from ssosim.entra.wstrust.autologon import BROWSER_SSO_PURPOSE
from ssosim.entra.wstrust.passwords import check_cloud_password
from ssosim.estate import Tenant, User
from ssosim.estate.lenient_settings import is_strictly_valid

__all__ = ["finish_sign_in", "handle_login", "handle_process_auth"]

_SENT_TO_APPLICATION = (65001,)  # other refusals are shown on a page (msgraph-cli issue 48: 65002; soa issue 90: 50105)


def handle_login(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /common/login. Each page can be posted once; the reply to a refused attempt is a new page."""
    try:
        form = read_form(call.body)
        flow = _read_posted_flow(provider, call, form)
    except AadstsError as error:
        return render_error_page(error, call)
    if form.get("dssoToken") and not form.get("passwd"):
        method = WINDOWS
    else:
        method = PASSWORD
        record_unattended_post(provider, call, flow)
    if form.get("cancel"):
        return _decline(provider, call, flow)
    if method == PASSWORD and (elsewhere := _send_elsewhere(provider, call, flow, form)) is not None:
        return elsewhere
    try:
        user = (
            _user_of_dsso_token(provider, call, flow, form)
            if method == WINDOWS
            else _user_of_password(provider, call, flow, form)
        )
    except AadstsError as error:
        again = msgspec.structs.replace(
            flow, id=make_guid(), issued=int(call.now), login_hint=form.get("login", "").strip()[:256]
        )
        return show_sign_in_page(provider, call, again, error=error)
    return finish_sign_in(provider, call, flow, user, authenticate_by(method, user, call.now))


def _send_elsewhere(provider: Provider, call: Call, flow: SignInFlow, form: Mapping[str, str]) -> HttpReply | None:
    """Send the browser to the cloud or to the federation service of the user; None if this page signs the user in.

    The real page asks for the name first, without a password. A password in this post is not checked.
    """
    login = form.get("login", "").strip()[:256]
    other = find_cloud_of_login(provider, flow, login)
    service = federation_service_of_login(provider, login)
    if other is None and service is None:
        return None
    call.trace_buffer.auth = "password" if form.get("passwd") else "none"
    if service is not None:
        return redirect_to_service(provider, call, flow, service, login)
    assert other is not None  # noqa: S101 - see above
    try:
        return redirect_to_cloud(other, flow, login)
    except AadstsError as error:
        return render_error_page(error, call)


def handle_process_auth(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /common/SAS/ProcessAuth: the page for the second factor. A wrong code shows it again (500121)."""
    try:
        form = read_form(call.body)
        factor = open_second_factor(provider, form.get("flowToken", ""), call.now)
        check_posted_page(provider, call, factor.flow, form.get("canary", ""))
    except AadstsError as error:
        return render_error_page(error, call)
    record_unattended_post(provider, call, factor.flow)
    if form.get("cancel"):
        return _decline(provider, call, factor.flow)
    user = provider.directory.require_user_by_id(factor.subject)
    if not factor.passed and not is_one_time_code(provider, user, form.get("otc", ""), call.now):
        return show_second_factor_page(provider, call, factor, AadstsError(500121))
    return finish_sign_in(provider, call, factor.flow, user, msgspec.structs.replace(factor.authentication, mfa=True))


def _read_posted_flow(provider: Provider, call: Call, form: Mapping[str, str]) -> SignInFlow:
    """Read the flow of the posted page; raises AadstsError 165000 for another browser or a second post."""
    flow = open_flow(provider, form.get("flowToken", ""), call.now)
    check_posted_page(provider, call, flow, form.get("canary", ""))
    return flow


def check_posted_page(provider: Provider, call: Call, flow: SignInFlow, canary: str) -> None:
    """Check that the browser of ``flow`` has posted its page, once; raises AadstsError 165000."""
    check_canary(provider, call, flow, canary)
    origin = call.headers.get("Origin", "")
    if origin and origin.lower() != f"https://{call.host}":
        raise AadstsError(165000, reason="The form was posted by another site.")
    if not provider.replay_cache.record_use(flow.id, flow.issued + 86_400, call.now):
        raise AadstsError(165000, reason="The page has been used already; start again.")


def _requested_tenant(provider: Provider, flow: SignInFlow) -> Tenant | None:
    return provider.directory.find_tenant(flow.authority)


def _user_of_password(provider: Provider, call: Call, flow: SignInFlow, form: Mapping[str, str]) -> User:
    """Check name and password. A user of another tenant may be a guest of the requested one: see finish_sign_in."""
    call.trace_buffer.auth = "password"
    name, password = form.get("login", "").strip(), form.get("passwd", "")
    known = provider.directory.find_domain(name) if "@" in name else None
    tenant = _requested_tenant(provider, flow) if known is None else None
    return check_cloud_password(provider, tenant, name, password)


def _user_of_dsso_token(provider: Provider, call: Call, flow: SignInFlow, form: Mapping[str, str]) -> User:
    """Return the user of a dssoToken.

    Raises AadstsError 81010 (not sealed here, expired, used), 81007 and 50034 (tenant and user), 81012 (another user
    than the named one).
    """
    try:
        claims = provider.sealer.open(BROWSER_SSO_PURPOSE, form["dssoToken"], DesktopSsoClaims)
    except SealedTokenError:
        raise AadstsError(81010, reason="The token is malformed.") from None
    skew = provider.estate.cloud.clock_skew
    if not claims.not_before - skew <= call.now < claims.not_on_or_after + skew:
        raise AadstsError(81010, reason="The token has expired.")
    user = provider.directory.require_user_by_id(claims.subject, claims.tenant)
    home = provider.directory.find_tenant(claims.tenant)
    if home is None or not home.desktop_sso:
        raise AadstsError(81007)
    named = form.get("login", "").strip() or flow.login_hint
    if named and named.lower() != user.upn.lower():
        raise AadstsError(81012)
    if not provider.replay_cache.record_use(claims.id, claims.not_on_or_after + skew, call.now):
        raise AadstsError(81010, reason="The token has been used before.")
    if not is_strictly_valid(claims.not_before, claims.not_on_or_after, call.now):
        call.trace_buffer.note_not_checked("cloud.clock_skew")
    return user


def _decline(provider: Provider, call: Call, flow: SignInFlow) -> HttpReply:
    if not flow.user_code:
        return redirect_error(flow, AadstsError(65004), call, provider.settings.error_separator)
    code = provider.device_codes.find_by_user_code(flow.user_code)
    if code is not None and code.state == "pending":
        code.state = "declined"
    return render_message_page("Declined", "You have not signed in. You may close this window.")


def finish_sign_in(
    provider: Provider, call: Call, flow: SignInFlow, user: User, authentication: Authentication
) -> HttpReply:
    """Finish ``flow``: send a code to the application, approve the device code, or ask for the second factor.

    The real service asks an unknown application's user for consent; here the application gets ``consent_required``, for
    there is no such page.
    """
    try:
        client_type = check_access(provider, call, flow, user, authentication)
    except AadstsError as error:
        if error.code == ASKED:
            return ask_for_second_factor(provider, call, flow, user, authentication, error)
        if flow.user_code or error.code not in _SENT_TO_APPLICATION:
            return render_error_page(error, call)
        return redirect_error(flow, error, call, provider.settings.error_separator)
    if not flow.user_code:
        return send_code(provider, call, flow, user, authentication, client_type)
    code = provider.device_codes.find_by_user_code(flow.user_code)
    if code is None or code.state != "pending" or call.now >= code.not_on_or_after:
        return render_error_page(AadstsError(70019), call)
    code.state, code.subject, code.authentication = "approved", user.object_id, authentication
    return render_message_page("Signed in", "You have signed in on your device. You may close this window.")
