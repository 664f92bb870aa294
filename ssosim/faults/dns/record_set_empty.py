"""The fault ``record-set-empty``."""

from __future__ import annotations

from ssosim.dns import DnsChangeError, ZoneSet, put_rrset
from ssosim.dns.zones.edits import require_record_set
from ssosim.dns.zones.rrset import plain
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["RecordSetEmpty"]


class RecordSetEmpty(ZoneFault, frozen=True, kw_only=True, tag="record-set-empty"):
    """A record set has no records: the name still exists, the answer is NODATA.

    Source: AWS DynamoDB, 19 October 2025 (an endpoint without addresses); Azure post-incident review TMS9-J_8.
    """

    name: str
    type: str = "A"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Replace the record set by an empty one. Raises DnsChangeError if there is none."""
        owner, kind, zone = require_record_set(zones, self.name, self.type)
        if kind not in zone.node(owner):
            raise DnsChangeError(f"{plain(owner)} has no {kind.name} record set to empty")
        return put_rrset(zones, owner, kind, ())

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} {self.type} is an empty record set"
