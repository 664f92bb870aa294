"""Base class of faults of the hosts that give programs tokens."""

from __future__ import annotations

from ssosim.credential_hosts.endpoints import is_token_request
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.faults.core.http_fault import HttpFault

__all__ = ["HostFault"]


class HostFault(HttpFault, frozen=True, kw_only=True):
    """A fault of the token endpoints of all devices, IMDS, App Service and others; ``clients`` and ``host`` limit it.

    Probes of chained credentials are requests to the same endpoint, so ``first`` counts them too.
    """

    def effect_on(self, call: Call) -> HttpEffect | None:
        """Return the effect on a request for a token; None for any other request."""
        return self.effect_on_token_request(call) if is_token_request(call) else None

    def effect_on_token_request(self, call: Call) -> HttpEffect | None:
        """Return the effect on a request for a token, or on a probe."""
        raise NotImplementedError

    def describe_scope(self) -> str:
        """Describe the requests in the scope of the fault."""
        scope = super().describe_scope()
        return scope if self.host else scope.replace("https://*", "token endpoints of devices")
