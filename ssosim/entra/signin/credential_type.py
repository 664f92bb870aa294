"""GetCredentialType: how a user can sign in, and whether the tenant has Seamless SSO.

Source: AADInternals AccessToken_utils.ps1 and KillChain_utils.ps1.
"""

from __future__ import annotations

from typing import Any

from ssosim.entra.core.directory import Directory
from ssosim.estate import FederationService

__all__ = ["build_credential_type"]

_EXISTS, _UNKNOWN = 0, 1
_PASSWORD, _FEDERATION = 1, 4
_MANAGED, _FEDERATED = 3, 4


def build_credential_type(
    directory: Directory,
    username: str,
    service: FederationService | None,
    flow_token: str,
    canary: str,
    redirect: str,
) -> dict[str, Any]:
    """Build the reply for ``username``.

    ``service`` is the federation service of a federated user, and ``redirect`` the URL of its page.

    ``DesktopSsoEnabled`` is present only when it is on.
    """
    entry = directory.find_domain(username) if "@" in username else None
    properties: dict[str, Any] = {"UserTenantBranding": None}
    if entry is not None:
        properties["DomainType"] = _MANAGED if service is None else _FEDERATED
        if entry.tenant.desktop_sso:
            properties["DesktopSsoEnabled"] = True
    credentials: dict[str, Any] = {
        "PrefCredential": _PASSWORD if service is None else _FEDERATION,
        "HasPassword": service is None,
        "RemoteNgcParams": None,
        "FidoParams": None,
        "SasParams": None,
        "CertAuthParams": None,
        "GoogleParams": None,
        "FacebookParams": None,
    }
    if service is not None:
        credentials["FederationRedirectUrl"] = redirect
    exists = directory.find_user(username) is not None or service is not None
    return {
        "Username": username,
        "Display": username,
        "IfExistsResult": _EXISTS if exists else _UNKNOWN,
        "IsUnmanaged": False,
        "ThrottleStatus": 0,
        "Credentials": credentials,
        "EstsProperties": properties,
        "FlowToken": flow_token,
        "IsSignupDisallowed": True,
        "apiCanary": canary,
    }
