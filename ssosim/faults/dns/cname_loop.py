"""The fault ``cname-loop``."""

from __future__ import annotations

from ssosim.dns import ZoneSet
from ssosim.dns.zones.edits import commit
from ssosim.faults.core.cname_chain import add_cnames, hop_name, remove_all_records
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["CnameLoop"]


class CnameLoop(ZoneFault, frozen=True, kw_only=True, tag="cname-loop"):
    """A name is a CNAME loop of ``length`` records: resolvers answer SERVFAIL. Source: RFC 1034, 5.2.2."""

    name: str
    length: int = 2

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Replace all record sets of the name by the loop."""
        owner, zone, _ = remove_all_records(zones, self.name, self.length)
        hops = [owner, *(hop_name(owner, number, "loop") for number in range(1, self.length)), owner]
        return commit(zones, add_cnames(zone, hops))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} is a CNAME loop of {self.length}"
