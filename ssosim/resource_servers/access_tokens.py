"""Validate the access token of a request to a resource server: every check that its documentation demands.

Theory of operation. ``check_access_token`` reads the token in the header field Authorization and returns its
``Caller``, or raises ``TokenRefusedError`` with the first check that failed. The order: one token in the header, form,
signature, version and issuer, audience, dates, kind, revocation. An answer of a server is therefore never "yes" by
accident: a token that no check names is a token that all checks have passed.

- The signature is RS256 by the provider's key; the algorithm ``none``, and any other one, is not looked at further.
- The issuer must be the one of the token's version and tenant, and the resource server names the versions that it
  takes. An access token for an API of Microsoft has version 1.0, whatever endpoint issued it.
- The audience is compared as a whole, with its last slash: servers differ in which spellings they take.
- There is no clock skew at the end: Azure Resource Manager has refused tokens 11 and 18 seconds after their end
  (hashicorp/terraform-provider-azurerm issue 20867, OctopusDeploy/Issues issue 2439).
- A token has delegated permissions (``scp``, of a user) or none (of an application); both or neither identity is
  refused.
- Continuous access evaluation: a client that has declared ``cp1`` is told at once that its user was disabled, has a
  new password, or that the sessions were revoked. Others keep their token until it ends.

Sources: Entra documents "Access tokens" (validation), "Claims challenge", "Continuous access evaluation"; RFC 6750,
sections 2.1 and 3.1; RFC 8725, sections 3.1 and 3.9.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

from ssosim.entra import Call, Provider
from ssosim.entra.core.jose import encode_base64url
from ssosim.entra.core.jwt_reader import JwtError, SignedJwt, read_date, read_jwt
from ssosim.entra.core.messages import list_fields
from ssosim.entra.core.openid_discovery import TokenVersion, issuer_of
from ssosim.entra.oauth.client_assertion import verify_signature
from ssosim.entra.oauth.own_tokens import find_old_token
from ssosim.entra.oauth.sign_in_rules import MANDATORY_MFA
from ssosim.entra.oauth.tokens import BACKDATING, CLAIMS_CHALLENGES, compute_digest
from ssosim.estate import Tenant
from ssosim.trace import AccessTokenChecked

__all__ = [
    "USER_IMPERSONATION",
    "Caller",
    "RefusalReason",
    "Requirements",
    "TokenRefusedError",
    "check_access_token",
]

USER_IMPERSONATION = frozenset({"user_impersonation"})
"""The one scope of Azure Resource Manager, Key Vault and Azure Storage."""

RefusalReason = Literal[
    "missing",
    "malformed",
    "signature",
    "version",
    "issuer",
    "audience",
    "expired",
    "not_yet_valid",
    "kind",
    "scope",
    "revoked",
    "second_factor",
]
"""Which check refused a token."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")


class TokenRefusedError(Exception):
    """The token was refused. ``found`` is what the token has in the place of what was expected.

    ``tenant_id`` is that of the token, where it is known. ``claims`` is the claims challenge in base64, for a revoked
    token.
    """

    def __init__(self, reason: RefusalReason, text: str, *, found: str = "", expires: float = 0.0, claims: str = ""):
        super().__init__(text)
        self.reason = reason
        self.text = text
        self.found = found
        self.expires = expires
        self.claims = claims


@dataclass(frozen=True, slots=True)
class Caller:
    """Whom an accepted token stands for.

    ``object_id`` is that of the user or of the service principal in ``tenant``. ``scopes`` are delegated permissions of
    a user; an application has none. ``roles`` are application roles. ``name`` is for messages. ``methods`` are those by
    which a user has authenticated (``amr``).
    """

    object_id: str
    tenant: Tenant
    client_id: str
    kind: Literal["user", "app"]
    scopes: frozenset[str]
    roles: frozenset[str]
    name: str
    issuer: str
    methods: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Requirements:
    """What a resource server takes.

    ``audiences`` are the values of ``aud``, letter by letter. ``tenant_id``: the only tenant whose tokens are taken;
    None for any tenant of the estate. ``scopes``: a token of a user must have one of them; none: the server looks at
    scopes itself. ``second_factor``: whether a user must have signed in with one;
    ``not_checked``: a user must, but a setting of the lab has switched the rule off.
    """

    audiences: Collection[str]
    tenant_id: str | None = None
    scopes: frozenset[str] = frozenset()
    versions: tuple[TokenVersion, ...] = ("1.0",)
    second_factor: Literal["", "required", "not_checked"] = ""


def check_access_token(provider: Provider, call: Call, wanted: Requirements) -> Caller:
    """Return whom the token of ``call`` stands for, and record the check; raises TokenRefusedError."""
    seen = _Seen()
    try:
        caller = _check(provider, call, wanted, seen)
    except TokenRefusedError as error:
        if error.reason != "missing":
            _record(call, seen, error.text, accepted=False)
        raise
    _record(call, seen, "", accepted=True)
    return caller


@dataclass(slots=True)
class _Seen:
    """What is known of a token so far: nothing of one that is not the provider's own."""

    audience: str = ""
    subject: str = ""
    client_id: str = ""
    digest: str = ""


def _record(call: Call, seen: _Seen, reason: str, *, accepted: bool) -> None:
    call.trace_buffer.auth = "bearer"
    call.trace_buffer.events.append(
        AccessTokenChecked(
            resource=call.host[:253],
            accepted=accepted,
            reason=reason,
            audience=seen.audience[:256],
            subject=seen.subject,
            client_id=seen.client_id,
            digest=seen.digest,
            not_checked=call.trace_buffer.not_checked if accepted else (),
        )
    )


def _check(provider: Provider, call: Call, wanted: Requirements, seen: _Seen) -> Caller:
    text = _read_header(call)
    token = _verify(provider, text)
    seen.digest = compute_digest(text)
    claims = token.claims
    seen.audience, seen.subject = str(claims.get("aud", "")), str(claims.get("oid", ""))
    version, tenant = _check_issuer(provider, token, wanted)
    client_id = claims.get("appid" if version == "1.0" else "azp")
    seen.client_id = client_id if isinstance(client_id, str) else ""
    audience = claims.get("aud")
    if not isinstance(audience, str) or audience not in wanted.audiences:
        raise TokenRefusedError("audience", f"the audience is {str(audience)[:256]}", found=str(audience)[:256])
    try:
        _check_dates(token, call.now)
    except TokenRefusedError as refused:
        call.trace_buffer.refused_date = refused.reason in {"expired", "not_yet_valid"}
        raise
    caller = _read_caller(provider, token, tenant, seen.client_id)
    if caller.kind == "user" and wanted.scopes and not wanted.scopes & caller.scopes:
        raise TokenRefusedError("scope", f"it has none of the scopes {', '.join(sorted(wanted.scopes))}")
    _check_revocation(provider, token, caller)
    lacks_factor = bool(wanted.second_factor) and caller.kind == "user" and "mfa" not in caller.methods
    if lacks_factor and wanted.second_factor == "required":
        challenge = {"access_token": {"acrs": {"essential": True, "values": [MANDATORY_MFA]}}}
        text = "the user has signed in without a second factor"
        raise TokenRefusedError("second_factor", text, claims=_encode_challenge(challenge))
    if lacks_factor:
        call.trace_buffer.note_not_checked("resource_manager.mandatory_mfa")
    call.trace_buffer.note_not_checked(*find_old_token(read_date(claims, "nbf") or 0.0, call.now))
    return caller


def _read_header(call: Call) -> str:
    """Return the one token in the header field; a token in the query or the body is no token (RFC 9700, 4.3.2)."""
    fields = [field for field in list_fields(call.headers, "Authorization") if field.strip()]
    if not fields:
        raise TokenRefusedError("missing", "there is no header field Authorization")
    scheme, _, text = fields[0].strip().partition(" ")
    if scheme.lower() != "bearer":
        raise TokenRefusedError("missing", "the scheme of the header field Authorization is not Bearer")
    if len(fields) > 1:
        raise TokenRefusedError("malformed", "there are two header fields Authorization")
    text = text.strip()
    if not _TOKEN.fullmatch(text):
        raise TokenRefusedError("malformed", "the bearer token is empty or has characters that no token has")
    return text


def _verify(provider: Provider, text: str) -> SignedJwt:
    key = provider.keys.cloud
    try:
        token = read_jwt(text)
    except JwtError as error:
        raise TokenRefusedError("malformed", f"it is no JSON Web Token: {error}") from None
    algorithm = token.header.get("alg")
    if algorithm != "RS256":
        raise TokenRefusedError("signature", f"the algorithm is {str(algorithm)[:16]}, not RS256")
    if token.header.get("kid") != key.key_id:
        raise TokenRefusedError("signature", "it names a key that the issuer does not have")
    if not verify_signature(token, key.private.public_key()):
        raise TokenRefusedError("signature", "the signature is not that of the issuer's key")
    return token


def _check_issuer(provider: Provider, token: SignedJwt, wanted: Requirements) -> tuple[TokenVersion, Tenant]:
    claims = token.claims
    version: TokenVersion = "2.0" if claims.get("ver") == "2.0" else "1.0"
    issuer, tenant_id = claims.get("iss"), claims.get("tid")
    if claims.get("ver") not in wanted.versions:
        found = str(issuer)[:256]
        raise TokenRefusedError("version", f"tokens of version {str(claims.get('ver'))[:8]} are not taken", found=found)
    tenant = provider.directory.find_tenant(tenant_id) if isinstance(tenant_id, str) else None
    if tenant is None or tenant.id != tenant_id or issuer != issuer_of(provider.estate.cloud, tenant.id, version):
        raise TokenRefusedError("issuer", f"the issuer is {str(issuer)[:256]}", found=str(issuer)[:256])
    if wanted.tenant_id is not None and tenant.id != wanted.tenant_id:
        raise TokenRefusedError("issuer", f"the issuer is {issuer}", found=str(issuer)[:256])
    return version, tenant


def _check_dates(token: SignedJwt, now: float) -> None:
    try:
        begins, ends = read_date(token.claims, "nbf"), read_date(token.claims, "exp")
    except JwtError as error:
        raise TokenRefusedError("malformed", str(error)) from None
    if begins is None or ends is None:
        raise TokenRefusedError("malformed", "it has no dates")
    if now >= ends:
        raise TokenRefusedError("expired", "it has expired", expires=ends)
    if now < begins:
        raise TokenRefusedError("not_yet_valid", "it is not valid yet", expires=ends)


def _read_caller(provider: Provider, token: SignedJwt, tenant: Tenant, client_id: str) -> Caller:
    claims = token.claims
    object_id, scope, roles = claims.get("oid"), claims.get("scp"), claims.get("roles", [])
    if not isinstance(object_id, str) or not object_id or not client_id:
        raise TokenRefusedError("kind", "it is no access token: it names no object id or no client")
    methods = claims.get("amr", [])
    if not isinstance(roles, list) or not isinstance(methods, list) or not isinstance(scope, str | None):
        raise TokenRefusedError("malformed", "scopes, roles or methods are not of their types")
    kind: Literal["user", "app"] = "app" if scope is None else "user"
    if claims.get("idtyp", kind) != kind:
        raise TokenRefusedError("kind", f"it is a token of kind {str(claims['idtyp'])[:8]} with the claims of another")
    user = provider.directory.find_user_by_id(object_id) if kind == "user" else None
    return Caller(
        object_id=object_id,
        tenant=tenant,
        client_id=client_id,
        kind=kind,
        scopes=frozenset(scope.split()) if scope else frozenset(),
        roles=frozenset(each for each in roles if isinstance(each, str)),
        name=user.upn if user is not None else client_id,
        issuer=str(claims["iss"]),
        methods=frozenset(each for each in methods if isinstance(each, str)),
    )


def _check_revocation(provider: Provider, token: SignedJwt, caller: Caller) -> None:
    """Refuse the token of a user whose sessions were revoked, if its client understands claims challenges."""
    capabilities = token.claims.get("xms_cc")
    declared = capabilities if isinstance(capabilities, list) else [capabilities]
    if CLAIMS_CHALLENGES not in {str(each).lower() for each in declared}:
        return
    begins = read_date(token.claims, "nbf") or 0.0
    issued = begins + BACKDATING
    since = _revoked_since(provider, caller, issued)
    if since is None:
        return
    challenge = {"access_token": {"nbf": {"essential": True, "value": str(int(since))}}}
    raise TokenRefusedError(
        "revoked",
        "the sessions of the user were revoked after it was issued",
        claims=_encode_challenge(challenge),
    )


def _encode_challenge(claims: object) -> str:
    return encode_base64url(json.dumps(claims, separators=(",", ":")).encode())


def _revoked_since(provider: Provider, caller: Caller, issued: float) -> float | None:
    """Return since when tokens of the caller that were issued before are revoked; None if this one is not."""
    if caller.kind == "app":
        application = provider.directory.find_application(caller.client_id)
        return issued + 1 if application is None or not application.enabled else None
    user = provider.directory.find_user_by_id(caller.object_id)
    if user is None or not user.enabled:
        return issued + 1
    since = provider.password_changed_at(user, 0.0)
    if user.sign_in_sessions_valid_from is not None:
        since = max(since, user.sign_in_sessions_valid_from.timestamp())
    return since if since > issued else None
