"""Compare the zones after a change or a rollback with what they should be, including the types of records.

Green probes are not enough. In the second phase of 25 February 2025 every name resolved and every HTTPS probe
succeeded, but a twentieth of the clients could still not sign in: a CNAME had replaced the alias (TMS9-084).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from dns.name import Name
from dns.rdatatype import SOA

from ssosim.changes.diff import Delta, compare, describe
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone_set import ZoneSet

__all__ = ["Verification", "verify"]


@dataclass(frozen=True, slots=True)
class Verification:
    """The differences between the actual and the wanted zones; ``lines`` are the same as text."""

    differences: Delta
    lines: tuple[str, ...]

    @property
    def good(self) -> bool:
        """Whether nothing differs."""
        return not self.differences

    def as_data(self) -> dict[str, Any]:
        """For JSON."""
        return {"equal": self.good, "differences": list(self.lines)}


def verify(actual: ZoneSet, wanted: ZoneSet) -> Verification:
    """Compare ``actual`` with ``wanted`` (last known good, or the result that the change should have)."""
    delta = compare(wanted, actual)
    lines: dict[str, None] = {}
    soa = {each.name: each for each in delta.records if each.type == SOA}
    for name in delta.names:
        should = _records(wanted, name, None if name not in soa else soa[name].before)
        found = _records(actual, name, None if name not in soa else soa[name].after)
        was = "; ".join(describe(rrset) for rrset in should) or "no records"
        now = "; ".join(describe(rrset) for rrset in found) or "no records"
        lines[f"{plain(name)}: should be {was}; is {now}"] = None
    for profile in delta.profiles:
        lines[f"traffic manager {profile.name}: to be {_describe_undoing(profile.kind)}"] = None
    for origin in (*delta.zones_added, *delta.zones_removed):
        lines[f"zone {plain(origin)}: is in one of the two states only"] = None
    return Verification(delta, tuple(lines))


def _records(zones: ZoneSet, name: Name, soa: RRset | None) -> list[RRset]:
    """The record sets of ``name``, with the SOA that is served, if it differs."""
    stored = [rrset for rrset in zones.zone_of(name).node(name).values() if rrset.type != SOA]
    return stored if soa is None else [*stored, soa]


def _describe_undoing(kind: str) -> str:
    return {"create": "deleted, it was not there", "delete": "created, it is gone"}.get(kind, "changed back")
