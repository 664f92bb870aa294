"""What a stub resolver asks, and what it makes of the answers: the part without sockets, for every lab alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import dns.exception
import dns.message
import dns.reversename
from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL
from dns.rdataclass import IN
from dns.rdatatype import CNAME, PTR, RdataType
from ssosim_clients.failures import DnsFailure, DnsKind
from ssosim_clients.ports import Family, Resolution

from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.rrset import plain

__all__ = [
    "NAME_TIMEOUT_S",
    "TYPES",
    "LookupResult",
    "Query",
    "build_query",
    "merge_lookups",
    "read_answer",
    "read_wire",
    "reverse_name",
]

NAME_TIMEOUT_S = 5.0
"""How long a device waits for an answer, in seconds: glibc's and Windows' first time limit is of that order."""

MAX_CHAIN = 16

TYPES: Mapping[Family, tuple[str, ...]] = {"ipv4": ("A",), "ipv6": ("AAAA",), "any": ("A", "AAAA")}
"""The record types that are asked for, in this order."""

KINDS: Mapping[int, DnsKind] = {NXDOMAIN: "nxdomain", SERVFAIL: "servfail", REFUSED: "refused"}


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A question: the name and type, how the trace writes the name, and the query's bytes after its id.

    It is known by identity, for names take long to compare.
    """

    name: Name
    type: RdataType
    plain: str
    tail: bytes


@dataclass(frozen=True, slots=True)
class LookupResult:
    """What an answer says: the failure, or the values at the end of the chain."""

    failure: DnsKind | None = None
    canonical: str = ""
    chain: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def build_query(name: str, kind: str) -> Query:
    """The query for ``name``, of a type by its mnemonic; raises dns.exception.DNSException for what is no name."""
    message = dns.message.make_query(name, kind, use_edns=0, id=0)
    question = message.question[0]
    return Query(question.name, question.rdtype, plain(question.name), message.to_wire()[2:])


def reverse_name(address: str) -> str:
    """The name that holds the PTR record of ``address``; raises dns.exception.SyntaxError for what is none."""
    return dns.reversename.from_address(address).to_text(omit_final_dot=True)


@lru_cache(maxsize=1024)
def read_wire(answer: bytes, kind: RdataType) -> LookupResult:
    """What an answer without its id says. Many are the same, octet for octet."""
    try:
        message = dns.message.from_wire(b"\0\0" + answer)
    except dns.exception.DNSException:
        return LookupResult("servfail")
    if message.rcode() != NOERROR:
        return LookupResult(KINDS.get(message.rcode(), "servfail"))
    if not message.question:
        return LookupResult("servfail")
    here = message.question[0].name
    chain: list[str] = []
    while len(chain) < MAX_CHAIN:
        link = message.get_rrset(message.answer, here, IN, CNAME)
        if link is None:
            break
        here = link[0].target
        chain.append(here.to_text(omit_final_dot=True))
    rrset = message.get_rrset(message.answer, here, IN, kind)
    if not rrset:
        return LookupResult("nodata")
    values = tuple(rdata.to_text().rstrip(".") if kind == PTR else rdata.address for rdata in rrset)
    return LookupResult(None, here.to_text(omit_final_dot=True), tuple(chain), values)


def read_answer(answer: Answer) -> LookupResult:
    """What ``read_wire`` makes of the message that says ``answer``, without making that message."""
    if answer.rcode != NOERROR:
        return LookupResult(KINDS.get(answer.rcode, "servfail"))
    sets = {(rrset.name, rrset.type): rrset.rdatas for rrset in reversed(answer.answer)}
    here = answer.name
    chain: list[str] = []
    while len(chain) < MAX_CHAIN and (link := sets.get((here, CNAME))):
        here = link[0].target  # type: ignore[attr-defined]
        chain.append(here.to_text(omit_final_dot=True))
    rdatas = sets.get((here, answer.type))
    if not rdatas:
        return LookupResult("nodata")
    values = tuple(
        rdata.to_text().rstrip(".") if answer.type == PTR else rdata.address  # type: ignore[attr-defined]
        for rdata in rdatas
    )
    return LookupResult(None, here.to_text(omit_final_dot=True), tuple(chain), values)


def merge_lookups(name: str, found: tuple[LookupResult, ...], *, dual_stack: bool = False) -> Resolution:
    """The answers for each type as one look-up; raises DnsFailure, the first one, where there is no address at all.

    ``dual_stack``: AAAA counts for more than A, as on a device with IPv6 (RFC 6724).
    """
    good = [read for read in found if read.failure is None]
    if not good:
        raise DnsFailure(found[0].failure or "nodata", name)
    ordered = reversed(good) if dual_stack else good
    addresses = tuple(address for read in ordered for address in read.values)
    return Resolution(name, good[0].canonical, addresses, good[0].chain)
