"""Zones out again and over the wire: written trees, zone transfer, and the readers of others beside ours."""

from __future__ import annotations

import shutil
import socket
import struct
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import dns.zone
import pytest
from dns.rdatatype import NS, SOA

from ssosim.dns import ZoneSet
from ssosim.dns.imports import ImportMistakeError, read_tree, zone_transfer
from ssosim.dns.imports.tree_writer import TreeFormat, write_tree
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, plain, to_name
from tests.dns.test_provider_zones import EXPORT, PROFILE, write

CORPUS = Path(__file__).parent / "zone_corpus"
PLAIN = CORPUS / "plain" / "example.com.zone"
RICH = """\
$ORIGIN example.org.
$TTL 300
@ SOA ns1 host 7 2 3 4 5
@ NS ns1
@ NS ns2.example.net.
ns1 A 192.0.2.1
@ CAA 0 issue "ca.example; x=1"
@ TXT "semi;colon and \\"quotes\\" \\092"
a\\.b A 192.0.2.2
* A 192.0.2.3
sub NS ns.sub
sub DS 12345 13 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
ns.sub A 192.0.2.4
_443._tcp TLSA 3 1 1 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
h SSHFP 4 2 0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF
n NAPTR 10 20 "u" "E2U+sip" "!^.*$!sip:a@example.org!" .
d DNAME example.net.
_u URI 10 1 "https://example.org/"
mx MX 0 .
"""


def content(zones: ZoneSet, *leave_out: int) -> set[RRset]:
    """Every record set, without those of the types given."""
    return {rrset for zone in zones.zones.values() for rrset in zone.rrsets() if rrset.type not in leave_out}


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Zones with aliases, a profile, and many types."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "contoso.com.txt").write_text(EXPORT)
    (folder / "example.org.zone").write_text(RICH)
    write(folder / "profiles.json", [PROFILE])
    return folder


@pytest.mark.parametrize("form", ["zone-files", "octodns"])
def test_a_written_tree_reads_equal(tree: Path, tmp_path: Path, form: TreeFormat) -> None:
    """All record sets, aliases and profiles come back; octoDNS has no SOA, and says so."""
    zones = read_tree(tree)
    lines = write_tree(zones, tmp_path / "out", form)
    again = read_tree(tmp_path / "out")
    assert again.profiles == zones.profiles
    assert {str(rrset) for rrset in content(again, SOA) ^ content(zones, SOA)} == set()
    assert ["SOA" in line for line in lines] == [True] * (2 if form == "octodns" else 0)
    if form == "zone-files":
        assert content(again) >= content(zones)
    with pytest.raises(DnsChangeError, match="is not empty"):
        write_tree(zones, tmp_path / "out", form)


def test_an_empty_record_set_has_a_line(tmp_path: Path) -> None:
    """What no format can express is named, never dropped in silence."""
    (tmp_path / "example.com.zone").write_text('$TTL 60\n@ SOA a b 1 2 3 4 5\n@ TXT "in" "two"\n')
    lines = write_tree(read_tree(tmp_path), tmp_path / "joined", "octodns")
    assert lines[-1] == "example.com TXT: its strings are joined: octoDNS has one text"
    zones = read_tree(PLAIN)
    zone = zones.zones[to_name("example.com.")].with_rrset(RRset(to_name("gone.example.com."), dns.rdatatype.A, 60))
    [line] = write_tree(zones.with_zone(zone), tmp_path / "out", "zone-files")
    assert line.startswith("gone.example.com A: left out: ")


UNREAD_BY_BIND = ("utf16", "include-absolute")
"""BIND reads no UTF-16, and absolute paths in an ``$INCLUDE`` are the server's."""


@pytest.mark.skipif(shutil.which("named-compilezone") is None, reason="bind9utils is not installed")
@pytest.mark.parametrize(
    "form",
    sorted(
        path.name
        for path in CORPUS.iterdir()
        if path.name not in UNREAD_BY_BIND and (any(path.rglob("*.zone")) or any(path.rglob("db.*")))
    ),
)
def test_named_reads_the_same_records(form: str, tmp_path: Path) -> None:
    """named-compilezone loads the same file as the same zone: values and TTLs. Differences are intended ones."""
    [file] = [each for each in (CORPUS / form).rglob("*") if each.is_file() and b"SOA" in each.read_bytes().upper()][:1]
    if form in ("include", "template-folder"):
        file = next(each for each in (CORPUS / form).rglob("example.com.zone"))
    text = file.read_bytes().removeprefix(b"\xef\xbb\xbf")  # BIND refuses a byte order mark: "unknown RR type"
    (tmp_path / "zone").write_bytes(text)
    for each in (CORPUS / form).rglob("*.*"):
        if each.suffix in (".inc", ".zone") and each != file:
            target = tmp_path / each.relative_to(CORPUS / form)
            target.parent.mkdir(exist_ok=True, parents=True)
            target.write_bytes(each.read_bytes())
    command = ["named-compilezone", "-q", "-i", "none", "-o", "-", "example.com", "zone"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "example.com.zone").write_text(done.stdout)
    assert content(read_tree(tmp_path / "out")) == content(read_tree(CORPUS / form))


def test_octodns_reads_the_same_records() -> None:
    """The reader of octoDNS reads its corpus files as the same records."""
    yaml_provider = pytest.importorskip("octodns.provider.yaml", reason="octodns is not installed")
    zone_module = pytest.importorskip("octodns.zone")
    provider = yaml_provider.YamlProvider(
        "config", str(CORPUS / "octodns" / "config"), enforce_order=False, escaped_semicolons=True
    )
    zone = zone_module.Zone("example.com.", [])
    provider.populate(zone)
    theirs = {(record.fqdn.rstrip("."), record._type, record.ttl) for record in zone.records}
    ours = {
        (plain(rrset.name), rrset.type.name, rrset.ttl)
        for rrset in read_tree(CORPUS / "octodns").zones[to_name("example.com.")].rrsets()
    }
    assert theirs == ours


@contextmanager
def transfer_server(messages: list[dns.message.Message]) -> Iterator[int]:
    """A name server that answers one TCP connection with those messages; yields its port."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listener.accept()
        with connection:
            size = struct.unpack("!H", connection.recv(2, socket.MSG_WAITALL))[0]
            query = dns.message.from_wire(connection.recv(size, socket.MSG_WAITALL))
            for message in messages:
                message.id, message.question = query.id, query.question
                wire = message.to_wire()
                connection.sendall(struct.pack("!H", len(wire)) + wire)

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        listener.close()
        thread.join(5)


def transfer_messages() -> list[dns.message.Message]:
    """A zone transfer in two messages: the SOA, the other records and the SOA."""
    zone = dns.zone.from_file(str(PLAIN), "example.com.", relativize=False)
    sets = [dns.rrset.from_rdata_list(name, each.ttl, [*each]) for name, each in zone.iterate_rdatasets()]
    soa = [each for each in sets if each.rdtype == SOA]
    others = [each for each in sets if each.rdtype != SOA]
    made = []
    for part in (soa + others[:3], others[3:] + soa):
        message = dns.message.Message()
        message.flags |= dns.flags.QR | dns.flags.AA
        message.answer = part
        made.append(message)
    return made


def test_a_zone_transfer_is_the_zone() -> None:
    """AXFR over TCP gives what the file gives."""
    with transfer_server(transfer_messages()) as port:
        zones = read_tree(Path(f"axfr:127.0.0.1:{port}/example.com"))
    assert content(zones) == content(read_tree(PLAIN))
    assert NS in zones.zones[to_name("example.com.")].node(to_name("example.com."))


def test_a_refused_or_broken_transfer_is_a_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    """A refusal, an end before the second SOA, and no server: each says what to do. Nothing is read in part."""
    refusal = dns.message.Message()
    refusal.flags |= dns.flags.QR
    refusal.set_rcode(dns.rcode.REFUSED)
    with transfer_server([refusal]) as port, pytest.raises(ImportMistakeError, match="refuses the transfer"):
        read_tree(Path(f"axfr:127.0.0.1:{port}/example.com"))
    with transfer_server(transfer_messages()[:1]) as port, pytest.raises(ImportMistakeError, match="transfer failed"):
        read_tree(Path(f"axfr:127.0.0.1:{port}/example.com"))
    with pytest.raises(ImportMistakeError, match="expected axfr:SERVER"):
        read_tree(Path("axfr:127.0.0.1"))
    monkeypatch.setattr(zone_transfer, "MAX_RECORDS", 3)
    with transfer_server(transfer_messages()) as port, pytest.raises(ImportMistakeError, match="more than 3 record"):
        read_tree(Path(f"axfr:127.0.0.1:{port}/example.com"))
