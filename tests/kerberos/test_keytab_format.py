"""Keytab files octet by octet, as MIT krb5 documents them, and compared with what klist reads."""

from __future__ import annotations

import re
import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssosim.kerberos.keytab import KeytabEntry, build_entry, read_keytab, rename_entry, write_keytab
from ssosim.kerberos.programs import find_program

REALM = "CORP.TEST"
KEY_256, KEY_128 = bytes(range(32)), bytes(range(16, 32))
_LINE = re.compile(r"\s*(?P<kvno>\d+) (?P<name>\S+) \((?:DEPRECATED:)?(?P<type>\S+)\)\s+\(0x(?P<key>[0-9a-f]+)\)")


def klist(path: Path) -> list[tuple[int, str, str, str]]:
    """The entries that MIT's own reader finds: version, principal, type and key."""
    command = [find_program("klist"), "-k", "-e", "-K", f"FILE:{path}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    found = [match for line in done.stdout.splitlines() if (match := _LINE.match(line))]
    return [(int(each["kvno"]), each["name"], each["type"], each["key"]) for each in found]


def written(path: Path, *entries: KeytabEntry) -> Path:
    """A keytab with these entries."""
    write_keytab(path, entries)
    return path


@pytest.mark.parametrize("kvno", [1, 2, 255, 256, 300, 65536])
def test_klist_reads_what_is_built(tmp_path: Path, kvno: int) -> None:
    """Version, principal, type and key of each entry; a version above 255 is in the 32 bits at the end."""
    path = written(
        tmp_path / "t",
        build_entry(REALM, "HTTP/web.corp.test", kvno, 18, KEY_256),
        build_entry(REALM, "AZUREADSSOACC$", kvno, 17, KEY_128),
    )
    assert klist(path) == [
        (kvno, f"HTTP/web.corp.test@{REALM}", "aes256-cts-hmac-sha1-96", KEY_256.hex()),
        (kvno, f"AZUREADSSOACC$@{REALM}", "aes128-cts-hmac-sha1-96", KEY_128.hex()),
    ]
    assert [(each.kvno, each.enctype) for each in read_keytab(path)] == [(kvno, 18), (kvno, 17)]


@pytest.mark.parametrize("name", ["HTTP/other.test", "WEB01$", "MSSQLSvc/db.corp.test:1433", "a/b/c"])
def test_klist_reads_a_renamed_entry(tmp_path: Path, name: str) -> None:
    """The same key and version for another name of the same realm, of any number of components."""
    entry = build_entry(REALM, "HTTP/web.corp.test", 7, 18, KEY_256)
    path = written(tmp_path / "t", rename_entry(entry, name))
    assert klist(path) == [(7, f"{name}@{REALM}", "aes256-cts-hmac-sha1-96", KEY_256.hex())]
    assert rename_entry(rename_entry(entry, name), "HTTP/web.corp.test") == entry


def test_a_wide_version_of_zero_does_not_count(tmp_path: Path) -> None:
    """The 32 bits at the end supersede the eight only if they are not zero, and where they are there at all."""
    entry = build_entry(REALM, "a", 9, 17, KEY_128)
    without = entry.data[4:-4]
    for tail in (b"", b"\0\0\0", b"\0\0\0\0", b"\0\0\0\0\0\0"):
        body = without + tail
        path = tmp_path / "t"
        path.write_bytes(b"\x05\x02" + struct.pack(">i", len(body)) + body)
        assert [each.kvno for each in read_keytab(path)] == [9] == [each[0] for each in klist(path)]


def test_a_hole_is_skipped_and_a_length_of_zero_is_the_end(tmp_path: Path) -> None:
    """keytab_file_format: a negative length is a hole of that size, and a length of 0 the end of the file."""
    first, second = (build_entry(REALM, name, 1, 17, KEY_128).data for name in ("a", "b"))
    hole = struct.pack(">i", -37) + bytes(37)
    path = tmp_path / "t"
    path.write_bytes(b"\x05\x02" + hole + first + hole + second + bytes(4) + first + b"rubbish")
    assert [each.data for each in read_keytab(path)] == [first, second]
    assert [each[1] for each in klist(path)] == [f"a@{REALM}", f"b@{REALM}"]


def test_a_keytab_without_entries(tmp_path: Path) -> None:
    """Only the version, with or without octets that are too few for a length."""
    for rest in (b"", b"\0", b"\0\0\1"):
        (tmp_path / "t").write_bytes(b"\x05\x02" + rest)
        assert read_keytab(tmp_path / "t") == ()


@pytest.mark.parametrize("cut", [1, 5, 12, 20, 30, 40])
def test_half_an_entry_is_an_error_of_the_file(tmp_path: Path, cut: int) -> None:
    """A keytab that a full disk cut off is named, and is no keytab with fewer keys."""
    path = written(tmp_path / "half.keytab", build_entry(REALM, "HTTP/web", 1, 17, KEY_128))
    path.write_bytes(path.read_bytes()[:-cut])
    with pytest.raises(ValueError, match=r"half\.keytab: a keytab with an entry that is cut off"):
        read_keytab(path)


@pytest.mark.parametrize("content", [b"", b"\x05", b"\x05\x01", b"\x05\x03abc", b"keytab"])
def test_another_format_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    """Version 0x0501 has the octets of the machine that wrote it, so it is not read."""
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(ValueError, match="x: no keytab of version 0x0502"):
        read_keytab(tmp_path / "x")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content=st.binary(max_size=40) | st.binary(max_size=24).map(lambda data: struct.pack(">i", len(data)) + data))
def test_any_file_is_a_keytab_or_a_value_error(tmp_path: Path, content: bytes) -> None:
    """No file raises anything else."""
    path = tmp_path / "t"
    path.write_bytes(b"\x05\x02" + content)
    try:
        entries = read_keytab(path)
    except ValueError:
        return
    assert all(isinstance(each.kvno, int) for each in entries)


def test_a_keytab_is_replaced_whole_and_for_its_owner(tmp_path: Path) -> None:
    """A reader has the old file or the new one; nobody else can read it, and no draft stays."""
    path = written(tmp_path / "t", build_entry(REALM, "a", 1, 17, KEY_128))
    with path.open("rb") as open_before:
        written(path, build_entry(REALM, "b", 2, 17, KEY_128))
        assert b"\0\1a" in open_before.read()
    assert [each.kvno for each in read_keytab(path)] == [2]
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["t"]


def test_a_draft_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    """A link in place of the draft would let keys go to another file."""
    (tmp_path / "elsewhere").write_text("mine")
    (tmp_path / ".t.new").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OSError, match=r"\.t\.new"):
        written(tmp_path / "t", build_entry(REALM, "a", 1, 17, KEY_128))
    assert (tmp_path / "elsewhere").read_text() == "mine"
