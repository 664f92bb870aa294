"""Check the applications of an estate: tenants, consent, assignments, redirect URIs, identifier URIs."""

from __future__ import annotations

import difflib
import re
import uuid
from collections.abc import Iterator

from ssosim.estate.applications import Application, AppRoleAssignment, OAuth2PermissionGrant, ServicePrincipal
from ssosim.estate.first_party import FIRST_PARTY, GRAPH, cloud_name_of, complete_application, identifier_uris_in
from ssosim.estate.model import Cloud, Estate
from ssosim.estate.redirect_uri_checks import find_redirect_uri_mistakes
from ssosim.estate.toml_lines import KeyPath

__all__ = ["find_application_mistakes"]

Mistake = tuple[KeyPath, str]

_GRAPH_SCOPE = re.compile(r"[A-Za-z0-9-]+(\.[A-Za-z0-9-]+)+|openid|profile|email|offline_access")


def find_application_mistakes(estate: Estate) -> Iterator[Mistake]:
    """Yield every mistake in the applications of ``estate``: its key path, and what is wrong and expected."""
    names = {cloud.cloud_instance_name: _name_apis(estate, cloud) for cloud in estate.all_clouds}
    taken = {name for cloud in estate.all_clouds for name in _microsoft_names(cloud)}
    owners: dict[str, int] = {}
    for index, written in enumerate(estate.applications):
        here: KeyPath = ("applications", index)
        application = complete_application(written)
        if not _is_guid(written.client_id):
            yield (*here, "client_id"), f"{written.client_id!r} is not a GUID; expected e.g. {uuid.NAMESPACE_DNS}"
        if written.tenant is not None:
            if application.first_party:
                yield (*here, "tenant"), "an application of Microsoft has no home tenant here: it is in every tenant"
            elif estate.tenant(written.tenant) is None:
                yield (*here, "tenant"), _unknown("tenant", written.tenant, [t.initial_domain for t in estate.tenants])
        yield from find_redirect_uri_mistakes(application, here)
        for number, uri in enumerate(written.identifier_uris):
            path: KeyPath = (*here, "identifier_uris", number)
            name = uri.lower().rstrip("/")
            if "*" in uri:
                yield path, f"{uri!r}: an identifier URI names one API; it has no *"
            if owners.setdefault(name, index) != index or (name in taken and not application.first_party):
                yield path, f"{uri!r} is the identifier URI of another application already"
            elif uri.endswith("/") and not application.first_party:  # terraform-provider-azuread issue 1728
                yield path, f"{uri!r}: an identifier URI does not end with a slash"
        yield from _service_principals(estate, here, application, names)
    yield from _roles_of_identities(estate, names)


def _roles_of_identities(estate: Estate, names: dict[str, dict[str, Application]]) -> Iterator[Mistake]:
    """Check the application roles of managed identities, those of devices included."""
    entries: list[tuple[KeyPath, str | None, tuple[AppRoleAssignment, ...]]] = [
        (("managed_identities", index), each.tenant, each.app_role_assignments)
        for index, each in enumerate(estate.managed_identities)
    ]
    for index, device in enumerate(estate.devices):
        entries.append((("devices", index), device.tenant, device.app_role_assignments))
        if device.app_role_assignments and not device.system_assigned_identity:
            text = "are those of the system-assigned identity; set system_assigned_identity = true"
            yield ("devices", index, "app_role_assignments"), text
    for here, tenant, assignments in entries:
        home = estate.tenant(tenant) if tenant else next(iter(estate.tenants), None)
        yield from _app_roles(here, assignments, names[estate.cloud_of(home).cloud_instance_name])


def _service_principals(
    estate: Estate, here: KeyPath, application: Application, names: dict[str, dict[str, Application]]
) -> Iterator[Mistake]:
    home = estate.tenant(application.tenant) if application.tenant else next(iter(estate.tenants), None)
    seen: set[str] = set()
    for number, principal in enumerate(application.service_principals):
        path: KeyPath = (*here, "service_principals", number)
        tenant = estate.tenant(principal.tenant)
        if tenant is None:
            known = [each.initial_domain for each in estate.tenants]
            yield (*path, "tenant"), _unknown("tenant", principal.tenant, known)
            continue
        if tenant.id in seen:
            yield (*path, "tenant"), f"{principal.tenant!r} has a service principal of this application already"
        seen.add(tenant.id)
        if not application.multi_tenant and home is not None and tenant.id != home.id:
            only = f"the application is for {home.initial_domain} only"
            yield (*path, "tenant"), f'{only}; sign_in_audience = "AzureADMultipleOrgs" lets other tenants have it'
        if principal.object_id is not None and not _is_guid(principal.object_id):
            yield (*path, "object_id"), f"{principal.object_id!r} is not a GUID; expected e.g. {uuid.NAMESPACE_DNS}"
        yield from _check_assignments(estate, path, application, principal)
        yield from _permissions(estate, path, principal, names[estate.cloud_of(tenant).cloud_instance_name])


def _check_assignments(
    estate: Estate, path: KeyPath, application: Application, principal: ServicePrincipal
) -> Iterator[Mistake]:
    users = [user.upn for user in estate.users]
    seen: set[str] = set()
    for number, each in enumerate(principal.assigned_users):
        here: KeyPath = (*path, "assigned_users", number)
        upn, roles = (each, ()) if isinstance(each, str) else (each.user, each.app_roles)
        if estate.user(upn) is None:
            yield here, _unknown("user", upn, users)
        if upn.lower() in seen:
            yield here, f"{upn!r} is assigned already; put all roles into one entry"
        seen.add(upn.lower())
        for role in roles:
            if not _publishes(application, role, application.app_roles):
                name = f"application role of {application.name}"
                yield (*here, "app_roles"), _unknown(name, role, list(application.app_roles))


def _permissions(
    estate: Estate, path: KeyPath, principal: ServicePrincipal, names: dict[str, Application]
) -> Iterator[Mistake]:
    for number, grant in enumerate(principal.oauth2_permission_grants):
        here: KeyPath = (*path, "oauth2_permission_grants", number)
        api = _find_api(names, grant.resource)
        if api is None:
            yield (*here, "resource"), _unknown("API", grant.resource, _shown(names))
        else:
            for scope in grant.scope.split():
                if not _publishes(api, scope, api.oauth2_permission_scopes):
                    yield (*here, "scope"), _unknown(f"scope of {api.name}", scope, list(api.oauth2_permission_scopes))
        yield from _consent(estate, here, grant)
    yield from _app_roles(path, principal.app_role_assignments, names)


def _app_roles(
    path: KeyPath, assignments: tuple[AppRoleAssignment, ...], names: dict[str, Application]
) -> Iterator[Mistake]:
    for number, assignment in enumerate(assignments):
        here: KeyPath = (*path, "app_role_assignments", number)
        api = _find_api(names, assignment.resource)
        if api is None:
            yield (*here, "resource"), _unknown("API", assignment.resource, _shown(names))
            continue
        for role in assignment.app_roles:
            if not _publishes(api, role, api.app_roles):
                yield (*here, "app_roles"), _unknown(f"application role of {api.name}", role, list(api.app_roles))


def _consent(estate: Estate, here: KeyPath, grant: OAuth2PermissionGrant) -> Iterator[Mistake]:
    if grant.consent_type == "AllPrincipals" and grant.principal is not None:
        yield (*here, "principal"), 'consent for all users has no principal; consent_type = "Principal" is of one user'
    if grant.consent_type == "Principal" and (grant.principal is None or estate.user(grant.principal) is None):
        users = [user.upn for user in estate.users]
        yield (*here, "principal"), _unknown("user", grant.principal or "", users)
    if not grant.scope.split():
        yield (*here, "scope"), "names no scope; expected e.g. User.Read"


def _publishes(api: Application, name: str, published: tuple[str, ...]) -> bool:
    """Whether ``api`` has this scope or role. Graph has hundreds: there the form decides."""
    if api.client_id == GRAPH:
        return _GRAPH_SCOPE.fullmatch(name) is not None
    return name in published


def _name_apis(estate: Estate, where: Cloud) -> dict[str, Application]:
    """Return every API in a cloud by its names in lower case without a last slash: client id and identifier URIs."""
    found: dict[str, Application] = {}
    cloud = cloud_name_of(where.cloud_instance_name)
    for application in (*FIRST_PARTY.values(), *(complete_application(each) for each in estate.applications)):
        found[application.client_id.lower()] = application
        for uri in identifier_uris_in(cloud, application):
            found.setdefault(uri.lower().rstrip("/"), application)
    return found


def _microsoft_names(where: Cloud) -> set[str]:
    cloud = cloud_name_of(where.cloud_instance_name)
    return {uri.lower().rstrip("/") for each in FIRST_PARTY.values() for uri in identifier_uris_in(cloud, each)}


def _find_api(names: dict[str, Application], resource: str) -> Application | None:
    return names.get(resource.lower().rstrip("/"))


def _shown(names: dict[str, Application]) -> list[str]:
    return [name for name in names if ":" in name and "*" not in name]


def _is_guid(text: str) -> bool:
    try:
        uuid.UUID(text)
    except ValueError:
        return False
    return True


def _unknown(kind: str, name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known[:12]) or 'none'}"
    return f"there is no {kind} {name!r}{hint}"
