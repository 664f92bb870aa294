"""DNS as the lab serves it: zones as a value, answers as a function of it, and a server that moves the bytes."""

from ssosim.dns.server.query_counts import QueryCounts, Usage
from ssosim.dns.server.servers import DnsServer, Effect, ListenError, Tamper, Who
from ssosim.dns.zones.answer import Answer, answer
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
    "DnsChangeError",
    "DnsServer",
    "Effect",
    "HealthTable",
    "ListenError",
    "QueryContext",
    "QueryCounts",
    "RRset",
    "Tamper",
    "Usage",
    "Who",
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
    "zones_of",
]
