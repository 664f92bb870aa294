"""Address records for faults that edit zones."""

from __future__ import annotations

import ipaddress

from ssosim.dns import ZoneSet, put_rrset
from ssosim.faults.core.errors import FaultError

__all__ = ["NOWHERE", "address_type", "is_nowhere", "put_aaaa"]

NOWHERE = ipaddress.ip_network("100::/64")
"""The discard prefix of RFC 6666, where no host is."""


def is_nowhere(address: str) -> bool:
    """Whether ``address`` has the discard prefix of RFC 6666, where no host is."""
    return ipaddress.ip_address(address) in NOWHERE


def address_type(address: str) -> str:
    """Return the record type for ``address``: ``A`` or ``AAAA``. Raises FaultError if it is not an IP address."""
    try:
        return "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
    except ValueError as error:
        raise FaultError(f"{address!r} is not an IP address") from error


def put_aaaa(zones: ZoneSet, name: str, address: str) -> ZoneSet:
    """Put one AAAA record. Raises FaultError if ``address`` is not an IPv6 address, and DnsChangeError."""
    if address_type(address) != "AAAA":
        raise FaultError(f"{address!r} is not an IPv6 address")
    return put_rrset(zones, name, "AAAA", [address])
