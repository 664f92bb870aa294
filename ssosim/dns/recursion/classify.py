"""What a response means to a resolver: pure, and strict about what a server may speak of.

A server that was asked for a zone is believed about names at or below that zone, and about nothing else; glue only for
name servers below it. That is what keeps one zone from poisoning another.
"""

from __future__ import annotations

from dataclasses import dataclass

from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, Rcode
from dns.rdatatype import AAAA, CNAME, NS, SOA, A, RdataType

from ssosim.dns.recursion.cache import Entry
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.zones.answer import MAX_CHAIN, Answer
from ssosim.dns.zones.rrset import RRset

__all__ = ["Bad", "Delegation", "Facts", "classify"]

MOST_SERVERS = 13


@dataclass(frozen=True, slots=True)
class Delegation:
    """The name servers of a zone with those addresses that are known."""

    zone: Name
    servers: tuple[Name, ...]
    addresses: tuple[str, ...]
    expires: float


@dataclass(frozen=True, slots=True)
class Facts:
    """Usable data: entries in the order of the CNAME chain, the first one about the name that was asked."""

    entries: tuple[Entry, ...]


@dataclass(frozen=True, slots=True)
class Bad:
    """Nothing usable: the server does not serve the zone (lame), or failed."""

    lame: bool


Meaning = Facts | Delegation | Bad


def classify(
    said: Answer, zone: Name, name: Name, rdtype: RdataType, now: float, settings: ResolverSettings
) -> Meaning:
    """What ``said``, from a server of ``zone`` (of a forwarder: the root), tells about ``name`` ``rdtype``."""
    if said.rcode not in (NOERROR, NXDOMAIN):
        return Bad(lame=said.rcode == Rcode.REFUSED)
    if not settings.forward_to:
        below = referral(said, zone, name, now, settings)
        if below is not None and not said.answer:
            return below
    entries = facts(said, zone, name, rdtype, now, settings)
    if not entries:
        return Bad(lame=True)
    return Facts(entries)


def facts(
    said: Answer, zone: Name, name: Name, rdtype: RdataType, now: float, settings: ResolverSettings
) -> tuple[Entry, ...]:
    """The chain of records, and how it ends, as far as a server of ``zone`` may tell."""
    entries: list[Entry] = []
    owner = name
    met = {owner}
    while owner.is_subdomain(zone) and len(entries) <= MAX_CHAIN:
        rrset = find(said.answer, owner, rdtype) or find(said.answer, owner, CNAME)
        if rrset is None:
            end = negative(said, zone, owner, rdtype, now, settings)
            return (*entries, *end)
        ttl = min(max(rrset.ttl, settings.min_ttl), settings.max_ttl)
        entries.append(
            Entry(name=owner, type=rdtype, rcode=NOERROR, rrset=rrset, soa=None, stored=now, expires=now + ttl)
        )
        if rrset.type == rdtype:
            break
        owner = rrset.rdatas[0].target  # type: ignore[attr-defined]
        if owner in met:
            break
        met.add(owner)
    return tuple(entries)


def negative(
    said: Answer, zone: Name, owner: Name, rdtype: RdataType, now: float, settings: ResolverSettings
) -> tuple[Entry, ...]:
    """That there is no such name or no such type (RFC 2308 section 2), if the SOA proves who says so.

    The time to keep it is the smaller of the SOA's TTL and its minimum field (section 5). Without an SOA the answer is
    that of a server which does not serve the zone, unless it says NXDOMAIN with authority: that is passed on, not kept.
    """
    soa = next((rrset for rrset in said.authority if rrset.type == SOA), None)
    if soa is not None and not (owner.is_subdomain(soa.name) and soa.name.is_subdomain(zone)):
        soa = None
    if soa is None:
        if said.rcode != NXDOMAIN or not (said.authoritative or settings.forward_to):
            return ()
        return (Entry(name=owner, type=rdtype, rcode=NXDOMAIN, rrset=None, soa=None, stored=now, expires=now),)
    minimum: int = soa.rdatas[0].minimum  # type: ignore[attr-defined]
    ttl = min(max(min(soa.ttl, minimum), settings.min_ttl), settings.max_negative_ttl)
    return (Entry(name=owner, type=rdtype, rcode=said.rcode, rrset=None, soa=soa, stored=now, expires=now + ttl),)


def referral(said: Answer, zone: Name, name: Name, now: float, settings: ResolverSettings) -> Delegation | None:
    """The zone further down that a server refers to; never up nor sideways, so that every step comes closer."""
    for rrset in said.authority:
        below = rrset.name
        if rrset.type != NS or not name.is_subdomain(below) or len(below) <= len(zone) or not below.is_subdomain(zone):
            continue
        servers = tuple(rdata.target for rdata in rrset.rdatas[:MOST_SERVERS])  # type: ignore[attr-defined]
        glue = [
            rdata.to_text()
            for record in said.additional
            if record.type in (A, AAAA) and record.name in servers and record.name.is_subdomain(zone)
            for rdata in record.rdatas
        ]
        ttl = min(max(rrset.ttl, settings.min_ttl), settings.max_ttl)
        return Delegation(below, servers, tuple(glue), now + ttl)
    return None


def find(rrsets: tuple[RRset, ...], name: Name, rdtype: RdataType) -> RRset | None:
    """The record set of that name and type with records in it."""
    return next((rrset for rrset in rrsets if rrset.type == rdtype and rrset.rdatas and rrset.name == name), None)
