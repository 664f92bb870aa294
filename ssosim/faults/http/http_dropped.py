"""The fault ``http-dropped``."""

from __future__ import annotations

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.faults.core.http_fault import HttpFault

__all__ = ["HttpDropped"]


class HttpDropped(HttpFault, frozen=True, kw_only=True, tag="http-dropped"):
    """The request arrives, and the connection ends without an answer.

    Source: Measured here: sign-in libraries fault by fault ("dropped").
    """

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """The end of the connection."""
        return HttpEffect(silent=True, dropped=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the connection ends without an answer: {self.describe_scope()}"
