"""The fault ``resolver-poisoned``."""

from __future__ import annotations

import dataclasses

from dns.name import Name
from dns.rcode import NOERROR
from dns.rdatatype import CNAME, RdataType

from ssosim.dns import Answer, Effect
from ssosim.dns.zones.answer import resolve_in_zones
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas
from ssosim.faults.core.addresses import address_type
from ssosim.faults.core.answer_fault import normalise_name
from ssosim.faults.core.fault import Applied, DnsRule, Fault, FaultState
from ssosim.faults.core.resolver_choice import check_resolver
from ssosim.trace import DnsAnswered

__all__ = ["ResolverPoisoned"]

_MAX_TTL = 2**31 - 1


class ResolverPoisoned(Fault, frozen=True, kw_only=True, tag="resolver-poisoned"):
    """The cache of one resolver has a forged address of a name; the other resolvers have the right one.

    ``resolver`` is its name; it may be left out in a lab without resolvers, whose one DNS server is poisoned then.
    CNAMEs that lead to the name lead to the forged address.
    ``ttl`` is the TTL of the forged record in answers: a resolver that forwards to this one keeps it as long. The other
    address family of the name has no address at this resolver. Limit the fault with ``for_s``. Source: RFC 5452
    section 2; CERT/CC VU#800113.
    """

    name: str
    resolver: str = ""
    address: str = "203.0.113.254"
    ttl: int = 86_400

    def __post_init__(self) -> None:
        """Raise ValueError for a TTL out of range (RFC 2181 section 8)."""
        super().__post_init__()
        if not 0 <= self.ttl <= _MAX_TTL:
            raise ValueError(f"ttl {self.ttl} is not between 0 and {_MAX_TTL} seconds")

    def fold(self, state: FaultState, applied: Applied) -> FaultState:  # noqa: ARG002 - needs no memory
        """Return ``state`` with that rule. Raises FaultError if the lab has no such resolver."""
        check_resolver(state, self.resolver)
        poisoned, kind = normalise_name(self.name), address_type(self.address)
        family = RdataType.make(kind)
        wire_name = to_name(self.name)
        forged = RRset(wire_name, family, self.ttl, to_rdatas((self.address,), family, wire_name))

        def said(name: Name, rdtype: RdataType, asking: QueryContext) -> Answer:
            chain = find_chain_to(wire_name, resolve_in_zones(state.zones, name, rdtype, asking))
            end = (dataclasses.replace(forged, name=name if not chain else wire_name),) if rdtype == family else ()
            soa = () if end else (state.zones.zone_of(wire_name).soa(state.zones.version, negative=True),)
            return Answer(
                name=name, type=rdtype, rcode=NOERROR, authoritative=False, answer=(*chain, *end), authority=soa
            )

        def effect(event: DnsAnswered, _client: str) -> Effect | None:
            if event.by != self.resolver or event.type not in ("A", "AAAA"):
                return None
            targets = (value.partition("CNAME ")[2].rstrip(".").lower() for value in event.answers)
            return Effect(replacement=said) if event.name == poisoned or poisoned in targets else None

        return dataclasses.replace(state, rules=(*state.rules, DnsRule("resolver", True, effect)))

    def describe(self) -> str:
        """Describe the fault in one line."""
        where = self.resolver or "the DNS server"
        return f"{where} has the forged address {self.address} of {self.name}"


def find_chain_to(target: Name, answer: Answer) -> tuple[RRset, ...]:
    """Return the CNAME records of ``answer`` that lead to ``target``; none if they do not."""
    for number, rrset in enumerate(answer.answer):
        if rrset.type == CNAME and rrset.rdatas[0].target == target:  # type: ignore[attr-defined]
            return answer.answer[: number + 1]
    return ()
