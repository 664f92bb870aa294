"""A wrong answer for one name: another address, or none, also where a CNAME leads to the name."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from dns.name import Name
from dns.rcode import NOERROR, NXDOMAIN
from dns.rdatatype import CNAME, RdataType

from ssosim.dns import Answer
from ssosim.dns.server.effect import AnswerFunction
from ssosim.dns.zones.answer import resolve_in_zones
from ssosim.dns.zones.query_context import QueryContext
from ssosim.dns.zones.rrset import RRset, to_name, to_rdatas
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.faults.core.addresses import address_type
from ssosim.faults.core.answer_fault import normalise_name
from ssosim.trace import DnsAnswered

__all__ = ["MAX_TTL", "is_about", "make_forged_answer"]

MAX_TTL = 2**31 - 1
"""The largest TTL in seconds. Source: RFC 2181 section 8."""


def is_about(name: str) -> Callable[[DnsAnswered], bool]:
    """Return the function that decides whether an answer has addresses of ``name``, by itself or behind CNAMEs."""
    wanted = normalise_name(name)

    def decide(event: DnsAnswered) -> bool:
        if event.type not in ("A", "AAAA"):
            return False
        targets = (value.partition("CNAME ")[2].rstrip(".").lower() for value in event.answers)
        return event.name == wanted or wanted in targets

    return decide


def make_forged_answer(
    zones: ZoneSet, name: str, address: str | None, ttl: int, *, authoritative: bool
) -> AnswerFunction:
    """Return the function that answers with ``address`` as the only address of ``name``; None: the name is missing.

    ``zones`` have the CNAMEs that lead to the name. Raises FaultError if ``address`` is not an IP address.
    """
    end = to_name(name)
    family = None if address is None else RdataType.make(address_type(address))
    forged = None if address is None or family is None else RRset(end, family, ttl, to_rdatas((address,), family, end))

    def answer(asked: Name, rdtype: RdataType, asking: QueryContext) -> Answer:
        chain = find_chain_to(end, resolve_in_zones(zones, asked, rdtype, asking))
        last = (dataclasses.replace(forged, name=end if chain else asked),) if forged and rdtype == family else ()
        soa = () if last else (zones.zone_of(end).soa(zones.version, negative=True),)
        rcode = NXDOMAIN if forged is None else NOERROR
        return Answer(
            name=asked, type=rdtype, rcode=rcode, authoritative=authoritative, answer=(*chain, *last), authority=soa
        )

    return answer


def find_chain_to(target: Name, answer: Answer) -> tuple[RRset, ...]:
    """Return the CNAME records of ``answer`` that lead to ``target``; none if they do not."""
    for number, rrset in enumerate(answer.answer):
        if rrset.type == CNAME and rrset.rdatas[0].target == target:  # type: ignore[attr-defined]
            return answer.answer[: number + 1]
    return ()
