"""The provider's keys: one RSA key with a self-signed certificate for each issuer, and one secret for sealed tokens.

Generating an RSA-2048 key takes a tenth of a second or more, so a lab stores its keys in its state folder and loads
them at its next start.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import os
import secrets
import tempfile
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from urllib.parse import quote, unquote

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID
from msgspec import Struct, field
from msgspec.structs import replace

from ssosim.estate import Certificate, Estate

__all__ = [
    "GeneratedKey",
    "Keys",
    "KeysError",
    "SigningKey",
    "generated_key_name",
    "issuer_key_name",
    "list_generated_keys",
]

_SECRET_BYTES = 32
_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)  # scenarios are played in years before the keys were made
_SHA256 = hashes.SHA256()
_PKCS1 = padding.PKCS1v15()


class KeysError(ValueError):
    """Stored keys cannot be used. The text names the file and what to do."""


class SigningKey(Struct, frozen=True):
    """An RSA key and its certificate. ``key_id`` is ``x5t``: base64url of the certificate's SHA-1 digest."""

    private: rsa.RSAPrivateKey
    certificate: x509.Certificate
    key_id: str
    certificate_base64: str

    @classmethod
    def from_parts(cls, private: rsa.RSAPrivateKey, certificate: x509.Certificate) -> SigningKey:
        """Combine a key and its certificate, and compute the key id."""
        der = certificate.public_bytes(serialization.Encoding.DER)
        thumbprint = hashlib.sha1(der, usedforsecurity=False).digest()
        key_id = base64.urlsafe_b64encode(thumbprint).rstrip(b"=").decode()
        return cls(private, certificate, key_id, base64.b64encode(der).decode())

    @classmethod
    def generate(cls, name: str, start: datetime | None = None, end: datetime | None = None) -> SigningKey:
        """Generate an RSA-2048 key with a self-signed certificate for the common name ``name``.

        It is valid from ``start`` (default: a year ago) until ``end`` (default: in ten years).
        """
        private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name[:64] or "ssosim")])
        now = datetime.now(UTC)
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(private.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(start or now - timedelta(days=365))
            .not_valid_after(end or max(now, start or now) + timedelta(days=3650))
            .sign(private, _SHA256)
        )
        return cls.from_parts(private, certificate)

    def sign(self, data: bytes) -> bytes:
        """Sign with RSASSA-PKCS1-v1_5 and SHA-256 (RS256 in JOSE, rsa-sha256 in XML signatures)."""
        return self.private.sign(data, _PKCS1, _SHA256)

    def to_pem(self) -> bytes:
        """Return private key and certificate as one PEM text. The text is secret."""
        key = self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        return key + self.certificate.public_bytes(serialization.Encoding.PEM)

    @classmethod
    def from_pem(cls, text: bytes) -> SigningKey:
        """Read a key that ``to_pem`` wrote; raises ValueError."""
        # This program wrote the file, and only this user can read it. Validation (primality tests) takes 50 ms a key.
        private = serialization.load_pem_private_key(text, None, unsafe_skip_rsa_key_validation=True)
        if not isinstance(private, rsa.RSAPrivateKey):
            raise ValueError("not an RSA key")  # noqa: TRY004  the content of the file is wrong
        return cls.from_parts(private, x509.load_pem_x509_certificate(text))


class GeneratedKey(Struct, frozen=True):
    """A key that the lab generates for a part of an estate: its name, and name and validity of its certificate."""

    name: str
    common_name: str
    start: datetime | None = None
    end: datetime | None = None


def generated_key_name(client_id: str, certificate: Certificate) -> str:
    """Return the name, among the generated keys, of the key of an application's certificate."""
    dates = (each.isoformat() if each else "" for each in (certificate.start_date_time, certificate.end_date_time))
    return "/".join(("application", client_id.lower(), certificate.display_name, *dates))


def issuer_key_name(issuer: str) -> str:
    """Return the name, among the generated keys, of the key of an OpenID issuer."""
    return f"issuer/{issuer}"


def _cloud_key_name(name: str) -> str:
    return f"cloud/{name.lower()}"


def list_generated_keys(estate: Estate) -> tuple[GeneratedKey, ...]:
    """Return the keys that ``estate`` needs to be generated: of certificates, OpenID issuers, and further clouds.

    The certificate of a cloud's key has the name of its login host, as the key sets of the public service show it for
    ``login.microsoftonline.us``.
    """
    certificates = tuple(
        GeneratedKey(
            generated_key_name(application.client_id, each),
            each.display_name or application.name,
            each.start_date_time,
            each.end_date_time,
        )
        for application in estate.applications
        for each in application.certificates
        if each.is_generated
    )
    issuers = tuple(GeneratedKey(issuer_key_name(each.issuer), each.host) for each in estate.openid_issuers)
    clouds = tuple(
        GeneratedKey(_cloud_key_name(each.cloud_instance_name), each.login_hosts[0]) for each in estate.clouds
    )
    return (*certificates, *issuers, *clouds)


class Keys(Struct, frozen=True):
    """All keys of the provider.

    ``cloud`` signs tokens and the cloud's assertions. ``federation`` has the signing key of each federation service by
    its name. ``secret`` (32 bytes) seals tokens. ``generated`` has the keys of ``list_generated_keys`` by their names.
    """

    cloud: SigningKey
    federation: Mapping[str, SigningKey]
    secret: bytes
    generated: Mapping[str, SigningKey] = field(default_factory=lambda: MappingProxyType({}))

    @classmethod
    def generate(cls, federation: Iterable[str] = (), generated: Iterable[GeneratedKey] = ()) -> Keys:
        """Generate keys for the cloud, for the federation services with these names, and the ``generated`` ones."""
        return cls(
            generated=MappingProxyType(
                {
                    each.name: SigningKey.generate(each.common_name, each.start or _LONG_AGO, each.end)
                    for each in generated
                }
            ),
            cloud=SigningKey.generate("accounts.accesscontrol.windows.net"),
            federation=MappingProxyType({name: SigningKey.generate(f"ADFS Signing - {name}") for name in federation}),
            secret=secrets.token_bytes(_SECRET_BYTES),
        )

    def in_cloud(self, name: str) -> Keys:
        """Return the keys with those of the cloud ``name`` as ``cloud`` and ``secret``; these, for the first cloud."""
        key = self.generated.get(_cloud_key_name(name))
        if key is None:
            return self
        secret = hmac.digest(self.secret, _cloud_key_name(name).encode(), "sha256")
        return replace(self, cloud=key, secret=secret)

    @property
    def clouds(self) -> tuple[SigningKey, ...]:
        """The signing keys of all clouds of the estate."""
        return (self.cloud, *(key for name, key in self.generated.items() if name.startswith(_cloud_key_name(""))))

    def save(self, folder: Path) -> None:
        """Write the keys to ``folder`` (0700), each file 0600."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _write(folder / "cloud.pem", self.cloud.to_pem())
        for name, key in self.federation.items():
            _write(folder / f"federation-{quote(name, safe='')}.pem", key.to_pem())
        for name, key in self.generated.items():
            _write(folder / _generated_file(name), key.to_pem())
        _write(folder / "secret.bin", self.secret)

    @classmethod
    def load(cls, folder: Path, generated: Iterable[GeneratedKey] = ()) -> Keys:
        """Load keys that ``save`` wrote, with the ``generated`` ones; raises KeysError."""
        secret = _read(folder / "secret.bin")
        if len(secret) != _SECRET_BYTES:
            raise KeysError(
                f"{folder / 'secret.bin'}: expected {_SECRET_BYTES} bytes; delete the folder to make new keys"
            )
        federation = {
            unquote(path.stem.removeprefix("federation-")): _signing_key(path)
            for path in sorted(folder.glob("federation-*.pem"))
        }
        named = {each.name: _signing_key(folder / _generated_file(each.name)) for each in generated}
        return cls(_signing_key(folder / "cloud.pem"), MappingProxyType(federation), secret, MappingProxyType(named))


def _generated_file(name: str) -> str:
    # A digest: the name has slashes, and text of the user of any length.
    return f"generated-{hashlib.sha256(name.encode()).hexdigest()[:32]}.pem"


def _write(path: Path, data: bytes) -> None:
    # Write a new temporary file, then rename it: a reader never sees a partial key, the mode is right from the first
    # byte, and no existing file is written to.
    descriptor, draft = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
    try:
        try:
            os.fchmod(descriptor, 0o600)  # whatever the umask
            os.write(descriptor, data)
        finally:
            os.close(descriptor)
        Path(draft).replace(path)
    except BaseException:
        Path(draft).unlink(missing_ok=True)
        raise


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise KeysError(f"{path}: cannot be read: {error.strerror}; delete the folder to make new keys") from error


def _signing_key(path: Path) -> SigningKey:
    try:
        return SigningKey.from_pem(_read(path))
    except (ValueError, TypeError) as error:
        if isinstance(error, KeysError):
            raise
        raise KeysError(
            f"{path}: not a key and certificate in PEM: {error}; delete the folder to make new keys"
        ) from error
