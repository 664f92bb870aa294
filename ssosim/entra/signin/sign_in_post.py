"""What the sign-in page posts: a password, a ticket's token, or a cancellation.

Sources: captures of the sign-in page (``login, passwd, ctx, flowToken, canary, dssoToken``), Seamless SSO
how-it-works. A second factor is taken as given at the page: the lab has none to ask for.
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.jose import b64url
from ssosim.entra.core.messages import Answer, Call, new_guid
from ssosim.entra.core.pages import message_page
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import DesktopSsoGrant, SealBrokenError
from ssosim.entra.oauth.authorization_codes import Flow, issue_code
from ssosim.entra.oauth.authorize_endpoint import announce, ask, check_canary, error_page, open_flow
from ssosim.entra.oauth.federated_users import send_to_service, service_of
from ssosim.entra.oauth.redirect_uris import redirect_refusal, send_back
from ssosim.entra.oauth.token_request import read_form
from ssosim.entra.wstrust.autologon import BROWSER
from ssosim.entra.wstrust.passwords import check_cloud_password
from ssosim.estate import Tenant, User

__all__ = ["login", "signed_in"]

_WINDOWS = "urn:federation:authentication:windows"
_PASSWORD = "urn:oasis:names:tc:SAML:1.0:am:password"  # noqa: S105  a URI, not a password


def login(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """POST /common/login. Each page can be posted once; a refused attempt is answered with a page anew."""
    try:
        form = read_form(call.body)
        flow = _read_page(provider, call, form)
    except Refusal as refusal:
        return error_page(refusal, call)
    if form.get("dssoToken") and not form.get("passwd"):
        method = _WINDOWS
    else:
        method = _PASSWORD
        announce(provider, call, flow)
    if form.get("cancel"):
        return _declined(provider, call, flow)
    service = service_of(provider, form.get("login", "")) if method == _PASSWORD else None
    if service is not None:
        # The real page asks for the name alone first. A password that came with it is not looked at.
        call.journal.auth = "password" if form.get("passwd") else "none"
        return send_to_service(provider, call, flow, service, form["login"].strip()[:256])
    try:
        user = (
            _by_ticket(provider, call, flow, form) if method == _WINDOWS else _by_password(provider, call, flow, form)
        )
    except Refusal as refusal:
        again = msgspec.structs.replace(
            flow, id=new_guid(), issued=int(call.now), login_hint=form.get("login", "").strip()[:256]
        )
        return ask(provider, call, again, refusal=refusal)
    return signed_in(provider, call, flow, user, method)


def _read_page(provider: Provider, call: Call, form: Mapping[str, str]) -> Flow:
    """The flow of the page that was posted; raises Refusal 165000 unless its own browser did so, for the first time."""
    flow = open_flow(provider, form.get("flowToken", ""), call.now)
    check_canary(provider, call, flow, form.get("canary", ""))
    origin = call.headers.get("Origin", "")
    if origin and origin.lower() != f"https://{call.host}":
        raise Refusal(165000, reason="The form was posted by another site.")
    if not provider.used.first_use(flow.id, flow.issued + 86_400, call.now):
        raise Refusal(165000, reason="The page has been used already; start again.")
    return flow


def _tenant(provider: Provider, flow: Flow) -> Tenant | None:
    return provider.directory.tenant(flow.authority)


def _by_password(provider: Provider, call: Call, flow: Flow, form: Mapping[str, str]) -> User:
    call.journal.auth = "password"
    name, password = form.get("login", "").strip(), form.get("passwd", "")
    return check_cloud_password(provider.estate, provider.directory, _tenant(provider, flow), name, password)


def _by_ticket(provider: Provider, call: Call, flow: Flow, form: Mapping[str, str]) -> User:
    """The user of a dssoToken.

    Raises Refusal 81010 (not ours, stale, used), 81007, 50034 and 50057 (the user), 81012 (not the one who was named).
    """
    try:
        grant = provider.seal.open(BROWSER, form["dssoToken"], DesktopSsoGrant)
    except SealBrokenError:
        raise Refusal(81010, reason="The token is malformed.") from None
    skew = provider.estate.cloud.clock_skew
    if not grant.not_before - skew <= call.now < grant.not_on_or_after + skew:
        raise Refusal(81010, reason="The token has expired.")
    user = provider.directory.user_by_id(grant.subject)
    home = provider.directory.tenant(grant.tenant)
    wanted = _tenant(provider, flow)
    if user is None or not user.enabled:
        raise Refusal(50057)
    if home is None or not home.desktop_sso:
        raise Refusal(81007)
    if wanted is not None and wanted.id != home.id:
        raise Refusal(50034, user=user.upn, tenant=wanted.id)
    named = form.get("login", "").strip() or flow.login_hint
    if named and named.lower() != user.upn.lower():
        raise Refusal(81012)
    if not provider.used.first_use(grant.id, grant.not_on_or_after + skew, call.now):
        raise Refusal(81010, reason="The token has been used before.")
    return user


def _declined(provider: Provider, call: Call, flow: Flow) -> Answer:
    if not flow.user_code:
        return redirect_refusal(flow, Refusal(65004), call, provider.settings.error_lines)
    code = provider.device_codes.of_user(flow.user_code)
    if code is not None and code.state == "pending":
        code.state = "declined"
    return message_page("Declined", "You have not signed in. You may close this window.")


def signed_in(provider: Provider, call: Call, flow: Flow, user: User, method: str) -> Answer:
    """The end of ``flow``: a code for the application, or its device code approved. ``method``: how it was proved."""
    if not flow.user_code:
        fields = {"code": issue_code(provider, flow, user, method, call.now)}
        if flow.client_info:
            info = {"uid": user.object_id, "utid": provider.directory.home(user).id}
            fields["client_info"] = b64url(msgspec.json.encode(info))
        return send_back(flow, fields)
    code = provider.device_codes.of_user(flow.user_code)
    if code is None or code.state != "pending" or call.now >= code.not_on_or_after:
        return error_page(Refusal(70019), call)
    code.state, code.subject, code.method = "approved", user.object_id, method
    return message_page("Signed in", "You have signed in on your device. You may close this window.")
