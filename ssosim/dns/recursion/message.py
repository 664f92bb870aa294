"""Builds the queries of a resolver and decides which responses it accepts. No sockets.

Protection against forged responses (RFC 5452): a random id, a random port, and random case of the letters in the
question ("0x20"), which the server must repeat exactly.
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

from ssosim.dns.recursion.core import UpstreamQuery
from ssosim.dns.recursion.settings import ResolverSettings
from ssosim.dns.server.bounds import HEADER, BoundedParser, TooCostlyError, after_name
from ssosim.dns.server.wire_format import MAX_UDP_PAYLOAD
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.rrset import MAX_TTL, RRset

__all__ = ["SentQuery", "Truncated", "build_query", "read_response"]

MAX_RECORDS = 600
"""The most records in a response, whether they are read or not."""

MAX_STEPS = 2500
"""The most steps that parsing a response may cost: a label or a pointer is one, a name ``NAME`` more, a record
``RECORD``, a record set as much again.

That is 240 records of one name and type (BIND keeps 100 by default, ``max-records-per-type``), or 80 sets.
"""

RECORD = 10

MAX_INTERPRETED = 1024
"""The most octets of other types that are parsed; further data are passed on unparsed."""

_SMALL = frozenset({A, AAAA, CNAME, NS, SOA, PTR})
"""Types whose data have a constant parsing cost, apart from names."""

_WITH_NAMES = frozenset(
    {*_SMALL, MD, MF, MB, MG, MR, MINFO, MX, RP, AFSDB, RT, SIG, PX, NXT, SRV, NAPTR, KX, DNAME} - {A, AAAA}
)
"""Types whose names may be compressed (RFC 3597 section 4), so their data cannot be passed on unparsed."""


@dataclass(frozen=True, slots=True)
class SentQuery:
    """A query that was sent: its bytes, and the id and the exact name that the response must repeat."""

    wire: bytes
    id: int
    name: Name
    query: UpstreamQuery


@dataclass(frozen=True, slots=True)
class Truncated:
    """An acceptable response with TC set: repeat the query over TCP."""


def build_query(query: UpstreamQuery, settings: ResolverSettings) -> SentQuery:
    """Build a new query for ``query``, with a random id and case."""
    name = mix_case(query.question.name) if settings.randomise_case else query.question.name
    options: list[dns.edns.Option] = []
    if settings.location is not None:
        network = ip_network(settings.location)
        options.append(dns.edns.ECSOption(str(network.network_address), network.prefixlen))
    number = secrets.randbelow(1 << 16)
    message = dns.message.make_query(
        name, query.question.type, use_edns=0, payload=MAX_UDP_PAYLOAD, options=options, id=number
    )
    if not query.recursive:
        message.flags &= ~dns.flags.RD
    return SentQuery(message.to_wire(), number, name, query)


def mix_case(name: Name) -> Name:
    """Return ``name`` with every letter in random case."""
    return Name([bytes(flip_case(octet) for octet in label) for label in name.labels])


def flip_case(octet: int) -> int:
    """Return an ASCII letter in random case; other octets unchanged."""
    return octet ^ 0x20 if chr(octet).isascii() and chr(octet).isalpha() and secrets.randbits(1) else octet


def read_response(wire: bytes, sent: SentQuery) -> Answer | Truncated | None:
    """Parse the response to ``sent``; None for noise, a forged response, or an answer to another question.

    Only the records that a resolver needs are read: the type of the question and CNAMEs in the answer section, NS and
    SOA in the authority section, addresses in the additional section. A response with more than ``MAX_RECORDS``
    records, or that costs more than ``MAX_STEPS`` to parse, counts as SERVFAIL, so that the next server is queried.
    """
    if len(wire) < HEADER or not wire[2] & 0x80 or int.from_bytes(wire[:2], "big") != sent.id:
        return None
    try:
        reader = _ResponseReader(wire, sent)
        if not reader.matches_question:
            return read_bare_error(wire, sent) if reader.has_no_question else None
        if wire[2] & 0x02:
            return Truncated()
        return reader.answer()
    except TooCostlyError:
        return _make_failure(sent, Rcode.SERVFAIL)
    except (dns.exception.DNSException, ValueError, IndexError, struct.error):
        return read_bare_error(wire, sent)


class _ResponseReader:
    """Parses one response into an Answer, within a budget."""

    def __init__(self, wire: bytes, sent: SentQuery) -> None:
        self._wire = wire
        self._sent = sent
        self._parser = BoundedParser(wire, MAX_STEPS)
        self._names: dict[int, Name] = {}
        self._bytes = MAX_INTERPRETED
        counts = struct.unpack_from("!4H", wire, 4)
        self.has_no_question = counts[0] == 0
        self._counts = counts[1:]
        self._at = HEADER
        self.matches_question = counts[0] == 1 and self._is_question()

    def _is_question(self) -> bool:
        """Whether the response repeats the question exactly."""
        name = self._name_at(HEADER)
        self._at = after_name(self._wire, HEADER) + 4
        kinds = struct.pack("!HH", self._sent.query.question.type, IN)
        return name.labels == self._sent.name.labels and self._wire[self._at - 4 : self._at] == kinds

    def answer(self) -> Answer:
        """Parse the response. Raises TooCostlyError, IndexError, dnspython's errors and ValueError."""
        if sum(self._counts) > MAX_RECORDS:
            raise TooCostlyError(f"more than {MAX_RECORDS} records")
        question, flags = self._sent.query.question, self._wire[2]
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
        """Read the record sets of some types; an ``optional`` section is skipped if it costs too much."""
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
                kinds = ()  # skip the rest of the section except OPT
                continue
            # A TTL with its top bit set is 0 (RFC 2181 section 8); of several in a set the lowest (section 5.2).
            ttl = ttl if ttl <= MAX_TTL else 0
            least, rdatas = found.setdefault(key, (ttl, {}))
            rdatas[rdata] = None
            if ttl < least:
                found[key] = (ttl, rdatas)
        return tuple(RRset(name, kind, ttl, tuple(rdatas)) for (name, kind), (ttl, rdatas) in found.items())

    def _rdata(self, kind: RdataType, at: int, size: int) -> Rdata:
        """Parse the data of one record. Large data of other types stay unparsed (RFC 3597)."""
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


def read_bare_error(wire: bytes, sent: SentQuery) -> Answer | None:
    """Read an error code without a question, as a server sends that could not read the query."""
    rcode = Rcode(wire[3] & 0x0F)
    if rcode in (Rcode.NOERROR, Rcode.NXDOMAIN):
        return None
    return _make_failure(sent, rcode)


def _make_failure(sent: SentQuery, rcode: Rcode) -> Answer:
    return Answer(name=sent.query.question.name, type=sent.query.question.type, rcode=rcode, authoritative=False)
