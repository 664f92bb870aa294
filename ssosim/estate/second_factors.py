"""The one-time codes of a user's authenticator app: time-based, six digits, a new one every 30 seconds (RFC 6238)."""

from __future__ import annotations

import base64
import hashlib

from ssosim.estate.model import User

__all__ = ["derive_totp_secret"]


def derive_totp_secret(user: User) -> str:
    """Return the shared secret of ``user`` in base32: ``totp_secret`` of the estate, else one derived from the user."""
    if user.totp_secret is not None:
        return user.totp_secret.upper()
    return base64.b32encode(hashlib.sha1(f"totp|{user.object_id}|{user.upn}".encode()).digest()).decode()  # noqa: S324
