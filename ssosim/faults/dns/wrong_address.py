"""The fault ``wrong-address``."""

from __future__ import annotations

from ssosim.dns import ZoneSet, put_rrset
from ssosim.faults.core.addresses import address_type
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["WrongAddress"]


class WrongAddress(ZoneFault, frozen=True, kw_only=True, tag="wrong-address"):
    """A name has the address of another host, IPv4 or IPv6. Source: Azure AD preview, about 2012."""

    name: str
    address: str = "203.0.113.254"
    ttl: int | None = None

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Replace all addresses of the same family by this one."""
        return put_rrset(zones, self.name, address_type(self.address), [self.address], ttl=self.ttl)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} has the address {self.address}"
