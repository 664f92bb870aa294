"""The stored signatures and proofs of a signed zone, for queries with the DO bit (RFC 4035 section 3.1, RFC 5155).

Theory of operation
-------------------

A signed zone is served as it stands: nothing is signed here. An answer gets the stored RRSIG records of its record
sets. A negative answer, a wildcard answer and a referral to an unsigned zone also get the stored NSEC or NSEC3 records
that prove them.

Rules that always hold:

- A zone counts as signed if its apex has a DNSKEY for zones, and NSEC with its signature or NSEC3PARAM. Otherwise
  signatures in it are ordinary records, sent only if they are queried. This is what BIND does (``iszonesecure``).
- A proof that the zone does not have is left out; the answer is sent without it, as BIND does. A validating resolver
  then says that the zone is bogus, which is true. One gap makes BIND fail for every client: where the NSEC that a
  negative answer needs is missing or has no signature, the answer is SERVFAIL (``is_broken``; DNS_R_BADDB of BIND).

What can go wrong: the search for proofs needs the names with NSEC in canonical order. They are sorted once for each
state of a zone (``_chains``).
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from types import MappingProxyType

from dns.name import Name
from dns.rdata import Rdata
from dns.rdatatype import DNSKEY, NSEC, NSEC3, NSEC3PARAM, RRSIG, RdataType
from msgspec import Struct

from ssosim.dns.zones.name_match import NameMatch, wildcard_of
from ssosim.dns.zones.rrset import RRset, signatures
from ssosim.dns.zones.zone import Node, Zone

__all__ = ["is_broken", "is_signed", "prove_negative", "prove_unsigned_delegation", "prove_wildcard", "sign"]

ZONE_KEY = 0x0100
"""The flag of a DNSKEY that may sign zones. Source: RFC 4034 section 2.1.1."""

DNSSEC_PROTOCOL = 3
SHA1 = 1
"""The only hash algorithm of NSEC3. Source: RFC 5155 section 11."""

MAX_ITERATIONS = 150
"""More iterations are not computed. Source: RFC 9276 section 3.2; BIND 9.18."""


def is_signed(zone: Zone) -> bool:
    """Whether the zone has a key, and a chain of NSEC or NSEC3 records, at its apex."""
    apex = zone.node(zone.origin)
    keys = apex.get(DNSKEY)
    if keys is None or not any(is_zone_key(rdata) for rdata in keys.rdatas):
        return False
    return _has_signed_nsec(apex, zone.origin) or _parameters(apex) is not None


def is_zone_key(rdata: Rdata) -> bool:
    """Whether a DNSKEY may sign zones."""
    return bool(rdata.flags & ZONE_KEY) and rdata.protocol == DNSSEC_PROTOCOL  # type: ignore[attr-defined]


def sign(node: Node, rrset: RRset) -> Iterator[RRset]:
    """Yield ``rrset`` and, if ``node`` has it, its signature, with the same owner and TTL."""
    yield rrset
    signature = signatures(node.get(RRSIG), rrset.type, rrset.name, rrset.ttl)
    if signature is not None:
        yield signature


def is_broken(zone: Zone, name: Name, match: NameMatch) -> bool:
    """Whether a signed zone lacks what BIND needs for a negative answer: the NSEC of the name, or before it, signed."""
    chain = _chain_of(zone)
    return isinstance(chain, _NsecChain) and chain.lacks_proof(name, match)


def prove_negative(zone: Zone, name: Name, match: NameMatch) -> tuple[RRset, ...]:
    """The stored proof that ``name`` does not exist, or has no records of the type; ``match`` is what the zone has."""
    chain = _chain_of(zone)
    if match.kind in ("exact", "delegation"):
        return chain.prove_no_type(name)
    encloser = match.owner.parent() if match.kind == "wildcard" else match.owner
    return chain.prove_no_name(name, encloser, match.owner if match.kind == "wildcard" else None)


def prove_wildcard(zone: Zone, name: Name, wildcard: Name) -> tuple[RRset, ...]:
    """The stored proof that ``name`` itself does not exist, so that ``wildcard`` answers (RFC 4035 section 3.1.3.3)."""
    return _chain_of(zone).prove_wildcard(name, wildcard.parent())


def prove_unsigned_delegation(zone: Zone, cut: Name) -> tuple[RRset, ...]:
    """The stored proof that there is no DS at the delegation ``cut`` (RFC 4035 section 3.1.4)."""
    return _chain_of(zone).prove_no_ds(cut)


def _unique(parts: Iterable[tuple[RRset, ...]]) -> tuple[RRset, ...]:
    found: dict[tuple[Name, RdataType], RRset] = {}
    for part in parts:
        for rrset in part:
            found.setdefault((rrset.name, rrset.type), rrset)
    return tuple(found.values())


class _NsecChain(Struct, frozen=True):
    """The names of a zone that have NSEC, in canonical order."""

    zone: Zone
    owners: tuple[Name, ...]

    def lacks_proof(self, name: Name, match: NameMatch) -> bool:
        node = match.node
        if match.kind in ("exact", "delegation") and node:
            return not _has_signed_nsec(node, name)
        if match.kind == "wildcard" and _has_signed_nsec(node, match.owner):
            return False
        owner = self._before(name)
        return owner is None or not _has_signed_nsec(self.zone.node(owner), owner)

    def prove_no_ds(self, cut: Name) -> tuple[RRset, ...]:
        return self._find_covering(cut) if NSEC in self.zone.node(cut) else ()

    def prove_no_type(self, name: Name) -> tuple[RRset, ...]:
        return self._find_covering(name)

    def prove_no_name(self, name: Name, encloser: Name, wildcard: Name | None) -> tuple[RRset, ...]:
        covering = self._find_covering(name)
        star = wildcard or wildcard_of(_encloser_by(covering, name) or encloser)
        return _unique((covering, () if star is None else self._find_covering(star)))

    def prove_wildcard(self, name: Name, _encloser: Name) -> tuple[RRset, ...]:
        return self._find_covering(name)

    def _find_covering(self, name: Name) -> tuple[RRset, ...]:
        """The NSEC of ``name``, else of the last name before it, if it is signed."""
        owner = self._before(name)
        if owner is None or not _has_signed_nsec(self.zone.node(owner), owner):
            return ()
        node = self.zone.node(owner)
        return tuple(sign(node, node[NSEC]))

    def _before(self, name: Name) -> Name | None:
        at = bisect_right(self.owners, name)
        return self.owners[at - 1] if at else None


def _encloser_by(covering: tuple[RRset, ...], name: Name) -> Name | None:
    """The closest encloser that the NSEC itself shows, as BIND takes it; it differs where the chain has gaps."""
    if not covering:
        return None
    ends = (covering[0].name, covering[0].rdatas[0].next)  # type: ignore[attr-defined]
    return name.split(max(name.fullcompare(end)[2] for end in ends))[1]


def _has_signed_nsec(node: Node, owner: Name) -> bool:
    return NSEC in node and signatures(node.get(RRSIG), NSEC, owner, 0) is not None


class _Nsec3Chain(Struct, frozen=True):
    """The hashed owner labels of a zone with their names, in the order of the hashes, and the parameters."""

    zone: Zone
    hashes: tuple[bytes, ...]
    owners: Mapping[bytes, Name]
    parameters: Rdata

    def prove_no_ds(self, cut: Name) -> tuple[RRset, ...]:
        return self.prove_no_type(cut)

    def prove_no_type(self, name: Name) -> tuple[RRset, ...]:
        matching = self._find_matching(name)
        return matching or self._closest_encloser_proof(name, name.parent())  # opt-out: RFC 5155 section 7.2.4

    def prove_no_name(self, name: Name, encloser: Name, wildcard: Name | None) -> tuple[RRset, ...]:
        proof = self._closest_encloser_proof(name, encloser)
        if wildcard is not None:
            return _unique((proof, self._find_matching(wildcard)))
        star = wildcard_of(self._provable_encloser(encloser))
        return _unique((proof, () if star is None else self._find_covering(star)))

    def prove_wildcard(self, name: Name, encloser: Name) -> tuple[RRset, ...]:
        return self._find_covering(name.split(len(encloser) + 1)[1])

    def _closest_encloser_proof(self, name: Name, encloser: Name) -> tuple[RRset, ...]:
        """The NSEC3 of the closest provable encloser, and the one that covers the next name (RFC 5155 7.2.1)."""
        encloser = self._provable_encloser(encloser)
        next_closer = name.split(len(encloser) + 1)[1]
        return _unique((self._find_matching(encloser), self._find_covering(next_closer)))

    def _provable_encloser(self, encloser: Name) -> Name:
        """The deepest name at or above ``encloser`` that has an NSEC3: opt-out omits names (RFC 5155 section 6)."""
        while not self._find_matching(encloser) and encloser != self.zone.origin:
            encloser = encloser.parent()
        return encloser

    def _find_matching(self, name: Name) -> tuple[RRset, ...]:
        owner = self.owners.get(self._hash(name))
        return () if owner is None else self._find_signed(owner)

    def _find_covering(self, name: Name) -> tuple[RRset, ...]:
        if not self.hashes:
            return ()
        at = bisect_left(self.hashes, self._hash(name))  # before the first hash comes the last one
        return self._find_signed(self.owners[self.hashes[at - 1]])

    def _find_signed(self, owner: Name) -> tuple[RRset, ...]:
        node = self.zone.node(owner)
        return tuple(sign(node, node[NSEC3]))

    def _hash(self, name: Name) -> bytes:
        salt, iterations = self.parameters.salt, self.parameters.iterations  # type: ignore[attr-defined]
        import dns.dnssec  # noqa: PLC0415 - it imports cryptography, and few zones have NSEC3

        return dns.dnssec.nsec3_hash(name, salt, iterations, SHA1).lower().encode()


_chains: deque[tuple[object, _NsecChain | _Nsec3Chain]] = deque(maxlen=16)
"""The chains of the last zones, by the identity of their nodes: a zone is immutable."""


def _chain_of(zone: Zone) -> _NsecChain | _Nsec3Chain:
    for known, found in tuple(_chains):
        if known is zone.nodes:
            return found
    chain = _make_chain(zone)
    _chains.append((zone.nodes, chain))
    return chain


def _make_chain(zone: Zone) -> _NsecChain | _Nsec3Chain:
    parameters = _parameters(zone.node(zone.origin))
    if parameters is None:
        return _NsecChain(zone, tuple(sorted(name for name, node in zone.nodes.items() if NSEC in node)))
    owners = {name.labels[0].lower(): name for name, node in zone.nodes.items() if _is_in_chain(node, parameters)}
    return _Nsec3Chain(zone, tuple(sorted(owners)), MappingProxyType(owners), parameters)


def _is_in_chain(node: Node, parameters: Rdata) -> bool:
    """Whether the NSEC3 of ``node`` was made with those parameters; a zone may have several chains."""
    stored = node.get(NSEC3)
    return stored is not None and any(
        (rdata.algorithm, rdata.iterations, rdata.salt)  # type: ignore[attr-defined]
        == (SHA1, parameters.iterations, parameters.salt)  # type: ignore[attr-defined]
        for rdata in stored.rdatas
    )


def _parameters(apex: Node) -> Rdata | None:
    """The parameters of the NSEC3 chain; None if there is none that can be used (RFC 5155 section 4.1.2)."""
    stored = apex.get(NSEC3PARAM)
    if stored is None:
        return None
    usable = (
        rdata
        for rdata in stored.rdatas
        if rdata.algorithm == SHA1 and rdata.flags == 0 and rdata.iterations <= MAX_ITERATIONS  # type: ignore[attr-defined]
    )
    return next(usable, None)
