"""``$INCLUDE`` of zone files (RFC 1035 section 5.1): the text of all files as one, and where each line comes from.

Only files in the folder that the user named are opened. The relative origin of a file holds again after an included
file, and so does its last owner; ``$TTL`` of an included file goes on to hold, as in BIND.
"""

from __future__ import annotations

import re
from pathlib import Path

from ssosim.dns.imports.entries import iter_entries
from ssosim.dns.imports.zone_text import MAX_ZONE_OCTETS, Places, read_zone_text
from ssosim.estate.toml import TomlMistakeError

__all__ = ["ZONE_MARK", "expand_includes", "list_included"]

MAX_INCLUDE_DEPTH = 10
MAX_INCLUDES = 500
"""``$INCLUDE`` directives in one zone, those of included files among them."""

ZONE_MARK = "zone-origin.ssosim.invalid."
"""Stands in an expanded text for the name of the zone, which is known only after the expansion."""

_INCLUDE = re.compile(r"^\$INCLUDE\b", re.IGNORECASE | re.MULTILINE)


def expand_includes(text: str, path: Path, root: Path) -> tuple[str, Places]:
    """The text with the files that it includes, and the places of its lines.

    Raises TomlMistakeError for a file that is missing or outside ``root``, a loop, and for more than the limits.
    """
    if not _INCLUDE.search(text):
        return text, Places(str(path))
    expansion = _Expansion(root.resolve())
    expansion.add(text, path, ZONE_MARK, (path.resolve(),))
    return "\n".join(expansion.text), Places(str(path), expansion.places)


def list_included(text: str, path: Path, root: Path) -> set[Path]:
    """The files that ``text`` includes, those that can be found."""
    if not _INCLUDE.search(text):
        return set()
    named = [entry.words[0] for entry in iter_entries(text) if entry.owner.upper() == "$INCLUDE" and entry.words]
    return {found for name in named if (found := _find(name.strip('"'), path, root.resolve())) is not None}


def _find(name: str, path: Path, root: Path) -> Path | None:
    """The included file: relative to the including file, to the folder read, or an absolute path's end below it."""
    parts = Path(name).parts
    tails = [Path(*parts[at:]) for at in range(1, len(parts))] if Path(name).is_absolute() else [Path(name)]
    candidates = [Path(name)] if Path(name).is_absolute() else []
    candidates += [folder / tail for tail in tails for folder in (path.parent, root)]
    for candidate in candidates:
        resolved = candidate.resolve()
        if resolved.is_relative_to(root) and resolved.is_file():
            return resolved
    return None


class _Expansion:
    def __init__(self, root: Path) -> None:
        self.text: list[str] = []
        self.places: list[tuple[str, int]] = []
        self._root = root
        self._count = 0
        self._size = 0

    def add(self, text: str, path: Path, origin: str, open_files: tuple[Path, ...]) -> None:
        self._size += len(text)
        if self._size > MAX_ZONE_OCTETS:
            raise TomlMistakeError(f"{path}: with its includes larger than {MAX_ZONE_OCTETS >> 20} MiB: split the zone")
        lines = text.split("\n")
        written, owner, is_lost = 0, "@", False
        for entry in iter_entries(text):
            head = entry.owner.upper()
            if head == "$INCLUDE":
                self._copy(lines, path, written, entry.line - 1)
                written = entry.last
                self._include(entry.words, path, entry.line, origin, open_files)
                is_lost = True
            elif head == "$ORIGIN" and entry.words:
                origin = _join(entry.words[0], origin)
            elif not head.startswith("$"):
                if not entry.owner and is_lost:
                    self._copy(lines, path, written, entry.line - 1)
                    lines[entry.line - 1] = owner + lines[entry.line - 1]
                    written = entry.line - 1
                owner, is_lost = _join(entry.owner or owner, origin), False
        self._copy(lines, path, written, len(lines))

    def _copy(self, lines: list[str], path: Path, start: int, end: int) -> None:
        self.text += lines[start:end]
        self.places += [(str(path), number + 1) for number in range(start, end)]

    def _include(
        self, words: tuple[str, ...], path: Path, line: int, origin: str, open_files: tuple[Path, ...]
    ) -> None:
        where = f"{path}:{line}"
        if not words:
            raise TomlMistakeError(f"{where}: $INCLUDE without a file: expected $INCLUDE FILE [ORIGIN]")
        name = words[0].strip('"')
        found = _find(name, path, self._root)
        if found is None:
            raise TomlMistakeError(
                f"{where}: $INCLUDE {name}: it is not read here: there is no such file in {self._root}; copy it there"
            )
        self._count += 1
        if found in open_files:
            raise TomlMistakeError(f"{where}: $INCLUDE {name}: the file includes itself: remove one $INCLUDE")
        if len(open_files) > MAX_INCLUDE_DEPTH or self._count > MAX_INCLUDES:
            limit = f"{MAX_INCLUDE_DEPTH} deep" if len(open_files) > MAX_INCLUDE_DEPTH else f"{MAX_INCLUDES} times"
            raise TomlMistakeError(f"{where}: $INCLUDE {name}: included more than {limit}: put the files together")
        inner = _join(words[1], origin) if len(words) > 1 else origin
        self._directive(f"$ORIGIN {inner}", where)
        self.add(read_zone_text(found), found, inner, (*open_files, found))
        self._directive(f"$ORIGIN {origin}", where)

    def _directive(self, text: str, where: str) -> None:
        file, _, line = where.rpartition(":")
        self.text.append(text)
        self.places.append((file, int(line)))


def _join(name: str, origin: str) -> str:
    if name == "@":
        return origin
    if name.endswith("."):
        return name
    return f"{name}." if origin == "." else f"{name}.{origin}"
