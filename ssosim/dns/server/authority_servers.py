"""Starts and stops all authoritative servers of a hierarchy together."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from dns.name import Name
from dns.rdatatype import RdataType

from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.delivery import ClientOf
from ssosim.dns.server.servers import AuthorityServer
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import plain
from ssosim.trace import Trace

__all__ = ["AuthorityServers", "start_authority_servers"]

DNS_PORT = 53


@dataclass(frozen=True, slots=True)
class AuthorityServers:
    """Servers by their names in the hierarchy (lower case, no trailing dot), and the endpoints that they listen on."""

    servers: dict[str, AuthorityServer]
    endpoints: dict[tuple[str, int], tuple[str, int]]


@contextlib.asynccontextmanager
async def start_authority_servers(
    authorities: Authorities, trace: Trace, client_of: ClientOf, find_endpoint: Callable[[str, int], tuple[str, int]]
) -> AsyncIterator[AuthorityServers]:
    """Start one server for every name server of the hierarchy.

    ``find_endpoint`` maps the address and port of a name server to the local address and port to bind.

    Raises ListenError, with nothing left running.
    """
    started = AuthorityServers({}, {})
    async with contextlib.AsyncExitStack() as cleanup:
        for name, address in authorities.hierarchy.addresses.items():
            server = AuthorityServer(
                make_answer_function(authorities, name), authorities.store, trace, client_of, name=plain(name)
            )
            cleanup.push_async_callback(server.stop)
            host, port = find_endpoint(address, DNS_PORT)
            started.endpoints[address, DNS_PORT] = host, await server.start(host, port)
            started.servers[plain(name)] = server
        yield started


def make_answer_function(authorities: Authorities, server: Name) -> Callable[[Name, RdataType, QueryContext], Answer]:
    """The function that makes the answers of ``server``."""

    def answer(name: Name, rdtype: RdataType, context: QueryContext) -> Answer:
        return authorities.answer_as(server, name, rdtype, context)

    return answer
