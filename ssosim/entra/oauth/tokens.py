"""Access, refresh and id tokens, and the token response that contains them.

Sources: MSAL.NET MsalTokenResponse.cs and MockHelpers.cs (v2 numbers, v1 strings), AADInternals (v1), MSAL Python
token_cache.py (``client_info``), azure-cli issue 14244 (refresh tokens of 90 days); MSAL Python pull request 389 and
MSAL.js pull request 5125 (``max_age`` needs ``auth_time``: OpenID Connect Core, section 2).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import msgspec
from msgspec import Struct

from ssosim.entra.core.authentication import Authentication, list_amr
from ssosim.entra.core.jose import LeadingClaims, encode_base64url, sign_jwt_with
from ssosim.entra.core.jwt_reader import read_jwt
from ssosim.entra.core.messages import TraceBuffer, make_guid
from ssosim.entra.core.openid_discovery import TokenVersion, issuer_of
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.random_bytes import take_random_block
from ssosim.entra.core.sealed_tokens import RefreshTokenClaims
from ssosim.entra.oauth.access_grants import GrantedAccess
from ssosim.entra.oauth.federated_credentials import is_federated
from ssosim.entra.oauth.requested_access import OIDC_SCOPES
from ssosim.entra.oauth.token_request import TokenRequest
from ssosim.entra.wstrust.autologon import DESKTOP_SSO_PURPOSE
from ssosim.estate import Application, Cloud, Tenant, User
from ssosim.estate.first_party import TOKEN_EXCHANGE
from ssosim.trace import TokenIssued

__all__ = [
    "CLAIMS_CHALLENGES",
    "REFRESH_PURPOSE",
    "AuthenticatedUser",
    "build_common_claims",
    "compute_digest",
    "compute_pairwise_subject",
    "compute_refresh_in",
    "issue_app_token",
    "issue_user_tokens",
]

REFRESH_PURPOSE = f"not-{DESKTOP_SSO_PURPOSE}:refresh"  # the purpose with which refresh tokens are sealed

BACKDATING = 300
"""Seconds that ``iat`` and ``nbf`` lie before the time of issue, for clients whose clock is slow.

Recordings of azure-sdk-for-go and azure-sdk-for-net: the dates of id tokens beside the Date of the response; so have
access tokens of version 1.0 (msal4j, TestConfiguration.java: ``exp`` - ``iat`` is ``expires_in`` + 300).
"""
CLAIMS_CHALLENGES = "cp1"
"""The capability of a client to answer claims challenges, in ``xms_cc``. Case does not matter."""
ID_TOKEN_LIFETIME = 3600
"""Seconds that an id token is valid, whatever the lifetime of the access token (the same recordings)."""
SPA_REFRESH_TOKEN_LIFETIME = 86_400
"""Seconds that a single-page application can refresh, from the sign-in on (Entra document "Refresh tokens")."""


class AuthenticatedUser(Struct, frozen=True):
    """An authenticated user of ``tenant``, for whom tokens are issued.

    ``authentication`` is how and when the user has authenticated, ``grant`` the name of the grant, ``nonce`` the value
    that the id token repeats (OpenID Connect Core, section 3.1.2.1), ``policies`` the ids of the policies whose claims
    challenge the sign-in answers. ``dated``: the id token has ``auth_time``, as the request had ``max_age``.
    """

    user: User
    tenant: Tenant
    authentication: Authentication
    grant: str
    nonce: str = ""
    policies: tuple[str, ...] = ()
    dated: bool = False


@lru_cache(maxsize=4096)
def compute_pairwise_subject(object_id: str, audience: str) -> str:
    """Compute ``sub``: an id of the user with ``object_id`` that only ``audience`` knows the user by."""
    return encode_base64url(hashlib.sha256(f"{object_id}|{audience}".encode()).digest())


def compute_digest(token: str) -> str:
    """Compute a short digest of a token, which distinguishes tokens in the trace."""
    return hashlib.sha256(token.encode()).hexdigest()[:12]


def build_common_claims(
    provider: Provider, tenant: Tenant, version: TokenVersion, now: int, lifetime: int | None = None
) -> dict[str, Any]:
    """Return the claims that every token has: issuer, times, tenant, id and version.

    ``now`` is in epoch seconds, ``lifetime`` in seconds (default: that of access tokens).
    """
    lifetime = provider.estate.cloud.access_token_lifetime if lifetime is None else lifetime
    return {**_issuer_claims(provider, tenant, version), **_own_claims(now, lifetime)}


def _issuer_claims(provider: Provider, tenant: Tenant, version: TokenVersion) -> dict[str, Any]:
    return {"iss": issuer_of(provider.estate.cloud, tenant.id, version), "tid": tenant.id, "ver": version}


def _own_claims(now: int, lifetime: int) -> dict[str, Any]:
    """Return the claims in which a token differs from every other."""
    return {
        "iat": now - BACKDATING,
        "nbf": now - BACKDATING,
        "exp": now + lifetime,
        "uti": encode_base64url(take_random_block()),
    }


def _client_claims(application: Application, version: TokenVersion, authenticated: str) -> dict[str, Any]:
    """Return the claims about the client: its id, and how it has authenticated (0: not, 1: secret, 2: assertion)."""
    client_id = application.client_id
    if version == "1.0":
        return {"appid": client_id, "appidacr": authenticated}
    return {"azp": client_id, "azpacr": authenticated}


def _describe_authentication(request: TokenRequest) -> str:
    return "0" if not request.confidential else "2" if request.credential.assertion else "1"


def _is_exchanged(request: TokenRequest) -> bool:
    """Whether the client has authenticated with a federated token."""
    return bool(request.credential.assertion) and is_federated(read_jwt(request.credential.assertion))


def _read_capability(request: TokenRequest) -> str:
    """Return the value of ``xms_cc``, what the client has declared to understand: ``cp1``, claims challenges; else "".

    Case does not matter: the Azure SDKs write ``CP1``, and their tokens repeat it. Sources: Entra document "Claims
    challenges, claims requests and client capabilities"; azure-identity, ``aad_client_base.py``.
    ``check_claims_parameter`` has accepted the text.
    """
    text = request.form.get("claims", "")
    asked = json.loads(text).get("access_token") if text.strip() else None
    demand = asked.get("xms_cc") if isinstance(asked, dict) else None
    values = demand.get("values") if isinstance(demand, dict) else None
    sent = (value for value in values if isinstance(value, str)) if isinstance(values, list) else ()
    return next((value for value in sent if value.lower() == CLAIMS_CHALLENGES), "")


def _name_claims(provider: Provider, user: User, tenant: Tenant, version: TokenVersion) -> dict[str, Any]:
    """Return the claims with the name of the user; a guest also has ``idp``, the issuer of the home tenant.

    The name of a guest in the tenant has ``#EXT#`` (Entra document "Properties of a Microsoft Entra B2B user").
    """
    home = provider.directory.find_home_tenant(user)
    guest = home.id != tenant.id
    claims: dict[str, Any] = {"idp": issuer_of(provider.estate.cloud, home.id, "1.0")} if guest else {}
    if version != "1.0":
        return {**claims, "preferred_username": user.upn}
    if guest:
        return {**claims, "unique_name": user.upn, "upn": f"{user.upn.replace('@', '_')}#EXT#@{tenant.initial_domain}"}
    return {"unique_name": user.upn, "upn": user.upn}


def _build_leading_claims(
    provider: Provider, tenant: Tenant, version: TokenVersion, audience: str, claims: dict[str, Any]
) -> LeadingClaims:
    """Return the claims of a token but for its times and its id, which ``_sign`` adds.

    All tokens of a user for an API have the same, so they are written once for a state of the estate
    (``Directory.keep_result``).
    """
    return LeadingClaims.build({"aud": audience, **_issuer_claims(provider, tenant, version), **claims})


def _sign(provider: Provider, claims: LeadingClaims, now: int, lifetime: int) -> str:
    """Return a new token: issued at ``now``, in seconds since the Unix epoch, for ``lifetime``."""
    return sign_jwt_with(provider.keys.cloud, claims, _own_claims(now, lifetime))


def _access_token(
    provider: Provider, request: TokenRequest, granted: GrantedAccess, authenticated: AuthenticatedUser, now: int
) -> str:
    """Make an access token for a user. Version and claims are those that the API wants, not those of the endpoint."""
    facts = _AccessFacts(
        request.application,
        granted,
        authenticated.user,
        authenticated.tenant,
        _describe_authentication(request),
        authenticated.authentication.method,
        authenticated.authentication.mfa,
        _read_capability(request) if "claims" in request.form else "",
    )
    claims = provider.directory.keep_result(_write_access_claims, facts, (provider, facts))
    return _sign(provider, claims, now, provider.estate.cloud.access_token_lifetime)


class _AccessFacts(Struct, frozen=True):
    """What the claims of a user's access token depend on beside the estate. ``capability``: what ``xms_cc`` has."""

    application: Application
    granted: GrantedAccess
    user: User
    tenant: Tenant
    authenticated: str
    method: str
    mfa: bool
    capability: str


def _write_access_claims(provider: Provider, facts: _AccessFacts) -> LeadingClaims:
    granted, user, tenant = facts.granted, facts.user, facts.tenant
    version = granted.version
    claims = {
        **_client_claims(facts.application, version, facts.authenticated),
        "amr": list_amr(facts.method, mfa=facts.mfa),
        "name": user.display_name,
        "oid": provider.directory.find_object_id(user, tenant),
        "scp": " ".join(granted.scopes),
        "sub": compute_pairwise_subject(user.object_id, granted.audience),
        **_name_claims(provider, user, tenant, version),
    }
    if granted.roles:
        claims["roles"] = list(granted.roles)
    if "idtyp" in granted.optional_claims:
        claims["idtyp"] = "user"
    if facts.capability:
        claims["xms_cc"] = [facts.capability]
    if user.sid and user.synced:
        claims["onprem_sid"] = user.sid
    return _build_leading_claims(provider, tenant, version, granted.audience, claims)


def _id_token(provider: Provider, request: TokenRequest, authenticated: AuthenticatedUser, now: int) -> str:
    own: dict[str, Any] = {}  # the claims of this sign-in alone
    if authenticated.authentication.session and request.application.logout_url is not None:
        own["sid"] = authenticated.authentication.session
    if authenticated.nonce:
        own["nonce"] = authenticated.nonce
    if authenticated.dated:
        own["auth_time"] = int(authenticated.authentication.time)
    facts = (request.application.client_id, request.version, authenticated.user, authenticated.tenant)
    if own:
        claims = _write_id_claims(provider, *facts, own)
    else:
        claims = provider.directory.keep_result(_write_id_claims, facts, (provider, *facts))
    return _sign(provider, claims, now, ID_TOKEN_LIFETIME)


def _write_id_claims(
    provider: Provider,
    client_id: str,
    version: TokenVersion,
    user: User,
    tenant: Tenant,
    own: Mapping[str, Any] | None = None,
) -> LeadingClaims:
    claims = {
        "name": user.display_name,
        "oid": provider.directory.find_object_id(user, tenant),
        "sub": compute_pairwise_subject(user.object_id, client_id),
        **_name_claims(provider, user, tenant, version),
        **(own or {}),
    }
    return _build_leading_claims(provider, tenant, version, client_id, claims)


def _refresh_token(
    provider: Provider,
    request: TokenRequest,
    granted: GrantedAccess,
    authenticated: AuthenticatedUser,
    now: int,
    sign_in: RefreshTokenClaims | None,
) -> str:
    not_on_or_after = now + provider.estate.cloud.refresh_token_lifetime
    if request.client_type == "spa":  # a fixed lifetime from the sign-in on
        not_on_or_after = now + SPA_REFRESH_TOKEN_LIFETIME if sign_in is None else sign_in.not_on_or_after
    claims = RefreshTokenClaims(
        id=make_guid(),
        tenant=authenticated.tenant.id,
        subject=authenticated.user.object_id,
        client_id=request.application.client_id,
        family=request.application.family,
        resource=granted.requested.resource,
        scopes=granted.requested.scopes,
        issued=now,
        not_on_or_after=not_on_or_after,
        authentication=authenticated.authentication,
        client_type=request.client_type,
    )
    return provider.sealer.seal(REFRESH_PURPOSE, claims)


@lru_cache(maxsize=256)
def _response_scope(version: TokenVersion, granted: GrantedAccess) -> str:
    """Return the ``scope`` of a response: what was granted, and in version 2 also ``/.default`` if it was asked for.

    Version 2 writes scopes of an API with its identifier URI, so that MSAL finds the token in its cache. Scopes of
    OpenID Connect are those of Microsoft Graph: a response for another API has none. ``offline_access`` is granted as a
    refresh token. Source: recordings of azure-sdk-for-js (Graph), -go, -net and -python (other APIs).
    """
    if version == "1.0":
        return " ".join(granted.scopes)
    requested = granted.requested
    oidc = [scope for scope in granted.scopes if scope in OIDC_SCOPES]
    named = [f"{requested.resource}/{scope}" for scope in granted.scopes if scope not in OIDC_SCOPES]
    asked = [scope for scope in requested.scopes if scope not in OIDC_SCOPES]
    return " ".join(dict.fromkeys((*oidc, *named, *asked)))


@lru_cache(maxsize=4096)
def _build_client_info(object_id: str, tenant_id: str) -> str:
    return encode_base64url(msgspec.json.encode({"uid": object_id, "utid": tenant_id}))


def _response_fields(provider: Provider, version: TokenVersion, granted: GrantedAccess, now: int) -> dict[str, Any]:
    """Return the fields of the response before the tokens: numbers in v2; strings and three more fields in v1."""
    cloud = provider.estate.cloud
    return _response_fields_v2(cloud, granted).copy() if version == "2.0" else _response_fields_v1(cloud, granted, now)


@lru_cache(maxsize=256)
def _response_fields_v2(cloud: Cloud, granted: GrantedAccess) -> dict[str, Any]:
    lifetime, scope, refresh_in = (
        cloud.access_token_lifetime,
        _response_scope("2.0", granted),
        compute_refresh_in(cloud),
    )
    fields = {"token_type": "Bearer", "scope": scope, "expires_in": lifetime, "ext_expires_in": lifetime}
    return fields if refresh_in is None else {**fields, "refresh_in": refresh_in}


def _response_fields_v1(cloud: Cloud, granted: GrantedAccess, now: int) -> dict[str, Any]:
    lifetime, scope, refresh_in = (
        cloud.access_token_lifetime,
        _response_scope("1.0", granted),
        compute_refresh_in(cloud),
    )
    return {
        "token_type": "Bearer",
        "scope": scope,
        "expires_in": str(lifetime),
        "ext_expires_in": str(lifetime),
        **({} if refresh_in is None else {"refresh_in": str(refresh_in)}),
        "expires_on": str(now + lifetime),
        "not_before": str(now - BACKDATING),
        "resource": granted.requested.resource,
    }


def compute_refresh_in(cloud: Cloud) -> int | None:
    """Return ``refresh_in``, the seconds after which a client may renew an access token early; None if it has none.

    The real service sends half of the lifetime for tokens that live for two hours or more (MSAL release notes and
    tests; the limit is a setting, ``Cloud.refresh_in_from``).
    """
    lifetime = cloud.access_token_lifetime
    return lifetime // 2 if 0 < cloud.refresh_in_from <= lifetime else None


def issue_user_tokens(
    provider: Provider,
    request: TokenRequest,
    granted: GrantedAccess,
    authenticated: AuthenticatedUser,
    trace_buffer: TraceBuffer,
    issued_at: float,
    sign_in: RefreshTokenClaims | None = None,
) -> dict[str, Any]:
    """Issue tokens for a user and return the body of the response. Events for the trace go to ``trace_buffer``.

    ``sign_in`` is the refresh token of an earlier sign-in, if this is a refresh.
    """
    now = int(issued_at)
    access = granted.requested
    body = _response_fields(provider, request.version, granted, now)

    def add_token(field: str, kind: Any, audience: str, token: str) -> None:
        body[field] = token
        trace_buffer.events.append(
            TokenIssued(
                kind=kind,
                grant=authenticated.grant,
                subject=authenticated.user.upn,
                audience=audience,
                client_id=request.application.client_id,
                digest=compute_digest(token),
                not_checked=trace_buffer.not_checked,
            )
        )

    trace_buffer.note_not_checked(*granted.not_checked)
    provider.note_sign_in(request.application, authenticated.tenant)
    access_token = _access_token(provider, request, granted, authenticated, now)
    add_token("access_token", "access", granted.audience, access_token)
    if access.refresh_token:
        refresh_token = _refresh_token(provider, request, granted, authenticated, now, sign_in)
        add_token("refresh_token", "refresh", "", refresh_token)
        if request.application.family:
            body["foci"] = "1"
    if access.id_token:
        add_token("id_token", "id", request.application.client_id, _id_token(provider, request, authenticated, now))
    if request.form.get("client_info") == "1":
        home = provider.directory.find_home_tenant(authenticated.user)
        body["client_info"] = _build_client_info(authenticated.user.object_id, home.id)
    return body


def issue_app_token(
    provider: Provider,
    request: TokenRequest,
    granted: GrantedAccess,
    tenant: Tenant,
    trace_buffer: TraceBuffer,
    issued_at: float,
) -> dict[str, Any]:
    """Issue an access token for an application (client_credentials). There is no refresh token.

    Its subject is the service principal in ``tenant``. It has no ``scp``, and ``roles`` if the application has any.
    """
    now = int(issued_at)
    facts = (
        request.application,
        granted,
        tenant,
        _describe_authentication(request),
        _read_capability(request) if "claims" in request.form else "",
        granted.audience == TOKEN_EXCHANGE and _is_exchanged(request),
    )
    claims = provider.directory.keep_result(_write_app_claims, facts, (provider, *facts))
    token = _sign(provider, claims, now, provider.estate.cloud.access_token_lifetime)
    trace_buffer.note_not_checked(*granted.not_checked)
    trace_buffer.events.append(
        TokenIssued(
            kind="access",
            grant="client_credentials",
            subject=request.application.client_id,
            audience=granted.audience,
            client_id=request.application.client_id,
            digest=compute_digest(token),
            not_checked=trace_buffer.not_checked,
        )
    )
    body = _response_fields(provider, request.version, granted, now)
    del body["scope"]  # the documented response has none
    body["access_token"] = token
    return body


def _write_app_claims(
    provider: Provider,
    application: Application,
    granted: GrantedAccess,
    tenant: Tenant,
    authenticated: str,
    capability: str,
    is_exchanged: bool,
) -> LeadingClaims:
    claims = {
        **_client_claims(application, granted.version, authenticated),
        "oid": granted.service_principal_id,
        "sub": granted.service_principal_id,
    }
    if is_exchanged:  # the content of the claim is not public; its presence forbids another exchange
        claims["xms_ficinfo"] = "CAAQABgAIAAoADAA"
    if "idtyp" in granted.optional_claims:
        claims["idtyp"] = "app"
    if capability:
        claims["xms_cc"] = [capability]
    if granted.roles:
        claims["roles"] = list(granted.roles)
    return _build_leading_claims(provider, tenant, granted.version, granted.audience, claims)
