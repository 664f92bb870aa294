"""The fault ``domain-managed``."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from ssosim.estate import Domain, Estate
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.estate_fault import EstateFault
from ssosim.output import format_share

__all__ = ["DomainManaged"]


class DomainManaged(EstateFault, frozen=True, kw_only=True, tag="domain-managed"):
    """The federated ``domain`` is converted to a managed one: its users sign in with a password at the cloud.

    Assertions of the federation service are refused (AADSTS50107). ``old_share`` of the answers about the domain (realm
    discovery, GetCredentialType, the redirect at the sign-in page) are still those of before, evenly spread: a
    conversion takes up to 60 minutes to reach all servers. Source: Entra document "Migrate from federation to cloud
    authentication".
    """

    domain: str
    old_share: Annotated[float, Meta(ge=0, lt=1)] = 0.0

    def change(self, estate: Estate) -> Estate:
        """Return ``estate`` with the domain managed."""
        found = estate.domain(self.domain)
        if found is None or found[1].kind != "federated":
            raise FaultError(f"there is no federated domain {self.domain!r} in the estate")
        tenants = tuple(
            replace(tenant, domains=tuple(self._convert(each) for each in tenant.domains)) for tenant in estate.tenants
        )
        return replace(estate, tenants=tenants)

    def _convert(self, domain: Domain) -> Domain:
        if domain.name.lower() != self.domain.lower():
            return domain
        return Domain(name=domain.name, former_federation=domain.federation, former_share=self.old_share)

    def describe(self) -> str:
        """Describe the fault in one line."""
        some = f"; {format_share(self.old_share)} of the answers are still those of before" if self.old_share else ""
        return f"{self.domain} is a managed domain{some}"
