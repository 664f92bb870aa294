"""Sealed tokens: claims that are encrypted and authenticated with AES-256-GCM, opaque to clients.

The inner ``DesktopSsoToken``, the browser's dssoToken, refresh tokens, authorization codes and the state of sign-in
pages are sealed tokens. The formats of the real service are unknown, and clients treat them as opaque (source:
AADInternals Kerberos_utils.ps1, ROADtools auth.py).
"""

from __future__ import annotations

import binascii
import contextlib
from collections.abc import Iterable
from typing import TypeVar

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ssosim.entra.core.authentication import Authentication
from ssosim.entra.core.jose import encode_base64url
from ssosim.entra.core.random_bytes import take_random_block

__all__ = ["DesktopSsoClaims", "RefreshTokenClaims", "SealedTokenError", "TokenSealer"]

_NONCE = 12
_TAG = 16
_LIMIT = 16 * 1024
_FEWEST = 128
"""Octets of the shortest text that is sealed; a shorter one gets blanks, which mean nothing at the end of JSON."""
_SHORTEST = (_NONCE + _FEWEST + _TAG) * 4 // 3
"""Characters of the shortest sealed token."""


class SealedTokenError(ValueError):
    """The token was not sealed with this secret, was sealed for another purpose, or has been changed."""


class DesktopSsoClaims(msgspec.Struct, frozen=True, array_like=True):
    """The claims of a DesktopSsoToken and of a dssoToken. Times are in seconds since the Unix epoch."""

    id: str
    tenant: str
    subject: str
    audience: str
    not_before: int
    not_on_or_after: int
    method: str


class RefreshTokenClaims(msgspec.Struct, frozen=True, array_like=True):
    """The claims of a refresh token. Every client of the family of client ids may use a ``family`` token.

    ``client_type`` is what the client was when the user signed in: ``public``, ``confidential`` or ``spa``.
    ``issued`` is in seconds since the Unix epoch; ``authentication`` is that of the sign-in, however often refreshed.
    """

    id: str
    tenant: str
    subject: str
    client_id: str
    family: bool
    resource: str
    scopes: tuple[str, ...]
    issued: int
    not_on_or_after: int
    authentication: Authentication
    client_type: str


def _decode(text: str) -> bytes:
    """Decode base64url without padding; raises ValueError. As ``base64.b64decode``, without its checks of types."""
    padded = text.encode("ascii") + b"=" * (-len(text) % 4)
    return binascii.a2b_base64(padded.replace(b"-", b"+").replace(b"_", b"/"), strict_mode=True)


T = TypeVar("T", bound=msgspec.Struct)


class TokenSealer:
    """Seals and opens tokens with one secret of 32 bytes.

    ``purpose`` is authenticated with the token: a token that was sealed for one purpose does not open for another.
    """

    def __init__(self, secret: bytes) -> None:
        self._cipher = AESGCM(secret)

    def seal(self, purpose: str, claims: msgspec.Struct) -> str:
        """Encrypt ``claims``; returns nonce, ciphertext and tag as base64url."""
        nonce = take_random_block()[:_NONCE]
        text = msgspec.json.encode(claims).ljust(_FEWEST)
        return encode_base64url(nonce + self._cipher.encrypt(nonce, text, purpose.encode()))

    def find_purpose(self, text: str, purposes: Iterable[str]) -> str | None:
        """Return for which of ``purposes`` this secret sealed ``text``; None if it did not, or for another one."""
        if not _SHORTEST <= len(text) <= _LIMIT:
            return None
        try:
            raw = _decode(text)
        except (binascii.Error, ValueError):
            return None
        for purpose in purposes:
            with contextlib.suppress(InvalidTag):
                self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
                return purpose
        return None

    def open(self, purpose: str, text: str, kind: type[T]) -> T:
        """Decrypt ``text`` and return its claims; raises SealedTokenError."""
        if len(text) > _LIMIT:
            raise SealedTokenError("too long")
        try:
            raw = _decode(text)
            if len(raw) < _NONCE + _TAG:
                raise SealedTokenError("too short")
            plain = self._cipher.decrypt(raw[:_NONCE], raw[_NONCE:], purpose.encode())
            return msgspec.json.decode(plain, type=kind)
        except (binascii.Error, ValueError, InvalidTag, msgspec.DecodeError) as error:
            raise SealedTokenError("seal broken") from error
