"""Entra Connect Sync: one cycle every 30 minutes. The backlog of changes grows while the sign-in fails."""

from __future__ import annotations

from typing import Final

from msgspec import Struct

from ssosim_clients.failures import StageFailure
from ssosim_clients.flows import AppOnlyFlow, Flow, MsalDotnetPassword
from ssosim_clients.models.base import SignInReport, SignInState
from ssosim_clients.ports import Device
from ssosim_clients.spn.rule import NO_TICKET

__all__ = ["CONNECT_SYNC_CERTIFICATE", "CONNECT_SYNC_PASSWORD", "SyncClient", "SyncProgress"]

_PROGRESS_KEY: Final = "connect-sync"


class SyncProgress(Struct, frozen=True):
    """The progress of a synchronisation client, stored in the memory of its process.

    ``backlog``: the changes that are not yet exported. ``failed_cycles``: how many cycles in a row have failed.
    ``exported``: the changes exported in the last cycle. ``cycle_start``: its start in seconds since the Unix epoch,
    None before the first cycle.
    """

    backlog: int = 0
    failed_cycles: int = 0
    exported: int = 0
    cycle_start: float | None = None

    @classmethod
    def read(cls, device: Device) -> SyncProgress:
        """The progress of the client on ``device``; zero if none has run there."""
        return device.memory.recall(_PROGRESS_KEY, cls, device.clock.now()) or cls()


class SyncClient(Struct, frozen=True, kw_only=True):
    """Signs in once per cycle and exports the changes. The sign-in ends when the backlog is empty.

    ``cycle`` is in seconds. There are ``changes`` new changes per cycle, and one cycle exports at most ``capacity``, so
    a backlog needs several cycles. It alerts after ``alert_after`` failed cycles. Within a cycle only its library
    retries. Source of the cycle: Connect Sync scheduler documentation; the other figures are settings, unconfirmed.
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
        """Run cycles until one has exported the whole backlog. May never return."""
        attempts = 0
        failed: StageFailure | None = None
        while True:
            start, attempts = device.clock.now(), attempts + 1
            progress = self._add_changes(SyncProgress.read(device), start)
            try:
                tokens = await self.flow.attempt(device, NO_TICKET)
            except StageFailure as error:
                failed = error
                after = SyncProgress(progress.backlog, progress.failed_cycles + 1, 0, start)
                device.memory.keep(_PROGRESS_KEY, after)
            else:
                exported = min(progress.backlog, self.capacity)
                after = SyncProgress(progress.backlog - exported, 0, exported, start)
                device.memory.keep(_PROGRESS_KEY, after)
                if not after.backlog:
                    stage = failed.stage if failed else None
                    return SignInReport(SignInState.SILENT, f"exported {exported} changes", stage, attempts, tokens)
            await device.clock.sleep(max(1.0, start + self.cycle - device.clock.now()))

    def is_alerting(self, device: Device) -> bool:
        """Whether enough cycles in a row have failed for an alert to the administrator (TMS9-J_8)."""
        return SyncProgress.read(device).failed_cycles >= self.alert_after

    def _add_changes(self, progress: SyncProgress, now: float) -> SyncProgress:
        """``progress`` with the changes since the start of the last cycle."""
        cycles = 1.0 if progress.cycle_start is None else (now - progress.cycle_start) / self.cycle
        backlog = progress.backlog + round(self.changes * cycles)
        return SyncProgress(backlog, progress.failed_cycles, 0, now)


CONNECT_SYNC_PASSWORD: Final = SyncClient(
    name="connect-sync-password",
    description="Connect Sync with its service account's password: usernamemixed at autologon, every 30 minutes",
    sources=(
        "Azure Incident Retrospective TMS9-J_8: its sign-in failed too, and its repair is a certificate",
        "Entra Connect Sync scheduler documentation",
        "MSAL.NET UsernamePasswordRequest.cs: with x-client headers a Seamless SSO tenant is reported as Federated",
        "unconfirmed: that it used usernamemixed at autologon",
    ),
    flow=MsalDotnetPassword(),
)
"""Without an address of the autologon host it fails at MEX. A CNAME has no effect, because it requests no ticket."""

CONNECT_SYNC_CERTIFICATE: Final = SyncClient(
    name="connect-sync-certificate",
    description="Connect Sync as an application with a certificate: client credentials at the login host",
    sources=(
        "Entra documentation: application identity for Connect Sync, versions 2.5.3.0 and 2.5.76.0",
        "Azure Incident Retrospective TMS9-J_8: the repair, after which it does not use the autologon host",
    ),
    flow=AppOnlyFlow(),
)
"""It does not use the autologon host, so a fault of that name has no effect."""
