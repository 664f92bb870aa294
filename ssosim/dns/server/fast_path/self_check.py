"""The self-check of the fast path: the same queries read and answered on both ways give the same octets and events."""

from __future__ import annotations

import dns.flags
import dns.message
from dns.name import Name
from dns.rdatatype import CNAME, MX, NS, SOA, TXT, A, RdataType

from ssosim.dns.server.wire_format import respond_ordinarily, respond_plainly
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["check"]

_ORIGIN = to_name("zone.example.")
_RECORDS = (
    ("@", MX, "10 www"),
    ("@", TXT, '"text"'),
    ("www", A, "192.0.2.1"),
    ("alias", CNAME, "www"),
)
_QUESTIONS = (("www", A), ("alias", A), ("@", MX), ("@", NS), ("@", SOA), ("@", TXT), ("none", A))


def check() -> str:
    """Return the question whose answers differ between both ways; empty if none does."""
    zones = _make_zones()
    for number, (label, rdtype) in enumerate(_QUESTIONS):
        query = _make_query(to_name(label, _ORIGIN), rdtype, with_edns=bool(number % 2))
        fast, ordinary = respond_plainly(zones, query, "udp"), respond_ordinarily(zones, query, "udp")
        if fast != ordinary:
            return f"the answer to {label} {rdtype.name} is not that of dnspython"
    return ""


def _make_query(name: Name, rdtype: RdataType, *, with_edns: bool) -> bytes:
    query = dns.message.make_query(name, rdtype, id=1, flags=dns.flags.RD)
    if with_edns:
        query.use_edns(0, dns.flags.DO, 1232)
    return query.to_wire()


def _make_zones() -> ZoneSet:
    server, contact = to_name("ns1", _ORIGIN), to_name("hostmaster", _ORIGIN)
    rrsets = [
        RRset(to_name(label, _ORIGIN), rdtype, 300, to_rdatas([value], rdtype, _ORIGIN))
        for label, rdtype, value in _RECORDS
    ]
    zone = Zone.build(_ORIGIN, ttl=300, negative_ttl=60, name_server=server, contact=contact, rrsets=rrsets)
    return ZoneSet.build([zone])
