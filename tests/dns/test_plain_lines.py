"""The fast reader of plain zone files beside dnspython's: the same zone for every file, or none at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.dns.imports.import_errors import MAX_RECORDS, Imported
from ssosim.dns.imports.plain_lines import LineMemo, read_plain_lines
from ssosim.dns.imports.zonefile import parse_with_dnspython, parse_zone_file
from ssosim.dns.zones.rrset import to_name

ORIGIN = to_name("example.org.")
CORPUS = sorted((Path(__file__).parent / "oracle" / "corpus").glob("*.zone"))


def content(zone: Imported) -> object:
    """What was read, values in their order, with the lines and the mistakes."""
    records = {
        key: (each.rrset.ttl, [rdata.to_text() for rdata in each.rrset.rdatas], each.rrset.name.to_text(), each.where)
        for key, each in zone.records.items()
    }
    return list(zone.records), records, zone.mistakes, zone.warnings


def compare(text: str, origin: str = "example.org.") -> bool:
    """Compare both readers; whether the text was plain. A second reading with the same memo gives the same."""
    name, memo = to_name(origin), LineMemo()
    slow = parse_with_dnspython(text, "f", name)
    for _ in range(2):
        assert content(parse_zone_file(text, "f", name, memo)) == content(slow)
    return read_plain_lines(text, name, memo, MAX_RECORDS) is not None


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.stem)
def test_the_corpus_is_read_alike(path: Path):
    """Each zone of the oracle's corpus."""
    compare(path.read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("text", "is_plain"),
    [
        ("$TTL 300\nwww A 192.0.2.1\nwww IN A 192.0.2.1\n", True),
        ("$TTL 1h\nwww 60 IN A 192.0.2.1 ; a comment\n  AAAA 2001:DB8::1\n\n; none\n", True),
        ("$TTL 1h\nwww IN 60 A 192.0.2.1 ; a comment\n  60 AAAA 2001:DB8::1\n", True),
        ('$TTL 300\n@ TXT "a;b" c\nx CNAME @\ny CNAME z\nw MX 10 m.example.net.\n', True),
        ("www A 192.0.2.1\n", False),
        ("$TTL 300\n$ORIGIN sub.example.org.\nwww A 192.0.2.1\n$ORIGIN example.org.\nwww A 192.0.2.2\n", True),
        ("$TTL 300\n$ORIGIN example.net.\nwww A 192.0.2.1\n", False),
        ("$TTL 300\nwww.example.net. A 192.0.2.1\n", False),
        ("$TTL 300\nwww A 192.0.2.1 192.0.2.2\n", False),
        ("$TTL 300\nwww A 192.0.2.256\n", False),
        ("$TTL 300\nwww CH TXT x\n", False),
        ("$TTL 300\nwww ANY x\n", False),
        ("$TTL 300\nwww TXT ( a\n b )\n", False),
        ('$TTL 300\nwww TXT "open\n', False),
        ("$TTL 300\na\\.b A 192.0.2.1\n", False),
        ("$TTL 300\na..b A 192.0.2.1\n", False),
        ("$TTL 300\n* A 192.0.2.1\nWWW A 192.0.2.1\nwww A 192.0.2.2\n", True),
        ("$TTL 300\nwww A 192.0.2.1\r\n\tA 192.0.2.2\r\n", True),
        ("$TTL 300\nwww 4294967296 A 192.0.2.1\n", False),
        ("$TTL 300\nwww TYPE65300 \\# 1 ab\n", False),
        ("$TTL 300\n$GENERATE 1-3 h$ A 192.0.2.$\n", False),
        ("$TTL 300\nin A 192.0.2.1\na IN CNAME a.b\n60 A 192.0.2.9\n", True),
        ("$TTL 300\n" + "a" * 64 + " A 192.0.2.1\n", False),
        ("$TTL 300\nwww\tIN\tCNAME\t.\n", False),
        ("", True),
    ],
)  # fmt: skip
def test_lines_of_every_kind(text: str, is_plain: bool):
    """What is plain is read fast; all the rest, mistakes included, is left to dnspython."""
    assert compare(text) is is_plain


OWNERS = st.sampled_from(
    ["@", "www", "WWW", "*", "a.b", "_x._tcp", "h19", "h20", "www.example.org.", "out.example.net.", "60", "in", ""]
)
TTLS = st.sampled_from(["", "60", "0", "1h", "2147483648"])
CLASSES = st.sampled_from(["", "IN", "in", "CH"])
VALUES = st.sampled_from(
    """A 192.0.2.1
A 192.0.2.1 ; c
A 192.0.2.300
AAAA 2001:db8::1
AAAA 2001:DB8:0::1
CNAME www
CNAME x.example.net.
CNAME @
NS ns1
MX 10 mail
MX mail
TXT text
TXT "a b" c
TXT "a;b"
TXT a;b
TXT ( x )
SRV 0 0 5060 sip
PTR host.
SOA ns1 host 1 2 3 4 5
CAA 0 issue "ca.example"
DS 1 13 2 abcd
TYPE65300 \\# 1 ab
A
NOPE x""".splitlines()
)
DIRECTIVES = st.sampled_from(
    ["$TTL 300", "$TTL 1d", "$ORIGIN sub.example.org.", "$ORIGIN sub", "$ORIGIN .", "; note", "", "   "]
)
RECORDS = st.tuples(OWNERS, TTLS, CLASSES, VALUES).map(
    lambda parts: f"{parts[0]} {' '.join(part for part in parts[1:] if part)}"
)


@settings(max_examples=400, deadline=None)
@given(st.lists(st.one_of(RECORDS, RECORDS, DIRECTIVES), max_size=8), st.booleans())
def test_both_readers_agree_on_drawn_files(lines: list[str], has_ttl: bool):
    """Hypothesis: files of drawn lines, with and without a default TTL."""
    compare("\n".join((["$TTL 300"] if has_ttl else []) + lines) + "\n")
