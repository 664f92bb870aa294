"""What a client gets of the access that it asks for: consent of users and administrators, application roles.

Theory of operation. ``grant_user_access`` and ``grant_app_access`` find the API that a request names, check that it is
in the tenant, and return what was granted to the client there. A token contains *everything* that was granted for its
API, not only what the request names (Entra document "Scopes and permissions"); the request must not name anything else.

- An application of Microsoft has for an API of Microsoft what Microsoft has preauthorised (``PREAUTHORIZED``), and
  AADSTS65002 for the rest. For any other pair the grants of the service principal count, and AADSTS65001 says that one
  is missing.
- Scopes of OpenID Connect belong to Microsoft Graph. Every application that was consented to has them (unconfirmed for
  an application whose consent names scopes of another API only).
- Microsoft Graph has hundreds of scopes. A scope of Graph exists if it has the form of one.

``cloud.not_checked`` switches single rules off. What such a token rests on is in ``GrantedAccess.not_checked``.

Sources: azure-cli issue 16850 (500011), MSAL.NET issue 3150 (500014), python-o365 issues 323 and 551 (65001, 650053),
msgraph-cli issue 48 (65002), active-directory-dotnet-daemon issue 10 (501051), databricks-sql-nodejs issue 226
(1002012), microsoft-authentication-library-for-js issue 6069 (70011 for two resources of client credentials).
"""

from __future__ import annotations

import re

from msgspec import Struct

from ssosim.entra.core.application_rules import check_assignment, require_app_principal, require_user_principal
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.provider import Provider
from ssosim.entra.oauth.requested_access import DEFAULT_SCOPE, OIDC_SCOPES, RequestedAccess
from ssosim.estate import Application, ServicePrincipal, Tenant, UncheckedRule, User
from ssosim.estate.first_party import GRAPH, PREAUTHORIZED

__all__ = ["GrantedAccess", "check_not_for_itself", "check_resource", "grant_app_access", "grant_user_access"]

_GRAPH_SCOPE = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+")
_SIGN_IN_SCOPES = ("openid", "profile", "email")


class GrantedAccess(Struct, frozen=True, cache_hash=True):
    """The access that a token has. ``audience`` is its ``aud``, ``version`` the version of the access token.

    ``scopes`` are the delegated permissions for the API (``scp``), ``roles`` the application's or user's roles in it.
    ``service_principal_id`` is the object id of the client in the tenant. ``optional_claims`` are those that the API
    asks for. ``not_checked`` are the rules that were switched off, and that the token would have failed.
    """

    requested: RequestedAccess
    audience: str
    version: TokenVersion
    scopes: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    service_principal_id: str = ""
    optional_claims: tuple[str, ...] = ()
    not_checked: tuple[UncheckedRule, ...] = ()


def check_resource(provider: Provider, tenant: Tenant | None, resource: str) -> None:
    """Check that the API ``resource`` exists in ``tenant``, or in any tenant; raises AadstsError 500011 and 500014."""
    _Grantor(provider).find_api(resource, tenant)


def grant_user_access(
    provider: Provider, application: Application, tenant: Tenant, user: User, access: RequestedAccess
) -> GrantedAccess:
    """Return what ``application`` may do for ``user`` of ``tenant`` with the API that ``access`` names.

    Raises AadstsError: 700016, 7000112 and 50105 (``application_rules``), 500011 and 500014 for the API, 650053 for a
    scope that the API does not have, 65001 and 65002 for what was not consented to, 28000 for two resources.

    The result depends on the estate and the arguments alone, so the directory of the estate keeps it.
    """
    key = (application.client_id, tenant.id, user.object_id, access, provider.not_checked)
    arguments = (provider, application, tenant, user, access)
    return provider.directory.keep_result(_grant_user_access, key, arguments)


def _grant_user_access(
    provider: Provider, application: Application, tenant: Tenant, user: User, access: RequestedAccess
) -> GrantedAccess:
    grantor = _Grantor(provider)
    principal = require_user_principal(provider.directory, application, tenant, user)
    api = grantor.find_api(access.resource, tenant)
    api_principal = provider.directory.find_service_principal(api, tenant)
    if api_principal is not None:
        check_assignment(api, api_principal, user)
    granted = grantor.delegated_scopes(application, principal, user, api)
    grantor.check_scopes_exist(application, api, access)
    missing = [name for name in access.scope_names if name.lower() not in {each.lower() for each in granted}]
    if missing or (not granted and not _only_signs_in(access, api, principal, user)):
        grantor.refuse_consent(application, api)
        granted += tuple(missing)
    if api.client_id == GRAPH:
        granted += tuple(each for each in _SIGN_IN_SCOPES if each in access.scopes and each not in granted)
    assigned = api_principal.find_assigned_user(user.upn) if api_principal else None
    return grantor.access(access, api, principal, scopes=granted, roles=assigned.app_roles if assigned else ())


def grant_app_access(
    provider: Provider, application: Application, tenant: Tenant, access: RequestedAccess
) -> GrantedAccess:
    """Return what ``application`` itself may do in ``tenant`` with the API that ``access`` names.

    Raises AadstsError: 7000229 and 7000112 (``application_rules``), 1002012 and 70011 for the scope, 500011 and 500014
    for the API, 501051 if the API requires a role and the application has none. Scopes of OpenID Connect beside
    ``/.default`` have no effect: MSAL for Go and Java always send them. The result is kept, as for a user.
    """
    key = (application.client_id, tenant.id, access, provider.not_checked)
    arguments = (provider, application, tenant, access)
    return provider.directory.keep_result(_grant_app_access, key, arguments)


def _grant_app_access(
    provider: Provider, application: Application, tenant: Tenant, access: RequestedAccess
) -> GrantedAccess:
    grantor = _Grantor(provider)
    scopes = [scope for scope in access.scopes if scope not in OIDC_SCOPES]
    named = access.scopes and (not scopes or any(scope.rpartition("/")[2] != DEFAULT_SCOPE for scope in scopes))
    if named:
        raise AadstsError(1002012, scope=" ".join(scopes or access.scopes)[:512])
    if len(scopes) > 1:
        raise AadstsError(70011, reason=f"The scope {' '.join(scopes)[:512]} is not valid.")
    principal = require_app_principal(provider.directory, application, tenant)
    api = grantor.find_api(access.resource, tenant)
    roles = tuple(
        role
        for assignment in principal.app_role_assignments
        if provider.directory.find_api(assignment.resource) is api
        for role in assignment.app_roles
    )
    api_principal = provider.directory.find_service_principal(api, tenant)
    if api_principal is not None and api_principal.assignment_required and not roles:
        raise AadstsError(501051, client=application.client_id, name=application.name, resource=access.resource)
    return grantor.access(access, api, principal, roles=tuple(dict.fromkeys(roles)))


def check_not_for_itself(provider: Provider, application: Application, access: RequestedAccess) -> None:
    """Raise AadstsError 90009 if ``application`` asks for its own API by a name other than its client id.

    Codes and client credentials of version 2 are not refused (Softeria/ms-365-mcp-server pull request 508).
    """
    if access.resource.lower() != application.client_id.lower():
        api = provider.directory.find_api(access.resource)
        if api is not None and api.client_id.lower() == application.client_id.lower():
            raise AadstsError(90009, client=application.client_id, name=application.name)


def _only_signs_in(access: RequestedAccess, api: Application, principal: ServicePrincipal | None, user: User) -> bool:
    """Whether a request only signs the user in, and the application has some consent of or for this user."""
    grants = principal.oauth2_permission_grants if principal else ()
    consented = any(_applies(grant.principal, user) for grant in grants)
    only_oidc = bool(access.scopes) and all(scope in OIDC_SCOPES for scope in access.scopes)
    return api.client_id == GRAPH and only_oidc and consented


def _applies(principal: str | None, user: User) -> bool:
    return principal is None or principal.lower() == user.upn.lower()


class _Grantor:
    """Finds APIs and grants, and notes the rules that were not enforced."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        self._off = provider.not_checked
        self._not_checked: list[UncheckedRule] = []

    def find_api(self, resource: str, tenant: Tenant | None) -> Application:
        directory = self._provider.directory
        api = directory.find_api(resource)
        principal = directory.find_service_principal(api, tenant) if api is not None and tenant is not None else None
        if api is not None and (tenant is None or principal is not None):
            if not api.enabled or (principal is not None and not principal.enabled):
                raise AadstsError(500014, resource=resource[:256])
            return api
        self._enforce("resource", AadstsError(500011, resource=resource[:256], tenant=tenant.id if tenant else ""))
        return api or Application(client_id=resource, name=resource)

    def delegated_scopes(
        self, application: Application, principal: ServicePrincipal | None, user: User, api: Application
    ) -> tuple[str, ...]:
        """Return the names of the scopes of ``api`` that the application has for ``user``."""
        names = list(PREAUTHORIZED.get(application.client_id.lower(), {}).get(api.client_id, ()))
        for grant in principal.oauth2_permission_grants if principal else ():
            if self._provider.directory.find_api(grant.resource) is api and _applies(grant.principal, user):
                names += grant.scope.split()
        return tuple(dict.fromkeys(name for name in names if name != "offline_access"))

    def check_scopes_exist(self, application: Application, api: Application, access: RequestedAccess) -> None:
        known = {name.lower() for name in api.oauth2_permission_scopes}
        for name in access.scope_names:
            of_graph = api.client_id == GRAPH
            exists = _GRAPH_SCOPE.fullmatch(name) or name in OIDC_SCOPES if of_graph else name.lower() in known
            if not exists and "resource" not in self._not_checked:
                self._enforce(
                    "scope", AadstsError(650053, name=application.name, scope=name[:128], resource=api.client_id)
                )

    def refuse_consent(self, application: Application, api: Application) -> None:
        if application.client_id.lower() in PREAUTHORIZED and api.first_party:
            error = AadstsError(65002, client=application.client_id, resource=api.client_id)
            self._enforce("preauthorization", error)
        else:
            self._enforce("consent", AadstsError(65001, client=application.client_id, name=application.name))

    def access(
        self,
        requested: RequestedAccess,
        api: Application,
        principal: ServicePrincipal | None,
        *,
        scopes: tuple[str, ...] = (),
        roles: tuple[str, ...] = (),
    ) -> GrantedAccess:
        version: TokenVersion = "2.0" if api.requested_access_token_version == 2 else "1.0"
        return GrantedAccess(
            requested,
            requested.resource if version == "1.0" else api.client_id,
            version,
            scopes,
            roles,
            (principal.object_id if principal else None) or "",
            api.optional_claims,
            tuple(dict.fromkeys(self._not_checked)),
        )

    def _enforce(self, rule: UncheckedRule, error: AadstsError) -> None:
        """Raise ``error``, or note that ``rule`` was not checked if it is switched off."""
        if rule not in self._off:
            raise error
        self._not_checked.append(rule)
