"""Faults of resolvers: what they remember, and what they believe."""

from __future__ import annotations

import dataclasses
from typing import Literal

from dns.name import Name
from dns.rcode import SERVFAIL
from dns.rdatatype import RdataType

from ssosim.dns import Answer, Effect, answer
from ssosim.dns.zones.query_context import QueryContext
from ssosim.faults.base import Applied, DnsFault, FaultState, Rule
from ssosim.faults.selector import DnsAnswerFault, tidy
from ssosim.trace import DnsAnswered

__all__ = ["StaleCache", "ValidationFailing"]


class StaleCache(DnsAnswerFault, frozen=True, kw_only=True, tag="stale-cache"):
    """A resolver goes on giving the answers of before this fault, whatever the zones say meanwhile.

    Source: Resolver 1.1.1.1, 4 October 2023 (an old copy of the root); Azure Incident Retrospective TMS9-J_8.
    """

    at: Literal["resolver"] = "resolver"

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all
        """Answer from the zones as they were."""

        def replacement(name: Name, rdtype: RdataType, context: QueryContext) -> Answer:
            return answer(applied.before, name, rdtype, context)

        return Effect(replacement=replacement)

    def describe(self) -> str:
        """One line for people."""
        return f"old answers: {self.whom()}"


class ValidationFailing(DnsFault, frozen=True, kw_only=True, tag="validation-failing"):
    """The signatures of a zone are wrong: SERVFAIL from resolvers that validate, unless the query has the CD bit.

    Others notice nothing. What a validating resolver had verified before, it uses up to the end of its TTL. In a lab
    without resolvers, ``clients`` are those behind a validating one: all, unless some are named. It is modelled, not
    signed: an unmodified validating resolver in front of the lab does not see it. Source: Slack, 30 September 2021;
    Zone .de, 5 May 2026.
    """

    zone: str
    clients: tuple[str, ...] = ()

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """``state`` with the zone bogus."""
        origin = state.hierarchy.zone(self.zone)
        inside = tidy(self.zone)

        def effect(event: DnsAnswered, client: str) -> Effect | None:
            if self.clients and client not in self.clients:
                return None
            if event.name != inside and not event.name.endswith(f".{inside}"):
                return None
            return Effect(rcode=SERVFAIL, unless_cd=True)

        rule = Rule("lab", True, effect)
        return dataclasses.replace(state, bogus=state.bogus | {origin}, rules=(*state.rules, rule))

    def describe(self) -> str:
        """One line for people."""
        return f"signatures of {self.zone} do not validate"
