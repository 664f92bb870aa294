"""Replies that are read and rendered without dnspython's messages, beside those that are made with them."""

from __future__ import annotations

from pathlib import Path

import dns.edns
import dns.flags
import dns.message
import dns.name
import pytest
from dns.rdatatype import AAAA, ANY, AXFR, CNAME, DNSKEY, DS, MX, NS, SOA, SRV, TXT, A
from hypothesis import given
from hypothesis import strategies as st

from ssosim.dns.imports.import_errors import assemble
from ssosim.dns.imports.zonefile import read_zone_file
from ssosim.dns.server.fast_path import read_plain_query
from ssosim.dns.server.wire_format import Reply, Transport, respond_ordinarily, respond_plainly
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.zone_set import ZoneSet

CORPUS = sorted((Path(__file__).parent / "oracle" / "corpus").glob("*.zone"))
TYPES = (A, AAAA, CNAME, MX, NS, SOA, SRV, TXT, DS, DNSKEY, ANY, AXFR, 65280)


def respond(zones: ZoneSet, query: bytes, transport: Transport) -> Reply:
    """Answer on the fast path, as far as it goes."""
    return respond_plainly(zones, query, transport) or respond_ordinarily(zones, query, transport)


def names_of(zones: ZoneSet) -> list[dns.name.Name]:
    """Names that exist, names below them, and one in upper case."""
    found = [name for zone in zones.zones.values() for name in zone.nodes if len(zone.origin) > 1][:9]
    below = [dns.name.Name((b"nope", *name.labels)) for name in found[:4] if len(name.to_text()) < 200]
    upper = [dns.name.Name([label.upper() for label in name.labels]) for name in found[:1]]
    return [*found, *below, *upper, dns.name.root]


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_both_ways_say_the_same(path: Path):
    """Each zone of the oracle's corpus: message, trace event, use and scope, with all flags, over UDP and TCP."""
    zones = assemble([read_zone_file(path, to_name(f"{path.stem}.example."))])
    plain_ones = 0
    for start, name in enumerate(names_of(zones)):
        for number, kind in enumerate(TYPES, start):
            query = dns.message.make_query(name, kind, flags=(0, dns.flags.RD, dns.flags.RD | dns.flags.CD)[number % 3])
            if number % 4:
                query.use_edns(0, dns.flags.DO if number % 2 else 0, (512, 1232, 4096)[number % 3])
            wire = query.to_wire()
            transport: Transport = "tcp" if number % 5 == 0 else "udp"
            plain, slow = respond(zones, wire, transport), respond_ordinarily(zones, wire, transport)
            assert (plain.event, plain.use, plain.cache_scope) == (slow.event, slow.use, slow.cache_scope)
            one, other = (dns.message.from_wire(b"\0\0" + each.tail) for each in (plain, slow))
            assert (one, one.flags, one.ednsflags, one.payload) == (other, other.flags, other.ednsflags, other.payload)
            assert one.to_text().lower() == other.to_text().lower()  # dnspython's pointers ignore the case of a name
            assert len(plain.tail) <= len(slow.tail) + 64
            plain_ones += read_plain_query(wire) is not None
    assert plain_ones > 0


NOT_PLAIN = {
    "response": lambda wire: wire[:2] + b"\x80" + wire[3:],
    "opcode": lambda wire: wire[:2] + b"\x28" + wire[3:],
    "truncated": lambda wire: wire[:2] + b"\x02" + wire[3:],
    "two questions": lambda wire: wire[:5] + b"\x02" + wire[6:],
    "class": lambda wire: wire[:-1] + b"\x03",
    "more octets": lambda wire: wire + b"\0",
    "fewer octets": lambda wire: wire[:-1],
    "pointer": lambda wire: wire[:12] + b"\xc0\x0c" + wire[-4:],
    "recursion available": lambda wire: wire[:3] + b"\x80" + wire[4:],
}


@pytest.mark.parametrize("kind", NOT_PLAIN)
def test_other_queries_are_left_to_dnspython(kind: str):
    """What a plain query is not: it gets the same reply as ever, or none."""
    wire = dns.message.make_query("www.example.", "A", flags=0).to_wire()
    zones = ZoneSet.build([])
    assert read_plain_query(wire) is not None
    assert read_plain_query(NOT_PLAIN[kind](wire)) is None
    assert respond_plainly(zones, NOT_PLAIN[kind](wire), "udp") is None


@pytest.mark.parametrize(
    "edns",
    [
        {"edns": 1},
        {"edns": 0, "options": [dns.edns.ECSOption("192.0.2.0", 24)]},
        {"edns": 0, "ednsflags": 0x4000},
    ],
    ids=["version", "options", "flags"],
)
def test_edns_that_is_not_plain_is_left_to_dnspython(edns: dict[str, object]):
    """Other versions, options, and flags other than DO."""
    query = dns.message.make_query("www.example.", "A")
    query.use_edns(**edns)  # type: ignore[arg-type]
    assert read_plain_query(query.to_wire()) is None


@given(st.binary(max_size=60), st.booleans())
def test_any_octets_are_read_or_refused_alike(octets: bytes, has_header: bool):
    """Hypothesis: no query raises an error, and one that is plain is what dnspython reads."""
    wire = b"\0\0\x01\0\0\x01\0\0\0\0\0\0" + octets if has_header else b"\0" * 12 + octets
    asked = read_plain_query(wire)
    if asked is not None:
        message = dns.message.from_wire(wire)
        assert (message.question[0].name, message.question[0].rdtype) == (asked.name, asked.type)
        assert asked.name.labels == message.question[0].name.labels
