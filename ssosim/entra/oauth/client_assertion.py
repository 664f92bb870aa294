"""Client assertions that an application has signed with its own certificate (``private_key_jwt``, RFC 7523).

Sources: Entra certificate-credentials document; RFC 7523, section 3; answers of December 2023 in the tests of MSAL.NET
(MockHelpers.cs: a claim that is missing is 90014, no key 5002723, without ``exp`` an assertion has ended in 1970); the
public reports that the rows of the AADSTS catalogue name. The order of the checks is unconfirmed: an assertion with two
defects may have another code.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.jwt_reader import LAST_SECOND, JwtError, SignedJwt, read_date, read_jwt
from ssosim.entra.oauth.client_certificates import (
    CertificateChainError,
    RegisteredCertificate,
    build_chain,
    list_subject_names,
    read_chain,
    read_thumbprints,
    registered_certificates,
)
from ssosim.entra.oauth.client_context import ClientAuthentication, ClientContext
from ssosim.estate import Application
from ssosim.estate.lenient_settings import LenientSetting, is_strictly_valid

__all__ = [
    "ALGORITHMS",
    "check_claims",
    "check_dates",
    "read_assertion",
    "verify_client_assertion",
    "verify_signature",
]

ALGORITHMS = ("RS256", "PS256")
"""The signature algorithms of client assertions (AADSTS5002738)."""

_TYPES = ("JWT", "http://openid.net/specs/jwt/1.0")
_SHA256 = hashes.SHA256()
_PADDINGS = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(_SHA256), padding.PSS.DIGEST_LENGTH),  # RFC 7518, section 3.5
}
_MIN_KEY_BITS = 2048  # RFC 7518, section 3.3
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read_assertion(text: str) -> SignedJwt:
    """Read a client assertion or a federated token, and check its type and algorithm.

    Raises AadstsError: 50027, 5002727 (``typ``), 5002738 (``alg``).
    """
    try:
        token = read_jwt(text)
    except JwtError as error:
        raise AadstsError(50027, reason=str(error)) from None
    if token.header.get("typ", _TYPES[0]) not in _TYPES:
        raise AadstsError(5002727)
    if token.header["alg"] not in ALGORITHMS:
        raise AadstsError(5002738, algorithm=str(token.header["alg"])[:32])
    return token


def verify_client_assertion(application: Application, token: SignedJwt, context: ClientContext) -> ClientAuthentication:
    """Verify an assertion that ``application`` has signed itself.

    Raises AadstsError: 50027, 90014 (a claim is missing), 50048 (``iss`` and ``sub`` differ), 700021 (another
    application), 700023 (``aud``), 700024 (dates), 5002723 (no key is named), 700027 (key or signature), 700030,
    7000213 and 7000274 (subject name and issuer).
    """
    check_claims(token)
    try:
        issuer, subject = token.text_claim("iss"), token.text_claim("sub")
        audience = token.text_claim("aud")  # a list is refused: panva/openid-client issue 348
        token_id = token.text_claim("jti") if "jti" in token.claims or context.rules.refuse_replay else ""
    except JwtError as error:
        raise AadstsError(50027, reason=str(error)) from None
    if issuer.lower() != subject.lower():
        raise AadstsError(50048)
    if issuer.lower() != application.client_id.lower():
        raise AadstsError(700021)
    of_audience = _check_audience(audience, context)
    expires, of_dates = check_dates(token, context, context.client_now)
    found = _verify_key(application, token, context)
    if context.rules.refuse_replay and not context.record_use(f"{application.client_id} {token_id}", expires):
        raise AadstsError(50027, reason="The assertion has been used before.")
    return ClientAuthentication(
        method=found.method,
        credential=found.credential,
        issuer=issuer,
        subject=subject,
        not_checked=(*of_audience, *of_dates),
    )


def check_claims(token: SignedJwt) -> None:
    """Raise AadstsError 90014 if ``token`` has no ``iss``, ``aud`` or ``sub`` (for ``sub`` unconfirmed)."""
    for name in ("iss", "aud", "sub"):
        if name not in token.claims:
            raise AadstsError(90014, name=name)


def _check_audience(audience: str, context: ClientContext) -> tuple[LenientSetting, ...]:
    """Return the lenient setting without which ``audience`` is refused; raises AadstsError 700023."""
    if audience.lower() in context.audiences():
        return ()
    if audience.lower() in context.more_audiences():
        return ("cloud.client_assertions.audiences",)
    raise AadstsError(700023)


def check_dates(token: SignedJwt, context: ClientContext, now: float) -> tuple[float, tuple[LenientSetting, ...]]:
    """Check ``exp``, which is required, ``nbf`` and ``iat`` at ``now``, a time by the clock of who signed ``token``.

    A token is not valid before either of ``nbf`` and ``iat``: a client that sends one of them (MSAL for Python ``iat``,
    MSAL for Java ``nbf``) is refused if its clock is ahead. "Valid from" in the text is ``iat``: clients without it get
    1970 (MSAL for Java issue 984, MSAL.NET issue 4951, obikuro/Sato issue 1).

    Return the time until which the token is accepted, by the same clock, and the lenient setting without which it would
    have been refused.

    Raises AadstsError: 50027 for a date that is none, 700024 outside of the range.
    """
    try:
        expires = read_date(token.claims, "exp")
        start = read_date(token.claims, "nbf")
        issued = read_date(token.claims, "iat")
    except JwtError as error:
        raise AadstsError(50027, reason=str(error)) from None
    skew = context.rules.clock_skew
    expires, start, issued = expires or 0.0, start or 0.0, issued or 0.0
    not_before = max(start, issued)
    if now >= expires + skew or now < not_before - skew or start >= expires:
        raise AadstsError(700024, now=_format(now), not_before=_format(issued), expires=_format(expires))
    is_strict = is_strictly_valid(not_before, expires, now)
    return expires + skew, () if is_strict else ("cloud.client_assertions.clock_skew",)


def _format(moment: float) -> str:
    """Format a time as in the texts of AADSTS700024: seven digits after the second."""
    time = _EPOCH + timedelta(seconds=min(moment, LAST_SECOND))
    return f"{time:%Y-%m-%dT%H:%M:%S}.{time.microsecond:06d}0Z"


def _verify_key(application: Application, token: SignedJwt, context: ClientContext) -> ClientAuthentication:
    """Find the certificate that the header names, and verify the signature with it."""
    try:
        thumbprints = read_thumbprints(token.header)
        chain = read_chain(token.header["x5c"]) if "x5c" in token.header else ()
    except CertificateChainError as error:
        raise AadstsError(50027, reason=f"Invalid JWT token: {error}.") from None
    except ValueError as error:
        raise AadstsError(50027, reason=f"Invalid JWT token: {error}.") from None
    if not thumbprints and not chain:
        if "kid" in token.header:  # a key id alone finds no certificate (keycloak issues 19425, 25439)
            raise _key_error(application, "The key was not found.", "")
        raise AadstsError(5002723)
    sent = RegisteredCertificate.from_certificate(chain[0]) if chain else None
    shown = sent.thumbprint if sent else thumbprints[0].digest.hex().upper()
    if sent is None or all(each.matches(sent) for each in thumbprints):
        for certificate in registered_certificates(application, context.keys):
            if (sent is None or sent.sha256 == certificate.sha256) and all(
                each.matches(certificate) for each in thumbprints
            ):
                _check_certificate(application, token, certificate, context.now)
                return ClientAuthentication(method="certificate", credential=certificate.thumbprint)
        if sent is not None and application.trusted_certificate_subjects:
            return _verify_subject(application, token, sent, chain, context)
    raise _key_error(application, "The key was not found.", shown)


def _key_error(application: Application, reason: str, thumbprint: str, found: str = "") -> AadstsError:
    return AadstsError(700027, reason=reason, thumbprint=thumbprint, found=found, client=application.client_id)


def _check_certificate(
    application: Application, token: SignedJwt, certificate: RegisteredCertificate, now: float
) -> None:
    """Raise AadstsError 700027 unless ``certificate`` is valid now and its key has signed ``token``."""
    start, end = certificate.certificate.not_valid_before_utc, certificate.certificate.not_valid_after_utc
    found = f", Found key 'Start={start:%m/%d/%Y %H:%M:%S}, End={end:%m/%d/%Y %H:%M:%S}'"
    if now >= end.timestamp():
        raise _key_error(application, "The key used is expired.", certificate.thumbprint, found)
    if now < start.timestamp():
        raise _key_error(application, "The key used is not valid yet.", certificate.thumbprint, found)
    if not verify_signature(token, certificate.public_key):
        reason = "The provided signature value did not match the expected signature value."
        raise _key_error(application, reason, certificate.thumbprint, found)


def verify_signature(token: SignedJwt, key: rsa.RSAPublicKey | None) -> bool:
    """Whether ``key`` has signed ``token`` with the algorithm of its header. A key below 2048 bits signs nothing."""
    if key is None or key.key_size < _MIN_KEY_BITS:
        return False
    try:
        key.verify(token.signature, token.signed, _PADDINGS[token.header["alg"]], _SHA256)
    except InvalidSignature:
        return False
    return True


def _verify_subject(
    application: Application,
    token: SignedJwt,
    sent: RegisteredCertificate,
    chain: tuple[x509.Certificate, ...],
    context: ClientContext,
) -> ClientAuthentication:
    """Verify a certificate by subject name and issuer, and the signature with it."""
    names = list_subject_names(sent.certificate)
    known = {name.lower() for name in names}
    trusted = False
    for entry in application.trusted_certificate_subjects:
        try:
            path = build_chain(chain, entry.authority)
        except CertificateChainError:
            continue
        trusted = True
        if entry.subject_name.lower() not in known:
            continue
        if any(
            not each.not_valid_before_utc.timestamp() <= context.now < each.not_valid_after_utc.timestamp()
            for each in path
        ):
            raise AadstsError(7000274)
        if not verify_signature(token, sent.public_key):
            reason = "The provided signature value did not match the expected signature value."
            raise _key_error(application, reason, sent.thumbprint)
        return ClientAuthentication(method="certificate_subject", credential=entry.subject_name)
    if trusted:
        raise AadstsError(700030, subjects=", ".join(names[:10]))
    raise AadstsError(7000213)
