"""The fault ``aaaa-wrong``."""

from __future__ import annotations

from ssosim.dns import ZoneSet
from ssosim.faults.core.addresses import put_aaaa
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["AaaaWrong"]


class AaaaWrong(ZoneFault, frozen=True, kw_only=True, tag="aaaa-wrong"):
    """AAAA leads to a foreign host while A is right: who prefers IPv6 meets a wrong certificate or a 404."""

    name: str
    address: str = "2001:db8:bad::1"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put that AAAA record; nothing else changes."""
        return put_aaaa(zones, self.name, self.address)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} AAAA is {self.address}, another host"
