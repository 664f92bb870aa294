"""The token endpoint, v1 and v2. Each grant has one function.

Sources: MSAL.NET OAuthConstants.cs and TokenClient.cs, MSAL Python wstrust_response.py, ADAL Python
token_request.py, AADInternals, ROADtools; Entra documents of the password, client-credentials and on-behalf-of grants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec.structs import replace

from ssosim.entra.core.authentication import PASSWORD, authenticate_by
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import JSON_NO_STORE, Call, HttpReply, make_json_reply
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import RefreshTokenClaims, SealedTokenError
from ssosim.entra.core.settings import GRANTS_REFUSED_OVER_COMMON
from ssosim.entra.core.timestamps import format_xml_time
from ssosim.entra.oauth.access_grants import (
    GrantedAccess,
    check_not_for_itself,
    grant_app_access,
    grant_user_access,
)
from ssosim.entra.oauth.assertion import verify_assertion
from ssosim.entra.oauth.authorization_codes import redeem_code
from ssosim.entra.oauth.client_types import (
    as_client_type,
    authenticate_as,
    check_origin,
    fallback_client_type,
    has_credentials,
)
from ssosim.entra.oauth.device_code_flow import redeem_device_code
from ssosim.entra.oauth.national_clouds import refuse_code_of_other_cloud, refuse_confidential_client
from ssosim.entra.oauth.on_behalf_of import ON_BEHALF_OF, verify_user_assertion
from ssosim.entra.oauth.request_parameters import check_parameters
from ssosim.entra.oauth.requested_access import RequestedAccess, read_requested_access, require_parameter
from ssosim.entra.oauth.sign_in_rules import SignIn, check_sign_in, find_resource_tenant, read_policy_ids
from ssosim.entra.oauth.token_request import TokenRequest, read_token_form, read_token_request
from ssosim.entra.oauth.tokens import REFRESH_PURPOSE, AuthenticatedUser, issue_app_token, issue_user_tokens
from ssosim.entra.wstrust.passwords import check_cloud_password
from ssosim.estate import Tenant, User
from ssosim.estate.lenient_settings import LONGEST_REFRESH_TOKEN

__all__ = ["GRANTS", "handle_token_v1", "handle_token_v2"]


Grant = Callable[[Provider, Call, TokenRequest], HttpReply]


def handle_token_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """POST /{tenant}/oauth2/token."""
    return _handle_token(provider, call, captured[0], "1.0")


def handle_token_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:
    """POST /{tenant}/oauth2/v2.0/token."""
    return _handle_token(provider, call, captured[0], "2.0")


def _handle_token(provider: Provider, call: Call, tenant: str, version: TokenVersion) -> HttpReply:
    form = read_token_form(call, provider.settings)
    if form.get("grant_type") == "password" or form.get("password"):  # MSAL for Go sends it beside its assertion
        call.trace_buffer.auth = "password"
    refuse_confidential_client(provider, tenant, form, call.headers)
    request = read_token_request(provider.directory, version=version, tenant=tenant, form=form, headers=call.headers)
    grant = GRANTS.get(request.grant_type)
    if grant is None:
        raise AadstsError(70003, grant=request.grant_type[:128])
    check_parameters(provider.directory, form, version)
    if request.grant_type not in _GRANTS_THAT_CHECK_ORIGIN and call.headers.get("Origin"):
        raise AadstsError(9002326, origin=call.headers["Origin"][:128])
    # The lab has work accounts only.
    if request.authority == "consumers" and request.grant_type in _GRANTS_AFTER_SIGN_IN:
        raise AadstsError(500208)
    return grant(provider, call, request)


def _grant_saml(
    provider: Provider, call: Call, request: TokenRequest, name: Literal["saml1_1-bearer", "saml2-bearer"]
) -> HttpReply:
    _refuse_grant_over_common(provider, call, request, name)
    assertion = require_parameter(request.form, "assertion")
    request = authenticate_as(provider, call, request, fallback_client_type(request.application))
    access = _read_access(provider, request)
    subject = verify_assertion(provider, assertion, call.now, name)
    call.trace_buffer.note_not_checked(*subject.not_checked)
    if subject.is_issued_text:
        call.trace_buffer.sealed_field = "assertion"
    tenant = _find_tenant(provider, request, subject.user)
    authentication = authenticate_by(subject.method, subject.user, call.now)
    return _reply_to_user(
        provider, call, request, access, AuthenticatedUser(subject.user, tenant, authentication, name)
    )


def _grant_saml1(provider: Provider, call: Call, request: TokenRequest) -> HttpReply:
    return _grant_saml(provider, call, request, "saml1_1-bearer")


def _grant_saml2(provider: Provider, call: Call, request: TokenRequest) -> HttpReply:
    return _grant_saml(provider, call, request, "saml2-bearer")


def _grant_password(provider: Provider, call: Call, request: TokenRequest) -> HttpReply:
    _refuse_grant_over_common(provider, call, request, "password")
    username = require_parameter(request.form, "username").strip()
    password = require_parameter(request.form, "password")
    request = authenticate_as(provider, call, request, fallback_client_type(request.application))
    access = _read_access(provider, request)
    check_not_for_itself(provider, request.application, access)
    tenant = request.authority if isinstance(request.authority, Tenant) else None
    user = check_cloud_password(provider, tenant, username, password, in_password_grant=True)
    authentication = authenticate_by(PASSWORD, user, call.now)
    authenticated = AuthenticatedUser(user, provider.directory.find_home_tenant(user), authentication, "password")
    return _reply_to_user(provider, call, request, access, authenticated)


def _grant_refresh(provider: Provider, call: Call, request: TokenRequest) -> HttpReply:
    text = require_parameter(request.form, "refresh_token")
    try:
        claims = provider.sealer.open(REFRESH_PURPOSE, text, RefreshTokenClaims)
    except SealedTokenError:
        # invalid_grant: azure-docs issue 63819, MSAL for Android issue 558
        raise AadstsError(9002313, error="invalid_grant", reason="The refresh token is malformed.") from None
    call.trace_buffer.sealed_field = "refresh_token"
    client_type = as_client_type(claims.client_type)
    check_origin(call, client_type)
    request = authenticate_as(provider, call, request, client_type)
    if call.now >= claims.not_on_or_after:
        if client_type == "spa":
            raise AadstsError(700084, issued=format_xml_time(claims.issued), lifetime="1.00:00:00")
        days = provider.estate.cloud.refresh_token_lifetime // 86400
        raise AadstsError(700082, issued=format_xml_time(claims.issued), inactive=f"{days}.00:00:00")
    shared = claims.family and request.application.family
    if client_type != "spa" and call.now - claims.issued >= LONGEST_REFRESH_TOKEN:
        call.trace_buffer.note_not_checked("cloud.refresh_token_lifetime")
    if claims.client_id.lower() != request.application.client_id.lower() and not shared:
        raise AadstsError(70008, reason="It was issued to another client.")
    user = provider.directory.require_user_by_id(claims.subject, claims.tenant)
    tenant = _find_tenant(provider, request, user)
    access = _access_of_refresh(provider, request, claims)
    check_not_for_itself(provider, request.application, access)
    authenticated = AuthenticatedUser(user, tenant, claims.authentication, "refresh_token")
    _check_sign_in(provider, call, request, access, authenticated)
    granted = grant_user_access(provider, request.application, tenant, user, access)
    if provider.settings.single_use_refresh_tokens and not provider.replay_cache.record_use(
        claims.id, claims.not_on_or_after, call.now
    ):
        raise AadstsError(70008, reason="It has been used before.")
    return _reply_with_tokens(provider, call, request, granted, authenticated, sign_in=claims)


def _access_of_refresh(provider: Provider, request: TokenRequest, claims: RefreshTokenClaims) -> RequestedAccess:
    """Return the access of a refresh: as the request states it, else as granted before. It includes a refresh token."""
    stated = request.form.get("resource" if request.version == "1.0" else "scope", "").strip()
    if stated:
        access = _read_access(provider, request)
        return access if access.refresh_token else replace(access, refresh_token=True)
    return RequestedAccess(claims.resource, claims.scopes, "openid" in claims.scopes, refresh_token=True)


def _grant_client_credentials(provider: Provider, call: Call, request: TokenRequest) -> HttpReply:
    # An application without any credential that allows public flows is a public client.
    public = request.application.allow_public_client and not has_credentials(request.application)
    request = authenticate_as(
        provider, call, request, "public" if public and request.credential.presented else "confidential"
    )
    if not isinstance(request.authority, Tenant):
        raise AadstsError(50059)
    if request.version == "2.0" and not request.form.get("scope", "").strip():
        raise AadstsError(90014, name="scope")
    access = read_requested_access(request.form, request.version, provider.estate.cloud, several=True)
    if request.version == "1.0":
        check_not_for_itself(provider, request.application, access)
    kind = (request.application.client_id, request.authority.id, access.resource)
    if _is_loop(provider, kind, call.now):
        raise AadstsError(50196, status=429)
    granted = grant_app_access(provider, request.application, request.authority, access)
    body = issue_app_token(provider, request, granted, request.authority, call.trace_buffer, call.now)
    return make_json_reply(body, headers=JSON_NO_STORE)


def _grant_authorization_code(provider: Provider, call: Call, request: TokenRequest) -> HttpReply:
    refuse_code_of_other_cloud(provider, request.form.get("code", ""))
    request, granted, authenticated = redeem_code(provider, call, request)
    _check_sign_in(provider, call, request, granted.requested, authenticated)
    return _reply_with_tokens(provider, call, request, granted, authenticated)


def _grant_device_code(provider: Provider, call: Call, request: TokenRequest) -> HttpReply:
    request = authenticate_as(provider, call, request, fallback_client_type(request.application))
    granted, authenticated = redeem_device_code(provider, call, request)
    _check_sign_in(provider, call, request, granted.requested, authenticated)
    return _reply_with_tokens(provider, call, request, granted, authenticated)


def _grant_on_behalf_of(provider: Provider, call: Call, request: TokenRequest) -> HttpReply:
    request, user, authentication = verify_user_assertion(provider, call, request)
    authenticated = AuthenticatedUser(user, _find_tenant(provider, request, user), authentication, "on_behalf_of")
    return _reply_to_user(provider, call, request, _read_access(provider, request), authenticated)


GRANTS: dict[str, Grant] = {
    "authorization_code": _grant_authorization_code,
    "device_code": _grant_device_code,
    "urn:ietf:params:oauth:grant-type:device_code": _grant_device_code,
    "urn:ietf:params:oauth:grant-type:saml1_1-bearer": _grant_saml1,
    "urn:ietf:params:oauth:grant-type:saml2-bearer": _grant_saml2,
    "password": _grant_password,
    "refresh_token": _grant_refresh,
    "client_credentials": _grant_client_credentials,
    ON_BEHALF_OF: _grant_on_behalf_of,
}


_GRANTS_THAT_CHECK_ORIGIN = ("authorization_code", "refresh_token")
"""The grants that a single-page application may use: their functions check ``Origin`` against the type of client."""

_GRANTS_AFTER_SIGN_IN = frozenset(
    name
    for name, grant in GRANTS.items()
    if grant in (_grant_authorization_code, _grant_device_code, _grant_refresh, _grant_on_behalf_of)
)
"""The grants of a user who has signed in before. The functions of the other grants refuse ``consumers`` themselves."""


def _refuse_grant_over_common(provider: Provider, call: Call, request: TokenRequest, name: str) -> None:
    shared = request.authority
    over_common = shared == "common" and request.version == "2.0"
    if shared == "consumers" or (over_common and name in provider.settings.grants_refused_over_common):
        raise AadstsError(9001023)
    if over_common and name in GRANTS_REFUSED_OVER_COMMON:
        call.trace_buffer.note_not_checked("settings.grants_refused_over_common")


def _find_tenant(provider: Provider, request: TokenRequest, user: User) -> Tenant:
    wanted = request.authority if isinstance(request.authority, Tenant) else None
    return find_resource_tenant(provider, wanted, user, request.application)


def _check_sign_in(
    provider: Provider, call: Call, request: TokenRequest, access: RequestedAccess, authenticated: AuthenticatedUser
) -> None:
    """Check the rules of the tenant, and that the client does not loop (AADSTS50196, status 400)."""
    user = authenticated.user
    if provider.estate.cloud.request_loop_limit:
        client_id, scopes = request.application.client_id, " ".join(access.scopes)
        if _is_loop(provider, (client_id, user.object_id, access.resource, scopes, request.grant_type), call.now):
            raise AadstsError(50196)
    sign_in = SignIn(
        user,
        authenticated.tenant,
        request.application,
        access.resource,
        authenticated.authentication,
        request.client_type,
        request.version,
        refreshes=request.grant_type == "refresh_token",
        required_policies=(*authenticated.policies, *read_policy_ids(request.form.get("claims", ""))),
    )
    check_sign_in(provider, call, sign_in)


def _is_loop(provider: Provider, request: tuple[str, ...], now: float) -> bool:
    cloud = provider.estate.cloud
    limit = cloud.request_loop_limit
    return limit > 0 and provider.loops.is_loop(request, now, limit=limit, window=cloud.request_loop_window)


def _read_access(provider: Provider, request: TokenRequest) -> RequestedAccess:
    """Read the access that a request must state. Only a code, a refresh and client credentials of v1 need no resource.

    Sources: azure-docs issues 46696 and 101261 (password); for assertions unconfirmed.
    """
    if request.version == "1.0":
        require_parameter(request.form, "resource")
    return read_requested_access(request.form, request.version, provider.estate.cloud)


def _reply_to_user(
    provider: Provider, call: Call, request: TokenRequest, access: RequestedAccess, authenticated: AuthenticatedUser
) -> HttpReply:
    _check_sign_in(provider, call, request, access, authenticated)
    granted = grant_user_access(provider, request.application, authenticated.tenant, authenticated.user, access)
    return _reply_with_tokens(provider, call, request, granted, authenticated)


def _reply_with_tokens(
    provider: Provider,
    call: Call,
    request: TokenRequest,
    granted: GrantedAccess,
    authenticated: AuthenticatedUser,
    sign_in: RefreshTokenClaims | None = None,
) -> HttpReply:
    """Return the tokens; ``sign_in`` is the refresh token that stands for an earlier sign-in."""
    body = issue_user_tokens(provider, request, granted, authenticated, call.trace_buffer, call.now, sign_in)
    return make_json_reply(body, headers=JSON_NO_STORE)
