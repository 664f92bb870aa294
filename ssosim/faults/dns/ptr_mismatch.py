"""The fault ``ptr-mismatch``."""

from __future__ import annotations

import dns.exception
import dns.reversename

from ssosim.dns import DnsChangeError, ZoneSet, put_rrset
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["PtrMismatch"]


class PtrMismatch(ZoneFault, frozen=True, kw_only=True, tag="ptr-mismatch"):
    """The PTR record of an address has another name: clients that canonicalise by it request a wrong SPN.

    Source: MIT krb5 documentation, ``rdns`` in libdefaults.
    """

    address: str
    points_to: str = "elsewhere.example."

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put the PTR record."""
        try:
            owner = dns.reversename.from_address(self.address)
        except (dns.exception.SyntaxError, ValueError) as error:
            raise DnsChangeError(f"{self.address!r} is not an IP address") from error
        return put_rrset(zones, owner, "PTR", [f"{self.points_to.rstrip('.')}."])

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.address} has the PTR {self.points_to}"
