"""The fault ``refused``."""

from __future__ import annotations

from dns.rcode import REFUSED

from ssosim.dns import Effect
from ssosim.faults.core.answer_fault import DnsAnswerFault
from ssosim.faults.core.fault import Applied
from ssosim.trace import DnsAnswered

__all__ = ["Refused"]


class Refused(DnsAnswerFault, frozen=True, kw_only=True, tag="refused"):
    """Answers are REFUSED, as from a server that does not know the zone or the client. Source: RFC 1035, 4.1.1."""

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all requests
        """Answer REFUSED."""
        return Effect(rcode=REFUSED)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"REFUSED: {self.describe_scope()}"
