"""Zones locked by open drift: each by an incident, from the look that finds the drift to the look that does not."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from dns.name import Name

from ssosim.changes.drift import Finding

__all__ = ["Locks"]

LOCKING = frozenset({"missing", "different", "unexpected", "empty-record-set", "dangling-alias", "dangling-cname"})


class Locks:
    """The incidents open now, by zone."""

    def __init__(self) -> None:
        self._held: dict[Name, str] = {}
        self._incidents = 0

    @property
    def held(self) -> Mapping[Name, str]:
        """Zones with open drift, each with its incident's id."""
        return MappingProxyType(self._held)

    def look(self, findings: Iterable[Finding]) -> None:
        """Take in all that was found now: new drift locks its zone, drift that is gone unlocks it."""
        drifted = locking(findings)
        held = {origin: incident for origin, incident in self._held.items() if origin in drifted}
        for origin in drifted:
            if origin not in held:
                self._incidents += 1
                held[origin] = f"DRIFT-{self._incidents}"
        self._held = held  # in one step: another thread may be reading

    def left_by(self, findings: Iterable[Finding], *, ends_drift: bool) -> dict[Name, str]:
        """The locks that a plan leaves whose zones would be found so; none goes unless it ``ends_drift``."""
        drifted = locking(findings)
        return {origin: incident for origin, incident in self._held.items() if origin in drifted or not ends_drift}


def locking(findings: Iterable[Finding]) -> list[Name]:
    """The zones that these findings lock, in their order, each once."""
    return [*dict.fromkeys(each.zone for each in findings if each.zone is not None and each.kind in LOCKING)]
