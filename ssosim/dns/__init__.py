"""DNS of the lab: immutable zones, answers as a pure function of them, and the servers that send these answers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ssosim.late_imports import import_late

if TYPE_CHECKING:
    from ssosim.dns.server.delivery import ClientOf
    from ssosim.dns.server.effect import Effect, FindDnsEffect
    from ssosim.dns.server.query_counts import QueryCounts, Usage
    from ssosim.dns.server.servers import DnsServer, ListenError
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

_MODULES = {
    "QueryCounts": "server.query_counts",
    "Usage": "server.query_counts",
    "ClientOf": "server.delivery",
    "DnsServer": "server.servers",
    "Effect": "server.effect",
    "FindDnsEffect": "server.effect",
    "ListenError": "server.servers",
    "Answer": "zones.answer",
    "answer": "zones.answer",
    "resolve_in_zones": "zones.answer",
    "delete_profile": "zones.edits",
    "point_alias": "zones.edits",
    "point_alias_record": "zones.edits",
    "put_profile": "zones.edits",
    "put_rrset": "zones.edits",
    "remove_name": "zones.edits",
    "remove_rrset": "zones.edits",
    "DnsChangeError": "zones.errors",
    "zones_of": "zones.from_estate",
    "HealthTable": "zones.health",
    "QueryContext": "zones.query_context",
    "RRset": "zones.rrset",
    "ZoneStore": "zones.store",
    "Zone": "zones.zone",
    "ZoneSet": "zones.zone_set",
}
"""The module of each name. It is imported when the name is used: together they take longer than a small check."""

__getattr__ = import_late(__name__, _MODULES)
