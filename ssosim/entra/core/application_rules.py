"""Whether an application may be used in a tenant, and by whom.

Sources: Entra documents "Single and multitenant apps" and "Properties of an enterprise application" (enabled for users
to sign in, assignment required), Entra error-code reference; azure-cli issue 30456 and microsoft-authentication-
library-for-dotnet issue 1135 (700016 at a tenant without the application), aspnetcore-connect-sample issue 65 (50194),
Worklytics/psoxy pull request 74 (7000112), o365soa/soa issue 90 (50105); the guide of the Teams SDK (7000229 for an
application without a service principal, a recording of September 2025).
"""

from __future__ import annotations

from ssosim.entra.core.directory import Authority, Directory
from ssosim.entra.core.errors import AadstsError
from ssosim.estate import Application, ServicePrincipal, Tenant, User

__all__ = ["check_assignment", "require_app_principal", "require_client", "require_user_principal"]


def require_client(
    directory: Directory, client_id: str, authority: Authority, *, without_user: bool = False
) -> Application:
    """Return the application ``client_id``, which may be used at ``authority``.

    Raises AadstsError: 700016 for an unknown application and for one of another tenant only, 50194 for a single-tenant
    application at a shared authority, 7000112 for a disabled application. A multi-tenant application may be used at a
    tenant that does not have it yet: the user or an administrator can consent there. With ``without_user`` a shared
    authority is not refused here. An application that was accepted is kept, since that depends on the estate alone.
    """
    name = authority.id if isinstance(authority, Tenant) else authority
    key = (client_id, name, without_user)
    return directory.keep_result(_require_client, key, (directory, client_id, authority, name, without_user))


def _require_client(
    directory: Directory, client_id: str, authority: Authority, name: str, without_user: bool
) -> Application:
    application = directory.require_application(client_id, name)
    if isinstance(authority, Tenant):
        if not application.multi_tenant and not directory.is_home(application, authority):
            raise AadstsError(700016, client=application.client_id, tenant=name)
        _check_enabled(application, directory.find_service_principal(application, authority))
        return application
    if not application.multi_tenant and not without_user:
        raise AadstsError(50194, client=application.client_id, name=application.name)
    _check_enabled(application, None)
    return application


def require_user_principal(
    directory: Directory, application: Application, tenant: Tenant, user: User
) -> ServicePrincipal | None:
    """Return the service principal of ``application`` in the tenant of ``user``, who may use it; None if there is none.

    Raises AadstsError: 700016 and 7000112 as ``require_client``, 50105 for a user who must be assigned and is not.
    """
    require_client(directory, application.client_id, tenant)
    principal = directory.find_service_principal(application, tenant)
    if principal is not None:
        check_assignment(application, principal, user)
    return principal


def require_app_principal(directory: Directory, application: Application, tenant: Tenant) -> ServicePrincipal:
    """Return the service principal of ``application`` in ``tenant``, for a token of the application itself.

    Raises AadstsError 7000229 and 7000112. Nobody is there to consent, so the tenant must have the application.
    """
    principal = directory.find_service_principal(application, tenant)
    if principal is None:
        raise AadstsError(7000229, client=application.client_id, tenant=tenant.id)
    _check_enabled(application, principal)
    return principal


def check_assignment(application: Application, principal: ServicePrincipal, user: User) -> None:
    """Raise AadstsError 50105 if ``user`` must be assigned to ``application`` and is not."""
    if principal.assignment_required and principal.find_assigned_user(user.upn) is None:
        raise AadstsError(50105, user=user.upn, client=application.client_id, name=application.name)


def _check_enabled(application: Application, principal: ServicePrincipal | None) -> None:
    if not application.enabled or (principal is not None and not principal.enabled):
        raise AadstsError(7000112, client=application.client_id, name=application.name)
