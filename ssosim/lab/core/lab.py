"""The composition root: ``Lab`` creates, joins, starts and stops all parts of a lab in one process.

Theory of operation
-------------------
The parts do not import each other. Each has a port (a callable or a small protocol), and ``Lab`` passes one part's
function to the other: every server gets ``ClientAddresses.client_of``, every client gets ``Lab.endpoint``, every event
goes to one ``Trace``. ``Lab`` is the only module that knows all parts.

``__init__`` creates the parts that need no socket: trace, zone store, fault table, address table, CA. So a caller may
change zones or subscribe to the trace before the start. ``start`` then opens sockets, in this order:

1. GSS-API is imported first. Where the library is missing, the error comes before anything runs.
2. The network gets its addresses, and krb5kdc starts. A caller with a KDC that already runs passes it instead
   (``PrivateLab`` does: the KDC starts while the caller imports the other modules).
3. The KDC gateway listens on the KDC's public addresses and forwards to krb5kdc. It observes and delays every Kerberos
   message. Only then is ``krb5.conf`` written, because in loopback mode the ports are known only now.
4. The first ticket is requested (``sign_on``). It needs the gateway only, so it runs beside steps 5 to 7.
5. The DNS server, then the resolvers and the authoritative servers that they query.
6. The identity provider and all other services: one HTTP listener for each address and port.
7. The prober of traffic manager endpoints. It comes last, so that it does not probe services that have not started.

``start`` ends when all of this is done, and when the first ticket is in its cache. If krb5kdc is killed meanwhile, or
later, what runs under ``run_while_healthy`` ends with KdcEndedError: a lab without a KDC would blame its clients.

Rules that always hold:

- The stop function of each part goes onto one ``AsyncExitStack``, before the part opens its first socket (krb5kdc: when
  it runs). ``stop`` unwinds the stack, so the parts stop in the opposite order. If a step of ``start`` fails, ``start``
  calls ``stop`` and raises the error: nothing keeps running. ``stop`` may be called twice.
- ``_endpoints`` maps an address and port of the estate to the local endpoint that a client connects to. In a private
  network the two are equal, except for hosts with IPv6 addresses. On loopback they differ. Every client, probe and
  resolver of the lab calls ``endpoint`` before it connects.
- Faults are not undone at the end. Only their timers are cancelled (``faults.close``), after the HTTP and DNS servers
  have stopped: no server ever runs without a fault that the trace shows as active.
- A client is identified by an IP address only. Nothing that a client sends can change its name in the trace.

Time: all parts get ``clock``, the lab's time. With a ``VirtualClock``, the timers of faults, the delays of responses
and the prober run in virtual time, except while programs run (``Lab.real_time``). The KDC and the lifetimes of tickets
always follow the machine's clock, because krb5kdc is a separate process. Faults move single clocks against both
(``ssosim/faults/core/clocks.py``).
"""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import socket
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from ssosim.changes.usage import PROBE
from ssosim.clock import (
    Clock,
    RealTimeSpan,
    SystemClock,
    VirtualClock,
    call_later_on_clock,
    call_later_on_loop,
    make_sleep,
)
from ssosim.dns import DnsServer, ZoneStore, zones_of
from ssosim.dns.recursion import RecursiveServer
from ssosim.dns.server import fast_path as dns_fast_path
from ssosim.dns.server.health_probes import Prober
from ssosim.dns.server.query_counts import QueryCounts
from ssosim.entra import Keys, Provider, TicketAcceptor, first_steps
from ssosim.entra.http import fast_path as http_fast_path
from ssosim.entra.http.app import create_server
from ssosim.entra.http.connection import ListenerConfig
from ssosim.entra.http.server import ProviderServer
from ssosim.estate import Device, Estate, KdcHost, User, find_kdc_at, list_kdcs
from ssosim.exposure import ExposureFinder
from ssosim.faults import ActiveFaults, FaultError
from ssosim.faults.core.account_states import AccountRefusal
from ssosim.faults.core.clocks import ClockRule, Clocks, list_clock_names
from ssosim.faults.core.kdc_effect import list_closed_kdcs
from ssosim.faults.core.key_faults import KeyFaults
from ssosim.kerberos import Address, KdcEndedError, KdcGateway, KdcStartError, RealmKdcs
from ssosim.kerberos.carried_tickets import read_ticket_service
from ssosim.kerberos.ccache_offset import write_time_offset
from ssosim.kerberos.clocked_acceptor import ClockedAcceptor
from ssosim.kerberos.codes import error_name
from ssosim.kerberos.errors import ProgramMissingError
from ssosim.kerberos.key_database import list_accounts
from ssosim.kerberos.kinit import KinitError, enlarge_ticket, kinit, restrict_enctypes
from ssosim.lab.base.acceptor_of_realms import AcceptorOfRealms
from ssosim.lab.base.client_addresses import ClientAddresses
from ssosim.lab.base.client_conf import realms_of, write_client_conf
from ssosim.lab.base.document_fetcher import DocumentFetcher
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.gss_acceptor import GssAcceptor
from ssosim.lab.base.kdc_events import NO_ANSWER, refused_sign_on_event
from ssosim.lab.base.loop_lag import LoopWatch
from ssosim.lab.base.people import device_called, user_on
from ssosim.lab.base.signing_keys import load_signing_keys
from ssosim.lab.base.system import check_fast_path_switch
from ssosim.lab.core.resolvers import lab_addresses, start_resolvers
from ssosim.lab.network.account_checks import AccountChecks
from ssosim.lab.network.certificates import LabCa
from ssosim.lab.network.foreign_requests import ForeignRequests
from ssosim.lab.network.networks import LoopbackNetwork, Network
from ssosim.lab.network.service_faults import ForeignHost, KdcChecks, make_key_faults, make_service_fault_applier
from ssosim.lab.network.tls_listener import HttpListener
from ssosim.lab.network.tls_observer import TlsObserver, read_channel_bindings
from ssosim.services import KeyTable, Service, complete_estate, services_at, services_of
from ssosim.services.applications import Responders, responders_at, start_applications
from ssosim.services.https_redirect import HTTPS_REDIRECT, add_https_redirects, step_at_redirect
from ssosim.trace import LabEvent, Trace
from ssosim.trace.log import DEFAULT_LIMIT

__all__ = ["Lab"]

_DNS_PORT, _KDC_PORT = 53, 88
_SHUTDOWN_S = 0.5
_BACKLOG = 1024
_FEWEST_RECORDS = 1000

_T = TypeVar("_T")


def read_trace_limit() -> int:
    """Return the largest number of trace records in memory: ``$SSOSIM_TRACE_RECORDS``, else a million.

    Raises LabInputError where it is no number of at least 1,000.
    """
    text = os.environ.get("SSOSIM_TRACE_RECORDS", "")
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit()) or int(text) < _FEWEST_RECORDS:
        raise LabInputError(f"SSOSIM_TRACE_RECORDS={text!r}: expected a number of records, at least {_FEWEST_RECORDS}")
    return int(text)


class Lab:
    """All parts of a lab, started and stopped together. An async context manager.

    ``home``: an empty folder for the lab's files. ``cache``: a folder for prepared realms and signing keys, which labs
    share. ``network``: loopback by default. ``clock``: the system clock by default. Raises ServiceError for a service
    that cannot run at its host.
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
        check_fast_path_switch()
        self.estate = complete_estate(estate)
        self.services = add_https_redirects(services_of(self.estate))
        self.home = home
        self.network: Network = network or LoopbackNetwork()
        self.clock: Clock = clock or SystemClock()
        self.trace = Trace(self.clock, limit=read_trace_limit())
        self.zones = ZoneStore(zones_of(self.estate), seed=estate.dns.seed)
        self.query_counts = QueryCounts(self.clock, ignored=(PROBE,))
        later = call_later_on_clock(self.clock) if isinstance(self.clock, VirtualClock) else call_later_on_loop
        self.client_addresses = ClientAddresses()
        self.faults = ActiveFaults(self.zones, self.trace, later, self.client_addresses.is_model)
        self.faults.set_kdc_hosts(dict.fromkeys(kdc.name for kdc in list_kdcs(self.estate)))
        self.clocks = Clocks(list_clock_names(self.services), [kdc.name for kdc in list_kdcs(self.estate)])
        self.last_known_good = self.zones.current
        self.first_steps = first_steps(estate)
        self.ca = LabCa()
        self.client_tls = self.ca.client_context()
        self.krb5_conf = home / "krb5.conf"
        self._own_krb5_conf = home / "krb5-lab.conf"
        self.keys: Keys
        self.resolvers: dict[str, RecursiveServer] = {}
        self.provider: Provider | None = None  # from the start of the web servers on
        self._cache = cache
        self._cleanup = contextlib.AsyncExitStack()
        self._tickets: dict[tuple[str, ...], asyncio.Task[Path]] = {}
        self._ticket_times: dict[tuple[str, ...], float] = {}  # when they were issued, by the lab's clock
        self._ticket_clocks: dict[tuple[str, ...], tuple[ClockRule, ...]] = {}  # the clocks at that time
        self.signed_on: dict[str, float] = {}  # when the users of client models in virtual time signed on, by client
        self._account_checks: AccountChecks
        self._kdc_addresses: dict[str, list[Address]] = {}
        self._endpoints: dict[tuple[str, int], tuple[str, int]] = {}
        self.exposures: ExposureFinder | None = None
        self._prober: Prober | None = None
        self._gateway: KdcGateway | None = None
        self._kdcs: RealmKdcs
        self.delay_counters: dict[str, Callable[[float], None]] = {}
        self._sites: list[HttpListener] = []
        self._foreign_host: asyncio.Task[tuple[str, int]] | None = None
        self._key_faults = KeyFaults(list_accounts(self.estate))
        self._clocked_acceptors: list[ClockedAcceptor] = []
        self._web: tuple[web.ServerRunner, ProviderServer] | None = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.stop()

    async def start(self, kdcs: RealmKdcs | None = None, *, sign_on: User | None = None) -> None:
        """Start all parts. On failure, stop those that run, and raise LabError or the part's own error.

        ``kdcs``: KDCs that already run, on a network that is already configured; the lab stops them at its end.
        ``sign_on``: the user whose first ticket is requested while the other parts start.
        """
        try:
            await self._start(kdcs, sign_on)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all parts in the opposite order of their start. May be called twice."""
        await self._cleanup.aclose()

    async def _start(self, kdcs: RealmKdcs | None, sign_on: User | None) -> None:
        importlib.import_module("ssosim.kerberos.gss")  # before anything runs: it raises where the library is missing
        if kdcs is None:
            if isinstance(self.network, LoopbackNetwork):
                self._cleanup.callback(self.network.close)
            self.network.configure(lab_addresses(self.estate))
            kdcs = RealmKdcs(self.estate, self._cache / "realms", self.home)
            await kdcs.start(self.network.internal_endpoint)
        self._cleanup.push_async_callback(kdcs.stop)
        self._kdcs = kdcs
        await kdcs.run_while_alive(self._start_parts(kdcs, sign_on))

    async def _start_parts(self, kdcs: RealmKdcs, sign_on: User | None) -> None:
        await self._start_gateway(kdcs)
        ticket = asyncio.create_task(self.ticket_of(sign_on)) if sign_on else None
        await asyncio.sleep(0)
        try:
            await self._start_dns()
            await self._start_web(kdcs)
            await self._start_kdc_proxy(kdcs)
            self._start_probes()
            watch = LoopWatch(self.trace, self.clock)
            watch.start()
            self._cleanup.callback(watch.stop)
            if ticket is not None:
                await _wait_for_sign_on(ticket)
        except BaseException:
            for sign_on_task in self._tickets.values():  # kinit would go on asking for a while
                sign_on_task.cancel()
            if ticket is not None:
                ticket.cancel()
                await asyncio.gather(ticket, return_exceptions=True)
            raise

    def check_health(self) -> None:
        """Raise KdcEndedError if a krb5kdc has ended while the lab runs."""
        self._kdcs.check_alive()

    async def run_while_healthy(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Run ``work`` on the started lab and return its result. Raises KdcEndedError if a krb5kdc has ended."""
        try:
            return await self._kdcs.run_while_alive(work)
        except KdcEndedError as error:
            self.trace.record("", LabEvent(part="kdc", text=str(error)))
            raise

    async def _start_gateway(self, kdcs: RealmKdcs) -> None:
        endpoints = kdcs.list_endpoints()
        self._gateway = gateway = KdcGateway(
            next(iter(endpoints.values())).upstream,
            self.trace,
            lambda remote, local: self.client_addresses.client_of(remote[0], local[0]),
        )
        self._cleanup.push_async_callback(gateway.stop)
        self.clocks.show = partial(_show_clocks, kdcs, self._clocked_acceptors)
        self._account_checks = checks = AccountChecks(self.estate, kdcs, self.clock, self.signed_on)
        gateway.note_reply = checks.note_reply
        gateway.uses_proxy = self._uses_kdc_proxy
        gateway.responder = checks.respond if checks.states.may_refuse else None
        opened: dict[str, list[Address]] = {realm.name: [] for realm in self.estate.realms}
        for kdc, endpoint in endpoints.items():
            for address in kdc.addresses:
                port = self.network.local_endpoint(address, _KDC_PORT)
                opened[kdc.realm].append(await gateway.start(*port, endpoint))
        self._kdc_addresses = opened
        write_client_conf(self.krb5_conf, self.estate, opened, ca=self.home / "ca.pem")
        # The lab itself finds its KDCs without DNS, which starts later.
        write_client_conf(self._own_krb5_conf, self.estate, opened)

    def _uses_kdc_proxy(self, client: str) -> bool:
        """Return whether a client model reaches the KDC through a proxy: libkrb5 gets the address of the gateway."""
        return self.client_addresses.is_model(client) and self.client_addresses.is_off_network(client)

    async def _start_dns(self) -> None:
        server = DnsServer(self.zones, self.trace, self.client_addresses.client_of)
        self.faults.attach(server, "lab")
        server.set_delay_function(self.hold)
        self._cleanup.callback(self.faults.close)
        server.counts = self.query_counts
        self._cleanup.push_async_callback(server.stop)
        for address in self.estate.addresses("dns"):
            for host, port in self.network.local_endpoints(address, _DNS_PORT):
                self._endpoints[address, _DNS_PORT] = (host, await server.start(host, port))
        self.resolvers = await self._cleanup.enter_async_context(start_resolvers(self))

    def _find_client_time(self, client: str) -> float:
        """Return the time at ``client``: that of the lab for a model; a program reads the machine's clock."""
        return self.clock.now() if self.client_addresses.is_model(client) else time.time()

    async def hold(self, client: str, seconds: float) -> None:
        """Hold an answer to ``client``: by the lab's clock for a model, in real time for anybody else.

        An answer to a client in ``delay_counters`` is not held; the function there gets the seconds.
        """
        if (count := self.delay_counters.get(client)) is not None:
            count(seconds)
        elif isinstance(self.clock, VirtualClock) and self.client_addresses.is_model(client):
            await make_sleep(self.clock)(seconds)
        else:
            await asyncio.sleep(seconds)

    @contextlib.asynccontextmanager
    async def real_time(self) -> AsyncIterator[RealTimeSpan]:
        """Let real seconds pass for programs within the block: for lifetimes, caches, probes and timers of faults.

        With a virtual clock, clock, caches and results of probes are afterwards what they were before, so that client
        models find the lab as if no program had run. The timers of faults wait for ``RealTimeSpan.start_timers``.
        """
        if not isinstance(self.clock, VirtualClock):
            yield RealTimeSpan()
            return
        async with contextlib.AsyncExitStack() as afterwards:
            afterwards.callback(self.zones.health.snapshot())
            for resolver in self.resolvers.values():
                afterwards.callback(resolver.core.snapshot())
            span = afterwards.enter_context(self.clock.real_time())
            if self._prober is not None:
                probing = asyncio.create_task(self._prober.in_real_time().run())
                afterwards.push_async_callback(_cancel_and_wait, probing)
            yield span

    def _start_probes(self) -> None:
        """Start to probe the endpoints of traffic manager profiles, if a profile of the estate has a monitor."""
        if all(profile.monitor is None for profile in self.estate.traffic_managers):
            return
        if isinstance(self.clock, VirtualClock):
            clock = self.clock
            prober = Prober(
                self.zones, self.zones.health, self.trace, dial=self.endpoint, sleep=clock.sleep, now=clock.now
            )
            task = clock.start(prober.run_in_step())
            self._prober = prober
        else:
            prober = Prober(self.zones, self.zones.health, self.trace, dial=self.endpoint)
            task = asyncio.create_task(prober.run())
        self._cleanup.push_async_callback(_cancel_and_wait, task)

    async def _start_web(self, kdcs: RealmKdcs) -> None:
        assert self._gateway is not None  # noqa: S101 - it has started before
        self.keys = load_signing_keys(self.estate, self._cache)
        self._key_faults = make_key_faults(self.estate, self.services, kdcs, self._gateway)
        provider = Provider(
            estate=self.estate,
            keys=self.keys,
            acceptors=self._acceptors(kdcs),
            trace=self.trace,
            clock=self.clock,
            client_of=self.client_addresses.client_of,
            is_off_network=self.client_addresses.is_off_network,
            sleep=make_sleep(self.clock) if isinstance(self.clock, VirtualClock) else asyncio.sleep,
            find_client_time=self._find_client_time if isinstance(self.clock, VirtualClock) else None,
            clocks=self.clocks,
            read_channel_bindings=read_channel_bindings,
        )
        assert self._gateway is not None  # noqa: S101 - it has started before
        self.faults.watch(
            make_service_fault_applier(
                provider,
                self.ca,
                self._gateway,
                self.faults,
                self.client_addresses.is_model,
                KdcChecks(self._key_faults, self._account_checks, self.clocks),
            )
        )
        self.exposures = ExposureFinder(provider, self.services, read_ticket_service)
        provider.find_exposures = self.exposures.examine
        server = create_server(provider)
        runner = web.ServerRunner(server, handle_signals=False, shutdown_timeout=_SHUTDOWN_S)
        await runner.setup()
        self._cleanup.push_async_callback(self._abort_connections)
        self._cleanup.push_async_callback(runner.cleanup)
        self.provider = provider
        self._web = runner, server
        responders = start_applications(self.services, provider)
        provider.fetch_document = DocumentFetcher(
            provider,
            zones=self.zones,
            faults=self.faults,
            estate=self.estate,
            services=self.services,
            responders=responders,
        )
        await self._listen(runner, server, responders)
        for state in (dns_fast_path.state(), http_fast_path.state()):
            if state.failed:
                self.trace.record("", LabEvent(part=state.part, text=state.text))

    async def _listen(self, runner: web.ServerRunner, server: ProviderServer, responders: Responders) -> None:
        """Open one listener for each address and port that has a service."""
        observer = TlsObserver(self.trace, self.client_addresses, self.first_steps)
        for address, port, tls in dict.fromkeys((each.address, each.port, each.tls) for each in responders):
            host_responders = responders_at(responders, address, port)
            context = self.ca.server_context(host_responders) if tls else None
            is_redirect = any(each.name == HTTPS_REDIRECT for each in services_at(self.services, address, port))
            listener_config = ListenerConfig(
                host_responders, "https" if tls else "http", port, step_of=step_at_redirect if is_redirect else None
            )
            for endpoint in self.network.local_endpoints(address, port):
                listener = _create_listener(*endpoint)
                self._endpoints[address, port] = listener.getsockname()[:2]
                make_protocol = partial(server.create_protocol, listener=listener_config)
                site = HttpListener(
                    runner,
                    listener,
                    ssl_context=context,
                    make_protocol=make_protocol,
                    address=address,
                    observer=observer,
                )
                await site.start()
                self._sites.append(site)

    async def _abort_connections(self) -> None:
        for site in self._sites:
            site.abort_connections()
        await asyncio.sleep(0)  # the loop closes the sockets

    async def serve_on(self, listener: socket.socket, config: ListenerConfig, tls_name: str = "") -> HttpListener:
        """Serve HTTP on a listening socket, of this or another network namespace; the caller stops the result.

        ``tls_name``: serve TLS with a certificate for this name; empty: plain HTTP.
        """
        assert self._web is not None  # noqa: S101 - the lab has started
        runner, server = self._web
        site = HttpListener(
            runner,
            listener,
            ssl_context=self.ca.server_context([tls_name]) if tls_name else None,
            make_protocol=partial(server.create_protocol, listener=config),
            address=str(listener.getsockname()[0]),
            observer=TlsObserver(self.trace, self.client_addresses, self.first_steps),
        )
        await site.start()
        return site

    async def _start_kdc_proxy(self, kdcs: RealmKdcs) -> None:
        proxies = [service for service in self.services if service.name == "kdc-proxy"]
        if not proxies:
            return
        from ssosim.lab.network.kdc_proxy import KdcProxy  # noqa: PLC0415 - few labs have one

        assert self._gateway is not None  # noqa: S101 - it has started before

        def client_of(remote: Address, local: Address) -> str:
            return self.client_addresses.client_of(remote[0], local[0])

        proxy = KdcProxy(self._gateway, [*kdcs.list_endpoints().values()], client_of)
        self._cleanup.push_async_callback(proxy.stop)
        for service in proxies:
            for endpoint in self.network.local_endpoints(service.address, service.port):
                listener = _create_listener(*endpoint)
                self._endpoints[service.address, service.port] = listener.getsockname()[:2]
                await proxy.start(listener, self.ca.server_context(service.dns_names))

    def _acceptors(self, kdcs: RealmKdcs) -> dict[str, TicketAcceptor]:
        """Return the ticket acceptor for each DNS name of a service that has a key table."""
        found: dict[str, TicketAcceptor] = {}
        for service in self.services:
            if service.keys is not None and not found.keys() >= set(service.dns_names):
                found |= dict.fromkeys(service.dns_names, self._acceptor(kdcs, service, service.keys))
        return found

    def _acceptor(self, kdcs: RealmKdcs, service: Service, keys: KeyTable) -> TicketAcceptor:
        from ssosim.kerberos.gss import Acceptor  # noqa: PLC0415 - a machine without GSS-API can import this module

        caches = self.home / "rcache"
        caches.mkdir(mode=0o700, exist_ok=True)
        faults = self._key_faults
        made: list[GssAcceptor] = []
        for number, realm in enumerate(realms_of(self.estate, keys)):
            prepared = kdcs.find_realm(realm.name)
            own = tuple(spn for spn in keys.spns if spn in realm.services) or keys.spns
            keytab = prepared.keytab if keys.account else prepared.join_keytabs(own)
            cache = caches / f"{service.name}-{service.dns_names[0]}{f'-{number}' if number else ''}"
            ahead = partial(self.clocks.find_service_offset, service.dns_names[0])
            clocked = ClockedAcceptor(Acceptor(keytab, cache), keytab, cache, self._own_krb5_conf, ahead)
            self._clocked_acceptors.append(clocked)
            self._cleanup.callback(clocked.close)
            acceptor = GssAcceptor(clocked)
            if realm is self.estate.default_realm:  # faults change keys of the first realm only
                acceptor = replace(
                    acceptor, find_key_faults=lambda key: faults.find_faults(key.service, key.kvno, key.etype)
                )
            made.append(acceptor)
        return made[0] if len(made) == 1 else AcceptorOfRealms(tuple(made))

    def endpoint(self, address: str, port: int) -> tuple[str, int]:
        """Return the local endpoint to connect to for ``port`` of ``address``; the same if nothing listens."""
        return self._endpoints.get((address, port), (address, port))

    async def foreign_host_endpoint(self) -> tuple[str, int]:
        """Return the endpoint of a host outside of the estate, which is started at the first call.

        Client models connect to it for any address that no host has. Its certificate is for another name.
        """
        if self._foreign_host is None:
            self._foreign_host = asyncio.create_task(self._start_foreign_host())
        return await asyncio.shield(self._foreign_host)

    async def _start_foreign_host(self) -> tuple[str, int]:
        requests = ForeignRequests(self.trace, self.client_addresses, lambda: self.exposures)
        foreign_host = ForeignHost(self.ca, requests.report_with(tls=True))
        await foreign_host.start(self.network.internal_endpoint()[0])
        self._cleanup.push_async_callback(foreign_host.stop)
        return foreign_host.endpoint

    def service_ports(self, address: str | None = None) -> dict[int, bool]:
        """Return the ports of the HTTP services at ``address`` (None: at any), and for each whether it has TLS."""
        found: dict[int, bool] = {}
        for service in self.services:
            if service.application is not None and address in (None, service.address):
                found[service.port] = found.get(service.port, False) or service.tls
        return found

    def is_served(self, address: str, port: int) -> bool:
        """Return whether a part of the lab listens on ``port`` of ``address``."""
        return (address, port) in self._endpoints

    def is_endpoint(self, host: str, port: int) -> bool:
        """Return whether ``host`` and ``port`` are a local endpoint of the lab."""
        return (host, port) in self._endpoints.values()

    def set_endpoint(self, address: str, port: int, endpoint: tuple[str, int]) -> None:
        """Set the local endpoint to connect to for ``port`` of ``address``."""
        self._endpoints[address, port] = endpoint

    def device_of(self, name: str | None) -> Device:
        """The device called ``name``, or the estate's first; raises LabInputError for an unknown one."""
        return device_called(self.estate, name)

    def gets_ticket(self, device: Device) -> bool:
        """Return whether the user gets a ticket at the sign-on to ``device``: from a KDC, or through a KDC proxy."""
        user = self.estate.user(device.user)
        proxy = user is not None and self.estate.realm_of(user).kdc_proxy is not None
        return device.corporate_network or proxy

    def user_of(self, device: Device) -> User:
        """Who is signed on to ``device``; raises LabInputError for somebody without an account in the realm."""
        return user_on(self.estate, device)

    def find_faults_at_kdc(self, address: str, port: int) -> tuple[int, ...]:
        """Return the numbers of the faults because of which nothing listens on the port of a KDC at ``address``."""
        kdc = find_kdc_at(self.estate, address) if port == _KDC_PORT else None
        if kdc is None:
            return ()
        return tuple(list_closed_kdcs(self.faults.state.kdc, [kdc.name]).values())

    async def wait_for_kdcs(self) -> None:
        """Wait until the ports of KDCs that a fault has closed are open again, after it was undone."""
        assert self._gateway is not None  # noqa: S101 - the lab has started
        await self._gateway.wait_until_open()

    async def gateway_for(self, address: str) -> dict[KdcHost, Address]:
        """Start an endpoint of each KDC at ``address`` for the one client there.

        It identifies the client in loopback mode.
        """
        assert self._gateway is not None  # noqa: S101 - the lab has started
        endpoints = self._kdcs.list_endpoints()
        return {kdc: await self._gateway.start(address, 0, endpoint) for kdc, endpoint in endpoints.items()}

    async def ticket_of(self, user: User, enctypes: Sequence[str] = (), *, by_kdc_clock: bool = False) -> Path:
        """Return a credential cache with a ticket-granting ticket of ``user``, for copying.

        It may be from a time when the user could still sign on. ``enctypes``: the encryption types that the device
        permits; none: those of libkrb5. ``by_kdc_clock``: the KDC must have issued it with the clock that it has now.
        Raises KinitError.
        """
        kdc = list_kdcs(self.estate, self.estate.realm_of(user).name)[0]
        key = (user.upn, *enctypes)
        ahead = self.clocks.of_kdc(kdc.name).seconds
        then = self.clocks.of_kdc(kdc.name, self._ticket_clocks.get(key, self.clocks.rules)).seconds
        if by_kdc_clock and ahead != then:
            key = (*key, f"kdc{ahead:+d}")
        task = self._tickets.get(key)
        if task is None or (task.done() and not self._is_fresh(task)):
            task = self._tickets[key] = asyncio.create_task(self._sign_on(user, tuple(enctypes), key))
        return await asyncio.shield(task)

    def note_copied_ticket(self, client: str, user: User, enctypes: Sequence[str]) -> None:
        """Remember that ``client`` has got a copy of the ticket of ``user``: its clocks are those of that sign-on."""
        if self.clocks.in_use:
            kdc = list_kdcs(self.estate, self.estate.realm_of(user).name)[0]
            self.clocks.note_sign_on(client, kdc.name, self._ticket_clocks.get((user.upn, *enctypes), ()))

    def follow_clock(self, client: str, user: User, device: Device, ccache: Path) -> None:
        """Make libkrb5 use the clock of ``device`` with the copied ticket in ``ccache``, now and under each fault."""

        def set_clock() -> None:
            if self.clocks.in_use and ccache.exists():
                write_time_offset(ccache, self.clocks.of_authenticator(client).seconds)

        self.note_copied_ticket(client, user, device.permitted_enctypes)
        set_clock()
        self.clocks.watchers.append(set_clock)

    async def find_ticket(self, user: User, client: str, device: Device) -> Path | None:
        """Return what ``ticket_of`` returns; None where the KDC refuses the sign-on because of the user's account.

        A ticket that has expired by the lab's clock is replaced by a new sign-on, as Windows does; None where no KDC
        answers that. What came of it is recorded for ``client``; ``""``: it is not. Raises KinitError for other
        reasons.
        """
        key = (user.upn, *device.permitted_enctypes)
        lifetime = self.estate.realm_of(user).ticket_lifetime
        has_expired = self.clock.now() - self._ticket_times.get(key, self.clock.now()) >= lifetime
        if has_expired:
            self._tickets.pop(key, None)
        try:
            return await self.ticket_of(user, device.permitted_enctypes)
        except KinitError as error:
            if error.code is None and not has_expired:
                raise
            if client:
                refusal = self.refuse_sign_on(user, device)
                outcome = NO_ANSWER if error.code is None else error_name(error.code)
                self.record_refused_sign_on(user, client, outcome, refusal.faults if refusal else ())
            return None

    def refuse_sign_on(self, user: User, device: Device) -> AccountRefusal | None:
        """Return why the KDC that is asked first refuses the sign-on of ``user`` now; None where it does not."""
        kdc = list_kdcs(self.estate, self.estate.realm_of(user).name)[0]
        return self._account_checks.states.refuse_sign_on(user, self.clock.now(), kdc.name, device.permitted_enctypes)

    def record_refused_sign_on(self, user: User, client: str, outcome: str, faults: tuple[int, ...]) -> None:
        """Record that the sign-on to the device of ``client`` was refused, or was not answered."""
        self.trace.record(client, refused_sign_on_event(self.estate, user, outcome, faults))

    def krb5_conf_of(self, device: Device, folder: Path) -> Path:
        """Return the krb5.conf of a program on ``device``: the lab's, or one in ``folder`` with its own settings."""
        if not device.permitted_enctypes:
            return self.krb5_conf
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own = folder / "krb5.conf"
        options = restrict_enctypes(device.permitted_enctypes)
        write_client_conf(own, self.estate, self._kdc_addresses, options, ca=self.home / "ca.pem")
        return own

    def _is_fresh(self, done: asyncio.Task[Path]) -> bool:
        """Return whether more than half of the ticket's lifetime is left, by the machine's clock."""
        if done.cancelled() or done.exception() is not None:
            return False
        shortest = min(realm.ticket_lifetime for realm in self.estate.realms)
        return time.time() - done.result().stat().st_mtime < shortest / 2

    async def _sign_on(self, user: User, enctypes: tuple[str, ...], key: tuple[str, ...]) -> Path:
        folder = self.home / "tickets"
        folder.mkdir(mode=0o700, exist_ok=True)
        realm = self.estate.realm_of(user)
        suffix = "".join(f"+{each}" for each in key[1:])
        ccache = folder / f"{user.sam_account}{'' if user.realm is None else f'@{realm.name}'}{suffix}.ccache"
        conf = self._own_krb5_conf
        addresses, rules = self._kdc_addresses, self.clocks.rules
        if len(key) > 1 + len(enctypes):  # a sign-on of a device in virtual time: no fault of the KDC may change it
            addresses = {}
            for kdc, endpoint in self._kdcs.list_endpoints().items():
                addresses.setdefault(kdc.realm, [endpoint.upstream])
        if suffix:
            conf = folder / f"krb5{suffix}.conf"
            write_client_conf(conf, self.estate, addresses, restrict_enctypes(enctypes))
        await kinit(f"{user.sam_account}@{realm.name}", user.password, conf, ccache)
        self._ticket_times[key], self._ticket_clocks[key] = self.clock.now(), rules
        if user.authorization_data_size:
            await enlarge_ticket(conf, ccache, user.authorization_data_size)
        return ccache


def _create_listener(address: str, port: int) -> socket.socket:
    if ":" not in address:
        return socket.create_server((address, port), backlog=_BACKLOG)
    # The listener of foreign hosts has the same port, on all other addresses.
    return socket.create_server((address, port), family=socket.AF_INET6, backlog=_BACKLOG, reuse_port=True)


def _show_clocks(kdcs: RealmKdcs, acceptors: Sequence[ClockedAcceptor], offsets: Mapping[str, int]) -> None:
    try:
        for acceptor in acceptors:
            acceptor.prepare()
        kdcs.set_clock_offsets(offsets)
    except (KdcStartError, ProgramMissingError) as error:
        raise FaultError(f"the clock cannot be set: {error}") from error


async def _wait_for_sign_on(ticket: asyncio.Task[Path]) -> None:
    """Wait for the first ticket. A user whose account is disabled, say, gets none; the lab runs without it."""
    try:
        await ticket
    except KinitError as error:
        if error.code is None:
            raise


async def _cancel_and_wait(task: asyncio.Task[None]) -> None:
    """Cancel ``task`` and wait for its end."""
    task.cancel()
    await asyncio.wait([task])
