"""What sign-in pages carry and give out: flows and authorization codes, sealed, and what a code is redeemed for.

Sources: Entra auth-code document (parameters, ten minutes), RFC 7636 (PKCE), RFC 9700 section 2.1.1 (no downgrade).
"""

from __future__ import annotations

import hashlib
import hmac
import re

import msgspec

from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.jose import b64url
from ssosim.entra.core.messages import Call, new_guid
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.sealed_tokens import SealBrokenError
from ssosim.entra.oauth.token_request import TokenRequest, Wanted, read_wanted, required
from ssosim.entra.oauth.tokens import Earned
from ssosim.estate import Tenant, User

__all__ = ["CODE_LIFETIME", "FLOW_LIFETIME", "Canary", "CodeGrant", "Flow", "challenge_of", "check_challenge",
           "issue_code", "redeem_code"]  # fmt: skip

CODE_LIFETIME = 600
"""Seconds that a code is good for: "about 10 minutes" (Entra auth-code document)."""
FLOW_LIFETIME = 3600
"""Seconds that a sign-in page may stay open. Ours; the real figure is unconfirmed."""

_CODE = "authorization-code"  # purpose of sealed codes
_VERIFIER = re.compile(r"[A-Za-z0-9._~-]{43,128}\Z")  # RFC 7636, sections 4.1 and 4.2


class Flow(msgspec.Struct, frozen=True, kw_only=True):
    """A sign-in in progress, as its page carries it (``sFT``): what was asked for, and by which browser.

    ``browser`` is the value of the cookie that must come back with the page; ``user_code`` is set when the sign-in is
    for a device code, which has no redirect. ``issued`` is in seconds since the Unix epoch.
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


class Canary(msgspec.Struct, frozen=True, array_like=True):
    """What binds one page to its flow and its browser, so that no other site can post the form."""

    flow: str
    browser: str


class CodeGrant(msgspec.Struct, frozen=True, array_like=True):
    """What an authorization code says. Times in seconds since the Unix epoch."""

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
    method: str


def challenge_of(verifier: str, method: str) -> str:
    """The code challenge of ``verifier``; ``method`` is ``S256`` or ``plain`` (RFC 7636, section 4.2)."""
    return b64url(hashlib.sha256(verifier.encode()).digest()) if method == "S256" else verifier


def check_challenge(challenge: str, method: str) -> str:
    """The method in force for an authorization request's challenge, ``""`` without one; ``plain`` when none is named.

    Raises Refusal 9002313 for an unknown method or one without a challenge, 501491 for a challenge of wrong size.
    """
    if not challenge:
        if method:
            raise Refusal(9002313, reason="A code_challenge_method came without a code_challenge.")
        return ""
    if method not in ("", "S256", "plain"):
        raise Refusal(9002313, reason="The code_challenge_method is not known: S256 and plain are.")
    if not _VERIFIER.match(challenge):
        raise Refusal(501491)
    return method or "plain"


def issue_code(provider: Provider, flow: Flow, user: User, method: str, now: float) -> str:
    """A code for what ``flow`` asked for, earned by ``user`` who proved it by ``method``."""
    grant = CodeGrant(
        id=new_guid(),
        subject=user.object_id,
        client_id=flow.client_id,
        redirect_uri=flow.redirect_uri,
        resource=flow.resource,
        scopes=flow.scopes,
        challenge=flow.challenge,
        challenge_method=flow.challenge_method,
        nonce=flow.nonce,
        not_on_or_after=int(now) + CODE_LIFETIME,
        method=method,
    )
    return provider.seal.close(_CODE, grant)


def redeem_code(provider: Provider, call: Call, request: TokenRequest) -> tuple[Wanted, Earned]:
    """What the code of a token request earns, once.

    Raises Refusal: 900144 (parameter missing), 9002313 (not a code), 70008 (expired, of another client), 500112
    (another redirect address), 501481 (PKCE), 54005 (used), 50034 and 50057 (the user). A code survives a request that
    is refused for its parameters, so that a stranger who saw it cannot spend it.
    """
    text = required(request.form, "code").strip()
    try:
        grant = provider.seal.open(_CODE, text, CodeGrant)
    except SealBrokenError:
        raise Refusal(9002313, reason="The authorization code is malformed.") from None
    if call.now >= grant.not_on_or_after:
        raise Refusal(70008, reason="It has expired.")
    if grant.client_id.lower() != request.application.client_id.lower():
        raise Refusal(70008, reason="It was issued to another client.")
    if required(request.form, "redirect_uri").strip() != grant.redirect_uri:
        raise Refusal(500112, given=request.form["redirect_uri"][:256])
    _check_verifier(grant, request.form.get("code_verifier", ""))
    user = provider.directory.user_by_id(grant.subject)
    if user is None:
        raise Refusal(50034, user=grant.subject, tenant="")
    if not user.enabled:
        raise Refusal(50057)
    home = provider.directory.home(user)
    if isinstance(request.authority, Tenant) and request.authority.id != home.id:
        raise Refusal(50034, user=user.upn, tenant=request.authority.id)
    wanted = _wanted(request, grant)
    if not provider.used.first_use(grant.id, grant.not_on_or_after, call.now):
        raise Refusal(54005)
    earned = Earned(user, home, grant.method, "authorization_code", grant.nonce)
    return wanted, earned


def _check_verifier(grant: CodeGrant, verifier: str) -> None:
    if not grant.challenge:
        if verifier:  # somebody has taken the challenge out of the authorization request
            raise Refusal(501481)
        return
    fits = _VERIFIER.match(verifier) is not None
    if not fits or not hmac.compare_digest(challenge_of(verifier, grant.challenge_method), grant.challenge):
        raise Refusal(501481)


def _wanted(request: TokenRequest, grant: CodeGrant) -> Wanted:
    """As stated in the token request, else as in the authorization request.

    A refresh token comes only when ``offline_access`` stood in both, or always in v1, which has no scopes.
    """
    stated = request.form.get("resource" if request.version == "1.0" else "scope", "").strip()
    if request.version == "1.0":
        resource = stated or grant.resource
        return Wanted(resource, ("user_impersonation",), id_token=True, refresh_token=True)
    consented = "offline_access" in grant.scopes
    if not stated:
        return Wanted(grant.resource, grant.scopes, "openid" in grant.scopes, refresh_token=consented)
    wanted = read_wanted(request.form, request.version)
    return Wanted(wanted.resource, wanted.scopes, wanted.id_token, wanted.refresh_token and consented)
