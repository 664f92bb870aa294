"""Indexes over the users, tenants, domains and applications of an estate.

The time of a look-up does not depend on the number of users.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Mapping
from functools import cached_property
from typing import Any, Literal, TypeVar
from uuid import UUID

from msgspec import Struct
from msgspec.structs import replace

from ssosim.entra.core.errors import AadstsError
from ssosim.estate import Application, Domain, Estate, ServicePrincipal, Tenant, User
from ssosim.estate.applications import derive_object_id
from ssosim.estate.first_party import FIRST_PARTY, cloud_name_of, complete_application, exists_in, identifier_uris_in

__all__ = ["Authority", "Directory", "DomainEntry", "SharedAuthority"]

SharedAuthority = Literal["common", "organizations", "consumers"]
Authority = Tenant | SharedAuthority

_T = TypeVar("_T")
_MOST_RESULTS = 10_000

_ZEROS = "00000000-0000-0000-0000-000000000000"
_SHARED: dict[str, SharedAuthority] = {
    "common": "common",
    "organizations": "organizations",
    "consumers": "consumers",
}
_DNS_NAME = re.compile(r"(?=.{1,253}\Z)(?:[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9])?\.)+[a-z0-9-]{2,63}\Z", re.IGNORECASE)


class DomainEntry(Struct, frozen=True):
    """A verified domain and the tenant it belongs to."""

    tenant: Tenant
    domain: Domain


def _in_no_cloud(name: str) -> None:  # noqa: ARG001  the signature of ``name_other_cloud``
    return None


class Directory:
    """Read-only indexes over an Estate. All look-ups ignore case, except those by ImmutableID.

    ``name_other_cloud`` returns the name of the other cloud of the lab that has a tenant or domain of this name.
    """

    def __init__(self, estate: Estate, name_other_cloud: Callable[[str], str | None] = _in_no_cloud) -> None:
        self._name_other_cloud = name_other_cloud
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
        for user in estate.users:
            for name in user.guest_tenants:
                if (host := self.find_tenant(name)) is not None:
                    self._objects[self.find_object_id(user, host)] = user
        self._accounts = {user.sam_account.lower(): user for user in estate.users if user.sam_account}
        self._on_premises = {
            (user.on_premises_upn or user.upn).lower(): user for user in estate.users if user.sam_account
        }
        self._results: dict[Hashable, Any] = {}
        self._applications = _ApplicationIndex(estate, self._tenants)
        self._immutable: dict[str, list[User]] = {}
        for user in estate.users:
            if user.immutable_id:
                self._immutable.setdefault(user.immutable_id, []).append(user)
        self._estate = estate

    @cached_property
    def secrets(self) -> frozenset[str]:
        """The passwords of the users and the secrets of the applications, which no record of the trace may have."""
        found = {user.password for user in self._estate.users}
        for application in self._estate.applications:
            found |= {application.client_secret or "", *(each.value for each in application.secrets)}
        return frozenset(found - {""})

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

    def require_user_by_id(self, object_id: str, tenant: str = "") -> User:
        """Return the user with this object id; raises AadstsError 50034 if there is none, or no longer."""
        user = self.find_user_by_id(object_id)
        if user is None:
            raise AadstsError(50034, user=object_id[:64], tenant=tenant[:64])
        return user

    def find_user_by_account(self, account: str) -> User | None:
        """Return the user who has this account in the Kerberos realm, or None."""
        return self._accounts.get(account.lower())

    def is_guest(self, user: User, tenant: Tenant) -> bool:
        """Whether ``tenant`` has invited ``user``, who belongs to another tenant."""
        return any(self.find_tenant(name) is tenant for name in user.guest_tenants)

    def find_object_id(self, user: User, tenant: Tenant) -> str:
        """Return the object id of ``user`` in ``tenant``: a guest has one of its own there."""
        if self._tenants.get(user.tenant.lower()) is tenant:
            return user.object_id
        return derive_object_id(tenant.id, user.object_id.lower())

    def find_user_on_premises(self, name: str) -> User | None:
        """Return the user with this user principal name in Active Directory, or None."""
        return self._on_premises.get(name.strip().lower())

    def find_users_by_immutable_id(self, immutable_id: str) -> tuple[User, ...]:
        """Return all users with this ImmutableID. It is unique within a tenant only."""
        return tuple(self._immutable.get(immutable_id, ()))

    def find_application(self, client_id: str) -> Application | None:
        """Return the application that is registered under ``client_id``, in whatever tenant, or None."""
        return self._applications.by_client_id.get(client_id.lower())

    def require_application(self, client_id: str, tenant: str) -> Application:
        """Return the application ``client_id``.

        Raises AadstsError 700016, which names ``tenant``, if there is none, and 700038 for a GUID of zeros.
        """
        application = self.find_application(client_id)
        if application is None:
            if client_id == _ZEROS:
                raise AadstsError(700038, client=client_id)
            raise AadstsError(700016, client=client_id[:64], tenant=tenant)
        return application

    def keep_result(self, function: Callable[..., _T], key: Hashable, arguments: tuple[object, ...]) -> _T:
        """Return what ``function`` returns for ``arguments``, and keep it for this ``key``; errors are not kept.

        For what depends on the estate and the key alone: a repeated sign-in costs one look-up.
        """
        found: _T | None = self._results.get((function, key))
        if found is None:
            if len(self._results) >= _MOST_RESULTS:
                self._results.clear()
            found = self._results[function, key] = function(*arguments)
        return found

    def list_applications(self) -> Iterable[Application]:
        """Return all applications: those of the estate, and those of Microsoft that are known."""
        return self._applications.by_client_id.values()

    def find_home_tenant_of(self, application: Application) -> Tenant | None:
        """Return the tenant where ``application`` is registered; None for one of Microsoft."""
        home = self._applications.home_id(application)
        return None if home is None else self._tenants.get(home.lower())

    def is_home(self, application: Application, tenant: Tenant) -> bool:
        """Whether ``application`` is registered in ``tenant``; one of Microsoft is at home nowhere."""
        return self._applications.home_id(application) == tenant.id

    def find_home_id(self, application: Application) -> str | None:
        """Return the id of the tenant in which ``application`` is registered; None for one of Microsoft."""
        return self._applications.home_id(application)

    def find_service_principal(self, application: Application, tenant: Tenant) -> ServicePrincipal | None:
        """Return the service principal of ``application`` in ``tenant``, with its object id; None if there is none.

        The home tenant always has one, and so has every tenant of an application of Microsoft.
        """
        return self._applications.find_service_principal(application, tenant)

    def find_api(self, resource: str) -> Application | None:
        """Return the API with this client id or identifier URI, in whatever tenant; a last slash does not matter."""
        return self._applications.find_api(resource)

    def find_home_tenant(self, user: User) -> Tenant:
        """Return the tenant of ``user``; raises AadstsError as ``require_tenant`` if the estate has no such tenant."""
        return self._tenants.get(user.tenant.lower()) or self.require_tenant(user.tenant)

    def find_authority(self, name: str) -> Authority:
        """Return the tenant or shared authority that the first segment of a path names.

        Raises AadstsError 900023 for a name that is neither a GUID nor a DNS name, 90038 for a tenant of another cloud,
        and 90002 for a GUID or DNS name that no tenant has.
        """
        shared = _SHARED.get(name.lower())
        if shared is not None:
            return shared
        tenant = self.find_tenant(name)
        if tenant is not None:
            return tenant
        if _is_guid(name) or _DNS_NAME.match(name):
            self.refuse_other_cloud(name)
            raise AadstsError(90002, tenant=name[:253])
        raise AadstsError(900023, tenant=name[:64])

    def refuse_other_cloud(self, name: str) -> None:
        """Raise AadstsError 90038 if another cloud has the tenant or the domain (of a user) ``name``."""
        domain = name.rpartition("@")[2].strip()
        cloud = self._name_other_cloud(domain)
        if cloud is not None:
            raise AadstsError(90038, tenant=domain[:253], cloud=cloud)

    def require_tenant(self, name: str) -> Tenant:
        """Like ``find_authority``, but raises AadstsError 50059 for a shared authority such as ``common``."""
        authority = self.find_authority(name)
        if isinstance(authority, Tenant):
            return authority
        raise AadstsError(50059)


class _ApplicationIndex:
    """Applications, service principals and APIs by their names."""

    def __init__(self, estate: Estate, tenants: Mapping[str, Tenant]) -> None:
        own = [complete_application(application) for application in reversed(estate.list_applications())]
        cloud = cloud_name_of(estate.cloud.cloud_instance_name)
        known = {client_id: each for client_id, each in FIRST_PARTY.items() if exists_in(cloud, client_id)}
        self.by_client_id = known | {each.client_id.lower(): each for each in own if exists_in(cloud, each.client_id)}
        self._first_tenant = estate.tenants[0].id if estate.tenants else ""
        self._tenants = tenants
        self._principals: dict[tuple[str, str], ServicePrincipal | None] = {}
        self._apis: dict[str, Application] = {}
        self._patterns: list[tuple[re.Pattern[str], Application]] = []
        for application in self.by_client_id.values():
            for uri in identifier_uris_in(cloud, application):
                name = _normalize(uri)
                if "*" in name:
                    self._patterns.append((re.compile(re.escape(name).replace(r"\*", "[a-z0-9-]{1,63}")), application))
                else:
                    self._apis.setdefault(name, application)

    def home_id(self, application: Application) -> str | None:
        """Return the id of the home tenant; None for an application of Microsoft."""
        if application.first_party:
            return None
        if application.tenant is None:
            return self._first_tenant
        tenant = self._tenants.get(application.tenant.lower())
        return tenant.id if tenant else None

    def find_api(self, resource: str) -> Application | None:
        name = _normalize(resource)
        found = self._apis.get(name) or self.by_client_id.get(name)
        if found is None:
            found = next((application for pattern, application in self._patterns if pattern.fullmatch(name)), None)
        return found

    def find_service_principal(self, application: Application, tenant: Tenant) -> ServicePrincipal | None:
        key = (application.client_id.lower(), tenant.id)
        if key not in self._principals:
            self._principals[key] = self._make_service_principal(application, tenant)
        return self._principals[key]

    def _make_service_principal(self, application: Application, tenant: Tenant) -> ServicePrincipal | None:
        written = (p for p in application.service_principals if self._tenants.get(p.tenant.lower()) is tenant)
        principal = next(written, None)
        if principal is None:
            if not application.first_party and self.home_id(application) != tenant.id:
                return None
            principal = ServicePrincipal(tenant=tenant.id)
        if principal.object_id is None:
            principal = replace(principal, object_id=derive_object_id(tenant.id, application.client_id))
        return principal


def _normalize(name: str) -> str:
    """Return an identifier URI or client id as it is compared: in lower case, without one last slash."""
    return name.lower().removesuffix("/")


def _is_guid(name: str) -> bool:
    try:
        UUID(name)
    except ValueError:
        return False
    return len(name) == 36
