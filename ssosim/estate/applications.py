"""Applications of an estate: registrations, service principals in tenants, consent, and the APIs that they publish.

The keys have the names of the Microsoft Graph resources ``application`` and ``servicePrincipal``, in snake case. A
registration belongs to one tenant. Another tenant has a *service principal* of a multi-tenant application, with an
object id, consent and assignments of its own. Sources: Entra documents "Application and service principal objects",
"Single and multitenant apps", "Scopes and permissions", "Application types" (fallback public client).
"""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from msgspec import Meta

from ssosim.estate.credentials import Certificate, ClientSecret, FederatedCredential, TrustedCertificateSubject
from ssosim.estate.entry import EstateEntry

__all__ = [
    "AppRoleAssignment",
    "Application",
    "AssignedUser",
    "OAuth2PermissionGrant",
    "RedirectUri",
    "RedirectUriType",
    "ServicePrincipal",
    "SignInAudience",
    "derive_object_id",
]

RedirectUriType = Literal["web", "spa", "native"]
"""The platform of a redirect URI. ``native`` is ``publicClient`` in Microsoft Graph."""

SignInAudience = Literal["AzureADMyOrg", "AzureADMultipleOrgs", "AzureADandPersonalMicrosoftAccount"]
"""Who may sign in: users of the home tenant, or of any tenant. The lab has work accounts only."""

PermissionValue = Annotated[str, Meta(pattern=r"^[A-Za-z0-9._:-]{1,120}$")]
Uri = Annotated[str, Meta(pattern=r"^[A-Za-z][A-Za-z0-9+.-]*:[!-~]+$", max_length=256)]
HttpsUri = Annotated[str, Meta(pattern=r"^https://[!#-;=?-~]+$", max_length=256)]
ResourceName = Annotated[str, Meta(pattern=r"^[!-~]+$", max_length=256)]


class RedirectUri(EstateEntry, frozen=True, kw_only=True):
    """A registered redirect URI and its platform."""

    uri: str
    type: RedirectUriType


class OAuth2PermissionGrant(EstateEntry, frozen=True, kw_only=True):
    """Delegated permissions that were consented to (``oAuth2PermissionGrant`` of Microsoft Graph).

    ``resource`` is an identifier URI or the client id of the API, ``scope`` the names of its scopes, separated by
    blanks. ``consent_type`` says whether an administrator has consented for all users, or one user, the ``principal``,
    for himself.
    """

    resource: ResourceName
    scope: str
    consent_type: Literal["AllPrincipals", "Principal"] = "AllPrincipals"
    principal: str | None = None


class AppRoleAssignment(EstateEntry, frozen=True, kw_only=True):
    """Application permissions that an administrator has granted: ``app_roles`` of the API ``resource``."""

    resource: ResourceName
    app_roles: tuple[PermissionValue, ...]


class AssignedUser(EstateEntry, frozen=True, kw_only=True):
    """A user who is assigned to an application, with the roles that the user's tokens for it contain."""

    user: str
    app_roles: tuple[PermissionValue, ...] = ()


class ServicePrincipal(EstateEntry, frozen=True, kw_only=True):
    """An application in one tenant (``servicePrincipal`` of Microsoft Graph).

    ``object_id`` is derived from tenant and client id if it is not given. ``enabled`` is ``accountEnabled``.
    With ``assignment_required`` (``appRoleAssignmentRequired``) only ``assigned_users`` may sign in, and an application
    gets tokens for this API only with an application role of it.
    """

    tenant: str
    object_id: str | None = None
    enabled: bool = True
    assignment_required: bool = False
    assigned_users: tuple[AssignedUser | str, ...] = ()
    oauth2_permission_grants: tuple[OAuth2PermissionGrant, ...] = ()
    app_role_assignments: tuple[AppRoleAssignment, ...] = ()

    def find_assigned_user(self, upn: str) -> AssignedUser | None:
        """Return the assignment of the user ``upn``; None if the user is not assigned."""
        for each in self.assigned_users:
            assigned = AssignedUser(user=each) if isinstance(each, str) else each
            if assigned.user.lower() == upn.lower():
                return assigned
        return None


class Application(EstateEntry, frozen=True, kw_only=True):
    """An application registration, and the API that it publishes if it has ``identifier_uris``.

    ``tenant`` is the home tenant; None is the first tenant of the estate. A ``first_party`` application belongs to
    Microsoft and is in every tenant. ``allow_public_client`` is ``isFallbackPublicClient``: whether grants without a
    redirect URI (device code, password, assertions of users) are those of a public client, which has no credential.
    An entry of ``redirect_uris`` is a URI, or a table with its type; a URI alone is ``native`` for a public client and
    ``web`` for another one. ``family`` marks members of the family of client ids (``foci``).

    ``client_secret`` is a secret that never expires; ``secrets`` have dates. Each secret, each of the ``certificates``,
    each of the ``trusted_certificate_subjects`` and each of the ``federated_credentials`` is one way to authenticate.

    ``identifier_uris`` are the names of the API (application ID URIs); its client id is one too. Its scopes and roles
    are ``oauth2_permission_scopes`` and ``app_roles``. ``requested_access_token_version`` is the version of access
    tokens for it, 1 by default as in a manifest with null. ``optional_claims`` are those of its access tokens.
    ``logout_url`` is the front-channel logout URL.
    """

    client_id: str
    name: str
    tenant: str | None = None
    first_party: bool = False
    sign_in_audience: SignInAudience = "AzureADMyOrg"
    enabled: bool = True
    redirect_uris: tuple[RedirectUri | str, ...] = ()
    allow_public_client: bool = False
    client_secret: str | None = None
    secrets: tuple[ClientSecret, ...] = ()
    certificates: tuple[Certificate, ...] = ()
    trusted_certificate_subjects: tuple[TrustedCertificateSubject, ...] = ()
    federated_credentials: tuple[FederatedCredential, ...] = ()
    family: bool = False
    service_principals: tuple[ServicePrincipal, ...] = ()
    identifier_uris: tuple[Uri, ...] = ()
    oauth2_permission_scopes: tuple[PermissionValue, ...] = ()
    app_roles: tuple[PermissionValue, ...] = ()
    requested_access_token_version: Literal[1, 2] = 1
    optional_claims: tuple[Literal["idtyp"], ...] = ()
    logout_url: HttpsUri | None = None

    @property
    def has_credentials(self) -> bool:
        """Whether the application has a credential of any kind, with which it can authenticate."""
        return self.client_secret is not None or bool(
            self.secrets or self.certificates or self.trusted_certificate_subjects or self.federated_credentials
        )

    @property
    def multi_tenant(self) -> bool:
        """Whether users of other tenants than the home tenant may sign in."""
        return self.first_party or self.sign_in_audience != "AzureADMyOrg"

    def list_redirect_uris(self) -> tuple[RedirectUri, ...]:
        """Return the redirect URIs, each with its type, in file order."""
        usual: RedirectUriType = "native" if self.allow_public_client else "web"
        return tuple(
            RedirectUri(uri=each, type=usual) if isinstance(each, str) else each for each in self.redirect_uris
        )


def derive_object_id(tenant_id: str, client_id: str) -> str:
    """Derive the object id of the service principal of ``client_id`` in a tenant; always the same GUID for both."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{tenant_id.lower()}/{client_id.lower()}"))
