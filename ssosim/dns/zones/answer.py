"""Answers a question from zones: a pure function.

Theory of operation
-------------------

``answer(zones, name, type, context)`` has no state, no clock and no random numbers. Everything that an answer depends
on is in its arguments: the zones and profiles in ``zones``, and in ``context`` the network of the client, the health of
endpoints, and one number from 0 to 1 that decides weighted routing. So equal arguments give equal answers: change plans
and the DNS server use the same function.

The lab's DNS server has two roles at once. It is authoritative for the zones of the lab. It is also the only resolver
of the devices of the lab. So it follows CNAMEs across its zones, and it answers for the root too, where an ordinary
authoritative server would answer REFUSED.

The steps for one question:

1. Find the deepest zone that contains the name (``ZoneSet.zone_of``).
2. Look at the record sets of the name (``answer_node``). The DNS name of a traffic manager profile answers with the
   endpoints that the profile chooses. Another name answers with its record set of the type, or with its CNAME. An alias
   record set answers with the records of its target, under the name that was queried.
3. No records: answer NXDOMAIN if the name does not exist, else NODATA, with the SOA of the zone.
4. A CNAME: add it to the chain and continue with its target. Otherwise the answer is complete.

Rules that always hold:

- Every negative answer is authoritative and has an SOA. Without them glibc reports EAI_AGAIN where it should report "no
  such name" or "no address" (measured, glibc 2.36).
- A chain has at most ``MAX_CHAIN`` CNAMEs and no loop; otherwise the answer is SERVFAIL.
- A name with names below it is never NXDOMAIN, even if it has no records (empty non-terminal, RFC 8020).
- ``Answer.through`` and ``Answer.routing_results`` record what the client cannot see: names behind aliases, and the
  choices of profiles. Query counts and the reply cache depend on them.

What can go wrong: a name whose records were deleted is "emptied", not missing. Whether it answers NODATA or NXDOMAIN is
the setting ``empty_set`` of the estate, because Azure's behaviour is not confirmed (``is_emptied``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dns.rdata
from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, Rcode
from dns.rdataclass import IN
from dns.rdatatype import ANY, AXFR, CNAME, HINFO, IXFR, MAILA, MAILB, SOA, A, RdataType

from ssosim.dns.zones.query_context import ANYBODY, QueryContext
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.traffic_manager import RoutingResult
from ssosim.dns.zones.zone import Node, Zone
from ssosim.dns.zones.zone_set import ZoneSet, routed_records
from ssosim.trace import DnsAnswered

__all__ = ["MAX_CHAIN", "Answer", "answer", "find_changes"]

MAX_CHAIN = 16
"""The most CNAMEs in a chain; a longer chain counts as a loop."""

NOT_SERVED = frozenset({AXFR, IXFR, MAILA, MAILB})

MINIMAL_ANY = (dns.rdata.from_text(IN, HINFO, '"RFC8482" ""'),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one question. ``name`` is as in the query, with its upper and lower case.

    ``through`` are the names behind aliases that gave records; the client does not see them. ``routing_results`` are
    the choices of traffic manager profiles for this answer. ``faults`` are the numbers of the changes without which the
    answer would be another one (``ZoneSet.changes``).
    """

    name: Name
    type: RdataType
    rcode: Rcode = NOERROR
    authoritative: bool = True
    answer: tuple[RRset, ...] = ()
    authority: tuple[RRset, ...] = ()
    additional: tuple[RRset, ...] = ()
    through: tuple[Name, ...] = ()
    routing_results: tuple[RoutingResult, ...] = ()
    faults: tuple[int, ...] = ()

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
            faults=self.faults,
        )


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """The result at one name: a record set, or None for a negative answer; ``missing`` means NXDOMAIN."""

    rrset: RRset | None = None
    missing: bool = False
    routing_result: RoutingResult | None = None
    through: Name | None = None


def answer(zones: ZoneSet, name: Name, rdtype: RdataType, context: QueryContext = ANYBODY) -> Answer:
    """Answer the question ``name`` ``rdtype`` (class IN) from ``zones``.

    - A CNAME is followed within the zones; the answer holds the whole chain. A loop, or more than ``MAX_CHAIN`` steps,
      is SERVFAIL (RFC 1034 section 5.2.2: a loop is an error to be signalled). A chain that ends at a missing name is
      NXDOMAIN (RFC 6604).
    - An alias record set answers under the name of the question, without a CNAME.
    - A traffic manager profile answers with the endpoints that it chooses for ``context``; a disabled one is NXDOMAIN.
    - ANY is answered with one HINFO (RFC 8482); zone transfers are REFUSED.
    """
    result = _answer(zones, name, rdtype, context)
    return dataclasses.replace(result, faults=find_changes(zones, name, rdtype)) if zones.changes else result


def find_changes(zones: ZoneSet, name: Name, rdtype: RdataType) -> tuple[int, ...]:
    """Return the numbers of the changes in ``zones`` to which the answer to a question is due; TTLs do not count.

    For an answer with records that is the last change that made it different. For a negative answer it is all since
    there were records: a later change can make it negative in another way, and without the first there were none.
    """
    found: list[int] = []
    for change in zones.changes:
        then, now = (_answer(each, name, rdtype, ANYBODY) for each in (change.before, change.after))
        if (then.outcome, *_values(then)) != (now.outcome, *_values(now)):
            found = [change.number] if "NOERROR" in (then.outcome, now.outcome) else [*found, change.number]
    return tuple(found)


def _values(one: Answer) -> list[tuple[Name, RdataType, tuple[object, ...]]]:
    return [(rrset.name, rrset.type, rrset.rdatas) for rrset in one.answer]


def _answer(zones: ZoneSet, name: Name, rdtype: RdataType, context: QueryContext) -> Answer:
    if rdtype in NOT_SERVED:
        return Answer(name=name, type=rdtype, rcode=REFUSED, authoritative=False)
    chain: list[RRset] = []
    steps: list[NodeAnswer] = []
    owner = name
    while True:
        zone = zones.zone_of(owner)
        found = answer_node(zones, zone, owner, rdtype, context)
        steps.append(found)
        if found.rrset is None:
            missing = not zone.exists(owner) or (found.missing and owner not in zone.below)
            authority = (zone.soa(zones.version, negative=True),)
            return make_answer(name, rdtype, NXDOMAIN if missing else NOERROR, chain, steps, authority)
        chain.append(dataclasses.replace(found.rrset, name=owner))
        if found.rrset.type != CNAME or rdtype in (CNAME, ANY):
            return make_answer(name, rdtype, NOERROR, chain, steps)
        owner = found.rrset.rdatas[0].target  # type: ignore[attr-defined]
        if len(chain) > MAX_CHAIN or any(link.name == owner for link in chain):
            return make_answer(name, rdtype, SERVFAIL, chain, steps)


def make_answer(
    name: Name,
    rdtype: RdataType,
    rcode: Rcode,
    chain: Sequence[RRset],
    steps: Sequence[NodeAnswer],
    authority: tuple[RRset, ...] = (),
) -> Answer:
    """Make the answer at the end of ``chain``, with the aliases and profiles of all steps."""
    return Answer(
        name=name,
        type=rdtype,
        rcode=rcode,
        answer=tuple(chain),
        authority=authority,
        through=tuple(step.through for step in steps if step.through is not None),
        routing_results=tuple(step.routing_result for step in steps if step.routing_result is not None),
    )


def lookup(zones: ZoneSet, zone: Zone, owner: Name, rdtype: RdataType, context: QueryContext = ANYBODY) -> RRset | None:
    """Find the records at ``owner`` that answer ``rdtype``, or its CNAME; None if the answer is negative."""
    return answer_node(zones, zone, owner, rdtype, context).rrset


def answer_node(zones: ZoneSet, zone: Zone, owner: Name, rdtype: RdataType, context: QueryContext) -> NodeAnswer:
    """As ``lookup``, with the aliases and the profile that were used."""
    node = zone.node(owner)
    if rdtype == SOA and owner == zone.origin:
        return NodeAnswer(zone.soa(zones.version))
    own = node.get(A)
    if own is not None and own.is_profile_name and own.alias is not None and rdtype != ANY:
        return answer_from_profile(zones, own, rdtype, context)
    for kind in (rdtype, CNAME):
        stored = node.get(kind)
        if stored is not None:
            return answer_from_rrset(zones, node, stored, context)
    if rdtype == ANY and any(zones.records(stored, context).rdatas for stored in node.values()):
        return NodeAnswer(RRset(owner, HINFO, zone.ttl, MINIMAL_ANY))
    return NodeAnswer(missing=is_emptied(zones, node))


def answer_from_profile(zones: ZoneSet, own: RRset, rdtype: RdataType, context: QueryContext) -> NodeAnswer:
    """Answer for the DNS name of a traffic manager profile."""
    routed = zones.route(str(own.alias), context)
    for kind in (rdtype, CNAME):
        rdatas = routed_records(routed, kind)
        if rdatas:
            return NodeAnswer(RRset(own.name, kind, own.ttl, rdatas), routing_result=routed)
    return NodeAnswer(missing=routed.missing, routing_result=routed)


def answer_from_rrset(zones: ZoneSet, node: Node, stored: RRset, context: QueryContext) -> NodeAnswer:
    """Answer with the stored record set; if it is an alias, with the records of its target."""
    end = zones.end_of(stored)
    through = end.name if end is not stored else None
    if end.alias is None or end.type == CNAME:
        filled, routed = zones.records(stored, context), None
    else:
        routed = zones.route(end.alias, context)
        filled = dataclasses.replace(stored, rdatas=routed_records(routed, end.type))
    if filled.rdatas:
        return NodeAnswer(filled, routing_result=routed, through=through)
    return NodeAnswer(missing=is_emptied(zones, node), routing_result=routed, through=through)


def is_emptied(zones: ZoneSet, node: Node) -> bool:
    """Whether a name has only emptied record sets, and the estate answers NXDOMAIN for that.

    An alias whose profile is disabled counts as empty (unconfirmed).
    """
    if zones.empty_set == "nodata" or not node:
        return False
    ends = [zones.end_of(stored) for stored in node.values()]
    return all(
        end.shape == "empty" or (end.alias is not None and not zones.profiles[end.alias].enabled) for end in ends
    )
