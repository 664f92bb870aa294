"""The state of everything outside a client: what its device and the identity provider look things up in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ssosim_clients.failures import NetworkFailure
from ssosim_clients.ports import HttpResponse
from ssosim_clients.testing.engine import Engine
from ssosim_clients.testing.request import Request, Step
from ssosim_clients.testing.seen import Seen

__all__ = ["AUTOLOGON", "FEDERATED_UPN", "LOGIN", "MANAGER", "PASSWORD", "STS", "UPN", "Answer", "Surroundings"]

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
class Surroundings:
    """DNS, the KDC, the identity provider and the person at the device, as fields that a test may change.

    ``broken`` maps a name to the DNS kind that it fails with; ``answers`` a step to its answer; ``person`` is what is
    typed at the prompts to come.
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
    answers: dict[Step, Answer] = field(default_factory=dict)
    person: list[str | None] = field(default_factory=list)
    desktop_sso: bool = True
    metadata_host: str = STS
    autologon: str = AUTOLOGON
    password: str = PASSWORD
    app_secret: str = "app-secret"  # noqa: S105 - of nobody
    events: list[Seen] = field(default_factory=list)

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
        if step in (Step.REALM, Step.PAGE, Step.INSTANCE, Step.TOKEN):
            return (LOGIN,)
        if step is Step.BROWSER:
            return (self.autologon,)
        return (self.autologon, STS, self.metadata_host)
