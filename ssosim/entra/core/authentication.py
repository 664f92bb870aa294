"""How and when a user has authenticated: what codes, refresh tokens and device codes remember of a sign-in.

Sources: Entra document "Refresh tokens in the Microsoft identity platform" (which tokens a new password revokes: those
that came from the old password, not those of another method, not those of confidential clients), Entra document
"Access token claims reference" (``amr``).
"""

from __future__ import annotations

import hashlib

import msgspec

from ssosim.estate import User

__all__ = ["PASSWORD", "WINDOWS", "Authentication", "authenticate_by", "fingerprint_of", "list_amr"]

PASSWORD = "urn:oasis:names:tc:SAML:1.0:am:password"  # noqa: S105  a URI, not a password
WINDOWS = "urn:federation:authentication:windows"


class Authentication(msgspec.Struct, frozen=True, array_like=True):
    """One authentication: its method (an authentication method URI) and its time in seconds since the Unix epoch.

    The time has its fraction: sessions are revoked at a moment, and a sign-in right after it is good.

    ``mfa``: whether a second factor was part of it. ``password``: the fingerprint of the password that was used, ``""``
    for another method. ``session`` is the id of the browser's session (``sid``), ``""`` for a program.
    """

    method: str
    time: float
    mfa: bool = False
    password: str = ""
    session: str = ""


def authenticate_by(method: str, user: User, now: float) -> Authentication:
    """Return the authentication of ``user`` by ``method`` at ``now``."""
    return Authentication(method, now, password=fingerprint_of(user) if method == PASSWORD else "")


def fingerprint_of(user: User) -> str:
    """Return a text that changes with the password of ``user``. It is only ever part of sealed tokens."""
    return hashlib.sha256(f"{user.object_id}|{user.password}".encode()).hexdigest()[:16]


def list_amr(method: str, *, mfa: bool) -> list[str]:
    """Return the ``amr`` claim of an authentication by ``method``: ``wia`` or ``pwd``, and ``mfa``."""
    first = "wia" if method.endswith(":windows") else "pwd"
    return [first, "mfa"] if mfa else [first]
