"""The fault ``registry-hold``."""

from __future__ import annotations

import dataclasses

import dns.name

from ssosim.dns.zones.rrset import plain
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, Fault, FaultState

__all__ = ["RegistryHold"]

_MAX_TTL = 2**31 - 1


class RegistryHold(Fault, frozen=True, kw_only=True, tag="registry-hold"):
    """The registry holds a domain: it publishes no delegation, and answers NXDOMAIN for ``negative_ttl`` seconds.

    Resolvers that know the delegation use it until its TTL ends (``delegation_ttl`` in ``[dns]``). After the hold they
    use the NXDOMAIN until its TTL ends. Source: RFC 5731 section 2.3 (serverHold); RFC 2308 section 5; Zoom, 16 April
    2025.
    """

    zone: str
    negative_ttl: int = 900

    def __post_init__(self) -> None:
        """Raise ValueError for a TTL out of range (RFC 2181 section 8)."""
        super().__post_init__()
        if not 0 <= self.negative_ttl <= _MAX_TTL:
            raise ValueError(f"negative_ttl {self.negative_ttl} is not between 0 and {_MAX_TTL} seconds")

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` without the delegation. Raises FaultError for a zone that no registry delegates."""
        origin = state.hierarchy.zone(self.zone)
        parent = state.zones.zone_of(origin.parent()).origin
        if parent != dns.name.root:
            raise FaultError(f"{self.zone}: its parent {plain(parent)} is no registry; use delegation-removed")
        hierarchy = state.hierarchy.without_delegation(origin, self.negative_ttl)
        return dataclasses.replace(state, hierarchy=hierarchy)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the registry holds {self.zone}: NXDOMAIN, to be cached for {self.negative_ttl} s"
