"""The fault ``reverse-zone-dead``."""

from __future__ import annotations

from typing import Literal

from dns.rcode import SERVFAIL

from ssosim.dns import Effect
from ssosim.faults.core.answer_fault import DnsAnswerFault
from ssosim.faults.core.fault import Applied
from ssosim.trace import DnsAnswered

__all__ = ["ReverseZoneDead"]


class ReverseZoneDead(DnsAnswerFault, frozen=True, kw_only=True, tag="reverse-zone-dead"):
    """The servers of a reverse zone (all of them by default) do not answer, or fail.

    libkrb5 with ``rdns`` waits for them before it asks for a ticket: 20 s, measured with krb5 1.20.
    """

    zone: str = "in-addr.arpa"
    how: Literal["drop", "servfail"] = "drop"

    def __post_init__(self) -> None:
        """Raise ValueError for fields out of range."""
        super().__post_init__()
        if not self.zone.rstrip(".").lower().endswith(".arpa"):
            raise ValueError(f"zone {self.zone!r} is not a reverse zone: it ends in in-addr.arpa or ip6.arpa")
        if self.names:
            raise ValueError("names: the zone says which names; leave them out")

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect | None:  # noqa: ARG002 - the same for all requests
        """Send no answer, or SERVFAIL."""
        zone = self.zone.rstrip(".").lower()
        if event.name != zone and not event.name.endswith(f".{zone}"):
            return None
        return Effect(drop=True) if self.how == "drop" else Effect(rcode=SERVFAIL)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"the reverse zone {self.zone} {'is silent' if self.how == 'drop' else 'fails'}"
