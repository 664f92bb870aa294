"""Access, refresh and id tokens, and the token response that contains them.

Sources: MSAL.NET MsalTokenResponse.cs and MockHelpers.cs (v2 numbers, v1 strings), AADInternals (v1), MSAL Python
token_cache.py (``client_info``), azure-cli issue 14244 (refresh tokens of 90 days).
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import msgspec

from ssosim.entra.core.jose import encode_base64url, sign_jwt
from ssosim.entra.core.messages import TraceBuffer, make_guid
from ssosim.entra.core.openid_discovery import TokenVersion, issuer_of
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import RefreshTokenClaims
from ssosim.entra.oauth.token_request import OIDC_SCOPES, RequestedAccess, TokenRequest
from ssosim.entra.wstrust.autologon import DESKTOP_SSO_PURPOSE
from ssosim.estate import Tenant, User
from ssosim.trace import TokenIssued

__all__ = ["REFRESH_PURPOSE", "AuthenticatedUser", "issue_app_token", "issue_user_tokens"]

REFRESH_PURPOSE = f"not-{DESKTOP_SSO_PURPOSE}:refresh"  # the purpose with which refresh tokens are sealed


@dataclass(frozen=True, slots=True)
class AuthenticatedUser:
    """An authenticated user of ``tenant``, for whom tokens are issued.

    ``method`` is how the user has authenticated (an authentication method URI), ``grant`` the name of the grant,
    ``nonce`` the value that the id token repeats (OpenID Connect Core, section 3.1.2.1).
    """

    user: User
    tenant: Tenant
    method: str
    grant: str
    nonce: str = ""


@lru_cache(maxsize=4096)
def _pairwise_subject(object_id: str, audience: str) -> str:
    return encode_base64url(hashlib.sha256(f"{object_id}|{audience}".encode()).digest())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def _amr_of(method: str) -> list[str]:
    return ["wia"] if method.endswith(":windows") else ["pwd"]


def _common_claims(provider: Provider, tenant: Tenant, version: TokenVersion, now: int) -> dict[str, Any]:
    return {
        "iss": issuer_of(provider.estate.cloud, tenant.id, version),
        "iat": now,
        "nbf": now,
        "exp": now + provider.estate.cloud.access_token_lifetime,
        "tid": tenant.id,
        "uti": encode_base64url(os.urandom(16)),
        "ver": version,
    }


def _access_token(
    provider: Provider, request: TokenRequest, access: RequestedAccess, authenticated: AuthenticatedUser, now: int
) -> str:
    user = authenticated.user
    claims = {
        "aud": access.resource,
        **_common_claims(provider, authenticated.tenant, request.version, now),
        "amr": _amr_of(authenticated.method),
        "name": user.display_name,
        "oid": user.object_id,
        "scp": " ".join(_granted_scopes(access, with_oidc=False)) or "openid profile",
        "sub": _pairwise_subject(user.object_id, access.resource),
    }
    if request.version == "1.0":
        claims |= {"appid": request.application.client_id, "unique_name": user.upn, "upn": user.upn}
    else:
        claims |= {"azp": request.application.client_id, "preferred_username": user.upn}
    if user.sid and user.synced:
        claims["onprem_sid"] = user.sid
    return sign_jwt(provider.keys.cloud, claims)


def _id_token(provider: Provider, request: TokenRequest, authenticated: AuthenticatedUser, now: int) -> str:
    user, client_id = authenticated.user, request.application.client_id
    claims = {
        "aud": client_id,
        **_common_claims(provider, authenticated.tenant, request.version, now),
        "name": user.display_name,
        "oid": user.object_id,
        "sub": _pairwise_subject(user.object_id, client_id),
        **(
            {"unique_name": user.upn, "upn": user.upn} if request.version == "1.0" else {"preferred_username": user.upn}
        ),
    }
    if authenticated.nonce:
        claims["nonce"] = authenticated.nonce
    return sign_jwt(provider.keys.cloud, claims)


def _refresh_token(
    provider: Provider, request: TokenRequest, access: RequestedAccess, authenticated: AuthenticatedUser, now: int
) -> str:
    claims = RefreshTokenClaims(
        id=make_guid(),
        tenant=authenticated.tenant.id,
        subject=authenticated.user.object_id,
        client_id=request.application.client_id,
        family=request.application.family,
        resource=access.resource,
        scopes=access.scopes,
        issued=now,
        not_on_or_after=now + provider.estate.cloud.refresh_token_lifetime,
        method=authenticated.method,
    )
    return provider.sealer.seal(REFRESH_PURPOSE, claims)


def _granted_scopes(access: RequestedAccess, *, with_oidc: bool) -> list[str]:
    """Return the granted scopes: the requested ones without ``offline_access``, which is granted as a refresh token."""
    if with_oidc:
        return [scope for scope in access.scopes if scope != "offline_access"]
    return [scope.rpartition("/")[2] for scope in access.scopes if scope not in OIDC_SCOPES]


def _response_fields(provider: Provider, version: TokenVersion, access: RequestedAccess, now: int) -> dict[str, Any]:
    """Return the fields of the response before the tokens: numbers in v2; strings and three more fields in v1."""
    lifetime = provider.estate.cloud.access_token_lifetime
    scope = " ".join(_granted_scopes(access, with_oidc=True))
    if version == "2.0":
        return {"token_type": "Bearer", "scope": scope, "expires_in": lifetime, "ext_expires_in": lifetime}
    return {
        "token_type": "Bearer",
        "scope": scope,
        "expires_in": str(lifetime),
        "ext_expires_in": str(lifetime),
        "expires_on": str(now + lifetime),
        "not_before": str(now),
        "resource": access.resource,
    }


def issue_user_tokens(
    provider: Provider,
    request: TokenRequest,
    access: RequestedAccess,
    authenticated: AuthenticatedUser,
    trace_buffer: TraceBuffer,
    issued_at: float,
) -> dict[str, Any]:
    """Issue tokens for a user and return the body of the response. Events for the trace go to ``trace_buffer``."""
    now = int(issued_at)
    body = _response_fields(provider, request.version, access, now)

    def add_token(field: str, kind: Any, audience: str, token: str) -> None:
        body[field] = token
        trace_buffer.events.append(
            TokenIssued(
                kind=kind,
                grant=authenticated.grant,
                subject=authenticated.user.upn,
                audience=audience,
                client_id=request.application.client_id,
                digest=_digest(token),
            )
        )

    add_token("access_token", "access", access.resource, _access_token(provider, request, access, authenticated, now))
    if access.refresh_token:
        add_token("refresh_token", "refresh", "", _refresh_token(provider, request, access, authenticated, now))
        if request.application.family:
            body["foci"] = "1"
    if access.id_token:
        add_token("id_token", "id", request.application.client_id, _id_token(provider, request, authenticated, now))
    if request.form.get("client_info") == "1":
        info = {"uid": authenticated.user.object_id, "utid": authenticated.tenant.id}
        body["client_info"] = encode_base64url(msgspec.json.encode(info))
    return body


def issue_app_token(
    provider: Provider,
    request: TokenRequest,
    access: RequestedAccess,
    tenant: Tenant,
    trace_buffer: TraceBuffer,
    issued_at: float,
) -> dict[str, Any]:
    """Issue an access token for an application (client_credentials). There is no refresh token."""
    now, client_id = int(issued_at), request.application.client_id
    claims = {
        "aud": access.resource,
        **_common_claims(provider, tenant, request.version, now),
        "appid" if request.version == "1.0" else "azp": client_id,
        "idtyp": "app",
        "oid": client_id,
        "sub": client_id,
    }
    token = sign_jwt(provider.keys.cloud, claims)
    trace_buffer.events.append(
        TokenIssued(
            kind="access",
            grant="client_credentials",
            subject=client_id,
            audience=access.resource,
            client_id=client_id,
            digest=_digest(token),
        )
    )
    body = _response_fields(provider, request.version, access, now)
    del body["scope"]  # the documented response has none
    body["access_token"] = token
    return body
