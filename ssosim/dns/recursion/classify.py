"""Classifies the response of a name server: an answer, a referral, or nothing usable. Pure functions.

A server that was queried for a zone is believed about names at or below that zone only, and about glue records only for
name servers below it. This prevents that one zone poisons the cache entries of another.
"""

from __future__ import annotations

from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, Rcode
from dns.rdatatype import AAAA, CNAME, DS, NS, SOA, A, RdataType
from msgspec import Struct

from ssosim.dns.recursion.cache import Entry
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.rrset import MAX_TTL, RRset

__all__ = ["AnswerChain", "Delegation", "UnusableResponse", "classify"]

MAX_SERVERS = 13


class Delegation(Struct, frozen=True):
    """The name servers of a zone, with their known addresses; ``expires`` is in seconds since the Unix epoch.

    ``unresolved`` are the name servers of which no address is known.
    """

    zone: Name
    servers: tuple[Name, ...]
    addresses: tuple[str, ...]
    expires: float
    unresolved: tuple[Name, ...] = ()


class AnswerChain(Struct, frozen=True):
    """A usable answer: entries in the order of the CNAME chain; the first is about the name that was queried."""

    entries: tuple[Entry, ...]


class UnusableResponse(Struct, frozen=True):
    """An unusable response: the server does not serve the zone (``lame``), or it failed."""

    lame: bool


Meaning = AnswerChain | Delegation | UnusableResponse


def classify(
    response: Answer, zone: Name, name: Name, rdtype: RdataType, now: float, settings: ResolverSettings
) -> Meaning:
    """Classify ``response`` to the question ``name`` ``rdtype``, from a server of ``zone`` (a forwarder: the root)."""
    if response.rcode not in (NOERROR, NXDOMAIN):
        return UnusableResponse(lame=response.rcode == Rcode.REFUSED)
    if not settings.forward_to:
        below = read_referral(response, zone, name, now, settings)
        if below is not None and not response.answer:
            return below
    entries = read_chain(response, zone, name, rdtype, now, settings)
    if not entries:
        return UnusableResponse(lame=True)
    return AnswerChain(entries)


def read_chain(
    response: Answer, zone: Name, name: Name, rdtype: RdataType, now: float, settings: ResolverSettings
) -> tuple[Entry, ...]:
    """Read the CNAME chain and its end, as far as a server of ``zone`` is believed."""
    entries: list[Entry] = []
    owner = name
    seen = {owner}
    while owner.is_subdomain(zone) and len(entries) <= settings.max_query_restarts:
        rrset = find_rrset(response.answer, owner, rdtype) or find_rrset(response.answer, owner, CNAME)
        if rrset is None:
            end = read_negative(response, zone, owner, rdtype, now, settings)
            if entries and rdtype == DS and end and end[0].soa is not None and end[0].soa.name == owner:
                return tuple(entries)  # the child's answer: DS belongs to the parent, which is queried next
            return (*entries, *end)
        ttl = min(max(read_ttl(rrset), settings.min_ttl), settings.max_ttl)
        entries.append(
            Entry(name=owner, type=rdtype, rcode=NOERROR, rrset=rrset, soa=None, stored=now, expires=now + ttl)
        )
        if rrset.type == rdtype:
            break
        owner = rrset.rdatas[0].target  # type: ignore[attr-defined]
        if owner in seen:
            break
        seen.add(owner)
    return tuple(entries)


def read_negative(
    response: Answer, zone: Name, owner: Name, rdtype: RdataType, now: float, settings: ResolverSettings
) -> tuple[Entry, ...]:
    """Read a negative answer: no such name or no such type (RFC 2308 section 2). It must have a valid SOA.

    The TTL is the smaller of the TTL of the SOA and its minimum field (section 5). Without an SOA, the server is taken
    as lame; only an authoritative NXDOMAIN is accepted, for this question, and not cached.
    """
    soa = next((rrset for rrset in response.authority if rrset.type == SOA), None)
    if soa is not None and not (owner.is_subdomain(soa.name) and soa.name.is_subdomain(zone)):
        soa = None
    if soa is None:
        if response.rcode != NXDOMAIN or not (response.authoritative or settings.forward_to):
            return ()
        return (Entry(name=owner, type=rdtype, rcode=NXDOMAIN, rrset=None, soa=None, stored=now, expires=now),)
    minimum: int = soa.rdatas[0].minimum  # type: ignore[attr-defined]
    ttl = min(max(min(read_ttl(soa), minimum), settings.min_ttl), settings.max_negative_ttl)
    return (Entry(name=owner, type=rdtype, rcode=response.rcode, rrset=None, soa=soa, stored=now, expires=now + ttl),)


def read_referral(
    response: Answer, zone: Name, name: Name, now: float, settings: ResolverSettings
) -> Delegation | None:
    """Read a referral to a zone further down; referrals up or sideways are ignored, so every step gets closer."""
    for rrset in response.authority:
        below = rrset.name
        if rrset.type != NS or not name.is_subdomain(below) or len(below) <= len(zone) or not below.is_subdomain(zone):
            continue
        servers = tuple(rdata.target for rdata in rrset.rdatas[:MAX_SERVERS])  # type: ignore[attr-defined]
        believed = [
            record
            for record in response.additional
            if record.type in (A, AAAA) and record.name in servers and record.name.is_subdomain(zone)
        ]
        glue = tuple(rdata.to_text() for record in believed for rdata in record.rdatas)
        known = {record.name for record in believed}
        ttl = min(max(read_ttl(rrset), settings.min_ttl), settings.max_ttl)
        return Delegation(below, servers, glue, now + ttl, tuple(name for name in servers if name not in known))
    return None


def read_ttl(rrset: RRset) -> int:
    """The TTL as a resolver takes it: one of 2^31 or more counts as 0 (RFC 2181 section 8)."""
    return rrset.ttl if rrset.ttl <= MAX_TTL else 0


def find_rrset(rrsets: tuple[RRset, ...], name: Name, rdtype: RdataType) -> RRset | None:
    """Find the record set of that name and type; it must have records."""
    return next((rrset for rrset in rrsets if rrset.type == rdtype and rrset.rdatas and rrset.name == name), None)
