"""Answering a question from zones: a pure function.

The server plays two parts at once. For the lab's zones it is authoritative; for the lab's devices it is also the
only resolver they have, so it follows CNAMEs across its zones and answers for the root as well, where a bare
authoritative server would say REFUSED. Every negative answer is authoritative and carries an SOA: without them
glibc reports EAI_AGAIN where it should report "no such name" or "no address" (measured, glibc 2.36).
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Literal

import dns.rdata
from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, Rcode
from dns.rdataclass import IN
from dns.rdatatype import ANY, AXFR, CNAME, HINFO, IXFR, MAILA, MAILB, SOA, RdataType

from ssosim.dns.model import ZoneSet
from ssosim.dns.rrset import RRset, plain
from ssosim.dns.zone import Zone
from ssosim.trace import DnsAnswered

__all__ = ["MAX_CHAIN", "Answer", "answer"]

MAX_CHAIN = 16
"""CNAMEs followed before the chain is given up as endless."""

NOT_SERVED = frozenset({AXFR, IXFR, MAILA, MAILB})

MINIMAL_ANY = (dns.rdata.from_text(IN, HINFO, '"RFC8482" ""'),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What is said to one question. ``name`` is as it was asked, upper and lower case included."""

    name: Name
    type: RdataType
    rcode: Rcode = NOERROR
    authoritative: bool = True
    answer: tuple[RRset, ...] = ()
    authority: tuple[RRset, ...] = ()
    additional: tuple[RRset, ...] = ()

    @property
    def outcome(self) -> str:
        """The response code's name, or NODATA for NOERROR without a record of the type asked for."""
        if self.rcode != NOERROR:
            return self.rcode.name
        if any(rrset.type in (self.type, HINFO) or self.type == ANY for rrset in self.answer):
            return "NOERROR"
        return "NODATA"

    def event(self, transport: Literal["udp", "tcp"]) -> DnsAnswered:
        """The trace event of this answer; values are in zone-file form, their names with trailing dots."""
        return DnsAnswered(
            name=plain(self.name),
            type=RdataType.to_text(self.type),
            rcode=self.outcome,
            answers=tuple(f"{rrset.type.name} {rdata.to_text()}" for rrset in self.answer for rdata in rrset.rdatas),
            transport=transport,
        )


def answer(zones: ZoneSet, name: Name, rdtype: RdataType) -> Answer:
    """Answer the question ``name`` ``rdtype`` (class IN) from ``zones``.

    - A CNAME is followed within the zones; the answer holds the whole chain. A loop, or more than ``MAX_CHAIN`` steps,
      is SERVFAIL (RFC 1034 section 5.2.2: a loop is an error to be signalled). A chain that ends at a missing name is
      NXDOMAIN (RFC 6604).
    - An alias record set answers under the name that was asked, with no CNAME to be seen.
    - ANY is answered with one HINFO (RFC 8482); zone transfers are REFUSED.
    """
    if rdtype in NOT_SERVED:
        return Answer(name=name, type=rdtype, rcode=REFUSED, authoritative=False)
    chain: list[RRset] = []
    owner = name
    while True:
        zone = zones.zone_of(owner)
        found = lookup(zones, zone, owner, rdtype)
        if found is None:
            return Answer(
                name=name,
                type=rdtype,
                rcode=NOERROR if zone.exists(owner) else NXDOMAIN,
                answer=tuple(chain),
                authority=(zone.soa(zones.version, negative=True),),
            )
        chain.append(dataclasses.replace(found, name=owner))
        if found.type != CNAME or rdtype in (CNAME, ANY):
            return Answer(name=name, type=rdtype, answer=tuple(chain))
        owner = found.rdatas[0].target  # type: ignore[attr-defined]
        if len(chain) > MAX_CHAIN or any(link.name == owner for link in chain):
            return Answer(name=name, type=rdtype, rcode=SERVFAIL, answer=tuple(chain))


def lookup(zones: ZoneSet, zone: Zone, owner: Name, rdtype: RdataType) -> RRset | None:
    """The records at ``owner`` that answer ``rdtype``, or its CNAME; None if the answer is negative."""
    node = zone.node(owner)
    if rdtype == SOA and owner == zone.origin:
        return zone.soa(zones.version)
    for kind in (rdtype, CNAME):
        stored = node.get(kind)
        if stored is not None:
            filled = zones.records(stored)
            return filled if filled.rdatas else None
    if rdtype == ANY and any(zones.records(stored).rdatas for stored in node.values()):
        return RRset(owner, HINFO, zone.ttl, MINIMAL_ANY)
    return None
