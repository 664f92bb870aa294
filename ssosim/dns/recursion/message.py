"""Queries as a resolver sends them, and which responses it believes. Pure.

Against forged answers (RFC 5452): a random id, a random port, and the random case of the question's letters ("0x20"),
which the server must repeat as they are.
"""

from __future__ import annotations

import secrets
import struct
from dataclasses import dataclass
from ipaddress import ip_network

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.name
import dns.rdata
from dns.name import Name
from dns.rcode import Rcode
from dns.rdata import GenericRdata, Rdata
from dns.rdataclass import IN
from dns.rdatatype import (
    AAAA,
    AFSDB,
    CNAME,
    DNAME,
    KX,
    MB,
    MD,
    MF,
    MG,
    MINFO,
    MR,
    MX,
    NAPTR,
    NS,
    NXT,
    OPT,
    PTR,
    PX,
    RP,
    RT,
    SIG,
    SOA,
    SRV,
    A,
    RdataType,
)

from ssosim.dns.recursion.core import Ask
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.server.bounds import HEADER, BoundedParser, TooCostlyError, after_name
from ssosim.dns.server.wire_format import MAX_UDP_PAYLOAD
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.rrset import MAX_TTL, RRset

__all__ = ["Sent", "Truncated", "query_for", "read_response"]

MOST_RECORDS = 600
"""Records that a response may hold, read or not."""

MOST_STEPS = 2500
"""What a response may cost, in steps: a label or a pointer is one, a name ``NAME`` more, a record
``RECORD``, a record set as much again.

That is 240 records of one name and type (BIND keeps 100 by default, ``max-records-per-type``), or 80 sets.
"""

RECORD = 10

MOST_INTERPRETED = 1024
"""Octets of data of the richer types that are taken apart; the rest is passed on as it is."""

_SMALL = frozenset({A, AAAA, CNAME, NS, SOA, PTR})
"""Types whose data cost the same however they are made, but for their names."""

_WITH_NAMES = frozenset(
    {*_SMALL, MD, MF, MB, MG, MR, MINFO, MX, RP, AFSDB, RT, SIG, PX, NXT, SRV, NAPTR, KX, DNAME} - {A, AAAA}
)
"""Types whose names may be compressed (RFC 3597 section 4): what is passed on as it is would lose them."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A query on its way: its bytes, and the id and name, to the letter, that the response must repeat."""

    wire: bytes
    id: int
    name: Name
    ask: Ask


@dataclass(frozen=True, slots=True)
class Truncated:
    """A believable response with TC set: ask again over TCP."""


def query_for(ask: Ask, settings: ResolverSettings) -> Sent:
    """A query of its own for ``ask``."""
    name = mixed_case(ask.question.name) if settings.randomise_case else ask.question.name
    options: list[dns.edns.Option] = []
    if settings.location is not None:
        network = ip_network(settings.location)
        options.append(dns.edns.ECSOption(str(network.network_address), network.prefixlen))
    number = secrets.randbelow(1 << 16)
    message = dns.message.make_query(
        name, ask.question.type, use_edns=0, payload=MAX_UDP_PAYLOAD, options=options, id=number
    )
    if not ask.recursive:
        message.flags &= ~dns.flags.RD
    return Sent(message.to_wire(), number, name, ask)


def mixed_case(name: Name) -> Name:
    """``name`` with every letter in upper or lower case at random."""
    return Name([bytes(flip(octet) for octet in label) for label in name.labels])


def flip(octet: int) -> int:
    """An ASCII letter in one case or the other; anything else as it is."""
    return octet ^ 0x20 if chr(octet).isascii() and chr(octet).isalpha() and secrets.randbits(1) else octet


def read_response(wire: bytes, sent: Sent) -> Answer | Truncated | None:
    """The response to ``sent``, or None for what is not one: noise, a forgery, an answer to something else.

    Of what it holds, a resolver's part alone is read: records of the type asked for and CNAMEs in the answer, NS and
    SOA in the authority section, addresses in the additional one. A response of more than ``MOST_RECORDS``, or that
    costs more than ``MOST_STEPS``, is a server's failure (SERVFAIL), so that the next one is asked.
    """
    if len(wire) < HEADER or not wire[2] & 0x80 or int.from_bytes(wire[:2], "big") != sent.id:
        return None
    try:
        reading = _Reading(wire, sent)
        if not reading.is_ours:
            return bare(wire, sent) if reading.has_no_question else None
        if wire[2] & 0x02:
            return Truncated()
        return reading.answer()
    except TooCostlyError:
        return _failed(sent, Rcode.SERVFAIL)
    except (dns.exception.DNSException, ValueError, IndexError):
        return bare(wire, sent)


class _Reading:
    """One response on its way from bytes to an Answer, within its budget."""

    def __init__(self, wire: bytes, sent: Sent) -> None:
        self._wire = wire
        self._sent = sent
        self._parser = BoundedParser(wire, MOST_STEPS)
        self._names: dict[int, Name] = {}
        self._bytes = MOST_INTERPRETED
        counts = struct.unpack_from("!4H", wire, 4)
        self.has_no_question = counts[0] == 0
        self._counts = counts[1:]
        self._at = HEADER
        self.is_ours = counts[0] == 1 and self._is_question()

    def _is_question(self) -> bool:
        """Whether it is our question, letter by letter."""
        name = self._name_at(HEADER)
        self._at = after_name(self._wire, HEADER) + 4
        kinds = struct.pack("!HH", self._sent.ask.question.type, IN)
        return name.labels == self._sent.name.labels and self._wire[self._at - 4 : self._at] == kinds

    def answer(self) -> Answer:
        """The response; raises TooCostlyError, IndexError, dnspython's errors and ValueError."""
        if sum(self._counts) > MOST_RECORDS:
            raise TooCostlyError(f"more than {MOST_RECORDS} records")
        question, flags = self._sent.ask.question, self._wire[2]
        answers, authority, additional = self._counts
        return Answer(
            name=question.name,
            type=question.type,
            answer=self._section(answers, (question.type, CNAME)),
            authority=self._section(authority, (NS, SOA)),
            additional=self._section(additional, (A, AAAA), optional=True),
            rcode=Rcode.make(self._wire[3] & 0x0F | self._extended),
            authoritative=bool(flags & 0x04),
        )

    _extended = 0
    """The upper bits of the response code, from OPT (RFC 6891 section 6.1.3)."""

    def _section(self, count: int, kinds: tuple[RdataType, ...], *, optional: bool = False) -> tuple[RRset, ...]:
        """The record sets of some types; what is ``optional`` is left unread where it costs too much."""
        found: dict[tuple[Name, RdataType], tuple[int, dict[Rdata, None]]] = {}
        for _ in range(count):
            owner, at = self._at, after_name(self._wire, self._at)
            kind, rdclass, ttl, size = struct.unpack_from("!HHIH", self._wire, at)
            self._at = at + 10 + size
            if self._at > len(self._wire):
                raise IndexError
            if kind == OPT:
                self._extended = ttl >> 24 << 4
            if rdclass != IN or kind not in kinds:
                continue
            try:
                key = self._name_at(owner), RdataType.make(kind)
                self._parser.spend(RECORD if key in found else 2 * RECORD)
                rdata = self._rdata(key[1], at + 10, size)
            except TooCostlyError:
                if not optional:
                    raise
                kinds = ()  # nothing more of it, but for OPT
                continue
            # A TTL with its top bit set is 0 (RFC 2181 section 8); of several in a set the lowest (section 5.2).
            ttl = ttl if ttl <= MAX_TTL else 0
            least, rdatas = found.setdefault(key, (ttl, {}))
            rdatas[rdata] = None
            if ttl < least:
                found[key] = (ttl, rdatas)
        return tuple(RRset(name, kind, ttl, tuple(rdatas)) for (name, kind), (ttl, rdatas) in found.items())

    def _rdata(self, kind: RdataType, at: int, size: int) -> Rdata:
        """One record's data. What is large and of a type that is not interpreted here stays as it is (RFC 3597)."""
        self._parser.seek(at)
        rdata_class: type[Rdata] | None = None
        if kind not in _SMALL:
            self._bytes -= size
            if self._bytes < 0 and kind not in _WITH_NAMES:
                rdata_class = GenericRdata
        with self._parser.restrict_to(size):
            if rdata_class is not None:
                return rdata_class.from_wire_parser(IN, kind, self._parser)
            return dns.rdata.from_wire_parser(IN, kind, self._parser)

    def _name_at(self, at: int) -> Name:
        if self._wire[at] >= 0xC0:  # nearly always: a pointer to a name that is known already
            at = (self._wire[at] & 0x3F) << 8 | self._wire[at + 1]
        name = self._names.get(at)
        if name is None:
            self._parser.seek(at)
            name = self._names[at] = self._parser.get_name(decompress=True)
        return name


def bare(wire: bytes, sent: Sent) -> Answer | None:
    """An error code without a question, as servers send that could not or would not read the query."""
    rcode = Rcode(wire[3] & 0x0F)
    if rcode in (Rcode.NOERROR, Rcode.NXDOMAIN):
        return None
    return _failed(sent, rcode)


def _failed(sent: Sent, rcode: Rcode) -> Answer:
    return Answer(name=sent.ask.question.name, type=sent.ask.question.type, rcode=rcode, authoritative=False)
