"""Reads zones from a folder or a file.

The forms are:

- an octoDNS configuration: a YAML file with ``zones``, given directly or as the only one in the folder;
- a ``named.conf``, given directly or as the only one in the folder: its zones of type primary;
- zone files: those of the folder and its sub-folders;
- in addition, ``ssosim.toml`` may have traffic manager profiles and alias record sets, which the other formats cannot
  express: ``[[traffic_managers]]`` as in an estate, ``[[aliases]]`` with name, type, ttl and profile (or record).
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import msgspec

from ssosim.dns.imports.folder import Folder, list_folder, note_journal, select_zone_files
from ssosim.dns.imports.import_errors import Imported, ImportMistakeError, assemble
from ssosim.dns.imports.named_conf import read_named_conf
from ssosim.dns.imports.octodns import read_octodns
from ssosim.dns.imports.plain_lines import LineMemo
from ssosim.dns.imports.yaml_nodes import YamlMistakeError, read_yaml
from ssosim.dns.imports.zonefile import read_zone_file
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, to_name, to_type
from ssosim.dns.zones.zone import share_nodes_of
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager
from ssosim.estate.toml import TomlMistakeError, convert_toml, read_text
from ssosim.estate.toml_lines import find_line, index_lines

__all__ = ["Tree", "read_tree", "read_tree_with_warnings", "read_two_trees"]

EXTRAS = "ssosim.toml"


class AliasEntry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """An alias record set in addition to zone files; ``name`` is a full domain name."""

    name: str
    type: str = "A"
    ttl: int = 300
    profile: str | None = None
    record: str | None = None


class _Extras(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    traffic_managers: tuple[TrafficManager, ...] = ()
    aliases: tuple[AliasEntry, ...] = ()


Tree = tuple[ZoneSet, tuple[str, ...]]
"""The zones, and a line for each record that was skipped on purpose."""


def read_tree(path: Path, without: Collection[str] = ()) -> ZoneSet:
    """The zones in a folder or file; raises ImportMistakeError with every mistake."""
    return read_tree_with_warnings(path, without=without)[0]


def read_two_trees(
    before: Path, after: Path, without: Collection[str] = ()
) -> tuple[ZoneSet, ZoneSet, tuple[str, ...]]:
    """Two trees, and a line for each record of either that was skipped. What they have in common is read once."""
    memo = LineMemo()
    was, skipped = read_tree_with_warnings(before, memo, without)
    now, also = read_tree_with_warnings(after, memo, without)
    return was, _share_nodes(was, now), tuple(dict.fromkeys((*skipped, *also)))


def read_tree_with_warnings(path: Path, memo: LineMemo | None = None, without: Collection[str] = ()) -> Tree:
    """As ``read_tree``, with a line for each record that was skipped. ``memo`` is that of trees with much in common.

    ``without`` are record types to leave out, as mnemonics in upper case.
    """
    try:
        zones, lines, mistakes = _zones(path, memo)
        profiles = _extras(path if path.is_dir() else path.parent, zones)
    except (TomlMistakeError, YamlMistakeError, DnsChangeError) as error:
        raise ImportMistakeError(str(error)) from error
    if mistakes:
        raise ImportMistakeError.of([*mistakes, *(line for zone in zones for line in zone.mistakes)])
    result = assemble(zones, profiles, without)
    return result, (*lines, *(line for zone in zones for line in zone.warnings))


def _share_nodes(before: ZoneSet, after: ZoneSet) -> ZoneSet:
    """``after`` with the nodes of ``before`` where they have the same record sets: a comparison skips these."""
    for origin, zone in after.zones.items():
        former = before.zones.get(origin)
        if former is not None:
            after = after.with_zone(share_nodes_of(former, zone))
    return after


_Found = tuple[list[Imported], list[str], list[str]]
"""Zones, lines about what is not read, and mistakes."""


def _zones(path: Path, memo: LineMemo | None) -> _Found:
    if path.is_file():
        if path.suffix in (".yaml", ".yml"):
            return read_octodns(path), [], []
        if path.name.startswith("named.conf"):
            return _read_named(path, list_folder(path.parent), memo)
        return _read_files([path], memo, path.parent, [])
    if not path.is_dir():
        raise ImportMistakeError(
            f"{path}: there is no such folder or file; expected zone files or an octoDNS YAML file"
        )
    main = [each for each in sorted((*path.glob("*.yaml"), *path.glob("*.yml"))) if _is_octodns(each)]
    if len(main) > 1:
        named = ", ".join(each.name for each in main)
        raise ImportMistakeError(f"{path}: holds several octoDNS configurations ({named}): name the one to read")
    if main:
        return read_octodns(main[0]), [], []
    folder = list_folder(path)
    if configuration := _find_named_conf(folder):
        return _read_named(configuration, folder, memo)
    files = select_zone_files(folder, {path / EXTRAS})
    if not files:
        raise ImportMistakeError(f"{path}: no zone file (*.zone, *.db, db.*, *.dns) and no octoDNS YAML file")
    return _read_files(files, memo, path, folder.warnings)


def _is_octodns(path: Path) -> bool:
    """Whether the file is an octoDNS configuration; other YAML files may have tags that are not read here."""
    return "zones" in read_text(path) and read_yaml(path).get("zones") is not None


def _find_named_conf(folder: Folder) -> Path | None:
    found = [path for path in folder.files if path.name == "named.conf"]
    found = found or [path for path in folder.files if path.name == "named.conf.local"]
    if len(found) > 1:
        raise ImportMistakeError(
            f"{folder.root}: several configurations ({found[0]}, {found[1]}): name the one to read"
        )
    return found[0] if found else None


def _read_named(path: Path, folder: Folder, memo: LineMemo | None) -> _Found:
    named = read_named_conf(path, folder.root)
    zones = []
    for each in named.zones:
        zones.append(read_zone_file(each.file, each.origin, memo, folder.root))
        note_journal(folder, each.file)
    if not zones and not named.mistakes:
        raise ImportMistakeError(f"{path}: no zone of type primary with a file is in it")
    read = {each.file for each in named.zones}
    left = [file for file in select_zone_files(folder, set()) if file.resolve() not in read]
    lines = [f"{file}: not read: no zone of {path.name} has this file" for file in left]
    return zones, [*named.warnings, *folder.warnings, *lines], named.mistakes


def _read_files(files: list[Path], memo: LineMemo | None, root: Path, warnings: list[str]) -> _Found:
    """Read each file as a zone; what makes one unreadable is a mistake beside those of the others."""
    zones, mistakes = [], []
    for file in files:
        try:
            zones.append(read_zone_file(file, memo=memo, root=root))
        except TomlMistakeError as error:
            mistakes.append(str(error))
    return zones, warnings, mistakes


def _extras(folder: Path, zones: list[Imported]) -> list[tuple[TrafficManager, str]]:
    path = folder / EXTRAS
    if not path.is_file():
        return []
    text = read_text(path)
    extras = convert_toml(text, str(path), _Extras)
    lines = index_lines(text)
    for index, entry in enumerate(extras.aliases):
        where = f"{path}:{find_line(lines, ('aliases', index)) or 1}"
        owner = to_name(entry.name)
        holding = [zone for zone in zones if owner.is_subdomain(zone.origin)]
        if not holding or (entry.profile is None) == (entry.record is None):
            what = "has one target: profile or record" if holding else f"{entry.name} is in none of the zones read"
            raise ImportMistakeError(f"{where}: aliases[{index}]: {what}")
        zone = max(holding, key=lambda each: len(each.origin))
        target = None if entry.record is None else to_name(entry.record)
        zone.add(RRset(owner, to_type(entry.type), entry.ttl, alias=entry.profile, alias_record=target), where)
    return [
        (profile, f"{path}:{find_line(lines, ('traffic_managers', index)) or 1}")
        for index, profile in enumerate(extras.traffic_managers)
    ]
