"""Reads zones from a folder or a file.

The forms are:

- an octoDNS configuration: a YAML file with ``zones``, given directly or as the only one in the folder;
- a ``named.conf``, given directly or as the only one in the folder: its zones of type primary;
- zone files, and JSON files of providers (``json_files``): those of the folder and its sub-folders;
- in addition, ``ssosim.toml`` may have traffic manager profiles and alias record sets, which the other formats cannot
  express: ``[[traffic_managers]]`` as in an estate, ``[[aliases]]`` with name, type, ttl and profile (or record).

``axfr:SERVER/ZONE`` is a zone transfer from a server. A Terraform plan has two trees: ``plan.json#before`` and
``plan.json#after``. Without a side it is the one after the change; as both trees of a change, ``plan.json`` is the one
before and the one after.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
from dns.name import Name
from dns.rdatatype import RdataType
from msgspec import Struct, field

from ssosim.dns.imports.folder import Folder, list_folder, note_journal, select_zone_files
from ssosim.dns.imports.import_errors import MAX_FILES, Imported, ImportMistakeError, YamlMistakeError, assemble
from ssosim.dns.imports.plain_lines import LineMemo
from ssosim.dns.imports.zone_transfer import parse_transfer
from ssosim.dns.imports.zonefile import read_zone_file
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.from_estate import check_ttl
from ssosim.dns.zones.rrset import ALIAS_TYPES, RRset, to_name, to_type
from ssosim.dns.zones.zone import share_nodes_of
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager
from ssosim.estate.toml import TomlMistakeError, convert_toml, read_text
from ssosim.estate.toml_lines import find_line, index_lines

if TYPE_CHECKING:  # the readers of other forms are imported where there is such a file
    from ssosim.dns.imports.provider_data import ProviderData
    from ssosim.dns.imports.terraform_plan import Side

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
    """Two trees, and a line for each record of either that was skipped. What they have in common is read once.

    The same file twice is a Terraform plan: its state before and after the change.
    """
    memo = LineMemo()
    if before == after and before.is_file() and before.suffix == ".json":
        before, after = before.with_name(f"{before.name}#before"), after.with_name(f"{after.name}#after")
    was, skipped = read_tree_with_warnings(before, memo, without)
    now, also = read_tree_with_warnings(after, memo, without)
    return was, _share_nodes(was, now, memo.rebuilt), tuple(dict.fromkeys((*skipped, *also)))


def read_tree_with_warnings(path: Path, memo: LineMemo | None = None, without: Collection[str] = ()) -> Tree:
    """As ``read_tree``, with a line for each record that was skipped. ``memo`` is that of trees with much in common.

    ``without`` are record types to leave out, as mnemonics in upper case.
    """
    path, side = _split_side(path)
    try:
        found = _read(path, memo, side)
        found.profiles += [profile for zone in found.zones for profile in zone.profiles]
        found.add_profile_zones()
        profiles = [*found.profiles, *_extras(path if path.is_dir() else path.parent, found.zones)]
    except (TomlMistakeError, YamlMistakeError, DnsChangeError) as error:
        raise ImportMistakeError(str(error)) from error
    if found.mistakes:
        raise ImportMistakeError.of([*found.mistakes, *(line for zone in found.zones for line in zone.mistakes)])
    result = assemble(found.zones, profiles, without, memo)
    if found.interruptions:
        listed = tuple((*key, text) for key, text in sorted(found.interruptions.items()))
        result = dataclasses.replace(result, interruptions=listed)
    return result, (*found.warnings, *(line for zone in found.zones for line in zone.warnings))


def _split_side(path: Path) -> tuple[Path, Side]:
    name, _, side = path.name.rpartition("#")
    if name and not path.exists() and side in ("before", "after"):
        return path.with_name(name), "before" if side == "before" else "after"
    return path, "after"


def _share_nodes(before: ZoneSet, after: ZoneSet, sharing: Collection[Name]) -> ZoneSet:
    """``after`` with the nodes of ``before`` where they have the same record sets: a comparison skips these.

    The zones ``sharing`` have them already.
    """
    for origin, zone in after.zones.items():
        former = before.zones.get(origin)
        if former is not None and origin not in sharing:
            after = after.with_zone(share_nodes_of(former, zone))
    return after


class _Found(Struct):
    """What is in a folder or file; ``warnings`` are lines about what is not read."""

    zones: list[Imported] = field(default_factory=list)
    profiles: list[tuple[TrafficManager, str]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    mistakes: list[str] = field(default_factory=list)
    interruptions: dict[tuple[Name, RdataType], str] = field(default_factory=dict)

    def add_provider(self, data: ProviderData) -> None:
        """Add what a JSON file has."""
        self.zones += data.zones.values()
        self.profiles += data.profiles
        self.warnings += data.warnings
        self.mistakes += data.mistakes
        self.interruptions |= data.interruptions

    def add_profile_zones(self) -> None:
        """Add the zones of Microsoft that the names of profiles are in, such as ``trafficmanager.net``."""
        origins = {zone.origin for zone in self.zones}
        for profile, _ in self.profiles:
            name = to_name(profile.dns_name)
            if not any(name.is_subdomain(origin) for origin in origins) and len(name) > 3:
                origin = Name(name.labels[-3:])
                origins.add(origin)
                self.zones.append(Imported(origin))


def _read(path: Path, memo: LineMemo | None, side: Side) -> _Found:
    if (transfer := parse_transfer(path)) is not None:
        from ssosim.dns.imports.zone_transfer import transfer_zone  # noqa: PLC0415

        return _Found([transfer_zone(transfer, origin) for origin in transfer.zones])
    if path.is_file():
        return _read_one(path, memo, side)
    if not path.is_dir():
        raise ImportMistakeError(
            f"{path}: there is no such folder or file; expected zone files or an octoDNS YAML file"
        )
    main = _find_octodns(path)
    if len(main) > 1:
        named = ", ".join(each.name for each in main)
        raise ImportMistakeError(f"{path}: holds several octoDNS configurations ({named}): name the one to read")
    if main:
        from ssosim.dns.imports.octodns import read_octodns  # noqa: PLC0415

        return _Found(read_octodns(main[0], path), warnings=_note_others(path, main[0]))
    folder = list_folder(path)
    if configuration := _find_named_conf(folder):
        return _read_named(configuration, folder, memo)
    found = _Found()
    read_otherwise = {path / EXTRAS}
    for file in folder.with_suffix(".json"):
        if (data := _read_json(file, side)) is not None:
            found.add_provider(data)
            read_otherwise.add(file)
    files = select_zone_files(folder, read_otherwise)
    if not files and not (found.zones or found.profiles or found.mistakes):
        raise ImportMistakeError(
            f"{path}: no zone file (*.zone, *.db, db.*, *.dns), no octoDNS YAML file and no JSON file of a provider"
        )
    _read_files(found, files, memo, path)
    found.warnings += folder.warnings
    return found


def _read_json(path: Path, side: Side) -> ProviderData | None:
    from ssosim.dns.imports.json_files import read_provider_file  # noqa: PLC0415

    return read_provider_file(path, side)


def _read_one(path: Path, memo: LineMemo | None, side: Side) -> _Found:
    if path.suffix in (".yaml", ".yml"):
        from ssosim.dns.imports.octodns import read_octodns  # noqa: PLC0415

        return _Found(read_octodns(path))
    if path.name.startswith("named.conf"):
        return _read_named(path, list_folder(path.parent), memo)
    found = _Found()
    if path.suffix == ".json":
        data = _read_json(path, side)
        if data is None:
            raise ImportMistakeError(
                f"{path}: no JSON that is read: expected record sets of Azure DNS or Route 53, traffic manager "
                "profiles, a Terraform plan (terraform show -json), or dnscontrol print-ir"
            )
        found.add_provider(data)
    else:
        _read_files(found, [path], memo, path.parent)
    return found


def _find_octodns(path: Path) -> list[Path]:
    """The octoDNS configurations of a folder; if it has none, those of its sub-folders."""
    for pattern in ("*", "*/*"):
        files = sorted((*path.glob(f"{pattern}.yaml"), *path.glob(f"{pattern}.yml")))
        if found := [each for each in files if _is_octodns(each)]:
            return found
    return []


def _is_octodns(path: Path) -> bool:
    """Whether the file is an octoDNS configuration; other YAML files may have tags that are not read here."""
    if "zones" not in read_text(path):
        return False
    from ssosim.dns.imports.yaml_nodes import read_yaml  # noqa: PLC0415

    return read_yaml(path, path.parent).get("zones") is not None


def _find_named_conf(folder: Folder) -> Path | None:
    found = [path for path in folder.files if path.name == "named.conf"]
    found = found or [path for path in folder.files if path.name == "named.conf.local"]
    if len(found) > 1:
        raise ImportMistakeError(
            f"{folder.root}: several configurations ({found[0]}, {found[1]}): name the one to read"
        )
    return found[0] if found else None


def _read_named(path: Path, folder: Folder, memo: LineMemo | None) -> _Found:
    from ssosim.dns.imports.named_conf import read_named_conf  # noqa: PLC0415

    named = read_named_conf(path, folder.root)
    found = _Found(mistakes=named.mistakes)
    for each in named.zones:
        found.zones.append(read_zone_file(each.file, each.origin, memo, folder.root))
        note_journal(folder, each.file)
    if not found.zones and not named.mistakes:
        raise ImportMistakeError(f"{path}: no zone of type primary with a file is in it")
    read = {each.file for each in named.zones}
    left = select_zone_files(folder, {file for file in folder.files if file.resolve() in read})
    lines = [f"{file}: not read: no zone of {path.name} has this file" for file in left]
    found.warnings = [*named.warnings, *folder.warnings, *lines]
    return found


def _read_files(found: _Found, files: list[Path], memo: LineMemo | None, root: Path) -> None:
    """Read each file as a zone; what makes one unreadable is a mistake beside those of the others."""
    for file in files:
        try:
            found.zones.append(read_zone_file(file, memo=memo, root=root))
        except TomlMistakeError as error:
            found.mistakes.append(str(error))


def _extras(folder: Path, zones: list[Imported]) -> list[tuple[TrafficManager, str]]:
    path = folder / EXTRAS
    if not path.is_file():
        return []
    text = read_text(path)
    extras = convert_toml(text, str(path), _Extras)
    lines = index_lines(text)
    for index, entry in enumerate(extras.aliases):
        where = f"{path}:{find_line(lines, ('aliases', index)) or 1}"
        try:
            _add_alias(entry, zones, where)
        except DnsChangeError as error:
            raise ImportMistakeError(f"{where}: aliases[{index}]: {error}") from error
    return [
        (profile, f"{path}:{find_line(lines, ('traffic_managers', index)) or 1}")
        for index, profile in enumerate(extras.traffic_managers)
    ]


def _add_alias(entry: AliasEntry, zones: list[Imported], where: str) -> None:
    """Add an alias record set to its zone. Raises DnsChangeError."""
    owner, kind = to_name(entry.name), to_type(entry.type)
    holding = [zone for zone in zones if owner.is_subdomain(zone.origin)]
    if not holding:
        raise DnsChangeError(f"{entry.name} is in none of the zones read")
    if (entry.profile is None) == (entry.record is None):
        raise DnsChangeError("has one target: profile or record")
    if kind not in ALIAS_TYPES:
        raise DnsChangeError(f"an alias record set is of type A, AAAA or CNAME, not {entry.type}")
    check_ttl(entry.ttl)
    zone = max(holding, key=lambda each: len(each.origin))
    target = None if entry.record is None else to_name(entry.record)
    zone.add(RRset(owner, kind, entry.ttl, alias=entry.profile, alias_record=target), where)


def _note_others(path: Path, configuration: Path) -> list[str]:
    """Lines for zone files and JSON of providers beside an octoDNS configuration, which alone is read.

    They are looked for where configurations are. What cannot be read is none of them.
    """
    beside = sorted(each for pattern in ("*", "*/*") for each in path.glob(pattern) if each.is_file())
    folder = Folder(path, [each for each in beside if not each.name.startswith(".")][:MAX_FILES])
    json_files = [file for file in folder.with_suffix(".json") if _is_of_provider(file)]
    others = [*json_files, *select_zone_files(folder, {path / EXTRAS, *json_files})]
    text = f"not read: {configuration.name} is an octoDNS configuration, which is read instead"
    return [f"{file}: {text}" for file in others]


def _is_of_provider(path: Path) -> bool:
    try:
        return _read_json(path, "after") is not None
    except TomlMistakeError:
        return False
