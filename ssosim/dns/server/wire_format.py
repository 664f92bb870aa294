"""From the bytes of a query to the bytes of its answer, with no socket in sight.

Parsing and rendering with dnspython costs 100 to 300 us, so whole answers are kept, by the query's bytes after its
id and for as long as the zones are the same value. The trace event is kept beside the bytes: an answer from the
cache is traced like any other. An answer that depends on where the asker is is kept for that asker alone (one who
sends a client subnet has it in the query's bytes), and one that was drawn is not kept.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rrset
from dns.rcode import BADVERS, FORMERR, NOTAUTH, REFUSED, Rcode
from dns.rdata import Rdata
from dns.rdataclass import IN
from dns.rdatatype import CNAME, OPT, TKEY, TSIG, RdataType

from ssosim.dns.server.bounds import HEADER, query_refusal
from ssosim.dns.server.query_counts import Use
from ssosim.dns.zones.answer import Answer, answer
from ssosim.dns.zones.query_context import ALL_ONLINE, ANYBODY, Health, QueryContext, network
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.trace import DnsAnswered

__all__ = ["MAX_UDP_PAYLOAD", "Reply", "Responder", "Transport", "is_cut", "respond", "sharing", "used"]

Transport = Literal["udp", "tcp"]

MAX_UDP_PAYLOAD = 1232
"""Longest UDP answer and the payload size we advertise, octets. Source: DNS flag day 2020."""

LONGEST_KEPT = 4096

NOT_QUESTIONS = frozenset({OPT, TSIG, TKEY, RdataType.TYPE0})


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer ready to leave: ``tail`` is everything after the two octets of the id.

    ``use`` is what it counts for, ``shared`` who else may have it: anybody with the same question, the same asker
    only, or nobody.
    """

    tail: bytes
    event: DnsAnswered
    use: Use | None = None
    shared: Literal["anybody", "asker", "nobody"] = "anybody"


NOT_FOR_ALL = Reply(b"", DnsAnswered(name="", type="", rcode=""))
"""Stands in the cache for a question whose answer is kept per asker."""


class Responder:
    """Answers queries, remembering up to ``limit`` answers per transport.

    What does not parse is never remembered, and nothing very long is: memory stays within ``limit`` times 4 KiB.
    ``draw`` gives the numbers from 0 to 1 that weighted routing decides by.
    """

    def __init__(self, limit: int = 10_000, draw: Callable[[], float] | None = None) -> None:
        self._limit = limit
        self._draw = draw or random.Random(1).random  # noqa: S311 - a share of traffic, not a secret; repeatable
        self._zones: ZoneSet | None = None
        self._health: Health = ALL_ONLINE
        self._kept: dict[Transport, dict[bytes | tuple[bytes, str], Reply]] = {"udp": {}, "tcp": {}}

    def reply(
        self, zones: ZoneSet, query: bytes, transport: Transport, asker: str = "", health: Health = ALL_ONLINE
    ) -> Reply | None:
        """The reply to ``query``, or None if nothing must be said. Never raises, whatever the bytes.

        ``asker`` is the IP address that asks, if it is known.
        """
        if zones is not self._zones or health is not self._health:
            self._zones, self._health = zones, health
            self._kept = {"udp": {}, "tcp": {}}
        kept = self._kept[transport]
        reply = kept.get(query[2:])
        if reply is NOT_FOR_ALL:
            reply = kept.get((query[2:], asker))
        if reply is None:
            reply = respond(zones, query, transport, context_of_query(asker, health, self._draw()))
            if reply is not None and reply.event.name and len(query) + len(reply.tail) <= LONGEST_KEPT:
                self._keep(kept, query[2:], asker, reply)
        return reply

    def known(self, zones: ZoneSet | None, health: Health, query: bytes, asker: str) -> Reply | None:
        """The reply over UDP that is remembered for ``query`` from ``asker``, as long as zones and health are these."""
        if zones is not self._zones or health is not self._health:
            return None
        reply = self._kept["udp"].get(query[2:])
        return self._kept["udp"].get((query[2:], asker)) if reply is NOT_FOR_ALL else reply

    def _keep(self, kept: dict[bytes | tuple[bytes, str], Reply], key: bytes, asker: str, reply: Reply) -> None:
        if reply.shared == "nobody":
            return
        entries: dict[bytes | tuple[bytes, str], Reply] = {key: reply}
        if reply.shared == "asker":
            entries = {key: NOT_FOR_ALL, (key, asker): reply}
        while kept and len(kept) + len(entries) > self._limit:
            del kept[next(iter(kept))]
        kept.update(entries)

    def refuse(self, query: bytes, rcode: Rcode, event: DnsAnswered) -> Reply:
        """The reply with an error code (0 to 15) in the place of what ``event`` says was the answer."""
        return failure(query, rcode, name=event.name, rdtype=event.type, transport=event.transport)


def context_of_query(asker: str, health: Health, draw: float) -> QueryContext:
    """The circumstances of a question from the IP address ``asker``; a text that is none is an unknown place."""
    try:
        return QueryContext(network(asker.partition("%")[0]), health, draw)
    except ValueError:
        return QueryContext(None, health, draw)


def respond(zones: ZoneSet, query: bytes, transport: Transport, asking: QueryContext = ANYBODY) -> Reply | None:
    """Answer ``query`` from ``zones``; None for what must not be answered. Its client subnet goes before ``asking``'s.

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
    subnet = client_subnet(message)
    if message.edns > 0:
        said = Answer(name=question.name, type=question.rdtype, rcode=BADVERS, authoritative=False)
    elif question.rdclass != IN:
        said = Answer(name=question.name, type=question.rdtype, rcode=REFUSED, authoritative=False)
    elif subnet is not None and subnet.scopelen:  # RFC 7871 section 7.1.2: 0 in queries
        return failure(query, FORMERR, transport=transport)
    else:
        if subnet is not None and subnet.srclen:
            told = network(f"{subnet.address}/{subnet.srclen}")
            asking = QueryContext(told, asking.health, asking.draw)
        said = answer(zones, question.name, question.rdtype, asking)
    return Reply(render(message, said, transport)[2:], said.event(transport), used(said), sharing(said))


def client_subnet(query: dns.message.Message) -> dns.edns.ECSOption | None:
    """The EDNS client subnet of ``query`` (RFC 7871); the parser has seen to its form."""
    return next((option for option in query.options if isinstance(option, dns.edns.ECSOption)), None)


def used(said: Answer) -> Use:
    """What ``said`` counts for: the names it led through, and the profiles that chose."""
    names = [said.name, *said.through]
    names += [rdata.target for rrset in said.answer if rrset.type == CNAME for rdata in rrset.rdatas]  # type: ignore[attr-defined]
    profiles = tuple(profile for routed in said.routed for profile in routed.profiles)
    return Use(tuple(dict.fromkeys(plain(name) for name in names)), RdataType.to_text(said.type), profiles)


def sharing(said: Answer) -> Literal["anybody", "asker", "nobody"]:
    """Who else may have this answer."""
    if any(routed.drawn for routed in said.routed):
        return "nobody"
    return "asker" if any(routed.by_place for routed in said.routed) else "anybody"


def read(query: bytes) -> dns.message.Message | Rcode:
    """The query with its one question, or the code to refuse it with."""
    refusal = query_refusal(query)
    if refusal is not None:
        return refusal
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
        subnet = client_subnet(query)
        if subnet is not None:
            scope = max((routed.scope for routed in said.routed), default=0) if subnet.srclen else 0
            echo = dns.edns.ECSOption(subnet.address, subnet.srclen, scope)
            response.use_edns(0, 0, MAX_UDP_PAYLOAD, query.payload, options=[echo])
        response.ednsflags = query.ednsflags & dns.flags.DO
    response.set_rcode(said.rcode)
    response.answer = [to_wire_rrset(rrset) for rrset in said.answer]
    response.authority = [to_wire_rrset(rrset) for rrset in said.authority]
    response.additional = [to_wire_rrset(rrset) for rrset in said.additional]
    limit = 65535
    if transport == "udp":
        limit = max(512, min(query.payload, MAX_UDP_PAYLOAD)) if query.edns >= 0 else 512
    return response.to_wire(max_size=limit, prefer_truncation=True, want_shuffle=False)


def is_cut(said: Answer, tail: bytes, limit: int = MAX_UDP_PAYLOAD) -> bool:
    """Whether ``said``, over UDP, is cut for the query with these bytes after its id, which takes ``limit`` octets.

    Nearly always the records are few, and counting them is enough.
    """
    # Owner, type, class, TTL and length of each record; an SOA's own names and numbers are what else is long.
    size = (
        2
        + len(tail)
        + sum(
            (len(rrset.name.to_text()) + 1 + 10) * len(rrset.rdatas) + sum(_size(rdata) for rdata in rrset.rdatas)
            for rrset in (*said.answer, *said.authority, *said.additional)
        )
    )
    if size <= limit:
        return False
    message = read(b"\0\0" + tail)
    return not isinstance(message, Rcode) and bool(render(message, said, "udp")[2] & 0x02)


@lru_cache(maxsize=1024)
def _size(rdata: Rdata) -> int:
    """Octets of ``rdata`` without compression."""
    return len(rdata.to_wire() or b"")


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
