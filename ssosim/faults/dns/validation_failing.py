"""The fault ``validation-failing``."""

from __future__ import annotations

from ssosim.faults.core.fault import Applied, Fault, FaultState
from ssosim.faults.core.validation import fail_validation

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
        return fail_validation(state, (state.hierarchy.zone(self.zone),), self.clients)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"signatures of {self.zone} do not validate"
