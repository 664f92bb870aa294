"""Malformed zones: each is a mistake with its place and what to do, and nothing is read."""

from __future__ import annotations

from pathlib import Path

import pytest

from ssosim.dns.imports import ImportMistakeError, folder, include, read_tree, zone_text
from ssosim.dns.imports.tree import read_tree_with_warnings

SOA = "@ SOA ns1.example.net. host.example.net. 1 2 3 4 5\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("example.org.zone", f"$ORIGIN example.com.\n$TTL 60\n{SOA}", "the SOA names the zone example.com, the file "),
        ("x.zone", f"$ORIGIN example.com.\n$TTL 60\nexample.org. {SOA[2:]}", "$ORIGIN example.com. and the SOA of"),
        (
            "example.org.zone",
            "$ORIGIN example.com.\n$TTL 60\n@ NS a.\n",
            "$ORIGIN names the zone example.com, the file",
        ),
        ("hosts.zone", f"$TTL 60\n{SOA}$ORIGIN sub.example.com.\nw A 192.0.2.1\n", "the name of the zone is not known"),
        ("db.192.168", f"$TTL 60\n{SOA}", "the name of the zone is not known"),
        ("example.com.zone", "@ NS ns1.example.net.\n", "ttl"),
        ("example.com.zone", f"$TTL 60\n{SOA}w A ( 192.0.2.1\n", ":3: "),
        ("example.com.zone", f"$TTL 60\n{SOA}w A 192.0.2.256\n", ":3: "),
        ("example.com.zone", f"$TTL 60\n{SOA}w AAAA 192.0.2.1\n", ":3: "),
        ("example.com.zone", f"$TTL 60\n{SOA}w MX mail\n", ":3: "),
        ("example.com.zone", f"$TTL 60\n{SOA}w CH A 192.0.2.1\n", ":3: "),
        ("example.com.zone", f"$TTL 60\n{SOA}w 4294967296 A 192.0.2.1\n", ":3: "),
        ("example.com.zone", f"$TTL 60\n{SOA}{'l' * 64} A 192.0.2.1\n", ":3: "),
        ("example.com.zone", f"$TTL 60\n{SOA}a..b A 192.0.2.1\n", ":3: "),
        ("example.com.zone", f"$TTL 60\n{SOA}c CNAME a\nc CNAME b\n", ":3: c.example.com CNAME has 2 values"),
        (
            "example.com.zone",
            f"$TTL 60\n{SOA}c CNAME a\nc A 192.0.2.1\n",
            ":3: c.example.com CNAME cannot stand beside",
        ),
        ("example.com.zone", f"$TTL 60\n{SOA}@ CNAME a\n", ":3: example.com CNAME cannot stand beside"),
        ("example.com.zone", f"$TTL 60\n{SOA}$INCLUDE\n", ":3: $INCLUDE without a file"),
        ("example.com.zone", f"$TTL 60\n{SOA}$INCLUDE none.inc\n", ":3: $INCLUDE none.inc: it is not read here"),
        ("example.com.zone", f"$TTL 60\n{SOA}$INCLUDE example.com.zone\n", "the file includes itself"),
        ("example.com.zone", f"$TTL 60\n{SOA}$UNKNOWN x\n", ":3: "),
        ("example.com.zone", f"$TTL 60\n{SOA}w AZURE ALIAS A\n", "expected AZURE ALIAS TYPE TARGET"),
        ("example.com.zone", f"$TTL 60\n{SOA}w.example.net. A 192.0.2.1\n", "is outside the zone example.com"),
        ("example.com.zone", "\x00\x00\x00\x02", "in BIND's raw format: convert it with named-compilezone"),
        ("example.com.zone", "a\x00b", "no text (a NUL octet at 1)"),
        ("named.conf", 'zone "example.com" { type master; file "gone"; };', "there is no file gone"),
        ("named.conf", 'zone "example.com" { type master; file "x" ', "a statement without its end"),
        ("named.conf", 'zone "example.com" { type slave; };', "no zone of type primary with a file"),
        ("zones.json", "[1, 2", "not valid JSON"),
        ("example.com.yaml", "zones: {example.com.: {sources: [a]}}", "there is no provider 'a'"),
    ],
)
def test_a_malformed_zone_is_a_mistake(tmp_path: Path, name: str, text: str, message: str) -> None:
    """The message begins with the file, says what is wrong, and is one that a person can act on."""
    file = tmp_path / name
    file.write_text(text)
    with pytest.raises(ImportMistakeError) as caught:
        read_tree(tmp_path)
    assert str(caught.value).startswith(str(file))
    assert message.lower() in str(caught.value).lower()
    assert "Traceback" not in str(caught.value)


def test_limits_have_messages(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Size, depth of folders and of includes, number of includes: each message names its limit."""
    zone = tmp_path / "example.com.zone"
    zone.write_text(f"$TTL 60\n{SOA}" + "$INCLUDE a.inc\n" * 3)
    (tmp_path / "a.inc").write_text("$INCLUDE b.inc\n")
    (tmp_path / "b.inc").write_text("w A 192.0.2.1\n")
    assert read_tree(tmp_path)
    for module, limit, value, message in (
        (include, "MAX_INCLUDES", 2, "included more than 2 times"),
        (include, "MAX_INCLUDE_DEPTH", 1, "included more than 1 deep"),
        (include, "MAX_ZONE_OCTETS", 70, "with its includes larger than"),
        (zone_text, "MAX_ZONE_OCTETS", 20, "larger than 0 MiB"),
        (folder, "MAX_FILES", 0, "more than 0 zone files"),
    ):
        with monkeypatch.context() as patch:
            patch.setattr(module, limit, value)
            with pytest.raises(ImportMistakeError, match=message):
                read_tree(tmp_path)
    deep = tmp_path.joinpath(*"abcdefghijk")
    deep.mkdir(parents=True)
    with pytest.raises(ImportMistakeError, match="folders nest more than 8 deep"):
        read_tree(tmp_path)


def test_two_ttls_are_one_as_in_bind(tmp_path: Path) -> None:
    """Measured with named-compilezone 9.18: the first TTL within a run of one name, else that of the later run."""
    text = f"$TTL 300\n{SOA}web A 192.0.2.1\nweb 999 A 192.0.2.2\n"
    text += "late 50 A 192.0.2.1\nx A 192.0.2.1\nlate 70 A 192.0.2.2\n"
    (tmp_path / "example.com.zone").write_text(text)
    zones, warnings = read_tree_with_warnings(tmp_path)
    ttls = {rrset.name.to_text(): rrset.ttl for zone in zones.zones.values() for rrset in zone.rrsets()}
    assert ttls["web.example.com."] == 300
    assert ttls["late.example.com."] == 70
    assert [line.split(": ")[0].rpartition(":")[2] for line in warnings] == ["4", "7"]


def test_files_that_are_not_read_have_lines(tmp_path: Path) -> None:
    """Root hints, journals, other files, zones of other types, links out: nothing is passed over in silence."""
    (tmp_path / "example.com.zone").write_text(f"$TTL 60\n{SOA}")
    (tmp_path / "example.com.zone.jnl").write_bytes(b";BIND LOG V9\n")
    (tmp_path / "named.ca").write_text(". 3600000 NS a.root-servers.net.\n")
    (tmp_path / "deploy.sh").write_text("rndc reload\n")
    (tmp_path / "link.zone").symlink_to("/etc/hostname")
    _, warnings = read_tree_with_warnings(tmp_path)
    said = "\n".join(warnings)
    for words in ("named.ca: not read: the addresses of the root", "a journal", "deploy.sh", "leads out of the folder"):
        assert words in said
    (tmp_path / "named.conf").write_text(
        'zone "example.com" { type primary; file "example.com.zone"; };\n'
        'zone "." { type hint; file "named.ca"; };\nzone "example.org" { type secondary; };\n'
    )
    (tmp_path / "other.example.zone").write_text(f"$TTL 60\n{SOA}")
    said = "\n".join(read_tree_with_warnings(tmp_path)[1])
    assert "zone example.org: left out: it is of type secondary" in said
    assert "other.example.zone: not read: no zone of named.conf has this file" in said


def test_a_record_without_ttl_of_windows_has_the_minimum_of_the_soa(tmp_path: Path) -> None:
    """Windows DNS leaves out a TTL that is the zone's, whatever record came before; BIND takes the last stated one."""
    text = "@ SOA a b 1 2 3 4 3600\n@ 600 A 192.0.2.1\nw A 192.0.2.2\n"
    (tmp_path / "example.com.dns").write_text(";\n;  Database file example.com.dns for example.com zone.\n;\n" + text)
    windows = read_tree(tmp_path)
    (tmp_path / "example.com.dns").write_text(text)
    other = read_tree(tmp_path)
    for zones, ttl in ((windows, 3600), (other, 600)):
        assert {r.ttl for z in zones.zones.values() for r in z.rrsets() if r.name.to_text().startswith("w.")} == {ttl}
