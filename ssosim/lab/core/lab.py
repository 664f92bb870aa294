"""A whole lab in one process: the composition root.

The only place that knows all parts. ``Lab`` starts them on a network that it is given (real addresses in a private
network, or loopback), joins them by their ports, and stops them in the opposite order, whatever fails in between.
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import socket
import time
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Self

from aiohttp import web

from ssosim.changes.usage import PROBE
from ssosim.clock import Clock, SystemClock, VirtualClock, call_later_on_clock, call_later_on_loop, make_sleep
from ssosim.dns import DnsServer, ZoneStore, zones_of
from ssosim.dns.recursion import RecursiveServer
from ssosim.dns.server.health_probes import Prober
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.entra import Provider, first_steps
from ssosim.entra.http.app import create_server
from ssosim.entra.http.server import ListenerConfig, ProviderServer
from ssosim.estate import Device, Estate, User
from ssosim.faults import ActiveFaults
from ssosim.kerberos import Address, Kdc, KdcGateway, PreparedRealm, kinit, prepare, write_krb5_conf
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.gss_acceptor import GssAcceptor
from ssosim.lab.base.people import device_called, user_on
from ssosim.lab.base.signing_keys import kept_keys
from ssosim.lab.core.resolvers import lab_addresses, serving_resolvers
from ssosim.lab.network.certificates import LabCa
from ssosim.lab.network.networks import LoopbackNetwork, Network
from ssosim.lab.network.service_faults import ForeignHost, show_at_services
from ssosim.lab.network.tls_listener import HttpListener
from ssosim.lab.network.tls_observer import TlsObserver
from ssosim.services import KeyTable, Service, complete_estate, services_of
from ssosim.services.applications import Responders, responders_at, start_applications
from ssosim.trace import Trace

__all__ = ["Lab"]

_DNS_PORT, _KDC_PORT = 53, 88
_SHUTDOWN_S = 0.5
_BACKLOG = 1024


class Lab:
    """All parts of a lab, started and stopped together; an async context manager.

    ``home`` is a folder of its own, which it fills; ``cache`` holds what is slow to make and may be kept. Raises
    ServiceError for a service that cannot run where the estate wants it.
    """

    def __init__(
        self,
        estate: Estate,
        home: Path,
        cache: Path,
        *,
        network: Network | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.estate = complete_estate(estate)
        self.services = services_of(self.estate)
        self.home = home
        self.network: Network = network or LoopbackNetwork()
        self.clock: Clock = clock or SystemClock()
        self.trace = Trace(self.clock)
        self.zones = ZoneStore(zones_of(self.estate), seed=estate.dns.seed)
        self.query_counts = QueryCounts(self.clock, ignored=(PROBE,))
        later = call_later_on_clock(self.clock) if isinstance(self.clock, VirtualClock) else call_later_on_loop
        self.attribution = ClientAddresses()
        self.faults = ActiveFaults(self.zones, self.trace, later, self.attribution.is_model)
        self.last_known_good = self.zones.current
        self.first_steps = first_steps(estate)
        self.ca = LabCa()
        self.client_tls = self.ca.client_context()
        self.krb5_conf = home / "krb5.conf"
        self.resolvers: dict[str, RecursiveServer] = {}
        self._cache = cache
        self._cleanup = contextlib.AsyncExitStack()
        self._tickets: dict[str, asyncio.Task[Path]] = {}
        self._endpoints: dict[tuple[str, int], tuple[str, int]] = {}
        self._gateway: KdcGateway | None = None
        self._stranger: asyncio.Task[tuple[str, int]] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, kdc: Kdc | None = None, *, sign_on: User | None = None) -> None:
        """Start everything; on failure nothing is left running. Raises LabError and the parts' typed errors.

        ``kdc`` may run already, so that it came up while the caller was importing; the lab then owns it. The network
        is configured by then. ``sign_on`` gets a ticket while the other parts start.
        """
        try:
            await self._start(kdc, sign_on)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop everything, in the opposite order. May be called twice."""
        await self._cleanup.aclose()

    async def _start(self, kdc: Kdc | None, sign_on: User | None) -> None:
        importlib.import_module("ssosim.kerberos.gss")  # before anything runs: it says what the machine lacks
        if kdc is None:
            if isinstance(self.network, LoopbackNetwork):
                self._cleanup.callback(self.network.close)
            self.network.configure(lab_addresses(self.estate))
            kdc = Kdc(prepare(self.estate, self._cache / "realms").copy_to(self.home / "kdc"))
            await kdc.start(*self.network.backstage())
        self._cleanup.push_async_callback(kdc.stop)
        await self._start_gateway(kdc.address)
        ticket = asyncio.create_task(self.ticket_of(sign_on)) if sign_on else None
        await asyncio.sleep(0)
        try:
            await self._start_dns()
            await self._start_web(kdc.realm)
            self._start_probes()
        finally:
            if ticket is not None:
                await ticket

    async def _start_gateway(self, upstream: Address) -> None:
        self._gateway = KdcGateway(
            upstream, self.trace, lambda remote, local: self.attribution.who(remote[0], local[0])
        )
        self._cleanup.push_async_callback(self._gateway.stop)
        kdcs = [
            await self._gateway.start(*self.network.listen(address, _KDC_PORT))
            for address in self.estate.addresses("kdc")
        ]
        write_krb5_conf(self.krb5_conf, self.estate.default_realm.name, self.estate.default_realm.domain, kdcs)

    async def _start_dns(self) -> None:
        server = DnsServer(self.zones, self.trace, self.attribution.who)
        self.faults.attach(server, "lab")
        server.hold_by(self.hold)
        self._cleanup.callback(self.faults.close)
        server.counts = self.query_counts
        self._cleanup.push_async_callback(server.stop)
        for address in self.estate.addresses("dns"):
            for host, port in self.network.places(address, _DNS_PORT):
                self._endpoints[address, _DNS_PORT] = (host, await server.start(host, port))
        self.resolvers = await self._cleanup.enter_async_context(serving_resolvers(self))

    async def hold(self, client: str, seconds: float) -> None:
        """Hold an answer to ``client``: by the lab's clock for a model, in real time for anybody else."""
        if isinstance(self.clock, VirtualClock) and self.attribution.is_model(client):
            await make_sleep(self.clock)(seconds)
        else:
            await asyncio.sleep(seconds)

    def _start_probes(self) -> None:
        """Probe the endpoints of traffic manager profiles, if the estate has any profile with a monitor."""
        if all(profile.monitor is None for profile in self.estate.traffic_managers):
            return
        if isinstance(self.clock, VirtualClock):
            clock = self.clock
            prober = Prober(
                self.zones, self.zones.health, self.trace, dial=self.endpoint, sleep=clock.sleep, now=clock.now
            )
            task = clock.start(prober.run_in_step())
        else:
            prober = Prober(self.zones, self.zones.health, self.trace, dial=self.endpoint)
            task = asyncio.create_task(prober.run())
        self._cleanup.push_async_callback(_ended, task)

    async def _start_web(self, realm: PreparedRealm) -> None:
        provider = Provider(
            estate=self.estate,
            keys=kept_keys(self.estate, self._cache),
            acceptors=self._acceptors(realm),
            trace=self.trace,
            clock=self.clock,
            client_of=self.attribution.who,
            sleep=make_sleep(self.clock) if isinstance(self.clock, VirtualClock) else asyncio.sleep,
        )
        assert self._gateway is not None  # noqa: S101 - it has started before
        self.faults.watch(show_at_services(provider, self.ca, self._gateway, self.attribution.is_model))
        server = create_server(provider)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        self._cleanup.push_async_callback(runner.cleanup)
        await self._listen(runner, server, start_applications(self.services, provider))

    async def _listen(self, runner: web.ServerRunner, server: ProviderServer, responders: Responders) -> None:
        """Open every port at which one service or several answer."""
        visits = TlsObserver(self.trace, self.attribution, self.first_steps)
        for address, port, tls in dict.fromkeys((each.address, each.port, each.tls) for each in responders):
            host_responders = responders_at(responders, address, port)
            context = self.ca.server_context(host_responders) if tls else None
            listener_config = ListenerConfig(host_responders, "https" if tls else "http", port)
            for place in self.network.places(address, port):
                listener = _listening(*place)
                self._endpoints[address, port] = listener.getsockname()[:2]
                greeting = partial(server.create_protocol, listener=listener_config)
                site = HttpListener(
                    runner, listener, ssl_context=context, greeting=greeting, address=address, visits=visits
                )
                await site.start()

    def _acceptors(self, realm: PreparedRealm) -> dict[str, GssAcceptor]:
        """The judge of tickets for each name of a service that has a key table."""
        found: dict[str, GssAcceptor] = {}
        for service in self.services:
            if service.keys is not None and not found.keys() >= set(service.dns_names):
                found |= dict.fromkeys(service.dns_names, self._acceptor(realm, service, service.keys))
        return found

    def _acceptor(self, realm: PreparedRealm, service: Service, keys: KeyTable) -> GssAcceptor:
        from ssosim.kerberos.gss import Acceptor  # noqa: PLC0415 - what reads verdicts needs no GSS-API

        caches = self.home / "rcache"
        caches.mkdir(mode=0o700, exist_ok=True)
        keytab = realm.keytab if keys.account else realm.keytab_of(keys.spns)
        return GssAcceptor(Acceptor(keytab, caches / f"{service.name}-{service.dns_names[0]}"))

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        """What to dial to reach ``port`` of the estate's host at ``address``."""
        return self._endpoints.get((address, port), (address, port))

    async def stranger(self) -> tuple[str, int]:
        """What to dial for an address that is no host's: another host, whose certificate is made out to itself."""
        if self._stranger is None:
            self._stranger = asyncio.create_task(self._start_stranger())
        return await asyncio.shield(self._stranger)

    async def _start_stranger(self) -> tuple[str, int]:
        stranger = ForeignHost(self.ca)
        await stranger.start(self.network.backstage()[0])
        self._cleanup.push_async_callback(stranger.stop)
        return stranger.endpoint

    def service_ports(self, address: str | None = None) -> dict[int, bool]:
        """The ports at which applications answer, at ``address`` or anywhere, and whether with TLS."""
        found: dict[int, bool] = {}
        for service in self.services:
            if service.application is not None and address in (None, service.address):
                found[service.port] = found.get(service.port, False) or service.tls
        return found

    def is_served(self, address: str, port: int) -> bool:
        """Whether something of the lab listens on ``port`` of ``address``."""
        return (address, port) in self._endpoints

    def place(self, address: str, port: int, endpoint: tuple[str, int]) -> None:
        """From now on ``endpoint`` is what to dial to reach ``port`` of ``address``."""
        self._endpoints[address, port] = endpoint

    def device_of(self, name: str | None) -> Device:
        """The device called ``name``, or the estate's first; raises LabInputError for an unknown one."""
        return device_called(self.estate, name)

    def user_of(self, device: Device) -> User:
        """Who is signed on to ``device``; raises LabInputError for somebody without an account in the realm."""
        return user_on(self.estate, device)

    async def gateway_for(self, address: str) -> Address:
        """A KDC address of its own for the client at ``address``, by which its requests are known (loopback mode)."""
        assert self._gateway is not None  # noqa: S101 - the lab has started
        return await self._gateway.start(address, 0)

    async def ticket_of(self, user: User) -> Path:
        """A credential cache with a ticket-granting ticket of ``user``, to be copied; raises KinitError."""
        task = self._tickets.get(user.upn)
        if task is None or (task.done() and not self._is_fresh(task)):
            task = self._tickets[user.upn] = asyncio.create_task(self._sign_on(user))
        return await asyncio.shield(task)

    def _is_fresh(self, done: asyncio.Task[Path]) -> bool:
        """Whether a ticket lives for at least half of its life; KDC and file time stamps follow the real clock."""
        if done.cancelled() or done.exception() is not None:
            return False
        return time.time() - done.result().stat().st_mtime < self.estate.default_realm.ticket_lifetime / 2

    async def _sign_on(self, user: User) -> Path:
        folder = self.home / "tickets"
        folder.mkdir(mode=0o700, exist_ok=True)
        ccache = folder / f"{user.sam_account}.ccache"
        await kinit(f"{user.sam_account}@{self.estate.default_realm.name}", user.password, self.krb5_conf, ccache)
        return ccache


def _listening(address: str, port: int) -> socket.socket:
    if ":" not in address:
        return socket.create_server((address, port), backlog=_BACKLOG)
    # Beside the stranger's, who is at all addresses that are nobody's.
    return socket.create_server((address, port), family=socket.AF_INET6, backlog=_BACKLOG, reuse_port=True)


async def _ended(task: asyncio.Task[None]) -> None:
    """Cancel ``task`` and wait for its end."""
    task.cancel()
    await asyncio.wait([task])
