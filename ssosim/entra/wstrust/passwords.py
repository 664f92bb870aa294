"""Whether a user name and password sign somebody in, and which AADSTS code says that they do not."""

from __future__ import annotations

import hmac
import json

from ssosim.entra.core.directory import Directory
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.realm_discovery import federation_service_of_domain
from ssosim.estate import Estate, Tenant, User

__all__ = ["MFA_POLICY", "build_mfa_claims", "check_cloud_password", "is_password_of"]

MFA_POLICY = "d9cb6f9e-1b38-4b7a-9a39-2d5d6d6c0a11"


def is_password_of(user: User, password: str) -> bool:
    """Constant-time comparison."""
    return hmac.compare_digest(user.password.encode(), password.encode(errors="surrogatepass"))


def build_mfa_claims(key: str = "capolids") -> str:
    """The claims challenge of 50076; the key is ``capolids`` in a v2 capture, ``polids`` in a v1 capture.

    Sources: microsoft-authentication-library-for-js issue 5491, ADAL Python issue 85.
    """
    return json.dumps({"access_token": {key: {"essential": True, "values": [MFA_POLICY]}}}, separators=(",", ":"))


def check_cloud_password(
    estate: Estate, directory: Directory, tenant: Tenant | None, username: str, password: str
) -> User:
    """The user whose cloud password this is. ``tenant`` None means any (``organizations``).

    Raises AadstsError: 50059 (nobody's domain), 50034 (no such user), 50053 (locked), 50057 (disabled), 50056
    (federated: no password in the cloud), 50126 (wrong), 50055 (expired). MFA is for the caller: it depends on what
    is asked for. The order of checks is ours; public tools show only which code goes with which state (AADInternals
    KillChain_utils.ps1).
    """
    entry = directory.find_domain(username) if "@" in username else None
    if entry is None:
        raise AadstsError(
            50034 if tenant is not None else 50059, user=username[:256], tenant=tenant.id if tenant else ""
        )
    user = directory.find_user(username)
    if user is None or (tenant is not None and directory.find_home_tenant(user).id != tenant.id):
        raise AadstsError(50034, user=username[:256], tenant=(tenant or entry.tenant).id)
    if user.locked:
        raise AadstsError(50053)
    if not user.enabled:
        raise AadstsError(50057)
    if federation_service_of_domain(estate, entry) is not None:
        raise AadstsError(50056)
    if not is_password_of(user, password):
        raise AadstsError(50126)
    if user.password_expired:
        raise AadstsError(50055)
    return user
