"""The URLs of the provider's endpoints, as they appear in replies and documents."""

from __future__ import annotations

from ssosim.estate import Cloud, FederationService

__all__ = [
    "adfs_mex_url",
    "adfs_trust_url",
    "autologon_issuer",
    "autologon_mex_url",
    "autologon_trust_url",
    "federation_page_url",
    "login_srf_url",
    "primary_login_host",
]


def primary_login_host(cloud: Cloud) -> str:
    """Return the host name in the provider's own URLs (``login.microsoftonline.com`` in the public cloud)."""
    return cloud.login_hosts[0]


def autologon_mex_url(cloud: Cloud, domain: str, request_id: str) -> str:
    """Return the URL of the MEX document of ``domain``.

    The path is unconfirmed, so it is a setting (``Cloud.mex_path``).
    """
    path = cloud.mex_path.replace("{domain}", domain)
    return f"https://{cloud.autologon_host}{path}?client-request-id={request_id}"


def autologon_trust_url(cloud: Cloud, domain: str, kind: str, request_id: str) -> str:
    """Return the URL of a WS-Trust endpoint; ``kind`` is ``windowstransport`` or ``usernamemixed``.

    Source: MSAL.NET issues 1985, 2044.
    """
    path = cloud.trust_path.replace("{domain}", domain)
    return f"https://{cloud.autologon_host}{path}/{kind}?client-request-id={request_id}"


def autologon_issuer(cloud: Cloud, tenant_id: str) -> str:
    """Return the issuer of a fully signed assertion (``Cloud.assertion = "signed-saml"``).

    The value is chosen here; the issuer of the real service is unknown.
    """
    return f"https://{cloud.autologon_host}/{tenant_id}/"


def adfs_mex_url(service: FederationService) -> str:
    """Return the URL of the federation service's MEX document, at the path that AD FS uses."""
    return f"https://{service.host}/adfs/services/trust/mex"


def adfs_trust_url(service: FederationService, version: str, kind: str) -> str:
    """Return the URL of a WS-Trust endpoint of the federation service; ``version`` is ``2005`` or ``13``.

    TLS with a client certificate has a port of its own (AD FS document "Alternate hostname binding for certificate
    authentication"); nothing listens there in the lab.
    """
    port = ":49443" if kind == "certificatetransport" else ""
    return f"https://{service.host}{port}/adfs/services/trust/{version}/{kind}"


def login_srf_url(host: str) -> str:
    """Return the URL at the login host ``host`` to which a federation service's page posts its response."""
    return f"https://{host}/login.srf"


def federation_page_url(service: FederationService) -> str:
    """Return the URL of the federation service's sign-in page for browsers (WS-Federation)."""
    return f"https://{service.host}/adfs/ls/"
