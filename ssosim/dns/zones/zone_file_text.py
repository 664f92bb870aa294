"""Zones as the text of zone files (RFC 1035 section 5), which every name server reads."""

from __future__ import annotations

from dns.rdatatype import SOA

from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone import Zone

__all__ = ["format_zone_file", "zone_file_name"]


def zone_file_name(zone: Zone, suffix: str) -> str:
    """The file name of the zone: its name and ``suffix``. The slash of RFC 2317 zones becomes a hyphen."""
    return f"{plain(zone.origin).replace('/', '-')}{suffix}"


def format_zone_file(zone: Zone, serial: int) -> tuple[str, list[RRset]]:
    """The zone file, and the record sets that it cannot express: alias record sets and empty ones.

    ``serial`` is that of the SOA of a zone that has no SOA of its own.
    """
    soa = zone.soa(serial)
    lines = [f"$ORIGIN {zone.origin}", f"$TTL {zone.ttl}", *_lines(soa)]
    left = []
    for rrset in sorted(zone.rrsets(), key=lambda each: (each.name, each.type)):
        if rrset.type == SOA or rrset.is_profile_name:
            continue
        if rrset.shape == "plain":
            lines += _lines(rrset)
        else:
            left.append(rrset)
    return "\n".join(lines) + "\n", left


def _lines(rrset: RRset) -> list[str]:
    return [f"{rrset.name}\t{rrset.ttl}\tIN\t{rrset.type.to_text(rrset.type)}\t{rdata}" for rdata in rrset.rdatas]
