"""Start the caching resolvers of an estate (``[[resolvers]]``), and the authoritative servers that they query.

Without resolvers a device queries the lab's DNS server, which has all zones and no cache: this is the fastest way, and
each change is visible at once. With resolvers, devices get cached answers of a certain age, as in a company.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterator
from random import Random
from typing import Protocol

from ssosim.clock import Clock
from ssosim.dns import zones_of
from ssosim.dns.recursion import RecursiveServer, Upstream
from ssosim.dns.server.authority_servers import start_authority_servers
from ssosim.dns.server.hierarchy import SPARE_ADDRESSES, Hierarchy
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.estate import Estate
from ssosim.faults import ActiveFaults
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.resolver_choice import resolver_settings
from ssosim.lab.network.networks import Network
from ssosim.trace import Trace

__all__ = ["lab_addresses", "start_resolvers"]

DNS_PORT = 53


class ResolverContext(Protocol):
    """The parts of a lab that resolvers use."""

    estate: Estate
    network: Network
    clock: Clock
    trace: Trace
    query_counts: QueryCounts
    faults: ActiveFaults
    client_addresses: ClientAddresses

    def set_endpoint(self, address: str, port: int, endpoint: tuple[str, int]) -> None:
        """Set the local endpoint to connect to for ``port`` of ``address``."""
        ...

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        """Return the local endpoint to connect to for ``port`` of ``address``."""
        ...

    async def hold(self, client: str, seconds: float) -> None:
        """Hold an answer to ``client``."""
        ...


def lab_addresses(estate: Estate) -> Iterator[str]:
    """Yield each address that a lab listens on: hosts, and if there are resolvers, these and authoritative servers."""
    found = [host.address for host in estate.hosts]
    if estate.resolvers:
        found += [resolver.address for resolver in estate.resolvers]
        found += Hierarchy.standard(zones_of(estate)).addresses.values()
        found += SPARE_ADDRESSES
    yield from dict.fromkeys(found)  # a host of the estate may be a name server as well


@contextlib.asynccontextmanager
async def start_resolvers(lab: ResolverContext) -> AsyncIterator[dict[str, RecursiveServer]]:
    """Run the estate's resolvers and the authoritative servers behind them; yield the resolvers by name."""
    if not lab.estate.resolvers:
        yield {}
        return
    async with contextlib.AsyncExitStack() as cleanup:
        client_of = lab.client_addresses.client_of
        authorities = await cleanup.enter_async_context(
            start_authority_servers(
                lab.faults.authorities,
                lab.trace,
                client_of,
                lab.network.local_endpoint,
                attach=lambda server, name: lab.faults.attach(server, "authority", name),
                taken={*lab.estate.addresses("dns"), *(resolver.address for resolver in lab.estate.resolvers)},
            )
        )

        def dial(address: str, port: int) -> tuple[str, int]:
            """Return the endpoint of a name server, also of one that exists since a change of NS records only."""
            return authorities.find_endpoint(address, port) or lab.endpoint(address, port)

        for address, endpoint in authorities.endpoints.items():
            lab.set_endpoint(*address, endpoint)
        started: dict[str, RecursiveServer] = {}
        for resolver in lab.estate.resolvers:
            host, port = lab.network.local_endpoint(resolver.address, DNS_PORT)
            started[resolver.name] = recursor = RecursiveServer(
                resolver_settings(resolver, lab.estate),
                lab.trace,
                client_of,
                name=resolver.name,
                upstream=Upstream(
                    roots=lab.faults.authorities.hierarchy.root_addresses,
                    dial=dial,
                    source=host,
                    is_bogus=lab.faults.is_bogus,
                ),
                clock=lab.clock,
                random=Random(resolver.name),  # noqa: S311 - selects the first server to query; the same at every run
            )
            recursor.counts = lab.query_counts
            recursor.set_delay_function(lab.hold)
            cleanup.push_async_callback(recursor.stop)
            lab.client_addresses.register(host, resolver.name)
            lab.set_endpoint(resolver.address, DNS_PORT, (host, await recursor.start(host, port)))
            lab.faults.attach(
                recursor,
                "resolver",
                resolver.name,
                validates=resolver.validate,
                subnet=resolver.location or resolver.address,
            )
        yield started
