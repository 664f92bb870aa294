"""Whether a user name and password sign somebody in, and which AADSTS code says that they do not."""

from __future__ import annotations

import hmac
import json

from ssosim.entra.core.directory import Directory
from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.realm_discovery import federation_of
from ssosim.estate import Estate, Tenant, User

__all__ = ["MFA_POLICY", "check_cloud_password", "mfa_claims", "same_password"]

MFA_POLICY = "d9cb6f9e-1b38-4b7a-9a39-2d5d6d6c0a11"


def same_password(user: User, password: str) -> bool:
    """Constant-time comparison."""
    return hmac.compare_digest(user.password.encode(), password.encode(errors="surrogatepass"))


def mfa_claims(key: str = "capolids") -> str:
    """The claims challenge of 50076; the key is ``capolids`` in a v2 capture, ``polids`` in a v1 capture.

    Sources: microsoft-authentication-library-for-js issue 5491, ADAL Python issue 85.
    """
    return json.dumps({"access_token": {key: {"essential": True, "values": [MFA_POLICY]}}}, separators=(",", ":"))


def check_cloud_password(
    estate: Estate, directory: Directory, tenant: Tenant | None, username: str, password: str
) -> User:
    """The user whose cloud password this is. ``tenant`` None means any (``organizations``).

    Raises Refusal: 50059 (nobody's domain), 50034 (no such user), 50053 (locked), 50057 (disabled), 50056
    (federated: no password in the cloud), 50126 (wrong), 50055 (expired). MFA is for the caller: it depends on what
    is asked for. The order of checks is ours; public tools show only which code goes with which state (AADInternals
    KillChain_utils.ps1).
    """
    place = directory.place(username) if "@" in username else None
    if place is None:
        raise Refusal(50034 if tenant is not None else 50059, user=username[:256], tenant=tenant.id if tenant else "")
    user = directory.user(username)
    if user is None or (tenant is not None and directory.home(user).id != tenant.id):
        raise Refusal(50034, user=username[:256], tenant=(tenant or place.tenant).id)
    if user.locked:
        raise Refusal(50053)
    if not user.enabled:
        raise Refusal(50057)
    if federation_of(estate, place) is not None:
        raise Refusal(50056)
    if not same_password(user, password):
        raise Refusal(50126)
    if user.password_expired:
        raise Refusal(50055)
    return user
