"""Faults that only clients with IPv6 see. Source: CRM Online, 22 December 2014, the twin of TMS9-J_8."""

from __future__ import annotations

from ssosim.dns import DnsChangeError, ZoneSet, put_rrset
from ssosim.faults.records import address_type
from ssosim.faults.zones import ZoneFault

__all__ = ["AaaaDead", "AaaaWrong"]


class AaaaWrong(ZoneFault, frozen=True, kw_only=True, tag="aaaa-wrong"):
    """AAAA leads to a foreign host while A is right: who prefers IPv6 meets a wrong certificate or a 404."""

    record: str
    address: str = "2001:db8:bad::1"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put that AAAA record; nothing else changes."""
        return put_aaaa(zones, self.record, self.address)

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} AAAA is {self.address}, another host"


class AaaaDead(ZoneFault, frozen=True, kw_only=True, tag="aaaa-dead"):
    """AAAA leads where nobody is: RFC 6666's discard prefix. Clients fall back to IPv4, soon or after a timeout."""

    record: str
    address: str = "100::1"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put that AAAA record; nothing else changes."""
        return put_aaaa(zones, self.record, self.address)

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} AAAA is {self.address}, where nobody answers"


def put_aaaa(zones: ZoneSet, record: str, address: str) -> ZoneSet:
    """One AAAA record; raises DnsChangeError for any other address."""
    if address_type(address) != "AAAA":
        raise DnsChangeError(f"{address!r} is not an IPv6 address")
    return put_rrset(zones, record, "AAAA", [address])
