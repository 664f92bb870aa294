"""Resolvers in a lab: the estate's ``[[resolvers]]``, and the authoritative servers that they walk.

Without resolvers a device asks the lab's one DNS server, which knows all zones and remembers nothing: the fastest way,
and every change is seen at once. With them, devices see what companies see: answers of a certain age.
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
from ssosim.dns.server.hierarchy import Hierarchy
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.estate import Estate
from ssosim.faults import ActiveFaults
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.resolver_choice import settings_of
from ssosim.lab.network.networks import Network
from ssosim.trace import Trace

__all__ = ["lab_addresses", "serving_resolvers"]

DNS_PORT = 53


class Surroundings(Protocol):
    """What resolvers need of the lab that they serve in."""

    estate: Estate
    network: Network
    clock: Clock
    trace: Trace
    query_counts: QueryCounts
    faults: ActiveFaults
    attribution: ClientAddresses

    def place(self, address: str, port: int, endpoint: tuple[str, int]) -> None:
        """From now on ``endpoint`` is what to dial to reach ``port`` of ``address``."""
        ...

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        """What to dial to reach ``port`` of the estate's host at ``address``."""
        ...

    async def hold(self, client: str, seconds: float) -> None:
        """Hold an answer to ``client``."""
        ...


def lab_addresses(estate: Estate) -> Iterator[str]:
    """Every address that a lab of this estate listens on: hosts, and where there are resolvers, what they need."""
    yield from (host.address for host in estate.hosts)
    if estate.resolvers:
        yield from (resolver.address for resolver in estate.resolvers)
        yield from Hierarchy.standard(zones_of(estate)).addresses.values()


@contextlib.asynccontextmanager
async def serving_resolvers(lab: Surroundings) -> AsyncIterator[dict[str, RecursiveServer]]:
    """Start the estate's resolvers, and the authoritative servers behind them; nothing if there are none."""
    if not lab.estate.resolvers:
        yield {}
        return
    async with contextlib.AsyncExitStack() as cleanup:
        who = lab.attribution.who
        authorities = await cleanup.enter_async_context(
            start_authority_servers(lab.faults.authorities, lab.trace, who, lab.network.listen)
        )
        for name, server in authorities.servers.items():
            lab.faults.attach(server, "authority", name)
        for address, endpoint in authorities.endpoints.items():
            lab.place(*address, endpoint)
        started: dict[str, RecursiveServer] = {}
        for resolver in lab.estate.resolvers:
            host, port = lab.network.listen(resolver.address, DNS_PORT)
            started[resolver.name] = recursor = RecursiveServer(
                settings_of(resolver, lab.estate),
                lab.trace,
                who,
                name=resolver.name,
                upstream=Upstream(
                    roots=lab.faults.authorities.hierarchy.root_addresses,
                    dial=lab.endpoint,
                    source=host,
                    bogus=lab.faults.is_bogus,
                ),
                clock=lab.clock,
                random=Random(resolver.name),  # noqa: S311 - which server is asked first; the same at every run
            )
            recursor.counts = lab.query_counts
            recursor.hold_by(lab.hold)
            cleanup.push_async_callback(recursor.stop)
            lab.attribution.register(host, resolver.name)
            lab.place(resolver.address, DNS_PORT, (host, await recursor.start(host, port)))
            lab.faults.attach(recursor, "resolver")
        yield started
