"""The fault ``consent-revoked``."""

from __future__ import annotations

from typing import ClassVar

from msgspec.structs import replace

from ssosim.estate import Application, Estate
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.estate_fault import EstateFault, change_application

__all__ = ["ConsentRevoked"]


class ConsentRevoked(EstateFault, frozen=True, kw_only=True, tag="consent-revoked"):
    """The consent to the application ``client_id`` is revoked in ``tenant`` (None: in every tenant): AADSTS65001.

    Delegated permissions and application roles are gone; the service principal stays. Source: azure-sdk-for-net issue
    21281.
    """

    CODES: ClassVar[tuple[int, ...]] = (65001, 501051)

    client_id: str
    tenant: str | None = None

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` without the grants."""
        wanted = None if self.tenant is None else estate.tenant(self.tenant)
        if self.tenant is not None and wanted is None:
            raise FaultError(f"there is no tenant {self.tenant!r} in the estate")

        def revoke(application: Application) -> Application:
            principals = tuple(
                replace(each, oauth2_permission_grants=(), app_role_assignments=())
                if wanted is None or estate.tenant(each.tenant) is wanted
                else each
                for each in application.service_principals
            )
            if principals == application.service_principals:
                where = f" in {self.tenant}" if self.tenant else ""
                raise FaultError(f"{application.name} ({application.client_id}) has no consent{where} to revoke")
            return replace(application, service_principals=principals)

        return change_application(estate, self.client_id, revoke)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the consent to {self.client_id} is revoked" + (f" in {self.tenant}" if self.tenant else "")
