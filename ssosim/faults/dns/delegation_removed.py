"""The fault ``delegation-removed``."""

from __future__ import annotations

import dataclasses

from ssosim.faults.core.fault import Applied, Fault, FaultState

__all__ = ["DelegationRemoved"]


class DelegationRemoved(Fault, frozen=True, kw_only=True, tag="delegation-removed"):
    """The parent zone has no delegation to the zone: the parent answers NXDOMAIN, the zone's own servers still answer.

    Source: Zoom, 16 April 2025 (the registry's hold).
    """

    zone: str

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` without the delegation."""
        hierarchy = state.hierarchy
        return dataclasses.replace(state, hierarchy=hierarchy.without_delegation(hierarchy.zone(self.zone)))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the parent of {self.zone} does not delegate to it"
