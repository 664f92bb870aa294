"""The queries of a stub resolver and how it reads the answers: the part without sockets, for every kind of lab."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import dns.exception
import dns.message
import dns.reversename
from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN, REFUSED, SERVFAIL
from dns.rdata import Rdata
from dns.rdataclass import IN
from dns.rdatatype import CNAME, PTR, SRV, URI, RdataType
from msgspec import Struct
from ssosim_clients.failures import DnsFailure, DnsKind
from ssosim_clients.ports import Family, Resolution

from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.rrset import plain

__all__ = [
    "NAME_TIMEOUT_S",
    "TYPES",
    "LookupResult",
    "Query",
    "asks_next_server",
    "build_query",
    "merge_lookups",
    "read_answer",
    "read_wire",
    "reverse_name",
]

NAME_TIMEOUT_S = 5.0
"""How long a device waits for an answer, in seconds: glibc's and Windows' first time limit is of that order."""

MAX_CHAIN = 64

TYPES: Mapping[Family, tuple[str, ...]] = {"ipv4": ("A",), "ipv6": ("AAAA",), "any": ("A", "AAAA")}
"""The record types to query, in this order."""

KINDS: Mapping[int, DnsKind] = {NXDOMAIN: "nxdomain", SERVFAIL: "servfail", REFUSED: "refused"}


_NEXT_SERVER: frozenset[DnsKind] = frozenset({"timeout", "servfail", "refused"})


class Query(Struct, frozen=True, eq=False):
    """A query: name and type, the text of the name in the trace, and the bytes of the query after its id.

    Queries are compared by identity, because comparing names is slow.
    """

    name: Name
    type: RdataType
    plain: str
    tail: bytes


class LookupResult(Struct, frozen=True):
    """The result of one answer: a failure, or the values at the end of the CNAME chain."""

    failure: DnsKind | None = None
    canonical: str = ""
    chain: tuple[str, ...] = ()
    values: tuple[str, ...] = ()


@lru_cache(maxsize=1024)
def build_query(name: str, kind: str) -> Query:
    """Build the query for ``name`` and a type mnemonic; raises dns.exception.DNSException for an invalid name."""
    message = dns.message.make_query(name, kind, use_edns=0, id=0)
    question = message.question[0]
    return Query(question.name, question.rdtype, plain(question.name), message.to_wire()[2:])


def reverse_name(address: str) -> str:
    """The name of the PTR record of ``address``; raises dns.exception.SyntaxError for an invalid address."""
    return dns.reversename.from_address(address).to_text(omit_final_dot=True)


@lru_cache(maxsize=1024)
def read_wire(answer: bytes, kind: RdataType) -> LookupResult:
    """Read the bytes of an answer after its id. The results are cached, because many answers are identical."""
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
    values = tuple(_read_value(rdata) for rdata in rrset)
    return LookupResult(None, here.to_text(omit_final_dot=True), tuple(chain), values)


def read_answer(answer: Answer) -> LookupResult:
    """The same result as ``read_wire`` for the message of ``answer``, without rendering the message."""
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
    values = tuple(_read_value(rdata) for rdata in rdatas)
    return LookupResult(None, here.to_text(omit_final_dot=True), tuple(chain), values)


def _read_value(rdata: Rdata) -> str:
    if rdata.rdtype == PTR:
        return rdata.to_text().rstrip(".")
    if rdata.rdtype in (SRV, URI):
        return rdata.to_text()
    return str(rdata.address)  # type: ignore[attr-defined]


def asks_next_server(read: LookupResult) -> bool:
    """Whether a stub resolver asks its next server after this result: no answer, SERVFAIL, REFUSED or NOTIMP.

    After NXDOMAIN and NODATA it does not. Source: resolv.conf(5), glibc (``resolv/res_send.c``).
    """
    return read.failure in _NEXT_SERVER


def merge_lookups(name: str, found: tuple[LookupResult, ...], *, dual_stack: bool = False) -> Resolution:
    """Merge the results of all types; raise DnsFailure, the first failure, if there is no address.

    ``dual_stack``: IPv6 addresses come first, as on a device with IPv6 (RFC 6724).
    """
    good = [read for read in found if read.failure is None]
    if not good:
        raise DnsFailure(found[0].failure or "nodata", name)
    ordered = reversed(good) if dual_stack else good
    addresses = tuple(address for read in ordered for address in read.values)
    return Resolution(name, good[0].canonical, addresses, good[0].chain)
