"""The state and the dependencies that all endpoints share. The composition root (the lab) creates it."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from ssosim.clock import Clock, SystemClock
from ssosim.entra.core.browser_sessions import BrowserSessions
from ssosim.entra.core.device_codes import DeviceCodeStore
from ssosim.entra.core.directory import Directory, DomainEntry
from ssosim.entra.core.fault_effect import FindHttpEffect
from ssosim.entra.core.issuer_keys import FetchDocument, fetch_nothing
from ssosim.entra.core.keys import Keys
from ssosim.entra.core.loop_detector import LoopDetector
from ssosim.entra.core.messages import Call
from ssosim.entra.core.realm_discovery import federation_service_of_domain
from ssosim.entra.core.replay_cache import ReplayCache
from ssosim.entra.core.sealed_tokens import TokenSealer
from ssosim.entra.core.service_clocks import RIGHT_CLOCKS, ServiceClocks
from ssosim.entra.core.settings import Settings
from ssosim.entra.core.smart_lockout import SmartLockout
from ssosim.entra.core.ticket_acceptor import TicketAcceptor
from ssosim.estate import Application, Cloud, Estate, FederationService, Tenant, UncheckedRule, User
from ssosim.estate.cloud_partition import select_cloud
from ssosim.trace import CredentialExposed, SignInStep, Trace

__all__ = ["FindExposures", "Provider"]


class FindExposures(Protocol):
    """Finds credentials in a call that its recipient must not have (``ssosim.exposure``)."""

    def __call__(self, call: Call, step: SignInStep, /, *, in_place: bool) -> Sequence[CredentialExposed]:
        """Return one event for each. ``in_place``: a fault has answered in the place of the service."""
        ...


def _on_network(client: str) -> bool:  # noqa: ARG001  the signature of ``Provider.is_off_network``
    return False


async def _sleep(seconds: float) -> None:
    import asyncio  # noqa: PLC0415 - a provider in memory has a clock of its own, and never needs it

    await asyncio.sleep(seconds)


def _anonymous(remote: str, local: str) -> str:  # noqa: ARG001  the signature of ``Provider.client_of``
    return ""


def _no_faults(call: Call, step: SignInStep, code: int | None) -> tuple[int, ...]:  # noqa: ARG001  the signature of the field
    return ()


@dataclass(slots=True, kw_only=True)
class Provider:
    """The identity provider's shared state.

    ``acceptors`` maps a host name (lower case) to the acceptor of Negotiate tokens there; each host name of a service
    with a key table has one. ``client_of`` returns the name of the client for (remote address, local address).
    ``service_by_host`` maps a host name (lower case) to ``login``, ``autologon`` or ``federation``, and
    ``federation_by_host`` to the federation service there. ``replay_cache`` holds the ids of single-use tokens that
    have been used. ``not_checked`` are the rules that are switched off (``Cloud.not_checked``), and
    ``mutual_authentication`` is that of ``Cloud``; both may change at any time,
    and then in every cloud. ``is_off_network`` says whether the
    device of a client is outside of the corporate network. ``find_exposures`` returns the credentials in a call that
    its recipient must not have, as events; None: nobody looks. ``find_estate_faults`` returns the numbers of the faults
    of the estate that changed a reply. ``find_effect`` returns the effect of the active faults on a call and may change
    at any time; ``sleep`` waits for the delay of a fault. ``find_client_time`` returns the time by the clock of the
    machine of a client, which a lab with virtual time knows; None: all have the provider's clock. ``clocks`` are those
    of the hosts of services, against ``clock``. ``read_channel_bindings`` returns the data that bind a token to the
    TLS connection of the present request; empty if nobody knows them. ``fetch_document``
    gets the configuration and the keys of other issuers; the composition root connects it to the hosts of the lab.
    ``whole`` is the provider of the whole estate, for a provider of one of its clouds (``at``); it is None for the
    provider of the whole estate itself.
    """

    estate: Estate
    keys: Keys
    acceptors: Mapping[str, TicketAcceptor]
    trace: Trace = field(default_factory=Trace)
    clock: Clock = field(default_factory=SystemClock)
    client_of: Callable[[str, str], str] = _anonymous
    is_off_network: Callable[[str], bool] = _on_network
    settings: Settings = field(default_factory=Settings)
    find_effect: FindHttpEffect | None = None
    find_exposures: FindExposures | None = None
    find_estate_faults: Callable[[Call, SignInStep, int | None], tuple[int, ...]] = _no_faults
    sleep: Callable[[float], Awaitable[None]] = _sleep
    fetch_document: FetchDocument = fetch_nothing
    find_client_time: Callable[[str], float] | None = None
    clocks: ServiceClocks = RIGHT_CLOCKS
    read_channel_bindings: Callable[[], bytes] = bytes
    directory: Directory = field(init=False)
    sealer: TokenSealer = field(init=False)
    replay_cache: ReplayCache = field(init=False)
    device_codes: DeviceCodeStore = field(init=False)
    not_checked: frozenset[UncheckedRule] = field(init=False)
    mutual_authentication: bool = field(init=False)
    host_conditions: frozenset[str] = field(init=False, default=frozenset())
    federation_by_host: Mapping[str, FederationService] = field(init=False)
    service_by_host: Mapping[str, str] = field(init=False)
    loops: LoopDetector = field(init=False)
    lockouts: SmartLockout = field(init=False)
    sessions: BrowserSessions = field(init=False)
    _changed_settings: set[str] = field(init=False, default_factory=set, repr=False)
    _answers_about: dict[str, int] = field(init=False, default_factory=dict)
    _password_changes: dict[str, float] = field(init=False, default_factory=dict)
    _signed_in: set[tuple[str, str]] = field(init=False, default_factory=set)
    whole: Provider | None = field(default=None, repr=False)
    _in_cloud: dict[str, Provider] = field(init=False, default_factory=dict, repr=False)
    _cloud_by_host: Mapping[str, Cloud] = field(init=False, default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.sealer = TokenSealer(self.keys.secret)
        self.replay_cache = ReplayCache(self.settings.replay_capacity)
        self.device_codes = DeviceCodeStore()
        self.loops = LoopDetector()
        self.lockouts = SmartLockout()
        self.sessions = BrowserSessions()
        self.not_checked = frozenset(self.estate.cloud.not_checked)
        self.mutual_authentication = self.estate.cloud.mutual_authentication
        self.set_estate(self.estate)

    def set_estate(self, estate: Estate) -> None:
        """Use ``estate`` from the next request on.

        Issued tokens stay valid unless ``estate`` revokes them; used ones stay used.
        """
        if estate.users is not self.estate.users:
            before = {user.object_id: user.password for user in self.estate.users}
            now = self.clock.now()
            for user in estate.users:
                if before.get(user.object_id, user.password) != user.password:
                    self._password_changes[user.object_id] = now
        self.estate = estate
        self.directory = Directory(estate, self._name_other_cloud)
        self.federation_by_host = {service.host.lower(): service for service in estate.federation_services}
        self.service_by_host = {name.lower(): service for name, service in estate.list_identity_hosts()}
        self._split(estate)

    def set_not_checked(self, rules: frozenset[UncheckedRule]) -> None:
        """Switch these rules off, and check the others, in every cloud: from now on the estate does not decide."""
        self.not_checked = rules
        self._changed_settings.add("not_checked")

    def set_mutual_authentication(self, wanted: bool) -> None:
        """Send the service's own token in every cloud, or in none: from now on the estate does not decide."""
        self.mutual_authentication = wanted
        self._changed_settings.add("mutual_authentication")

    def note_sign_in(self, application: Application, tenant: Tenant) -> None:
        """Remember that a user of ``tenant`` has signed in with ``application``: from now on it is in that tenant."""
        (self.whole or self)._signed_in.add((application.client_id.lower(), tenant.id))  # noqa: SLF001 - of this class

    def has_signed_in(self, application: Application, tenant: Tenant) -> bool:
        """Whether any user of ``tenant`` has signed in with ``application``."""
        return (application.client_id.lower(), tenant.id) in (self.whole or self)._signed_in  # noqa: SLF001

    def client_time(self, call: Call) -> float:
        """Return the time, in seconds since the Unix epoch, by which the client of ``call`` writes its own dates.

        The clock of the service that is called is as far ahead of it as of the lab's.
        """
        if self.find_client_time is None:
            return call.now
        return self.find_client_time(call.trace_buffer.client) + self.clocks.find_service_offset(call.host)

    def at(self, host: str) -> Provider:
        """Return the provider of the cloud to which ``host`` (lower case) belongs; this one, if there is one cloud.

        A federation service belongs to the cloud of the tenant whose domains it signs in.
        """
        if not self.estate.clouds:
            return self
        return self.in_cloud(self._cloud_by_host.get(host, self.estate.cloud))

    def in_cloud(self, cloud: Cloud) -> Provider:
        """Return the provider of ``cloud``; this one, if the estate has one cloud."""
        if not self.estate.clouds:
            return self
        found = self._in_cloud[cloud.cloud_instance_name]
        # What the composition root and the control API may change at any time.
        found.settings = self.settings
        found.fetch_document = self.fetch_document
        found.find_effect, found.find_exposures = self.find_effect, self.find_exposures
        found.find_estate_faults, found.host_conditions = self.find_estate_faults, self.host_conditions
        own, changed = found.estate.cloud, self._changed_settings
        found.not_checked = self.not_checked if "not_checked" in changed else frozenset(own.not_checked)
        found.mutual_authentication = (
            self.mutual_authentication if "mutual_authentication" in changed else own.mutual_authentication
        )
        return found

    def list_clouds(self) -> tuple[Provider, ...]:
        """Return the provider of each cloud of the estate; this one, if there is one cloud."""
        whole = self.whole or self
        return tuple(whole.in_cloud(cloud) for cloud in whole.estate.all_clouds)

    def _name_other_cloud(self, name: str) -> str | None:
        tenant = self.find_other_cloud(name) if self.whole is not None else None
        return None if tenant is None or self.whole is None else self.whole.estate.cloud_of(tenant).cloud_instance_name

    def find_other_cloud(self, name: str) -> Tenant | None:
        """Return the tenant with the id or domain ``name`` if it is in another cloud than this provider's."""
        if self.whole is None or self.directory.find_tenant(name) is not None:
            return None
        return self.whole.directory.find_tenant(name)

    def cloud_of_tenant(self, tenant: Tenant) -> Provider:
        """Return the provider of the cloud of ``tenant``, in whichever cloud of the estate it is."""
        whole = self.whole or self
        entry = whole.directory.find_tenant(tenant.id)
        return whole.in_cloud(whole.estate.cloud_of(entry))

    def cloud_of_login(self, login: str) -> Provider:
        """Return the provider of the cloud that has the domain of ``login``; this one, if none has it."""
        entry = self.find_other_cloud(login.rpartition("@")[2].strip()) if "@" in login else None
        return self if entry is None else self.cloud_of_tenant(entry)

    def _split(self, estate: Estate) -> None:
        """Create or update the providers of the single clouds of ``estate``."""
        if not estate.clouds:
            return
        hosts: dict[str, Cloud] = {}
        for tenant in estate.tenants:
            for domain in tenant.domains:
                service = estate.federation_service(domain.federation or domain.former_federation or "")
                if service is not None:
                    hosts.setdefault(service.host.lower(), estate.cloud_of(tenant))
        for cloud in estate.all_clouds:
            name, part = cloud.cloud_instance_name, select_cloud(estate, cloud)
            hosts |= {host.lower(): cloud for host in (*cloud.login_hosts, cloud.autologon_host)}
            if name in self._in_cloud:
                self._in_cloud[name].set_estate(part)
                continue
            self._in_cloud[name] = Provider(
                estate=part,
                keys=self.keys.in_cloud(name),
                acceptors=self.acceptors,
                trace=self.trace,
                clock=self.clock,
                client_of=self.client_of,
                is_off_network=self.is_off_network,
                settings=self.settings,
                sleep=self.sleep,
                find_client_time=self.find_client_time,
                clocks=self.clocks,
                whole=self,
            )
        self._cloud_by_host = hosts

    def find_announced_service(self, entry: DomainEntry) -> FederationService | None:
        """Return the federation service that the next answer about a domain names; None for a managed domain.

        While a domain is converted, ``former_share`` of the answers still name the former service, evenly spread.
        """
        service = federation_service_of_domain(self.estate, entry)
        domain = entry.domain
        if service is not None or domain.former_federation is None or not domain.former_share:
            return service
        count = self._answers_about[domain.name] = self._answers_about.get(domain.name, 0) + 1
        is_old = math.floor(count * domain.former_share) > math.floor((count - 1) * domain.former_share)
        return self.estate.federation_service(domain.former_federation) if is_old else None

    def password_changed_at(self, user: User, default: float) -> float:
        """Return when the password of ``user`` changed last in this lab, in seconds since the Unix epoch."""
        return self._password_changes.get(user.object_id, default)
