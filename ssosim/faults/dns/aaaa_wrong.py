"""The fault ``aaaa-wrong``."""

from __future__ import annotations

from ssosim.dns import ZoneSet
from ssosim.faults.core.addresses import put_aaaa
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["AaaaWrong"]


class AaaaWrong(ZoneFault, frozen=True, kw_only=True, tag="aaaa-wrong"):
    """A name gets an AAAA record with the address of another host, while A is right.

    Clients that prefer IPv6 get a wrong certificate or a 404. Source: CRM Online, 22 December 2014 (the IPv6 form of a
    wrong address).
    """

    name: str
    address: str = "2001:db8:bad::1"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put the AAAA record; nothing else changes."""
        return put_aaaa(zones, self.name, self.address)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} AAAA is {self.address}, another host"
