"""The estate's people, tenants and domains, indexed: a look-up costs the same with ten users or a million."""

from __future__ import annotations

import re
from dataclasses import dataclass
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
    """A domain and the tenant that has verified it."""

    tenant: Tenant
    domain: Domain


class Directory:
    """Read-only indexes over an Estate."""

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

    def find_tenant(self, name: str) -> Tenant | None:
        """The tenant with this id, initial domain or verified domain."""
        return self._tenants.get(name.lower())

    def find_domain(self, login: str) -> DomainEntry | None:
        """The domain of ``login`` (``user@domain`` or a bare domain), if any tenant has it."""
        return self._domains.get(login.rpartition("@")[2].strip().lower())

    def find_user(self, upn: str) -> User | None:
        """The user with this user principal name."""
        return self._users.get(upn.strip().lower())

    def find_user_by_id(self, object_id: str) -> User | None:
        """The user with this object id."""
        return self._objects.get(object_id.lower())

    def find_user_by_account(self, account: str) -> User | None:
        """The user who owns this realm account."""
        return self._accounts.get(account.lower())

    def find_users_by_immutable_id(self, immutable_id: str) -> tuple[User, ...]:
        """All users with this ImmutableID: it is unique in a tenant, not between tenants."""
        return tuple(self._immutable.get(immutable_id, ()))

    def find_application(self, client_id: str) -> Application | None:
        """The application registered under ``client_id``."""
        return self._applications.get(client_id.lower())

    def find_home_tenant(self, user: User) -> Tenant:
        """The user's tenant. Raises AadstsError 90002 when the estate names none."""
        tenant = self.find_tenant(user.tenant)
        if tenant is None:
            raise AadstsError(90002, tenant=user.tenant)
        return tenant

    def find_authority(self, name: str) -> Authority:
        """What the first segment of a path stands for.

        Raises AadstsError 900023 for a name that is neither GUID nor DNS name, 90002 for one that no tenant has.
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
        """As ``authority``, for endpoints that serve tenants only."""
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
