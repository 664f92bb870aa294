"""Base class of faults of some of a zone's name servers.

A lab without resolvers has one DNS server, which acts as a resolver without a cache: for each query it chooses one of
the zone's name servers at random (from ``seed``) and skips those that are lame or dead.
"""

from __future__ import annotations

import dataclasses

from dns.name import Name

from ssosim.dns.server.hierarchy import Hierarchy, View
from ssosim.faults.core.fault import Applied, Fault, FaultState

__all__ = ["NameServerFault"]


class NameServerFault(Fault, frozen=True, kw_only=True):
    """A fault of the name servers of ``zone`` with the numbers ``servers``, counted from 1."""

    zone: str
    servers: tuple[int, ...] = (4,)
    seed: int = 0

    def __post_init__(self) -> None:
        """Raise ValueError if there is no server."""
        super().__post_init__()
        if not self.servers:
            raise ValueError("servers: needs at least one number, counted from 1")

    def view(self, applied: Applied) -> View:
        """Return what these servers have instead of the zone."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with that view at these servers."""
        hierarchy: Hierarchy = state.hierarchy
        origin: Name = hierarchy.zone(self.zone)
        for number in self.servers:
            hierarchy = hierarchy.with_view(origin, hierarchy.server(origin, number), self.view(applied))
        return dataclasses.replace(state, hierarchy=hierarchy)

    def describe_servers(self) -> str:
        """Describe the servers."""
        return f"name server {', '.join(str(number) for number in self.servers)} of {self.zone}"
