"""The fault ``name-removed``."""

from __future__ import annotations

from ssosim.dns import ZoneSet, remove_name
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["NameRemoved"]


class NameRemoved(ZoneFault, frozen=True, kw_only=True, tag="name-removed"):
    """A name and all its records are removed: NXDOMAIN. Source: Azure post-incident review TMS9-J_8."""

    name: str

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Remove every record set of the name."""
        return remove_name(zones, self.name)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} removed"
