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

1. Find the zone: the deepest one that contains the name; for DS at the apex of a zone, its parent (``find_zone``).
2. Find what this zone has for the name (``match_name``): its own records, a wildcard, a delegation, a DNAME, nothing.
3. A delegation: answer with a referral: the NS records of the cut, and the addresses below it (glue).
   A DNAME: add it with the CNAME that it makes for the name, and continue with the target.
4. Look at the record sets of the name or of the wildcard (``answer_node``). The DNS name of a traffic manager profile
   answers with the endpoints that the profile chooses. Another name answers with its record set of the type, or with
   its CNAME. An alias record set answers with the records of its target, under the name that was queried.
5. No records: answer NXDOMAIN if the name does not exist, else NODATA, with the SOA of the zone.
6. A CNAME: add it to the chain and continue with its target. Otherwise the answer is complete.

``answer_in_zone`` is steps 2 to 6 for one name and one zone. ``answer`` is the lab's default server, which continues in
any zone; ``authorities.py`` uses the same function for servers that know some zones only.

Rules that always hold:

- Every negative answer is authoritative and has an SOA. Without them glibc reports EAI_AGAIN where it should report "no
  such name" or "no address" (measured, glibc 2.36).
- A chain has at most ``MAX_CHAIN`` CNAMEs and no loop; otherwise the answer is SERVFAIL.
- A name with names below it is never NXDOMAIN, even if it has no records (empty non-terminal, RFC 8020).
- A referral is never an answer for a stub resolver: it would read it as "no address". ``resolve_in_zones`` makes it
  SERVFAIL, as from a resolver that cannot reach the servers of the zone.
- With ``context.dnssec_ok``, records of signed zones come with their stored signatures and proofs (``denial.py``).
- ``Answer.through`` and ``Answer.routing_results`` record what the client cannot see: names behind aliases, and the
  choices of profiles. Query counts and the reply cache depend on them.

What can go wrong: a name whose records were deleted is "emptied", not missing. Whether it answers NODATA or NXDOMAIN is
the setting ``empty_set`` of the estate, because Azure's behaviour is not confirmed (``is_emptied``).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Literal, NamedTuple

import dns.name
import dns.rdata
import msgspec
from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL, YXDOMAIN, Rcode
from dns.rdataclass import IN
from dns.rdatatype import (
    AAAA,
    ANY,
    AXFR,
    CNAME,
    DNAME,
    DS,
    HINFO,
    IXFR,
    KEY,
    MAILA,
    MAILB,
    NS,
    NSEC,
    RRSIG,
    SOA,
    A,
    RdataType,
)
from msgspec import Struct

from ssosim.dns.zones.denial import (
    is_broken,
    is_signed,
    prove_negative,
    prove_unsigned_delegation,
    prove_wildcard,
    sign,
)
from ssosim.dns.zones.extended_errors import ExtendedError, describe_extended_error
from ssosim.dns.zones.name_match import NameMatch, match_name
from ssosim.dns.zones.query_context import ANYBODY, QueryContext
from ssosim.dns.zones.rrset import RRset, plain, signatures, to_rdatas, type_text
from ssosim.dns.zones.traffic_manager import RoutingResult
from ssosim.dns.zones.zone import BESIDE_CNAME, Node, Zone
from ssosim.dns.zones.zone_set import ZoneSet, routed_records
from ssosim.trace import DnsAnswered

__all__ = [
    "MAX_CHAIN",
    "Answer",
    "ZoneAnswer",
    "answer",
    "answer_in_zone",
    "find_changes",
    "find_zone",
    "resolve_in_zones",
]

MAX_CHAIN = 11
"""The most CNAMEs in a chain; a longer chain counts as a loop.

Source: BIND 9 reference manual, ``max-query-restarts``; measured with named 9.18.49 and unbound 1.17.1, alike.
"""

NOT_SERVED = frozenset({AXFR, IXFR, MAILA, MAILB})

AT_CUT = frozenset({NSEC, KEY})
"""The types that the parent answers at a delegation, besides DS, if it has them. Source: RFC 4035 section 2.6."""

LINK_TYPES = frozenset({CNAME, DNAME, RRSIG})

MINIMAL_ANY = (dns.rdata.from_text(IN, HINFO, '"RFC8482" ""'),)


class Answer(Struct, frozen=True, kw_only=True):
    """The answer to one question. ``name`` is as in the query, with its upper and lower case.

    ``through`` are the names behind aliases that gave records; the client does not see them. ``routing_results`` are
    the choices of traffic manager profiles for this answer. ``faults`` are the numbers of the changes without which the
    answer would be another one (``ZoneSet.changes``). ``extended_error`` is why it is an error, or old.
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
    extended_error: ExtendedError | None = None

    @property
    def is_referral(self) -> bool:
        """Whether it names the servers of another zone instead of an answer (RFC 1034 section 4.3.1)."""
        return self.rcode == NOERROR and any(rrset.type == NS for rrset in self.authority)

    @property
    def is_partial(self) -> bool:
        """Whether the end of a chain is missing: the server could not answer for the last target.

        A DNAME and signatures are links of a chain, and answers to the question for their own type.
        """
        complete = self.rcode != NOERROR or self.authority or self.type in (CNAME, ANY)
        if complete or not all(rrset.type in LINK_TYPES for rrset in self.answer):
            return False
        return bool(self.answer) and not self._has_type_at_end()

    def _has_type_at_end(self) -> bool:
        """Whether the answer has the queried type at the name to which its CNAMEs lead."""
        targets = {rrset.name: rrset.rdatas[0].target for rrset in self.answer if rrset.type == CNAME}  # type: ignore[attr-defined]
        end = self.name
        while end in targets:
            end = targets.pop(end)
        return any(rrset.type == self.type and rrset.name == end for rrset in self.answer)

    @property
    def outcome(self) -> str:
        """The response code's name; NODATA for NOERROR without a record of the type, REFERRAL for a delegation."""
        if self.rcode != NOERROR:
            return self.rcode.name
        if any(rrset.type in (self.type, HINFO) or self.type == ANY for rrset in self.answer) and (
            self.type != DNAME or self._has_type_at_end()
        ):
            return "NOERROR"
        return "REFERRAL" if self.is_referral else "NODATA"

    def event(self, transport: Literal["udp", "tcp"]) -> DnsAnswered:
        """The trace event of this answer; values are in zone-file form, their names with trailing dots.

        Signatures are left out, unless they were queried.
        """
        shown = [rrset for rrset in self.answer if rrset.type != RRSIG or self.type == RRSIG]
        return DnsAnswered(
            name=plain(self.name),
            type=type_text(self.type),
            rcode=self.outcome,
            answers=tuple([f"{rrset.type.name} {rdata.to_text()}" for rrset in shown for rdata in rrset.rdatas]),
            transport=transport,
            faults=self.faults,
            extended_error=describe_extended_error(self.extended_error),
        )


class NodeAnswer(NamedTuple):
    """The result at one name: a record set, or None for a negative answer; ``missing`` means NXDOMAIN."""

    rrset: RRset | None = None
    missing: bool = False
    routing_result: RoutingResult | None = None
    through: Name | None = None


class ZoneAnswer(Struct, frozen=True, kw_only=True):
    """What one zone answers for one name.

    ``records`` are for the answer section. ``target`` is the name to continue with (CNAME, DNAME); None if the answer
    is complete. ``kind`` tells a referral from the rest.
    """

    kind: Literal["records", "negative", "referral", "failure"] = "records"
    records: tuple[RRset, ...] = ()
    target: Name | None = None
    rcode: Rcode = NOERROR
    authority: tuple[RRset, ...] = ()
    additional: tuple[RRset, ...] = ()
    routing_result: RoutingResult | None = None
    through: Name | None = None


def answer(zones: ZoneSet, name: Name, rdtype: RdataType, context: QueryContext = ANYBODY) -> Answer:
    """Answer the question ``name`` ``rdtype`` (class IN) from ``zones``, as their authoritative server.

    - A CNAME or DNAME is followed within the zones; the answer holds the whole chain. A loop, or more than
      ``MAX_CHAIN`` steps, is SERVFAIL (RFC 1034 section 5.2.2: a loop is an error to be signalled). A chain that ends
      at a missing name is NXDOMAIN (RFC 6604).
    - A name at or below a delegation to servers outside the lab is answered with a referral.
    - An alias record set answers under the name of the question, without a CNAME.
    - A traffic manager profile answers with the endpoints that it chooses for ``context``; a disabled one is NXDOMAIN.
    - ANY is answered with one HINFO (RFC 8482); zone transfers are REFUSED.
    """
    result = _answer(zones, name, rdtype, context)
    return msgspec.structs.replace(result, faults=find_changes(zones, name, rdtype)) if zones.changes else result


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
    owner, steps = name, list[ZoneAnswer]()
    seen: set[Name] = set()
    while True:
        step = answer_in_zone(zones, find_zone(zones, owner, rdtype), owner, rdtype, context)
        steps.append(step)
        if step.target is None:
            return join_steps(name, rdtype, steps)
        seen.add(owner)
        if step.target in seen or len(seen) > MAX_CHAIN:
            return msgspec.structs.replace(join_steps(name, rdtype, steps), rcode=SERVFAIL, authority=())
        owner = step.target


def resolve_in_zones(zones: ZoneSet, name: Name, rdtype: RdataType, context: QueryContext = ANYBODY) -> Answer:
    """As ``answer``, for a client that wants the result and not a referral (RD bit).

    A name that is delegated to servers outside the lab is SERVFAIL, as from a resolver that cannot reach these servers:
    whether the name exists there is not known.
    """
    found = answer(zones, name, rdtype, context)
    if not (found.is_referral or found.is_partial):
        return found
    return Answer(
        name=name, type=rdtype, rcode=SERVFAIL, authoritative=False, faults=found.faults,
        routing_results=found.routing_results,
        through=found.through,
    )  # fmt: skip


def find_zone(zones: ZoneSet, name: Name, rdtype: RdataType) -> Zone:
    """The zone that answers the question: the deepest one; for DS at its apex the parent (RFC 4035 section 3.1.4.1).

    The lab's root zone is the parent only if it delegates the name: where it stands for the internet, it has no DS.
    """
    zone = zones.zone_of(name)
    if rdtype == DS and name == zone.origin != dns.name.root:
        parent = zones.zone_of(name.parent())
        if parent.origin != dns.name.root or name in parent.cuts:
            return parent
    return zone


def join_steps(name: Name, rdtype: RdataType, steps: Sequence[ZoneAnswer]) -> Answer:
    """Make one answer of the steps of a chain. It is authoritative unless the first step is a referral or a failure.

    A failure after the first step leaves the part before it, as BIND does.
    """
    last = steps[-1]
    if len(steps) == 1:
        return Answer(
            name=name,
            type=rdtype,
            rcode=last.rcode,
            authoritative=last.kind not in ("referral", "failure"),
            answer=last.records,
            authority=last.authority,
            additional=last.additional,
            through=() if last.through is None else (last.through,),
            routing_results=() if last.routing_result is None else (last.routing_result,),
        )
    return Answer(
        name=name,
        type=rdtype,
        rcode=NOERROR if last.kind == "failure" and len(steps) > 1 else last.rcode,
        authoritative=steps[0].kind not in ("referral", "failure"),
        answer=tuple(rrset for step in steps for rrset in step.records),
        authority=tuple(rrset for step in steps for rrset in step.authority),
        additional=last.additional,
        through=tuple(step.through for step in steps if step.through is not None),
        routing_results=tuple(step.routing_result for step in steps if step.routing_result is not None),
    )


def answer_in_zone(
    zones: ZoneSet, zone: Zone, owner: Name, rdtype: RdataType, context: QueryContext = ANYBODY
) -> ZoneAnswer:
    """The answer of one zone for one name at or below its apex (RFC 1034 section 4.3.2, step 3). A pure function."""
    match = match_name(zone, owner)
    signed = context.dnssec_ok and is_signed(zone)
    if match.kind == "delegation" and not is_answered_at_cut(match, owner, rdtype):
        return refer(zone, match.owner, match.node, signed=signed)
    if match.kind == "dname":
        return rename(zone, owner, rdtype, match.node, signed=signed)
    if rdtype == RRSIG:
        return answer_signatures(zones, zone, owner, match, signed=signed)
    found = answer_node(zones, zone, match, rdtype, context)
    if found.rrset is None and is_signed(zone) and is_broken(zone, owner, match):
        return ZoneAnswer(kind="failure", rcode=SERVFAIL)
    if found.rrset is None:
        missing = match.kind == "missing" and not (rdtype == DS and owner in zones.zones)
        emptied = found.missing and not (match.owner == owner and owner in zone.below)
        rcode = NXDOMAIN if missing or emptied else NOERROR
        return ZoneAnswer(
            kind="negative", rcode=rcode, authority=deny(zones, zone, owner, match, signed=signed),
            routing_result=found.routing_result, through=found.through,
        )  # fmt: skip
    rrset = dataclasses.replace(found.rrset, name=owner)
    alone = rrset.type != CNAME or rdtype in (CNAME, ANY)
    return ZoneAnswer(
        records=tuple(sign(match.node, rrset)) if signed else (rrset,),
        target=None if alone else rrset.rdatas[0].target,  # type: ignore[attr-defined]
        authority=prove_wildcard(zone, owner, match.owner) if signed and match.kind == "wildcard" else (),
        routing_result=found.routing_result,
        through=found.through,
    )


def is_answered_at_cut(match: NameMatch, owner: Name, rdtype: RdataType) -> bool:
    """Whether the parent answers this type at a delegation itself."""
    return owner == match.owner and (rdtype == DS or (rdtype in AT_CUT and rdtype in match.node))


def refer(zone: Zone, cut: Name, node: Node, *, signed: bool) -> ZoneAnswer:
    """A referral: the NS records at ``cut``, glue, and the DS or the proof that there is none."""
    proof: tuple[RRset, ...] = ()
    if signed:
        proof = tuple(sign(node, node[DS])) if DS in node else prove_unsigned_delegation(zone, cut)
    return ZoneAnswer(kind="referral", authority=(node[NS], *proof), additional=find_glue(zone, node[NS]))


def find_glue(zone: Zone, delegation: RRset) -> tuple[RRset, ...]:
    """The addresses, in ``zone``, of name servers whose names are at or below one of its delegations.

    Source: RFC 1034 section 4.2.1; RFC 9471 section 2 (in-domain and sibling glue).
    """
    found = []
    for server in dict.fromkeys(rdata.target for rdata in delegation.rdatas):  # type: ignore[attr-defined]
        if server.is_subdomain(zone.origin) and match_name(zone, server).kind == "delegation":
            node = zone.node(server)
            found += [node[kind] for kind in (A, AAAA) if kind in node and node[kind].rdatas]
    return tuple(found)


def rename(zone: Zone, owner: Name, rdtype: RdataType, node: Node, *, signed: bool) -> ZoneAnswer:
    """The DNAME above ``owner`` and the CNAME that it makes, with the same TTL (RFC 6672 section 3.1).

    YXDOMAIN if the new name would be too long (section 2.2).
    """
    dname = node[DNAME]
    records = tuple(sign(node, dname)) if signed else (dname,)
    prefix = owner.relativize(dname.name)
    try:
        target = prefix.concatenate(dname.rdatas[0].target)  # type: ignore[attr-defined]
    except dns.name.NameTooLong:
        return ZoneAnswer(records=records, rcode=YXDOMAIN)
    made = RRset(owner, CNAME, dname.ttl, to_rdatas((target.to_text(),), CNAME, zone.origin))
    return ZoneAnswer(records=(*records, made), target=None if rdtype in (CNAME, ANY) else target)


def answer_signatures(zones: ZoneSet, zone: Zone, owner: Name, match: NameMatch, *, signed: bool) -> ZoneAnswer:
    """All signatures of a name, one record set for each type that they cover."""
    stored = match.node.get(RRSIG)
    if stored is None:
        rcode = NXDOMAIN if match.kind == "missing" else NOERROR
        authority = deny(zones, zone, owner, match, signed=signed)
        return ZoneAnswer(kind="negative", rcode=rcode, authority=authority)
    records = []
    for covered in dict.fromkeys(rdata.covers() for rdata in stored.rdatas):
        rrset = match.node.get(covered)
        found = signatures(stored, covered, owner, stored.ttl if rrset is None else rrset.ttl)
        records += [] if found is None else [found]
    proof = prove_wildcard(zone, owner, match.owner) if signed and match.kind == "wildcard" else ()
    return ZoneAnswer(records=tuple(records), authority=proof)


def deny(zones: ZoneSet, zone: Zone, owner: Name, match: NameMatch, *, signed: bool) -> tuple[RRset, ...]:
    """The authority section of a negative answer: the SOA, and with ``signed`` its signature and the proof."""
    soa = zone.soa(zones.version, negative=True)
    if not signed:
        return (soa,)
    return (*sign(zone.node(zone.origin), soa), *prove_negative(zone, owner, match))


def answer_node(zones: ZoneSet, zone: Zone, match: NameMatch, rdtype: RdataType, context: QueryContext) -> NodeAnswer:
    """The records of the matched name that answer ``rdtype``, or its CNAME, with the aliases and the profile used."""
    node = match.node
    if rdtype == SOA and match.kind == "exact" and match.owner == zone.origin:
        return NodeAnswer(zone.soa(zones.version))
    own = node.get(A)
    if own is not None and own.is_profile_name and own.alias is not None and rdtype != ANY:
        return answer_from_profile(zones, own, rdtype, context)
    for kind in (rdtype,) if rdtype in BESIDE_CNAME else (rdtype, CNAME):
        stored = node.get(kind)
        if stored is not None:
            return answer_from_rrset(zones, node, stored, context)
    if rdtype == ANY and any(zones.records(stored, context).rdatas for stored in node.values()):
        return NodeAnswer(RRset(match.owner, HINFO, zone.ttl, MINIMAL_ANY))
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
