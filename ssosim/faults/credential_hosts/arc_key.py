"""The fault ``arc-key``."""

from __future__ import annotations

import dataclasses
from typing import Literal

from ssosim.credential_hosts.endpoints import ARC_KEY_FORBIDDEN, ARC_KEY_TOO_LARGE, ARC_KEYS
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call, HttpReply, make_guid
from ssosim.faults.core.fault import Applied, FaultState
from ssosim.faults.core.host_fault import HostFault
from ssosim.faults.core.http_fault import check_unlimited

__all__ = ["ArcKey"]

_ARC_PORT = 40342
_CONDITIONS = {"too-large": ARC_KEY_TOO_LARGE, "forbidden": ARC_KEY_FORBIDDEN}


class ArcKey(HostFault, frozen=True, kw_only=True, tag="arc-key"):
    """The challenge of Azure Arc's agent leads to no usable key.

    ``how``: ``missing`` names a file that does not exist; ``elsewhere`` names one outside of the folder that libraries
    accept; ``too-large`` has more than 4,096 bytes; ``no-realm`` is a challenge without a file; ``forbidden``: programs
    that start now are not run by a member of the group ``himds``, so they cannot read the files. Sources: the checks in
    azure-identity and MSAL, which exist since the agent could be used to read any file; Azure Arc document
    "Authenticate against Azure resources with Azure Arc-enabled servers" (prerequisites).
    """

    how: Literal["missing", "too-large", "elsewhere", "no-realm", "forbidden"] = "missing"

    def __post_init__(self) -> None:
        """Raise ValueError for limits on what is no answer to a request, but a condition of all devices."""
        super().__post_init__()
        if self.how in _CONDITIONS:
            check_unlimited(self, f'how = "{self.how}"')

    def fold(self, state: FaultState, applied: Applied) -> FaultState:
        """Return ``state`` with the rule of this fault, or with the condition of the files that it changes."""
        condition = _CONDITIONS.get(self.how)
        if condition is not None:
            return dataclasses.replace(state, host_conditions=state.host_conditions | {condition})
        return super().fold(state, applied)

    def effect_on_token_request(self, call: Call) -> HttpEffect | None:
        """Change the challenge."""
        if call.port != _ARC_PORT or call.headers.get("Authorization"):
            return None
        challenge = {
            "missing": f"Basic realm={ARC_KEYS}/{make_guid()}.key",
            "elsewhere": "Basic realm=/etc/hostname.key",
            "no-realm": "Basic",
        }[self.how]

        def change(reply: HttpReply) -> HttpReply:
            if reply.status != 401:
                return reply
            return dataclasses.replace(reply, headers=(("WWW-Authenticate", challenge),))

        return HttpEffect(change=change, from_service=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the key of Azure Arc's challenge: {self.how}"
