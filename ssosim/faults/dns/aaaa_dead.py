"""The fault ``aaaa-dead``."""

from __future__ import annotations

from ssosim.dns import ZoneSet
from ssosim.faults.core.addresses import put_aaaa
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["AaaaDead"]


class AaaaDead(ZoneFault, frozen=True, kw_only=True, tag="aaaa-dead"):
    """AAAA leads where nobody is: RFC 6666's discard prefix. Clients fall back to IPv4, soon or after a timeout."""

    name: str
    address: str = "100::1"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put that AAAA record; nothing else changes."""
        return put_aaaa(zones, self.name, self.address)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} AAAA is {self.address}, where nobody answers"
