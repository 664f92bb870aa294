"""Imported records with their locations, and the errors of an import, all reported together."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import dns.name
from dns.name import Name
from dns.rdatatype import CNAME, NS, SOA, RdataType

from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.from_estate import add_profile_name, check_profile
from ssosim.dns.zones.links import check_links
from ssosim.dns.zones.rrset import RRset, plain, to_name
from ssosim.dns.zones.zone import BESIDE_CNAME, Zone, find_owner_mistake
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.estate import TrafficManager

__all__ = ["MAX_FILES", "MAX_RECORDS", "ImportMistakeError", "Imported", "LocatedRRset", "assemble"]

MAX_RECORDS = 500_000
"""The most record sets in one import."""

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


@dataclass(frozen=True, slots=True)
class LocatedRRset:
    """A record set and its location, ``file:line``."""

    rrset: RRset
    where: str


@dataclass(slots=True)
class Imported:
    """One imported zone. ``warnings`` list what was skipped on purpose."""

    origin: Name
    records: dict[tuple[Name, RdataType], LocatedRRset] = field(default_factory=dict)
    mistakes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def add(self, rrset: RRset, where: str) -> None:
        """Add a record set; a second one of the same name and type is a mistake."""
        first = self.records.setdefault((rrset.name, rrset.type), LocatedRRset(rrset, where))
        if first.rrset is not rrset:
            self.mistakes.append(f"{where}: {_label(rrset)} is defined twice, first at {first.where}: keep one")


def assemble(zones: Iterable[Imported], profiles: Iterable[tuple[TrafficManager, str]] = ()) -> ZoneSet:
    """Build the ZoneSet; raises ImportMistakeError with every mistake."""
    zones = list(zones)
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
    for zone in zones:
        mistakes += _conflicts(zone, known)
    if mistakes:
        raise ImportMistakeError.of(mistakes)
    built = [_zone(zone) for zone in zones]
    try:
        result = ZoneSet.build(built, known.values())
        for profile in known.values():
            result = add_profile_name(result, profile)
        return check_links(result)
    except DnsChangeError as error:
        raise ImportMistakeError(str(error)) from error


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


def _zone(zone: Imported) -> Zone:
    """Build the zone; TTL, negative TTL, name server and contact come from its SOA and NS if it has them."""
    apex = {located.rrset.type: located.rrset for located in zone.records.values() if located.rrset.name == zone.origin}
    soa, ns = apex.get(SOA), apex.get(NS)
    ttl, negative = (soa.ttl, soa.rdatas[0].minimum) if soa is not None else (300, 60)  # type: ignore[attr-defined]
    server: Name = dns.name.from_text("ns1.lab.invalid.")
    contact: Name = to_name("hostmaster.lab.invalid.")
    if soa is not None:
        server, contact = soa.rdatas[0].mname, soa.rdatas[0].rname  # type: ignore[attr-defined]
    elif ns is not None and ns.rdatas:
        server = ns.rdatas[0].target  # type: ignore[attr-defined]
    return Zone.build(
        zone.origin,
        ttl=ttl,
        negative_ttl=negative,
        name_server=server,
        contact=contact,
        rrsets=[located.rrset for located in zone.records.values()],
    )


def _label(rrset: RRset) -> str:
    return f"{plain(rrset.name)} {rrset.type.name}"
