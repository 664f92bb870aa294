"""Faults of one name server among several, and of the delegation that leads to them.

In a lab without resolvers the one server stands for a resolver without a cache: it takes one of the zone's servers by
chance (dice of ``seed``) for every query, and passes over those that are lame or dead.
"""

from __future__ import annotations

import dataclasses

from dns.name import Name

from ssosim.dns.server.hierarchy import Hierarchy, View
from ssosim.faults.base import Applied, DnsFault, FaultState

__all__ = ["DelegationRemoved", "NameServerBlank", "NameServerDead", "NameServerLame", "NameServerStale"]


class ServerFault(DnsFault, frozen=True, kw_only=True):
    """Something is wrong with the copy of ``zone`` at its servers of these numbers, counted from 1."""

    zone: str
    servers: tuple[int, ...] = (4,)
    seed: int = 0

    def view(self, applied: Applied) -> View:
        """What is wrong."""
        raise NotImplementedError

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """``state`` with that view at these servers."""
        hierarchy: Hierarchy = state.hierarchy
        origin: Name = hierarchy.zone(self.zone)
        for number in self.servers:
            hierarchy = hierarchy.with_view(origin, hierarchy.server(origin, number), self.view(applied))
        return dataclasses.replace(state, hierarchy=hierarchy)

    def which(self) -> str:
        """The servers, for people."""
        return f"name server {', '.join(str(number) for number in self.servers)} of {self.zone}"


class NameServerBlank(ServerFault, frozen=True, kw_only=True, tag="name-server-blank"):
    """A name server has the zone with nothing in it: NXDOMAIN, final and remembered. Source: Azure DNS, 2 May 2019."""

    def view(self, applied: Applied) -> View:  # noqa: ARG002 - the same for all
        """Empty zone files."""
        return View("blank")

    def describe(self) -> str:
        """One line for people."""
        return f"{self.which()} has an empty zone"


class NameServerLame(ServerFault, frozen=True, kw_only=True, tag="name-server-lame"):
    """A name server does not know the zone that is delegated to it: REFUSED. Source: RFC 1912 section 2.8."""

    def view(self, applied: Applied) -> View:  # noqa: ARG002 - the same for all
        """No such zone."""
        return View("lame")

    def describe(self) -> str:
        """One line for people."""
        return f"{self.which()} does not know the zone"


class NameServerDead(ServerFault, frozen=True, kw_only=True, tag="name-server-dead"):
    """A name server never answers.

    Source: Facebook, 4 October 2021 (all of them withdrew themselves); Azure Incident Retrospective TMS9-J_8 (hosts
    with one DNS provider and with several).
    """

    def view(self, applied: Applied) -> View:  # noqa: ARG002 - the same for all
        """Silence."""
        return View("dead")

    def describe(self) -> str:
        """One line for people."""
        return f"{self.which()} is silent"


class NameServerStale(ServerFault, frozen=True, kw_only=True, tag="name-server-stale"):
    """A name server does not take changes any more: it answers as things were before this fault.

    Source: Azure Incident Retrospective TMS9-J_8 (look from several places).
    """

    def view(self, applied: Applied) -> View:
        """The zones as they were."""
        return View("stale", applied.before)

    def describe(self) -> str:
        """One line for people."""
        return f"{self.which()} takes no changes"


class DelegationRemoved(DnsFault, frozen=True, kw_only=True, tag="delegation-removed"):
    """The parent has taken the zone's delegation away: NXDOMAIN from there, while its own servers go on answering.

    Source: Zoom, 16 April 2025 (the registry's hold).
    """

    zone: str

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """``state`` without the delegation."""
        hierarchy = state.hierarchy
        return dataclasses.replace(state, hierarchy=hierarchy.without_delegation(hierarchy.zone(self.zone)))

    def describe(self) -> str:
        """One line for people."""
        return f"the parent of {self.zone} does not delegate to it"
