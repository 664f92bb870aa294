"""Everything outside a client, in memory: DNS and KDC as fields, the real identity provider, a person, and time.

A test changes the world's fields, at once or on a timeline (``after``), lets a client sign in (``play``), and reads
what went over the wire (``seen``). The default is Contoso as the simulator has it: a managed domain with Seamless SSO,
and a federated one, Fabrikam, with its own security token service.

    from ssosim.testing import World, check_client, check_policy

    check_policy(MyPolicy())
    check_client(MY_CLIENT)

    world = World(person=["Alice-lab-password-1"])
    world.after(60, World.remove_record)
    belief = world.play(MY_CLIENT.sign_in(world.device()), seconds=3600)
    print(world.log)

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
from ssosim.memory import Engine, MemoryKdc, MemoryLab
from ssosim.memory.device import build_device
from ssosim.testing.request import Request
from ssosim.testing.wire_event import WireEvent
from ssosim.testing.world_device import WorldDevice
from ssosim.trace import SignInStep

__all__ = ["AUTOLOGON", "FEDERATED_UPN", "LOGIN", "MANAGER", "PASSWORD", "STS", "UPN", "Answer", "World"]

T = TypeVar("T")

UPN: Final = "alice@contoso.com"
FEDERATED_UPN: Final = "frank@fabrikam.com"
PASSWORD: Final = "Alice-lab-password-1"  # noqa: S105 - of nobody
LOGIN: Final = "login.microsoftonline.com"
AUTOLOGON: Final = "autologon.microsoftazuread-sso.com"
STS: Final = "sts.fabrikam.com"
MANAGER: Final = "www.tm.a.prd.aadg.trafficmanager.net"

Answer = HttpResponse | NetworkFailure | Callable[[Request], HttpResponse]
"""What a step of the sign-in is answered with instead of the provider's own answer."""


@cache
def _contoso() -> Estate:
    return default_estate()


@dataclass(slots=True)
class World:
    """DNS, the KDC, answers and the person at the device, as fields that a test may change.

    ``cnames``, ``addresses`` and ``pointers`` are the whole of the DNS; ``broken`` maps a name to the DNS kind that it
    fails with; ``spns`` is what the KDC knows; ``answers`` maps a step to its answer, in the place of the provider's;
    ``person`` is what is typed at the prompts to come. ``desktop_sso``: whether Contoso has Seamless SSO.
    ``metadata_host`` is where the federated domain's MEX document is. ``estate`` is what the provider goes by.
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
    broken: dict[str, str] = field(default_factory=dict)
    spns: set[str] = field(default_factory=lambda: {f"HTTP/{AUTOLOGON}", f"HTTP/{STS}"})
    kdc_reachable: bool = True
    answers: dict[SignInStep, Answer] = field(default_factory=dict)
    person: list[str | None] = field(default_factory=list)
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
        """The alias record set is left without a target: NODATA. Source: Azure Incident Retrospective TMS9-J_8."""
        self.addresses.pop(AUTOLOGON, None)
        self.cnames.pop(AUTOLOGON, None)
        self.broken[AUTOLOGON] = "nodata"

    def put_cname(self) -> None:
        """A CNAME in place of the alias: the name resolves again, to another canonical name (TMS9-J_8)."""
        self.addresses.pop(AUTOLOGON, None)
        self.broken.pop(AUTOLOGON, None)
        self.cnames[AUTOLOGON] = MANAGER
        self.addresses[MANAGER] = ("192.0.2.20",)

    def restore(self) -> None:
        """The alias is back."""
        self.cnames.pop(AUTOLOGON, None)
        self.broken.pop(AUTOLOGON, None)
        self.addresses[AUTOLOGON] = ("192.0.2.20", "192.0.2.21")

    def after(self, seconds: float, change: Callable[[World], None]) -> None:
        """Have ``change`` happen ``seconds`` from now, between two of the clients' steps."""
        self.engine.call_at(self.now + seconds, lambda: change(self))

    # clients

    @property
    def now(self) -> float:
        """The moment, in seconds since the epoch."""
        return self.engine.now

    def device(self, **changes: object) -> Device:
        """A device in this world: Alice's, who is signed on there. ``changes`` are fields of ``Device``.

        With another ``upn`` it is that user's device, whose password it holds. Raises LabInputError for an unknown one.
        """
        upn = str(changes.get("upn", UPN))
        user = self.estate.user(upn)
        if user is None:
            known = ", ".join(user.upn for user in self.estate.users)
            raise LabInputError(f"upn: nobody in the estate {self.estate.name!r} is called {upn!r}; known: {known}")
        fixed = {"search_domain": ""}
        return build_device(self.lab, user, WorldDevice(self, user), **(fixed | changes))

    def play(self, sign_in: Coroutine[object, object, T], seconds: float = 86400.0) -> T | None:
        """Run ``sign_in`` for at most ``seconds``; None if it had not ended by then, and it is left there.

        Raises what it raises.
        """
        run = self.engine.start(sign_in)
        self.engine.run(self.now + seconds, watched=run)
        if not run.done:
            run.cancel()
        return run.result

    def show_at_provider(self) -> None:
        """Have the provider go by ``desktop_sso`` from now on."""
        provider = self.lab.provider
        if provider.estate is self.estate and not self.desktop_sso:
            tenants = tuple(msgspec.structs.replace(tenant, desktop_sso=False) for tenant in self.estate.tenants)
            provider.set_estate(msgspec.structs.replace(self.estate, tenants=tenants))
        elif provider.estate is not self.estate and self.desktop_sso:
            provider.set_estate(self.estate)

    @property
    def usual_metadata_host(self) -> str:
        """Where the federated domain's MEX document is unless ``metadata_host`` is another."""
        return self.estate.federation_services[0].host if self.estate.federation_services else ""

    # what was seen

    @property
    def log(self) -> list[str]:
        """All that was seen, one line each."""
        return [str(event) for event in self.events]

    def seen(self, prefix: str) -> list[str]:
        """The lines that begin with ``prefix``."""
        return [line for line in self.log if line.startswith(prefix)]

    def count(self, step: SignInStep) -> int:
        """How many requests were made for ``step``, answered or not."""
        return sum(event.kind == "http" and event.step is step for event in self.events)
