"""The fault ``managed-identity-silent``."""

from __future__ import annotations

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.faults.core.host_fault import HostFault

__all__ = ["ManagedIdentitySilent"]


class ManagedIdentitySilent(HostFault, frozen=True, kw_only=True, tag="managed-identity-silent"):
    """The token endpoint of a device accepts connections and sends no response.

    Source: troubleshooting guides of azidentity and azure-identity ("no response from the IMDS endpoint").
    """

    def effect_on_token_request(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Send no response."""
        return HttpEffect(silent=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"no answer: {self.describe_scope()}"
