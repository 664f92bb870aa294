"""Instance discovery, OpenID configuration and the key set.

Sources: MSAL.NET NetworkMetadataProvider.cs and KnownMetadataProvider.cs, msal4j AadInstanceDiscoveryProvider.java,
MSAL Python authority.py and application.py, MSAL Go authority.go; the error shape is MSAL.NET's
TestConstants.DiscoveryFailedResponse.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from types import MappingProxyType
from typing import Any, Literal
from urllib.parse import urlsplit

from msgspec import Struct

from ssosim.entra.core.directory import Authority
from ssosim.entra.core.endpoint_urls import primary_login_host
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.jose import build_key_set
from ssosim.entra.core.keys import SigningKey
from ssosim.entra.core.known_clouds import list_login_hosts
from ssosim.estate import Cloud, Tenant
from ssosim.estate.first_party import GRAPH_URIS, CloudName, cloud_name_of

__all__ = ["TokenVersion", "build_instance_discovery", "build_jwks", "build_openid_configuration", "issuer_of"]

TokenVersion = Literal["1.0", "2.0"]


class _Region(Struct, frozen=True):
    """What the OpenID configuration of a tenant says of its cloud; ``graph_host`` is that of the Azure AD Graph."""

    scope: str
    sub_scope: str
    graph_host: str
    rbac_url: str


_REGIONS: Mapping[CloudName, _Region] = MappingProxyType(
    {
        "public": _Region("WW", "", "graph.windows.net", "https://pas.windows.net"),
        "usgov": _Region("USGov", "DODCON", "graph.microsoftazure.us", "https://pasff.usgovcloudapi.net"),
        "china": _Region("AS", "", "graph.chinacloudapi.cn", "https://pas.chinacloudapi.cn"),
    }
)
"""Public tools tell the clouds apart by the scopes USGov and DODCON (GCC High). The values of China and the addresses
of ``rbac_url`` in national clouds are unconfirmed."""


@lru_cache(maxsize=1024)
def issuer_of(cloud: Cloud, tenant_id: str, version: TokenVersion) -> str:
    """Return the ``iss`` claim of tokens. It depends on the token version, not on the host that the client used."""
    if version == "1.0":
        host = "sts.chinacloudapi.cn" if cloud_name_of(cloud.cloud_instance_name) == "china" else "sts.windows.net"
        return f"https://{host}/{tenant_id}/"
    return f"https://{primary_login_host(cloud)}/{tenant_id}/v2.0"


def build_instance_discovery(
    clouds: Sequence[Cloud], authorization_endpoint: str | None, api_version: str
) -> dict[str, Any]:
    """Build the instance discovery document: the host aliases of ``clouds`` and of all known clouds.

    ``authorization_endpoint`` may be at a host of any of them (MSAL.NET issues 5630 and 1048, MSAL.js issue 4586).
    Raises AadstsError: 900144 without the parameter, 50049 for a host that is no login host of a known cloud.
    """
    if not authorization_endpoint:
        raise AadstsError(900144, name="authorization_endpoint")
    try:
        parts = urlsplit(authorization_endpoint)
        host = parts.hostname or ""
    except ValueError:
        raise AadstsError(50049) from None
    known = list_login_hosts(clouds)
    if parts.scheme != "https" or not any(host in each.hosts for each in known):
        raise AadstsError(50049)
    tenant = parts.path.strip("/").split("/")[0] or "common"
    version = "/v2.0" if "/v2.0/" in parts.path.lower() else ""
    answer: dict[str, Any] = {
        "tenant_discovery_endpoint": f"https://{host}/{tenant}{version}/.well-known/openid-configuration",
        "api-version": api_version,
    }
    if api_version != "1.0":
        answer["metadata"] = [each.to_metadata() for each in known]
    return answer


def build_openid_configuration(cloud: Cloud, host: str, authority: Authority, version: TokenVersion) -> dict[str, Any]:
    """Build the OpenID configuration. The endpoints of a tenant contain its GUID, also if the request named a domain.

    MSAL Python takes the tenant id of its cache from ``token_endpoint``, so the GUID is needed. The names are those of
    recordings in the tests of azure-sdk-for-js; nothing answers at ``kerberos_endpoint`` and ``rbac_url`` here.
    """
    name = authority.id if isinstance(authority, Tenant) else authority
    base = f"https://{host}/{name}"
    path = "/v2.0" if version == "2.0" else ""
    kind = cloud_name_of(cloud.cloud_instance_name)
    graph = GRAPH_URIS[kind]
    region = _REGIONS[kind]
    tenant_id = name if isinstance(authority, Tenant) else "{tenantid}"
    return {
        "token_endpoint": f"{base}/oauth2{path}/token",
        "token_endpoint_auth_methods_supported": ["client_secret_post", "private_key_jwt", "client_secret_basic"],
        "jwks_uri": f"{base}/discovery{path}/keys",
        "response_modes_supported": ["query", "fragment", "form_post"],
        "subject_types_supported": ["pairwise"],
        "id_token_signing_alg_values_supported": ["RS256"],
        "response_types_supported": ["code", "id_token", "code id_token", "id_token token"],
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "issuer": issuer_of(cloud, tenant_id, version),
        "request_uri_parameter_supported": False,
        "userinfo_endpoint": f"{graph}/oidc/userinfo" if version == "2.0" else f"{base}/openid/userinfo",
        "authorization_endpoint": f"{base}/oauth2{path}/authorize",
        "device_authorization_endpoint": f"{base}/oauth2{path}/devicecode",
        "http_logout_supported": True,
        "frontchannel_logout_supported": True,
        "end_session_endpoint": f"{base}/oauth2{path}/logout",
        "claims_supported": [
            "sub", "iss", "cloud_instance_name", "cloud_instance_host_name", "cloud_graph_host_name", "msgraph_host",
            "aud", "exp", "iat", "auth_time", "acr", "nonce", "preferred_username", "name", "tid", "ver", "at_hash",
            "c_hash", "email",
        ],
        "kerberos_endpoint": f"{base}/kerberos",
        "tenant_region_scope": region.scope if isinstance(authority, Tenant) else None,
        **({"tenant_region_sub_scope": region.sub_scope} if region.sub_scope and isinstance(authority, Tenant) else {}),
        "cloud_instance_name": cloud.cloud_instance_name,
        "cloud_graph_host_name": region.graph_host,
        "msgraph_host": graph.removeprefix("https://"),
        "rbac_url": region.rbac_url,
    }  # fmt: skip


def build_jwks(cloud: Cloud, key: SigningKey, authority: Authority, version: TokenVersion) -> dict[str, Any]:
    """Build the key set that is served at the ``jwks_uri`` of this version."""
    if version == "1.0":
        return build_key_set((key,))
    tenant_id = authority.id if isinstance(authority, Tenant) else "{tenantid}"
    return build_key_set((key,), issuer_of(cloud, tenant_id, version))
