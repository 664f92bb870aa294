"""GetCredentialType: what the sign-in page may offer to this user, and the public "is Seamless SSO on?" probe.

Source: AADInternals AccessToken_utils.ps1 and KillChain_utils.ps1.
"""

from __future__ import annotations

from typing import Any

from ssosim.entra.core.directory import Directory
from ssosim.entra.core.realm_discovery import federation_of
from ssosim.estate import Estate

__all__ = ["credential_type"]

_EXISTS, _UNKNOWN = 0, 1
_PASSWORD, _FEDERATION = 1, 4
_MANAGED, _FEDERATED = 3, 4


def credential_type(
    estate: Estate, directory: Directory, username: str, flow_token: str, canary: str, redirect: str
) -> dict[str, Any]:
    """The answer for ``username``; ``redirect`` leads a federated one to its own service's page.

    ``DesktopSsoEnabled`` is present only when it is on.
    """
    place = directory.place(username) if "@" in username else None
    service = None if place is None else federation_of(estate, place)
    properties: dict[str, Any] = {"UserTenantBranding": None}
    if place is not None:
        properties["DomainType"] = _MANAGED if service is None else _FEDERATED
        if place.tenant.desktop_sso:
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
    exists = directory.user(username) is not None or service is not None
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
