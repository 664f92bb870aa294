"""DNS as the lab serves it: zones as a value, answers as a function of it, and a server that moves the bytes."""

from ssosim.dns.answer import Answer, answer
from ssosim.dns.asking import Asking
from ssosim.dns.change import (
    delete_profile,
    point_alias,
    point_alias_record,
    put_profile,
    put_rrset,
    remove_name,
    remove_rrset,
)
from ssosim.dns.counts import QueryCounts, Usage
from ssosim.dns.errors import DnsChangeError
from ssosim.dns.health import HealthBoard
from ssosim.dns.loading import zones_of
from ssosim.dns.model import ZoneSet
from ssosim.dns.rrset import RRset
from ssosim.dns.server import DnsServer, Effect, ListenError, Tamper, Who
from ssosim.dns.store import ZoneStore
from ssosim.dns.zone import Zone

__all__ = [
    "Answer",
    "Asking",
    "DnsChangeError",
    "DnsServer",
    "Effect",
    "HealthBoard",
    "ListenError",
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
