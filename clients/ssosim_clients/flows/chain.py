"""A chain of credentials, tried in order. It skips *unavailable* credentials; one that *fails* ends the chain.

Source: azure-identity ``_credentials/chained.py`` and ``default.py``, version 1.27 (read, run).
"""

from __future__ import annotations

from typing import Final

from msgspec import Struct, field

from ssosim_clients.failures import CredentialUnavailable, Stage, StageFailure
from ssosim_clients.flows.native import Flow
from ssosim_clients.flows.token import Application, Tokens
from ssosim_clients.ports import Device
from ssosim_clients.spn.rule import SpnRule

__all__ = ["ChainCredential", "ChainFlow"]

_PINNED: Final = "azure-identity:pinned"


class ChainCredential(Struct, frozen=True):
    """One credential of a chain: a flow, or the reason why it is unavailable.

    ``developer_tool``: a failure of it counts as unavailable, as for the credentials of command-line tools.
    """

    name: str
    flow: Flow | None = None
    unavailable_reason: str = "not set up on this device"
    developer_tool: bool = False

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once. Raises ``StageFailure``."""
        if self.flow is None:
            raise StageFailure(Stage.REALM, CredentialUnavailable(self.unavailable_reason))
        return await self.flow.attempt(device, spn)


class ChainFlow(Struct, frozen=True):
    """Try ``credentials`` in order. After a success the process uses only the credential that succeeded."""

    credentials: tuple[ChainCredential, ...]
    app: Application = field(default_factory=lambda: Application(headers=None))

    async def attempt(self, device: Device, spn: SpnRule) -> Tokens:
        """Try once.

        Raises ``StageFailure`` with the failure of the credential that ended the chain, or with
        ``CredentialUnavailable`` if all are unavailable.
        """
        pinned = device.memory.recall(_PINNED, str, device.clock.now())
        skipped: list[str] = []
        for credential in self.credentials:
            if pinned not in (None, credential.name):
                continue
            try:
                tokens = await credential.attempt(device, spn)
            except StageFailure as error:
                if not (credential.developer_tool or isinstance(error.failure, CredentialUnavailable)):
                    raise
                skipped.append(f"{credential.name}: {error.failure}")
            else:
                device.memory.keep(_PINNED, credential.name)
                return tokens
        text = f"no credential of the chain can be tried on this device: {'; '.join(skipped)}"
        raise StageFailure(Stage.REALM, CredentialUnavailable(text))
