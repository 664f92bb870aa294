"""The second factor at the sign-in page: a one-time code of the user's authenticator app.

The page has ``pgid`` ``ConvergedTFA`` and AADSTS50074 in its ``$Config``. There are two ways through it, both of the
real page: the form is posted to ProcessAuth with the code in ``otc``; or a script sends BeginAuth, then EndAuth with
the code in ``AdditionalAuthData``, and posts the form with the flow token that EndAuth returns.

Users have an authenticator app with one-time codes (``PhoneAppOTP``) only, so no notification and no text message is
ever answered. Codes are those of RFC 6238. One step of 30 seconds before and after is accepted, and each code once
(section 5.2).

Sources: names in ``$Config`` and of the requests: DavMail O365Authenticator.java and other public programs that
complete the page (``arrUserProofs``, ``urlBeginAuth``, ``urlEndAuth``, ``Entropy``); DavMail issues 285 and 306 (a
program that reads the page and has no second factor gets no code). Result values are unconfirmed, except ``Success``.
"""

from __future__ import annotations

import base64
import json
from typing import Any

import msgspec
from cryptography.hazmat.primitives.hashes import SHA1
from cryptography.hazmat.primitives.twofactor import InvalidToken
from cryptography.hazmat.primitives.twofactor.totp import TOTP

from ssosim.entra.core.authentication import Authentication
from ssosim.entra.core.browser_cookie import format_browser_cookie
from ssosim.entra.core.errors import AadstsError, build_error_description, mark_error
from ssosim.entra.core.messages import Call, HttpReply, make_guid, make_json_reply
from ssosim.entra.core.pages import NO_STORE, render_second_factor_page
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import SealedTokenError
from ssosim.entra.oauth.authorization_codes import FLOW_LIFETIME, SignInFlow
from ssosim.entra.oauth.authorize_endpoint import seal_canary, shown_url
from ssosim.entra.oauth.error_page import build_page_error
from ssosim.estate import User
from ssosim.estate.second_factors import derive_totp_secret

__all__ = [
    "ASKED",
    "SecondFactor",
    "ask_for_second_factor",
    "handle_begin_auth",
    "handle_end_auth",
    "is_one_time_code",
    "open_second_factor",
    "show_second_factor_page",
]

ASKED = 50074
"""The code of the page that asks for a second factor for the first time."""

_PURPOSE = "second-factor"
_METHOD = "PhoneAppOTP"
_STEP_S = 30
_BODY_LIMIT = 64 * 1024


class SecondFactor(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in whose user (object id ``subject``) has given one factor. ``passed``: and the second too."""

    flow: SignInFlow
    subject: str
    authentication: Authentication
    passed: bool = False


def is_one_time_code(provider: Provider, user: User, code: str, now: float) -> bool:
    """Whether ``code`` is an unused one-time code of ``user`` at ``now`` (seconds since the Unix epoch)."""
    text = code.strip().replace(" ", "").encode(errors="replace")
    totp = TOTP(base64.b32decode(_pad(derive_totp_secret(user))), 6, SHA1(), _STEP_S, enforce_key_length=False)  # noqa: S303
    for moment in (now, now - _STEP_S, now + _STEP_S):
        try:
            totp.verify(text, int(moment))
        except InvalidToken:
            continue
        return provider.replay_cache.record_use(f"otp:{user.object_id}:{int(moment) // _STEP_S}", now + 120, now)
    return False


def _pad(secret: str) -> str:
    return secret + "=" * (-len(secret) % 8)


def open_second_factor(provider: Provider, text: str, now: float) -> SecondFactor:
    """Open the flow token of a page; raises AadstsError 165000 if it is not valid or the page was open for too long."""
    try:
        factor = provider.sealer.open(_PURPOSE, text, SecondFactor)
    except SealedTokenError:
        raise AadstsError(165000, reason="The flow token is malformed.") from None
    if not 0 <= now - factor.flow.issued < FLOW_LIFETIME:
        raise AadstsError(165000, reason="The page has been open for too long; start again.")
    return factor


def ask_for_second_factor(
    provider: Provider, call: Call, flow: SignInFlow, user: User, authentication: Authentication, error: AadstsError
) -> HttpReply:
    """Return the page that asks ``user``, who has authenticated with one factor, for the second."""
    factor = SecondFactor(flow=flow, subject=user.object_id, authentication=authentication)
    return show_second_factor_page(provider, call, factor, error)


def show_second_factor_page(provider: Provider, call: Call, factor: SecondFactor, error: AadstsError) -> HttpReply:
    """Return a new page for ``factor``: the first (50074), or after a wrong code (500121)."""
    flow = msgspec.structs.replace(factor.flow, id=make_guid(), issued=int(call.now))
    user = provider.directory.find_user_by_id(factor.subject)
    base = f"https://{call.host}/common"
    config = build_page_error(error, call) | {
        "arrUserProofs": [{"authMethodId": _METHOD, "data": _METHOD, "display": "", "isDefault": True}],
        "sFT": provider.sealer.seal(_PURPOSE, msgspec.structs.replace(factor, flow=flow)),
        "sFTName": "flowToken",
        "sCtx": flow.id,
        "canary": seal_canary(provider, flow),
        "correlationId": call.correlation_id,
        "sessionId": call.trace_id,
        "hpgid": 1114,
        "hpgact": 2000,
        "sPOST_Username": user.upn if user else "",
        "urlBeginAuth": f"{base}/SAS/BeginAuth",
        "urlEndAuth": f"{base}/SAS/EndAuth",
        "urlPost": f"{base}/SAS/ProcessAuth",
        "urlShown": shown_url(provider, call, flow, error),
        "oPerAuthPollingInterval": {_METHOD: 1},
    }
    text = "" if error.code == ASKED else build_error_description(error, call, " ")
    reply = render_second_factor_page(config, error=text, cookie=format_browser_cookie(flow.browser))
    return mark_error(reply, error)


def handle_begin_auth(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /common/SAS/BeginAuth with JSON: starts a second factor. Another method than PhoneAppOTP is refused."""
    request, factor = _read_request(provider, call)
    if request.get("AuthMethodId") != _METHOD:
        return _reply(call, request, factor, _seal(provider, factor), result="AuthMethodNotAvailable", code=500121)
    return _reply(call, request, factor, _seal(provider, factor), result="Success")


def handle_end_auth(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """POST /common/SAS/EndAuth with JSON: the code in ``AdditionalAuthData``. The result is in the flow token."""
    request, factor = _read_request(provider, call)
    user = provider.directory.find_user_by_id(factor.subject)
    given = request.get("AdditionalAuthData")
    passed = (
        request.get("AuthMethodId") == _METHOD
        and user is not None
        and isinstance(given, str)
        and is_one_time_code(provider, user, given, call.now)
    )
    if not passed:
        return _reply(call, request, factor, _seal(provider, factor), result="OathCodeIncorrect", code=500121)
    return _reply(
        call, request, factor, _seal(provider, msgspec.structs.replace(factor, passed=True)), result="Success"
    )


def _seal(provider: Provider, factor: SecondFactor) -> str:
    return provider.sealer.seal(_PURPOSE, factor)


def _read_request(provider: Provider, call: Call) -> tuple[dict[str, Any], SecondFactor]:
    try:
        request = json.loads(call.body) if len(call.body) <= _BODY_LIMIT else None
    except (ValueError, RecursionError):
        request = None
    if not isinstance(request, dict):
        raise AadstsError(9002313, reason="The body is not JSON.")
    fields = {
        name.lower(): value for name, value in request.items()
    }  # ``ctx`` and ``Ctx``, ``flowToken``: both are seen
    token = fields.get("flowtoken")
    return request, open_second_factor(provider, token if isinstance(token, str) else "", call.now)


def _reply(
    call: Call, request: dict[str, Any], factor: SecondFactor, token: str, *, result: str, code: int = 0
) -> HttpReply:
    method = request.get("AuthMethodId")
    body = {
        "Success": code == 0,
        "ResultValue": result,
        "Message": None,
        "AuthMethodId": method if isinstance(method, str) else "",
        "ErrCode": code,
        "Retry": False,
        "FlowToken": token,
        "Ctx": factor.flow.id,
        "SessionId": call.trace_id,
        "CorrelationId": call.correlation_id,
        "Entropy": 0,
    }
    reply = make_json_reply(body, headers=NO_STORE)
    return mark_error(reply, AadstsError(code)) if code else reply
