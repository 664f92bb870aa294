"""Everything that the endpoints share, in one place that the composition root fills."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ssosim.clock import Clock, SystemClock
from ssosim.entra.core.device_codes import DeviceCodes
from ssosim.entra.core.directory import Directory
from ssosim.entra.core.fault_effect import Tamper
from ssosim.entra.core.keys import Keys
from ssosim.entra.core.replay_cache import ReplayStore
from ssosim.entra.core.sealed_tokens import Seal
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
    clock: Clock = field(default_factory=SystemClock)
    who: Callable[[str, str], str] = _anonymous
    settings: Settings = field(default_factory=Settings)
    tamper: Tamper | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    directory: Directory = field(init=False)
    seal: Seal = field(init=False)
    used: ReplayStore = field(init=False)
    device_codes: DeviceCodes = field(init=False)
    services: Mapping[str, FederationService] = field(init=False)
    hosts: Mapping[str, str] = field(init=False)

    def __post_init__(self) -> None:
        self.seal = Seal(self.keys.secret)
        self.used = ReplayStore(self.settings.replay_capacity)
        self.device_codes = DeviceCodes()
        self.use(self.estate)

    def use(self, estate: Estate) -> None:
        """Serve ``estate`` from the next request on; what has been issued or used stays so."""
        self.estate = estate
        self.directory = Directory(estate)
        self.services = {service.host.lower(): service for service in estate.federation_services}
        self.hosts = {name.lower(): service for name, service in estate.list_identity_hosts()}
