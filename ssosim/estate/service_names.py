"""The names of the services that a host may run: those of this package, and those of other installed packages.

This module has names and import addresses only; ``ssosim.services`` imports the services.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

__all__ = ["ENTRY_POINT_GROUP", "SHIPPED_SERVICES", "find_plugin_services", "list_service_names"]

ENTRY_POINT_GROUP = "ssosim.services"
"""The entry point group with which another package adds a service."""

SHIPPED_SERVICES: Mapping[str, str] = MappingProxyType(
    {
        "dns": "ssosim.services.infrastructure:DNS",
        "kdc": "ssosim.services.infrastructure:KDC",
        "kdc-proxy": "ssosim.services.infrastructure:kdc_proxy",
        "login": "ssosim.services.identity:login",
        "autologon": "ssosim.services.identity:autologon",
        "federation": "ssosim.services.identity:federation",
        "oidc-issuer": "ssosim.services.openid_issuer:oidc_issuer",
        "pipelines-oidc": "ssosim.credential_hosts.pipelines:pipelines_oidc",
        "arm": "ssosim.resource_servers.arm:arm",
        "graph": "ssosim.resource_servers.graph:graph",
        "key-vault": "ssosim.resource_servers.key_vault:key_vault",
        "blob-storage": "ssosim.resource_servers.storage:blob_storage",
        "outlook": "ssosim.resource_servers.outlook:outlook",
    }
)
"""The services of this package, as ``module:attribute``. Another package cannot use these names."""


def list_service_names() -> tuple[str, ...]:
    """Return every name that a host may list, those of this package first."""
    return (*SHIPPED_SERVICES, *sorted({point.name for point in find_plugin_services()} - set(SHIPPED_SERVICES)))


def find_plugin_services() -> tuple[EntryPoint, ...]:
    """Return the entry points of services in other installed packages, without loading them."""
    from importlib.metadata import entry_points  # noqa: PLC0415 - takes 20 ms, and most labs do not need it

    return tuple(entry_points(group=ENTRY_POINT_GROUP))
