"""Realm discovery: who signs this user in? Three generations of the question, one answer each.

Sources: MSAL.NET WsTrustWebRequestManager.cs and UserRealmDiscoveryResponse.cs, msal4j UserDiscoveryResponse.java,
MSAL Python authority.py, MSAL Go authority.go, MSAL.NET issue 1737 (live sample), AADInternals AccessToken_utils.ps1.
"""

from __future__ import annotations

from typing import Any, Literal

from ssosim.entra.core import endpoint_urls
from ssosim.entra.core.directory import Directory, Place
from ssosim.estate import Cloud, Estate, FederationService

__all__ = ["federation_of", "realm_srf", "realm_v1", "realm_v2"]

_STATES: dict[str, tuple[int, int]] = {"Managed": (4, 1), "Federated": (3, 2), "Unknown": (1, 1)}  # 1: unconfirmed


def federation_of(estate: Estate, place: Place) -> FederationService | None:
    """The federation service of a federated domain; None for a managed one."""
    if place.domain.kind != "federated" or place.domain.federation is None:
        return None
    return estate.federation_service(place.domain.federation)


def realm_v1(estate: Estate, directory: Directory, login: str, *, desktop_sso: bool, request_id: str) -> dict[str, Any]:
    """The native clients' answer (``api-version=1.0``).

    ``desktop_sso`` says that the caller belongs to the clients that are sent to autologon (``ClientRule``): a
    managed user of a tenant with Seamless SSO is then ``Federated``, with autologon as the federation service. The
    literal JSON of that answer is unconfirmed; it is put together from the URLs that clients call next (MSAL.NET
    issues 1985, 2044).
    """
    cloud = estate.cloud
    common = {"cloud_instance_name": cloud.cloud_instance_name, "cloud_audience_urn": cloud.audience_urn}
    place = directory.place(login) if "@" in login else None
    if place is None:
        return {"ver": "1.0", "account_type": "Unknown", **common}
    domain = place.domain.name
    service = federation_of(estate, place)
    if service is not None:
        mex, active = endpoint_urls.adfs_mex(service), endpoint_urls.adfs_trust(service, "2005", "usernamemixed")
        return _federated(domain, mex, active, common)
    if place.tenant.desktop_sso and desktop_sso:
        mex = endpoint_urls.autologon_mex(cloud, domain, request_id)
        return _federated(
            domain, mex, endpoint_urls.autologon_trust(cloud, domain, "usernamemixed", request_id), common
        )
    return {"ver": "1.0", "account_type": "Managed", "domain_name": domain, **common}


def _federated(domain: str, mex: str, active: str, common: dict[str, str]) -> dict[str, Any]:
    return {
        "ver": "1.0",
        "account_type": "Federated",
        "domain_name": domain,
        "federation_protocol": "WSTrust",
        "federation_metadata_url": mex,
        "federation_active_auth_url": active,
        **common,
    }


def _name_space(estate: Estate, place: Place | None) -> tuple[Literal["Managed", "Federated", "Unknown"], str | None]:
    if place is None:
        return "Unknown", None
    service = federation_of(estate, place)
    return ("Managed", None) if service is None else ("Federated", endpoint_urls.passive_sign_in(service))


def realm_v2(estate: Estate, directory: Directory, login: str) -> dict[str, Any]:
    """The sign-in page's answer (``api-version=2.0`` and ``2.1``). An unknown domain gets three fields only."""
    cloud: Cloud = estate.cloud
    place = directory.place(login) if "@" in login else None
    kind, url = _name_space(estate, place)
    answer: dict[str, Any] = {"NameSpaceType": kind, "Login": login, "cloud_instance_name": cloud.cloud_instance_name}
    if place is None:
        return answer
    answer |= {
        "DomainName": place.domain.name,
        "FederationBrandName": place.tenant.display_name,
        "TenantBrandingInfo": None,
    }
    if url is not None:
        answer |= {"federation_protocol": "WSTrust", "AuthURL": url}
    if place.tenant.desktop_sso:
        answer["is_dsso_enabled"] = True
    return answer


def realm_srf(estate: Estate, directory: Directory, login: str) -> dict[str, Any]:
    """The oldest answer (``GetUserRealm.srf``). ``State`` 1 for an unknown domain is unconfirmed."""
    place = directory.place(login) if "@" in login else None
    kind, url = _name_space(estate, place)
    state, user_state = _STATES[kind]
    answer: dict[str, Any] = {"State": state, "UserState": user_state, "Login": login, "NameSpaceType": kind}
    if place is not None:
        answer |= {"DomainName": place.domain.name, "FederationGlobalVersion": -1}
        if url is not None:
            answer["AuthURL"] = url
        answer["FederationBrandName"] = place.tenant.display_name
    answer["CloudInstanceName"] = estate.cloud.cloud_instance_name
    return answer
