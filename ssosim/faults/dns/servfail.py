"""The fault ``servfail``."""

from __future__ import annotations

from dns.rcode import SERVFAIL

from ssosim.dns import Effect
from ssosim.faults.core.answer_fault import DnsAnswerFault
from ssosim.faults.core.fault import Applied
from ssosim.trace import DnsAnswered

__all__ = ["ServFail"]


class ServFail(DnsAnswerFault, frozen=True, kw_only=True, tag="servfail"):
    """Answers are SERVFAIL: clients may repeat the query, and resolvers cache the answer for seconds.

    Source: Facebook, 4 October 2021; RFC 2308, 7.1.
    """

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all requests
        """Answer SERVFAIL."""
        return Effect(rcode=SERVFAIL)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"SERVFAIL: {self.describe_scope()}"
