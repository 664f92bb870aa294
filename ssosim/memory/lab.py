"""The lab in memory: zones, faults, trace, the identity provider and the KDC, joined as a lab on sockets joins them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache

from ssosim.dns import ZoneSet, ZoneStore, zones_of
from ssosim.entra import Keys, Provider, first_steps
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.http.exchange import Responder, headers_of, refuse_misdirected, run_exchange
from ssosim.estate import Device, Estate
from ssosim.faults import ActiveFaults
from ssosim.faults.exchanges import Reach, Refusal, show_at_provider, tls_refused
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.resolver_choice import resolver_address, resolver_settings
from ssosim.memory.clock import Engine, EngineClock
from ssosim.memory.kdc import MemoryAcceptor, MemoryKdc, principals_of
from ssosim.memory.resolution import NameServer, OneServer
from ssosim.memory.resolvers import MemoryResolver, Upstream, authority_servers
from ssosim.services import Service, complete_estate, services_of
from ssosim.services.applications import responders_at, start_applications
from ssosim.trace import Event, Trace

__all__ = ["MemoryLab", "process_keys", "why_not_in_memory"]

_DNS_PORT = 53


class MemoryLab:
    """A lab of ``estate`` in the time of ``engine``. Faults are applied to it as to any lab.

    ``zones`` are those to begin with, by default the estate's; ``keys`` the identity provider's, by default those of
    this process. Raises LabInputError for an estate that memory cannot play.
    """

    def __init__(
        self, engine: Engine, estate: Estate, *, zones: ZoneSet | None = None, keys: Keys | None = None
    ) -> None:
        if why := why_not_in_memory(estate):
            raise LabInputError(why)
        read = _read(estate)
        estate = read.estate
        self.engine = engine
        self.estate = estate
        self.services = read.services
        self.first_steps = first_steps(estate)
        clock = EngineClock(engine)
        self.trace = Trace(clock)
        self.zones = ZoneStore(read.zones if zones is None else zones, seed=estate.dns.seed)
        self.faults = ActiveFaults(self.zones, self.trace, engine.later, _everybody)
        self.provider = Provider(
            estate=estate,
            keys=keys or process_keys(tuple(service.name for service in estate.federation_services)),
            acceptors=_acceptors(estate, self.services),
            trace=self.trace,
            clock=clock,
        )
        accounts = tuple(user.sam_account for user in estate.users if user.sam_account is not None)
        known = principals_of(estate.default_realm, accounts)
        self.kdc = MemoryKdc(estate.default_realm.name, lambda: known)
        self._reach = Reach(estate, self.services)
        self._responders = start_applications(self.services, self.provider)
        self._answering: dict[tuple[str | None, int], Mapping[str, Responder]] = {}
        self._server = OneServer(self.zones)
        self.faults.attach(self._server, "lab")
        self._resolvers = self._made_resolvers() if estate.resolvers else {}
        self._dns = {*estate.addresses("dns"), *self._resolvers}
        self.faults.watch(show_at_provider(self.provider, _everybody))

    def server_of(self, device: Device) -> NameServer:
        """The DNS server that ``device`` asks."""
        return self._resolvers.get(resolver_address(self.estate, device.name), self._server)

    def _made_resolvers(self) -> dict[str, MemoryResolver]:
        """The estate's resolvers by their addresses, with the name servers behind them."""
        board = self.faults
        servers: dict[str, Upstream] = dict(
            authority_servers(board.authorities, lambda server, name: board.attach(server, "authority", name))
        )
        made: dict[str, MemoryResolver] = {}
        for resolver in self.estate.resolvers:
            servers[resolver.address] = made[resolver.address] = one = MemoryResolver(
                resolver.name,
                resolver_settings(resolver, self.estate),
                self.trace,
                roots=board.authorities.hierarchy.root_addresses,
                is_bogus=board.is_bogus,
                upstream=servers,
                now=lambda: self.engine.now,
            )
            board.attach(one, "resolver")
        return made

    def recorder(self, client: str) -> Callable[[Event], None]:
        """What writes events into the trace as caused by ``client``."""
        trace = self.trace

        def record(event: Event) -> None:
            trace.record(client, event)

        return record

    def refusal(self, address: str, port: int, host: str, *, tls: bool) -> Refusal | None:
        """Why HTTP with ``host`` does not come about at ``address``, over TLS or plain; None where it does.

        Raises LabInputError for the port of a DNS server: what becomes of HTTP there is not known in memory.
        """
        if port == _DNS_PORT and address in self._dns:
            raise LabInputError(f"HTTP with the DNS server at {address} cannot be played in memory")
        refusal = self._reach.refusal(address, port, host, tls=tls)
        if refusal is not None:
            return refusal
        state = self.faults.state
        if not tls or not state.certificates:
            return None
        trouble = state.certificates.get(host)
        if trouble is not None and (tell := state.presented.get(host)) is not None:
            tell()
        return tls_refused(trouble)

    def who_answers(self, address: str | None, port: int, host: str) -> Responder:
        """What answers requests for ``host`` on ``port`` of ``address``; of any address with None."""
        here = self._answering.get((address, port))
        if here is None:
            where = [address] if address is not None else [each.address for each in self.services]
            found = {name: who for at in where for name, who in responders_at(self._responders, at, port).items()}
            here = self._answering[address, port] = found
        return here.get(host, refuse_misdirected)

    def exchange(self, call: Call, client: str, struck: HttpEffect | None, respond: Responder) -> HttpReply | None:
        """The answer of ``respond`` to ``call`` as ``injected``; None where nothing is sent."""
        return run_exchange(self.provider, call, client, struck, respond)

    def headers_of(self, call: Call, reply: HttpReply) -> tuple[tuple[str, str], ...]:
        """The header fields of an answer."""
        return headers_of(self.provider, call, reply)


def _everybody(_client: str) -> bool:
    return True


def _acceptors(estate: Estate, services: tuple[Service, ...]) -> dict[str, MemoryAcceptor]:
    """The judge of tickets for each name of a service that has a key table."""
    realm = estate.default_realm
    account = realm.service_account
    found: dict[str, MemoryAcceptor] = {}
    for service in services:
        if service.keys is not None and not found.keys() >= set(service.dns_names):
            principals = (account.name, *account.spns) if service.keys.account else service.keys.spns
            found |= dict.fromkeys(service.dns_names, MemoryAcceptor(realm.name, principals))
    return found


@dataclass(frozen=True)
class _Read:
    """What follows from an estate."""

    estate: Estate
    services: tuple[Service, ...]

    @cached_property
    def zones(self) -> ZoneSet:
        """Its zones."""
        return zones_of(self.estate)


_READ: list[tuple[Estate, _Read]] = []
_MOST_READ = 8


def _read(given: Estate) -> _Read:
    """What follows from ``given``, once: who makes labs by the hundred makes them of the same value."""
    for known, read in _READ:
        if known is given:
            return read
    estate = complete_estate(given)
    read = _Read(estate, services_of(estate))
    _READ[:] = [*_READ[1 - _MOST_READ :], (given, read)]
    return read


@lru_cache(maxsize=16)
def process_keys(federation: tuple[str, ...]) -> Keys:
    """Signing keys for the cloud and those federation services, made once in a process."""
    return Keys.generate(federation)


def why_not_in_memory(estate: Estate) -> str:
    """What of ``estate`` memory cannot play, by name; empty where it can play all of it."""
    probed = [profile.name for profile in estate.traffic_managers if profile.monitor is not None]
    if probed:
        return f"the traffic managers {', '.join(probed)}, which probe their endpoints, cannot be played in memory"
    return ""
