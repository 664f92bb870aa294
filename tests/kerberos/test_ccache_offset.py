"""The time offset in a credential cache file: version 4, header field 1 (krb5, Credential cache file format)."""

from __future__ import annotations

import struct
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssosim.kerberos.ccache_offset import read_time_offset, write_time_offset

PRINCIPAL = b"principal and credentials"


def cache(path: Path, *fields: tuple[int, bytes], rest: bytes = PRINCIPAL) -> Path:
    """A cache with these header fields."""
    header = b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in fields)
    path.write_bytes(b"\x05\x04" + struct.pack(">H", len(header)) + header + rest)
    return path


def read_header(path: Path) -> tuple[list[tuple[int, bytes]], bytes]:
    """The header fields of a cache, and what is after the header."""
    data = path.read_bytes()
    end = 4 + int.from_bytes(data[2:4], "big")
    fields, at = [], 4
    while at < end:
        tag, length = struct.unpack(">HH", data[at : at + 4])
        fields.append((tag, data[at + 4 : at + 4 + length]))
        at += 4 + length
    return fields, data[end:]


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    before=st.lists(st.tuples(st.sampled_from([1, 2, 9]), st.binary(max_size=9)), max_size=3),
    seconds=st.integers(-(2**31), 2**31 - 1),
)
def test_what_is_written_is_read_back(tmp_path: Path, before: list[tuple[int, bytes]], seconds: int) -> None:
    """One offset is in the header; the other fields, the principal and the credentials stay as they are."""
    path = cache(tmp_path / "cc", *before)
    write_time_offset(path, seconds)
    assert read_time_offset(path) == seconds
    others = [each for each in before if each[0] != 1]
    fields, rest = read_header(path)
    assert [each for each in fields if each[0] != 1] == others
    assert [value for tag, value in fields if tag == 1] == [struct.pack(">ii", seconds, 0)]
    assert rest == PRINCIPAL
    write_time_offset(path, 0)
    assert read_time_offset(path) == 0


@pytest.mark.parametrize(
    ("fields", "offset"),
    [
        ((), 0),
        (((2, b"12345678"),), 0),
        (((1, b"1234"),), 0),  # of another length
        (((9, b""), (1, struct.pack(">ii", -300, 5))), -300),
    ],
)
def test_the_offset_is_that_of_its_field(tmp_path: Path, fields: tuple[tuple[int, bytes], ...], offset: int) -> None:
    """A cache without the field has no offset; microseconds are left out."""
    assert read_time_offset(cache(tmp_path / "cc", *fields)) == offset


@pytest.mark.parametrize("seconds", [2**31, -(2**31) - 1])
def test_an_offset_that_does_not_fit_changes_nothing(tmp_path: Path, seconds: int) -> None:
    """The field has 32 bits."""
    path = cache(tmp_path / "cc")
    before = path.read_bytes()
    with pytest.raises(ValueError, match="does not fit into a credential cache"):
        write_time_offset(path, seconds)
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\x05",
        b"\x05\x03\0\0",
        b"\x05\x04",
        b"\x05\x04\0",
        b"\x05\x04\0\x0c\0\x01\0\x08\0\0",
        b"\x05\x04\0\x02\0\x01",
        b"\x05\x04\0\x04\0\x01\0\x08",
    ],
)
def test_another_file_or_half_a_file_is_a_value_error(tmp_path: Path, content: bytes) -> None:
    """A program may leave anything where its cache is to be: it is refused, and stays as it is."""
    path = tmp_path / "cc"
    path.write_bytes(content)
    for use in (read_time_offset, lambda each: write_time_offset(each, 5)):
        with pytest.raises(ValueError, match="credential cache"):
            use(path)
    assert path.read_bytes() == content


def test_a_ticket_that_a_program_adds_meanwhile_is_kept(tmp_path: Path) -> None:
    """A program has the file open to add a ticket while the offset changes: the ticket is in the file afterwards."""
    path = cache(tmp_path / "cc", (1, struct.pack(">ii", 7, 0)))
    with path.open("ab") as program:
        write_time_offset(path, -600)
        program.write(b" and a ticket")
    assert read_time_offset(path) == -600
    assert path.read_bytes().endswith(PRINCIPAL + b" and a ticket")


LOCKER = """
import fcntl, sys
with open(sys.argv[1], "r+b") as file:
    fcntl.lockf(file, fcntl.LOCK_EX)
    print("locked", flush=True)
    sys.stdin.read()
"""


def test_a_cache_that_a_program_has_locked_is_left_alone(tmp_path: Path) -> None:
    """libkrb5 locks the file while it writes: an error at once, no waiting and no change; afterwards it works."""
    path = cache(tmp_path / "cc")
    before = path.read_bytes()
    with subprocess.Popen(
        [sys.executable, "-c", LOCKER, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as program:
        assert program.stdout is not None
        assert program.stdout.readline() == b"locked\n"
        with pytest.raises(OSError, match=r"unavailable|denied"):
            write_time_offset(path, 5)
        assert path.read_bytes() == before
        program.communicate()
    write_time_offset(path, 5)
    assert read_time_offset(path) == 5


def test_the_cache_stays_private(tmp_path: Path) -> None:
    """It has the keys of the user's tickets."""
    path = cache(tmp_path / "cc")
    write_time_offset(path, 5)
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["cc"]
