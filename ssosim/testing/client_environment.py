"""The environment of a client in memory: DNS and KDC as fields, the real identity provider, a user, and virtual time.

A test changes the fields of a ``ClientEnvironment``, at once or at a later time (``after``), runs a sign-in
(``play``), and reads the events on the wire (``seen``). The default is the default estate: Contoso, a managed domain
with Seamless SSO, and Fabrikam, a federated domain with its own security token service.

    from ssosim.testing import ClientEnvironment, check_client, check_policy

    check_policy(MyPolicy())
    check_client(MY_CLIENT)

    environment = ClientEnvironment(prompt_replies=["Alice-lab-password-1"])
    environment.after(60, ClientEnvironment.remove_record)
    report = environment.play(MY_CLIENT.sign_in(environment.device()), seconds=3600)
    print(environment.log)

Time is virtual: an hour passes in some milliseconds. Nothing here opens a socket or needs asyncio, GSS-API or a KDC.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from functools import cache
from typing import Final, TypeVar

import msgspec
from ssosim_clients.failures import NetworkFailure
from ssosim_clients.ports import Device, HttpResponse

from ssosim.estate import Estate, default_estate
from ssosim.lab.base.errors import LabInputError
from ssosim.lab.base.own_sockets import refuse_own_sockets
from ssosim.memory import Engine, MemoryKdc, MemoryLab
from ssosim.memory.device import build_device
from ssosim.testing.environment_device import EnvironmentDevice
from ssosim.testing.request import Request
from ssosim.testing.wire_event import WireEvent
from ssosim.trace import SignInStep

__all__ = ["AUTOLOGON", "FEDERATED_UPN", "LOGIN", "MANAGER", "PASSWORD", "STS", "UPN", "Answer", "ClientEnvironment"]

T = TypeVar("T")

UPN: Final = "alice@contoso.com"
FEDERATED_UPN: Final = "frank@fabrikam.com"
PASSWORD: Final = "Alice-lab-password-1"  # noqa: S105 - of nobody
LOGIN: Final = "login.microsoftonline.com"
AUTOLOGON: Final = "autologon.microsoftazuread-sso.com"
STS: Final = "sts.fabrikam.com"
MANAGER: Final = "www.tm.a.prd.aadg.trafficmanager.net"

Answer = HttpResponse | NetworkFailure | Callable[[Request], HttpResponse]
"""The answer to a step of the sign-in, instead of the provider's own."""


@cache
def _contoso() -> Estate:
    return default_estate()


@dataclass(slots=True)
class ClientEnvironment:
    """The environment of a client, as fields that a test may change.

    ``cnames``, ``addresses`` and ``pointers`` are all DNS records. ``dns_failures`` maps a name to the kind of its DNS
    failure. ``spns`` are the KDC's services, ``kdc_reachable`` tells whether it replies. ``answers`` maps a step to an
    answer that replaces the provider's. ``prompt_replies`` is what the user types at the next prompts; None stands for
    a
    cancelled prompt. ``desktop_sso``: whether Contoso has Seamless SSO. ``metadata_host`` is the host of the federated
    domain's MEX document. ``estate`` is the provider's estate. ``events`` is what clients sent so far.
    """

    engine: Engine = field(default_factory=Engine)
    cnames: dict[str, str] = field(default_factory=dict)
    addresses: dict[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            LOGIN: ("192.0.2.10",),
            AUTOLOGON: ("192.0.2.20", "192.0.2.21"),
            STS: ("198.51.100.30",),
        }
    )
    pointers: dict[str, str] = field(default_factory=dict)
    dns_failures: dict[str, str] = field(default_factory=dict)
    spns: set[str] = field(default_factory=lambda: {f"HTTP/{AUTOLOGON}", f"HTTP/{STS}"})
    kdc_reachable: bool = True
    answers: dict[SignInStep, Answer] = field(default_factory=dict)
    prompt_replies: list[str | None] = field(default_factory=list)
    desktop_sso: bool = True
    metadata_host: str = STS
    estate: Estate = field(default_factory=_contoso)
    events: list[WireEvent] = field(default_factory=list)
    lab: MemoryLab = field(init=False, repr=False)

    def __post_init__(self) -> None:
        self.lab = MemoryLab(self.engine, self.estate)
        self.lab.kdc = MemoryKdc(self.estate.default_realm.name, lambda: self.spns)

    # the faults of 25 February 2025

    def remove_record(self) -> None:
        """Remove the target of the alias record set: NODATA. Source: Azure Incident Retrospective TMS9-J_8."""
        self.addresses.pop(AUTOLOGON, None)
        self.cnames.pop(AUTOLOGON, None)
        self.dns_failures[AUTOLOGON] = "nodata"

    def put_cname(self) -> None:
        """Replace the alias by a CNAME: the name resolves again, with another canonical name (TMS9-J_8)."""
        self.addresses.pop(AUTOLOGON, None)
        self.dns_failures.pop(AUTOLOGON, None)
        self.cnames[AUTOLOGON] = MANAGER
        self.addresses[MANAGER] = ("192.0.2.20",)

    def restore(self) -> None:
        """Restore the alias record set."""
        self.cnames.pop(AUTOLOGON, None)
        self.dns_failures.pop(AUTOLOGON, None)
        self.addresses[AUTOLOGON] = ("192.0.2.20", "192.0.2.21")

    def after(self, seconds: float, change: Callable[[ClientEnvironment], None]) -> None:
        """Call ``change`` with this environment in ``seconds`` of virtual time, between two steps of the clients."""
        self.engine.call_at(self.now + seconds, lambda: change(self))

    # clients

    @property
    def now(self) -> float:
        """The present moment, in seconds since the Unix epoch."""
        return self.engine.now

    def device(self, **changes: object) -> Device:
        """Make a device with Alice signed on. ``changes`` are fields of ``Device``.

        With another ``upn`` that user is signed on, whose password it holds. Raises LabInputError for an unknown user.
        """
        upn = str(changes.get("upn", UPN))
        user = self.estate.user(upn)
        if user is None:
            known = ", ".join(user.upn for user in self.estate.users)
            raise LabInputError(f"upn: nobody in the estate {self.estate.name!r} is called {upn!r}; known: {known}")
        fixed = {"search_domain": ""}
        return build_device(self.lab, user, EnvironmentDevice(self, user), **(fixed | changes))

    def play(self, sign_in: Coroutine[object, object, T], seconds: float = 86400.0) -> T | None:
        """Run ``sign_in`` for at most ``seconds`` of virtual time and return its result.

        If it has not ended by then, it is cancelled and the result is None. Raises the exceptions of ``sign_in``.
        """
        run = self.engine.start(sign_in)
        with refuse_own_sockets(getattr(sign_in, "__qualname__", "client")):
            self.engine.run(self.now + seconds, watched=run)
        if not run.done:
            run.cancel()
        return run.result

    def show_at_provider(self) -> None:
        """Change the provider's estate to match ``desktop_sso``."""
        provider = self.lab.provider
        if provider.estate is self.estate and not self.desktop_sso:
            tenants = tuple(msgspec.structs.replace(tenant, desktop_sso=False) for tenant in self.estate.tenants)
            provider.set_estate(msgspec.structs.replace(self.estate, tenants=tenants))
        elif provider.estate is not self.estate and self.desktop_sso:
            provider.set_estate(self.estate)

    @property
    def usual_metadata_host(self) -> str:
        """The estate's host of the federated domain's MEX document; ``metadata_host`` may be another one."""
        return self.estate.federation_services[0].host if self.estate.federation_services else ""

    # what was seen

    @property
    def log(self) -> list[str]:
        """All events, one line each."""
        return [str(event) for event in self.events]

    def seen(self, prefix: str) -> list[str]:
        """Return the lines of ``log`` that begin with ``prefix``."""
        return [line for line in self.log if line.startswith(prefix)]

    def count(self, step: SignInStep) -> int:
        """Return the number of requests for ``step``, answered or not."""
        return sum(event.kind == "http" and event.step is step for event in self.events)
