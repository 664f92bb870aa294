"""The questions that matter for a zone: existing and missing names, wildcards, cuts, chains, types, case, DO bit."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import dns.flags
import dns.message
import dns.name
from dns.name import Name
from dns.rdatatype import (
    AAAA,
    ANY,
    CAA,
    CNAME,
    DNAME,
    DS,
    MX,
    NS,
    NSEC,
    NSEC3,
    PTR,
    RRSIG,
    SOA,
    SRV,
    TXT,
    A,
    RdataType,
)

from ssosim.dns import Zone

__all__ = ["Asked", "questions_for"]

UNKNOWN = RdataType.make(65_280)
USUAL = (A, AAAA, TXT, CNAME)
EVERY = (*USUAL, MX, NS, SOA, SRV, PTR, DS, DNAME, CAA, NSEC, RRSIG, ANY, UNKNOWN)


@dataclass(frozen=True)
class Asked:
    """One question."""

    name: Name
    type: RdataType
    dnssec_ok: bool = False

    def message(self, *, recursive: bool = False) -> dns.message.Message:
        """The query, with EDNS, and with RD only if ``recursive``."""
        query = dns.message.make_query(self.name, self.type, want_dnssec=self.dnssec_ok, use_edns=0, payload=1232)
        if not recursive:
            query.flags &= ~dns.flags.RD
        return query

    def __str__(self) -> str:
        return f"{self.name} {RdataType.to_text(self.type)}{' +dnssec' if self.dnssec_ok else ''}"


def questions_for(zone: Zone) -> Iterator[Asked]:
    """Every question that matters for ``zone``; none twice."""
    signed = any(kind == RRSIG for node in zone.nodes.values() for kind in node)
    seen: set[tuple[tuple[bytes, ...], RdataType, bool]] = set()
    for name, kinds in _names_and_types(zone):
        for kind in kinds:
            for dnssec_ok in (False, True) if signed or kind in (A, DS) else (False,):
                key = (name.labels, kind, dnssec_ok)
                if key not in seen:
                    seen.add(key)
                    yield Asked(name, kind, dnssec_ok)


def _names_and_types(zone: Zone) -> Iterator[tuple[Name, tuple[RdataType, ...]]]:
    few = (A, TXT, DS)
    for owner, node in zone.nodes.items():
        hashed = NSEC3 in node
        yield owner, (A, NSEC3) if hashed else (*node, *EVERY)
        if hashed:
            continue
        yield _upper(owner), (A, TXT)
        for label in (b"zz-below", b"_x"):
            yield from _prefixed((label,), owner, few)
        yield from _prefixed((b"a", b"zz-deep"), owner, (A, CNAME, ANY))
        if owner != zone.origin:
            yield from _prefixed((b"zz-beside",), owner.parent(), (*USUAL, DS))
            yield from _prefixed((b"0",), owner.parent(), few)
        if owner.is_wild():
            yield from _expand(owner, tuple(node))
        if CNAME in node or DNAME in node:
            yield from _prefixed((b"www",), owner, (A, CNAME, DNAME, ANY))
    for empty in zone.below:
        if empty not in zone.nodes:
            yield empty, EVERY
            yield from _prefixed((b"zz-below",), empty, few)


def _expand(wildcard: Name, types: tuple[RdataType, ...]) -> Iterator[tuple[Name, tuple[RdataType, ...]]]:
    """Names that a wildcard answers, or seems to answer."""
    encloser = wildcard.parent()
    for labels in ((b"one",), (b"two", b"one"), (b"*", b"one"), (b"one", b"*"), (b"ONE",)):
        yield from _prefixed(labels, encloser, (*types, *USUAL, NS, SOA, ANY, UNKNOWN))


def _prefixed(
    labels: tuple[bytes, ...], name: Name, kinds: tuple[RdataType, ...]
) -> Iterator[tuple[Name, tuple[RdataType, ...]]]:
    try:
        yield Name((*labels, *name.labels)), kinds
    except dns.name.NameTooLong:
        return


def _upper(name: Name) -> Name:
    return Name(label.swapcase() for label in name.labels)
