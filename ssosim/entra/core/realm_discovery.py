"""Realm discovery: where a user authenticates. There are three generations of the request, each with its own reply.

Sources: MSAL.NET WsTrustWebRequestManager.cs and UserRealmDiscoveryResponse.cs, msal4j UserDiscoveryResponse.java,
MSAL Python authority.py, MSAL Go authority.go, MSAL.NET issue 1737 (live sample), AADInternals AccessToken_utils.ps1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.directory import Directory, DomainEntry
from ssosim.entra.core.safe_xml import escape_text
from ssosim.estate import Cloud, Estate, FederationService

FindService = Callable[[DomainEntry], FederationService | None]
"""(domain) -> the federation service that the answer names; None for a managed domain."""

XML_ONLY = ("IsFederatedNS", "STSAuthURL", "MEXURL")
"""Members of ``GetUserRealm.srf`` that only its XML form has."""

__all__ = [
    "XML_ONLY",
    "build_realm_srf",
    "build_realm_v1",
    "build_realm_v2",
    "federation_service_of_domain",
    "render_realm_xml",
]

_STATES: dict[str, tuple[int, int]] = {"Managed": (4, 1), "Federated": (3, 2), "Unknown": (1, 1)}  # 1: unconfirmed


def federation_service_of_domain(estate: Estate, entry: DomainEntry) -> FederationService | None:
    """Return the federation service of a federated domain; None for a managed domain."""
    if entry.domain.kind != "federated" or entry.domain.federation is None:
        return None
    return estate.federation_service(entry.domain.federation)


def build_realm_v1(
    cloud: Cloud, directory: Directory, login: str, find_service: FindService, *, desktop_sso: bool, request_id: str
) -> dict[str, Any]:
    """Build the reply for native clients (``api-version=1.0``).

    ``desktop_sso``: whether the client is one that is sent to autologon (``ClientRule``). A managed user of a tenant
    with Seamless SSO is then ``Federated``, with autologon as the federation service. The JSON of that reply is
    unconfirmed; it is derived from the URLs that clients request next (MSAL.NET issues 1985, 2044).
    """
    common = {"cloud_instance_name": cloud.cloud_instance_name, "cloud_audience_urn": cloud.audience_urn}
    entry = directory.find_domain(login) if "@" in login else None
    if entry is None:
        return {"ver": "1.0", "account_type": "Unknown", **common}
    domain = entry.domain.name
    service = find_service(entry)
    if service is not None and service.protocol == "SAML20":  # neither MEX nor an active address
        base = {"ver": "1.0", "account_type": "Federated", "domain_name": domain, "federation_protocol": "SAML20"}
        return {**base, **common}
    if service is not None:
        mex, active = (
            endpoint_urls.adfs_mex_url(service),
            endpoint_urls.adfs_trust_url(service, "2005", "usernamemixed"),
        )
        return _describe_federated(domain, mex, active, common)
    if entry.tenant.desktop_sso and desktop_sso:
        mex = endpoint_urls.autologon_mex_url(cloud, domain, request_id)
        return _describe_federated(
            domain, mex, endpoint_urls.autologon_trust_url(cloud, domain, "usernamemixed", request_id), common
        )
    return {"ver": "1.0", "account_type": "Managed", "domain_name": domain, **common}


def _describe_federated(domain: str, mex: str, active: str, common: dict[str, str]) -> dict[str, Any]:
    return {
        "ver": "1.0",
        "account_type": "Federated",
        "domain_name": domain,
        "federation_protocol": "WSTrust",
        "federation_metadata_url": mex,
        "federation_active_auth_url": active,
        **common,
    }


def _name_space(
    entry: DomainEntry | None, find_service: FindService
) -> tuple[Literal["Managed", "Federated", "Unknown"], FederationService | None]:
    if entry is None:
        return "Unknown", None
    service = find_service(entry)
    return ("Managed" if service is None else "Federated"), service


def build_realm_v2(cloud: Cloud, directory: Directory, login: str, find_service: FindService) -> dict[str, Any]:
    """Build the reply for the sign-in page (``api-version=2.0`` and ``2.1``).

    An unknown domain has three fields only.
    """
    entry = directory.find_domain(login) if "@" in login else None
    kind, service = _name_space(entry, find_service)
    answer: dict[str, Any] = {"NameSpaceType": kind, "Login": login, "cloud_instance_name": cloud.cloud_instance_name}
    if entry is None:
        return answer
    answer |= {
        "DomainName": entry.domain.name,
        "FederationBrandName": entry.tenant.display_name,
        "TenantBrandingInfo": None,
    }
    if service is not None:
        answer |= {"federation_protocol": service.protocol, "AuthURL": endpoint_urls.federation_page_url(service)}
    if entry.tenant.desktop_sso:
        answer["is_dsso_enabled"] = True
    return answer


def build_realm_srf(cloud: Cloud, directory: Directory, login: str, find_service: FindService) -> dict[str, Any]:
    """Build the oldest reply (``GetUserRealm.srf``). ``State`` 1 for an unknown domain is unconfirmed.

    The members in ``XML_ONLY`` are those of the XML form only; programs that sign in to SharePoint read them.
    """
    entry = directory.find_domain(login) if "@" in login else None
    kind, service = _name_space(entry, find_service)
    state, user_state = _STATES[kind]
    answer: dict[str, Any] = {"State": state, "UserState": user_state, "Login": login, "NameSpaceType": kind}
    if entry is not None:
        answer |= {"DomainName": entry.domain.name, "FederationGlobalVersion": -1}
        answer["IsFederatedNS"] = "false" if service is None else "true"
        if service is not None:
            answer["AuthURL"] = endpoint_urls.federation_page_url(service)
        if service is not None and service.protocol == "WSTrust":
            answer["STSAuthURL"] = endpoint_urls.adfs_trust_url(service, "2005", "usernamemixed")
            answer["MEXURL"] = endpoint_urls.adfs_mex_url(service)
        answer["FederationBrandName"] = entry.tenant.display_name
    answer["CloudInstanceName"] = cloud.cloud_instance_name
    return answer


def render_realm_xml(realm: dict[str, Any]) -> bytes:
    """Render the reply of ``GetUserRealm.srf`` with ``xml=1``. Source: captures of it in public notes and programs."""
    members = "".join(f"<{name}>{escape_text(str(value))}</{name}>" for name, value in realm.items())
    return f'<?xml version="1.0"?><RealmInfo Success="true">{members}</RealmInfo>'.encode()
