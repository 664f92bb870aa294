"""The fault ``cname-for-alias``."""

from __future__ import annotations

from ssosim.dns import DnsChangeError, ZoneSet, put_profile, put_rrset, remove_rrset
from ssosim.faults.core.zone_fault import ZoneFault

__all__ = ["CnameForAlias"]


class CnameForAlias(ZoneFault, frozen=True, kw_only=True, tag="cname-for-alias"):
    """The traffic manager profile exists again, but a CNAME record replaces the alias record set.

    The partial rollback of 25 February 2025: names resolve, and clients that follow the CNAME form another SPN.
    Source: retrospective TMS9-J_8.
    """

    name: str
    profile: str

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Replace the alias A set at ``name`` by a CNAME to the profile's DNS name."""
        profile = zones.profiles.get(self.profile)
        if profile is None:
            raise DnsChangeError(
                f"there is no traffic manager {self.profile!r}; there are: {', '.join(zones.profiles)}"
            )
        bare = remove_rrset(put_profile(zones, profile), self.name, "A")
        return put_rrset(bare, self.name, "CNAME", [f"{profile.dns_name}."], ttl=profile.ttl)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.name} is a CNAME to the traffic manager {self.profile}, no alias record set"
