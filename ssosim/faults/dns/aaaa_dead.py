"""The fault ``aaaa-dead``."""

from __future__ import annotations

from ssosim.dns import ZoneSet
from ssosim.faults.core.addresses import NOWHERE, address_type, is_nowhere, put_aaaa
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["AaaaDead"]


class AaaaDead(ZoneFault, frozen=True, kw_only=True, tag="aaaa-dead"):
    """A name gets an AAAA record with an address where no host is: the discard prefix of RFC 6666.

    Clients fall back to IPv4, at once or after a timeout. Source: CRM Online, 22 December 2014.
    """

    name: str
    address: str = "100::1"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put the AAAA record; nothing else changes. Raises FaultError for an address at which a host may answer."""
        if address_type(self.address) == "AAAA" and not is_nowhere(self.address):
            raise FaultError(f"address: {self.address} is not in {NOWHERE}, where no host is; or use aaaa-wrong")
        return put_aaaa(zones, self.name, self.address)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} AAAA is {self.address}, where nobody answers"
