"""The zones of a ``named.conf``: which file has which zone. Nothing else of it is read.

Zones of type ``primary`` (``master``) are read; for zones of other types there is a line, because their records are
elsewhere. Paths of the server (``/etc/bind/db.example.com``) are looked for by their ends below the folder.
Source: BIND 9 reference manual, ``zone`` block grammar.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from dns.name import Name

from ssosim.dns.imports.zone_text import read_zone_text
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.estate.toml import TomlMistakeError

__all__ = ["NamedZone", "NamedZones", "read_named_conf"]

MAX_CONF_INCLUDES = 100
MAX_BLOCKS = 20

_TOKEN = re.compile(r'/\*.*?(?:\*/|\Z)|(?://|#)[^\n]*|"[^"\n]*"|[{};]|[^\s{};"]+', re.DOTALL)
_CLASS_IN = frozenset({"in", "internet"})
_READ = frozenset({"primary", "master"})


@dataclass(frozen=True, slots=True)
class NamedZone:
    """One zone: its name, its file, and the place of its statement."""

    origin: Name
    file: Path
    where: str


@dataclass(slots=True)
class NamedZones:
    """The zones that can be read, a line for each of the others, and the mistakes."""

    zones: list[NamedZone] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Token:
    text: str
    line: int


def read_named_conf(path: Path, root: Path) -> NamedZones:
    """Read the zones of the file and of those that it includes; all files are below ``root``.

    Raises TomlMistakeError for a file that cannot be read.
    """
    reader = _Reader(root.resolve())
    reader.read(path, "")
    return reader.found


class _Reader:
    def __init__(self, root: Path) -> None:
        self.found = NamedZones()
        self._root = root
        self._directory = ""
        self._views: dict[Name, str] = {}
        self._read: set[Path] = set()

    def read(self, path: Path, view: str) -> None:
        if path.resolve() in self._read:
            return
        self._read.add(path.resolve())
        if len(self._read) > MAX_CONF_INCLUDES:
            raise TomlMistakeError(f"{path}: more than {MAX_CONF_INCLUDES} included files: read a part of them")
        self._statements(path, [*_tokens(read_zone_text(path))], view, 0)

    def _statements(self, path: Path, tokens: list[_Token], view: str, depth: int) -> None:
        if depth > MAX_BLOCKS:
            raise TomlMistakeError(f"{path}:{tokens[0].line if tokens else 1}: blocks nest more than {MAX_BLOCKS} deep")
        for words, block in _split(path, tokens):
            head = words[0].text.lower()
            value = words[1].text.strip('"') if len(words) > 1 else ""
            where = f"{path}:{words[0].line}"
            if head == "include":
                self._include(path, value, where, view)
            elif head == "view":
                self._statements(path, block, value, depth + 1)
            elif head == "options":
                self._options(path, block)
            elif head == "zone" and len(words) > 2 and words[2].text.lower() not in _CLASS_IN:
                self.found.warnings.append(f"{where}: zone {value}: left out: it is of class {words[2].text}, not IN")
            elif head == "zone":
                self._zone(path, value, block, where, view)
            elif head == "response-policy":
                self._note_policy(where)

    def _options(self, path: Path, block: list[_Token]) -> None:
        for words, _ in _split(path, block):
            head = words[0].text.lower()
            if head == "directory" and len(words) > 1:
                self._directory = words[1].text.strip('"')
            elif head == "response-policy":
                self._note_policy(f"{path}:{words[0].line}")

    def _note_policy(self, where: str) -> None:
        text = "response-policy is not applied: clients of this server can get other answers than those of the zones"
        self.found.warnings.append(f"{where}: {text}")

    def _include(self, path: Path, name: str, where: str, view: str) -> None:
        found = self._find(path, name)
        if found is None and re.search(r"[*?\[]", name):
            for each in self._find_all(path, name):
                self.read(each, view)
        elif found is None:
            self.found.warnings.append(f"{where}: include {name}: not read, there is no such file in {self._root}")
        else:
            self.read(found, view)

    def _zone(self, path: Path, name: str, block: list[_Token], where: str, view: str) -> None:
        settings = {
            words[0].text.lower(): words[1].text.strip('"') for words, _ in _split(path, block) if len(words) > 1
        }
        kind, file = settings.get("type", "").lower(), settings.get("file", "")
        if kind not in _READ or not file:
            what = f"of type {kind or 'unknown'}" if kind not in _READ else "without a file"
            self.found.warnings.append(f"{where}: zone {name}: left out: it is {what}, its records are elsewhere")
            return
        try:
            origin = to_name(f"{name.rstrip('.')}.")
        except DnsChangeError as error:
            self.found.mistakes.append(f"{where}: {error}")
            return
        if origin in self._views:
            views = f"{self._views[origin] or 'no view'} and {view or 'no view'}"
            self.found.mistakes.append(
                f"{where}: zone {plain(origin)} is in {views}: read one view on its own, with a named.conf of its zones"
            )
            return
        self._views[origin] = view
        found = self._find(path, file)
        if found is None:
            self.found.mistakes.append(f"{where}: zone {name}: there is no file {file} in {self._root}: copy it there")
        else:
            self.found.zones.append(NamedZone(origin, found, where))

    def _find(self, path: Path, name: str) -> Path | None:
        """The file below the folder that is read: by its whole path, else by the longest end of it that exists."""
        parts = [part for part in Path(self._directory, name).parts if part != "/"]
        tails = [Path(*parts[at:]) for at in range(len(parts))] if parts else []
        for tail in tails:
            for folder in (self._root, path.parent):
                candidate = (folder / tail).resolve()
                if candidate.is_file() and candidate.is_relative_to(self._root):
                    return candidate
        return None

    def _find_all(self, path: Path, pattern: str) -> list[Path]:
        """The files below the folder that a pattern matches: by its whole path, else by the longest end that has any.

        Source: BIND 9 reference manual, ``include``: a path may have wildcards; measured with named-checkconf 9.18.
        """
        parts = [part for part in Path(self._directory, pattern).parts if part != "/"]
        for at in range(len(parts)):
            for folder in (self._root, path.parent):
                found = sorted(folder.glob(str(Path(*parts[at:]))))
                inside = [each for each in found if each.is_file() and each.resolve().is_relative_to(self._root)]
                if inside:
                    return inside
        return []


def _tokens(text: str) -> Iterator[_Token]:
    line, at = 1, 0
    for match in _TOKEN.finditer(text):
        line, at = line + text.count("\n", at, match.start()), match.start()
        if not match[0].startswith(("//", "#", "/*")):
            yield _Token(match[0], line)


def _split(path: Path, tokens: list[_Token]) -> Iterator[tuple[list[_Token], list[_Token]]]:
    """Yield each statement: its words before a block, and the tokens of its block. Raises TomlMistakeError."""
    words: list[_Token] = []
    block: list[_Token] = []
    depth = 0
    for token in tokens:
        was = depth
        depth += {"{": 1, "}": -1}.get(token.text, 0)
        if depth < 0:
            raise TomlMistakeError(f"{path}:{token.line}: a }} without its {{: correct the file")
        if was != depth and 0 in (was, depth):
            continue  # the braces of the statement itself
        if depth:
            block.append(token)
        elif token.text != ";":
            words.append(token)
        elif words:
            yield words, block
            words, block = [], []
    if depth or words:
        line = (words or block or tokens)[0].line
        raise TomlMistakeError(f"{path}:{line}: a statement without its end: expected ; (and }} for each {{)")
