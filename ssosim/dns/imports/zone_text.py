"""The text of a zone file as it lies on a disk: UTF-8 or UTF-16 with a byte order mark, or Windows' code page.

PowerShell writes UTF-16 when output is redirected, and editors on Windows write UTF-8 with a byte order mark. Names and
addresses are ASCII in all of these. BIND's ``raw`` format is no text and is refused with the command that converts it.
Source: BIND 9 reference manual, ``masterfile-format``.
"""

from __future__ import annotations

import codecs
from pathlib import Path

from msgspec import Struct, field

from ssosim.estate.toml import TomlMistakeError

__all__ = ["MAX_ZONE_OCTETS", "Places", "read_zone_text"]

MAX_ZONE_OCTETS = 128 * 1024 * 1024
"""The largest zone file, octets: some two million records."""

_RAW = (b"\x00\x00\x00\x02", b"\x00\x00\x00\x01", b"\x00\x00\x00\x03")
"""How files of BIND begin in the formats ``map`` and ``raw``."""


class Places(Struct):
    """Where the lines of a text come from. ``lines`` is empty if all are from ``source``, in their order."""

    source: str
    lines: list[tuple[str, int]] = field(default_factory=list)

    def at(self, line: int) -> str:
        """The place ``file:line`` of the line of that number, from 1."""
        if not self.lines:
            return f"{self.source}:{line}"
        file, number = self.lines[min(max(line, 1), len(self.lines)) - 1]
        return f"{file}:{number}"


def read_zone_text(path: Path) -> str:
    """Read a zone file; raises TomlMistakeError if it cannot be read, is too large, or is no text."""
    try:
        with path.open("rb") as file:
            content = file.read(MAX_ZONE_OCTETS + 1)
    except OSError as error:
        raise TomlMistakeError(f"{path}: cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise TomlMistakeError(f"{str(path)!r}: cannot be read: {error}") from error
    if len(content) > MAX_ZONE_OCTETS:
        raise TomlMistakeError(f"{path}: larger than {MAX_ZONE_OCTETS >> 20} MiB: split it with $INCLUDE")
    if content.startswith(_RAW):
        raise TomlMistakeError(
            f"{path}: in BIND's raw format: convert it with named-compilezone -f raw -F text -o FILE ZONE {path.name}"
        )
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decode(path, content, "utf-16")
    if b"\x00" in content:
        raise TomlMistakeError(f"{path}: no text (a NUL octet at {content.index(0)}): expected a zone file")
    return _decode(path, content, "utf-8-sig")


def _decode(path: Path, content: bytes, encoding: str) -> str:
    try:
        return content.decode(encoding)
    except UnicodeDecodeError as error:
        raise TomlMistakeError(f"{path}: not {encoding} text (byte {error.start}); save it as UTF-8") from error
