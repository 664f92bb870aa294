"""Long operations of Azure Resource Manager: deployments, and the deletion of resource groups.

Nothing runs: an operation is done when its duration has passed, and each poll computes its state from the time of the
call. Source: Azure document "Track asynchronous Azure operations" (``Azure-AsyncOperation``, ``Location``,
``Retry-After``, ``provisioningState``), Azure Resource Manager REST documentation, "Deployments - Create Or Update",
"Resource Groups - Delete".
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

__all__ = ["Deployment", "GroupDeletion", "OperationStore", "describe_deployment", "find_state"]

_HISTORY = 800
"""Deployments that are kept: the limit of a resource group (Azure document "Azure Resource Manager limits")."""


@dataclass(frozen=True, slots=True)
class Deployment:
    """A deployment. ``began`` is in seconds since the Unix epoch, ``duration`` in seconds. ``group`` is a scope."""

    group: str
    name: str
    operation: str
    began: float
    duration: float
    mode: str
    correlation: str
    outputs: dict[str, Any] = field(default_factory=dict)

    @property
    def path(self) -> str:
        """The resource id."""
        return f"{self.group}/providers/Microsoft.Resources/deployments/{self.name}"


@dataclass(frozen=True, slots=True)
class GroupDeletion:
    """The deletion of the resource group at ``group``."""

    group: str
    operation: str
    began: float
    duration: float


@dataclass(slots=True)
class OperationStore:
    """The operations of a lab, and the resource groups that requests have added or removed."""

    deployments: dict[str, Deployment] = field(default_factory=dict)
    deployment_operations: dict[str, Deployment] = field(default_factory=dict)
    deletions: dict[str, GroupDeletion] = field(default_factory=dict)
    added_groups: dict[str, tuple[str, str]] = field(default_factory=dict)
    removed_groups: dict[str, float] = field(default_factory=dict)

    def deploy(self, group: str, name: str, now: float, duration: float, mode: str) -> Deployment:
        """Begin a deployment. One of the same name is replaced; its operation stays known."""
        made = Deployment(group, name, str(uuid4()), now, duration, mode, str(uuid4()))
        self.deployments[made.path.lower()] = self.deployment_operations[made.operation] = made
        while len(self.deployment_operations) > _HISTORY:
            del self.deployment_operations[next(iter(self.deployment_operations))]
        return made

    def find_running(self, group: str, name: str, now: float) -> Deployment | None:
        """Return the deployment of this name if it has not ended yet."""
        found = self.deployments.get(Deployment(group, name, "", 0, 0, "", "").path.lower())
        return found if found and find_state(found, now) != "Succeeded" else None

    def delete_group(self, group: str, now: float, duration: float) -> GroupDeletion:
        """Begin the deletion of a resource group; it exists until the operation is done."""
        made = GroupDeletion(group, str(uuid4()), now, duration)
        self.deletions[made.operation] = made
        self.removed_groups[group.lower()] = now + duration
        return made

    def add_group(self, group: str, name: str, location: str) -> None:
        """Add a resource group."""
        self.removed_groups.pop(group.lower(), None)
        self.added_groups[group.lower()] = (name, location)

    def is_removed(self, group: str, now: float) -> bool:
        """Whether a resource group was deleted."""
        return now >= self.removed_groups.get(group.lower(), float("inf"))


def find_state(operation: Deployment | GroupDeletion, now: float) -> str:
    """Return the state of an operation: ``Accepted`` at its start, then ``Running``, then ``Succeeded``."""
    passed = now - operation.began
    if passed >= operation.duration:
        return "Succeeded"
    return "Accepted" if passed <= 0 else "Running"


def describe_deployment(deployment: Deployment, now: float) -> dict[str, Any]:
    """Return the resource as a reply has it."""
    state = find_state(deployment, now)
    passed = min(now - deployment.began, deployment.duration)
    return {
        "id": deployment.path,
        "name": deployment.name,
        "type": "Microsoft.Resources/deployments",
        "properties": {
            "mode": deployment.mode,
            "provisioningState": state,
            "timestamp": time.strftime("%Y-%m-%dT%H:%M:%S.0000000Z", time.gmtime(deployment.began)),
            "duration": f"PT{max(0.0, passed):.7f}S",
            "correlationId": deployment.correlation,
            "providers": [],
            "dependencies": [],
            **({"outputs": deployment.outputs, "outputResources": []} if state == "Succeeded" else {}),
        },
    }
