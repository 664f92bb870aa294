"""References to a name from any zone. Nobody checked these before the traffic manager profile was deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, Literal

from dns.name import Name
from dns.rdatatype import CNAME, MX, NS, PTR, SRV
from msgspec import Struct

from ssosim.changes.diff import Delta
from ssosim.changes.inventory import Inventory
from ssosim.dns.zones.rrset import RRset, plain, to_name
from ssosim.dns.zones.zone import Zone
from ssosim.dns.zones.zone_index import index_of
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.spn import read_spn_host

__all__ = [
    "Reference",
    "find_affected_names",
    "find_references",
    "link_targets",
    "list_targets",
    "value_targets",
]

ReferenceKind = Literal["alias", "CNAME", "NS", "SRV", "MX", "PTR", "profile", "SPN", "inventory", "alert"]

_TARGETS = {CNAME: "target", NS: "target", PTR: "target", SRV: "target", MX: "exchange"}


class Reference(Struct, frozen=True):
    """``source`` (a record set, a profile, an SPN, …) refers to ``target``, a name or a profile."""

    target: str
    kind: ReferenceKind
    source: str
    text: str

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {"target": self.target, "kind": self.kind, "source": self.source, "text": self.text}


def find_references(
    zones: ZoneSet, names: Iterable[Name], profiles: Iterable[str], spns: Iterable[str], inventory: Inventory
) -> tuple[Reference, ...]:
    """All references to these names and profiles in ``zones``, the SPNs of the service and the inventory."""
    wanted, tracked = frozenset(names), frozenset(profiles)
    texts = {plain(name) for name in wanted}
    found = list(_from_zones(zones, wanted, tracked))
    for spn in spns:
        host = read_spn_host(spn)
        if host in texts:
            found.append(Reference(host, "SPN", spn, f"the service's account holds the SPN {spn}"))
    for entry in inventory.endpoints:
        if entry.name.lower() in texts:
            mark = ", critical" if entry.critical else ""
            text = f"inventory: {entry.flow}, owner {entry.owner}{mark}"
            found.append(Reference(entry.name.lower(), "inventory", entry.name, text))
    found += [
        Reference(alert.endpoint.lower(), "alert", alert.name, f"alert rule {alert.name} watches it")
        for alert in inventory.alerts
        if alert.endpoint.lower() in texts
    ]
    return tuple(found)


def _from_zones(zones: ZoneSet, wanted: frozenset[Name], tracked: frozenset[str]) -> Iterator[Reference]:
    for zone, rrset in _find_links(zones):
        for target in link_targets(rrset):
            if isinstance(target, str) and target in tracked:
                where = f"{plain(rrset.name)} {rrset.type.name}"
                text = f"alias record set {where} in zone {plain(zone.origin)} takes its addresses from it"
                yield Reference(target, "alias", where, text)
            elif isinstance(target, Name) and target in wanted and target != rrset.name:
                where = f"{plain(rrset.name)} {rrset.type.name}"
                kind: Any = "alias" if rrset.shape == "alias" else rrset.type.name
                text = f"{kind} of {plain(rrset.name)} in zone {plain(zone.origin)} points at it"
                yield Reference(plain(target), kind, where, text)
    yield from _from_profiles(zones, wanted, tracked)


def _from_profiles(zones: ZoneSet, wanted: frozenset[Name], tracked: frozenset[str]) -> Iterator[Reference]:
    for profile in zones.profiles.values():
        name = to_name(profile.dns_name)
        if name in wanted:
            text = f"it is the DNS name of the traffic manager profile {profile.name}"
            yield Reference(plain(name), "profile", profile.name, text)
        for endpoint in profile.endpoints:
            where = f"endpoint {endpoint.name} of the traffic manager profile {profile.name}"
            if endpoint.target is not None and to_name(endpoint.target) in wanted:
                yield Reference(plain(to_name(endpoint.target)), "profile", profile.name, f"{where} points at it")
            if endpoint.profile is not None and endpoint.profile in tracked:
                yield Reference(endpoint.profile, "profile", profile.name, f"{where} nests it")


def _find_links(zones: ZoneSet) -> list[tuple[Zone, RRset]]:
    """The record sets that link to others, in the order of their zones."""
    index = index_of(zones)
    plain_sets = (each for each in index.of_types(*_TARGETS) if each[1].shape != "alias")
    ranks = {id(zones.zones[origin]): rank for rank, origin in enumerate(sorted(zones.zones))}
    found = [*(each for each in index.links if each[1].shape == "alias"), *plain_sets]
    return sorted(found, key=lambda each: ranks[id(each[0])])


def value_targets(rrset: RRset) -> tuple[Name, ...]:
    """The names in the values of a CNAME, NS, PTR, SRV or MX record set; empty for other types."""
    attribute = _TARGETS.get(rrset.type)
    return () if attribute is None else tuple(getattr(rdata, attribute) for rdata in rrset.rdatas)


def link_targets(rrset: RRset) -> tuple[Name | str, ...]:
    """The targets of a record set: names, or for an alias its profile (as str) or the name of its target."""
    if rrset.is_profile_name:
        return ()
    if rrset.alias is not None:
        return (rrset.alias,)
    return value_targets(rrset) if rrset.alias_record is None else (rrset.alias_record,)


def list_targets(zones: ZoneSet) -> Iterator[Name]:
    """The names that records and endpoints of profiles lead to, possibly several times."""
    for _, rrset in _find_links(zones):
        yield from (target for target in link_targets(rrset) if isinstance(target, Name))
    for profile in zones.profiles.values():
        yield from (to_name(endpoint.target) for endpoint in profile.endpoints if endpoint.target is not None)


def find_affected_names(zones: ZoneSet, delta: Delta, covered: Iterable[Name] = ()) -> tuple[str, ...]:
    """All names whose answers the change can affect.

    These are the names that differ, the names with a CNAME or alias to them, and the names of changed profiles.
    ``covered`` are names that answer otherwise without a difference of their own.
    """
    links = _reverse_links(zones)
    changed: tuple[Name | str, ...] = (*delta.names, *covered, *(each.name for each in delta.profiles))
    reached: dict[Name | str, None] = dict.fromkeys(changed)
    queue = list(reached)
    while queue:
        for above in links.get(queue.pop(), ()):
            if above not in reached:
                reached[above] = None
                queue.append(above)
    return tuple(plain(name) for name in reached if isinstance(name, Name))


def _reverse_links(zones: ZoneSet) -> dict[Name | str, set[Name | str]]:
    """The names and profiles (as str) that link to each name and profile."""
    links: dict[Name | str, set[Name | str]] = {}
    index = index_of(zones)
    for _, rrset in (*index.of_types(CNAME), *index.links):
        for target in link_targets(rrset):
            links.setdefault(target, set()).add(rrset.name)
    for profile in zones.profiles.values():
        links.setdefault(profile.name, set()).add(to_name(profile.dns_name))
        for endpoint in profile.endpoints:
            if endpoint.profile is not None:
                links.setdefault(endpoint.profile, set()).add(profile.name)
    return links
