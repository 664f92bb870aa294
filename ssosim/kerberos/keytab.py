"""Read and write keytab files: entries with a principal, a key version and an encryption type.

Source: MIT krb5 documentation, "Keytab file format" (version 0x0502).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["KeytabEntry", "build_entry", "read_keytab", "rename_entry", "write_keytab"]

_VERSION = b"\x05\x02"


@dataclass(frozen=True, slots=True)
class KeytabEntry:
    """One key. ``data`` is the entry as it is in the file, with its length."""

    kvno: int
    enctype: int
    data: bytes


def read_keytab(path: Path) -> tuple[KeytabEntry, ...]:
    """Read the entries of a keytab that krb5 wrote. Raises OSError, ValueError for another format or half a file."""
    content = path.read_bytes()
    if content[:2] != _VERSION:
        raise ValueError(f"{path}: no keytab of version 0x0502")
    try:
        return tuple(_entries(content))
    except (struct.error, IndexError) as error:
        raise ValueError(f"{path}: a keytab with an entry that is cut off") from error


def _entries(content: bytes) -> Iterator[KeytabEntry]:
    offset = 2
    while offset + 4 <= len(content):
        (size,) = struct.unpack_from(">i", content, offset)
        if size == 0:
            return  # the end of the file, whatever follows
        end = offset + 4 + abs(size)
        if end > len(content):
            raise IndexError(end)
        if size > 0:  # a negative size is that of a hole, which a removed entry leaves
            yield _entry(content[offset:end])
        offset = end


def _entry(data: bytes) -> KeytabEntry:
    (components,) = struct.unpack_from(">H", data, 4)
    at = 6
    for _ in range(components + 1):  # the realm comes first
        (length,) = struct.unpack_from(">H", data, at)
        at += 2 + length
    at += 8  # name type and time stamp
    kvno, enctype, length = struct.unpack_from(">BHH", data, at)
    at += 5 + length
    if len(data) < at:
        raise IndexError(at)
    if len(data) >= at + 4:
        (wide,) = struct.unpack_from(">I", data, at)
        kvno = wide or kvno
    return KeytabEntry(kvno, enctype, data)


def rename_entry(entry: KeytabEntry, principal: str) -> KeytabEntry:
    """The same key for ``principal`` (without a realm; its components separated by slashes) of the same realm."""
    (components,) = struct.unpack_from(">H", entry.data, 4)
    (length,) = struct.unpack_from(">H", entry.data, 6)
    realm, at = entry.data[6 : 8 + length], 8 + length
    for _ in range(components):
        (length,) = struct.unpack_from(">H", entry.data, at)
        at += 2 + length
    parts = principal.encode().split(b"/")
    names = b"".join(struct.pack(">H", len(part)) + part for part in parts)
    body = struct.pack(">H", len(parts)) + realm + names + entry.data[at:]
    return KeytabEntry(entry.kvno, entry.enctype, struct.pack(">i", len(body)) + body)


def write_keytab(path: Path, entries: Sequence[KeytabEntry]) -> None:
    """Write ``entries`` to ``path``, which a reader sees either as it was or as it is then. Only its owner can read it.

    Raises OSError.
    """
    draft = path.with_name(f".{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(_VERSION + b"".join(entry.data for entry in entries))
    draft.replace(path)


def build_entry(realm: str, principal: str, kvno: int, enctype: int, key: bytes) -> KeytabEntry:
    """The entry of ``key`` for ``principal`` (without a realm; its components separated by slashes) of ``realm``."""

    def counted(octets: bytes) -> bytes:
        return struct.pack(">H", len(octets)) + octets

    parts = principal.split("/")
    names = struct.pack(">H", len(parts)) + b"".join(counted(each.encode()) for each in (realm, *parts))
    body = names + struct.pack(">IIBH", 1, 0, kvno & 0xFF, enctype) + counted(key) + struct.pack(">I", kvno)
    return KeytabEntry(kvno, enctype, struct.pack(">i", len(body)) + body)
