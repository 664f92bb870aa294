"""Reads zones from a folder or a file.

The forms are:

- an octoDNS configuration: a YAML file with ``zones``, given directly or as the only one in the folder;
- zone files: every ``*.zone``, ``*.db`` and ``db.*`` of the folder;
- in addition, ``ssosim.toml`` may have traffic manager profiles and alias record sets, which the other formats cannot
  express: ``[[traffic_managers]]`` as in an estate, ``[[aliases]]`` with name, type, ttl and profile (or record).
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from ssosim.dns.imports.import_errors import MAX_FILES, Imported, ImportMistakeError, assemble
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


def read_tree(path: Path) -> ZoneSet:
    """The zones in a folder or file; raises ImportMistakeError with every mistake."""
    return read_tree_with_warnings(path)[0]


def read_two_trees(before: Path, after: Path) -> tuple[ZoneSet, ZoneSet, tuple[str, ...]]:
    """Two trees, and a line for each record of either that was skipped. What they have in common is read once."""
    memo = LineMemo()
    was, skipped = read_tree_with_warnings(before, memo)
    now, also = read_tree_with_warnings(after, memo)
    return was, _share_nodes(was, now), tuple(dict.fromkeys((*skipped, *also)))


def read_tree_with_warnings(path: Path, memo: LineMemo | None = None) -> Tree:
    """As ``read_tree``, with a line for each record that was skipped. ``memo`` is that of trees with much in common."""
    try:
        zones = _zones(path, memo)
        profiles = _extras(path if path.is_dir() else path.parent, zones)
    except (TomlMistakeError, YamlMistakeError, DnsChangeError) as error:
        raise ImportMistakeError(str(error)) from error
    warnings = tuple(line for zone in zones for line in zone.warnings)
    return assemble(zones, profiles), warnings


def _share_nodes(before: ZoneSet, after: ZoneSet) -> ZoneSet:
    """``after`` with the nodes of ``before`` where they have the same record sets: a comparison skips these."""
    for origin, zone in after.zones.items():
        former = before.zones.get(origin)
        if former is not None:
            after = after.with_zone(share_nodes_of(former, zone))
    return after


def _zones(path: Path, memo: LineMemo | None) -> list[Imported]:
    if path.is_file():
        return read_octodns(path) if path.suffix in (".yaml", ".yml") else [read_zone_file(path, memo=memo)]
    if not path.is_dir():
        raise ImportMistakeError(
            f"{path}: there is no such folder or file; expected zone files or an octoDNS YAML file"
        )
    main = [each for each in sorted((*path.glob("*.yaml"), *path.glob("*.yml"))) if read_yaml(each).get("zones")]
    if len(main) > 1:
        named = ", ".join(each.name for each in main)
        raise ImportMistakeError(f"{path}: holds several octoDNS configurations ({named}): name the one to read")
    if main:
        return read_octodns(main[0])
    files = sorted({*path.glob("*.zone"), *path.glob("*.db"), *path.glob("db.*")})
    if not files or len(files) > MAX_FILES:
        what = (
            f"more than {MAX_FILES} zone files"
            if files
            else "no zone file (*.zone, *.db, db.*) and no octoDNS YAML file"
        )
        raise ImportMistakeError(f"{path}: {what}")
    return [read_zone_file(file, memo=memo) for file in files]


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
