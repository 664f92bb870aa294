"""The fault ``traffic-manager-deleted``."""

from __future__ import annotations

from ssosim.dns import ZoneSet, delete_profile
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["TrafficManagerDeleted"]


class TrafficManagerDeleted(ZoneFault, frozen=True, kw_only=True, tag="traffic-manager-deleted"):
    """A traffic manager profile is deleted, and every alias record set that pointed at it becomes an empty one.

    The clean-up of 25 February 2025 did this. Source: retrospective TMS9-J_8; Azure DNS documentation, alias records.
    """

    profile: str

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Delete the profile."""
        return delete_profile(zones, self.profile)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"traffic manager profile {self.profile} deleted; the alias record sets that pointed at it are empty"
