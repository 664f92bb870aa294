"""The fault ``nxdomain``."""

from __future__ import annotations

from dns.name import Name
from dns.rcode import NXDOMAIN
from dns.rdatatype import RdataType

from ssosim.dns import Answer, Effect
from ssosim.dns.zones.query_context import QueryContext
from ssosim.faults.core.answer_fault import DnsAnswerFault
from ssosim.faults.core.fault import Applied
from ssosim.trace import DnsAnswered

__all__ = ["NxDomain"]


class NxDomain(DnsAnswerFault, frozen=True, kw_only=True, tag="nxdomain"):
    """Answers are NXDOMAIN, with AA and the SOA of the zone, so that resolvers cache them.

    Source: Azure DNS, 2 May 2019 (a quarter of all queries); RFC 2308.
    """

    def effect(self, event: DnsAnswered, applied: Applied, client: str) -> Effect:  # noqa: ARG002 - the same for all requests
        """Answer NXDOMAIN."""

        def replace_answer(name: Name, rdtype: RdataType, _asking: QueryContext) -> Answer:
            zones = applied.authorities.tree
            soa = zones.zone_of(name).soa(zones.version, negative=True)
            return Answer(name=name, type=rdtype, rcode=NXDOMAIN, authority=(soa,))

        return Effect(replacement=replace_answer)

    def describe(self) -> str:
        """Describe the fault in one line."""
        return f"NXDOMAIN: {self.describe_scope()}"
