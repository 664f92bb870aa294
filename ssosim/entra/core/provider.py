"""Everything that the endpoints share, in one place that the composition root fills."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ssosim.clock import Clock, RealClock
from ssosim.entra.core.device_codes import DeviceCodeStore
from ssosim.entra.core.directory import Directory
from ssosim.entra.core.fault_effect import Tamper
from ssosim.entra.core.keys import Keys
from ssosim.entra.core.replay_cache import ReplayCache
from ssosim.entra.core.sealed_tokens import TokenSealer
from ssosim.entra.core.settings import Settings
from ssosim.entra.core.ticket_acceptor import TicketAcceptor
from ssosim.estate import Estate, FederationService
from ssosim.trace import Trace

__all__ = ["Provider"]


def _anonymous(remote: str, local: str) -> str:  # noqa: ARG001  the shape of ``Provider.who``
    return ""


@dataclass(slots=True, kw_only=True)
class Provider:
    """The identity provider's parts.

    ``acceptors`` maps a host name (lower case) to the judge of Negotiate tokens there: of each name of a service that
    has a key table. ``who`` names the client behind (remote address, local address).
    ``hosts`` says which of the provider's services answers for a host name (lower case).
    ``tamper`` is what faults do to exchanges, which may change at any time; a delay of theirs is spent in ``sleep``.
    """

    estate: Estate
    keys: Keys
    acceptors: Mapping[str, TicketAcceptor]
    trace: Trace = field(default_factory=Trace)
    clock: Clock = field(default_factory=RealClock)
    client_of: Callable[[str, str], str] = _anonymous
    settings: Settings = field(default_factory=Settings)
    tamper: Tamper | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    directory: Directory = field(init=False)
    sealer: TokenSealer = field(init=False)
    replay_cache: ReplayCache = field(init=False)
    device_codes: DeviceCodeStore = field(init=False)
    federation_by_host: Mapping[str, FederationService] = field(init=False)
    service_by_host: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.sealer = TokenSealer(self.keys.secret)
        self.replay_cache = ReplayCache(self.settings.replay_capacity)
        self.device_codes = DeviceCodeStore()
        self.set_estate(self.estate)

    def set_estate(self, estate: Estate) -> None:
        """Serve ``estate`` from the next request on; what has been issued or used stays so."""
        self.estate = estate
        self.directory = Directory(estate)
        self.federation_by_host = {service.host.lower(): service for service in estate.federation_services}
        self.service_by_host = {name.lower(): service for name, service in estate.identity_names()}
