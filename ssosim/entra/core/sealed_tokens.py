"""Sealed tokens: opaque to whoever carries them, and worthless when changed (AES-256-GCM).

The inner ``DesktopSsoToken``, the browser's dssoToken and refresh tokens are such. Their real formats are unknown, and
clients treat all three as opaque (source: AADInternals Kerberos_utils.ps1, ROADtools auth.py).
"""

from __future__ import annotations

import base64
import binascii
import os
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ssosim.entra.core.jose import encode_base64url

__all__ = ["DesktopSsoClaims", "RefreshTokenClaims", "SealedTokenError", "TokenSealer"]

_NONCE = 12
_TAG = 16
_LIMIT = 16 * 1024


class SealedTokenError(ValueError):
    """Not one of ours, not for this purpose, or tampered with."""


class DesktopSsoClaims(msgspec.Struct, frozen=True, array_like=True):
    """What a DesktopSsoToken says. Times in seconds since the Unix epoch."""

    id: str
    tenant: str
    subject: str
    audience: str
    not_before: int
    not_on_or_after: int
    method: str


class RefreshTokenClaims(msgspec.Struct, frozen=True, array_like=True):
    """What a refresh token says. ``family`` tokens serve every member of the family of client ids."""

    id: str
    tenant: str
    subject: str
    client_id: str
    family: bool
    resource: str
    scopes: tuple[str, ...]
    issued: int
    not_on_or_after: int
    method: str


T = TypeVar("T", bound=msgspec.Struct)


class TokenSealer:
    """Seals and opens with one secret of 32 bytes; ``purpose`` keeps tokens of different use apart."""

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(secret)

    def seal(self, purpose: str, grant: msgspec.Struct) -> str:
        """Base64url text of nonce, ciphertext and tag."""
        nonce = os.urandom(_NONCE)
        return encode_base64url(nonce + self._cipher.encrypt(nonce, msgspec.json.encode(grant), purpose.encode()))

    def open(self, purpose: str, text: str, kind: type[T]) -> T:
        """The grant inside; raises SealedTokenError."""
        if len(text) > _LIMIT:
            raise SealedTokenError("too long")
        try:
            raw = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
            if len(raw) < _NONCE + _TAG:
                raise SealedTokenError("too short")
            plain = self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
            return msgspec.json.decode(plain, type=kind)
        except (binascii.Error, ValueError, InvalidTag, msgspec.DecodeError) as error:
            raise SealedTokenError("seal broken") from error
