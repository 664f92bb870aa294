"""The fault ``http-delay``."""

from __future__ import annotations

from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Call
from ssosim.faults.core.http_fault import HttpFault

__all__ = ["HttpDelay"]


class HttpDelay(HttpFault, frozen=True, kw_only=True, tag="http-delay"):
    """Responses are ``seconds`` late: by the lab's clock for models, in real time for programs.

    Source: Azure MFA, 19 November 2018 (latency of 30 s and more).
    """

    seconds: float

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range. The device of a model waits 30 s: longer is ``http-silent``."""
        super().__post_init__()
        if not 0 < self.seconds < 30:
            raise ValueError("seconds must be above 0 and below 30; for longer use http-silent")

    def effect_on(self, call: Call) -> HttpEffect:  # noqa: ARG002 - the same for all requests
        """Delay the response of the service."""
        return HttpEffect(delay=self.seconds)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"answers {self.seconds:g} s late: {self.describe_scope()}"
