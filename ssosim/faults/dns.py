"""Faults of the DNS layer.

Each is a pure change of the zones; applying it is one assignment, so a query sees the old state or the new one.
Undoing returns the zones as they were when the fault was applied: undo in the opposite order.
"""

from __future__ import annotations

import msgspec

from ssosim.dns import DnsChangeError, ZoneSet, delete_profile, put_profile, put_rrset, remove_name, remove_rrset
from ssosim.faults.base import FaultTarget, Undo
from ssosim.trace import FaultApplied, FaultUndone

__all__ = ["AnyFault", "CnameForAlias", "DnsFault", "NameRemoved", "TrafficManagerDeleted"]


class DnsFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="fault"):
    """Base of the faults that change zones. In TOML the key ``fault`` holds the fault's name."""

    def change(self, zones: ZoneSet) -> ZoneSet:
        """The zones with the fault in them; raises DnsChangeError when it does not fit."""
        raise NotImplementedError

    def describe(self) -> str:
        """One line for people."""
        raise NotImplementedError

    @property
    def name(self) -> str:
        """The fault's registered name."""
        return str(self.__struct_config__.tag)

    def apply(self, target: FaultTarget) -> Undo:
        """Change the zones of ``target``; the result puts them back."""
        former = target.zones.replace(self.change(target.zones.current))
        target.trace.record("", FaultApplied(name=self.name, detail=self.describe()))

        def undo() -> None:
            target.zones.replace(former)
            target.trace.record("", FaultUndone(name=self.name, detail=self.describe()))

        return undo


class TrafficManagerDeleted(DnsFault, frozen=True, kw_only=True, tag="traffic-manager-deleted"):
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


class CnameForAlias(DnsFault, frozen=True, kw_only=True, tag="cname-for-alias"):
    """The traffic manager profile is there again, but a CNAME leads to it where the alias record set was.

    The partial rollback of 25 February 2025: names resolve, and clients that follow the CNAME form another SPN.
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


class NameRemoved(DnsFault, frozen=True, kw_only=True, tag="name-removed"):
    """A name and all its records are gone: NXDOMAIN."""

    record: str

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Remove every record set of the name."""
        return remove_name(zones, self.record)

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} removed"


AnyFault = TrafficManagerDeleted | CnameForAlias | NameRemoved
