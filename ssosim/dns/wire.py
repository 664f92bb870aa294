"""From the bytes of a query to the bytes of its answer, with no socket in sight.

Parsing and rendering with dnspython costs 100 to 300 us, so whole answers are kept, by the query's bytes after its
id and for as long as the zones are the same value. The trace event is kept beside the bytes: an answer from the
cache is traced like any other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rrset
from dns.rcode import BADVERS, FORMERR, NOTAUTH, NOTIMP, REFUSED, Rcode
from dns.rdataclass import IN
from dns.rdatatype import OPT, TKEY, TSIG, RdataType

from ssosim.dns.answer import Answer, answer
from ssosim.dns.model import ZoneSet
from ssosim.dns.rrset import RRset
from ssosim.trace import DnsAnswered

__all__ = ["MAX_UDP_PAYLOAD", "Reply", "Responder", "Transport", "respond"]

Transport = Literal["udp", "tcp"]

HEADER = 12
MAX_UDP_PAYLOAD = 1232
"""Longest UDP answer and the payload size we advertise, octets. Source: DNS flag day 2020."""

LONGEST_KEPT = 4096

NOT_QUESTIONS = frozenset({OPT, TSIG, TKEY, RdataType.TYPE0})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer ready to leave: ``tail`` is everything after the two octets of the id."""

    tail: bytes
    event: DnsAnswered


class Responder:
    """Answers queries, remembering up to ``limit`` answers per transport.

    What does not parse is never remembered, and nothing very long is: memory stays within ``limit`` times 4 KiB.
    """

    def __init__(self, limit: int = 10_000) -> None:
        self._limit = limit
        self._zones: ZoneSet | None = None
        self._kept: dict[Transport, dict[bytes, Reply]] = {"udp": {}, "tcp": {}}

    def reply(self, zones: ZoneSet, query: bytes, transport: Transport) -> Reply | None:
        """The reply to ``query``, or None if nothing must be said. Never raises, whatever the bytes."""
        if zones is not self._zones:
            self._zones = zones
            self._kept = {"udp": {}, "tcp": {}}
        kept = self._kept[transport]
        key = query[2:]
        reply = kept.get(key)
        if reply is None:
            reply = respond(zones, query, transport)
            if reply is not None and reply.event.name and len(query) + len(reply.tail) <= LONGEST_KEPT:
                if len(kept) >= self._limit:
                    del kept[next(iter(kept))]
                kept[key] = reply
        return reply

    def refuse(self, query: bytes, rcode: Rcode, event: DnsAnswered) -> Reply:
        """The reply with an error code (0 to 15) in the place of what ``event`` says was the answer."""
        return failure(query, rcode, name=event.name, rdtype=event.type, transport=event.transport)


def respond(zones: ZoneSet, query: bytes, transport: Transport) -> Reply | None:
    """Answer ``query`` from ``zones``; None for what must not be answered.

    Nothing is said to what is too short to be a message or is itself a response, so that two servers cannot keep each
    other busy. Unreadable is FORMERR, an opcode other than QUERY NOTIMP, an EDNS version above 0 BADVERS, a class
    other than IN REFUSED, a signed query NOTAUTH (no keys are held here).
    """
    if len(query) < HEADER or query[2] & 0x80:
        return None
    message = read(query)
    if isinstance(message, Rcode):
        return failure(query, message, transport=transport)
    question = message.question[0]
    if message.edns > 0:
        said = Answer(name=question.name, type=question.rdtype, rcode=BADVERS, authoritative=False)
    elif question.rdclass != IN:
        said = Answer(name=question.name, type=question.rdtype, rcode=REFUSED, authoritative=False)
    else:
        said = answer(zones, question.name, question.rdtype)
    return Reply(render(message, said, transport)[2:], said.event(transport))


def read(query: bytes) -> dns.message.Message | Rcode:
    """The query with its one question, or the code to refuse it with."""
    if query[2] & 0x78:
        return NOTIMP
    if query[4:6] != b"\x00\x01":  # RFC 9619: one question, no more and no less
        return FORMERR
    try:
        message = dns.message.from_wire(query)
    except dns.message.UnknownTSIGKey:
        return NOTAUTH
    except (dns.exception.DNSException, ValueError):
        return FORMERR
    return FORMERR if message.question[0].rdtype in NOT_QUESTIONS else message


def render(query: dns.message.Message, said: Answer, transport: Transport) -> bytes:
    """The message that says ``said``; over UDP cut to what the client takes, with TC set (RFC 2181 section 9)."""
    response = dns.message.make_response(query, recursion_available=True, our_payload=MAX_UDP_PAYLOAD, pad=0)
    if said.authoritative:
        response.flags |= dns.flags.AA
    response.flags |= query.flags & dns.flags.CD
    if query.edns >= 0:
        response.ednsflags = query.ednsflags & dns.flags.DO
    response.set_rcode(said.rcode)
    response.answer = [to_wire_rrset(rrset) for rrset in said.answer]
    response.authority = [to_wire_rrset(rrset) for rrset in said.authority]
    response.additional = [to_wire_rrset(rrset) for rrset in said.additional]
    limit = 65535
    if transport == "udp":
        limit = max(512, min(query.payload, MAX_UDP_PAYLOAD)) if query.edns >= 0 else 512
    return response.to_wire(max_size=limit, prefer_truncation=True, want_shuffle=False)


def failure(query: bytes, rcode: Rcode, *, name: str = "", rdtype: str = "", transport: Transport = "udp") -> Reply:
    """An answer of the header alone, for queries whose rest cannot be, or was not, read.

    ``rcode`` must fit into the header's four bits. A question that was read is repeated, as stub resolvers want it.
    """
    question = question_end(query) if name else HEADER
    flags = bytes((0x80 | (query[2] & 0x79), 0x80 | (query[3] & 0x10) | int(rcode)))
    counts = b"\x00\x01" if question > HEADER else b"\x00\x00"
    tail = flags + counts + b"\x00" * 6 + query[HEADER:question]
    return Reply(tail, DnsAnswered(name=name, type=rdtype, rcode=rcode.name, transport=transport))


def question_end(query: bytes) -> int:
    """Where the question of a query that parsed ends, in octets from the start."""
    at = HEADER
    while query[at]:
        if query[at] & 0xC0:  # a pointer in the first name can only go to the header: leave the question out
            return HEADER
        at += query[at] + 1
    return at + 5


def to_wire_rrset(rrset: RRset) -> dns.rrset.RRset:
    """The record set as dnspython renders it."""
    return dns.rrset.from_rdata_list(rrset.name, rrset.ttl, rrset.rdatas)
