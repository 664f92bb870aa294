"""The estate of these tests: Contoso with one device of each kind, identities, an issuer and applications."""

from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from ssosim.estate import (
    AppRoleAssignment,
    Device,
    Estate,
    FederatedCredential,
    Host,
    ManagedIdentity,
    OpenidIssuer,
    ServiceConnection,
    WorkloadIdentity,
    default_estate,
)

ARM = "https://management.azure.com"
VAULT = "https://vault.azure.net"
CLUSTER = "https://oidc.contoso.example/cluster-1"
PIPELINES = "https://vstoken.contoso.example/organization"
CART = "system:serviceaccount:shop:cart"
CONNECTION = "0f8fad5b-d9cb-469f-a165-70867728950e"
ORDERS = ManagedIdentity(
    name="orders",
    app_role_assignments=(AppRoleAssignment(resource="https://graph.microsoft.com", app_roles=("User.Read.All",)),),
    federated_credentials=(
        FederatedCredential(name="cart", issuer=CLUSTER, subject=CART),
        FederatedCredential(name="deploy", issuer=PIPELINES, subject="sc://contoso/shop/production"),
    ),
)
BILLING = ManagedIdentity(name="billing")


def make_estate() -> Estate:
    """Return the estate: devices are called as their kinds, and more where a kind has several cases."""
    both: dict[str, Any] = {"system_assigned_identity": True, "user_assigned_identities": ("orders",)}
    client = ORDERS.effective_client_id
    devices = (
        Device(name="vm", kind="vm", **both),
        Device(name="vm-user-assigned", kind="vm", user_assigned_identities=("orders",)),
        Device(name="vm-two", kind="vm", user_assigned_identities=("orders", "billing")),
        Device(name="vm-none", kind="vm"),
        Device(name="scale-set", kind="scale-set", **both),
        Device(name="app-service", kind="app-service", **both),
        Device(name="functions", kind="functions", user_assigned_identities=("orders",)),
        Device(name="automation", kind="automation", **both),
        Device(name="arc", kind="arc", system_assigned_identity=True),
        Device(name="service-fabric", kind="service-fabric", system_assigned_identity=True),
        Device(name="aks-pod", kind="aks-pod", user_assigned_identities=("orders",)),
        Device(name="azure-ml", kind="azure-ml", user_assigned_identities=("orders",)),
        Device(name="cloud-shell", kind="cloud-shell", user="alice@contoso.com"),
        Device(
            name="aks-workload",
            kind="aks-workload",
            workload_identity=WorkloadIdentity(issuer=CLUSTER, subject=CART, client_id=client),
        ),
        Device(
            name="pipelines",
            kind="pipelines",
            service_connections=(
                ServiceConnection(
                    id=CONNECTION, issuer=PIPELINES, subject="sc://contoso/shop/production", client_id=client
                ),
            ),
        ),
        Device(name="container", kind="container", user="alice@contoso.com"),
        Device(name="ssh", kind="ssh", user="alice@contoso.com"),
    )
    estate = default_estate()
    return replace(
        estate,
        devices=(*estate.devices, *devices),
        managed_identities=(ORDERS, BILLING),
        openid_issuers=(OpenidIssuer(issuer=CLUSTER), OpenidIssuer(issuer=PIPELINES)),
        hosts=(
            *estate.hosts,
            Host(name="issuers", address="203.0.113.40", services=("oidc-issuer",)),
            Host(name="devops", address="203.0.113.41", services=("pipelines-oidc",)),
        ),
    )


_CLIENT = ORDERS.effective_client_id
TRUSTING = "3c9d7e51-6a0b-4b0e-9c55-2f8b1d7e4b09"
"""The application that trusts the identity called orders."""

TOML = f"""
[[hosts]]
name = "issuers"
address = "203.0.113.40"
services = ["oidc-issuer"]

[[hosts]]
name = "devops"
address = "203.0.113.41"
services = ["pipelines-oidc"]

[[openid_issuers]]
issuer = "{CLUSTER}"

[[openid_issuers]]
issuer = "{PIPELINES}"

[[managed_identities]]
name = "orders"
federated_credentials = [
  {{ name = "cart", issuer = "{CLUSTER}", subject = "{CART}" }},
  {{ name = "deploy", issuer = "{PIPELINES}", subject = "sc://contoso/shop/production" }},
]

[[managed_identities]]
name = "billing"

[[applications]]
client_id = "{TRUSTING}"
name = "Orders report"
[[applications.federated_credentials]]
name = "orders"
issuer = "https://login.microsoftonline.com/5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10/v2.0"
subject = "{ORDERS.effective_object_id}"

[[devices]]
name = "vm"
kind = "vm"
system_assigned_identity = true
user_assigned_identities = ["orders"]

[[devices]]
name = "vm-two"
kind = "vm"
user_assigned_identities = ["orders", "billing"]

[[devices]]
name = "vm-user-assigned"
kind = "vm"
user_assigned_identities = ["orders"]

[[devices]]
name = "vm-none"
kind = "vm"

[[devices]]
name = "scale-set"
kind = "scale-set"
system_assigned_identity = true

[[devices]]
name = "app-service"
kind = "app-service"
system_assigned_identity = true
user_assigned_identities = ["orders"]

[[devices]]
name = "functions"
kind = "functions"
user_assigned_identities = ["orders"]

[[devices]]
name = "automation"
kind = "automation"
system_assigned_identity = true

[[devices]]
name = "arc"
kind = "arc"
system_assigned_identity = true

[[devices]]
name = "service-fabric"
kind = "service-fabric"
system_assigned_identity = true

[[devices]]
name = "aks-pod"
kind = "aks-pod"
user_assigned_identities = ["orders"]

[[devices]]
name = "azure-ml"
kind = "azure-ml"
user_assigned_identities = ["orders"]

[[devices]]
name = "cloud-shell"
kind = "cloud-shell"
user = "alice@contoso.com"

[[devices]]
name = "aks-workload"
kind = "aks-workload"
workload_identity = {{ issuer = "{CLUSTER}", subject = "{CART}", client_id = "{ORDERS.effective_client_id}" }}

[[devices]]
name = "aks-other-audience"
kind = "aks-workload"
[devices.workload_identity]
issuer = "{CLUSTER}"
subject = "{CART}"
client_id = "{_CLIENT}"
audience = "https://kubernetes.default.svc"

[[devices]]
name = "app-service-none"
kind = "app-service"

[[devices]]
name = "pipelines"
kind = "pipelines"
service_connections = [
  {{ id = "{CONNECTION}", issuer = "{PIPELINES}", subject = "sc://contoso/shop/production", client_id = "{_CLIENT}" }},
]

[[devices]]
name = "container"
kind = "container"
user = "alice@contoso.com"
"""
"""The same as sections of an estate file."""
