"""Everything outside a client, in memory: programmable DNS, a KDC as a set of SPNs, an identity provider, a person.

A test changes the world's fields, at once or on a timeline (``after``), lets a client sign in (``play``), and reads
what went over the wire (``seen``). The default is Contoso as the simulator has it: a managed domain with Seamless SSO,
and a federated one, Fabrikam, with its own security token service.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

from ssosim_clients.ports import AppCredentials, Device
from ssosim_clients.testing.device import MemoryPorts
from ssosim_clients.testing.request import Step
from ssosim_clients.testing.surroundings import AUTOLOGON, MANAGER, UPN, Surroundings

__all__ = ["World"]

T = TypeVar("T")


@dataclass(slots=True)
class World(Surroundings):
    """See the module, and ``Surroundings`` for the fields."""

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


def _same_id() -> str:
    return "00000000-0000-0000-0000-000000000001"
