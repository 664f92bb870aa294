"""Entra Connect Sync: a cycle every half hour, and a backlog that grows while the sign-in fails."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from ssosim_clients.failures import StageFailure
from ssosim_clients.flows import AppOnlyFlow, Flow, MsalDotnetPassword
from ssosim_clients.models.base import SignInReport, SignInState
from ssosim_clients.ports import Device
from ssosim_clients.spn.rule import NO_TICKET

__all__ = ["CONNECT_SYNC_CERTIFICATE", "CONNECT_SYNC_PASSWORD", "SyncClient", "SyncProgress"]

_STATE: Final = "connect-sync"


@dataclass(frozen=True, slots=True)
class SyncProgress:
    """Where a synchroniser stands. It lasts as long as its process, and ``SyncProgress.of(device)`` reads it.

    ``backlog`` is changes not yet exported, ``missed`` cycles failed in a row, ``exported`` the changes of the last
    cycle, ``at`` its moment in seconds since the epoch.
    """

    backlog: int = 0
    missed: int = 0
    exported: int = 0
    at: float | None = None

    @classmethod
    def of(cls, device: Device) -> SyncProgress:
        """The state of the synchroniser on ``device``; the beginning if none has run there."""
        return device.memory.recall(_STATE, cls, device.clock.now()) or cls()


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncClient:
    """Signs in once a cycle and exports what has changed; done when nothing is left.

    ``cycle`` is in seconds. ``changes`` come up per cycle and at most ``capacity`` are exported in one, so a backlog
    takes a while to drain; it alerts after ``alert_after`` missed cycles. Within a cycle it retries no more than its
    library does. Cycle: Connect Sync scheduler documentation; the other figures are settings, unconfirmed.
    """

    name: str
    description: str
    sources: tuple[str, ...]
    flow: Flow
    cycle: float = 1800.0
    changes: int = 200
    capacity: int = 1000
    alert_after: int = 2

    async def sign_in(self, device: Device) -> SignInReport:
        """Run cycles until one has exported everything; may never return."""
        attempts = 0
        stopped: StageFailure | None = None
        while True:
            began, attempts = device.clock.now(), attempts + 1
            state = self._grown(SyncProgress.of(device), began)
            try:
                tokens = await self.flow.attempt(device, NO_TICKET)
            except StageFailure as error:
                stopped = error
                device.memory.keep(_STATE, SyncProgress(state.backlog, state.missed + 1, 0, began))
            else:
                exported = min(state.backlog, self.capacity)
                device.memory.keep(_STATE, SyncProgress(state.backlog - exported, 0, exported, began))
                if exported == state.backlog:
                    stage = stopped.stage if stopped else None
                    return SignInReport(SignInState.SILENT, f"exported {exported} changes", stage, attempts, tokens)
            await device.clock.sleep(max(1.0, began + self.cycle - device.clock.now()))

    def alerts(self, device: Device) -> bool:
        """Whether so many cycles have failed in a row that an administrator is told (TMS9-J_8)."""
        return SyncProgress.of(device).missed >= self.alert_after

    def _grown(self, state: SyncProgress, now: float) -> SyncProgress:
        cycles = 1.0 if state.at is None else (now - state.at) / self.cycle
        return SyncProgress(state.backlog + round(self.changes * cycles), state.missed, 0, now)


CONNECT_SYNC_PASSWORD: Final = SyncClient(
    name="connect-sync-password",
    description="Connect Sync with its service account's password: usernamemixed at autologon, every 30 minutes",
    sources=(
        "Azure Incident Retrospective TMS9-J_8: its sign-in failed too, and its repair is a certificate",
        "Entra Connect Sync scheduler documentation",
        "MSAL.NET UsernamePasswordRequest.cs: with x-client headers a Seamless SSO tenant answers Federated",
        "unconfirmed: that it used usernamemixed at autologon",
    ),
    flow=MsalDotnetPassword(),
)
"""Fails with the name, at MEX; a CNAME does not matter to it, for it asks for no ticket."""

CONNECT_SYNC_CERTIFICATE: Final = SyncClient(
    name="connect-sync-certificate",
    description="Connect Sync as an application with a certificate: client credentials at the login host",
    sources=(
        "Entra documentation: application identity for Connect Sync, versions 2.5.3.0 and 2.5.76.0",
        "Azure Incident Retrospective TMS9-J_8: the repair that moves it away from the autologon host",
    ),
    flow=AppOnlyFlow(),
)
"""Knows no autologon host, so nothing that happens to that name reaches it."""
