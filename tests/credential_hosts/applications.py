"""Applications that prove themselves: secrets, certificates in each form, and assertions, as files and as an estate."""

from __future__ import annotations

import time
import uuid
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path

import jwt
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, PrivateFormat, pkcs12

from tests.entra.proofs import ENDPOINT, make_certificate, make_key, pem, private_pem, thumbprint

__all__ = ["APP", "ELSEWHERE", "LITWARE", "PASSWORD", "PROOFS", "make_assertion", "write_proofs"]

APP = "3c9d7e51-6a0b-4b0e-9c55-2f8b1d7e4a01"
"""The application of Contoso with a credential of each kind."""
ELSEWHERE = "3c9d7e51-6a0b-4b0e-9c55-2f8b1d7e4a02"
"""An application of Litware alone."""
LITWARE = "8d7a41f3-52b9-4c0e-8a57-6f1f4f0b7c22"
PASSWORD = "key store"
_DAY = timedelta(days=1)
_AES = BestAvailableEncryption(PASSWORD.encode())
_TRIPLE_DES = (
    PrivateFormat.PKCS12.encryption_builder()
    .key_cert_algorithm(pkcs12.PBES.PBESv1SHA1And3KeyTripleDESCBC)
    .hmac_hash(hashes.SHA1())  # noqa: S303 - as old key stores have it, the only ones that azidentity reads
    .build(PASSWORD.encode())
)

PROOFS = f"""
[[applications]]
client_id = "{APP}"
name = "Orders"
secrets = [
  {{ value = "current-secret", key_id = "11111111-0000-4000-8000-000000000001" }},
  {{ value = "expired-secret", key_id = "11111111-0000-4000-8000-000000000002", end_date_time = 2021-01-01T00:00:00Z }},
]
certificates = [{{ file = "proofs/registered-public.pem" }}]
trusted_certificate_subjects = [{{ subject_name = "orders.contoso.com", authority_file = "proofs/root.pem" }}]

[[applications]]
client_id = "{ELSEWHERE}"
name = "Orders of Litware"
tenant = "litware.onmicrosoft.com"
client_secret = "current-secret"
certificates = [{{ file = "proofs/registered-public.pem" }}]
"""
"""The applications as sections of an estate file; their certificates are in the folder ``proofs`` beside it."""


def write_proofs(folder: Path) -> Path:
    """Write certificates and keys into ``folder``/proofs, as PEM and as PKCS#12; the folder of them."""
    proofs = folder / "proofs"
    proofs.mkdir()
    registered, other, (chained, middle), root = _make_certificates()
    files = {
        "root.pem": pem(root),
        "registered-public.pem": pem(registered),
        "registered.pem": private_pem("registered") + pem(registered),
        "other.pem": private_pem("other") + pem(other),
        "chained.pem": private_pem("chained") + pem(chained) + pem(middle),
        "alone.pem": private_pem("chained") + pem(chained),
    }
    for name, text in files.items():
        (proofs / name).write_text(text, encoding="ascii")
    for name, certificate, chain in (("registered", registered, []), ("chained", chained, [middle])):
        for file, encryption in ((f"{name}.pfx", _AES), (f"{name}-des.pfx", _TRIPLE_DES)):
            data = pkcs12.serialize_key_and_certificates(b"orders", make_key(name), certificate, chain, encryption)
            (proofs / file).write_bytes(data)
    return proofs


def make_assertion(client: str = APP, audience: str = ENDPOINT, **header: str) -> str:
    """Return an assertion that the registered certificate signs, as a program of one's own would."""
    now = int(time.time())
    claims = {"aud": audience, "exp": now + 600, "iss": client, "jti": str(uuid.uuid4()), "nbf": now, "sub": client}
    return jwt.encode(
        claims, make_key("registered"), "PS256", {"x5t#S256": thumbprint(_make_certificates()[0])} | header
    )


@cache
def _make_certificates() -> tuple[x509.Certificate, x509.Certificate, list[x509.Certificate], x509.Certificate]:
    """The registered certificate, another one, a chain with its leaf first, and its root; valid for a day."""
    now = datetime.now(UTC)
    dates = {"start": now - _DAY, "end": now + _DAY}
    root = make_certificate("root", authority=True, **dates)
    middle = make_certificate("middle", issuer="root", authority=True, **dates)
    leaf = make_certificate("chained", issuer="middle", dns=("orders.contoso.com",), **dates)
    return make_certificate("registered", **dates), make_certificate("other", **dates), [leaf, middle], root
