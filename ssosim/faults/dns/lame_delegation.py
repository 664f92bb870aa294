"""The fault ``lame-delegation``."""

from __future__ import annotations

import dataclasses

from ssosim.dns.zones.rrset import to_name
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, Fault, FaultState

__all__ = ["LameDelegation"]


class LameDelegation(Fault, frozen=True, kw_only=True, tag="lame-delegation"):
    """The parent delegates a zone to name servers that do not serve it: they answer REFUSED, or have no address.

    Resolvers that know the former delegation use it until its TTL ends. For single servers of the right delegation
    there is ``name-server-lame``. Source: RFC 1912 section 2.8; RFC 9499 section 7 (lame delegation).
    """

    zone: str
    name_servers: tuple[str, ...] = ("ns1.former-host.example", "ns2.former-host.example")

    def __post_init__(self) -> None:
        """Raise ValueError if there is no name server."""
        super().__post_init__()
        if not self.name_servers:
            raise ValueError("name_servers: needs at least one name")
        if any(not name.strip(".") for name in self.name_servers):
            raise ValueError("name_servers: the root is no name server; expected names such as ns1.former-host.example")

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with that delegation. Raises FaultError for a server that serves the zone or is below it."""
        hierarchy = state.hierarchy
        origin = hierarchy.zone(self.zone)
        servers = tuple(dict.fromkeys(to_name(name) for name in self.name_servers))
        for server, text in zip(servers, self.name_servers, strict=False):
            if server in hierarchy.serves[origin]:
                raise FaultError(f"name_servers: {text} serves {self.zone}; expected servers without the zone")
            if server.is_subdomain(origin):
                raise FaultError(f"name_servers: {text} is below {self.zone} itself; expected a name outside of it")
        return dataclasses.replace(state, hierarchy=hierarchy.with_delegation_to(origin, servers, state.zones))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the parent of {self.zone} delegates to {', '.join(self.name_servers)}, which do not serve it"
