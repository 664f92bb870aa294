"""The token endpoint, v1 and v2: one function a grant.

Sources: MSAL.NET OAuthConstants.cs and TokenClient.cs, MSAL Python wstrust_response.py, ADAL Python
token_request.py, AADInternals, ROADtools; Entra documents of the password and client-credentials grants.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.messages import Answer, Call, json_answer
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import RefreshGrant, SealBrokenError
from ssosim.entra.core.timestamps import xml_time
from ssosim.entra.oauth.assertion import verify_assertion
from ssosim.entra.oauth.authorization_codes import redeem_code
from ssosim.entra.oauth.device_code_flow import redeem_device_code
from ssosim.entra.oauth.token_request import TokenRequest, Wanted, read_request, read_token_form, read_wanted, required
from ssosim.entra.oauth.tokens import REFRESH, Earned, app_token, user_tokens
from ssosim.entra.wstrust.passwords import check_cloud_password, mfa_claims
from ssosim.estate import Tenant, User

__all__ = ["GRANTS", "token_v1", "token_v2"]

_NO_STORE = (("Cache-Control", "no-store"), ("Pragma", "no-cache"))
_PASSWORD = "urn:oasis:names:tc:SAML:1.0:am:password"  # noqa: S105  a URI, not a password

Grant = Callable[[Provider, Call, TokenRequest], Answer]


def token_v1(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """POST /{tenant}/oauth2/token."""
    return _token(provider, call, captured[0], "1.0")


def token_v2(provider: Provider, call: Call, captured: tuple[str, ...]) -> Answer:
    """POST /{tenant}/oauth2/v2.0/token."""
    return _token(provider, call, captured[0], "2.0")


def _token(provider: Provider, call: Call, tenant: str, version: TokenVersion) -> Answer:
    form = read_token_form(call, provider.settings)
    if form.get("grant_type") == "password" or form.get("password"):  # MSAL for Go sends it beside its assertion
        call.journal.auth = "password"
    request = read_request(provider.directory, version=version, tenant=tenant, form=form, headers=call.headers)
    grant = GRANTS.get(request.grant_type)
    if grant is None:
        raise Refusal(70003, grant=request.grant_type[:128])
    if request.authority == "consumers" and request.grant_type in _OF_ACCOUNTS:  # all accounts of the lab are of work
        raise Refusal(500208)
    return grant(provider, call, request)


def _saml(
    provider: Provider, call: Call, request: TokenRequest, name: Literal["saml1_1-bearer", "saml2-bearer"]
) -> Answer:
    _refuse_over_common(provider, request, name)
    assertion = required(request.form, "assertion")
    wanted = read_wanted(request.form, request.version)
    proven = verify_assertion(provider, assertion, call.now, name)
    tenant = _home_in(provider, request, proven.user)
    _require_one_factor(proven.user, wanted, request.version)
    return _give(provider, call, request, wanted, Earned(proven.user, tenant, proven.method, name))


def _saml1(provider: Provider, call: Call, request: TokenRequest) -> Answer:
    return _saml(provider, call, request, "saml1_1-bearer")


def _saml2(provider: Provider, call: Call, request: TokenRequest) -> Answer:
    return _saml(provider, call, request, "saml2-bearer")


def _password(provider: Provider, call: Call, request: TokenRequest) -> Answer:
    _refuse_over_common(provider, request, "password")
    username = required(request.form, "username").strip()
    password = required(request.form, "password")
    wanted = read_wanted(request.form, request.version)
    tenant = request.authority if isinstance(request.authority, Tenant) else None
    user = check_cloud_password(provider.estate, provider.directory, tenant, username, password)
    _require_one_factor(user, wanted, request.version)
    earned = Earned(user, provider.directory.home(user), _PASSWORD, "password")
    return _give(provider, call, request, wanted, earned)


def _refresh(provider: Provider, call: Call, request: TokenRequest) -> Answer:
    text = required(request.form, "refresh_token").strip()
    try:
        grant = provider.seal.open(REFRESH, text, RefreshGrant)
    except SealBrokenError:
        raise Refusal(9002313, reason="The refresh token is malformed.") from None
    if call.now >= grant.not_on_or_after:
        days = provider.estate.cloud.refresh_token_lifetime // 86400
        raise Refusal(700082, issued=xml_time(grant.issued), inactive=f"{days}.00:00:00")
    shared = grant.family and request.application.family
    if grant.client_id.lower() != request.application.client_id.lower() and not shared:
        raise Refusal(70008, reason="It was issued to another client.")
    user = provider.directory.user_by_id(grant.subject)
    if user is None:
        raise Refusal(50034, user=grant.subject, tenant=grant.tenant)
    if not user.enabled:
        raise Refusal(50057)
    tenant = _home_in(provider, request, user)
    wanted = _wanted_again(request, grant)
    if provider.settings.rotate_strictly and not provider.used.first_use(grant.id, grant.not_on_or_after, call.now):
        raise Refusal(70008, reason="It has been used before.")
    return _give(provider, call, request, wanted, Earned(user, tenant, grant.method, "refresh_token"))


def _wanted_again(request: TokenRequest, grant: RefreshGrant) -> Wanted:
    """What a refresh asks for: as stated, else as granted before. A new refresh token always comes with it."""
    stated = request.form.get("resource" if request.version == "1.0" else "scope", "").strip()
    if stated:
        wanted = read_wanted(request.form, request.version)
        return Wanted(wanted.resource, wanted.scopes, wanted.id_token, refresh_token=True)
    return Wanted(grant.resource, grant.scopes, "openid" in grant.scopes, refresh_token=True)


def _client_credentials(provider: Provider, call: Call, request: TokenRequest) -> Answer:
    if not request.confidential:
        raise Refusal(7000218)
    if not isinstance(request.authority, Tenant):
        raise Refusal(50059)
    wanted = read_wanted(request.form, request.version)
    if request.version == "2.0" and any(not scope.endswith("/.default") for scope in wanted.scopes):
        raise Refusal(70011, reason="Client credentials need one scope that ends in /.default.")
    body = app_token(provider, request, wanted, request.authority, call.journal, call.now)
    return json_answer(body, headers=_NO_STORE)


def _authorization_code(provider: Provider, call: Call, request: TokenRequest) -> Answer:
    return _give(provider, call, request, *redeem_code(provider, call, request))


def _device_code(provider: Provider, call: Call, request: TokenRequest) -> Answer:
    return _give(provider, call, request, *redeem_device_code(provider, call, request))


GRANTS: dict[str, Grant] = {
    "authorization_code": _authorization_code,
    "device_code": _device_code,
    "urn:ietf:params:oauth:grant-type:device_code": _device_code,
    "urn:ietf:params:oauth:grant-type:saml1_1-bearer": _saml1,
    "urn:ietf:params:oauth:grant-type:saml2-bearer": _saml2,
    "password": _password,
    "refresh_token": _refresh,
    "client_credentials": _client_credentials,
}


_OF_ACCOUNTS = frozenset(
    name for name, grant in GRANTS.items() if grant in (_authorization_code, _device_code, _refresh)
)
"""Grants of an account that has signed in before; those that bring its proof along have a refusal of their own."""


def _refuse_over_common(provider: Provider, request: TokenRequest, name: str) -> None:
    shared = request.authority
    over_common = shared == "common" and request.version == "2.0" and name in provider.settings.refused_over_common
    if shared == "consumers" or over_common:
        raise Refusal(9001023)


def _home_in(provider: Provider, request: TokenRequest, user: User) -> Tenant:
    home = provider.directory.home(user)
    if isinstance(request.authority, Tenant) and request.authority.id != home.id:
        raise Refusal(50034, user=user.upn, tenant=request.authority.id)
    return home


def _require_one_factor(user: User, wanted: Wanted, version: TokenVersion) -> None:
    if user.mfa_required:
        key = "polids" if version == "1.0" else "capolids"
        raise Refusal(50076, resource=wanted.resource, claims=mfa_claims(key))


def _give(provider: Provider, call: Call, request: TokenRequest, wanted: Wanted, earned: Earned) -> Answer:
    body = user_tokens(provider, request, wanted, earned, call.journal, call.now)
    return json_answer(body, headers=_NO_STORE)
