"""Faults of single names and record sets."""

from __future__ import annotations

import dataclasses
import ipaddress

from ssosim.dns import DnsChangeError, ZoneSet, put_rrset, remove_name
from ssosim.dns.zones.edits import commit, require_record_set
from ssosim.dns.zones.from_estate import check_ttl
from ssosim.dns.zones.rrset import plain
from ssosim.faults.zones import ZoneFault

__all__ = ["NameRemoved", "RecordSetEmpty", "TtlChanged", "WrongAddress", "address_type"]


class NameRemoved(ZoneFault, frozen=True, kw_only=True, tag="name-removed"):
    """A name and all its records are gone: NXDOMAIN. Source: Azure post-incident review TMS9-J_8."""

    record: str

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Remove every record set of the name."""
        return remove_name(zones, self.record)

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} removed"


class RecordSetEmpty(ZoneFault, frozen=True, kw_only=True, tag="record-set-empty"):
    """A record set holds no records: the name stays, the answer is NODATA.

    Source: AWS DynamoDB, 19 October 2025 (an endpoint without addresses); Azure post-incident review TMS9-J_8.
    """

    record: str
    type: str = "A"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put an empty record set in the place of what is there; there must be one."""
        owner, kind, zone = require_record_set(zones, self.record, self.type)
        if kind not in zone.node(owner):
            raise DnsChangeError(f"{plain(owner)} has no {kind.name} record set to empty")
        return put_rrset(zones, owner, kind, ())

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} {self.type} is an empty record set"


class WrongAddress(ZoneFault, frozen=True, kw_only=True, tag="wrong-address"):
    """A name has the address of another host, IPv4 or IPv6. Source: Azure AD preview, about 2012."""

    record: str
    address: str = "203.0.113.254"
    ttl: int | None = None

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Put that one address in the place of all of its family."""
        return put_rrset(zones, self.record, address_type(self.address), [self.address], ttl=self.ttl)

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} has the address {self.address}"


class TtlChanged(ZoneFault, frozen=True, kw_only=True, tag="ttl-changed"):
    """A record set has another TTL, in seconds: caches keep a mistake for longer, or ask more often.

    Source: Azure AD preview, about 2012 (a TTL of one hour made a tail of one hour);
    Azure Incident Retrospective TMS9-J_8.
    """

    record: str
    ttl: int
    type: str = "A"

    def change(self, zones: ZoneSet) -> ZoneSet:
        """Change the TTL and nothing else: an alias stays one."""
        check_ttl(self.ttl)
        owner, kind, zone = require_record_set(zones, self.record, self.type)
        held = zone.node(owner).get(kind)
        if held is None:
            raise DnsChangeError(f"{plain(owner)} has no {kind.name} record set")
        return commit(zones, zone.with_rrset(dataclasses.replace(held, ttl=self.ttl)))

    def describe(self) -> str:
        """One line for people."""
        return f"{self.record} {self.type} has TTL {self.ttl}"


def address_type(address: str) -> str:
    """``A`` or ``AAAA``; raises DnsChangeError for what is no address."""
    try:
        return "A" if ipaddress.ip_address(address).version == 4 else "AAAA"
    except ValueError as error:
        raise DnsChangeError(f"{address!r} is not an IP address") from error
