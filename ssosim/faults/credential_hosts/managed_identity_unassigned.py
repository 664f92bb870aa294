"""The fault ``managed-identity-unassigned``."""

from __future__ import annotations

import dataclasses

from msgspec.structs import replace

from ssosim.estate import Device, Estate
from ssosim.faults.core.errors import FaultError
from ssosim.faults.core.fault import Applied, Fault, FaultState

__all__ = ["ManagedIdentityUnassigned"]


class ManagedIdentityUnassigned(Fault, frozen=True, kw_only=True, tag="managed-identity-unassigned"):
    """A device has lost an identity: the user-assigned one called ``identity``, or its system-assigned one.

    ``device``: only this device; empty: all devices. Without ``identity`` it is the system-assigned identity. Tokens
    that were issued before stay valid. Source: troubleshooting guides of azidentity and azure-identity ("the requested
    identity has not been assigned to this resource").
    """

    device: str = ""
    identity: str = ""

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - no hits are counted
        """Return ``state`` with an estate in which the devices do not have the identity."""
        return dataclasses.replace(state, estate=(*state.estate, self._change))

    def _change(self, estate: Estate) -> Estate:
        chosen = [each for each in estate.devices if self.device in ("", each.name)]
        if not any(self._has(each) for each in chosen):
            what = f"identity {self.identity!r}" if self.identity else "a system-assigned identity"
            raise FaultError(f"identity: no such device has {what}")
        devices = tuple(self._without(each) if each in chosen else each for each in estate.devices)
        return replace(estate, devices=devices)

    def _has(self, device: Device) -> bool:
        if self.identity:
            return self.identity in device.user_assigned_identities
        return device.system_assigned_identity

    def _without(self, device: Device) -> Device:
        if not self.identity:
            return replace(device, system_assigned_identity=False)
        kept = tuple(name for name in device.user_assigned_identities if name != self.identity)
        return replace(device, user_assigned_identities=kept)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"{self.identity or 'the system-assigned identity'} is not assigned to {self.device or 'any device'}"
