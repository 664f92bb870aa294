"""The fault ``drop``."""

from __future__ import annotations

from ssosim.dns import Effect
from ssosim.faults.core.answer_fault import DnsAnswerFault
from ssosim.faults.core.fault import Applied
from ssosim.trace import DnsAnswered

__all__ = ["Drop"]


class Drop(DnsAnswerFault, frozen=True, kw_only=True, tag="drop"):
    """No answer is sent: stub resolvers wait 10 seconds and more.

    Source: Azure DNS, 1 April 2021; Facebook, 4 October 2021; measured, glibc 2.36.
    """

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all requests
        """Send no answer."""
        return Effect(drop=True)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"no answer: {self.describe_scope()}"
