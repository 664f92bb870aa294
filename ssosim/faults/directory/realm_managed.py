"""The fault ``realm-managed``."""

from __future__ import annotations

import dataclasses

import msgspec

from ssosim.estate import Estate
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, Fault, FaultState

__all__ = ["RealmManaged"]


class RealmManaged(Fault, frozen=True, kw_only=True, tag="realm-managed"):
    """Realm discovery reports the users of ``tenant`` (its id or a domain) as managed: Seamless SSO is off.

    As a measure it helps password clients, which then need no MEX. Source: Measured here: a realm that turns Managed.
    """

    tenant: str

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with Seamless SSO off."""
        return dataclasses.replace(state, estate=(*state.estate, self._switched_off))

    def _switched_off(self, estate: Estate) -> Estate:
        wanted = estate.tenant(self.tenant)
        tenants = tuple(
            msgspec.structs.replace(tenant, desktop_sso=False) if tenant is wanted else tenant
            for tenant in estate.tenants
        )
        if tenants == estate.tenants:
            raise FaultError(f"there is no tenant {self.tenant!r} with Seamless SSO")
        return msgspec.structs.replace(estate, tenants=tenants)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"Seamless SSO is off for {self.tenant}: its users are answered as managed"
