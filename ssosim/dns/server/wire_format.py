"""From the bytes of a query to the bytes of its answer, without sockets.

Parsing and rendering with dnspython costs 100 to 300 us, so whole answers are cached. The key is the query after its
id; the cache is cleared when the zones or the endpoint health are another value. The trace event is stored with the
bytes, so a cached answer is traced like any other. An answer that depends on the location of the client is cached for
that client address only (a client subnet is part of the bytes of the query). An answer that depends on chance is not
cached.
"""

from __future__ import annotations

import random
import struct
from collections.abc import Callable
from itertools import islice
from typing import Literal

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.opcode
import dns.rrset
import msgspec
from dns.name import Name
from dns.rcode import BADVERS, FORMERR, NOTAUTH, REFUSED, Rcode
from dns.rdata import Rdata
from dns.rdataclass import IN
from dns.rdatatype import AAAA, CNAME, NS, OPT, PTR, SOA, TKEY, TSIG, A, RdataType
from msgspec import Struct
from msgspec.structs import replace

from ssosim.dns.server import fast_path
from ssosim.dns.server.bounds import HEADER, query_refusal
from ssosim.dns.server.query_counts import Use
from ssosim.dns.zones.answer import Answer, resolve_in_zones
from ssosim.dns.zones.answer import answer as answer_question
from ssosim.dns.zones.extended_errors import ExtendedError, describe_extended_error
from ssosim.dns.zones.query_context import ALL_ONLINE, ANYBODY, Health, QueryContext, network
from ssosim.dns.zones.rrset import RRset, plain
from ssosim.dns.zones.zone_set import ZoneSet
from ssosim.trace import DnsAnswered

__all__ = [
    "MAX_UDP_PAYLOAD",
    "Reply",
    "Responder",
    "Transport",
    "find_cache_scope",
    "is_truncated",
    "make_use",
    "read_query",
    "render_response",
    "respond",
    "respond_ordinarily",
    "respond_plainly",
    "with_dnssec_ok",
]

Transport = Literal["udp", "tcp"]

MAX_UDP_PAYLOAD = 1232
"""The longest UDP answer and the advertised payload size, in octets. Source: DNS flag day 2020."""

_FIXED_SIZES = {A: 4, AAAA: 16}  # octets (RFC 1035 section 3.4.1, RFC 3596 section 2.2)

MAX_KEPT = 4096

MAX_REPLIES = 10_000
"""The most replies that a ``Responder`` keeps for each transport."""

MAX_REPLY_OCTETS = 8 * 2**20
"""The largest size of these replies for each transport, in octets; a small one counts a kilobyte."""

_REPLY_OVERHEAD = 900

NOT_QUESTIONS = frozenset({OPT, TSIG, TKEY, RdataType.TYPE0})


class Reply(Struct, frozen=True):
    """An answer ready to be sent: ``tail`` is everything after the two octets of the id.

    ``use`` is what the query counts for. ``cache_scope`` says for whom the answer may be cached: for anybody with the
    same question, for the same client address ("client"), or for nobody.
    """

    tail: bytes
    event: DnsAnswered
    use: Use | None = None
    cache_scope: Literal["anybody", "client", "nobody"] = "anybody"


KEPT_PER_CLIENT = Reply(b"", DnsAnswered(name="", type="", rcode=""))
"""The cache entry of a question whose answers are cached for each client address."""


class Responder:
    """Answers queries and caches up to ``limit`` answers of together ``most_octets`` for each transport.

    Malformed queries and very long answers are never cached. ``draw``
    returns the numbers from 0 to 1 that decide weighted routing.
    """

    def __init__(
        self,
        limit: int = MAX_REPLIES,
        draw: Callable[[], float] | None = None,
        *,
        most_octets: int = MAX_REPLY_OCTETS,
    ) -> None:
        self._limit = limit
        self._most_octets = most_octets
        self._octets: dict[Transport, int] = {"udp": 0, "tcp": 0}
        self._draw = draw or random.Random(1).random  # noqa: S311 - a share of traffic, not a secret; repeatable
        self._zones: ZoneSet | None = None
        self._health: Health = ALL_ONLINE
        self._kept: dict[Transport, dict[bytes | tuple[bytes, str], Reply]] = {"udp": {}, "tcp": {}}
        self.hits = 0
        """The number of replies that came from the cache."""

    def reply(
        self, zones: ZoneSet, query: bytes, transport: Transport, client_address: str = "", health: Health = ALL_ONLINE
    ) -> Reply | None:
        """The reply to ``query``; None if the server must not reply. Never raises, whatever the bytes.

        ``client_address`` is the IP address of the sender, if it is known.
        """
        if zones is not self._zones or health is not self._health:
            self._zones, self._health = zones, health
            self._kept = {"udp": {}, "tcp": {}}
            self._octets = {"udp": 0, "tcp": 0}
        kept = self._kept[transport]
        reply = kept.get(query[2:])
        if reply is KEPT_PER_CLIENT:
            reply = kept.get((query[2:], client_address))
        if reply is not None:
            self.hits += 1
            return reply
        reply = respond(zones, query, transport, context_of_query(client_address, health, self._draw()))
        if reply is not None and reply.event.name and len(query) + len(reply.tail) <= MAX_KEPT:
            self._keep(transport, query[2:], client_address, reply)
        return reply

    def find_cached(self, zones: ZoneSet | None, health: Health, query: bytes, client_address: str) -> Reply | None:
        """The cached UDP reply to ``query``, if the cache is for these zones and this health; else None."""
        if zones is not self._zones or health is not self._health:
            return None
        reply = self._kept["udp"].get(query[2:])
        return self._kept["udp"].get((query[2:], client_address)) if reply is KEPT_PER_CLIENT else reply

    def _keep(self, transport: Transport, key: bytes, client_address: str, reply: Reply) -> None:
        if reply.cache_scope == "nobody":
            return
        if reply.cache_scope == "client":
            self._add(transport, key, KEPT_PER_CLIENT)
            self._add(transport, (key, client_address), reply)
        else:
            self._add(transport, key, reply)

    def _add(self, transport: Transport, key: bytes | tuple[bytes, str], reply: Reply) -> None:
        """Add an entry. If there is no room, the oldest entries are dropped, an eighth of all at once.

        Finding the oldest entry of a dictionary takes longer the more entries were dropped from it.
        """
        kept, size = self._kept[transport], _size_of_entry(key, reply)
        if key in kept:
            self._octets[transport] -= _size_of_entry(key, kept.pop(key))
        while kept and (len(kept) >= self._limit or self._octets[transport] + size > self._most_octets):
            for oldest in tuple(islice(kept, max(1, len(kept) // 8))):
                self._octets[transport] -= _size_of_entry(oldest, kept.pop(oldest))
        kept[key] = reply
        self._octets[transport] += size

    def refuse(self, query: bytes, rcode: Rcode, event: DnsAnswered) -> Reply:
        """The reply with an error code (0 to 15) instead of the answer in ``event``."""
        return make_error_reply(query, rcode, name=event.name, rdtype=event.type, transport=event.transport)


def _size_of_entry(key: bytes | tuple[bytes, str], reply: Reply) -> int:
    """About how many octets an entry of a ``Responder`` takes: query, answer, and the answer's text for the trace."""
    query = key if isinstance(key, bytes) else key[0]
    return _REPLY_OVERHEAD + len(query) + 4 * len(reply.tail)


def context_of_query(client_address: str, health: Health, draw: float) -> QueryContext:
    """The context of a query from the IP address ``client_address``; for any other text the location is unknown."""
    try:
        return QueryContext(network(client_address.partition("%")[0]), health, draw)
    except ValueError:
        return QueryContext(None, health, draw)


def respond(zones: ZoneSet, query: bytes, transport: Transport, context: QueryContext = ANYBODY) -> Reply | None:
    """Answer ``query`` from ``zones``; None if the server must not reply.

    The client subnet in the query replaces that of ``context``. A query that is too short for a message, or that is
    a response, gets no reply, so that two servers cannot keep each other busy. A malformed query gets FORMERR, an
    opcode other than QUERY gets NOTIMP, an EDNS version above 0 BADVERS, a class other than IN REFUSED, and a
    signed query NOTAUTH (the server has no keys).
    """
    if len(query) < HEADER or query[2] & 0x80:
        return None
    reply = respond_plainly(zones, query, transport, context) if fast_path.enabled() else None
    return respond_ordinarily(zones, query, transport, context) if reply is None else reply


def respond_ordinarily(zones: ZoneSet, query: bytes, transport: Transport, context: QueryContext = ANYBODY) -> Reply:
    """Answer ``query``, which is no response and at least ``HEADER`` octets, with dnspython's messages."""
    message = read_query(query)
    if isinstance(message, Rcode):
        return make_error_reply(query, message, transport=transport)
    question = message.question[0]
    subnet = client_subnet(message)
    if message.edns > 0:
        answer = Answer(name=question.name, type=question.rdtype, rcode=BADVERS, authoritative=False)
    elif question.rdclass != IN:
        answer = Answer(name=question.name, type=question.rdtype, rcode=REFUSED, authoritative=False)
    elif subnet is not None and subnet.scopelen:  # RFC 7871 section 7.1.2: 0 in queries
        return make_error_reply(query, FORMERR, transport=transport)
    else:
        if subnet is not None and subnet.srclen:
            client_network = network(f"{subnet.address}/{subnet.srclen}")
            context = replace(context, subnet=client_network)
        context = with_dnssec_ok(context, message)
        wants_result = message.flags & dns.flags.RD
        answer_function = resolve_in_zones if wants_result else answer_question
        answer = answer_function(zones, question.name, question.rdtype, context)
    event = answer.event(transport)
    return Reply(
        render_response(message, answer, transport)[2:], event, make_use(answer, event), find_cache_scope(answer)
    )


def respond_plainly(
    zones: ZoneSet, query: bytes, transport: Transport, context: QueryContext = ANYBODY
) -> Reply | None:
    """Answer ``query`` on the fast path, without dnspython's messages; None if query or answer needs these."""
    asked = fast_path.read_plain_query(query)
    if asked is None or asked.type in NOT_QUESTIONS:
        return None
    if asked.dnssec_ok:
        context = replace(context, dnssec_ok=True)
    answer_function = resolve_in_zones if asked.recursion_desired else answer_question
    answer = answer_function(zones, asked.name, asked.type, context)
    limit = 65535 if transport == "tcp" else max(512, min(asked.payload, MAX_UDP_PAYLOAD))
    wire = fast_path.render_plain(query, asked, answer, limit, MAX_UDP_PAYLOAD)
    if wire is None:
        return None
    event = answer.event(transport)
    return Reply(wire[2:], event, make_use(answer, event), find_cache_scope(answer))


def with_dnssec_ok(context: QueryContext, query: dns.message.Message) -> QueryContext:
    """``context`` with the DO bit of ``query``."""
    return replace(context, dnssec_ok=True) if query.ednsflags & dns.flags.DO else context


def client_subnet(query: dns.message.Message) -> dns.edns.ECSOption | None:
    """The EDNS client subnet of ``query`` (RFC 7871), which dnspython has validated; None if it has none."""
    return next((option for option in query.options if isinstance(option, dns.edns.ECSOption)), None)


def make_use(answer: Answer, event: DnsAnswered) -> Use:
    """The use that ``answer`` counts for: its names (CNAME and alias targets too) and the profiles that it used.

    ``event`` is that of the answer.
    """
    if not (answer.through or answer.answer or answer.routing_results):
        return Use((event.name,), event.type)
    names = [answer.name, *answer.through]
    names += [rdata.target for rrset in answer.answer if rrset.type == CNAME for rdata in rrset.rdatas]  # type: ignore[attr-defined]
    profiles = tuple(profile for routed in answer.routing_results for profile in routed.profiles)
    return Use(tuple(dict.fromkeys(plain(name) for name in names)), event.type, profiles)


def find_cache_scope(answer: Answer) -> Literal["anybody", "client", "nobody"]:
    """For whom this answer may be cached."""
    if not answer.routing_results:
        return "anybody"
    if any(routed.drawn for routed in answer.routing_results):
        return "nobody"
    return "client" if any(routed.by_location for routed in answer.routing_results) else "anybody"


def read_query(query: bytes) -> dns.message.Message | Rcode:
    """Parse a query with one question; return the response code that refuses it if it is not valid."""
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


def render_response(query: dns.message.Message, answer: Answer, transport: Transport) -> bytes:
    """Render ``answer``; over UDP truncated to the size that the client accepts, with TC set (RFC 2181 section 9)."""
    response = dns.message.make_response(query, recursion_available=True, our_payload=MAX_UDP_PAYLOAD, pad=0)
    if answer.authoritative:
        response.flags |= dns.flags.AA
    response.flags |= query.flags & dns.flags.CD
    if query.edns >= 0:
        options: list[dns.edns.Option] = []
        subnet = client_subnet(query)
        if subnet is not None:
            scope = max((routed.scope for routed in answer.routing_results), default=0) if subnet.srclen else 0
            echo = dns.edns.ECSOption(subnet.address, subnet.srclen, scope)
            options.append(echo)
        if answer.extended_error is not None:
            options.append(dns.edns.EDEOption(dns.edns.EDECode(answer.extended_error.value)))
        if options:
            response.use_edns(0, 0, MAX_UDP_PAYLOAD, query.payload, options=options)
        response.ednsflags = query.ednsflags & dns.flags.DO
    response.set_rcode(answer.rcode)
    response.answer = [to_wire_rrset(rrset) for rrset in answer.answer]
    response.authority = [to_wire_rrset(rrset) for rrset in answer.authority]
    response.additional = [to_wire_rrset(rrset) for rrset in answer.additional]
    limit = 65535
    if transport == "udp":
        limit = max(512, min(query.payload, MAX_UDP_PAYLOAD)) if query.edns >= 0 else 512
    return response.to_wire(max_size=limit, prefer_truncation=True, want_shuffle=False)


def is_truncated(answer: Answer, tail: bytes, limit: int = MAX_UDP_PAYLOAD) -> bool:
    """Whether the UDP answer ``answer`` is truncated for the query with the bytes ``tail`` after its id.

    The client accepts ``limit`` octets. In most cases a sum of record sizes decides, without rendering.
    """
    # Owner, type, class, TTL and length of each record; an SOA's own names and numbers are what else is long.
    size = (
        2
        + len(tail)
        + sum(
            (_name_size(rrset.name) + 10) * len(rrset.rdatas) + sum(_size(rdata) for rdata in rrset.rdatas)
            for rrset in (*answer.answer, *answer.authority, *answer.additional)
        )
    )
    if size <= limit:
        return False
    message = read_query(b"\0\0" + tail)
    return not isinstance(message, Rcode) and bool(render_response(message, answer, "udp")[2] & 0x02)


def _size(rdata: Rdata) -> int:
    """The size of ``rdata`` without compression, in octets; for the usual types without rendering it."""
    kind = rdata.rdtype
    if kind in _FIXED_SIZES:
        return _FIXED_SIZES[kind]
    if kind in (CNAME, NS, PTR):
        return _name_size(rdata.target)  # type: ignore[attr-defined]
    if kind == SOA:
        return _name_size(rdata.mname) + _name_size(rdata.rname) + 20  # type: ignore[attr-defined]
    return len(rdata.to_wire() or b"")


def _name_size(name: Name) -> int:
    """The size of an absolute name without compression, in octets (RFC 1035 section 3.1)."""
    return sum(map(len, name.labels)) + len(name.labels)


def make_error_reply(
    query: bytes, rcode: Rcode, *, name: str = "", rdtype: str = "", transport: Transport = "udp"
) -> Reply:
    """Make a reply with an error code and no records.

    ``rcode`` must fit into the four bits of the header. If ``name`` is given, the query was parsed, and the reply
    repeats its question, as stub resolvers require.
    """
    question = find_question_end(query) if name else HEADER
    flags = bytes((0x80 | (query[2] & 0x79), 0x80 | (query[3] & 0x10) | int(rcode)))
    counts = b"\x00\x01" if question > HEADER else b"\x00\x00"
    tail = flags + counts + b"\x00" * 6 + query[HEADER:question]
    return Reply(tail, DnsAnswered(name=name, type=rdtype, rcode=rcode.name, transport=transport))


def with_extended_error(reply: Reply, query: bytes, error: ExtendedError | None) -> Reply:
    """``reply``, which has no records, with an extended error, if ``query`` has EDNS. Source: RFC 8914 section 2."""
    if error is None:
        return reply
    event = msgspec.structs.replace(reply.event, extended_error=describe_extended_error(error))
    message = read_query(query)
    if isinstance(message, Rcode) or message.edns < 0:
        return replace(reply, event=event)
    option = struct.pack("!HHH", dns.edns.EDE, 2, error.value)
    opt = struct.pack("!BHHIH", 0, OPT, MAX_UDP_PAYLOAD, message.ednsflags & dns.flags.DO, len(option)) + option
    return replace(reply, tail=reply.tail[:8] + b"\x00\x01" + reply.tail[10:] + opt, event=event)


def find_question_end(query: bytes) -> int:
    """The offset of the end of the question in a query that was parsed, in octets."""
    at = HEADER
    while query[at]:
        if query[at] & 0xC0:  # a pointer in the first name can only go to the header: omit the question
            return HEADER
        at += query[at] + 1
    return at + 5


def to_wire_rrset(rrset: RRset) -> dns.rrset.RRset:
    """Convert a record set to the type of dnspython."""
    return dns.rrset.from_rdata_list(rrset.name, rrset.ttl, rrset.rdatas)
