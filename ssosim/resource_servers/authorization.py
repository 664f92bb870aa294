"""Azure role-based access control: whether a caller may perform an action in a scope.

A role assignment holds in its scope and in everything below it. Sources: Azure document "What is Azure role-based
access control?" (how Azure determines access), "Understand scope for Azure RBAC" (scopes ignore case).
"""

from __future__ import annotations

from collections.abc import Iterator

from ssosim.entra import Provider
from ssosim.entra.core.directory import Directory
from ssosim.estate import Estate, RoleAssignment, Subscription, Tenant
from ssosim.estate.role_definitions import ROLE_DEFINITIONS
from ssosim.resource_servers.access_tokens import Caller

__all__ = ["find_object_ids", "is_allowed", "list_visible_subscriptions", "tenant_of"]


def tenant_of(provider: Provider, subscription: Subscription) -> Tenant:
    """Return the tenant that ``subscription`` trusts."""
    return provider.directory.require_tenant(subscription.tenant or provider.estate.tenants[0].id)


def is_allowed(provider: Provider, caller: Caller, action: str, scope: str, *, data: bool = False) -> bool:
    """Return whether ``caller`` may perform ``action`` on the resource id ``scope``; ``data``: a data action.

    A caller from another tenant than that of the subscription may do nothing in it.
    """
    for assignment in _assignments_of(provider, caller):
        role = ROLE_DEFINITIONS[assignment.role]
        if _contains(assignment.scope, scope) and (role.allows_data(action) if data else role.allows(action)):
            return True
    return False


def list_visible_subscriptions(provider: Provider, caller: Caller) -> tuple[Subscription, ...]:
    """Return the subscriptions in which ``caller`` has a role with any action, at whatever scope in them."""
    scopes = [
        assignment.scope.lower()
        for assignment in _assignments_of(provider, caller)
        if ROLE_DEFINITIONS[assignment.role].actions
    ]
    return tuple(
        subscription
        for subscription in provider.estate.subscriptions
        if any(_contains(subscription.path, scope) for scope in scopes)
    )


def _assignments_of(provider: Provider, caller: Caller) -> Iterator[RoleAssignment]:
    estate = provider.estate
    for assignment in estate.role_assignments:
        subscription = estate.subscription(assignment.scope.split("/")[2])
        if subscription is None or tenant_of(provider, subscription).id != caller.tenant.id:
            continue
        if caller.object_id.lower() in find_object_ids(provider.directory, estate, assignment.principal, caller.tenant):
            yield assignment


def find_object_ids(directory: Directory, estate: Estate, principal: str, tenant: Tenant) -> frozenset[str]:
    """Return the object ids in ``tenant`` of what a role assignment names, in lower case.

    The result is empty for a user or an application that is not in that tenant.
    """
    user = directory.find_user(principal)
    if user is not None:
        known = directory.find_tenant(user.tenant) is tenant or directory.is_guest(user, tenant)
        return frozenset((directory.find_object_id(user, tenant).lower(),)) if known else frozenset()
    application = directory.find_application(principal)
    if application is None:
        identity = next((each for each in estate.managed_identities if each.name.lower() == principal.lower()), None)
        device = estate.device(principal)
        if identity is None and device is not None:
            identity = estate.system_assigned_identity(device)
        application = directory.find_application(identity.effective_client_id) if identity else None
    if application is None:
        return frozenset((principal.lower(),))
    found = directory.find_service_principal(application, tenant)
    return frozenset((found.object_id.lower(),)) if found is not None and found.object_id else frozenset()


def _contains(scope: str, path: str) -> bool:
    """Whether the resource id ``path`` is ``scope`` or below it."""
    scope, path = scope.lower().rstrip("/"), path.lower().rstrip("/")
    return path == scope or path.startswith(f"{scope}/")
