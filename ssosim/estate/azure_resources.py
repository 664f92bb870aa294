"""Azure resources of an estate: subscriptions, resource groups, key vaults, storage accounts, and role assignments.

They are what tokens are good for: the services ``arm``, ``key-vault`` and ``blob-storage`` serve them. The keys have
the names of Azure Resource Manager, in snake case. Sources: Azure Resource Manager REST documentation (subscriptions,
resource groups, deployments), Azure documents "What is Azure role-based access control?", "About Azure Key Vault
secrets", "Introduction to Azure Blob Storage".
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, field

from ssosim.estate.entry import EstateEntry

__all__ = [
    "BlobContainer",
    "KeyVault",
    "ResourceGroup",
    "ResourceManager",
    "RoleAssignment",
    "StorageAccount",
    "Subscription",
    "SubscriptionState",
]

SubscriptionState = Literal["Enabled", "Disabled", "Warned", "PastDue"]

_Guid = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
_GroupName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_().-]{0,89}[A-Za-z0-9_()-]$")]
_VaultName = Annotated[str, Meta(pattern=r"^[A-Za-z](-?[A-Za-z0-9])+$", min_length=3, max_length=24)]
_AccountName = Annotated[str, Meta(pattern=r"^[a-z0-9]{3,24}$")]
_ContainerName = Annotated[str, Meta(pattern=r"^[a-z0-9](-?[a-z0-9])+$", min_length=3, max_length=63)]
_Scope = Annotated[str, Meta(pattern=r"^/subscriptions/[!-~]+$", max_length=512)]


class ResourceGroup(EstateEntry, frozen=True, kw_only=True):
    """A resource group of a subscription."""

    name: _GroupName
    location: str = "westeurope"


class Subscription(EstateEntry, frozen=True, kw_only=True):
    """A subscription. ``tenant`` is the tenant that it trusts; None is the first tenant of the estate."""

    id: _Guid
    display_name: str
    tenant: str | None = None
    state: SubscriptionState = "Enabled"
    resource_groups: tuple[ResourceGroup, ...] = ()

    @property
    def path(self) -> str:
        """The resource id."""
        return f"/subscriptions/{self.id}"


class KeyVault(EstateEntry, frozen=True, kw_only=True):
    """A key vault at ``NAME.vault.azure.net`` that uses role assignments. ``subscription`` is an id.

    ``secrets`` are the values of its secrets by name.
    """

    name: _VaultName
    subscription: _Guid
    resource_group: _GroupName
    secrets: dict[str, str] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The resource id."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.KeyVault/vaults/{self.name}"


class BlobContainer(EstateEntry, frozen=True, kw_only=True):
    """A container of a storage account. ``blobs`` are texts by name."""

    name: _ContainerName
    blobs: dict[str, str] = field(default_factory=dict)


class StorageAccount(EstateEntry, frozen=True, kw_only=True):
    """A storage account with blobs at ``NAME.blob.core.windows.net``. ``subscription`` is an id."""

    name: _AccountName
    subscription: _Guid
    resource_group: _GroupName
    containers: tuple[BlobContainer, ...] = ()

    @property
    def path(self) -> str:
        """The resource id."""
        group = f"/subscriptions/{self.subscription}/resourceGroups/{self.resource_group}"
        return f"{group}/providers/Microsoft.Storage/storageAccounts/{self.name}"


class RoleAssignment(EstateEntry, frozen=True, kw_only=True):
    """A role that ``principal`` has in ``scope`` and in everything below it.

    ``principal`` is the UPN of a user, the name of a managed identity or of a device with a system-assigned identity,
    the client id of an application, or an object id. ``role`` is the name of a built-in role. ``scope`` is a resource
    id that begins with ``/subscriptions/``.
    """

    principal: Annotated[str, Meta(min_length=1)]
    role: str
    scope: _Scope


class ResourceManager(EstateEntry, frozen=True, kw_only=True):
    """How Azure Resource Manager behaves: the section ``[resource_manager]``.

    ``deployment_duration`` is in seconds; ``retry_after`` is the value of the header field, in seconds.
    ``mandatory_mfa``: a user must have signed in with a second factor to create, update or delete anything. Source:
    Entra document "Planning for mandatory multifactor authentication for Azure" (phase 2, since October 2025).
    """

    deployment_duration: Annotated[float, Meta(ge=0, le=7 * 86_400)] = 20.0
    retry_after: Annotated[int, Meta(ge=0, le=3600)] = 5
    mandatory_mfa: bool = True
