"""Check the Azure resources of an estate: ids, names, the resource group of each resource, principals and roles."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator

from ssosim.estate.azure_resources import KeyVault, StorageAccount
from ssosim.estate.model import Estate
from ssosim.estate.role_definitions import ROLE_DEFINITIONS
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_resource_mistakes"]

Mistake = tuple[KeyPath, str]


def find_resource_mistakes(estate: Estate) -> Iterator[Mistake]:
    """Yield every mistake in subscriptions, key vaults, storage accounts and role assignments."""
    ids: dict[str, int] = {}
    for index, subscription in enumerate(estate.subscriptions):
        here: KeyPath = ("subscriptions", index)
        if ids.setdefault(subscription.id.lower(), index) != index:
            yield (*here, "id"), f"{subscription.id!r} is used already at subscriptions[{ids[subscription.id.lower()]}]"
        if subscription.tenant is not None and estate.tenant(subscription.tenant) is None:
            known = [each.initial_domain for each in estate.tenants]
            yield (*here, "tenant"), _unknown("tenant", subscription.tenant, known)
        seen: set[str] = set()
        for number, group in enumerate(subscription.resource_groups):
            if group.name.lower() in seen:
                yield (*here, "resource_groups", number, "name"), f"{group.name!r} is there twice"
            seen.add(group.name.lower())
    yield from _resources(estate)
    for index, account in enumerate(estate.storage_accounts):
        names = [container.name for container in account.containers]
        for number, name in enumerate(names):
            if name in names[:number]:
                yield ("storage_accounts", index, "containers", number, "name"), f"{name!r} is there twice"
    yield from _assignments(estate, ids)


def _resources(estate: Estate) -> Iterator[Mistake]:
    groups = {
        (subscription.id.lower(), group.name.lower())
        for subscription in estate.subscriptions
        for group in subscription.resource_groups
    }
    known = [subscription.id for subscription in estate.subscriptions]
    sections: tuple[tuple[str, tuple[KeyVault | StorageAccount, ...]], ...] = (
        ("key_vaults", estate.key_vaults),
        ("storage_accounts", estate.storage_accounts),
    )
    for section, entries in sections:
        names: dict[str, int] = {}
        for index, each in enumerate(entries):
            here: KeyPath = (section, index)
            if names.setdefault(each.name.lower(), index) != index:
                yield (*here, "name"), f"{each.name!r} is used already at {section}[{names[each.name.lower()]}]"
            if estate.subscription(each.subscription) is None:
                yield (*here, "subscription"), _unknown("subscription", each.subscription, known)
            elif (each.subscription.lower(), each.resource_group.lower()) not in groups:
                owned = [group for subscription, group in groups if subscription == each.subscription.lower()]
                yield (*here, "resource_group"), _unknown("resource group", each.resource_group, sorted(owned))


def _assignments(estate: Estate, ids: Iterable[str]) -> Iterator[Mistake]:
    for index, assignment in enumerate(estate.role_assignments):
        here: KeyPath = ("role_assignments", index)
        if assignment.role not in ROLE_DEFINITIONS:
            yield (*here, "role"), _unknown("built-in role", assignment.role, ROLE_DEFINITIONS)
        if not is_principal(estate, assignment.principal):
            names = [user.upn for user in estate.users] + [each.name for each in estate.managed_identities]
            yield (*here, "principal"), _unknown("user, identity or application", assignment.principal, names)
        named = assignment.scope.split("/")[2].lower()
        if named not in ids:
            yield (*here, "scope"), _unknown("subscription", named, [each.id for each in estate.subscriptions])


def is_principal(estate: Estate, name: str) -> bool:
    """Whether ``name`` is a user, an application, a managed identity, or any GUID (an object id)."""
    wanted = name.lower()
    if estate.user(name) is not None or estate.application(name) is not None:
        return True
    if any(each.name.lower() == wanted for each in estate.managed_identities):
        return True
    device = estate.device(name)
    if device is not None and device.system_assigned_identity:
        return True
    digits = wanted.replace("-", "")
    return len(wanted) == 36 and len(digits) == 32 and all(each in "0123456789abcdef" for each in digits)


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    choices = list(known)
    close = difflib.get_close_matches(name, choices, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(choices[:12]) or 'none'}"
    return f"there is no {kind} {name!r}{hint}"
