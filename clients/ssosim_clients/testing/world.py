"""Everything outside a client, in memory: programmable DNS, a KDC as a set of SPNs, an identity provider, a person.

A test changes the world's fields, at once or on a timeline (``after``), lets a client sign in (``play``), and reads
what went over the wire (``seen``). The default is Contoso as the simulator has it: a managed domain with Seamless SSO,
and a federated one, Fabrikam, with its own security token service.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

from ssosim_clients.failures import NetworkFailure
from ssosim_clients.ports import AppCredentials, Device, HttpResponse
from ssosim_clients.testing.device import MemoryPorts
from ssosim_clients.testing.engine import Engine
from ssosim_clients.testing.provider import Request, Step
from ssosim_clients.testing.seen import Seen

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


@dataclass(slots=True)
class World:
    """See the module. ``broken`` maps a name to the DNS kind that it fails with; ``answers`` a step to its answer."""

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
    answers: dict[Step, Answer] = field(default_factory=dict)
    person: list[str | None] = field(default_factory=list)
    desktop_sso: bool = True
    metadata_host: str = STS
    autologon: str = AUTOLOGON
    password: str = PASSWORD
    app_secret: str = "app-secret"  # noqa: S105 - of nobody
    events: list[Seen] = field(default_factory=list)

    # the faults of 25 February 2025

    def remove_record(self) -> None:
        """The alias record set is left without a target: NODATA. Seed row 004-020."""
        self.addresses.pop(AUTOLOGON, None)
        self.cnames.pop(AUTOLOGON, None)
        self.broken[AUTOLOGON] = "nodata"

    def put_cname(self) -> None:
        """A CNAME in place of the alias: the name resolves again, to another canonical name. Seed row 004-082."""
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

    def device(self, **changes: Any) -> Device:
        """A device in this world: Alice's, who is signed on there. ``changes`` are fields of ``Device``."""
        ports = MemoryPorts(self)
        parts: dict[str, Any] = {
            "upn": UPN,
            "resolver": ports,
            "http": ports,
            "kerberos": ports,
            "clock": ports,
            "user": ports,
            "new_id": _same_id,
            "stored_password": self.password,
            "app_credentials": AppCredentials("7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01", "contoso.com", self.app_secret),
        }
        return Device(**(parts | changes))

    def play(self, sign_in: Coroutine[Any, Any, T], seconds: float = 86400.0) -> T | None:
        """Run ``sign_in`` for at most ``seconds``; None if it had not ended by then, and it is left there.

        Raises what it raises.
        """
        run = self.engine.start(sign_in)
        self.engine.run(self.now + seconds, watched=run)
        if not run.done:
            run.cancel()
        return run.result

    # what was seen

    @property
    def log(self) -> list[str]:
        """All that was seen, one line each."""
        return [str(event) for event in self.events]

    def seen(self, prefix: str) -> list[str]:
        """The lines that begin with ``prefix``."""
        return [line for line in self.log if line.startswith(prefix)]

    def count(self, step: Step) -> int:
        """How many requests were made for ``step``, answered or not."""
        return sum(event.kind == "http" and event.step is step for event in self.events)

    # what the provider asks

    def realm_of(self, upn: str, *, sees_desktop_sso: bool) -> tuple[str, str | None, str | None]:
        """Account type, MEX address and active address of a user's domain."""
        domain = upn.rpartition("@")[2].lower()
        if domain == "fabrikam.com":
            trust = f"https://{STS}/adfs/services/trust"
            return "Federated", f"https://{self.metadata_host}/adfs/services/trust/mex", f"{trust}/2005/usernamemixed"
        if domain != "contoso.com":
            return "Unknown", None, None
        if not (self.desktop_sso and sees_desktop_sso):
            return "Managed", None, None
        trust = f"https://{self.autologon}/{domain}/winauth/trust"
        return "Federated", f"{trust}/mex", f"{trust}/2005/usernamemixed"

    def trust_urls(self, host: str) -> tuple[str, str]:
        """The endpoints for a ticket and for a password that the MEX document of ``host`` names."""
        base = f"https://{self.autologon}/contoso.com/winauth/trust/2005"
        if host != self.autologon:
            base = f"https://{STS}/adfs/services/trust/2005"
        return f"{base}/windowstransport", f"{base}/usernamemixed"

    def serves(self, step: Step) -> tuple[str, ...]:
        """The hosts that answer ``step``."""
        if step in (Step.REALM, Step.PAGE, Step.TOKEN):
            return (LOGIN,)
        if step is Step.BROWSER:
            return (self.autologon,)
        return (self.autologon, STS, self.metadata_host)


def _same_id() -> str:
    return "00000000-0000-0000-0000-000000000001"
