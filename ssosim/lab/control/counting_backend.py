"""Counting backends: they show which clients still use a name that is believed unused, before it is deleted.

The name gets the address of a relay. The relay counts each connection and forwards it, unread, to the original address.
So clients notice no difference, TLS and Kerberos included, as long as the shape of the answer stays. TMS9-040.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from dns.rdatatype import A

from ssosim.changes.plan import Plan
from ssosim.dns import DnsChangeError, ZoneSet, put_rrset
from ssosim.dns.zones.rrset import plain, to_name
from ssosim.lab.core.lab import Lab
from ssosim.trace import LabEvent

__all__ = ["Substitution", "start_substitution"]

_CHUNK = 65536


@dataclass(slots=True)
class Substitution:
    """Running relays. ``hits`` counts connections by name.

    ``ttl`` is the number of seconds in which caches may still have the original addresses.
    """

    lab: Lab
    names: tuple[str, ...]
    ttl: int = 0
    remove_overlay: Callable[[], None] = lambda: None
    hits: Counter[str] = field(default_factory=Counter)
    servers: list[asyncio.Server] = field(default_factory=list)
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    async def finish(self) -> None:
        """Remove the overlay with the relays from the zones, and stop the relays. Other changes of the zones stay."""
        self.remove_overlay()
        for server in self.servers:
            server.close()
        for task in tuple(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for server in self.servers:
            await server.wait_closed()
        counted = ", ".join(f"{name}: {self.hits[name]}" for name in self.names)
        self.lab.trace.record("", LabEvent(part="dns change", text=f"substitution ended; connections {counted}"))


async def start_substitution(lab: Lab, plan: Plan) -> Substitution:
    """Point every A record set that ``plan`` would affect at a counting relay.

    The addresses of the relays are an overlay of the zones, so that other changes of the zones stay visible. Raises
    DnsChangeError if the plan affects no plain or alias A record set that has an address and is not the own name of a
    profile.
    """
    now = lab.zones.current
    targets: dict[str, str] = {}
    for name in plan.effects:
        rrset = now.find(name, A)
        addresses = (
            [] if rrset is None or rrset.is_profile_name else [rdata.to_text() for rdata in now.records(rrset).rdatas]
        )
        if addresses:
            targets[name] = addresses[0]
    if not targets:
        raise DnsChangeError("no name that this change affects has an A record set: there is nothing to relay")
    running = Substitution(lab, tuple(targets))
    relays: dict[str, str] = {}

    def point_at_relays(zones: ZoneSet) -> ZoneSet:
        for name, relay_address in relays.items():
            zones = put_rrset(zones, to_name(name), A, [relay_address])
        return zones

    try:
        for name, address in targets.items():
            relay_address = lab.network.allocate_backend_address()
            for port in lab.service_ports(address) or lab.service_ports():
                relay = _relay(running, name, relay_address, lab.endpoint(address, port))
                server = await asyncio.start_server(relay, relay_address, port if lab.network.in_namespace else 0)
                running.servers.append(server)
                lab.set_endpoint(relay_address, port, server.sockets[0].getsockname()[:2])
            lab.client_addresses.register(relay_address, "dns-substitute")
            rrset = now.find(name, A)
            running.ttl = max(running.ttl, 0 if rrset is None else rrset.ttl)
            relays[name] = relay_address
        running.remove_overlay = lab.faults.overlay(point_at_relays)
    except BaseException:
        await running.finish()
        raise
    text = f"substitution: counting backends before {', '.join(plain(to_name(name)) for name in targets)}"
    lab.trace.record("", LabEvent(part="dns change", text=text))
    return running


def _relay(
    running: Substitution, name: str, relay_address: str, upstream: tuple[str, int]
) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a server's callback runs in one
        running.tasks.add(task)
        task.add_done_callback(running.tasks.discard)
        running.hits[name] += 1
        with contextlib.closing(writer), contextlib.suppress(OSError):
            far_reader, far_writer = await asyncio.open_connection(*upstream, local_addr=(relay_address, 0))
            with contextlib.closing(far_writer):
                await asyncio.gather(_pump(reader, far_writer), _pump(far_reader, writer))

    return serve


async def _pump(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await source.read(_CHUNK):
            sink.write(data)
            await sink.drain()
        if sink.can_write_eof():
            sink.write_eof()
