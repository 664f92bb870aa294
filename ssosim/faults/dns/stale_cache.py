"""The fault ``stale-cache``."""

from __future__ import annotations

from typing import Literal

from dns.name import Name
from dns.rdatatype import RdataType

from ssosim.dns import Answer, Effect, resolve_in_zones
from ssosim.dns.zones.query_context import QueryContext
from ssosim.faults.core.answer_fault import DnsAnswerFault
from ssosim.faults.core.fault import Applied
from ssosim.trace import DnsAnswered

__all__ = ["StaleCache"]


class StaleCache(DnsAnswerFault, frozen=True, kw_only=True, tag="stale-cache"):
    """A resolver answers from the zones before this fault, and ignores later changes.

    Source: Resolver 1.1.1.1, 4 October 2023 (an old copy of the root); Azure Incident Retrospective TMS9-J_8.
    """

    at: Literal["resolver"] = "resolver"

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all requests
        """Answer from the zones before the fault."""

        def replace_answer(name: Name, rdtype: RdataType, asking: QueryContext) -> Answer:
            return resolve_in_zones(applied.before, name, rdtype, asking)

        return Effect(replacement=replace_answer)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"old answers: {self.describe_scope()}"
