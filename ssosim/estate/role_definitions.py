"""Built-in role definitions of Azure: which actions and data actions each role has.

Sources: Azure document "Azure built-in roles" (ids, actions, data actions), "Understand Azure role definitions"
(wildcards; ``notActions``; a role without data actions gives no access to data). Only the roles that matter to the
resource servers of a lab are here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from msgspec import Struct

__all__ = ["ROLE_DEFINITIONS", "RoleDefinition"]


class RoleDefinition(Struct, frozen=True):
    """One role: its GUID, and patterns of the actions and data actions that it allows."""

    id: str
    name: str
    actions: tuple[str, ...] = ()
    not_actions: tuple[str, ...] = ()
    data_actions: tuple[str, ...] = ()

    def allows(self, action: str) -> bool:
        """Whether the role allows an action on the resource itself (control plane)."""
        return _matches(self.actions, action) and not _matches(self.not_actions, action)

    def allows_data(self, action: str) -> bool:
        """Whether the role allows an action on the data in a resource (data plane)."""
        return _matches(self.data_actions, action)


def _matches(patterns: tuple[str, ...], action: str) -> bool:
    return any(_compile(pattern).fullmatch(action) for pattern in patterns)


@lru_cache(maxsize=256)
def _compile(pattern: str) -> re.Pattern[str]:
    return re.compile(re.escape(pattern).replace(r"\*", ".*"), re.IGNORECASE)


_SECRETS = "Microsoft.KeyVault/vaults/secrets"
_CONTAINERS = "Microsoft.Storage/storageAccounts/blobServices/containers"
_VAULT_ACTIONS = ("Microsoft.KeyVault/vaults/read",)

_ALL = (
    RoleDefinition("8e3af657-a8ff-443c-a75c-2fe8c4bcb635", "Owner", ("*",)),
    RoleDefinition(
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Contributor",
        ("*",),
        (
            "Microsoft.Authorization/*/Delete",
            "Microsoft.Authorization/*/Write",
            "Microsoft.Authorization/elevateAccess/Action",
        ),
    ),
    RoleDefinition("acdd72a7-3385-48ef-bd42-f606fba81ae7", "Reader", ("*/read",)),
    RoleDefinition(
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "User Access Administrator",
        ("*/read", "Microsoft.Authorization/*"),
    ),
    RoleDefinition(
        "00482a5a-887f-4fb3-b363-3b7fe8e74483",
        "Key Vault Administrator",
        ("Microsoft.KeyVault/*/read",),
        (),
        ("Microsoft.KeyVault/vaults/*",),
    ),
    RoleDefinition(
        "21090545-7ca7-4776-b22c-e363652d74d2",
        "Key Vault Reader",
        _VAULT_ACTIONS,
        (),
        ("Microsoft.KeyVault/vaults/*/read", f"{_SECRETS}/readMetadata/action"),
    ),
    RoleDefinition(
        "b86a8fe4-44ce-4948-aee5-eccb2c155cd7",
        "Key Vault Secrets Officer",
        _VAULT_ACTIONS,
        (),
        (f"{_SECRETS}/*",),
    ),
    RoleDefinition(
        "4633458b-17de-408a-b874-0445c86b69e6",
        "Key Vault Secrets User",
        (),
        (),
        (f"{_SECRETS}/getSecret/action", f"{_SECRETS}/readMetadata/action"),
    ),
    RoleDefinition(
        "b7e6dc6d-f1e8-4753-8033-0f276bb0955b",
        "Storage Blob Data Owner",
        (f"{_CONTAINERS}/*",),
        (),
        (f"{_CONTAINERS}/blobs/*",),
    ),
    RoleDefinition(
        "ba92f5b4-2d11-453d-a403-e96b0029c9fe",
        "Storage Blob Data Contributor",
        (f"{_CONTAINERS}/delete", f"{_CONTAINERS}/read", f"{_CONTAINERS}/write"),
        (),
        tuple(f"{_CONTAINERS}/blobs/{verb}" for verb in ("delete", "read", "write", "move/action", "add/action")),
    ),
    RoleDefinition(
        "2a2b9908-6ea1-4ae2-8e65-a410df84e7d1",
        "Storage Blob Data Reader",
        (f"{_CONTAINERS}/read",),
        (),
        (f"{_CONTAINERS}/blobs/read",),
    ),
)

ROLE_DEFINITIONS: Mapping[str, RoleDefinition] = MappingProxyType({each.name: each for each in _ALL})
"""The roles by name."""
