"""Which files of a folder are zone files, and a line for what is not read.

A file is a zone file by its name (``example.com.zone``, ``db.example.com``, ``example.com.dns`` and others), or because
it has a SOA record. Sub-folders are read. Links that lead out of the folder are not followed.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from msgspec import Struct, field

from ssosim.dns.imports.import_errors import MAX_FILES, ImportMistakeError
from ssosim.dns.imports.include import list_included
from ssosim.dns.imports.zone_text import read_zone_text
from ssosim.estate.toml import TomlMistakeError

__all__ = ["Folder", "list_folder", "note_journal", "select_zone_files"]

MAX_FOLDER_DEPTH = 8
MAX_LISTED_FILES = 20_000
_SNIFFED = 65_536  # octets that are searched for a SOA
_NAMED = 10  # names in the line about files that are not read

_BY_NAME = re.compile(
    r"^(?:db|pri|pz)\.[^.].*|.+\.(?:zone|db|dns|bind|zonefile|zn|hosts|fwd|rev|signed)(?:![\w-]+)?$", re.IGNORECASE
)
_OTHER = re.compile(
    r"\.(?:md|rst|py|sh|rb|go|js|tf|tfvars|toml|yaml|yml|json|conf|cfg|ini|key|private|state|ds|jnl|jbk|log|lock|bak|orig"
    r"|swp|png|svg|pdf|html|xml|csv|gz|zip|xz|tmpl|j2|include|inc|local|options|default-zones)$|~$",
    re.IGNORECASE,
)
_HINTS = frozenset({"cache.dns", "named.ca", "named.root", "root.hints", "db.root", "db.cache", "root.zone.hints"})
_SOA = re.compile(rb"^[^\s;]*[ \t]+(?:\d\w*[ \t]+)?(?:IN[ \t]+)?(?:\d\w*[ \t]+)?SOA[ \t]", re.IGNORECASE | re.MULTILINE)


class Folder(Struct):
    """The files below a folder, sorted; ``warnings`` say what was not looked into."""

    root: Path
    files: list[Path] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def with_suffix(self, *suffixes: str) -> list[Path]:
        """The files whose names end so."""
        return [path for path in self.files if path.name.lower().endswith(suffixes)]


def list_folder(root: Path) -> Folder:
    """List the files below ``root``, without hidden ones. Raises ImportMistakeError beyond the limits."""
    folder, inside = Folder(root), root.resolve()
    for base, names, files in os.walk(root):
        here = Path(base)
        names[:] = sorted(name for name in names if not name.startswith("."))
        if len(here.relative_to(root).parts) >= MAX_FOLDER_DEPTH and names:
            raise ImportMistakeError(f"{here}: folders nest more than {MAX_FOLDER_DEPTH} deep: read a folder below")
        for name in files:
            path = here / name
            if name.startswith("."):
                continue
            if path.is_symlink() and not path.resolve().is_relative_to(inside):
                folder.warnings.append(f"{path}: not read: a link that leads out of the folder")
            elif path.is_file():
                folder.files.append(path)
        folder.warnings += [
            f"{here / name}: not read: a link to a folder; name the folder itself"
            for name in names
            if (here / name).is_symlink()
        ]
        if len(folder.files) > MAX_LISTED_FILES:
            raise ImportMistakeError(f"{root}: more than {MAX_LISTED_FILES} files: read a folder below")
    folder.files.sort()
    return folder


def select_zone_files(folder: Folder, read_otherwise: set[Path]) -> list[Path]:
    """The zone files of the folder; ``read_otherwise`` are files that something else reads.

    Files that another includes are no zones of their own. Raises ImportMistakeError for too many.
    """
    found: list[Path] = []
    others: list[Path] = []
    for path in folder.files:
        if path in read_otherwise:
            continue
        if path.name.lower() in _HINTS:
            folder.warnings.append(f"{path}: not read: the addresses of the root servers, no zone")
        elif _BY_NAME.fullmatch(path.name) or (not _OTHER.search(path.name) and _has_soa(path)):
            found.append(path)
        elif path.suffix.lower() != ".jnl":
            others.append(path)
    if len(found) > MAX_FILES:
        raise ImportMistakeError(f"{folder.root}: more than {MAX_FILES} zone files: read a folder below")
    found = _choose_signed(folder, found)
    included = set[Path]()
    for path in found:
        try:
            included |= list_included(read_zone_text(path), path, folder.root) - {path.resolve()}
        except TomlMistakeError:
            continue  # reported where the file is read
    zones = [path for path in found if path.resolve() not in included] or found  # files may include each other
    note_others(folder, [path for path in others if path.resolve() not in included])
    for path in zones:
        note_journal(folder, path)
    return zones


def note_others(folder: Folder, paths: list[Path]) -> None:
    """Add the line that names the files that are not read."""
    if paths:
        named = ", ".join(str(path.relative_to(folder.root)) for path in paths[:_NAMED])
        more = f" and {len(paths) - _NAMED} more" if len(paths) > _NAMED else ""
        folder.warnings.append(f"{folder.root}: not read, no zone files: {named}{more}")


def note_journal(folder: Folder, path: Path) -> None:
    """Warn of a zone file beside which its name server keeps later changes. Source: BIND, ``rndc sync``."""
    journal = path.with_name(f"{path.name}.jnl")
    if journal.is_file():
        folder.warnings.append(
            f"{journal}: not read: a journal; changes in it may be missing from {path.name}: run rndc sync first"
        )


def _choose_signed(folder: Folder, paths: list[Path]) -> list[Path]:
    """Of a zone file and the same file signed, keep the signed one, which is what servers send."""
    present = {str(path) for path in paths}
    left = []
    for path in paths:
        if f"{path}.signed" in present and _has_soa(path.with_name(f"{path.name}.signed")):
            folder.warnings.append(f"{path}: not read: {path.name}.signed is read instead")
        elif path.name.endswith(".signed") and str(path.with_suffix("")) in present and not _has_soa(path):
            folder.warnings.append(f"{path}: not read: it is no text; {path.stem} is read, without signatures")
        else:
            left.append(path)
    return left


def _has_soa(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            start = file.read(_SNIFFED)
    except OSError:
        return False
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        start = start.replace(b"\x00", b"")
    return b"\x00" not in start and _SOA.search(start) is not None
