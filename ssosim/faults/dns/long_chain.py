"""The fault ``long-chain``."""

from __future__ import annotations

import dataclasses

from ssosim.dns import ZoneSet
from ssosim.dns.zones.edits import commit
from ssosim.faults.core.cname_chain import add_cnames, hop_name, remove_all_records
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["LongChain"]


class LongChain(ZoneFault, frozen=True, kw_only=True, tag="long-chain"):
    """A chain of ``length`` CNAMEs leads to the records of a name: slow, or longer than resolvers follow.

    Source: resolvers' limits differ (BIND and unbound follow 11 by default, ``max-query-restarts``).
    """

    name: str
    length: int = 20

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Move the record sets of the name, aliases included, to the end of the chain."""
        owner, zone, moved = remove_all_records(zones, self.name, self.length)
        hops = [owner, *(hop_name(owner, number, "hop") for number in range(1, self.length + 1))]
        zone = add_cnames(zone, hops)
        for rrset in moved:
            zone = zone.with_rrset(dataclasses.replace(rrset, name=hops[-1]))
        return commit(zones, zone)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} leads to its records over {self.length} CNAMEs"
