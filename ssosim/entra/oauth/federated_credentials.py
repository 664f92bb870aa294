"""Federated identity credentials: a token of another issuer authenticates the application.

The credential is matched before the issuer's keys are fetched, so that a token cannot make the provider connect to a
host that no credential names. Keys are fetched for each request; how long the real service caches them is not known.
Sources: Entra workload identity federation documents; azure-workload-identity issues 616, 642, 1200, 1232; Azure/login
issues 482, 515.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.issuer_keys import FetchError
from ssosim.entra.core.jwt_reader import JwtError, SignedJwt, decode_base64url
from ssosim.entra.oauth.client_assertion import check_claims, check_dates, verify_signature
from ssosim.entra.oauth.client_context import ClientAuthentication, ClientContext
from ssosim.entra.oauth.own_federated_tokens import check_own_token, list_audience_names
from ssosim.estate import Application, FederatedCredential
from ssosim.estate.lenient_settings import LenientSetting

__all__ = ["is_federated", "verify_federated_token"]

_DISCOVERY = "/.well-known/openid-configuration"
_KEY_NAMES = ("kid", "x5t", "x5t#S256")  # header parameters that name a key; one is needed (AADSTS5002723)
_KEPT_KEYS = 100
"""How many keys of an issuer are kept: the first ones (Entra document "Workload identity federation")."""
_ALGORITHM = "RS256"  # the only one that the considerations for federated credentials name as supported


def is_federated(token: SignedJwt) -> bool:
    """Whether ``token`` is of another issuer. The issuer of an application's own assertion is its client id."""
    issuer = token.claims.get("iss")
    return isinstance(issuer, str) and issuer.lower().startswith(("https://", "http://"))


def verify_federated_token(application: Application, token: SignedJwt, context: ClientContext) -> ClientAuthentication:
    """Verify a token of another issuer for ``application``.

    Raises AadstsError: 50027, 90014 (a claim is missing), 5002723 (no key is named), 5002738 (algorithm), 70025 (the
    application has no credential of this kind), 700211 (issuer), 700213 and 7002138 (subject), 700212 (audience), the
    codes of ``check_own_token`` (a token of the cloud itself), 700024 (dates), 50166 (no keys), 7000272 (no such key,
    or its signature is wrong).
    """
    check_claims(token)
    try:
        issuer, subject = token.text_claim("iss"), token.text_claim("sub")
        audiences = _read_audiences(token.claims.get("aud"))
    except JwtError as error:
        raise AadstsError(50027, reason=str(error)) from None
    if token.header["alg"] != _ALGORITHM:
        raise AadstsError(5002738, algorithm=str(token.header["alg"])[:32])
    if not any(name in token.header for name in _KEY_NAMES):
        raise AadstsError(5002723)
    if not application.federated_credentials:
        raise AadstsError(70025, client=application.client_id, name=application.name)
    own = context.own_issuers().get(issuer.lower())
    names = list_audience_names(audiences[0], own.cloud) if own is not None and len(audiences) == 1 else audiences
    is_single = len(audiences) == 1
    credential, of_audience = _match(application, issuer, subject, names, context, is_single=is_single)
    if own is not None:
        check_own_token(token, own, context.describe(application), credential.audiences[0])
    _, of_dates = check_dates(token, context, context.now)
    keys = _fetch_keys(issuer, context)
    key = _find_key(keys, token.header)
    if key is None or not verify_signature(token, key):
        name = str(token.header.get("kid") or token.header.get("x5t") or "")[:64]
        raise AadstsError(7000272, thumbprint=name, issuer=issuer)
    return ClientAuthentication(
        method="federated_credential",
        credential=credential.name,
        issuer=issuer,
        subject=subject,
        not_checked=(*of_audience, *of_dates),
    )


def _read_audiences(value: object) -> tuple[str, ...]:
    """Read ``aud``: a text or, as in tokens of Kubernetes service accounts, a list of texts (RFC 7519, 4.1.3)."""
    texts = value if isinstance(value, list) else [value]
    if not texts or not all(isinstance(each, str) and each for each in texts):
        raise JwtError("The claim 'aud' is missing or no text.")
    return tuple(texts)


def _match(
    application: Application,
    issuer: str,
    subject: str,
    audiences: tuple[str, ...],
    context: ClientContext,
    *,
    is_single: bool,
) -> tuple[FederatedCredential, tuple[LenientSetting, ...]]:
    """Return the credential for the token, and the lenient setting that was needed. Raises AadstsError."""
    of_issuer = [each for each in application.federated_credentials if each.issuer == issuer]
    if not of_issuer:
        raise AadstsError(700211, issuer=issuer)
    of_subject = [each for each in of_issuer if each.subject == subject]
    if not of_subject:
        case = any(each.subject.lower() == subject.lower() for each in of_issuer)
        raise AadstsError(7002138 if case else 700213, subject=subject)
    for each in of_subject:
        if is_single and set(audiences) & set(each.audiences):  # several names are those of one audience
            return each, ()
        if context.rules.multiple_federated_audiences and set(audiences) & set(each.audiences):
            return each, ("cloud.client_assertions.multiple_federated_audiences",)
    raise AadstsError(700212, audience=", ".join(audiences))


def _fetch_keys(issuer: str, context: ClientContext) -> Sequence[Any]:
    """Fetch the keys of ``issuer`` by OpenID Connect Discovery 1.0, section 4. Raises AadstsError 50166."""
    try:
        # Section 4.1: a slash at the end of the issuer is removed before the path is added.
        configuration = _read_object(context.fetch(f"{issuer.removesuffix('/')}{_DISCOVERY}"))
        address = configuration.get("jwks_uri")
        if configuration.get("issuer") != issuer or not isinstance(address, str):  # section 4.3
            raise AadstsError(50166, reason="The configuration is not that of the issuer.")
        keys = _read_object(context.fetch(address)).get("keys")
    except FetchError as error:
        raise AadstsError(50166, reason=f"[{error}]") from None
    if not isinstance(keys, list):
        raise AadstsError(50166, reason="The key set has no keys.")
    return keys


def _read_object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise FetchError("the document is not JSON") from None
    if not isinstance(value, dict):
        raise FetchError("the document is not a JSON object")
    return value


def _find_key(keys: Sequence[Any], header: Mapping[str, Any]) -> rsa.RSAPublicKey | None:
    """Return the signing key that ``header`` names, by ``kid`` or else ``x5t``, among the first keys of an issuer.

    None if there is none (RFC 7517, sections 4.5 and 4.8).
    """
    by = "kid" if "kid" in header else "x5t"
    wanted = header.get(by)
    if not isinstance(wanted, str):
        return None
    named = (each for each in keys[:_KEPT_KEYS] if isinstance(each, dict) and each.get(by) == wanted)
    return next((key for each in named if (key := _read_key(each)) is not None), None)


def _read_key(value: Mapping[str, Any]) -> rsa.RSAPublicKey | None:
    """Read a JSON Web Key for RS256 signatures; None for any other value (RFC 7517, section 4)."""
    if value.get("kty") != "RSA":
        return None
    operations = value.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        return None
    if value.get("use", "sig") != "sig" or value.get("alg", _ALGORITHM) != _ALGORITHM:
        return None
    modulus, exponent = (_read_number(value.get(name)) for name in ("n", "e"))
    try:
        return rsa.RSAPublicNumbers(exponent, modulus).public_key()
    except ValueError:
        return None


def _read_number(value: object) -> int:
    data = decode_base64url(value) if isinstance(value, str) else None
    return int.from_bytes(data or b"", "big")
