"""Access, refresh and id tokens, and the body that carries them.

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

from ssosim.entra.core.jose import b64url, sign_jwt
from ssosim.entra.core.messages import Journal, new_guid
from ssosim.entra.core.openid_discovery import TokenVersion, issuer
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import RefreshGrant
from ssosim.entra.oauth.token_request import OIDC_SCOPES, TokenRequest, Wanted
from ssosim.entra.wstrust.autologon import DESKTOP_SSO
from ssosim.estate import Tenant, User
from ssosim.trace import TokenIssued

__all__ = ["REFRESH", "Earned", "app_token", "user_tokens"]

REFRESH = f"not-{DESKTOP_SSO}:refresh"  # purpose of sealed refresh tokens


@dataclass(frozen=True, slots=True)
class Earned:
    """A grant that holds: tokens for ``user`` of ``tenant``.

    ``method`` is how the user proved it (an authentication method URI), ``grant`` the grant's name, ``nonce`` what an
    id token is to repeat (OpenID Connect Core, section 3.1.2.1).
    """

    user: User
    tenant: Tenant
    method: str
    grant: str
    nonce: str = ""


@lru_cache(maxsize=4096)
def _pairwise(object_id: str, audience: str) -> str:
    return b64url(hashlib.sha256(f"{object_id}|{audience}".encode()).digest())


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def _methods(method: str) -> list[str]:
    return ["wia"] if method.endswith(":windows") else ["pwd"]


def _base(provider: Provider, tenant: Tenant, version: TokenVersion, now: int) -> dict[str, Any]:
    return {
        "iss": issuer(provider.estate.cloud, tenant.id, version),
        "iat": now,
        "nbf": now,
        "exp": now + provider.estate.cloud.access_token_lifetime,
        "tid": tenant.id,
        "uti": b64url(os.urandom(16)),
        "ver": version,
    }


def _access_token(provider: Provider, request: TokenRequest, wanted: Wanted, earned: Earned, now: int) -> str:
    user = earned.user
    claims = {
        "aud": wanted.resource,
        **_base(provider, earned.tenant, request.version, now),
        "amr": _methods(earned.method),
        "name": user.display_name,
        "oid": user.object_id,
        "scp": " ".join(_granted(wanted, with_oidc=False)) or "openid profile",
        "sub": _pairwise(user.object_id, wanted.resource),
    }
    if request.version == "1.0":
        claims |= {"appid": request.application.client_id, "unique_name": user.upn, "upn": user.upn}
    else:
        claims |= {"azp": request.application.client_id, "preferred_username": user.upn}
    if user.sid and user.synced:
        claims["onprem_sid"] = user.sid
    return sign_jwt(provider.keys.cloud, claims)


def _id_token(provider: Provider, request: TokenRequest, earned: Earned, now: int) -> str:
    user, client_id = earned.user, request.application.client_id
    claims = {
        "aud": client_id,
        **_base(provider, earned.tenant, request.version, now),
        "name": user.display_name,
        "oid": user.object_id,
        "sub": _pairwise(user.object_id, client_id),
        **(
            {"unique_name": user.upn, "upn": user.upn} if request.version == "1.0" else {"preferred_username": user.upn}
        ),
    }
    if earned.nonce:
        claims["nonce"] = earned.nonce
    return sign_jwt(provider.keys.cloud, claims)


def _refresh_token(provider: Provider, request: TokenRequest, wanted: Wanted, earned: Earned, now: int) -> str:
    grant = RefreshGrant(
        id=new_guid(),
        tenant=earned.tenant.id,
        subject=earned.user.object_id,
        client_id=request.application.client_id,
        family=request.application.family,
        resource=wanted.resource,
        scopes=wanted.scopes,
        issued=now,
        not_on_or_after=now + provider.estate.cloud.refresh_token_lifetime,
        method=earned.method,
    )
    return provider.seal.close(REFRESH, grant)


def _granted(wanted: Wanted, *, with_oidc: bool) -> list[str]:
    """Granted scopes: what was asked, without offline_access, which shows as the refresh token itself."""
    if with_oidc:
        return [scope for scope in wanted.scopes if scope != "offline_access"]
    return [scope.rpartition("/")[2] for scope in wanted.scopes if scope not in OIDC_SCOPES]


def _frame(provider: Provider, version: TokenVersion, wanted: Wanted, now: int) -> dict[str, Any]:
    """The fields before the tokens: numbers in v2; v1 has strings, and three fields more."""
    lifetime = provider.estate.cloud.access_token_lifetime
    scope = " ".join(_granted(wanted, with_oidc=True))
    if version == "2.0":
        return {"token_type": "Bearer", "scope": scope, "expires_in": lifetime, "ext_expires_in": lifetime}
    return {
        "token_type": "Bearer",
        "scope": scope,
        "expires_in": str(lifetime),
        "ext_expires_in": str(lifetime),
        "expires_on": str(now + lifetime),
        "not_before": str(now),
        "resource": wanted.resource,
    }


def user_tokens(
    provider: Provider, request: TokenRequest, wanted: Wanted, earned: Earned, journal: Journal, moment: float
) -> dict[str, Any]:
    """The success body for a user, tokens noted in ``journal``."""
    now = int(moment)
    body = _frame(provider, request.version, wanted, now)

    def give(field: str, kind: Any, audience: str, token: str) -> None:
        body[field] = token
        journal.events.append(
            TokenIssued(
                kind=kind,
                grant=earned.grant,
                subject=earned.user.upn,
                audience=audience,
                client_id=request.application.client_id,
                digest=_digest(token),
            )
        )

    give("access_token", "access", wanted.resource, _access_token(provider, request, wanted, earned, now))
    if wanted.refresh_token:
        give("refresh_token", "refresh", "", _refresh_token(provider, request, wanted, earned, now))
        if request.application.family:
            body["foci"] = "1"
    if wanted.id_token:
        give("id_token", "id", request.application.client_id, _id_token(provider, request, earned, now))
    if request.form.get("client_info") == "1":
        info = {"uid": earned.user.object_id, "utid": earned.tenant.id}
        body["client_info"] = b64url(msgspec.json.encode(info))
    return body


def app_token(
    provider: Provider, request: TokenRequest, wanted: Wanted, tenant: Tenant, journal: Journal, moment: float
) -> dict[str, Any]:
    """The success body of client_credentials: an access token and nothing to refresh it with."""
    now, client_id = int(moment), request.application.client_id
    claims = {
        "aud": wanted.resource,
        **_base(provider, tenant, request.version, now),
        "appid" if request.version == "1.0" else "azp": client_id,
        "idtyp": "app",
        "oid": client_id,
        "sub": client_id,
    }
    token = sign_jwt(provider.keys.cloud, claims)
    journal.events.append(
        TokenIssued(
            kind="access",
            grant="client_credentials",
            subject=client_id,
            audience=wanted.resource,
            client_id=client_id,
            digest=_digest(token),
        )
    )
    body = _frame(provider, request.version, wanted, now)
    del body["scope"]  # the documented answer has none
    body["access_token"] = token
    return body
