"""Who refers to a name, from any zone: the check that nobody made before the traffic manager was deleted."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import dns.name
from dns.name import Name
from dns.rdatatype import CNAME, MX, NS, PTR, SRV

from ssosim.dns.model import ZoneSet
from ssosim.dns.ops.diff import Delta
from ssosim.dns.ops.inventory import Inventory
from ssosim.dns.rrset import RRset, plain

__all__ = ["Reference", "affected", "references"]

ReferenceKind = Literal["alias", "CNAME", "NS", "SRV", "MX", "PTR", "profile", "SPN", "inventory", "alert"]

_TARGETS = {CNAME: "target", NS: "target", PTR: "target", SRV: "target", MX: "exchange"}


@dataclass(frozen=True, slots=True)
class Reference:
    """``source`` (a record set, a profile, an SPN, …) refers to ``target``, a name or a profile."""

    target: str
    kind: ReferenceKind
    source: str
    text: str

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {"target": self.target, "kind": self.kind, "source": self.source, "text": self.text}


def references(
    zones: ZoneSet, names: Iterable[Name], profiles: Iterable[str], spns: Iterable[str], inventory: Inventory
) -> tuple[Reference, ...]:
    """Everything in ``zones``, the service's SPNs and the inventory that refers to those names and profiles."""
    wanted, tracked = frozenset(names), frozenset(profiles)
    texts = {plain(name) for name in wanted}
    found = list(_from_zones(zones, wanted, tracked))
    for spn in spns:
        host = spn.partition("/")[2].lower()
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
    for origin in sorted(zones.zones):
        for rrset in zones.zones[origin].rrsets():
            where = f"{plain(rrset.name)} {rrset.type.name}"
            if rrset.alias in tracked and not rrset.own:
                text = f"alias record set {where} in zone {plain(origin)} takes its addresses from it"
                yield Reference(str(rrset.alias), "alias", where, text)
            for target in targets(rrset):
                if target in wanted and rrset.name != target:
                    kind = rrset.type.name
                    text = f"{kind} of {plain(rrset.name)} in zone {plain(origin)} points at it"
                    yield Reference(plain(target), kind, where, text)  # type: ignore[arg-type]
    for profile in zones.profiles.values():
        name = dns.name.from_text(profile.dns_name)
        if name in wanted:
            text = f"it is the DNS name of the traffic manager profile {profile.name}"
            yield Reference(plain(name), "profile", profile.name, text)
        for endpoint in profile.endpoints:
            target_text = getattr(endpoint, "target", None)
            if isinstance(target_text, str) and dns.name.from_text(target_text) in wanted:
                text = f"endpoint {endpoint.name} of the traffic manager profile {profile.name} points at it"
                yield Reference(target_text.rstrip(".").lower(), "profile", profile.name, text)


def targets(rrset: RRset) -> tuple[Name, ...]:
    """The names that a record set leads to."""
    attribute = _TARGETS.get(rrset.type)
    return () if attribute is None else tuple(getattr(rdata, attribute) for rdata in rrset.rdatas)


def affected(zones: ZoneSet, delta: Delta) -> tuple[str, ...]:
    """Every name whose answer the change can move: those that differ, and those that lead to them by CNAME."""
    leads: dict[Name, set[Name]] = {}
    for zone in zones.zones.values():
        for rrset in zone.rrsets():
            if rrset.type == CNAME:
                for target in targets(rrset):
                    leads.setdefault(target, set()).add(rrset.name)
    reached: dict[Name, None] = dict.fromkeys(delta.names)
    queue = list(reached)
    while queue:
        for name in leads.get(queue.pop(), ()):
            if name not in reached:
                reached[name] = None
                queue.append(name)
    return tuple(plain(name) for name in reached)
