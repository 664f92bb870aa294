"""A chain of credentials, tried in order: what is *unavailable* is passed over, what *fails* ends the chain.

Source: azure-identity ``_credentials/chained.py`` and ``default.py``, version 1.27 (read, run).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from ssosim_clients.failures import CredentialUnavailable, Stage, StageFailure
from ssosim_clients.flows.native import Flow
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device
from ssosim_clients.spn.rule import SpnRule

__all__ = ["ChainCredential", "ChainFlow"]

_PINNED: Final = "azure-identity:pinned"


@dataclass(frozen=True, slots=True)
class ChainCredential:
    """One credential of a chain: a flow, or the reason why it is not available on such devices.

    ``developer``: its own failures count as unavailable, as those of the command-line tools' credentials do.
    """

    name: str
    flow: Flow | None = None
    missing: str = "not set up on this device"
    developer: bool = False

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once. Raises ``StageFailure``."""
        if self.flow is None:
            raise StageFailure(Stage.REALM, CredentialUnavailable(self.missing))
        return await self.flow.attempt(device, spn)


@dataclass(frozen=True, slots=True)
class ChainFlow:
    """Try ``links`` in order. The one that succeeded first is the only one asked for the process's life."""

    links: tuple[ChainCredential, ...]
    app: Application = field(default_factory=lambda: Application(headers=None))

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once. Raises ``StageFailure``: with the failure of the link that ended the chain, else ``CredentialUnavailable``."""
        pinned = device.memory.recall(_PINNED, str, device.clock.now())
        passed_over: list[str] = []
        for link in self.links:
            if pinned not in (None, link.name):
                continue
            try:
                tokens = await link.attempt(device, spn)
            except StageFailure as stopped:
                if not (link.developer or isinstance(stopped.failure, CredentialUnavailable)):
                    raise
                passed_over.append(f"{link.name}: {stopped.failure}")
            else:
                device.memory.keep(_PINNED, link.name)
                return tokens
        attempts = "; ".join(passed_over)
        raise StageFailure(
            Stage.REALM, CredentialUnavailable(f"no credential of the chain can be tried here: {attempts}")
        )
