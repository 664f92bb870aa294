"""Starts and stops all authoritative servers of a hierarchy together.

A change of NS records may name servers that did not exist at the start. For these there are some spare servers: the
first query to such an address makes a spare one answer as this server.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Collection
from dataclasses import dataclass, field

from dns.name import Name
from dns.rcode import REFUSED
from dns.rdatatype import RdataType

from ssosim.dns.server.authorities import Authorities
from ssosim.dns.server.delivery import ClientOf
from ssosim.dns.server.effect import AnswerFunction
from ssosim.dns.server.hierarchy import SPARE_ADDRESSES
from ssosim.dns.server.servers import AuthorityServer
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import plain
from ssosim.trace import Trace

__all__ = ["AuthorityServers", "start_authority_servers"]

DNS_PORT = 53


class SpareServer:
    """A running server that has no name yet."""

    def __init__(self, authorities: Authorities) -> None:
        self.name: Name | None = None
        self._authorities = authorities

    def answer(self, name: Name, rdtype: RdataType, context: QueryContext) -> Answer:
        """Answer as the server whose name this one has; REFUSED without a name."""
        if self.name is None:
            return Answer(name=name, type=rdtype, rcode=REFUSED, authoritative=False)
        return self._authorities.answer_as(self.name, name, rdtype, context)


@dataclass(frozen=True, slots=True)
class AuthorityServers:
    """Servers by their names in the hierarchy (lower case, no trailing dot), and the endpoints that they listen on.

    ``attach`` is called with each spare server that gets a name, and this name.
    """

    authorities: Authorities
    attach: Callable[[AuthorityServer, str], None]
    servers: dict[str, AuthorityServer] = field(default_factory=dict)
    endpoints: dict[tuple[str, int], tuple[str, int]] = field(default_factory=dict)
    spare: list[tuple[SpareServer, AuthorityServer, tuple[str, int]]] = field(default_factory=list)

    def find_endpoint(self, address: str, port: int) -> tuple[str, int] | None:
        """The endpoint of the name server that has the address now; None if there is none.

        A server that NS records named after the start takes a spare one; when these are used up, it is not reached.
        """
        known = self.endpoints.get((address, port))
        name = None if known is not None or port != DNS_PORT else self.authorities.find_server_at(address)
        if name is not None:
            known = self.endpoints.get((self.authorities.hierarchy.addresses[name], port))
        if name is None or known is not None or not self.spare:
            return known
        address = self.authorities.hierarchy.addresses[name]
        spare, server, endpoint = self.spare.pop(0)
        spare.name = name
        server.rename(plain(name))
        self.servers[plain(name)] = server
        self.endpoints[address, port] = endpoint
        self.attach(server, plain(name))
        return endpoint


@contextlib.asynccontextmanager
async def start_authority_servers(
    authorities: Authorities,
    trace: Trace,
    client_of: ClientOf,
    find_endpoint: Callable[[str, int], tuple[str, int]],
    *,
    attach: Callable[[AuthorityServer, str], None] = lambda _server, _name: None,
    taken: Collection[str] = (),
) -> AsyncIterator[AuthorityServers]:
    """Start one server for every address of a name server of the hierarchy, and the spare ones.

    ``find_endpoint`` maps the address and port of a name server to the local address and port to bind. No server is
    started at the addresses ``taken``, where other DNS servers of the lab are. ``attach`` is called with each server
    and its name.

    Raises ListenError, with nothing left running.
    """
    started = AuthorityServers(authorities, attach)
    async with contextlib.AsyncExitStack() as cleanup:

        async def start(answer: AnswerFunction, name: str, address: str) -> tuple[AuthorityServer, tuple[str, int]]:
            server = AuthorityServer(answer, authorities.store, trace, client_of, name=name)
            cleanup.push_async_callback(server.stop)
            host, port = find_endpoint(address, DNS_PORT)
            return server, (host, await server.start(host, port))

        for name, address in authorities.hierarchy.addresses.items():
            if address in taken or (address, DNS_PORT) in started.endpoints:
                continue
            server, endpoint = await start(make_answer_function(authorities, name), plain(name), address)
            started.endpoints[address, DNS_PORT] = endpoint
            started.servers[plain(name)] = server
            attach(server, plain(name))
        for number, address in enumerate(SPARE_ADDRESSES, start=1):
            spare = SpareServer(authorities)
            started.spare.append((spare, *await start(spare.answer, f"spare{number}", address)))
        yield started


def make_answer_function(authorities: Authorities, server: Name) -> AnswerFunction:
    """The function that makes the answers of ``server``."""

    def answer(name: Name, rdtype: RdataType, context: QueryContext) -> Answer:
        return authorities.answer_as(server, name, rdtype, context)

    return answer
