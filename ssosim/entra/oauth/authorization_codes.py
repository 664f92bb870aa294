"""The state of sign-in pages (flows) and authorization codes, both as sealed tokens, and the redemption of codes.

Sources: Entra auth-code document (parameters, ten minutes), RFC 7636 (PKCE), RFC 9700 section 2.1.1 (no downgrade).
"""

from __future__ import annotations

import hashlib
import hmac
import re

import msgspec
from msgspec.structs import replace

from ssosim.entra.core.authentication import Authentication
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.jose import encode_base64url
from ssosim.entra.core.messages import Call, make_guid
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import SealedTokenError
from ssosim.entra.oauth.access_grants import GrantedAccess, grant_user_access
from ssosim.entra.oauth.client_types import as_client_type, authenticate_as, check_origin
from ssosim.entra.oauth.requested_access import (
    RequestedAccess,
    list_resources,
    read_requested_access,
    read_scopes,
    require_parameter,
)
from ssosim.entra.oauth.sign_in_rules import find_resource_tenant
from ssosim.entra.oauth.token_request import ClientType, TokenRequest
from ssosim.entra.oauth.tokens import AuthenticatedUser
from ssosim.estate import Tenant, User

__all__ = [
    "CODE_LIFETIME",
    "FLOW_LIFETIME",
    "AuthorizationCodeClaims",
    "Canary",
    "SignInFlow",
    "check_challenge",
    "compute_challenge",
    "is_code",
    "issue_code",
    "redeem_code",
]  # fmt: skip

CODE_LIFETIME = 600
"""Seconds that a code is valid: "about 10 minutes" (Entra auth-code document)."""
FLOW_LIFETIME = 3600
"""Seconds that a sign-in page may stay open. The value is chosen here; that of the real service is unconfirmed."""

_CODE = "authorization-code"  # purpose of sealed codes
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")  # RFC 7636, sections 4.1 and 4.2
_S256_LENGTH = 43  # base64url of 32 bytes without padding (RFC 7636, section 4.2)


class SignInFlow(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in in progress, as its page carries it (``sFT``): the request of the application, and the browser.

    ``browser`` is the value of the cookie that the post of the page must have. ``user_code`` is set if the sign-in is
    for a device code, which has no redirect address. ``issued`` is in seconds since the Unix epoch. ``policies`` are
    the ids of the policies in the claims challenge that the request answers. ``instance_aware``: the response
    names the cloud that issued it. ``fresh``: the user must sign in anew (``prompt=login``). ``max_age``: seconds since
    the user signed in, at most; None for any.
    """

    id: str
    browser: str
    authority: str
    version: str
    client_id: str
    resource: str
    scopes: tuple[str, ...]
    issued: int
    redirect_uri: str = ""
    response_mode: str = "query"
    state: str | None = None
    challenge: str = ""
    challenge_method: str = ""
    nonce: str = ""
    client_info: bool = False
    login_hint: str = ""
    user_code: str = ""
    policies: tuple[str, ...] = ()
    instance_aware: bool = False
    fresh: bool = False
    max_age: int | None = None


class Canary(msgspec.Struct, frozen=True, array_like=True):
    """Binds a page to its flow and its browser, so that another site cannot post the form (CSRF)."""

    flow: str
    browser: str


class AuthorizationCodeClaims(msgspec.Struct, frozen=True, array_like=True):
    """The claims of an authorization code. Times are in seconds since the Unix epoch.

    ``dated``: the id token says when the user signed in.
    """

    id: str
    subject: str
    client_id: str
    redirect_uri: str
    resource: str
    scopes: tuple[str, ...]
    challenge: str
    challenge_method: str
    nonce: str
    not_on_or_after: int
    authentication: Authentication
    client_type: str
    policies: tuple[str, ...]
    dated: bool


def compute_challenge(verifier: str, method: str) -> str:
    """Compute the code challenge of ``verifier``; ``method`` is ``S256`` or ``plain`` (RFC 7636, section 4.2)."""
    return encode_base64url(hashlib.sha256(verifier.encode()).digest()) if method == "S256" else verifier


def check_challenge(challenge: str, method: str) -> str:
    """Return the challenge method of an authorization request: ``plain`` if it names none, ``""`` without a challenge.

    Raises AadstsError 9002313 for a method without a challenge, 50149 for an unknown one, 501491 for a challenge of
    wrong size: that of SHA-256 has 43 characters, without padding (org-outlook issue 6).
    """
    if not challenge:
        if method:
            raise AadstsError(9002313, reason="A code_challenge_method came without a code_challenge.")
        return ""
    if method not in ("", "S256", "plain"):
        raise AadstsError(50149)
    if not _VERIFIER.match(challenge) or (method == "S256" and len(challenge) != _S256_LENGTH):
        raise AadstsError(501491)
    return method or "plain"


def issue_code(
    provider: Provider,
    flow: SignInFlow,
    user: User,
    authentication: Authentication,
    now: float,
    client_type: ClientType,
) -> str:
    """Issue a code for the request in ``flow`` to ``user``, who has authenticated.

    ``client_type`` is that of the redirect URI.
    """
    claims = AuthorizationCodeClaims(
        id=make_guid(),
        subject=user.object_id,
        client_id=flow.client_id,
        redirect_uri=flow.redirect_uri,
        resource=flow.resource,
        scopes=flow.scopes,
        challenge=flow.challenge,
        challenge_method=flow.challenge_method,
        nonce=flow.nonce,
        not_on_or_after=int(now) + CODE_LIFETIME,
        authentication=authentication,
        client_type=client_type,
        policies=flow.policies,
        dated=flow.max_age is not None,
    )
    return provider.sealer.seal(_CODE, claims)


def is_code(provider: Provider, text: str) -> bool:
    """Whether ``provider`` has issued the authorization code ``text``, valid or not."""
    return provider.sealer.find_purpose(text, (_CODE,)) is not None


def redeem_code(
    provider: Provider, call: Call, request: TokenRequest
) -> tuple[TokenRequest, GrantedAccess, AuthenticatedUser]:
    """Redeem the code of a token request. A code can be redeemed once.

    Also returns the request with its client authenticated as the type of the redirect URI demands. Raises AadstsError:
    900144 (parameter missing), 9002313 (not a code), 70008 (expired, of another client), 500112 (another redirect
    address), 9002325 (a single-page application without PKCE), 501481 (PKCE), 28003 (no scope for a code of several
    resources), 54005 (used), 50034 and 50020 (the user); those of ``client_types`` and ``access_grants``. A request
    that is refused for its parameters does not use up the code, so somebody who has seen the code cannot invalidate it.
    """
    text = require_parameter(request.form, "code")
    try:
        claims = provider.sealer.open(_CODE, text, AuthorizationCodeClaims)
    except SealedTokenError:
        # invalid_grant: dnn.azureadprovider issue 112
        raise AadstsError(9002313, error="invalid_grant", reason="The authorization code is malformed.") from None
    if call.now >= claims.not_on_or_after:
        raise AadstsError(70008, reason="It has expired.")
    if claims.client_id.lower() != request.application.client_id.lower():
        raise AadstsError(70008, reason="It was issued to another client.")
    client_type = as_client_type(claims.client_type)
    check_origin(call, client_type)
    request = authenticate_as(provider, call, request, client_type)
    given = request.form.get("redirect_uri", "")
    if not given:
        raise AadstsError(700009)
    if given != claims.redirect_uri:
        raise AadstsError(500112, given=given[:256])
    if client_type == "spa" and not claims.challenge:
        raise AadstsError(9002325)
    _check_verifier(claims, request.form.get("code_verifier", ""))
    user = provider.directory.require_user_by_id(claims.subject)
    wanted = request.authority if isinstance(request.authority, Tenant) else None
    tenant = find_resource_tenant(provider, wanted, user, request.application)
    access = _access_of_code(provider, request, claims)
    granted = grant_user_access(provider, request.application, tenant, user, access)
    if not provider.replay_cache.record_use(claims.id, claims.not_on_or_after, call.now):
        raise AadstsError(54005)
    return (
        request,
        granted,
        AuthenticatedUser(
            user,
            tenant,
            claims.authentication,
            "authorization_code",
            nonce=claims.nonce,
            policies=claims.policies,
            dated=claims.dated,
        ),
    )


def _check_verifier(claims: AuthorizationCodeClaims, verifier: str) -> None:
    if not claims.challenge:
        if verifier:  # the challenge has been removed from the authorization request (downgrade)
            raise AadstsError(501481)
        return
    fits = _VERIFIER.match(verifier) is not None
    if not fits or not hmac.compare_digest(compute_challenge(verifier, claims.challenge_method), claims.challenge):
        raise AadstsError(501481)


def _access_of_code(provider: Provider, request: TokenRequest, claims: AuthorizationCodeClaims) -> RequestedAccess:
    """Return the access as stated in the token request, else as in the authorization request.

    A refresh token is issued if both requests have ``offline_access``; in v1, which has no scopes, always, but
    not for a code of v2 without ``offline_access`` (OpenID Connect Core, section 11; what the real service does is
    unconfirmed).
    """
    cloud = provider.estate.cloud
    stated = request.form.get("resource" if request.version == "1.0" else "scope", "").strip()
    if request.version == "1.0":
        form = {"resource": stated or claims.resource}
        access = read_requested_access(form, request.version, cloud)
        return access if not claims.scopes else replace(access, refresh_token="offline_access" in claims.scopes)
    consented = "offline_access" in claims.scopes
    if stated:
        access = read_requested_access(request.form, request.version, cloud)
    elif claims.scopes:
        access = read_scopes(claims.scopes, cloud, several=True)
        if len(list_resources(access, cloud)) > 1:
            raise AadstsError(28003)
    else:
        access = RequestedAccess(claims.resource, (), id_token=False, refresh_token=False)
    return replace(access, refresh_token=access.refresh_token and consented)
