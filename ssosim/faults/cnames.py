"""Faults of CNAME chains."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable

from dns.name import Name
from dns.rdatatype import CNAME, RdataType

from ssosim.dns import DnsChangeError, ZoneSet
from ssosim.dns.zones.edits import commit, require_node, require_writable
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas
from ssosim.dns.zones.zone import Zone
from ssosim.faults.zones import ZoneFault

__all__ = ["CnameLoop", "LongChain"]

TTL = 300


class CnameLoop(ZoneFault, frozen=True, kw_only=True, tag="cname-loop"):
    """A name leads back to itself over ``length`` CNAMEs: resolvers give up with SERVFAIL. Source: RFC 1034, 5.2.2."""

    record: str
    length: int = 2

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put the loop in the place of all that the name has."""
        owner, zone, _ = bare(zones, self.record, self.length)
        hops = [owner, *(hop(owner, number, "loop") for number in range(1, self.length)), owner]
        return commit(zones, linked(zone, hops))

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} is a CNAME loop of {self.length}"


class LongChain(ZoneFault, frozen=True, kw_only=True, tag="long-chain"):
    """A name leads to its own records over ``length`` CNAMEs: more than resolvers follow, or slow at best.

    Source: resolvers' limits differ (unbound follows 11 by default, BIND 17).
    """

    record: str
    length: int = 20

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Move what the name has to the chain's end, aliases included."""
        owner, zone, moved = bare(zones, self.record, self.length)
        hops = [owner, *(hop(owner, number, "hop") for number in range(1, self.length + 1))]
        zone = linked(zone, hops)
        for rrset in moved:
            zone = zone.with_rrset(dataclasses.replace(rrset, name=hops[-1]))
        return commit(zones, zone)

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} leads to its records over {self.length} CNAMEs"


def bare(zones: ZoneSet, record: str, length: int) -> tuple[Name, Zone, tuple[RRset, ...]]:
    """The name, its zone without the name's record sets, and those; raises DnsChangeError."""
    if not 1 <= length <= 100:
        raise DnsChangeError(f"length {length} is out of range: give 1 to 100")
    owner, zone = require_writable(zones, record)
    node = require_node(zone, owner)
    kinds: tuple[RdataType, ...] = tuple(node)
    if owner == zone.origin:
        raise DnsChangeError(f"{record} is the apex of its zone, where no CNAME can be: name one below it")
    return owner, zone.without(owner, *kinds), tuple(node.values())


def hop(owner: Name, number: int, word: str) -> Name:
    """A name of the chain, beside ``owner``."""
    return to_name(f"{owner.labels[0].decode('ascii', 'replace')[:40]}-{word}-{number}", owner.parent())


def linked(zone: Zone, hops: Iterable[Name]) -> Zone:
    """``zone`` with a CNAME from every hop to the next."""
    names = list(hops)
    for here, there in itertools.pairwise(names):
        zone = zone.with_rrset(RRset(here, CNAME, TTL, to_rdatas((there.to_text(),), CNAME, zone.origin)))
    return zone
