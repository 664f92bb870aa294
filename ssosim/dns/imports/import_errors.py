"""Imported records with their locations, and the errors of an import, all reported together."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Iterable, Sequence

from dns.name import Name
from dns.rdatatype import CNAME, NS, SOA, RdataType
from msgspec import Struct, field

from ssosim.dns.imports.plain_lines import LineMemo, PlainRecords
from ssosim.dns.imports.zone_text import Places
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.from_estate import add_profile_name, check_profile
from ssosim.dns.zones.links import check_links
from ssosim.dns.zones.rrset import SINGLE_VALUE_TYPES, RRset, plain
from ssosim.dns.zones.zone import BESIDE_CNAME, Zone, find_owner_mistake
from ssosim.dns.zones.zone_rebuild import rebuild, settings_of
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager

__all__ = [
    "MAX_FILES",
    "MAX_RECORDS",
    "ImportMistakeError",
    "Imported",
    "LocatedRRset",
    "NameAlias",
    "PlainSource",
    "Unserved",
    "YamlMistakeError",
    "assemble",
]

MAX_RECORDS = 2_000_000
"""The most record sets in one zone: some take 2 KiB each in memory (``bench/dns_check.py``), so 4 GiB in all."""

MAX_FILES = 2_000
MAX_SHOWN = 30


class ImportMistakeError(ValueError):
    """An import failed. The text has a line for each mistake, ``file:line: what is wrong: what is expected``."""

    @classmethod
    def of(cls, mistakes: Iterable[str]) -> ImportMistakeError:
        """Make one error of all mistakes, or of the first ``MAX_SHOWN``."""
        lines = list(mistakes)
        rest = [f"and {len(lines) - MAX_SHOWN} more"] if len(lines) > MAX_SHOWN else []
        return cls("\n".join([*lines[:MAX_SHOWN], *rest]))


class YamlMistakeError(ValueError):
    """A file is not YAML that can be used: file, line, what is expected."""


class LocatedRRset(Struct, frozen=True):
    """A record set and its location, ``file:line``."""

    rrset: RRset
    where: str


class Unserved(Struct, frozen=True):
    """A record that cannot be served here: ``kind`` is its type as it is written, ``reason`` says why."""

    where: str
    name: str
    kind: str
    reason: str


class NameAlias(Struct, frozen=True):
    """A record that answers with the addresses of ``target``: ALIAS or ANAME, or an alias of one type.

    ``types`` are the types that it answers; ``kind`` is its type as it is written. Without ``ttl`` (seconds) it has
    that of its target.
    """

    where: str
    name: Name
    ttl: int | None
    target: Name
    types: tuple[RdataType, ...]
    kind: str = "ALIAS"


class PlainSource(Struct, frozen=True):
    """The record sets of a zone file that was read fast, with the line of each, and what gives the line its place."""

    records: PlainRecords
    places: Places


class Imported(Struct):
    """One imported zone. ``warnings`` list what was skipped on purpose.

    ``plain`` are record sets that are not in ``records`` yet: they come there when somebody asks.

    ``unserved`` block the import unless the user leaves their types out. ``profiles`` are those that its records need,
    with their places. ``file`` is where the zone is read from;
    a zone file (``is_zone_file``) has SOA and NS records, unlike the data of a provider that sets them by itself.
    """

    origin: Name
    located: dict[tuple[Name, RdataType], LocatedRRset] = field(default_factory=dict)
    plain: PlainSource | None = None
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    unserved: list[Unserved] = field(default_factory=list)
    name_aliases: list[NameAlias] = field(default_factory=list)
    profiles: list[tuple[TrafficManager, str]] = field(default_factory=list)
    file: str = ""
    is_zone_file: bool = False

    @property
    def records(self) -> dict[tuple[Name, RdataType], LocatedRRset]:
        """All record sets by name and type, with their places."""
        source, self.plain = self.plain, None
        if source is not None:
            for rrset, line in zip(source.records.rrsets, source.records.lines, strict=True):
                self.add(rrset, source.places.at(line))
        return self.located

    def add(self, rrset: RRset, where: str) -> None:
        """Add a record set; a second one of the same name and type is a mistake."""
        first = self.records.setdefault((rrset.name, rrset.type), LocatedRRset(rrset, where))
        if first.rrset is not rrset:
            self.mistakes.append(f"{where}: {_label(rrset)} is defined twice, first at {first.where}: keep one")


def assemble(
    zones: Iterable[Imported],
    profiles: Iterable[tuple[TrafficManager, str]] = (),
    without: Collection[str] = (),
    memo: LineMemo | None = None,
) -> ZoneSet:
    """Build the ZoneSet; raises ImportMistakeError with every mistake.

    ``memo`` is that of the readers: a zone that was built with it before gives its nodes to the one that is like it.
    Records of the types ``without`` (mnemonics in upper case) are left out, each with a warning in its zone.
    """
    zones = list(zones)
    refuse_same_origin(zones)
    for zone in zones:
        resolve_name_aliases(zone)
        leave_out(zone, without)
    mistakes = [line for zone in zones for line in zone.mistakes]
    known: dict[str, TrafficManager] = {}
    for profile, where in profiles:
        try:
            check_profile(profile)
        except DnsChangeError as error:
            mistakes.append(f"{where}: {error}")
        if profile.name in known:
            mistakes.append(f"{where}: traffic manager {profile.name!r} is defined twice: give each its own name")
        known[profile.name] = profile
    ready = {id(zone): build_plain_zone(zone, memo) for zone in zones}
    for zone in zones:
        if ready[id(zone)] is None:
            mistakes += _conflicts(zone, known)
    if mistakes:
        raise ImportMistakeError.of(mistakes)
    built = [ready[id(zone)] or _zone(zone) for zone in zones]
    try:
        result = ZoneSet.build(built, known.values())
        for profile in known.values():
            result = add_profile_name(result, profile)
        return check_links(result)
    except DnsChangeError as error:
        raise ImportMistakeError(str(error)) from error


def refuse_same_origin(zones: Iterable[Imported]) -> None:
    """Raise ImportMistakeError for a zone that two files define, as split horizon does."""
    first: dict[Name, Imported] = {}
    twice = [(first[zone.origin], zone) for zone in zones if first.setdefault(zone.origin, zone) is not zone]
    if twice:
        raise ImportMistakeError.of(
            f"{zone.file or 'zone'}: zone {plain(zone.origin)} is defined twice, first in {other.file or 'this tree'}: "
            "put its records into one; for split horizon, read each side on its own"
            for other, zone in twice
        )


def resolve_name_aliases(zone: Imported) -> None:
    """Make alias record sets of the zone's ALIAS records whose target is in the zone; the others are unserved.

    CNAMEs on the way of an ALIAS are followed. Source: Azure DNS documentation of alias record sets, whose rule
    (same zone, same type) the alias record sets of this project have.
    """
    pending = {(alias.name, kind) for alias in zone.name_aliases for kind in alias.types}
    waiting = [*zone.name_aliases]
    while waiting:
        later = []
        for alias in waiting:
            target = _end_of_cnames(zone, alias)
            if any((target, kind) in pending for kind in alias.types) and target != alias.name:
                later.append(alias)
            else:
                _resolve(zone, alias, target)
                pending -= {(alias.name, kind) for kind in alias.types}
        if len(later) == len(waiting):  # they lead to each other
            pending.clear()
        waiting = later
    zone.name_aliases = []


def _end_of_cnames(zone: Imported, alias: NameAlias) -> Name:
    """The target of an alias, behind CNAMEs in the zone if it answers several types."""
    target, seen = alias.target, {alias.name}
    while len(alias.types) > 1 and target not in seen and (cname := zone.records.get((target, CNAME))) is not None:
        if not cname.rrset.rdatas:
            break
        seen.add(target)
        target = cname.rrset.rdatas[0].target  # type: ignore[attr-defined]
    return target


def _resolve(zone: Imported, alias: NameAlias, target: Name) -> None:
    types = [kind for kind in alias.types if (target, kind) in zone.records]
    for kind in types:
        ttl = zone.records[target, kind].rrset.ttl if alias.ttl is None else alias.ttl
        zone.add(RRset(alias.name, kind, ttl, alias_record=target), alias.where)
    if not types:
        there = "its target " if target == alias.target else f"its target {plain(alias.target)} leads to "
        wanted = " or ".join(kind.name for kind in alias.types)
        reason = f"{there}{plain(target)}, which has no {wanted} record set in this zone"
        zone.unserved.append(Unserved(alias.where, plain(alias.name), alias.kind, reason))


def leave_out(zone: Imported, without: Collection[str]) -> None:
    """Move what is unserved to the mistakes, or to the warnings where its type is one of ``without``."""
    for each in zone.unserved:
        label = f"{each.where}: {each.name} {each.kind}"
        if each.kind in without:
            zone.warnings.append(f"{label}: left out (--without {each.kind}): {each.reason}")
        else:
            zone.mistakes.append(f"{label}: cannot be served: {each.reason}; leave it out with --without {each.kind}")
    zone.unserved = []
    for key, located in [*zone.records.items()] if without else ():
        kind = RdataType.to_text(located.rrset.type)
        if kind in without:
            del zone.records[key]
            zone.warnings.append(f"{located.where}: {_label(located.rrset)}: left out (--without {kind})")


def _conflicts(zone: Imported, profiles: dict[str, TrafficManager]) -> list[str]:
    """Find conflicts between the records of a zone, and links without a target."""
    found: list[str] = []
    kinds: dict[Name, list[LocatedRRset]] = {}
    for located in zone.records.values():
        kinds.setdefault(located.rrset.name, []).append(located)
        alias = located.rrset.alias
        if alias is not None and alias not in profiles:
            there = ", ".join(profiles) or "none"
            found.append(f"{located.where}: {_label(located.rrset)}: no traffic manager {alias!r}; there are: {there}")
        if located.rrset.type in SINGLE_VALUE_TYPES and len(located.rrset.rdatas) > 1:
            text = f"{_label(located.rrset)} has {len(located.rrset.rdatas)} values: a name has one; keep one"
            found.append(f"{located.where}: {text}")
    for name, located_sets in kinds.items():
        cnames = [located for located in located_sets if located.rrset.type == CNAME]
        beside = [
            located.rrset.type.name
            for located in located_sets
            if located not in cnames and located.rrset.type not in BESIDE_CNAME
        ]
        if cnames and (beside or name == zone.origin):
            others = ", ".join(beside) or "SOA, NS"
            advice = "use an alias record set at the apex" if name == zone.origin else "keep one or the other"
            found.append(f"{cnames[0].where}: {_label(cnames[0].rrset)} cannot stand beside {others}: {advice}")
        found += [
            f"{located.where}: {_label(located.rrset)} {mistake}"
            for located in located_sets
            if (mistake := find_owner_mistake(located.rrset, zone.origin))
        ]
    return found


def build_plain_zone(zone: Imported, memo: LineMemo | None) -> Zone | None:
    """Build the zone of a file that was read fast; None if it has more than that, or a conflict to be worded."""
    if zone.plain is None or zone.located:
        return None
    rrsets = zone.plain.records.rrsets
    former = None if memo is None else memo.built.get(zone.origin)
    try:
        built = None if former is None else rebuild(*former, rrsets)
        if built is None:
            built = _zone_of(zone, rrsets)
        elif memo is not None:
            memo.rebuilt.add(zone.origin)
    except DnsChangeError:
        return None
    if memo is not None:
        memo.built[zone.origin] = built, rrsets
    return built


def _zone(zone: Imported) -> Zone:
    """Build the zone; TTL, negative TTL, name server and contact come from its SOA and NS if it has them."""
    return _zone_of(zone, [located.rrset for located in zone.records.values()])


def _zone_of(zone: Imported, rrsets: Sequence[RRset]) -> Zone:
    apex = {rrset.type: rrset for rrset in rrsets if rrset.type in (SOA, NS) and rrset.name == zone.origin}
    built = Zone.build(zone.origin, rrsets=rrsets, **settings_of(apex))
    missing = frozenset(kind for kind in (SOA, NS) if zone.is_zone_file and kind not in apex)
    return dataclasses.replace(built, missing=missing) if missing else built


def _label(rrset: RRset) -> str:
    return f"{plain(rrset.name)} {rrset.type.name}"
