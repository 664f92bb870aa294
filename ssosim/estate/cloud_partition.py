"""The part of an estate that belongs to one cloud, and the checks of an estate with several clouds.

The public cloud and the national clouds share nothing: each has its own tenants, users, applications and signing keys.
Source: Entra document "National clouds".
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from ssosim.estate.applications import Application
from ssosim.estate.first_party import FIRST_PARTY
from ssosim.estate.model import Cloud, Estate, Tenant
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_cloud_mistakes", "select_cloud"]

Mistake = tuple[KeyPath, str]


def select_cloud(estate: Estate, cloud: Cloud) -> Estate:
    """Return ``estate`` with one cloud: ``cloud``, its tenants, their users, and the applications that exist there.

    Hosts, zones, realms, devices and federation services stay: they belong to no cloud.
    """
    if not estate.clouds:
        return estate
    tenants = tuple(each for each in estate.tenants if estate.cloud_of(each) is cloud)
    first = next(iter(estate.tenants), None)

    def is_here(name: str | None) -> bool:
        tenant = first if name is None else estate.tenant(name)
        return tenant is not None and estate.cloud_of(tenant) is cloud

    applications = tuple(
        _select_principals(each, estate, cloud)
        for each in estate.applications
        if each.client_id.lower() in FIRST_PARTY or is_here(each.tenant)
    )
    return msgspec.structs.replace(
        estate,
        cloud=cloud,
        clouds=(),
        tenants=tuple(msgspec.structs.replace(each, cloud=None) for each in tenants),
        users=tuple(each for each in estate.users if is_here(each.tenant)),
        applications=applications,
        managed_identities=tuple(each for each in estate.managed_identities if is_here(each.tenant)),
        devices=tuple(
            msgspec.structs.replace(each, system_assigned_identity=False)
            if each.system_assigned_identity and not is_here(each.tenant)
            else each
            for each in estate.devices
        ),
    )


def _select_principals(application: Application, estate: Estate, cloud: Cloud) -> Application:
    def is_here(tenant: Tenant | None) -> bool:
        return tenant is not None and estate.cloud_of(tenant) is cloud

    kept = tuple(each for each in application.service_principals if is_here(estate.tenant(each.tenant)))
    return msgspec.structs.replace(application, service_principals=kept)


def find_cloud_mistakes(estate: Estate) -> Iterator[Mistake]:
    """Yield every mistake in the clouds of ``estate``: its key path, and what is wrong and expected."""
    known = [each.cloud_instance_name for each in estate.all_clouds]
    names: set[str] = set()
    for index, cloud in enumerate(estate.all_clouds):
        here: KeyPath = ("cloud",) if index == 0 else ("clouds", index - 1)
        if cloud.cloud_instance_name.lower() in names:
            yield (
                (*here, "cloud_instance_name"),
                f"{cloud.cloud_instance_name!r} is the name of another cloud; expected e.g. microsoftonline.us",
            )
        names.add(cloud.cloud_instance_name.lower())
    yield from _hosts(estate)
    for index, tenant in enumerate(estate.tenants):
        if tenant.cloud is not None and tenant.cloud.lower() not in names:
            yield ("tenants", index, "cloud"), f"there is no cloud {tenant.cloud!r}; known: {', '.join(known)}"
    if estate.clouds:
        yield from _references_across(estate)


def _hosts(estate: Estate) -> Iterator[Mistake]:
    hosts: set[str] = set()
    for index, cloud in enumerate(estate.all_clouds):
        here: KeyPath = ("cloud",) if index == 0 else ("clouds", index - 1)
        for number, host in enumerate(cloud.login_hosts):
            if host.lower() in hosts:
                yield (*here, "login_hosts", number), f"{host!r} is a host of another cloud, or listed already"
            hosts.add(host.lower())
        if cloud.autologon_host.lower() in hosts:
            yield (*here, "autologon_host"), f"{cloud.autologon_host!r} is a host of another cloud, or a login host"
        hosts.add(cloud.autologon_host.lower())
    for index, service in enumerate(estate.federation_services):
        if service.host.lower() in hosts:
            yield ("federation_services", index, "host"), f"{service.host!r} is a host of the identity provider already"


def _references_across(estate: Estate) -> Iterator[Mistake]:
    """Yield what belongs to one cloud and names a tenant of another: clouds share no users and no applications."""
    for index, user in enumerate(estate.users):
        home = estate.cloud_of(estate.tenant(user.tenant))
        for number, name in enumerate(user.guest_tenants):
            other = estate.tenant(name)
            if other is not None and estate.cloud_of(other) is not home:
                yield ("users", index, "guest_tenants", number), f"{name!r} is in another cloud than the user"
    for index, application in enumerate(estate.applications):
        if application.client_id.lower() in FIRST_PARTY:
            continue
        owner = estate.tenant(application.tenant) if application.tenant else next(iter(estate.tenants), None)
        home = estate.cloud_of(owner)
        for number, principal in enumerate(application.service_principals):
            other = estate.tenant(principal.tenant)
            if other is not None and estate.cloud_of(other) is not home:
                yield (
                    ("applications", index, "service_principals", number, "tenant"),
                    f"{principal.tenant!r} is in another cloud than the application; register one there",
                )
