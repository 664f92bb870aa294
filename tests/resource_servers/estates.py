"""The estate of these tests: Contoso with subscriptions, a vault, a storage account, roles and resource servers."""

from __future__ import annotations

SUBSCRIPTION = "00000000-0000-4000-8000-000000000001"
OTHER_SUBSCRIPTION = "00000000-0000-4000-8000-000000000002"
LITWARE_SUBSCRIPTION = "00000000-0000-4000-8000-000000000003"
CONTOSO_TENANT = "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"
LITWARE_TENANT = "8d7a41f3-52b9-4c0e-8a57-6f1f4f0b7c22"
BACK_END = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01"
SHOP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/shop"
VAULT = f"{SHOP}/providers/Microsoft.KeyVault/vaults/contoso-shop"
ACCOUNT = f"{SHOP}/providers/Microsoft.Storage/storageAccounts/contososhop"

TOML = f"""
[[hosts]]
name = "azure"
address = "203.0.113.50"
services = ["arm", "graph", "key-vault", "blob-storage", "outlook"]

[[managed_identities]]
name = "orders"

[[managed_identities]]
name = "idle"

[[devices]]
name = "vm"
kind = "vm"
system_assigned_identity = true
user_assigned_identities = ["orders", "idle"]

[[devices]]
name = "vm-system"
kind = "vm"
system_assigned_identity = true

[[devices]]
name = "container"
kind = "container"
user = "alice@contoso.com"

[[subscriptions]]
id = "{SUBSCRIPTION}"
display_name = "Contoso production"
resource_groups = [{{ name = "shop" }}, {{ name = "office" }}]

[[subscriptions]]
id = "{OTHER_SUBSCRIPTION}"
display_name = "Contoso archive"
state = "Disabled"
resource_groups = [{{ name = "old" }}]

[[subscriptions]]
id = "{LITWARE_SUBSCRIPTION}"
display_name = "Litware"
tenant = "litware.onmicrosoft.com"

[[key_vaults]]
name = "contoso-shop"
subscription = "{SUBSCRIPTION}"
resource_group = "shop"
secrets = {{ database = "vault-secret-value" }}

[[storage_accounts]]
name = "contososhop"
subscription = "{SUBSCRIPTION}"
resource_group = "shop"
containers = [{{ name = "orders", blobs = {{ "first.txt" = "one order" }} }}]

[[role_assignments]]
principal = "alice@contoso.com"
role = "Owner"
scope = "/subscriptions/{SUBSCRIPTION}"

[[role_assignments]]
principal = "alice@contoso.com"
role = "Owner"
scope = "/subscriptions/{OTHER_SUBSCRIPTION}"

[[role_assignments]]
principal = "bob@contoso.com"
role = "Reader"
scope = "{SHOP}"

[[role_assignments]]
principal = "orders"
role = "Contributor"
scope = "{SHOP}"

[[role_assignments]]
principal = "orders"
role = "Key Vault Secrets User"
scope = "{VAULT}"

[[role_assignments]]
principal = "orders"
role = "Storage Blob Data Reader"
scope = "{ACCOUNT}"

[[role_assignments]]
principal = "vm"
role = "Reader"
scope = "/subscriptions/{SUBSCRIPTION}"

[[role_assignments]]
principal = "vm-system"
role = "Reader"
scope = "/subscriptions/{SUBSCRIPTION}"

[[role_assignments]]
principal = "lena@litware.example"
role = "Owner"
scope = "/subscriptions/{LITWARE_SUBSCRIPTION}"

[[role_assignments]]
principal = "alice@contoso.com"
role = "Reader"
scope = "/subscriptions/{LITWARE_SUBSCRIPTION}"

[[role_assignments]]
principal = "{BACK_END}"
role = "Reader"
scope = "/subscriptions/{SUBSCRIPTION}"
"""
"""Sections that are added to the default estate."""
