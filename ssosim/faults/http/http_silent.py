"""The fault ``http-silent``."""

from __future__ import annotations

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.faults.core.http_fault import HttpFault

__all__ = ["HttpSilent"]


class HttpSilent(HttpFault, frozen=True, kw_only=True, tag="http-silent"):
    """The service gets the request and sends no response.

    Source: Azure MFA, 19 November 2018 (a backend that accepts and does not answer).
    """

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Send no response."""
        return HttpEffect(silent=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"no answer: {self.describe_scope()}"
