"""The fault ``ttl-changed``."""

from __future__ import annotations

import dataclasses

from ssosim.dns import DnsChangeError, ZoneSet
from ssosim.dns.zones.edits import commit, require_record_set
from ssosim.dns.zones.from_estate import check_ttl
from ssosim.dns.zones.rrset import plain
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["TtlChanged"]


class TtlChanged(ZoneFault, frozen=True, kw_only=True, tag="ttl-changed"):
    """A record set has another TTL, in seconds: caches keep a mistake longer, or query more often.

    Source: Azure AD preview, about 2012 (a TTL of one hour made a tail of one hour);
    Azure Incident Retrospective TMS9-J_8.
    """

    name: str
    ttl: int
    type: str = "A"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Change the TTL and nothing else: an alias record set stays an alias."""
        check_ttl(self.ttl)
        owner, kind, zone = require_record_set(zones, self.name, self.type)
        held = zone.node(owner).get(kind)
        if held is None:
            raise DnsChangeError(f"{plain(owner)} has no {kind.name} record set")
        return commit(zones, zone.with_rrset(dataclasses.replace(held, ttl=self.ttl)))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} {self.type} has TTL {self.ttl}"
