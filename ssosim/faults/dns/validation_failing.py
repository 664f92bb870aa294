"""The fault ``validation-failing``."""

from __future__ import annotations

import dataclasses

from dns.rcode import SERVFAIL

from ssosim.dns import Effect
from ssosim.dns.zones.extended_errors import ExtendedError
from ssosim.faults.core.answer_fault import normalise_name
from ssosim.faults.core.fault import Applied, DnsRule, Fault, FaultState
from ssosim.trace import DnsAnswered

__all__ = ["ValidationFailing"]


class ValidationFailing(Fault, frozen=True, kw_only=True, tag="validation-failing"):
    """The signatures of a zone are wrong: validating resolvers answer SERVFAIL, unless the query has the CD bit.

    Other resolvers are not affected. A validating resolver uses verified answers until their TTL ends. In a lab
    without resolvers, ``clients`` are those behind a validating one: all, unless some are named. It is modelled, not
    signed: an unmodified validating resolver in front of the lab does not see it. Source: Slack, 30 September 2021;
    Zone .de, 5 May 2026.
    """

    zone: str
    clients: tuple[str, ...] = ()

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with the zone bogus."""
        origin = state.hierarchy.zone(self.zone)
        inside = normalise_name(self.zone)

        def effect(event: DnsAnswered, client: str) -> Effect | None:
            if self.clients and client not in self.clients:
                return None
            if event.name != inside and not event.name.endswith(f".{inside}"):
                return None
            return Effect(rcode=SERVFAIL, unless_cd=True, extended_error=ExtendedError.DNSSEC_BOGUS)

        rule = DnsRule("lab", True, effect)
        return dataclasses.replace(state, bogus=state.bogus | {origin}, rules=(*state.rules, rule))

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"signatures of {self.zone} do not validate"
