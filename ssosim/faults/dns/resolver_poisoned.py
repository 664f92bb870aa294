"""The fault ``resolver-poisoned``."""

from __future__ import annotations

import dataclasses

from ssosim.dns import Effect
from ssosim.faults.core.fault import Applied, DnsRule, Fault, FaultState
from ssosim.faults.core.forged_answer import MAX_TTL, is_about, make_forged_answer
from ssosim.faults.core.resolver_choice import check_resolver
from ssosim.trace import DnsAnswered

__all__ = ["ResolverPoisoned"]


class ResolverPoisoned(Fault, frozen=True, kw_only=True, tag="resolver-poisoned"):
    """The cache of one resolver has a forged address of a name; the other resolvers have the right one.

    ``resolver`` is its name; it may be left out in a lab without resolvers, whose one DNS server is poisoned then.
    CNAMEs that lead to the name lead to the forged address. ``ttl`` is the TTL of the forged record in answers: a
    resolver that forwards to this one keeps it as long. The name has no other address at this resolver, of either
    family. Limit the fault with ``for_s``. Source: RFC 5452 section 2; CERT/CC VU#800113.
    """

    name: str
    resolver: str = ""
    address: str = "203.0.113.254"
    ttl: int = 86_400

    def __post_init__(self) -> None:
        """Raise ValueError for a TTL out of range."""
        super().__post_init__()
        if not 0 <= self.ttl <= MAX_TTL:
            raise ValueError(f"ttl {self.ttl} is not between 0 and {MAX_TTL} seconds")

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with that rule. Raises FaultError if the lab has no such resolver."""
        check_resolver(state, self.resolver)
        concerns = is_about(self.name)
        forged = Effect(
            replacement=make_forged_answer(state.zones, self.name, self.address, self.ttl, authoritative=False)
        )

        def effect(event: DnsAnswered, _client: str) -> Effect | None:
            return forged if event.by == self.resolver and concerns(event) else None

        return dataclasses.replace(state, rules=(*state.rules, DnsRule("resolver", True, effect)))

    def describe(self) -> str:
        """Describe the fault in one line."""
        where = self.resolver or "the DNS server"
        return f"{where} has the forged address {self.address} of {self.name}"
