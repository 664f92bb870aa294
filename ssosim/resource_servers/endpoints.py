"""Host names and audiences of the resource servers, by cloud.

Sources: Azure documents "Compare Azure Government and global Azure" and "Azure China developer guide"; Entra document
"National clouds"; argocd-vault-plugin issue 621 and azure-docs issue 109562 (the audiences that Key Vault takes, with
AKV10022), active-directory-dotnetcore-daemon-v2 issue 145 (those of Azure Resource Manager), Azure document "Authorize
access to blobs using Microsoft Entra ID" (those of Azure Storage).
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from ssosim.estate import Estate
from ssosim.estate.first_party import (
    ARM,
    EXCHANGE_ONLINE,
    FIRST_PARTY,
    GRAPH,
    KEY_VAULT,
    CloudName,
    cloud_name_of,
    identifier_uris_in,
)

__all__ = [
    "ARM_HOSTS",
    "BLOB_SUFFIXES",
    "GRAPH_HOSTS",
    "OUTLOOK_HOSTS",
    "VAULT_SUFFIXES",
    "arm_audiences",
    "graph_audiences",
    "outlook_audiences",
    "storage_audiences",
    "vault_audiences",
]

_ByCloud = Mapping[CloudName, str]

ARM_HOSTS: _ByCloud = MappingProxyType(
    {
        "public": "management.azure.com",
        "usgov": "management.usgovcloudapi.net",
        "china": "management.chinacloudapi.cn",
    }
)
GRAPH_HOSTS: _ByCloud = MappingProxyType(
    {"public": "graph.microsoft.com", "usgov": "graph.microsoft.us", "china": "microsoftgraph.chinacloudapi.cn"}
)
OUTLOOK_HOSTS: _ByCloud = MappingProxyType(
    {"public": "outlook.office365.com", "usgov": "outlook.office365.us", "china": "partner.outlook.cn"}
)
VAULT_SUFFIXES: _ByCloud = MappingProxyType(
    {"public": "vault.azure.net", "usgov": "vault.usgovcloudapi.net", "china": "vault.azure.cn"}
)
BLOB_SUFFIXES: _ByCloud = MappingProxyType(
    {
        "public": "blob.core.windows.net",
        "usgov": "blob.core.usgovcloudapi.net",
        "china": "blob.core.chinacloudapi.cn",
    }
)


def arm_audiences(estate: Estate) -> frozenset[str]:
    """Return the audiences of Azure Resource Manager: its URIs, each with and without the last slash."""
    return _with_and_without_slash(_uris(estate, ARM))


def graph_audiences(estate: Estate) -> frozenset[str]:
    """Return the audiences of Microsoft Graph: its URI with and without the last slash, and its client id."""
    host = GRAPH_HOSTS[cloud_name_of(estate.cloud.cloud_instance_name)]
    return _with_and_without_slash((f"https://{host}",)) | {GRAPH}


def vault_audiences(estate: Estate) -> frozenset[str]:
    """Return the audiences of Key Vault: its URI without a slash, and its client id. No vault's own host is one."""
    return frozenset((f"https://{VAULT_SUFFIXES[cloud_name_of(estate.cloud.cloud_instance_name)]}", KEY_VAULT))


def storage_audiences(estate: Estate, account: str) -> frozenset[str]:
    """Return the audiences of the blobs of ``account``: those of Azure Storage, and the host of the account."""
    suffix = BLOB_SUFFIXES[cloud_name_of(estate.cloud.cloud_instance_name)]
    return _with_and_without_slash(("https://storage.azure.com", f"https://{account}.{suffix}"))


def outlook_audiences(estate: Estate) -> frozenset[str]:
    """Return the audiences of Exchange Online: its URIs, each with and without the last slash."""
    return _with_and_without_slash(_uris(estate, EXCHANGE_ONLINE))


def _uris(estate: Estate, api: str) -> tuple[str, ...]:
    return identifier_uris_in(cloud_name_of(estate.cloud.cloud_instance_name), FIRST_PARTY[api])


def _with_and_without_slash(uris: tuple[str, ...]) -> frozenset[str]:
    plain = {uri.removesuffix("/") for uri in uris}
    return frozenset(plain | {f"{uri}/" for uri in plain})
