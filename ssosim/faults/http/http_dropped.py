"""The fault ``http-dropped``."""

from __future__ import annotations

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.faults.core.http_fault import HttpFault

__all__ = ["HttpDropped"]


class HttpDropped(HttpFault, frozen=True, kw_only=True, tag="http-dropped"):
    """The service gets the request and closes the connection without a response.

    Source: Measured here: sign-in libraries fault by fault ("dropped").
    """

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Close the connection."""
        return HttpEffect(silent=True, dropped=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the connection ends without an answer: {self.describe_scope()}"
