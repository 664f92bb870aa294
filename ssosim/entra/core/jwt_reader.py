"""Read a signed JSON Web Token strictly, without checking its signature (RFC 7515, RFC 7519).

A text that two readers could understand differently is refused: other alphabets and padding, bits of base64 that carry
nothing, repeated names in an object, a header parameter ``crit`` (no extension is understood here).
"""

from __future__ import annotations

import binascii
import json
from collections.abc import Mapping
from typing import Any, NoReturn

from msgspec import Struct

__all__ = ["LAST_SECOND", "JwtError", "SignedJwt", "decode_base64url", "read_date", "read_jwt"]

LAST_SECOND = 253_402_300_799
"""The end of the year 9999 in seconds since the Unix epoch: the last date that a date type can hold."""

_PARTS = 3
_URL_TO_STANDARD = bytes.maketrans(b"-_", b"+/")
_STANDARD_TO_URL = bytes.maketrans(b"+/", b"-_")
_LIMIT = 64 * 1024
_DATE_DIGITS = 20  # of a date in a string; the last one has twelve


class JwtError(ValueError):
    """The text is not a signed JSON Web Token. The message says why, and contains nothing of the token."""


class SignedJwt(Struct, frozen=True):
    """The parts of a token. ``signed`` are the octets that the ``signature`` is for."""

    header: Mapping[str, Any]
    claims: Mapping[str, Any]
    signed: bytes
    signature: bytes

    def text_claim(self, name: str) -> str:
        """Return the claim ``name``; raises JwtError if it is absent, empty or no string."""
        value = self.claims.get(name)
        if not isinstance(value, str) or not value:
            raise JwtError(f"The claim '{name}' is missing or no string.")
        return value


def read_jwt(text: str) -> SignedJwt:
    """Read a token in compact form; raises JwtError."""
    if len(text) > _LIMIT:
        raise JwtError("It is too long.")
    parts = text.split(".")
    if len(parts) != _PARTS:
        raise JwtError("It does not have three parts.")
    header, claims = _read_object(parts[0], "header"), _read_object(parts[1], "payload")
    signature = decode_base64url(parts[2])
    if signature is None:
        raise JwtError("The signature is not base64url.")
    if not isinstance(header.get("alg"), str):
        raise JwtError("The header has no 'alg'.")
    if "crit" in header:
        raise JwtError("The header has a critical extension.")
    return SignedJwt(header, claims, f"{parts[0]}.{parts[1]}".encode("ascii"), signature)


def read_date(claims: Mapping[str, Any], name: str) -> float | None:
    """Return a date claim in seconds since the Unix epoch, None if it is absent.

    Numbers may have fractions (MSAL Python sends them), and may be in strings (MSAL.NET JsonWebToken.cs sends those).
    Raises JwtError for anything else, and for dates outside the years 1970 to 9999.
    """
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= _DATE_DIGITS:
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise JwtError(f"The claim '{name}' is not a date.")
    if not 0 <= value <= LAST_SECOND:  # also for NaN, infinity, and integers that no float can hold
        raise JwtError(f"The claim '{name}' is out of range.")
    return float(value)


def decode_base64url(text: str) -> bytes | None:
    """Decode base64url without padding; None for a text that the encoder would not have written (RFC 7515)."""
    if not text.isascii():
        return None
    data = text.encode("ascii")
    if b"+" in data or b"/" in data or b"=" in data:
        return None
    try:
        decoded = binascii.a2b_base64(data.translate(_URL_TO_STANDARD) + b"=" * (-len(data) % 4), strict_mode=True)
    except binascii.Error:
        return None
    encoded = binascii.b2a_base64(decoded, newline=False).translate(_STANDARD_TO_URL, b"=")
    return decoded if encoded == data else None


def _read_object(part: str, name: str) -> dict[str, Any]:
    data = decode_base64url(part)
    if data is None:
        raise JwtError(f"The {name} is not base64url.")
    try:
        value = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_refuse_constant)
    except JwtError as error:
        raise JwtError(f"The {name} {error}") from None
    except (ValueError, RecursionError):
        raise JwtError(f"The {name} is not JSON.") from None
    if not isinstance(value, dict):
        raise JwtError(f"The {name} is not a JSON object.")
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JwtError("has a name twice.")
    return found


def _refuse_constant(_text: str) -> NoReturn:
    raise JwtError("has a number that JSON does not know.")
