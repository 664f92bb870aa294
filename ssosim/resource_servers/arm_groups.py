"""Resource groups of Azure Resource Manager, and the deployments and resources in them.

Source: Azure Resource Manager REST documentation ("Resource Groups", "Deployments", "Resources").
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from ssosim.entra import HttpReply
from ssosim.entra.core.messages import make_guid
from ssosim.resource_servers.arm_operations import Deployment, OperationStore, describe_deployment, find_state
from ssosim.resource_servers.arm_replies import ArmError, format_time, reply
from ssosim.resource_servers.arm_request import ArmRequest

__all__ = ["ResourceGroups"]

_GROUP_NAME = re.compile(r"[A-Za-z0-9_().-]{0,89}[A-Za-z0-9_()-]")
_DEPLOYMENT_NAME = re.compile(r"[A-Za-z0-9_().-]{1,64}")
_GROUP = "Microsoft.Resources/subscriptions/resourceGroups"
_DEPLOYMENTS = "Microsoft.Resources/deployments"
_EXPIRES_AFTER_S = 7 * 86400


@dataclass(frozen=True, slots=True)
class ResourceGroups:
    """The resource groups of all subscriptions. ``operations``: what requests of this lab have begun."""

    operations: OperationStore = field(default_factory=OperationStore)

    def list(self, request: ArmRequest) -> HttpReply:
        """List the groups that the caller may read; 403 if there is none."""
        base, now = f"{request.subscription.path}/resourceGroups/", request.call.now
        names = {f"{base}{each.name}": (each.name, each.location) for each in request.subscription.resource_groups}
        added = self.operations.added_groups.items()
        names |= {f"{base}{own[0]}": own for path, own in added if path.startswith(base.lower())}
        values = [
            _describe_group(path, *own)
            for path, own in names.items()
            if not self.operations.is_removed(path, now) and request.may(f"{_GROUP}/read", path)
        ]
        if not values:
            request.require(f"{_GROUP}/read", request.subscription.path)
        return reply(request.call, {"value": values})

    def answer(self, request: ArmRequest, name: str) -> HttpReply:
        """Answer a request for the group ``name`` itself."""
        group = f"{request.subscription.path}/resourceGroups/{name}"
        match request.call.method:
            case "GET" | "HEAD":
                return self._get(request, group, name)
            case "PUT" | "PATCH":
                return self._put(request, group, name)
            case "DELETE":
                return self._delete(request, group, name)
        method = request.call.method[:16]
        raise ArmError(405, "HttpMethodNotSupported", f"The method {method} is not supported at this address.")

    def answer_inside(self, request: ArmRequest, parts: tuple[str, ...]) -> HttpReply:
        """Answer a request for something in a group; ``parts`` begin with the name of the group."""
        group, words = f"{request.subscription.path}/resourceGroups/{parts[0]}", [each.lower() for each in parts[1:]]
        removed = self.operations.is_removed(group, request.call.now)
        match request.call.method, words:
            case _ if removed and request.may(f"{_GROUP}/read", group):
                raise _no_group(parts[0])
            case "GET", ["resources"]:
                return self.list_resources(request, group)
            case method, ["providers", "microsoft.resources", "deployments", _]:
                path = f"{group}/providers/{_DEPLOYMENTS}/{parts[4]}"
                return self._answer_deployment(request, method, group, path)
            case "POST", ["providers", "microsoft.resources", "deployments", _, "validate"]:
                return self._validate(request, group, parts[4])
            case "GET", ["providers", "microsoft.resources", "deployments", _, "operationstatuses", operation]:
                path = f"{group}/providers/{_DEPLOYMENTS}/{parts[4]}"
                return self._poll_deployment(request, path, operation)
            case "GET", ["providers", _, _, _]:
                return self._get_resource(request, f"{group}/providers/{'/'.join(parts[2:])}", parts[2:])
        raise ArmError(404, "InvalidResourceType", "The resource type could not be found at this address.")

    def poll_deletion(self, request: ArmRequest, operation: str) -> HttpReply:
        """Answer a poll of the deletion of a group: 202 until it is done."""
        found = self.operations.deletions.get(operation)
        if found is None or not found.group.startswith(f"{request.subscription.path}/"):
            raise ArmError(404, "OperationNotFound", f"Operation '{operation[:64]}' is not known.")
        request.require(f"{_GROUP}/delete", found.group)
        if find_state(found, request.call.now) == "Succeeded":
            return reply(request.call, None, 200)
        location = f"https://{request.call.host}{request.call.target}"
        return reply(request.call, None, 202, (("Location", location), *_wait(request)))

    def list_resources(self, request: ArmRequest, scope: str) -> HttpReply:
        """List the resources in ``scope``."""
        request.require("Microsoft.Resources/subscriptions/resources/read", scope)
        prefix = f"{scope.lower()}/"
        found = [
            _describe_resource(path, kind) for path, kind in _resources(request) if path.lower().startswith(prefix)
        ]
        return reply(request.call, {"value": found})

    def _get(self, request: ArmRequest, group: str, name: str) -> HttpReply:
        request.require(f"{_GROUP}/read", group)
        found = self._find(request, group)
        if request.call.method == "HEAD":
            return reply(request.call, None, 404 if found is None else 204)
        if found is None:
            raise _no_group(name)
        return reply(request.call, _describe_group(group, *found))

    def _put(self, request: ArmRequest, group: str, name: str) -> HttpReply:
        request.require(f"{_GROUP}/write", group)
        if not _GROUP_NAME.fullmatch(name):
            raise ArmError(400, "InvalidResourceGroup", f"The resource group name '{name[:90]}' is not valid.")
        location = request.read_body().get("location")
        existing = self._find(request, group)
        if existing is None and not (isinstance(location, str) and location):
            raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
        chosen = location if isinstance(location, str) and location else "westeurope"
        self.operations.add_group(group, name, existing[1] if existing else chosen)
        own = self.operations.added_groups[group.lower()]
        return reply(request.call, _describe_group(group, *own), 201 if existing is None else 200)

    def _delete(self, request: ArmRequest, group: str, name: str) -> HttpReply:
        request.require(f"{_GROUP}/delete", group)
        if self._find(request, group) is None:
            raise _no_group(name)
        duration = request.provider.estate.resource_manager.deployment_duration
        made = self.operations.delete_group(group, request.call.now, duration)
        location = request.url(f"{request.subscription.path}/operationresults/{made.operation}")
        return reply(request.call, None, 202, (("Location", location), *_wait(request)))

    def _answer_deployment(self, request: ArmRequest, method: str, group: str, path: str) -> HttpReply:
        name = path.rpartition("/")[2]
        if method == "PUT":
            request.require(f"{_DEPLOYMENTS}/write", path)
            if self._find(request, group) is None:
                raise _no_group(group.rpartition("/")[2])
            return self._deploy(request, group, name)
        if method not in ("GET", "HEAD"):
            raise ArmError(405, "HttpMethodNotSupported", f"The method {method[:16]} is not supported at this address.")
        request.require(f"{_DEPLOYMENTS}/read", path)
        deployment = self.operations.deployments.get(path.lower())
        if deployment is None:
            raise ArmError(404, "DeploymentNotFound", f"Deployment '{name[:64]}' could not be found.")
        if method == "HEAD":
            return reply(request.call, None, 204)
        return reply(request.call, describe_deployment(deployment, request.call.now))

    def _validate(self, request: ArmRequest, group: str, name: str) -> HttpReply:
        path = f"{group}/providers/{_DEPLOYMENTS}/{name}"
        request.require(f"{_DEPLOYMENTS}/validate/action", path)
        if self._find(request, group) is None:
            raise _no_group(group.rpartition("/")[2])
        mode = _read_mode(request, name)
        made = Deployment(group, name, "", request.call.now, 0, mode, make_guid())
        return reply(request.call, describe_deployment(made, request.call.now))

    def _deploy(self, request: ArmRequest, group: str, name: str) -> HttpReply:
        mode = _read_mode(request, name)
        if running := self.operations.find_running(group, name, request.call.now):
            raise _still_active(running)
        duration = request.provider.estate.resource_manager.deployment_duration
        made = self.operations.deploy(group, name, request.call.now, duration, mode)
        status = request.url(f"{made.path}/operationStatuses/{made.operation}")
        body = describe_deployment(made, request.call.now)
        return reply(request.call, body, 201, (("Azure-AsyncOperation", status), *_wait(request)))

    def _poll_deployment(self, request: ArmRequest, path: str, operation: str) -> HttpReply:
        request.require(f"{_DEPLOYMENTS}/operationstatuses/read", f"{path}/operationStatuses/{operation}")
        deployment = self.operations.deployment_operations.get(operation)
        if deployment is None or deployment.path.lower() != path.lower():
            raise ArmError(404, "DeploymentOperationNotFound", f"Operation '{operation[:64]}' is not known.")
        state = find_state(deployment, request.call.now)
        return reply(request.call, {"status": state}, 200, () if state == "Succeeded" else _wait(request))

    def _get_resource(self, request: ArmRequest, path: str, parts: tuple[str, ...]) -> HttpReply:
        request.require(f"{parts[0]}/{parts[1]}/read", path)
        for known, kind in _resources(request):
            if known.lower() == path.lower():
                return reply(request.call, _describe_resource(known, kind))
        raise ArmError(404, "ResourceNotFound", f"The Resource '{'/'.join(parts)[:256]}' was not found.")

    def _find(self, request: ArmRequest, group: str) -> tuple[str, str] | None:
        """Return name and location of a group; None if it does not exist."""
        if self.operations.is_removed(group, request.call.now):
            return None
        if added := self.operations.added_groups.get(group.lower()):
            return added
        name = group.rpartition("/")[2].lower()
        found = (each for each in request.subscription.resource_groups if each.name.lower() == name)
        return next(((each.name, each.location) for each in found), None)


def _read_mode(request: ArmRequest, name: str) -> str:
    """Check the name and the body of a deployment, and return its mode; raises ArmError 400."""
    properties = request.read_body().get("properties")
    if not _DEPLOYMENT_NAME.fullmatch(name):
        raise ArmError(400, "InvalidDeployment", f"The deployment name '{name[:64]}' is not valid.")
    if not isinstance(properties, dict) or not (properties.keys() & {"template", "templateLink"}):
        raise ArmError(400, "InvalidRequestContent", "The request content was invalid: there is no template.")
    return "Complete" if str(properties.get("mode", "")).lower() == "complete" else "Incremental"


def _wait(request: ArmRequest) -> tuple[tuple[str, str], ...]:
    return (("Retry-After", str(request.provider.estate.resource_manager.retry_after)),)


def _resources(request: ArmRequest) -> list[tuple[str, str]]:
    estate = request.provider.estate
    vaults = [(each.path, "Microsoft.KeyVault/vaults") for each in estate.key_vaults]
    return vaults + [(each.path, "Microsoft.Storage/storageAccounts") for each in estate.storage_accounts]


def _no_group(name: str) -> ArmError:
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{name[:90]}' could not be found.")


def _still_active(running: Deployment) -> ArmError:
    """Return the refusal of a deployment whose name is taken by one that runs: bicep issue 13771."""
    began, ends = format_time(running.began), format_time(running.began + _EXPIRES_AFTER_S)
    return ArmError(
        409,
        "DeploymentActive",
        f"Unable to edit or replace deployment '{running.name}': previous deployment from '{began}' is still active "
        f"(expiration time is '{ends}'). Please see https://aka.ms/arm-deploy-resources for usage details.",
    )


def _describe_group(path: str, name: str, location: str) -> dict[str, Any]:
    return {
        "id": path,
        "name": name,
        "type": "Microsoft.Resources/resourceGroups",
        "location": location,
        "properties": {"provisioningState": "Succeeded"},
    }


def _describe_resource(path: str, kind: str) -> dict[str, Any]:
    return {"id": path, "name": path.rpartition("/")[2], "type": kind, "location": "westeurope"}
