"""The certificates of an application, and how the header of a client assertion names one of them.

Sources: Entra certificate-credentials document (``x5t#S256``, before 2024 ``x5t``); MSAL Python oauth2cli/assertion.py,
MSAL Go accesstokens.go, msal-node ClientAssertion, msal4j and MSAL.NET JsonWebToken.cs (how each library writes them).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from msgspec import Struct

from ssosim.entra.core.keys import Keys, generated_key_name
from ssosim.estate import Application

__all__ = [
    "CertificateChainError",
    "NamedThumbprint",
    "RegisteredCertificate",
    "build_chain",
    "list_subject_names",
    "read_chain",
    "read_thumbprints",
    "registered_certificates",
]

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----", re.DOTALL)
_MAX_CHAIN = 10
_SHA1_BYTES, _SHA256_BYTES = 20, 32


class CertificateChainError(ValueError):
    """``x5c`` is no list of certificates, or does not lead to a trusted authority."""


class RegisteredCertificate(Struct, frozen=True):
    """A certificate with its thumbprints: the SHA-1 and SHA-256 digests of its DER encoding."""

    certificate: x509.Certificate
    sha1: bytes
    sha256: bytes

    @classmethod
    def from_certificate(cls, certificate: x509.Certificate) -> RegisteredCertificate:
        """Compute the thumbprints of ``certificate``."""
        der = certificate.public_bytes(Encoding.DER)
        return cls(certificate, hashlib.sha1(der, usedforsecurity=False).digest(), hashlib.sha256(der).digest())

    @property
    def public_key(self) -> rsa.RSAPublicKey | None:
        """The public key; None if it is not an RSA key, which signs nothing that is accepted here."""
        key = self.certificate.public_key()
        return key if isinstance(key, rsa.RSAPublicKey) else None

    @property
    def thumbprint(self) -> str:
        """The SHA-1 thumbprint as the portal shows it: hexadecimal, upper case."""
        return self.sha1.hex().upper()


class NamedThumbprint(Struct, frozen=True):
    """A thumbprint in a header: SHA-1 (20 octets) or SHA-256 (32 octets); ``size`` is the length that it must have."""

    digest: bytes
    size: int

    def matches(self, certificate: RegisteredCertificate) -> bool:
        """Whether it is a thumbprint of ``certificate``."""
        return len(self.digest) == self.size and self.digest in (certificate.sha1, certificate.sha256)


def read_thumbprints(header: Mapping[str, Any]) -> tuple[NamedThumbprint, ...]:
    """Return the thumbprints of the header parameters ``x5t`` and ``x5t#S256``.

    The libraries write base64url or standard base64, with or without padding: all four forms are read. A digest of
    another length finds no certificate, so ``x5t`` with SHA-256 is an unknown key (open-webui/oikb pull request 120).
    Raises ValueError for a parameter that is not base64.
    """
    return tuple(
        NamedThumbprint(_read_digest(header[name]), size)
        for name, size in (("x5t", _SHA1_BYTES), ("x5t#S256", _SHA256_BYTES))
        if name in header
    )


def _read_digest(value: object) -> bytes:
    if not isinstance(value, str) or not value.isascii():
        raise ValueError("a thumbprint is no string")
    text = value.rstrip("=").replace("-", "+").replace("_", "/")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        raise ValueError("a thumbprint is not base64") from None


def registered_certificates(application: Application, keys: Keys) -> tuple[RegisteredCertificate, ...]:
    """Return the certificates of ``application``; those that the lab generates are in ``keys``."""
    found = []
    for certificate in application.certificates:
        if certificate.is_generated:
            key = keys.generated.get(generated_key_name(application.client_id, certificate))
            if key is not None:
                found.append(RegisteredCertificate.from_certificate(key.certificate))
        else:
            found += _read_pem(certificate.pem)
    return tuple(found)


@lru_cache(maxsize=256)
def _read_pem(text: str) -> tuple[RegisteredCertificate, ...]:
    """Read the first certificate of a PEM text, which is the application's own; the rest is its chain."""
    block = _PEM.search(text)
    if block is None:
        return ()
    return (RegisteredCertificate.from_certificate(x509.load_pem_x509_certificate(block[0].encode())),)


@lru_cache(maxsize=64)
def _read_authorities(text: str) -> tuple[x509.Certificate, ...]:
    return tuple(x509.load_pem_x509_certificate(block.encode()) for block in _PEM.findall(text))


def read_chain(value: object) -> tuple[x509.Certificate, ...]:
    """Read ``x5c``: a list of certificates in standard base64 of DER, or one such string, as MSAL.NET sends it.

    Line ends within the base64 are skipped: MSAL for Python sends the lines of the PEM text. Raises
    CertificateChainError.
    """
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not texts or len(texts) > _MAX_CHAIN:
        raise CertificateChainError("x5c is no list of certificates")
    chain = []
    for text in texts:
        if not isinstance(text, str):
            raise CertificateChainError("x5c is no list of certificates")
        try:
            lines = text.replace("\r", "").replace("\n", "")
            chain.append(x509.load_der_x509_certificate(base64.b64decode(lines, validate=True)))
        except ValueError:  # binascii.Error is one
            raise CertificateChainError("x5c has an entry that is no certificate") from None
    return tuple(chain)


def build_chain(chain: Iterable[x509.Certificate], authority: str) -> tuple[x509.Certificate, ...]:
    """Return the path from the first of ``chain`` to a certificate of ``authority`` (PEM text), which is its last.

    Each certificate must be issued by the next one, which must be a certification authority that may sign certificates,
    with no more authorities below it than its path length allows (RFC 5280, sections 4.2.1.3 and 4.2.1.9). Raises
    CertificateChainError. Validity dates are not checked here.
    """
    leaf, *others = chain
    path = [leaf]
    roots = _read_authorities(authority)
    while len(path) <= _MAX_CHAIN:
        for root in roots:
            if root == path[-1] and len(path) > 1:
                return tuple(path)
            if _is_issued_by(path[-1], root, len(path) - 1):
                return (*path, root)
        below = len(path) - 1
        following = next((each for each in others if each not in path and _is_issued_by(path[-1], each, below)), None)
        if following is None:
            break
        path.append(following)
    raise CertificateChainError("the certificate is not issued by a trusted authority")


def _is_issued_by(certificate: x509.Certificate, issuer: x509.Certificate, below: int) -> bool:
    """Whether ``issuer`` has issued ``certificate`` and may have; ``below`` is the number of authorities below it."""
    try:
        constraints = issuer.extensions.get_extension_for_class(x509.BasicConstraints).value
        if not constraints.ca or (constraints.path_length is not None and below > constraints.path_length):
            return False
        if not _may_sign_certificates(issuer):
            return False
        certificate.verify_directly_issued_by(issuer)
    except (x509.ExtensionNotFound, InvalidSignature, ValueError, TypeError):
        return False
    return True


def _may_sign_certificates(issuer: x509.Certificate) -> bool:
    try:
        return issuer.extensions.get_extension_for_class(x509.KeyUsage).value.key_cert_sign
    except x509.ExtensionNotFound:
        return True


def list_subject_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """Return the common names and the DNS alternative names of ``certificate``."""
    names = [str(each.value) for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)]
    try:
        extension = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
        names += extension.value.get_values_for_type(x509.DNSName)
    except (x509.ExtensionNotFound, ValueError):
        pass
    return tuple(dict.fromkeys(names))
