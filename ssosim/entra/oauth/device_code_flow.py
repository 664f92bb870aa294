"""The device code flow: its start, the page for the code, and the polling.

Sources: Entra device-code document; MSAL.NET DeviceCodeRequest.cs and DeviceCodeResponse.cs, MSAL.js
StringConstants.ts, ADAL Python token_request.py (``code`` for ``device_code``), ADAL.NET MockHelpers.
"""

from __future__ import annotations

from ssosim.entra.core.browser_cookie import browser_of
from ssosim.entra.core.device_codes import DEVICE_CODE_LIFETIME, INTERVAL, DeviceCode
from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.messages import Answer, Call, json_answer, new_guid
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.pages import NO_STORE, device_code_page
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.authorization_codes import Flow
from ssosim.entra.oauth.authorize_endpoint import application_of, ask, error_page
from ssosim.entra.oauth.token_request import (
    TokenRequest,
    Wanted,
    authority_name,
    read_form,
    read_token_form,
    read_wanted,
    required,
)
from ssosim.entra.oauth.tokens import Earned
from ssosim.trace import DeviceCodeIssued

__all__ = ["code_form", "code_page", "device_code_v1", "device_code_v2", "redeem_device_code"]


def device_code_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """POST /{tenant}/oauth2/devicecode, with ``resource``; ADAL sends the parameters in the query."""
    return _start(provider, call, captured[0], "1.0")


def device_code_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """POST /{tenant}/oauth2/v2.0/devicecode, with ``scope``."""
    return _start(provider, call, captured[0], "2.0")


def _start(provider: Provider, call: Call, tenant: str, version: TokenVersion) -> Answer:
    if call.repeated:
        raise Refusal(9000411, name=call.repeated[:64])
    form = {**call.query, **read_token_form(call, provider.settings)}
    authority = provider.directory.authority(tenant)
    name = authority_name(authority)
    if name == "consumers":  # as at the authorize endpoint: the lab has accounts of work only
        raise Refusal(50059)
    application = application_of(provider, required(form, "client_id").strip(), name)
    wanted = read_wanted(form, version)
    code = provider.device_codes.issue(
        client_id=application.client_id,
        authority=name,
        version=version,
        resource=wanted.resource,
        scopes=wanted.scopes,
        now=call.now,
    )
    call.journal.events.append(DeviceCodeIssued(client_id=application.client_id, user_code=code.user_code))
    page = f"https://{call.host}/common/oauth2/deviceauth"
    v1 = version == "1.0"
    return json_answer(
        {
            "user_code": code.user_code,
            "device_code": code.device_code,
            "verification_url" if v1 else "verification_uri": page,
            "expires_in": str(DEVICE_CODE_LIFETIME) if v1 else DEVICE_CODE_LIFETIME,
            "interval": str(INTERVAL) if v1 else INTERVAL,
            "message": f"To sign in, open {page} in a web browser and enter the code {code.user_code}.",
        },
        headers=NO_STORE,
    )


def code_page(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """GET /common/oauth2/deviceauth."""
    return device_code_page(call.query.get("otc", "")[:32])


def code_form(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:  # noqa: ARG001  an endpoint's shape
    """POST /common/oauth2/deviceauth: the sign-in page for the code that was typed."""
    try:
        code = provider.device_codes.of_user(read_form(call.body).get("otc", ""))
    except Refusal as refusal:
        return error_page(refusal, call)
    if code is None or code.state != "pending" or call.now >= code.not_on_or_after:
        return device_code_page(error="That code did not work. Check it, or start again on the device.", code=70018)
    flow = Flow(
        id=new_guid(),
        browser=browser_of(call) or new_guid(),
        authority=code.authority,
        version=code.version,
        client_id=code.client_id,
        resource=code.resource,
        scopes=code.scopes,
        issued=int(call.now),
        user_code=code.user_code,
    )
    return ask(provider, call, flow)


def redeem_device_code(provider: Provider, call: Call, request: TokenRequest) -> tuple[Wanted, Earned]:
    """What polling earns.

    Raises Refusal: 900144, 70018 (unknown code, another client's, or another authority's), 70019 (expired), 70016
    (pending), 70017 (declined), 54005 (used), 50057 (the user). Whether the real service ever says ``slow_down`` is
    unconfirmed: this one does so only with ``Settings.device_code_slow_down``.
    """
    text = (request.form.get("device_code") or required(request.form, "code")).strip()
    code = provider.device_codes.of_device(text)
    if code is None or code.client_id != request.application.client_id:
        raise Refusal(70018)
    if code.authority != authority_name(request.authority):
        raise Refusal(70018)  # what the real service says of another authority is unconfirmed
    if call.now >= code.not_on_or_after:
        raise Refusal(70019)
    if code.state == "pending":
        raise _too_early(provider, code, call.now)
    if code.state == "declined":
        raise Refusal(70017)
    if code.state == "used":
        raise Refusal(54005)
    user = provider.directory.user_by_id(code.subject)
    if user is None or not user.enabled:
        raise Refusal(50057)
    code.state = "used"
    wanted = Wanted(
        code.resource,
        code.scopes,
        id_token=code.version == "1.0" or "openid" in code.scopes,
        refresh_token=code.version == "1.0" or "offline_access" in code.scopes,
    )
    return wanted, Earned(user, provider.directory.home(user), code.method, "device_code")


def _too_early(provider: Provider, code: DeviceCode, now: float) -> Refusal:
    hasty = code.polled > 0 and now - code.polled < INTERVAL
    code.polled = now
    return Refusal(50196 if hasty and provider.settings.device_code_slow_down else 70016)
