"""Help for tests of client authentication: keys, certificates, assertions as the libraries sign them, estates."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from msgspec.structs import replace

from ssosim.entra.oauth.client_authentication import JWT_BEARER
from ssosim.estate import Certificate, Estate, OAuth2PermissionGrant, ServicePrincipal, default_estate

CLIENT = "9f1c7a52-0d0f-4c3b-8a35-5b7b3f2d1a10"
CONTOSO = default_estate().tenants[0].id
ENDPOINT = f"https://login.microsoftonline.com/{CONTOSO}/oauth2/v2.0/token"
ENDPOINT_V1 = f"https://login.microsoftonline.com/{CONTOSO}/oauth2/token"
GRAPH = "https://graph.microsoft.com"
NOON = datetime.fromtimestamp(1_790_000_000, UTC)  # the time of the fixture ``site``

_USAGES = ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment", "key_agreement",
           "key_cert_sign", "crl_sign", "encipher_only", "decipher_only")  # fmt: skip


@cache
def make_key(name: str) -> rsa.RSAPrivateKey:  # noqa: ARG001 - the key of the cache
    """One RSA key per name, for the whole session."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@cache
def make_certificate(
    name: str,
    *,
    issuer: str = "",
    authority: bool = False,
    start: datetime = NOON - timedelta(days=30),
    end: datetime = NOON + timedelta(days=30),
    dns: tuple[str, ...] = (),
    path_length: int | None = None,
    may_sign: bool | None = None,
) -> x509.Certificate:
    """A certificate for the key of ``name``, signed by the key of ``issuer`` (default: itself).

    ``may_sign``: what its KeyUsage says of certificates; None for a certificate without KeyUsage.
    """
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    by = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, issuer or name)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(by)
        .public_key(make_key(name).public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(end)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=path_length), critical=True)
    )
    if dns:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(each) for each in dns]), False)
    if may_sign is not None:
        usage = dict.fromkeys(_USAGES, False) | {"digital_signature": True, "key_cert_sign": may_sign}
        builder = builder.add_extension(x509.KeyUsage(**usage), critical=True)
    return builder.sign(make_key(issuer or name), hashes.SHA256())


def pem(certificate: x509.Certificate) -> str:
    """The certificate as PEM text."""
    return certificate.public_bytes(Encoding.PEM).decode()


def private_pem(name: str) -> str:
    """The private key of ``name`` as PEM text."""
    return make_key(name).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def der(certificate: x509.Certificate) -> bytes:
    """The certificate as DER."""
    return certificate.public_bytes(Encoding.DER)


def b64url(data: bytes) -> str:
    """base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def hex_sha1(certificate: x509.Certificate) -> str:
    """The SHA-1 thumbprint as the portal shows it."""
    return hashlib.sha1(der(certificate), usedforsecurity=False).hexdigest().upper()


def thumbprint(certificate: x509.Certificate, *, sha: int = 256, url: bool = True, padded: bool = False) -> str:
    """A thumbprint in one of the forms that libraries send."""
    digest = (hashlib.sha256 if sha == 256 else hashlib.sha1)(der(certificate)).digest()
    text = (base64.urlsafe_b64encode if url else base64.b64encode)(digest).decode()
    return text if padded else text.rstrip("=")


def sign(signer: str, header: Mapping[str, Any], claims: Any, *, raw_claims: bytes | None = None) -> str:
    """A JWT with this header and these claims, signed by the key of ``signer`` as ``alg`` says."""
    payload = json.dumps(claims).encode() if raw_claims is None else raw_claims
    signed = f"{b64url(json.dumps(header).encode())}.{b64url(payload)}"
    key, sha = make_key(signer), hashes.SHA256()
    scheme: Any = padding.PKCS1v15()
    if header.get("alg") == "PS256":
        scheme = padding.PSS(padding.MGF1(sha), padding.PSS.DIGEST_LENGTH)
    return f"{signed}.{b64url(key.sign(signed.encode(), scheme, sha))}"


def good_claims(now: float = NOON.timestamp(), **changes: Any) -> dict[str, Any]:
    """The claims of a valid assertion; a change to None leaves a claim out."""
    claims = {
        "aud": ENDPOINT,
        "exp": now + 600,
        "iat": now,
        "iss": CLIENT,
        "jti": "1b4e28ba-2fa1-41d2-883f-0016d3cca427",
        "nbf": now,
        "sub": CLIENT,
    }
    return {name: value for name, value in {**claims, **changes}.items() if value is not None}


def assertion(name: str = "app", *, header: Mapping[str, Any] | None = None, signer: str = "", **claims: Any) -> str:
    """A valid assertion with the certificate of ``name``; ``header`` and ``claims`` change it."""
    fields = {"typ": "JWT", "alg": "RS256", "x5t#S256": thumbprint(make_certificate(name)), **(header or {})}
    fields = {key: value for key, value in fields.items() if value is not None}
    return sign(signer or name, fields, good_claims(**claims))


def assertion_form(text: str, **changes: str) -> dict[str, str]:
    """A client credentials request with this assertion."""
    return {
        "client_id": CLIENT,
        "grant_type": "client_credentials",
        "scope": f"{GRAPH}/.default",
        "client_assertion_type": JWT_BEARER,
        "client_assertion": text,
        **changes,
    }


def estate_with(**application: Any) -> Estate:
    """Contoso with the application CLIENT; by default it has the certificate of ``app``.

    Everything else is as in the shipped application with a secret: tenant, consent and permissions.
    """
    estate = default_estate()
    template = next(each for each in estate.applications if each.client_secret)
    keys = {"certificates": (Certificate(pem=pem(make_certificate("app"))),), "client_secret": None, **application}
    consent = OAuth2PermissionGrant(resource=GRAPH, scope="openid offline_access profile User.Read")
    principals = tuple(
        replace(each, oauth2_permission_grants=(*each.oauth2_permission_grants, consent))
        for each in template.service_principals or (ServicePrincipal(tenant=CONTOSO),)
    )
    made = replace(template, client_id=CLIENT, name="Back end", service_principals=principals, **keys)
    return replace(estate, applications=(*estate.applications, made))
