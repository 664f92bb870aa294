"""Outside-in probes: query resolvers for every endpoint of the inventory over the network, then check HTTPS."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import dns.asyncquery
import dns.exception
import dns.message
import dns.rcode
import dns.rdatatype
from ssosim_clients.ports import NetworkFailure

from ssosim.changes.inventory import Endpoint, Inventory
from ssosim.changes.outside_in import Observation
from ssosim.changes.usage import PROBE
from ssosim.lab.core.lab import Lab
from ssosim.lab.model_devices.ports import LabHttp, LabResolver

__all__ = ["View", "list_views", "observe"]

_TIMEOUT_S = 3.0
_AT_ONCE = 16

View = tuple[str, tuple[str, int]]
"""A view's name, and the address and port of its resolver."""


def list_views(lab: Lab) -> tuple[View, ...]:
    """List the views of a lab: each of its name servers, and each caching resolver of the estate.

    A name server sees a probe through a resolver as a query of that resolver, so it counts as use by that resolver.
    """
    servers = [(host.name, host.address) for host in lab.estate.hosts if host.address in lab.estate.addresses("dns")]
    resolvers = [(resolver.name, resolver.address) for resolver in lab.estate.resolvers]
    return tuple((name, lab.endpoint(address, 53)) for name, address in (*servers, *resolvers))


class EndpointProber:
    """A prober with its own address in the lab's network. Query counts ignore its client name."""

    def __init__(self, lab: Lab) -> None:
        self._lab = lab
        self._address = lab.network.allocate_model_address()
        lab.client_addresses.register(self._address, PROBE, reports_failures=True)

    async def observe(self, inventory: Inventory, views: Sequence[View] | None = None) -> tuple[Observation, ...]:
        """Probe each endpoint through each view (by default all of ``list_views``): one observation for each pair."""
        limit = asyncio.Semaphore(_AT_ONCE)

        async def one(entry: Endpoint, view: View) -> Observation:
            async with limit:
                return await self._observe_endpoint(entry, view)

        wanted = list_views(self._lab) if views is None else views
        return tuple(await asyncio.gather(*(one(entry, view) for entry in inventory.endpoints for view in wanted)))

    async def _observe_endpoint(self, entry: Endpoint, view: View) -> Observation:
        name, server = view
        shape, chain, addresses = await self._resolve(entry.name, entry.expected.type, server)
        status = None
        if entry.https:  # a server that did not respond is not queried again for the HTTPS check
            status = 0 if shape == "timeout" else await self._check(entry, server)
        return Observation(entry.name, name, shape, chain, addresses, status)

    async def _resolve(
        self, name: str, kind: str, server: tuple[str, int]
    ) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
        try:
            answer, _ = await dns.asyncquery.udp_with_fallback(
                dns.message.make_query(name, kind, use_edns=0),
                server[0],
                timeout=_TIMEOUT_S,
                port=server[1],
                source=self._address,
            )
        except dns.exception.Timeout:
            return "timeout", (), ()
        except (dns.exception.DNSException, OSError) as error:
            return type(error).__name__.lower(), (), ()
        if answer.rcode() != dns.rcode.NOERROR:
            return dns.rcode.to_text(answer.rcode()).lower(), (), ()
        wanted = dns.rdatatype.from_text(kind)
        links = [rdata for rrset in answer.answer if rrset.rdtype == dns.rdatatype.CNAME for rdata in rrset]
        chain = tuple(rdata.target.to_text(omit_final_dot=True).lower() for rdata in links)
        addresses = tuple(rdata.to_text() for rrset in answer.answer if rrset.rdtype == wanted for rdata in rrset)
        if not addresses:
            return "nodata", chain, ()
        return ("chain" if chain else "direct"), chain, addresses

    async def _check(self, entry: Endpoint, server: tuple[str, int]) -> int:
        http = LabHttp(LabResolver(self._address, [server]), self._lab.client_tls, self._lab.endpoint)
        try:
            return (await http.request("GET", f"https://{entry.name}{entry.https}", {}, b"")).status
        except NetworkFailure:
            return 0
        finally:
            await http.close()


async def observe(lab: Lab, inventory: Inventory) -> tuple[Observation, ...]:
    """Probe all endpoints once with a new prober."""
    return await EndpointProber(lab).observe(inventory)
