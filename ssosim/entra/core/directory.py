"""Indexes over the users, tenants, domains and applications of an estate.

The time of a look-up does not depend on the number of users.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import Literal
from uuid import UUID

from ssosim.entra.core.errors import AadstsError
from ssosim.estate import Application, Domain, Estate, Tenant, User

__all__ = ["Authority", "Directory", "DomainEntry", "SharedAuthority"]

SharedAuthority = Literal["common", "organizations", "consumers"]
Authority = Tenant | SharedAuthority

_SHARED: dict[str, SharedAuthority] = {
    "common": "common",
    "organizations": "organizations",
    "consumers": "consumers",
}
_DNS_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class DomainEntry:
    """A verified domain and the tenant it belongs to."""

    tenant: Tenant
    domain: Domain


class Directory:
    """Read-only indexes over an Estate. All look-ups ignore case, except those by ImmutableID."""

    def __init__(self, estate: Estate) -> None:
        self._tenants: dict[str, Tenant] = {}
        self._domains: dict[str, DomainEntry] = {}
        for tenant in estate.tenants:
            self._tenants[tenant.id.lower()] = tenant
            initial = Domain(name=tenant.initial_domain)
            for domain in (initial, *tenant.domains):
                self._tenants[domain.name.lower()] = tenant
                self._domains[domain.name.lower()] = DomainEntry(tenant, domain)
        self._users = {user.upn.lower(): user for user in estate.users}
        self._objects = {user.object_id.lower(): user for user in estate.users}
        self._accounts = {user.sam_account.lower(): user for user in estate.users if user.sam_account}
        self._applications = {
            application.client_id.lower(): application for application in reversed(estate.applications)
        }
        self._immutable: dict[str, list[User]] = {}
        for user in estate.users:
            if user.immutable_id:
                self._immutable.setdefault(user.immutable_id, []).append(user)
        self._estate = estate

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The passwords of the users and the secrets of the applications, which no record of the trace may have."""
        passwords = (user.password for user in self._estate.users)
        return frozenset({*passwords, *(each.client_secret or "" for each in self._estate.applications)} - {""})

    def find_tenant(self, name: str) -> Tenant | None:
        """Return the tenant with this id, initial domain or verified domain, or None."""
        return self._tenants.get(name.lower())

    def find_domain(self, login: str) -> DomainEntry | None:
        """Return the domain of ``login`` (``user@domain`` or a domain) with its tenant; None if no tenant has it."""
        return self._domains.get(login.rpartition("@")[2].strip().lower())

    def find_user(self, upn: str) -> User | None:
        """Return the user with this user principal name, or None."""
        return self._users.get(upn.strip().lower())

    def find_user_by_id(self, object_id: str) -> User | None:
        """Return the user with this object id, or None."""
        return self._objects.get(object_id.lower())

    def find_user_by_account(self, account: str) -> User | None:
        """Return the user who has this account in the Kerberos realm, or None."""
        return self._accounts.get(account.lower())

    def find_users_by_immutable_id(self, immutable_id: str) -> tuple[User, ...]:
        """Return all users with this ImmutableID. It is unique within a tenant only."""
        return tuple(self._immutable.get(immutable_id, ()))

    def find_application(self, client_id: str) -> Application | None:
        """Return the application that is registered under ``client_id``, or None."""
        return self._applications.get(client_id.lower())

    def find_home_tenant(self, user: User) -> Tenant:
        """Return the tenant of ``user``; raises AadstsError 90002 if the estate has no such tenant."""
        tenant = self.find_tenant(user.tenant)
        if tenant is None:
            raise AadstsError(90002, tenant=user.tenant)
        return tenant

    def find_authority(self, name: str) -> Authority:
        """Return the tenant or shared authority that the first segment of a path names.

        Raises AadstsError 900023 for a name that is neither a GUID nor a DNS name, and 90002 for a GUID or DNS name
        that no tenant has.
        """
        shared = _SHARED.get(name.lower())
        if shared is not None:
            return shared
        tenant = self.find_tenant(name)
        if tenant is not None:
            return tenant
        if _is_guid(name) or _DNS_NAME.match(name):
            raise AadstsError(90002, tenant=name[:253])
        raise AadstsError(900023, tenant=name[:64])

    def require_tenant(self, name: str) -> Tenant:
        """Like ``find_authority``, but raises AadstsError 50059 for a shared authority such as ``common``."""
        authority = self.find_authority(name)
        if isinstance(authority, Tenant):
            return authority
        raise AadstsError(50059)


def _is_guid(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return len(name) == 36
