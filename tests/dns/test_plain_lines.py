"""The fast reader of plain zone files beside dnspython's: the same zone for every file, or none at all."""

from __future__ import annotations

import pickle
from pathlib import Path

import dns.name
import pytest
from dns.rdata import Rdata
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.dns.imports.import_errors import MAX_RECORDS, Imported, ImportMistakeError, assemble
from ssosim.dns.imports.plain_lines import LineMemo, read_plain_lines
from ssosim.dns.imports.zonefile import parse_with_dnspython, parse_zone_file
from ssosim.dns.zones.cached_name import CachedName, NameMaker
from ssosim.dns.zones.rrset import to_name
from ssosim.dns.zones.zone_set import ZoneSet

ORIGIN = to_name("example.org.")
APEX = "$TTL 300\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\n"
CORPUS = sorted((Path(__file__).parent / "oracle" / "corpus").glob("*.zone"))


def content(zone: Imported) -> object:
    """What was read, values in their order, with the lines and the mistakes."""
    records = {
        key: (each.rrset.ttl, [rdata.to_text() for rdata in each.rrset.rdatas], each.rrset.name.to_text(), each.where)
        for key, each in zone.records.items()
    }
    return list(zone.records), records, zone.mistakes, zone.warnings


def describe(rdata: Rdata) -> tuple[object, ...]:
    """What a value holds but the comment of its line: class, type, form on the wire, and a copy of it."""
    return type(rdata), rdata.rdclass, rdata.rdtype, rdata.to_wire(), rdata, pickle.loads(pickle.dumps(rdata))  # noqa: S301


def build(text: str, memo: LineMemo | None = None) -> ZoneSet | str:
    """The zones of a file; the text of its mistakes if it has any."""
    zone = parse_zone_file(text, "f", ORIGIN, memo)
    zone.is_zone_file = True
    try:
        return assemble([zone], memo=memo)
    except ImportMistakeError as error:
        return str(error)


def compare(text: str, origin: str = "example.org.") -> bool:
    """Compare both readers; whether the text was plain. A second reading with the same memo gives the same."""
    name, memo = to_name(origin), LineMemo()
    slow = parse_with_dnspython(text, "f", name)
    for _ in range(2):
        fast = parse_zone_file(text, "f", name, memo)
        assert content(fast) == content(slow)
        for key, each in fast.records.items():
            assert [describe(rdata) for rdata in each.rrset.rdatas] == [
                describe(rdata) for rdata in slow.records[key].rrset.rdatas
            ]
            assert hash(each.rrset.name) == hash(slow.records[key].rrset.name)
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


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.one_of(RECORDS, RECORDS, DIRECTIVES), max_size=8),
    st.lists(st.one_of(RECORDS, RECORDS, DIRECTIVES), max_size=3),
    st.lists(st.integers(0, 9), max_size=3),
    st.booleans(),
)
def test_a_zone_that_shares_with_the_former_one_is_the_same(
    lines: list[str], new: list[str], removed: list[int], has_new_soa: bool
):
    """Hypothesis: the second of two states, read with what is known of the first, is as if it were read alone."""
    head = APEX.replace("SOA ns1 host 1 2 3 4 5", "SOA ns2 other 2 2 3 4 6") if has_new_soa else APEX
    before = APEX + "\n".join(lines)
    after = head + "\n".join([*(line for at, line in enumerate(lines) if at not in removed), *new])
    memo = LineMemo()
    build(before, memo)
    shared, alone = build(after, memo), build(after)
    assert shared == alone
    if isinstance(shared, ZoneSet) and isinstance(alone, ZoneSet):
        zone, other = shared.zones[ORIGIN], alone.zones[ORIGIN]
        assert (zone.below, zone.cuts, zone.missing) == (other.below, other.cuts, other.missing)


def test_a_change_of_a_few_lines_shares_the_nodes():
    """Only names with a changed record set get new nodes."""
    lines = "".join(f"h{number} A 192.0.2.{number}\n" for number in range(20))
    memo = LineMemo()
    before, after = build(APEX + lines, memo), build(APEX + lines + "h7 AAAA 2001:db8::7\n", memo)
    assert isinstance(before, ZoneSet) and isinstance(after, ZoneSet)  # noqa: PT018
    former, zone = before.zones[ORIGIN], after.zones[ORIGIN]
    assert [str(name) for name, node in zone.nodes.items() if former.nodes[name] is not node] == ["h7.example.org."]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("sub NS ns1\n", ""),
        ("", "sub NS ns1\n"),
        ("sub NS ns1\n", "sub NS ns2\n"),
        ("sub NS ns1\n", "sub A 192.0.2.1\n"),
        ("sub DNAME other.example.\n", "sub DNAME another.example.\n"),
        ("a.b.c A 192.0.2.1\n", ""),
        ("a.b.c A 192.0.2.1\n", "b.c A 192.0.2.1\n"),
        ("", "x.y TXT a\n"),
    ],
)
def test_cuts_and_empty_names_follow_the_change(before: str, after: str):
    """Delegations, DNAMEs and empty non-terminals of a zone that shares with the former one."""
    lines = "".join(f"h{number} A 192.0.2.{number}\n" for number in range(20))
    memo = LineMemo()
    build(APEX + lines + before, memo)
    shared, alone = build(APEX + lines + after, memo), build(APEX + lines + after)
    assert isinstance(shared, ZoneSet) and isinstance(alone, ZoneSet)  # noqa: PT018
    zone, other = shared.zones[ORIGIN], alone.zones[ORIGIN]
    assert zone == other
    assert (zone.below, zone.cuts) == (other.below, other.cuts)


@pytest.mark.parametrize(
    "after",
    [
        "$TTL 300\n@ SOA ns2 other 2 2 3 4 6\n@ NS ns1\n",
        "$TTL 300\n@ 60 SOA ns1 host 1 2 3 4 5\n@ NS ns1\n",
        "$TTL 300\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns2\n@ NS ns3\n",
        "$TTL 300\n@ SOA ns1 host 1 2 3 4 5\n",
        "$TTL 300\n@ NS ns1\n",
    ],
)
def test_the_settings_of_a_zone_follow_its_apex(after: str):
    """SOA and NS records of a zone that shares with the former one, and those that are missing."""
    lines = "".join(f"h{number} A 192.0.2.{number}\n" for number in range(20))
    memo = LineMemo()
    build(APEX + lines, memo)
    shared, alone = build(after + lines, memo), build(after + lines)
    assert isinstance(shared, ZoneSet) and isinstance(alone, ZoneSet)  # noqa: PT018
    assert shared.zones[ORIGIN] == alone.zones[ORIGIN]
    assert shared.zones[ORIGIN].missing == alone.zones[ORIGIN].missing
    assert build(APEX + lines, memo) == build(APEX + lines)


def test_what_is_known_of_one_zone_is_not_taken_for_another():
    """A line that is in one zone may be outside of another, below the same $ORIGIN."""
    memo = LineMemo()
    text = "$ORIGIN example.org.\n$TTL 300\nwww A 192.0.2.1\n"
    assert not parse_zone_file(text, "f", ORIGIN, memo).mistakes
    assert parse_zone_file(text, "f", to_name("sub.example.org."), memo).mistakes == [
        "f:3: www.example.org is outside the zone sub.example.org: move it to its own"
    ]


LABELS = st.binary(min_size=1, max_size=30)


@given(st.lists(LABELS, max_size=3), st.lists(LABELS, max_size=3))
def test_a_made_name_is_dnspythons(own: list[bytes], origin: list[bytes]):
    """Hypothesis: labels, hash, equality, order, parent and domains of a name are those that dnspython computes."""
    above = dns.name.Name((*origin, b""))
    expected = dns.name.Name((*own, *origin, b""))
    made = NameMaker(above).make(tuple(own))
    assert (made.labels, hash(made)) == (expected.labels, hash(expected))
    assert made == expected
    assert expected == made
    assert not made != expected  # noqa: SIM202 - it has a method of its own
    assert made == CachedName([label.lower() for label in expected.labels])
    assert {expected: 1}[made] == {made: 1}[expected] == 1
    assert made.is_subdomain(above)
    assert above.is_subdomain(made) == (not own)
    assert (made < above, made > above) == (expected < above, expected > above)
    if made.labels != (b"",):
        assert made.parent() == expected.parent()
    assert pickle.loads(pickle.dumps(made)) == made  # noqa: S301


@pytest.mark.parametrize("own", [(b"",), (b"a", b"", b"b"), (b"x" * 64,), (b"x" * 63, b"x" * 63, b"x" * 63, b"x" * 60)])
def test_a_name_beyond_the_limits_is_refused(own: tuple[bytes, ...]):
    """Empty labels, labels over 63 octets and names over 255 octets, as dnspython refuses them."""
    with pytest.raises((dns.name.EmptyLabel, dns.name.LabelTooLong, dns.name.NameTooLong)):
        NameMaker(dns.name.from_text("example.org.")).make(own)
