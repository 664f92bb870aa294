"""CNAME chains for faults that edit zones."""

from __future__ import annotations

import itertools
from collections.abc import Iterable

from dns.name import Name
from dns.rdatatype import CNAME, RdataType

from ssosim.dns import ZoneSet
from ssosim.dns.zones.edits import require_node, require_writable
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas
from ssosim.dns.zones.zone import Zone
from ssosim.faults.core.errors import FaultError

__all__ = ["add_cnames", "hop_name", "remove_all_records"]


TTL = 300
"""TTL of the CNAME records, in seconds."""


def remove_all_records(zones: ZoneSet, name: str, length: int) -> tuple[Name, Zone, tuple[RRset, ...]]:
    """Return the name, its zone without the name's record sets, and these. Raises FaultError and DnsChangeError."""
    if not 1 <= length <= 100:
        raise FaultError(f"length {length} is out of range: give 1 to 100")
    owner, zone = require_writable(zones, name)
    node = require_node(zone, owner)
    kinds: tuple[RdataType, ...] = tuple(node)
    if owner == zone.origin:
        raise FaultError(f"{name} is the apex of its zone, where no CNAME can be: name one below it")
    return owner, zone.without(owner, *kinds), tuple(node.values())


def hop_name(owner: Name, number: int, word: str) -> Name:
    """Return the name number ``number`` of the chain, a sibling of ``owner``."""
    return to_name(f"{owner.labels[0].decode('ascii', 'replace')[:40]}-{word}-{number}", owner.parent())


def add_cnames(zone: Zone, hops: Iterable[Name]) -> Zone:
    """Return ``zone`` with a CNAME from each hop to the next."""
    names = list(hops)
    for here, there in itertools.pairwise(names):
        zone = zone.with_rrset(RRset(here, CNAME, TTL, to_rdatas((there.to_text(),), CNAME, zone.origin)))
    return zone
