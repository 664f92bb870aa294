"""The userinfo endpoint: the claims of the user of an access token.

Source: OpenID Connect Core, section 5.3; Entra document "UserInfo endpoint" (userinfo.md): ``sub``, ``name``,
``family_name``, ``given_name``, ``picture``, ``email``, with an access token for Microsoft Graph that has ``openid``.
RFC 6750, section 3.1 for the refusals; their bodies are those of Microsoft Graph (``InvalidAuthenticationToken``).
"""

from __future__ import annotations

from typing import Any

from ssosim.entra.core.jwt_reader import JwtError, SignedJwt
from ssosim.entra.core.messages import Call, HttpReply, list_fields, make_json_reply
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.own_tokens import ExpiredTokenError, OwnTokenError, check_dates, read_own_token
from ssosim.entra.oauth.tokens import compute_pairwise_subject
from ssosim.estate.first_party import GRAPH

__all__ = ["handle_userinfo"]


class _RefusedError(Exception):
    """The reason, the RFC 6750 error and the status of a refusal."""

    def __init__(self, reason: str, error: str = "invalid_token", status: int = 401) -> None:
        super().__init__(reason)
        self.reason, self.error, self.status = reason, error, status


def handle_userinfo(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """GET and POST /oidc/userinfo (Microsoft Graph) and /{tenant}/openid/userinfo (version 1.0)."""
    try:
        return make_json_reply(_read_claims(provider, call), headers=(("Cache-Control", "no-store"),))
    except _RefusedError as refused:
        challenge = f'Bearer realm="", error="{refused.error}", error_description="{refused.reason}"'
        body = {"error": {"code": "InvalidAuthenticationToken", "message": refused.reason}}
        return make_json_reply(body, refused.status, (("WWW-Authenticate", challenge),))


def _read_claims(provider: Provider, call: Call) -> dict[str, Any]:
    if len(list_fields(call.headers, "Authorization")) > 1:
        raise _RefusedError("There is more than one Authorization header.", "invalid_request", 400)
    scheme, _, text = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not text.strip():
        raise _RefusedError("Access token is empty.")
    try:
        token = read_own_token(provider, text.strip())
        call.trace_buffer.note_not_checked(*check_dates(provider, token, call.now))
    except (JwtError, OwnTokenError):
        raise _RefusedError("Access token validation failure.") from None
    except ExpiredTokenError:
        raise _RefusedError("Lifetime validation failed, the token is expired.") from None
    api = provider.directory.find_api(str(token.claims.get("aud", "")))
    if api is None or api.client_id != GRAPH:
        raise _RefusedError("Access token validation failure. Invalid audience.")
    return _claims_of(provider, token)


def _claims_of(provider: Provider, token: SignedJwt) -> dict[str, Any]:
    if "openid" not in str(token.claims.get("scp", "")).split():
        raise _RefusedError("The token has no scope openid.", "insufficient_scope", 403)
    user = provider.directory.find_user_by_id(str(token.claims.get("oid", "")))
    if user is None or not user.enabled:
        raise _RefusedError("The user of the token is unknown or disabled.")
    given, _, family = user.display_name.partition(" ")
    return {
        # That of the id token of the same client (OpenID Connect Core, section 5.3.2).
        "sub": compute_pairwise_subject(user.object_id, str(token.claims.get("appid") or token.claims.get("azp"))),
        "name": user.display_name,
        "family_name": family,
        "given_name": given,
        "picture": "https://graph.microsoft.com/v1.0/me/photo/$value",
        "email": user.upn,
    }
