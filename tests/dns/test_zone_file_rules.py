"""The text of zone files: the rules of RFC 1035 section 5, RFC 2308, RFC 3597 and of BIND's ``$GENERATE``."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import dns.rdata
import pytest

from ssosim.dns.imports import ImportMistakeError
from ssosim.dns.imports.import_errors import assemble
from tests.dns.zone_texts import HEAD, read_records, zone_of

A = ["300 192.0.2.1"]

VALID: list[tuple[str, dict[str, list[str]]]] = [
    # owners
    ("w A 192.0.2.1\n  A 192.0.2.2\n\tA 192.0.2.3", {"w A": ["300 192.0.2.1", "300 192.0.2.2", "300 192.0.2.3"]}),
    ("w A 192.0.2.1\n\n; comment\n  TXT x", {"w A": A, "w TXT": ['300 "x"']}),
    ("W.Sub A 192.0.2.1", {"w.sub A": A}),
    ("@ A 192.0.2.1", {" A": A}),
    ("60 A 192.0.2.1", {"60 A": A}),
    ("in A 192.0.2.1", {"in A": A}),
    ("MX MX 10 MX", {"mx MX": ["300 10 MX"]}),
    (r"a\.b A 192.0.2.1", {r"a\.b A": A}),
    (r"\097 A 192.0.2.1", {"a A": A}),
    (r"\042 A 192.0.2.1", {"* A": A}),
    # letters beyond ASCII: the octets, as named-compilezone 9.18 and nsd-checkzone 4.6 have them, and no xn--
    ("b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher A 192.0.2.1", {r"b\195\188cher A": A}),
    ("w CNAME b\N{LATIN SMALL LETTER U WITH DIAERESIS}cher", {"w CNAME": [r"300 b\195\188cher"]}),
    # TTL and class, in both orders
    ("w 60 IN A 192.0.2.1", {"w A": ["60 192.0.2.1"]}),
    ("w IN 60 A 192.0.2.1", {"w A": ["60 192.0.2.1"]}),
    ("w CLASS1 A 192.0.2.1", {"w A": A}),
    ("w 60 class1 TYPE1 \\# 4 c0000201", {"w A": ["60 192.0.2.1"]}),
    ("w 1h30m A 192.0.2.1", {"w A": ["5400 192.0.2.1"]}),
    ("w 1W2D3H4M5S A 192.0.2.1", {"w A": ["788645 192.0.2.1"]}),
    ("w 0 A 192.0.2.1", {"w A": ["0 192.0.2.1"]}),
    ("w 2147483647 A 192.0.2.1", {"w A": ["2147483647 192.0.2.1"]}),
    ("$TTL 60\nw A 192.0.2.1\n$TTL 1h\nv A 192.0.2.1", {"w A": ["60 192.0.2.1"], "v A": ["3600 192.0.2.1"]}),
    ("w 60 A 192.0.2.1\nv A 192.0.2.1", {"w A": ["60 192.0.2.1"], "v A": A}),
    # parentheses and comments
    ("w ( A\n 192.0.2.1 )", {"w A": A}),
    ("w A ( ; comment )\n 192.0.2.1 ; (\n )\nv A 192.0.2.1", {"w A": A, "v A": A}),
    ("w TXT ( a\n b ) c", {"w TXT": ['300 "a" "b" "c"']}),
    ("w A 192.0.2.1 ; comment (\nv A 192.0.2.1", {"w A": A, "v A": A}),
    # texts
    ('w TXT "a;b" ; c', {"w TXT": ['300 "a;b"']}),
    ("w TXT a;b", {"w TXT": ['300 "a"']}),
    (r'w TXT "a\"b" c\"d "\065" "\\065"', {"w TXT": [r'300 "a\"b" "c\"d" "A" "\\065"']}),
    ('w TXT ""', {"w TXT": ['300 ""']}),
    ('w TXT "a" "b"\nw TXT "ab"', {"w TXT": ['300 "a" "b"', '300 "ab"']}),
    # $ORIGIN
    ("$ORIGIN sub\nw A 192.0.2.1", {"w.sub A": A}),
    ("$origin sub\nw CNAME v", {"w.sub CNAME": ["300 v.sub"]}),
    ("$ORIGIN a\n$ORIGIN b\nw A 192.0.2.1", {"w.b.a A": A}),
    ("$ORIGIN sub\n@ MX 10 @", {"sub MX": ["300 10 sub"]}),
    # types that are not known, and types by their number
    ("w TYPE65280 \\# 2 abcd", {"w TYPE65280": ["300 \\# 2 abcd"]}),
    ("w TYPE65280 \\# 3 ab cd ef", {"w TYPE65280": ["300 \\# 3 abcdef"]}),
    ("w TYPE65280 \\# 0", {"w TYPE65280": ["300 \\# 0 "]}),
    ("w A \\# 4 c0000201", {"w A": A}),
    # $GENERATE
    ("$GENERATE 1-3/2 h$ A 192.0.2.$", {"h1 A": A, "h3 A": ["300 192.0.2.3"]}),
    ("$GENERATE 9-10 h${-8,3,d} 60 CNAME t${0,2,x}", {"h001 CNAME": ["60 t09"], "h002 CNAME": ["60 t0a"]}),
    ("$GENERATE 1-1 h${0,0,o}.s CNAME t${20,4,X}", {"h1.s CNAME": ["300 t0015"]}),
    ("$ORIGIN sub\n$GENERATE 1-1 h$ IN A 192.0.2.$\nw A 192.0.2.1", {"h1.sub A": A, "w.sub A": A}),
    (r"$GENERATE 1-2 h\$ A 192.0.2.1", {r"h\$ A": A}),
    ("$GENERATE 1-1 a${0,7,n}b CNAME t$", {"a1.0.0.0b CNAME": ["300 t1"]}),
]  # fmt: skip
"""A text below the origin, and its records: names below the origin without it, in keys and in values."""


def expand(records: dict[str, list[str]]) -> dict[str, list[str]]:
    """The records with the names of ``example.com``; a relative name in a value is its last word, with letters."""
    found = {}
    for key, values in records.items():
        name, kind = key.rsplit(" ", 1) if " " in key.strip() else ("", key.strip())
        full = f"{name}.example.com" if name else "example.com"
        found[f"{full} {kind}"] = [f"{text}.example.com." if kind in ("CNAME", "MX") else text for text in values]
    return found


@pytest.mark.parametrize(("text", "records"), VALID)
def test_what_a_line_means(text: str, records: dict[str, list[str]]) -> None:
    """RFC 1035 section 5.1: owner, TTL, class, type and data in their orders; ``named`` agrees, see below."""
    assert read_records(f"{text}\n") == expand(records)


@pytest.mark.parametrize(("text", "records"), VALID)
@pytest.mark.parametrize("ending", ["\r\n", ""])
def test_line_ends_mean_nothing(text: str, records: dict[str, list[str]], ending: str) -> None:
    """Lines may end with CR LF, as on Windows, and the last one with nothing."""
    written = text.replace("\n", "\r\n") + ending
    assert read_records(written) == expand(records)


def test_named_reads_the_same(tmp_path: Path) -> None:
    """The originals: named-compilezone reads every text of the table, and finds the same records in it."""
    program = shutil.which("named-compilezone", path="/usr/bin:/usr/sbin")
    if program is None:
        pytest.skip("named-compilezone is not installed: ./bootstrap.sh dev")
    texts = [f"$ORIGIN c{number}.example.com.\n$TTL 300\n{text}\n" for number, (text, _) in enumerate(VALID)]
    source, target = tmp_path / "zone", tmp_path / "out"
    source.write_text(HEAD + "".join(texts), encoding="utf-8")
    checks = [word for check in "knmr" for word in (f"-{check}", "ignore")]
    command = [program, *checks, "-i", "none", "-s", "full", "-o", str(target), "example.com", str(source)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout
    theirs = set()
    for line in target.read_text(encoding="ascii").splitlines():
        owner, ttl, _, kind, data = line.split(None, 4)
        theirs.add((owner.lower(), int(ttl), dns.rdata.from_text("IN", kind, data).to_digestable()))
    zone = zone_of(HEAD + "".join(texts))
    assert not zone.mistakes
    ours = {
        (rrset.name.to_text().lower(), rrset.ttl, rdata.to_digestable())
        for located in zone.records.values()
        for rrset in [located.rrset]
        for rdata in rrset.rdatas
    }
    assert ours == theirs


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("w 1x A 192.0.2.1", ":4: "),
        ("w A", ":4: "),
        ("w A 192.0.2.1 192.0.2.2", ":4: "),
        ("w A 192.0.2.001", ":4: "),
        ("w A 192.0.2", ":4: "),
        ("w AAAA 2001:db8::1%eth0", ":4: "),
        ("w SRV 0 0 65536 v", ":4: "),
        ("w TXT", ":4: "),
        ('w TXT "a\nb"', ":4: "),
        ("w TXT " + "a" * 256, ":4: "),
        ("w A 192.0.2.1 )", ":4: "),
        ("w TYPE65280 \\# 2 ab", ":4: "),
        ("w HS A 192.0.2.1", ":4: "),
        ("w CLASS3 A 192.0.2.1", ":4: "),
        ("w -1 A 192.0.2.1", ":4: "),
        ("w 60 60 A 192.0.2.1", ":4: "),
        ("w OPT x", "OPT"),
        ("w ANY x", "ANY"),
        ("$TTL\nw A 192.0.2.1", ":4: "),
        ("$ORIGIN\nw A 192.0.2.1", ":4: "),
        ("$DATE", ":4: "),
        ("w SOA ns1.test. h.test. 1 2 3 4 60", ":4: w.example.com SOA is below its zone's apex"),
        ("@ SOA ns1.test. h.test. 2 2 3 4 60", "example.com SOA has 2 values"),
        ("w DNAME a\nw DNAME b", ":4: w.example.com DNAME has 2 values"),
        ("* NS ns1.test.", "*.example.com NS is at a wildcard"),
        ("$GENERATE 2-1 h$ A 192.0.2.$", ":4: "),
        ("$GENERATE 1-2/0 h$ A 192.0.2.$", ":4: "),
        ("$GENERATE 1-2 h$", ":4: "),
        ("$GENERATE 1-2 h$ A 192.0.2.$ 60", ":4: "),
        ("$GENERATE 0-300 h$ A 192.0.2.$", ":4: "),
        ("$GENERATE 1-1 h${0,3,y} A 192.0.2.$", ":4: "),
        ("$GENERATE 1-65537 h$ A 192.0.2.1", ":4: $generate makes more than 65536 records"),
        ("$GENERATE 1-2 h$.example.org. A 192.0.2.$", ":4: h1.example.org is outside the zone example.com"),
        ("$ORIGIN example.org.\n$GENERATE 1-2 h$ A 192.0.2.$", ":5: h1.example.org is outside the zone example.com"),
        ("$GENERATE 1-2 $.2.0.192.in-addr.arpa. PTR h$", ":4: 1.2.0.192.in-addr.arpa is outside the zone example.com"),
        ("$GENERATE 1-2 ${0,4,n} CNAME t$", ":4: 1.0 is outside the zone example.com"),
        ("$generate 1-2 h${0,3,d}.example.org. A 192.0.2.$", ":4: h001.example.org is outside"),
    ],
)  # fmt: skip
def test_what_named_refuses_or_leaves_out_is_a_mistake(text: str, words: str) -> None:
    """What BIND refuses, or ignores with a warning (data outside of the zone), is a mistake with the line it is on."""
    with pytest.raises(ImportMistakeError) as caught:
        assemble([zone_of(f"{HEAD}{text}\n")])
    assert words in str(caught.value)


@pytest.mark.parametrize("text", ["$GENERATE 1-2 h$.sub A 192.0.2.$", "$GENERATE 1-2 h$.EXAMPLE.com. A 192.0.2.$"])
def test_names_inside_the_zone_are_generated(text: str) -> None:
    """The other side: names below the origin, relative or absolute and in any case, are no mistake."""
    assert len(read_records(f"{text}\n")) == 2


@pytest.mark.parametrize(
    ("text", "ttls"),
    [
        ("@ 60 SOA ns1.test. h.test. 1 2 3 4 50\n@ NS a.test.\nw A 192.0.2.1\nv 30 A 192.0.2.1\nu A 192.0.2.1\n",
         {"example.com": 60, "w.example.com": 60, "v.example.com": 30, "u.example.com": 30}),
        ("@ SOA ns1.test. h.test. 1 2 3 4 50\n@ NS a.test.\nw A 192.0.2.1\n", {"example.com": 50, "w.example.com": 50}),
        ("$TTL 70\n@ 60 SOA ns1.test. h.test. 1 2 3 4 50\n@ NS a.test.\nw A 192.0.2.1\n", {"w.example.com": 70}),
        ("@ SOA ns1.test. h.test. 1 1h 1d 1w 1m\n@ NS a.test.\nw A 192.0.2.1\n", {"w.example.com": 60}),
    ],
)  # fmt: skip
def test_the_ttl_of_a_record_without_one(text: str, ttls: dict[str, int]) -> None:
    """``$TTL`` (RFC 2308 section 4), else the last TTL that was given (RFC 1035 5.1), else the minimum of the SOA."""
    records = assemble([zone_of(text)]).zones
    found = {rrset.name.to_text(omit_final_dot=True): rrset.ttl for zone in records.values() for rrset in zone.rrsets()}
    assert {name: found[name] for name in ttls} == ttls
