"""Zones locked by open drift: each by an incident, from the detection that finds the drift to the first that does not.

These are no thread locks: they make the gate refuse changes of a zone (TMS9-054).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from dns.name import Name

from ssosim.changes.drift import DriftFinding

__all__ = ["DriftLocks"]

LOCKING = frozenset({"missing", "different", "unexpected", "empty-record-set", "dangling-alias", "dangling-cname"})


class DriftLocks:
    """The open drift incidents by zone."""

    def __init__(self) -> None:
        self._held: dict[Name, str] = {}
        self._incidents = 0

    @property
    def held(self) -> Mapping[Name, str]:
        """The zones with open drift. The value is the id of the incident."""
        return MappingProxyType(self._held)

    def update(self, findings: Iterable[DriftFinding]) -> None:
        """Replace the locks: a zone with new drift is locked by a new incident, a zone without drift is unlocked.

        ``findings`` must be all findings of one detection.
        """
        drifted = locked_zones(findings)
        held = {origin: incident for origin, incident in self._held.items() if origin in drifted}
        for origin in drifted:
            if origin not in held:
                self._incidents += 1
                held[origin] = f"DRIFT-{self._incidents}"
        self._held = held  # one assignment: another thread may read it

    def remaining_after(self, findings: Iterable[DriftFinding], *, ends_drift: bool) -> dict[Name, str]:
        """The locks that remain after a plan whose zones have ``findings``; all remain unless it ``ends_drift``."""
        drifted = locked_zones(findings)
        return {origin: incident for origin, incident in self._held.items() if origin in drifted or not ends_drift}


def locked_zones(findings: Iterable[DriftFinding]) -> list[Name]:
    """The zones that these findings lock, in order and without duplicates."""
    return [*dict.fromkeys(each.zone for each in findings if each.zone is not None and each.kind in LOCKING)]
