"""Service principals in Microsoft Graph: by object id, by ``appId``, and with a filter.

An application of Microsoft that is a client, such as Azure PowerShell, is in a tenant from the first sign-in of one of
the tenant's users on. Its APIs are in each tenant from the start; this is unconfirmed for rare ones.

Sources: Microsoft Graph documents "servicePrincipal resource type", "Get servicePrincipal" (key ``appId``, permissions)
and "List servicePrincipals"; Entra document "Application and service principal objects"; the filters are those of the
Azure CLI (``az ad sp show``) and of the document. The id of Microsoft's own tenant is in the document "Verify
first-party Microsoft applications in sign-in reports". The text of an unsupported filter is unconfirmed.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from ssosim.entra.core.provider import Provider
from ssosim.estate import Tenant
from ssosim.estate.applications import Application, ServicePrincipal
from ssosim.resource_servers.application import ResourceError

__all__ = ["ServicePrincipals"]

_MICROSOFT = "f8cdef31-a31e-4b4a-93e4-5f571e91255a"
_BY_APP_ID = re.compile(r"serviceprincipals\(appid='([^']{1,128})'\)", re.IGNORECASE)
_STRING = r"'((?:[^']|'')*)'"
_FILTERS = (
    ("appId", re.compile(rf"\s*appId\s+eq\s+{_STRING}\s*")),
    ("displayName", re.compile(rf"\s*displayName\s+eq\s+{_STRING}\s*")),
    ("servicePrincipalNames", re.compile(rf"\s*servicePrincipalNames/any\((\w+):\s*\1\s+eq\s+{_STRING}\)\s*")),
)


@dataclass(frozen=True, slots=True)
class ServicePrincipals:
    """The service principals of one tenant."""

    provider: Provider
    tenant: Tenant

    def list(self, odata_filter: str = "") -> list[dict[str, Any]]:
        """Return those that match ``odata_filter``. Raises ResourceError 400 for a filter that is not supported."""
        if not odata_filter:
            return list(self._describe_all())
        for name, pattern in _FILTERS:
            if match := pattern.fullmatch(odata_filter):
                wanted = match.groups()[-1].replace("''", "'").lower()
                return [each for each in self._describe_all() if wanted in _values(each[name])]
        raise ResourceError(400, "Request_UnsupportedQuery", f"Unsupported Query: {odata_filter[:128]!r}.")

    def find(self, path: Sequence[str]) -> dict[str, Any]:
        """Return the one that ``path`` names: ``servicePrincipals/{id}`` or ``servicePrincipals(appId='...')``.

        Raises ResourceError 404 if there is none, 400 for another path.
        """
        by_app_id = _BY_APP_ID.fullmatch(path[0]) if len(path) == 1 else None
        if by_app_id is None and (len(path) != 2 or path[0] != "serviceprincipals"):
            raise ResourceError(400, "BadRequest", f"Resource not found for the segment '{'/'.join(path)[:64]}'.")
        key, name = ("appId", by_app_id[1]) if by_app_id else ("id", path[1])
        for each in self._describe_all():
            if each[key].lower() == name.lower():
                return each
        raise ResourceError(
            404,
            "Request_ResourceNotFound",
            f"Resource '{name[:128]}' does not exist or one of its queried reference-property objects are not present.",
        )

    def _describe_all(self) -> Iterator[dict[str, Any]]:
        directory = self.provider.directory
        for application in directory.list_applications():
            principal = directory.find_service_principal(application, self.tenant)
            if principal is not None and self._exists(application):
                yield self._describe(application, principal)

    def _exists(self, application: Application) -> bool:
        if not application.first_party or application.identifier_uris:
            return True
        directory = self.provider.directory
        if any(directory.find_tenant(each.tenant) is self.tenant for each in application.service_principals):
            return True
        return self.provider.has_signed_in(application, self.tenant)

    def _describe(self, application: Application, principal: ServicePrincipal) -> dict[str, Any]:
        identity = any(
            each.effective_client_id.lower() == application.client_id.lower()
            for each in self.provider.estate.managed_identities
        )
        home = self.provider.directory.find_home_tenant_of(application)
        return {
            "id": principal.object_id,
            "deletedDateTime": None,
            "accountEnabled": principal.enabled,
            "appDisplayName": application.name,
            "appId": application.client_id,
            "appOwnerOrganizationId": home.id if home else _MICROSOFT,
            "appRoleAssignmentRequired": principal.assignment_required,
            "displayName": application.name,
            "servicePrincipalNames": [application.client_id, *application.identifier_uris],
            "servicePrincipalType": "ManagedIdentity" if identity else "Application",
            "signInAudience": application.sign_in_audience,
        }


def _values(value: Any) -> set[str]:
    """Return the text or texts of a property, in lower case, as filters compare them."""
    return {each.lower() for each in (value if isinstance(value, list) else [value])}
