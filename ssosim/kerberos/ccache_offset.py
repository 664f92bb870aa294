"""Write the time offset of a credential cache file: by it libkrb5 corrects the clock of its machine.

Source: krb5 documentation, Credential cache file format (version 4, header field 1); ``kdc_timesync`` in krb5.conf.
"""

from __future__ import annotations

import fcntl
import os
import struct
from pathlib import Path

__all__ = ["read_time_offset", "write_time_offset"]

_VERSION = b"\x05\x04"
_DELTATIME = 1
_FIELD = struct.Struct(">ii")  # seconds and microseconds


def read_time_offset(ccache: Path) -> int:
    """Return the offset in seconds, 0 where there is none. Raises OSError, ValueError for another or half a file."""
    for tag, value in _read_fields(ccache.read_bytes()):
        if tag == _DELTATIME and len(value) == _FIELD.size:
            return int(_FIELD.unpack(value)[0])
    return 0


def write_time_offset(ccache: Path, seconds: int) -> None:
    """Make libkrb5 add ``seconds`` to the machine's time.

    The file may belong to a program that runs: libkrb5 locks it while it reads or writes, and so does this. An offset
    that is there is overwritten in place, since a program that has opened the file to add a ticket would add it to a
    file that has been replaced. Raises OSError where the file is locked or missing, ValueError for another or half a
    file: a program that signs on again removes its cache, and writes it anew in several steps.
    """
    if not -(2**31) <= seconds < 2**31:
        raise ValueError(f"an offset of {seconds} seconds does not fit into a credential cache")
    with ccache.open("r+b") as file:
        fcntl.lockf(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        data = file.read()
        fields = _read_fields(data)
        if [len(value) for tag, value in fields if tag == _DELTATIME] == [_FIELD.size]:
            before = [tag for tag, _ in fields].index(_DELTATIME)
            at = 4 + sum(4 + len(value) for _, value in fields[:before])
            os.pwrite(file.fileno(), _FIELD.pack(seconds, 0), at + 4)
            return
        kept = b"".join(struct.pack(">HH", tag, len(value)) + value for tag, value in fields if tag != _DELTATIME)
        header = kept + struct.pack(">HH", _DELTATIME, _FIELD.size) + _FIELD.pack(seconds, 0)
        rest = data[4 + int.from_bytes(data[2:4], "big") :]
        temporary = ccache.with_name(f"{ccache.name}.new")
        temporary.touch(mode=0o600)
        temporary.write_bytes(_VERSION + struct.pack(">H", len(header)) + header + rest)
        temporary.replace(ccache)


def _read_fields(data: bytes) -> list[tuple[int, bytes]]:
    if data[:2] != _VERSION:
        raise ValueError("the credential cache is no file of version 4")
    if len(data) < 4:
        raise ValueError("the header of the credential cache is cut off")
    fields, at, end = [], 4, 4 + int.from_bytes(data[2:4], "big")
    while at < end:
        value = at + 4
        tag, length = struct.unpack(">HH", data[at:value]) if len(data) >= value else (0, end)
        at = value + length
        if at > min(end, len(data)):
            raise ValueError("the header of the credential cache is cut off")
        fields.append((tag, data[value:at]))
    return fields
