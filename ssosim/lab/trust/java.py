"""A trust store for the JVM, which does not read PEM bundles.

The format is JKS: version 2, one trusted-certificate entry for each authority, then a SHA-1 keyed with the password.
Every JDK reads it (``keystore.type.compat``), with or without the password, and Debian's own ``cacerts`` has the same
form. PKCS #12 would need a key derivation at each start, and JDKs differ in how they read it.
Source: JDK, ``sun.security.provider.JavaKeyStore``; the password is that of every JDK's ``cacerts``.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable

__all__ = ["java_trust_store"]

_PASSWORD = "changeit"  # noqa: S105 - publicly known, and protects nothing
_MAGIC, _VERSION, _TRUSTED = 0xFEEDFEED, 2, 2


def java_trust_store(certificates: Iterable[bytes]) -> bytes:
    """Return a JKS key store that trusts the CA ``certificates`` (DER)."""
    entries = [_entry(f"ca-{number}", der) for number, der in enumerate(certificates)]
    store = struct.pack(">III", _MAGIC, _VERSION, len(entries)) + b"".join(entries)
    # It detects accidental changes only. The text "Mighty Aphrodite" is part of the format.
    digest = hashlib.sha1(_PASSWORD.encode("utf-16-be") + b"Mighty Aphrodite" + store, usedforsecurity=False)
    return store + digest.digest()


def _entry(alias: str, der: bytes) -> bytes:
    created_ms = 0
    return b"".join(
        (struct.pack(">I", _TRUSTED), _utf(alias), struct.pack(">q", created_ms), _utf("X.509"), _prefix_size(der))
    )


def _utf(text: str) -> bytes:
    return struct.pack(">H", len(text)) + text.encode("ascii")


def _prefix_size(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data
