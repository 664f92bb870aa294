"""The fault ``wrong-view``."""

from __future__ import annotations

import dataclasses

import dns.name

from ssosim.dns import Effect
from ssosim.dns.zones.query_context import network
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, DnsRule, Fault, FaultState
from ssosim.faults.core.forged_answer import MAX_TTL, is_about, make_forged_answer
from ssosim.trace import DnsAnswered

__all__ = ["WrongView"]


class WrongView(Fault, frozen=True, kw_only=True, tag="wrong-view"):
    """The name servers of a zone answer one location from the wrong view (split DNS): other locations are right.

    ``location`` is the name of a location of the estate (``[[dns.locations]]``). Its resolvers are those whose
    ``location``, or else whose address, is in one of its subnets; they cache what they get. In the wrong view ``name``
    has ``address`` only; without ``address`` it does not exist. Source: BIND 9 Administrator Reference Manual,
    ``match-clients``; RFC 7871 section 7.
    """

    name: str
    location: str
    address: str | None = None
    ttl: int = 300

    def __post_init__(self) -> None:
        """Raise ValueError for a TTL out of range."""
        super().__post_init__()
        if not 0 <= self.ttl <= MAX_TTL:
            raise ValueError(f"ttl {self.ttl} is not between 0 and {MAX_TTL} seconds")

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with that rule. Raises FaultError for a location without a resolver, and a foreign name."""
        origin = state.zones.zone_of(to_name(self.name)).origin
        if origin == dns.name.root:
            raise FaultError(f"name: no zone of the estate has {self.name}")
        there = find_resolvers_at(state, self.location)
        servers = {plain(server) for server in state.hierarchy.serves[origin]}
        concerns = is_about(self.name)
        forged = Effect(
            replacement=make_forged_answer(state.zones, self.name, self.address, self.ttl, authoritative=True)
        )

        def effect(event: DnsAnswered, client: str) -> Effect | None:
            return forged if client in there and event.by in servers and concerns(event) else None

        return dataclasses.replace(state, rules=(*state.rules, DnsRule("authority", True, effect)))

    def describe(self) -> str:
        """Describe the fault in one line."""
        what = "does not exist" if self.address is None else f"has the address {self.address}"
        return f"for {self.location}, {self.name} {what}: the wrong view"


def find_resolvers_at(state: FaultState, location: str) -> frozenset[str]:
    """Return the resolvers at ``location``. Raises FaultError if there is no such location, or no resolver there."""
    known = [each.name for each in state.zones.locations.locations]
    if location not in known:
        raise FaultError(f"location: there is no location {location!r}; known: {', '.join(known) or 'none'}")
    places = {name: state.zones.locations.locate(network(subnet)) for name, subnet in state.resolvers.items()}
    found = frozenset(name for name, place in places.items() if place is not None and place.name == location)
    if not found:
        raise FaultError(f"location: no resolver of the estate is at {location}; give one of them a location there")
    return found
