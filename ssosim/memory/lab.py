"""The lab in memory: zones, faults, trace, identity provider and KDC, connected as in a lab on sockets."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache, partial

from ssosim.dns import ZoneSet, ZoneStore, zones_of
from ssosim.entra import Keys, Provider, TicketAcceptor, first_steps
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.keys import GeneratedKey, list_generated_keys
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.http.exchange import Responder, headers_of, refuse_misdirected, run_exchange
from ssosim.estate import Device, Estate, Realm, list_kdcs
from ssosim.estate.trusts import list_trusts
from ssosim.faults import ActiveFaults
from ssosim.faults.core.account_states import AccountStates
from ssosim.faults.core.clocks import Clocks, list_clock_names
from ssosim.faults.core.exchanges import Reach, Refusal, make_provider_fault_applier, tls_refused
from ssosim.faults.core.key_faults import KeyFaults
from ssosim.kerberos.key_database import list_accounts
from ssosim.lab.base.acceptor_of_realms import AcceptorOfRealms
from ssosim.lab.base.client_conf import realms_of
from ssosim.lab.base.document_fetcher import DocumentFetcher
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.resolver_choice import resolver_addresses, resolver_settings
from ssosim.lab.base.system import check_fast_path_switch
from ssosim.memory.clock import Engine, EngineClock
from ssosim.memory.kdc import MemoryAcceptor, MemoryKdc, list_principals, read_memory_ticket
from ssosim.memory.resolution import AuthoritativeServer, NameServer
from ssosim.memory.resolvers import AuthorityServers, MemoryResolver, Upstream
from ssosim.services import Service, complete_estate, services_of
from ssosim.services.applications import responders_at, start_applications
from ssosim.services.https_redirect import add_https_redirects
from ssosim.trace import Event, SignInStep, Trace

__all__ = ["MemoryLab", "explain_unsupported_estate", "get_process_keys"]

_DNS_PORT = 53


class MemoryLab:
    """A lab of ``estate`` in the virtual time of ``engine``. Faults are applied to it as to any lab.

    ``zones`` are the initial zones, by default the estate's; ``keys`` the identity provider's keys, by default those of
    this process. ``with_exposures``: credentials in requests are looked for, which takes a twelfth of a sign-in's time.
    Raises LabInputError for an estate that is not supported in memory, and for a wrong switch of the fast paths.
    """

    def __init__(
        self,
        engine: Engine,
        estate: Estate,
        *,
        zones: ZoneSet | None = None,
        keys: Keys | None = None,
        with_exposures: bool = True,
    ) -> None:
        check_fast_path_switch()
        if why := explain_unsupported_estate(estate):
            raise LabInputError(why)
        read = _prepare_estate(estate)
        estate = read.estate
        self.engine = engine
        self.estate = estate
        self.services = read.services
        self.first_steps = first_steps(estate)
        clock = EngineClock(engine)
        self.trace = Trace(clock)
        self.off_network: set[str] = set()
        self.zones = ZoneStore(read.zones if zones is None else zones, seed=estate.dns.seed)
        self.faults = ActiveFaults(self.zones, self.trace, engine.later, _every_client)
        self.faults.set_kdc_hosts(dict.fromkeys(kdc.name for kdc in list_kdcs(estate)))
        self._key_faults = KeyFaults(list_accounts(estate))
        others = {realm.name: KeyFaults(list_accounts(estate, realm)) for realm in estate.realms[1:]}
        self._keys_of = {estate.default_realm.name: self._key_faults} | others
        self.account_states = AccountStates(estate)
        self.clocks = Clocks(list_clock_names(self.services), [kdc.name for kdc in list_kdcs(estate)])
        self.signed_on: dict[str, float] = {}  # when the users of clients signed on, by client
        self.provider = Provider(
            estate=estate,
            keys=keys
            or get_process_keys(
                tuple(service.name for service in estate.federation_services), list_generated_keys(estate)
            ),
            acceptors=_build_acceptors(estate, self.services, self._keys_of, self.clocks),
            trace=self.trace,
            clock=clock,
            is_off_network=self.off_network.__contains__,
            clocks=self.clocks,
            read_channel_bindings=_channel_bindings,
        )
        self._other_kdcs = {realm.name: self._build_kdc(realm) for realm in estate.realms[1:]}
        self.kdc = self._build_kdc(estate.default_realm)
        if with_exposures:
            from ssosim.exposure import ExposureFinder  # noqa: PLC0415

            self.provider.find_exposures = ExposureFinder(self.provider, self.services, read_memory_ticket).examine
        self._reach = Reach(estate, self.services)
        self._proxy_reach = Reach(estate, self.services, of_kdc_proxies=True)
        self._responders = start_applications(self.services, self.provider)
        self.provider.fetch_document = DocumentFetcher(
            self.provider,
            zones=self.zones,
            faults=self.faults,
            estate=estate,
            services=self.services,
            responders=self._responders,
        )
        self._responders_at: dict[tuple[str | None, int], Mapping[str, Responder]] = {}
        self._server = AuthoritativeServer(self.zones)
        self.faults.attach(self._server, "lab")
        self._resolvers = self._build_resolvers() if estate.resolvers else {}
        self._dns = {*estate.addresses("dns"), *self._resolvers}
        self.faults.watch(make_provider_fault_applier(self.provider, _every_client))
        self.faults.watch(self._key_faults.apply)
        self.faults.watch(self.account_states.apply)
        self.faults.watch(lambda state: self.clocks.apply(state.clocks))

    def _build_kdc(self, realm: Realm) -> MemoryKdc:
        estate = self.estate
        accounts = [user.sam_account for user in estate.users if user.sam_account and estate.realm_of(user) is realm]
        trusting = [trust.trusting for trust in list_trusts(estate) if trust.trusted == realm.name]
        known = list_principals(realm, accounts, trusting)
        return MemoryKdc(
            realm.name,
            lambda: known,
            keys=self._keys_of[realm.name],
            hosts=list_kdcs(estate, realm.name),
            named=len(list_kdcs(estate)) > 1,
        )

    def kdc_of(self, realm: str) -> MemoryKdc:
        """Return the KDC of ``realm``."""
        return self._other_kdcs.get(realm, self.kdc)

    def dns_servers_of(self, device: Device) -> tuple[NameServer, ...]:
        """Return the DNS servers that ``device`` queries, in this order."""
        return tuple(self._resolvers.get(address, self._server) for address in resolver_addresses(self.estate, device))

    def _build_resolvers(self) -> dict[str, MemoryResolver]:
        """Build the estate's resolvers, by address, with the name servers that they query."""
        faults = self.faults
        servers = AuthorityServers(faults.authorities, lambda server, name: faults.attach(server, "authority", name))
        made: dict[str, MemoryResolver] = {}

        def find_server(address: str) -> Upstream | None:
            return made.get(address) or servers.find(address)

        for resolver in self.estate.resolvers:
            made[resolver.address] = one = MemoryResolver(
                resolver.name,
                resolver_settings(resolver, self.estate),
                self.trace,
                roots=faults.authorities.hierarchy.root_addresses,
                is_bogus=faults.is_bogus,
                find_server=find_server,
                now=lambda: self.engine.now,
            )
            faults.attach(
                one,
                "resolver",
                resolver.name,
                validates=resolver.validate,
                subnet=resolver.location or resolver.address,
            )
        return made

    def recorder(self, client: str) -> Callable[[Event], None]:
        """Return a function that records events in the trace as caused by ``client``."""
        trace = self.trace

        def record(event: Event) -> None:
            trace.record(client, event)

        return record

    def find_connection_failure(
        self, address: str, port: int, host: str, *, tls: bool, to_kdc_proxy: bool = False
    ) -> Refusal | None:
        """Return why a connection to ``address`` for ``host`` fails, over TLS or plain; None if it succeeds.

        Raises LabInputError for the port of a DNS server, which the lab in memory cannot simulate.
        """
        if port == _DNS_PORT and address in self._dns:
            raise LabInputError(f"HTTP with the DNS server at {address} is not supported in memory")
        reach = self._proxy_reach if to_kdc_proxy else self._reach
        refusal = reach.refusal(address, port, host, tls=tls)
        if refusal is not None:
            return refusal
        state = self.faults.state
        if not tls or not state.certificates:
            return None
        certificate_fault = state.certificates.get(host)
        if certificate_fault is not None and (report_presented := state.presented.get(host)) is not None:
            report_presented()
        number = state.certificate_faults.get(host)
        return tls_refused(certificate_fault, () if number is None else (number,))

    def find_responder(self, address: str | None, port: int, host: str) -> Responder:
        """Return the responder for ``host`` on ``port`` of ``address``; None stands for any address."""
        here = self._responders_at.get((address, port))
        if here is None:
            where = [address] if address is not None else [each.address for each in self.services]
            found = {name: one for at in where for name, one in responders_at(self._responders, at, port).items()}
            here = self._responders_at[address, port] = found
        return here.get(host, refuse_misdirected)

    def exchange(
        self,
        call: Call,
        client: str,
        effect: HttpEffect | None,
        respond: Responder,
        step: SignInStep | None = None,
    ) -> HttpReply | None:
        """Return the reply of ``respond`` to ``call`` under ``effect``; None if no reply is sent.

        ``step``: the step of the request, by default that of the identity provider at that path.
        """
        return run_exchange(self.provider, call, client, effect, respond, step)

    def headers_of(self, call: Call, reply: HttpReply) -> tuple[tuple[str, str], ...]:
        """Return the header fields of ``reply``."""
        return headers_of(self.provider, call, reply)


def _channel_bindings() -> bytes:
    """Return the channel bindings of every connection: a client in memory reaches the service itself, or none."""
    return b"tls"


def _every_client(_client: str) -> bool:
    return True


def _build_acceptors(
    estate: Estate, services: tuple[Service, ...], keys: Mapping[str, KeyFaults], clocks: Clocks
) -> dict[str, TicketAcceptor]:
    """Return the ticket acceptor for each name of a service that has a key table."""
    found: dict[str, TicketAcceptor] = {}
    for service in services:
        if service.keys is not None and not found.keys() >= set(service.dns_names):
            made = tuple(
                _build_acceptor(realm, service, keys[realm.name], clocks) for realm in realms_of(estate, service.keys)
            )
            found |= dict.fromkeys(service.dns_names, made[0] if len(made) == 1 else AcceptorOfRealms(made))
    return found


def _build_acceptor(realm: Realm, service: Service, keys: KeyFaults, clocks: Clocks) -> MemoryAcceptor:
    table = service.keys
    assert table is not None  # noqa: S101 - as the caller has checked
    account = realm.service_account
    own = tuple(spn for spn in table.spns if spn in realm.services) or table.spns
    principals = (account.name, *account.spns) if table.account else own
    return MemoryAcceptor(
        realm.name,
        principals,
        keys,
        partial(clocks.of_service, service.dns_names[0]),
        realm.ticket_lifetime,
    )


@dataclass(frozen=True)
class _PreparedEstate:
    """An estate with the values that are derived from it."""

    estate: Estate
    services: tuple[Service, ...]

    @cached_property
    def zones(self) -> ZoneSet:
        """The zones of the estate."""
        return zones_of(self.estate)


_PREPARED: list[tuple[Estate, _PreparedEstate]] = []
_MAX_PREPARED = 8


def _prepare_estate(given: Estate) -> _PreparedEstate:
    """Return the values derived from ``given``; cached, since tests make hundreds of labs of one estate."""
    for known, read in _PREPARED:
        if known is given:
            return read
    estate = complete_estate(given)
    read = _PreparedEstate(estate, add_https_redirects(services_of(estate)))
    _PREPARED[:] = [*_PREPARED[1 - _MAX_PREPARED :], (given, read)]
    return read


@lru_cache(maxsize=16)
def get_process_keys(federation: tuple[str, ...], generated: tuple[GeneratedKey, ...] = ()) -> Keys:
    """Return signing keys for the cloud, the given federation services and ``generated``, made once per process."""
    return Keys.generate(federation, generated)


def explain_unsupported_estate(estate: Estate) -> str:
    """Describe what in ``estate`` is not supported in memory; empty if everything is."""
    probed = [profile.name for profile in estate.traffic_managers if profile.monitor is not None]
    if probed:
        return f"the traffic managers {', '.join(probed)}, which probe their endpoints, cannot be played in memory"
    return ""
