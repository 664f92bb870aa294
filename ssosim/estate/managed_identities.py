"""Managed identities, and the kinds of devices whose programs sign in without a person: values of an estate.

A managed identity is a service principal whose credential a host holds. A *system-assigned* identity belongs to one
device, a *user-assigned* one is a resource of its own that several devices may have. Sources: Entra document "What are
managed identities for Azure resources?"; Azure Resource Manager, resource type
``Microsoft.ManagedIdentity/userAssignedIdentities``; Kubernetes document "Configure Service Accounts for Pods"
(projected token); Azure Pipelines document "Workload identity federation" (service connections).
"""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from msgspec import Meta

from ssosim.estate.applications import Application, AppRoleAssignment, ServicePrincipal
from ssosim.estate.credentials import FederatedCredential
from ssosim.estate.entry import EstateEntry

__all__ = [
    "KINDS_WITH_IDENTITIES",
    "DeviceKind",
    "ManagedIdentity",
    "ServiceConnection",
    "WorkloadIdentity",
    "make_system_assigned",
]

DeviceKind = Literal[
    "desktop",
    "vm",
    "scale-set",
    "app-service",
    "functions",
    "automation",
    "arc",
    "service-fabric",
    "aks-pod",
    "aks-workload",
    "cloud-shell",
    "azure-ml",
    "pipelines",
    "container",
    "ssh",
]
"""What a device is. ``desktop`` has a signed-on user and a browser; ``container`` and ``ssh`` have no browser."""

KINDS_WITH_IDENTITIES = frozenset(
    {
        "vm",
        "scale-set",
        "app-service",
        "functions",
        "automation",
        "arc",
        "service-fabric",
        "aks-pod",
        "azure-ml",
    }
)
"""The kinds of devices that can have managed identities."""

_Guid = Annotated[str, Meta(pattern=r"^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$")]
_ResourceId = Annotated[str, Meta(pattern=r"^/subscriptions/[!-~]+$", max_length=512)]
_EXCHANGE = "api://AzureADTokenExchange"
_SUBSCRIPTION = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups"
_RESOURCE_TYPES = {
    "vm": "Microsoft.Compute/virtualMachines",
    "scale-set": "Microsoft.Compute/virtualMachineScaleSets",
    "app-service": "Microsoft.Web/sites",
    "functions": "Microsoft.Web/sites",
    "automation": "Microsoft.Automation/automationAccounts",
    "arc": "Microsoft.HybridCompute/machines",
    "service-fabric": "Microsoft.ServiceFabric/managedClusters",
    "azure-ml": "Microsoft.MachineLearningServices/workspaces",
}


class ManagedIdentity(EstateEntry, frozen=True, kw_only=True):
    """A user-assigned managed identity: the section ``[[managed_identities]]``.

    ``tenant``: None is the first tenant of the estate. Client id, object id and resource id are derived from the name
    if they are not given. ``app_role_assignments`` are the application permissions that it has.
    ``federated_credentials`` let tokens of other issuers stand for it (workload identity).
    """

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]{2,127}$")]
    tenant: str | None = None
    client_id: _Guid | None = None
    object_id: _Guid | None = None
    resource_id: _ResourceId | None = None
    app_role_assignments: tuple[AppRoleAssignment, ...] = ()
    federated_credentials: tuple[FederatedCredential, ...] = ()
    system_assigned: bool = False

    @property
    def effective_client_id(self) -> str:
        """The client id (application id): the given one, or a GUID that is always the same for this name."""
        return self.client_id or _derive_guid("client", self)

    @property
    def effective_object_id(self) -> str:
        """The object id of the service principal (principal id): the given one, or one derived from the name."""
        return self.object_id or _derive_guid("object", self)

    @property
    def effective_resource_id(self) -> str:
        """The resource id in Azure Resource Manager: the given one, or one derived from the name."""
        return self.resource_id or (
            f"{_SUBSCRIPTION}/identities/providers/Microsoft.ManagedIdentity/userAssignedIdentities/{self.name}"
        )

    def as_application(self, default_tenant: str) -> Application:
        """Return the application that the identity provider knows the identity as: a service principal in one tenant.

        ``default_tenant``: the tenant of an identity that names none.
        """
        tenant = self.tenant or default_tenant
        principal = ServicePrincipal(
            tenant=tenant, object_id=self.effective_object_id, app_role_assignments=self.app_role_assignments
        )
        return Application(
            client_id=self.effective_client_id,
            name=self.name,
            tenant=tenant,
            federated_credentials=self.federated_credentials,
            service_principals=(principal,),
        )


class WorkloadIdentity(EstateEntry, frozen=True, kw_only=True):
    """What the workload identity webhook of AKS gives a pod: a projected token, and variables that name an application.

    ``issuer`` is one of ``openid_issuers``, the cluster's; ``subject`` is ``system:serviceaccount:NAMESPACE:NAME``.
    ``client_id`` is that of an application or managed identity with a federated credential. ``expiration_seconds``: the
    lifetime of a token; the kubelet replaces it when 80 % of it have passed.
    """

    issuer: str
    subject: Annotated[str, Meta(min_length=1, max_length=600)]
    client_id: str
    tenant: str | None = None
    audience: str = _EXCHANGE
    expiration_seconds: Annotated[int, Meta(ge=600, le=86_400)] = 3600


class ServiceConnection(EstateEntry, frozen=True, kw_only=True):
    """A service connection of Azure Pipelines with workload identity federation.

    ``id`` is its GUID. A job gets tokens of ``issuer`` (one of ``openid_issuers``) for ``subject``, by the convention
    ``sc://ORGANIZATION/PROJECT/CONNECTION``.
    """

    id: _Guid
    issuer: str
    subject: Annotated[str, Meta(min_length=1, max_length=600)]
    client_id: str = ""
    tenant: str | None = None
    audience: str = _EXCHANGE


def make_system_assigned(
    device: str, kind: str, tenant: str, app_role_assignments: tuple[AppRoleAssignment, ...]
) -> ManagedIdentity:
    """Return the system-assigned identity of a device: named like it, with the resource id of the device itself."""
    resource = f"{_SUBSCRIPTION}/lab/providers/{_RESOURCE_TYPES.get(kind, 'Microsoft.Resources/devices')}/{device}"
    return ManagedIdentity(
        name=device,
        tenant=tenant,
        client_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"system/client/{tenant}/{device}")),
        object_id=str(uuid.uuid5(uuid.NAMESPACE_OID, f"system/object/{tenant}/{device}")),
        resource_id=resource,
        app_role_assignments=app_role_assignments,
        system_assigned=True,
    )


def _derive_guid(kind: str, identity: ManagedIdentity) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"user/{kind}/{identity.tenant or ''}/{identity.name}"))
