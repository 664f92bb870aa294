"""Faults of alias record sets and traffic manager profiles: what 25 February 2025 was made of."""

from __future__ import annotations

from ssosim.dns import DnsChangeError, ZoneSet, delete_profile, put_profile, put_rrset, remove_rrset
from ssosim.faults.zones import ZoneFault

__all__ = ["CnameForAlias", "TrafficManagerDeleted"]


class TrafficManagerDeleted(ZoneFault, frozen=True, kw_only=True, tag="traffic-manager-deleted"):
    """A traffic manager profile is deleted, and every alias record set that pointed at it becomes an empty one.

    What the clean-up of 25 February 2025 did. Source: retrospective TMS9-J_8; Azure DNS documentation, alias records.
    """

    profile: str

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Delete the profile."""
        return delete_profile(zones, self.profile)

    def describe(self) -> str:
        """One line for people."""
        return f"traffic manager profile {self.profile} deleted; the alias record sets that pointed at it are empty"


class CnameForAlias(ZoneFault, frozen=True, kw_only=True, tag="cname-for-alias"):
    """The traffic manager profile is there again, but a CNAME leads to it where the alias record set was.

    The partial rollback of 25 February 2025: names resolve, and clients that follow the CNAME form another SPN.
    Source: retrospective TMS9-J_8.
    """

    record: str
    profile: str

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Replace the alias A set at ``record`` by a CNAME to the profile's DNS name."""
        profile = zones.profiles.get(self.profile)
        if profile is None:
            raise DnsChangeError(
                f"there is no traffic manager {self.profile!r}; there are: {', '.join(zones.profiles)}"
            )
        bare = remove_rrset(put_profile(zones, profile), self.record, "A")
        return put_rrset(bare, self.record, "CNAME", [f"{profile.dns_name}."], ttl=profile.ttl)

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} is a CNAME to the traffic manager {self.profile}, no alias record set"
