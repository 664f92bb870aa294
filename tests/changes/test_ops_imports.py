"""Zone files and octoDNS configurations: what is read, and how mistakes are named."""

from __future__ import annotations

from pathlib import Path

import dns.rdatatype
import pytest
from dns.rdatatype import A
from hypothesis import given
from hypothesis import strategies as st

from ssosim.dns import ZoneSet, answer
from ssosim.dns.imports import ImportMistakeError, read_tree
from ssosim.dns.imports.tree import read_tree_with_warnings
from ssosim.dns.imports.zonefile import parse_zone_file
from ssosim.dns.zones.rrset import to_name

ZONE = """\
$ORIGIN example.com.
$TTL 300
@       IN SOA ns1 hostmaster ( 1 3600 900
                                1209600 60 )
        NS  ns1
ns1     A   192.0.2.53
www 60  IN  CNAME  web
web     A   192.0.2.80
        A   192.0.2.81
mail    MX  10 web.example.com.
$GENERATE 1-3 h$ A 192.0.2.$
"""

PROVIDER = """\
providers:
  config:
    class: octodns.provider.yaml.YamlProvider
    directory: ./zones
    default_ttl: 120
  azure:
    class: octodns_azure.AzureProvider
    client_id: env/AZURE_CLIENT_ID
zones:
  example.com.:
    sources: [config]
    targets: [azure]
"""

RECORDS = """\
'':
  - type: NS
    values: [ns1.example.com., ns2.example.com.]
  - type: MX
    value: {preference: 10, exchange: mail.example.com.}
  - type: TXT
    value: v=spf1 include:x\\; -all
www:
  type: CNAME
  ttl: 60
  value: web.example.com.
web: {type: A, values: [192.0.2.80, 192.0.2.81]}
_sip._tcp:
  type: SRV
  values:
    - {priority: 1, weight: 2, port: 5060, target: web.example.com.}
sso:
  type: A
  octodns:
    ssosim:
      alias: edge
caa: {type: CAA, value: {flags: 0, tag: issue, value: ca.example}}
"""

EXTRAS = """\
[[traffic_managers]]
name = "edge"
dns_name = "edge.example.com"
endpoints = [{ name = "one", address = "192.0.2.20" }]
"""


def texts(zones: ZoneSet, name: str, kind: str = "A") -> list[str]:
    """What the zones answer."""
    said = answer(zones, to_name(name), dns.rdatatype.from_text(kind))
    return [rdata.to_text() for rrset in said.answer for rdata in rrset.rdatas]


def octodns(folder: Path, records: str = RECORDS, main: str = PROVIDER) -> Path:
    """An octoDNS tree."""
    (folder / "zones").mkdir()
    (folder / "octodns.yaml").write_text(main)
    (folder / "zones" / "example.com.yaml").write_text(records)
    (folder / "ssosim.toml").write_text(EXTRAS)
    return folder


def test_a_zone_file_is_read(tmp_path: Path):
    """$ORIGIN, $TTL, $GENERATE, repeated and omitted owners, and a SOA over two lines."""
    (tmp_path / "anything.zone").write_text(ZONE)
    zones = read_tree(tmp_path)
    assert texts(zones, "www.example.com.") == ["web.example.com.", "192.0.2.80", "192.0.2.81"]
    assert texts(zones, "h2.example.com.") == ["192.0.2.2"]
    assert zones.zones[to_name("example.com.")].negative_ttl == 60


@pytest.mark.parametrize("name", ["db.example.com", "example.com.zone", "example.com.db"])
def test_the_origin_may_come_from_the_files_name(tmp_path: Path, name: str):
    """Files without $ORIGIN are named for their zone, as BIND's users do."""
    (tmp_path / name).write_text("$TTL 60\n@ NS ns1\nns1 A 192.0.2.1\n")
    assert texts(read_tree(tmp_path), "ns1.example.com.") == ["192.0.2.1"]


@pytest.mark.parametrize(
    ("line", "where", "what"),
    [
        ("bad A 192.0.2", 12, "NAME [TTL] [IN] TYPE VALUE"),
        ("bad AAA 192.0.2.1", 12, "unknown rdatatype"),
        ("www A 192.0.2.1", 7, "cannot stand beside A"),
        ("other.org. A 192.0.2.1", 12, "outside the zone"),
        ("$INCLUDE /etc/passwd", 12, "not read here"),
        ("deep SOA a b 1 2 3 4 5", 12, "below its zone's apex"),
        ('x TXT "open', 12, "NAME [TTL] [IN] TYPE VALUE"),
    ],
)
def test_mistakes_of_zone_files_are_placed(tmp_path: Path, line: str, where: int, what: str):
    """File, line, what is wrong and what is expected; nothing is read."""
    (tmp_path / "a.zone").write_text(f"{ZONE}{line}\n")
    with pytest.raises(ImportMistakeError) as caught:
        read_tree(tmp_path)
    assert f"{tmp_path / 'a.zone'}:{where}: " in str(caught.value)
    assert what in str(caught.value)


def test_all_mistakes_of_all_files_are_named_at_once(tmp_path: Path):
    """Two files, three mistakes: one message."""
    (tmp_path / "a.zone").write_text(f"{ZONE}www A 192.0.2.1\nother.org. A 192.0.2.1\n")
    (tmp_path / "b.zone").write_text("$ORIGIN b.test.\n$TTL 1\nx A nonsense\n")
    with pytest.raises(ImportMistakeError) as caught:
        read_tree(tmp_path)
    assert len(str(caught.value).splitlines()) == 3


@given(st.text(max_size=200))
def test_no_text_breaks_the_reader(text: str):
    """Whatever the bytes, there is a zone or a mistake, and never another exception."""
    parse_zone_file(text, "f", to_name("example.com."))


def test_an_octodns_tree_is_read(tmp_path: Path):
    """Value and values, lists of records, MX and SRV maps, escaped TXT, CAA, default TTL, other providers left out."""
    zones, warnings = read_tree_with_warnings(octodns(tmp_path))
    assert texts(zones, "www.example.com.") == ["web.example.com.", "192.0.2.80", "192.0.2.81"]
    assert texts(zones, "example.com.", "MX") == ["10 mail.example.com."]
    assert texts(zones, "example.com.", "TXT") == ['"v=spf1 include:x; -all"']
    assert texts(zones, "_sip._tcp.example.com.", "SRV") == ["1 2 5060 web.example.com."]
    held = zones.find("web.example.com.", A)
    assert held is not None
    assert held.ttl == 120
    assert texts(zones, "caa.example.com.", "CAA") == ['0 issue "ca.example"']
    assert not any("CAA" in line for line in warnings)


def test_an_alias_record_set_by_our_extension(tmp_path: Path):
    """octodns: ssosim: alias: makes the record set that octoDNS has no words for; no chain is seen (TMS9-043)."""
    zones = read_tree(octodns(tmp_path))
    held = zones.find("sso.example.com.", A)
    assert held is not None
    assert held.alias == "edge"
    assert texts(zones, "sso.example.com.") == ["192.0.2.20"]


@pytest.mark.parametrize(
    ("records", "line", "what"),
    [
        ("www:\n  type: CNAME\n  value: web.example.com\n", 3, "lacks the dot"),
        ("www:\n  type: A\n  value: 192.0.2.1\n  geo:\n    EU: [192.0.2.2]\n", 5, "geo is not supported"),
        ("www:\n  type: A\n  value: 192.0.2.1\n  dynamic: {pools: {}}\n", 4, "dynamic is not supported"),
        ("www:\n  type: A\n  ttl: soon\n  value: 192.0.2.1\n", 3, "expected seconds"),
        ("www:\n  value: 192.0.2.1\n", 2, "'type' is missing"),
        ("www:\n  type: A\n", 2, "neither value nor values"),
        ("www:\n  type: A\n  value: 192.0.2.300\n", 2, "is not a value of type A"),
        ("a:\n  type: A\n  value: 192.0.2.1\na:\n  type: A\n  value: 192.0.2.2\n", 4, "defined twice"),
        ("www: {type: A, value: 192.0.2.1, tl: 3}\n", 1, "unknown key 'tl'"),
        ("sso: {type: A, octodns: {ssosim: {alias: nope}}}\n", 1, "no traffic manager 'nope'"),
        ("www: !!python/object/apply:os.system [id]\n", 1, "the tag"),
        ("www: [unclosed\n", 2, "not YAML"),
    ],
)
def test_mistakes_of_octodns_files_are_placed(tmp_path: Path, records: str, line: int, what: str):
    """File, line, what is expected; a missing trailing dot is the one of se-2009."""
    octodns(tmp_path, records)
    with pytest.raises(ImportMistakeError) as caught:
        read_tree(tmp_path)
    assert f"example.com.yaml:{line}" in str(caught.value)
    assert what in str(caught.value)


def test_anchors_that_multiply_end_the_reading(tmp_path: Path):
    """A YAML bomb is a mistake after a bounded number of nodes."""
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 9)]
    octodns(tmp_path, "\n".join(lines))
    with pytest.raises(ImportMistakeError, match=r"aliases repeat more than 10000 nodes: write the values out"):
        read_tree(tmp_path)


@pytest.mark.parametrize(
    ("main", "what"),
    [
        ("zones: {example.com: {sources: [config]}}\n", "ends with a dot"),
        ("zones: {'*': {sources: [config]}}\n", "there is no provider 'config'"),
        ("zones: {example.com.: {alias: example.net.}}\n", "there is no zone 'example.net.'"),
        ("zones: {example.com.: {sources: [nope]}}\n", "there is no provider 'nope'"),
    ],
)
def test_mistakes_of_the_octodns_configuration(tmp_path: Path, main: str, what: str):
    """The main file's mistakes are placed as well."""
    octodns(tmp_path, RECORDS, main)
    with pytest.raises(ImportMistakeError, match=r"octodns\.yaml:1: .*") as caught:
        read_tree(tmp_path)
    assert what in str(caught.value)


def test_a_folder_without_zones_says_what_is_expected(tmp_path: Path):
    """An empty folder and a missing one."""
    with pytest.raises(ImportMistakeError, match="no zone file"):
        read_tree(tmp_path)
    with pytest.raises(ImportMistakeError, match="there is no such folder"):
        read_tree(tmp_path / "nowhere")
