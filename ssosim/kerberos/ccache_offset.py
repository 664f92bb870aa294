"""Write the time offset of a credential cache file: by it libkrb5 corrects the clock of its machine.

Source: krb5 documentation, Credential cache file format (version 4, header field 1); ``kdc_timesync`` in krb5.conf.
"""

from __future__ import annotations

import struct
from pathlib import Path

__all__ = ["read_time_offset", "write_time_offset"]

_VERSION = b"\x05\x04"
_DELTATIME = 1


def read_time_offset(ccache: Path) -> int:
    """Return the offset in seconds, 0 where there is none. Raises ValueError for a file of another version."""
    for tag, value in _read_fields(ccache.read_bytes()):
        if tag == _DELTATIME and len(value) == struct.calcsize(">ii"):
            return int(struct.unpack(">ii", value)[0])
    return 0


def write_time_offset(ccache: Path, seconds: int) -> None:
    """Make libkrb5 add ``seconds`` to the time of the machine. Raises ValueError for a file of another version."""
    data = ccache.read_bytes()
    kept = b"".join(
        struct.pack(">HH", tag, len(value)) + value for tag, value in _read_fields(data) if tag != _DELTATIME
    )
    header = kept + struct.pack(">HHii", _DELTATIME, 8, seconds, 0)
    rest = data[4 + int.from_bytes(data[2:4], "big") :]
    temporary = ccache.with_name(f"{ccache.name}.new")
    temporary.touch(mode=0o600)
    temporary.write_bytes(_VERSION + struct.pack(">H", len(header)) + header + rest)
    temporary.replace(ccache)


def _read_fields(data: bytes) -> list[tuple[int, bytes]]:
    if data[:2] != _VERSION:
        raise ValueError("the credential cache is no file of version 4")
    fields, at, end = [], 4, 4 + int.from_bytes(data[2:4], "big")
    while at < end:
        tag, length = struct.unpack(">HH", data[at : at + 4])
        fields.append((tag, data[at + 4 : at + 4 + length]))
        at += 4 + length
    return fields
