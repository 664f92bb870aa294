"""All authoritative servers of a hierarchy, started and stopped together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from dns.name import Name
from dns.rdatatype import RdataType

from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.delivery import Who
from ssosim.dns.server.servers import AuthorityServer
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import plain
from ssosim.trace import Trace

__all__ = ["AuthorityServers", "start_authority_servers"]

DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class AuthorityServers:
    """Servers by their names in the hierarchy (lower case, no trailing dot), and where they can be reached."""

    servers: dict[str, AuthorityServer]
    endpoints: dict[tuple[str, int], tuple[str, int]]


@contextlib.asynccontextmanager
async def start_authority_servers(
    authorities: Authorities, trace: Trace, who: Who, place: Callable[[str, int], tuple[str, int]]
) -> AsyncIterator[AuthorityServers]:
    """Start a server for every name server of the hierarchy; ``place`` turns its address and port into where to bind.

    Raises ListenError, with nothing left running.
    """
    served = AuthorityServers({}, {})
    async with contextlib.AsyncExitStack() as cleanup:
        for name, address in authorities.hierarchy.addresses.items():
            server = AuthorityServer(says(authorities, name), authorities.store, trace, who, name=plain(name))
            cleanup.push_async_callback(server.stop)
            host, port = place(address, DNS_PORT)
            served.endpoints[address, DNS_PORT] = host, await server.start(host, port)
            served.servers[plain(name)] = server
        yield served


def says(authorities: Authorities, server: Name) -> Callable[[Name, RdataType, QueryContext], Answer]:
    """What one server says."""

    def said(name: Name, rdtype: RdataType, asking: QueryContext) -> Answer:
        return authorities.said(server, name, rdtype, asking)

    return said
