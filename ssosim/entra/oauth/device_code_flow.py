"""The device code flow: the start of the flow, the page for the user code, and the token requests (polling).

Sources: Entra device-code document; MSAL.NET DeviceCodeRequest.cs and DeviceCodeResponse.cs, MSAL.js
StringConstants.ts, ADAL Python token_request.py (``code`` for ``device_code``), ADAL.NET MockHelpers.
"""

from __future__ import annotations

from ssosim.entra.core.application_rules import require_client
from ssosim.entra.core.browser_cookie import read_browser_cookie
from ssosim.entra.core.device_codes import DEVICE_CODE_LIFETIME, POLL_INTERVAL, DeviceCode
from ssosim.entra.core.errors import AadstsError, mark_error
from ssosim.entra.core.messages import JSON_NO_STORE, Call, HttpReply, make_guid, make_json_reply
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.pages import render_device_code_page
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.access_grants import GrantedAccess, check_resource, grant_user_access
from ssosim.entra.oauth.authorization_codes import SignInFlow
from ssosim.entra.oauth.authorize_endpoint import show_sign_in_page
from ssosim.entra.oauth.client_authentication import read_client_credential
from ssosim.entra.oauth.client_types import authenticate_as, fallback_client_type
from ssosim.entra.oauth.error_page import render_error_page
from ssosim.entra.oauth.request_parameters import check_parameters
from ssosim.entra.oauth.requested_access import RequestedAccess, read_requested_access, require_parameter
from ssosim.entra.oauth.sign_in_rules import find_resource_tenant
from ssosim.entra.oauth.token_request import (
    TokenRequest,
    authority_name,
    read_form,
    read_token_form,
)
from ssosim.entra.oauth.tokens import AuthenticatedUser
from ssosim.estate import Tenant
from ssosim.trace import DeviceCodeIssued

__all__ = [
    "handle_code_form",
    "handle_code_page",
    "handle_device_code_v1",
    "handle_device_code_v2",
    "redeem_device_code",
]


def handle_device_code_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """POST /{tenant}/oauth2/devicecode, with ``resource``; ADAL sends the parameters in the query."""
    return _start_flow(provider, call, captured[0], "1.0")


def handle_device_code_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """POST /{tenant}/oauth2/v2.0/devicecode, with ``scope``."""
    return _start_flow(provider, call, captured[0], "2.0")


def _start_flow(provider: Provider, call: Call, tenant: str, version: TokenVersion) -> HttpReply:
    if call.repeated:
        raise AadstsError(9000411, name=call.repeated[:64])
    form = {**_read_query(call, version), **read_token_form(call, provider.settings)}
    authority = provider.directory.find_authority(tenant)
    name = authority_name(authority)
    if name == "consumers":  # as at the authorize endpoint: the lab has work accounts only
        raise AadstsError(50059)
    client_id, credential = read_client_credential(form, call.headers)  # RFC 8628, section 3.1
    application = require_client(provider.directory, client_id, authority)
    check_parameters(provider.directory, form, version)
    access = read_requested_access(form, version, provider.estate.cloud)
    check_resource(provider, authority if isinstance(authority, Tenant) else None, access.resource)
    if credential.presented:
        request = TokenRequest(version, authority, "device_code", application, credential, form)
        authenticate_as(provider, call, request, fallback_client_type(application))
    code = provider.device_codes.issue(
        client_id=application.client_id,
        authority=name,
        version=version,
        resource=access.resource,
        scopes=access.scopes,
        now=call.now,
    )
    call.trace_buffer.events.append(DeviceCodeIssued(client_id=application.client_id, user_code=code.user_code))
    page = f"https://{call.host}/common/oauth2/deviceauth"
    v1 = version == "1.0"
    return make_json_reply(
        {
            "user_code": code.user_code,
            "device_code": code.device_code,
            "verification_url" if v1 else "verification_uri": page,
            "expires_in": str(DEVICE_CODE_LIFETIME) if v1 else DEVICE_CODE_LIFETIME,
            "interval": str(POLL_INTERVAL) if v1 else POLL_INTERVAL,
            "message": f"To sign in, use a web browser to open the page {page} and enter the code {code.user_code} to "
            "authenticate.",
        },
        headers=JSON_NO_STORE,
    )


def _read_query(call: Call, version: TokenVersion) -> dict[str, str]:
    """Return the parameters in the query, which only ADAL puts there; never a credential (RFC 6749, section 2.3.1)."""
    if version != "1.0":
        return {}
    return {name: value for name, value in call.query.items() if not name.startswith("client_") or name == "client_id"}


def handle_code_page(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET /common/oauth2/deviceauth."""
    return render_device_code_page(call.query.get("otc", "")[:32])


def handle_code_form(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /common/oauth2/deviceauth: the sign-in page for the code that was typed."""
    try:
        code = provider.device_codes.find_by_user_code(read_form(call.body).get("otc", ""))
    except AadstsError as error:
        return render_error_page(error, call)
    if code is None or code.state != "pending" or call.now >= code.not_on_or_after:
        page = render_device_code_page(error="That code did not work. Check it, or start again on the device.")
        return mark_error(page, AadstsError(70018))
    flow = SignInFlow(
        id=make_guid(),
        browser=read_browser_cookie(call) or make_guid(),
        authority=code.authority,
        version=code.version,
        client_id=code.client_id,
        resource=code.resource,
        scopes=code.scopes,
        issued=int(call.now),
        user_code=code.user_code,
    )
    return show_sign_in_page(provider, call, flow)


def redeem_device_code(
    provider: Provider, call: Call, request: TokenRequest
) -> tuple[GrantedAccess, AuthenticatedUser]:
    """Redeem the device code of a token request, whose client has authenticated.

    Raises AadstsError: 900144, 70018 (unknown code, another client's, or another authority's), 70020 (expired; 70019
    in version 1.0), 70016 (pending), 70017 (declined), 54005 (used), 50034 (the user). Whether the real service sends
    ``slow_down`` is unconfirmed; this provider sends it only with ``Settings.device_code_slow_down``.
    """
    text = request.form.get("device_code") or require_parameter(request.form, "code")
    code = provider.device_codes.find_by_device_code(text)
    if code is None or code.client_id != request.application.client_id:
        raise AadstsError(70018)
    if code.authority != authority_name(request.authority):
        raise AadstsError(70018)  # the code of the real service for another authority is unconfirmed
    if call.now >= code.not_on_or_after:
        raise AadstsError(70019 if request.version == "1.0" else 70020)
    if code.state == "pending":
        raise _polling_error(provider, code, call.now)
    if code.state == "declined":
        raise AadstsError(70017)
    if code.state == "used":
        raise AadstsError(54005)
    user = provider.directory.require_user_by_id(code.subject)
    assert code.authentication is not None  # noqa: S101 - an approved code has it
    access = RequestedAccess(
        code.resource,
        code.scopes,
        id_token=code.version == "1.0" or "openid" in code.scopes,
        refresh_token=code.version == "1.0" or "offline_access" in code.scopes,
    )
    wanted = request.authority if isinstance(request.authority, Tenant) else None
    tenant = find_resource_tenant(provider, wanted, user, request.application)
    granted = grant_user_access(provider, request.application, tenant, user, access)
    code.state = "used"
    return granted, AuthenticatedUser(user, tenant, code.authentication, "device_code")


def _polling_error(provider: Provider, code: DeviceCode, now: float) -> AadstsError:
    too_fast = code.last_poll > 0 and now - code.last_poll < POLL_INTERVAL
    code.last_poll = now
    # The code that the real service gives with slow_down is unconfirmed (RFC 8628, section 3.5 has the OAuth value).
    slow_down = too_fast and provider.settings.device_code_slow_down
    return AadstsError(70016, error="slow_down" if slow_down else None)
