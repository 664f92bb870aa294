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
from ssosim.entra.core.settings import Settings
from ssosim.entra.core.ticket_acceptor import TicketAcceptor
from ssosim.estate import Estate, FederationService, UncheckedRule, User
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
    have been used. ``not_checked`` are the rules that are switched off (``Cloud.not_checked``); it may change at any
    time. ``is_off_network`` says whether the device of a client is outside of the corporate network.
    ``find_exposures`` returns the credentials in a call that its recipient must not have, as events; None: nobody
    looks. ``find_estate_faults`` returns the numbers of the faults of the estate that changed a reply. ``find_effect``
    returns the effect of the active faults on a call and may change at any time;
    ``sleep``
    waits for the delay of a fault. ``fetch_document`` gets the configuration and the keys of other issuers; the
    composition root connects it to the hosts of the lab.
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
    directory: Directory = field(init=False)
    sealer: TokenSealer = field(init=False)
    replay_cache: ReplayCache = field(init=False)
    device_codes: DeviceCodeStore = field(init=False)
    not_checked: frozenset[UncheckedRule] = field(init=False)
    host_conditions: frozenset[str] = field(init=False, default=frozenset())
    federation_by_host: Mapping[str, FederationService] = field(init=False)
    service_by_host: Mapping[str, str] = field(init=False)
    loops: LoopDetector = field(init=False)
    sessions: BrowserSessions = field(init=False)
    _answers_about: dict[str, int] = field(init=False, default_factory=dict)
    _password_changes: dict[str, float] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self.sealer = TokenSealer(self.keys.secret)
        self.replay_cache = ReplayCache(self.settings.replay_capacity)
        self.device_codes = DeviceCodeStore()
        self.loops = LoopDetector()
        self.sessions = BrowserSessions()
        self.not_checked = frozenset(self.estate.cloud.not_checked)
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
        self.directory = Directory(estate)
        self.federation_by_host = {service.host.lower(): service for service in estate.federation_services}
        self.service_by_host = {name.lower(): service for name, service in estate.list_identity_hosts()}

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
