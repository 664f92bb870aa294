"""DNS of the lab: immutable zones, answers as a pure function of them, and the servers that send these answers."""

from ssosim.dns.server.query_counts import QueryCounts, Usage
from ssosim.dns.server.servers import ClientOf, DnsServer, Effect, FindDnsEffect, ListenError
from ssosim.dns.zones.answer import Answer, answer, resolve_in_zones
from ssosim.dns.zones.edits import (
    delete_profile,
    point_alias,
    point_alias_record,
    put_profile,
    put_rrset,
    remove_name,
    remove_rrset,
)
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.from_estate import zones_of
from ssosim.dns.zones.health import HealthTable
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import RRset
from ssosim.dns.zones.store import ZoneStore
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = [
    "Answer",
    "ClientOf",
    "DnsChangeError",
    "DnsServer",
    "Effect",
    "FindDnsEffect",
    "HealthTable",
    "ListenError",
    "QueryContext",
    "QueryCounts",
    "RRset",
    "Usage",
    "Zone",
    "ZoneSet",
    "ZoneStore",
    "answer",
    "delete_profile",
    "point_alias",
    "point_alias_record",
    "put_profile",
    "put_rrset",
    "remove_name",
    "remove_rrset",
    "resolve_in_zones",
    "zones_of",
]
