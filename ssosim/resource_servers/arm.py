"""Azure Resource Manager: the service ``arm``. Tenants and subscriptions; what is in them is in ``arm_groups``.

Theory of operation. Each request is checked in this order: the token, the version in the query, the subscription and
its tenant, the role, the resource. Each poll of a long operation is checked in the same way: a client that polls with
the token of its first request is refused at the first poll after the end of that token.

Sources: Azure Resource Manager REST documentation (Tenants, Subscriptions, Resource Groups, Resources, Deployments);
azure-cli 2.91 (the requests of ``az login``); Azure document "Azure Resource Manager overview".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from ssosim.entra import Call, HttpReply
from ssosim.estate import Estate, Subscription, Tenant
from ssosim.estate.first_party import cloud_name_of
from ssosim.resource_servers.access_tokens import (
    USER_IMPERSONATION,
    Caller,
    Requirements,
    TokenRefusedError,
    check_access_token,
)
from ssosim.resource_servers.application import ResourceApplication, ResourceError
from ssosim.resource_servers.arm_groups import ResourceGroups
from ssosim.resource_servers.arm_replies import ArmError, refuse_token, reply, reply_error
from ssosim.resource_servers.arm_request import ArmRequest, read_version
from ssosim.resource_servers.authorization import list_visible_subscriptions, tenant_of
from ssosim.resource_servers.endpoints import ARM_HOSTS, arm_audiences
from ssosim.services.service import Service

__all__ = ["ResourceManagerApplication", "arm"]


_READING = ("GET", "HEAD", "OPTIONS")
"""The methods that change nothing, for which a user needs no second factor."""


@dataclass(frozen=True, slots=True)
class ResourceManagerApplication(ResourceApplication):
    """The endpoints of Azure Resource Manager."""

    groups: ResourceGroups = field(default_factory=ResourceGroups)

    def answer(self, call: Call) -> HttpReply:
        """Answer one request."""
        named = self._find_subscription(call)
        tenant = self._find_tenant(named)
        audiences = arm_audiences(self.provider.estate)
        changes = call.method not in _READING
        mandatory = self.provider.estate.resource_manager.mandatory_mfa
        wanted = Requirements(
            audiences,
            tenant.id if tenant else None,
            USER_IMPERSONATION,
            second_factor=("required" if mandatory else "not_checked") if changes else "",
        )
        return self._answer(call, check_access_token(self.provider, call, wanted), named)

    def refuse_token(self, call: Call, refused: TokenRefusedError) -> HttpReply:
        """Return 401 with the challenge for the tenant of the subscription in the path."""
        audiences = tuple(sorted(arm_audiences(self.provider.estate), reverse=True))
        return refuse_token(call, refused, self._find_tenant(self._find_subscription(call)), audiences)

    def reply_error(self, call: Call, error: ResourceError) -> HttpReply:
        """Return an error as Azure Resource Manager writes it."""
        return reply_error(call, error)

    def _find_tenant(self, subscription: Subscription | None) -> Tenant | None:
        return tenant_of(self.provider, subscription) if subscription is not None else None

    def _find_subscription(self, call: Call) -> Subscription | None:
        """Return the subscription in the path, which decides whose tokens are taken."""
        path = call.path
        within = len(path) > 1 and path[0].lower() == "subscriptions"
        return self.provider.estate.subscription(path[1]) if within else None

    def _answer(self, call: Call, caller: Caller, named: Subscription | None) -> HttpReply:
        version, parts = read_version(call), call.path
        match call.method, [part.lower() for part in parts]:
            case "GET", ["tenants"]:
                return self._list_tenants(call, caller)
            case "GET", ["subscriptions"]:
                values = [self._describe(each) for each in list_visible_subscriptions(self.provider, caller)]
                return reply(call, {"value": values, "count": {"type": "Total", "value": len(values)}})
            case _, ["subscriptions", _, *_]:
                if named is None:
                    text = f"The subscription '{parts[1][:64]}' could not be found."
                    raise ArmError(404, "SubscriptionNotFound", text)
                return self._answer_inside(ArmRequest(self.provider, call, caller, version, named), parts[2:])
        raise _no_type()

    def _answer_inside(self, request: ArmRequest, parts: tuple[str, ...]) -> HttpReply:
        call, base = request.call, request.subscription.path
        match call.method, [part.lower() for part in parts]:
            case _, ["resourcegroups", _]:
                return self.groups.answer(request, parts[1])
            case _, ["resourcegroups", _, *_]:
                return self.groups.answer_inside(request, parts[1:])
            case "GET", ["resourcegroups"]:
                return self.groups.list(request)
            case "GET", ["operationresults", operation]:
                return self.groups.poll_deletion(request, operation)
            case "GET", ["resources"]:
                return self.groups.list_resources(request, base)
            case "GET", [] | ["locations"]:
                return self._describe_inside(request, locations=bool(parts))
        raise _no_type()

    def _describe_inside(self, request: ArmRequest, *, locations: bool) -> HttpReply:
        base = request.subscription.path
        if not locations:
            request.require("Microsoft.Resources/subscriptions/read", base)
            return reply(request.call, self._describe(request.subscription))
        request.require("Microsoft.Resources/subscriptions/locations/read", base)
        location = {"id": f"{base}/locations/westeurope", "name": "westeurope", "displayName": "West Europe"}
        return reply(request.call, {"value": [location]})

    def _list_tenants(self, call: Call, caller: Caller) -> HttpReply:
        """List the tenant of the token, and for a user the home tenant and those that have invited the user."""
        directory = self.provider.directory
        user = directory.find_user_by_id(caller.object_id) if caller.kind == "user" else None
        names = (user.tenant, *user.guest_tenants) if user is not None else ()
        others = (directory.find_tenant(name) for name in names)
        tenants = {each.id: each for each in (*others, caller.tenant) if each is not None}
        return reply(call, {"value": [_describe_tenant(each) for each in tenants.values()]})

    def _describe(self, subscription: Subscription) -> dict[str, Any]:
        return {
            "id": subscription.path,
            "authorizationSource": "RoleBased",
            "managedByTenants": [],
            "subscriptionId": subscription.id,
            "tenantId": tenant_of(self.provider, subscription).id,
            "displayName": subscription.display_name,
            "state": subscription.state,
            "subscriptionPolicies": {
                "locationPlacementId": "Public_2014-09-01",
                "quotaId": "PayAsYouGo_2014-09-01",
                "spendingLimit": "Off",
            },
        }


def _no_type() -> ArmError:
    return ArmError(404, "InvalidResourceType", "The resource type could not be found at this address.")


def _describe_tenant(tenant: Tenant) -> dict[str, Any]:
    return {
        "id": f"/tenants/{tenant.id}",
        "tenantId": tenant.id,
        "countryCode": "US",
        "displayName": tenant.display_name,
        "domains": [tenant.initial_domain, *(each.name for each in tenant.domains)],
        "tenantCategory": "Home",
        "defaultDomain": tenant.initial_domain,
        "tenantType": "AAD",
    }


def arm(estate: Estate) -> tuple[Service, ...]:
    """Return the service at the host of Azure Resource Manager in the estate's cloud."""
    host, audiences = ARM_HOSTS[cloud_name_of(estate.cloud.cloud_instance_name)], arm_audiences(estate)
    start = ResourceManagerApplication.start
    return (Service(name="arm", dns_names=(host,), audiences=audiences, application=start),)
