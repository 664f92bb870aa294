"""The fault ``truncation-loop``."""

from __future__ import annotations

from typing import Literal

from ssosim.dns import Effect
from ssosim.faults.core.answer_fault import DnsAnswerFault
from ssosim.faults.core.fault import Applied
from ssosim.trace import DnsAnswered

__all__ = ["TruncationLoop"]


class TruncationLoop(DnsAnswerFault, frozen=True, kw_only=True, tag="truncation-loop"):
    """Every answer over UDP has the TC bit and no records.

    Over TCP it is the same (``truncate``), or comes (``answer``), or never does (``drop``, as behind a firewall that
    lets no TCP through). Source: RFC 7766 section 5.
    """

    tcp: Literal["truncate", "answer", "drop"] = "truncate"

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect | None:  # noqa: ARG002 - the same for all requests
        """Truncate the answer."""
        if event.transport == "udp" or self.tcp == "truncate":
            return Effect(truncate=True)
        return Effect(drop=True) if self.tcp == "drop" else None

    def describe(self) -> str:
        """Describe the fault in one line."""
        then = {"truncate": "the same over TCP", "answer": "TCP works", "drop": "no answer over TCP"}[self.tcp]
        return f"answers over UDP are cut, {then}: {self.describe_scope()}"
