"""Read plain queries and render answers without the messages of dnspython, which take several times as long.

A plain query has one question of class IN and no record but an OPT without options: what resolvers and stub resolvers
send. ``read_plain_query`` returns None for any other, and ``render_plain`` for an answer that does not fit or needs
more: these go through dnspython. A test compares both on the same queries.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

from dns.rdata import Rdata
from dns.rdataclass import IN
from dns.rdatatype import CNAME, MX, NS, PTR, SOA, RdataType

from ssosim.dns.server.bounds import HEADER
from ssosim.dns.zones.answer import Answer
from ssosim.dns.zones.cached_name import CachedName, make_name
from ssosim.dns.zones.rrset import RRset

__all__ = ["PlainQuery", "read_plain_query", "render_plain"]

_FLAGS_OF_QUERY = 0x01, 0x30
"""The flags that a plain query may have, by octet: RD; AD and CD."""

_OPT_START, _OPT_OCTETS = b"\x00\x00\x29", 11
_LONGEST_NAME = 255
_LONGEST_OFFSET = 0x3FFF
_DO = 0x80
_HEADER = struct.Struct("!HBBHHHH")
_RECORD = struct.Struct("!HHIH")
_TARGETS = frozenset({CNAME, NS, PTR})
_POINTERS = {offset: struct.pack("!H", 0xC000 | offset) for offset in range(HEADER, 1024)}


class PlainQuery(NamedTuple):
    """A query: its question, where that ends, and the flags that count. ``payload`` is 0 without EDNS."""

    name: CachedName
    type: RdataType
    end: int
    recursion_desired: bool
    checking_disabled: bool
    payload: int
    dnssec_ok: bool


def read_plain_query(query: bytes) -> PlainQuery | None:
    """Read a query of at least ``HEADER`` octets; None if it is not plain."""
    allowed, more = _FLAGS_OF_QUERY
    counts = query[4:10]
    additional = int.from_bytes(query[10:12], "big")
    if query[2] & ~allowed or query[3] & ~more or counts != b"\x00\x01\x00\x00\x00\x00" or additional > 1:
        return None
    labels, at = _read_labels(query)
    if not labels or query[at + 2 : at + 4] != b"\x00\x01":
        return None
    end = at + 4
    payload = 0
    dnssec_ok = False
    if additional:
        opt = query[end:]
        if len(opt) != _OPT_OCTETS or opt[:3] != _OPT_START or opt[5:7] != b"\x00\x00" or opt[9:] != b"\x00\x00":
            return None
        payload, dnssec_ok = max(int.from_bytes(opt[3:5], "big"), 512), bool(opt[7] & _DO)
        if opt[7] & ~_DO or opt[8]:
            return None
    elif len(query) != end:
        return None
    number = int.from_bytes(query[at : at + 2], "big")
    return PlainQuery(
        make_name(labels), _type_of(number), end, bool(query[2] & 1), bool(query[3] & 0x10), payload, dnssec_ok
    )


@lru_cache(maxsize=512)
def _type_of(number: int) -> RdataType:
    return RdataType.make(number)


def _read_labels(query: bytes) -> tuple[tuple[bytes, ...], int]:
    """The labels of the question's name and the offset after it; no labels if it has a pointer or is too long."""
    at, labels = HEADER, []
    try:
        while length := query[at]:
            if length & 0xC0 or at - HEADER > _LONGEST_NAME:
                return (), at
            labels.append(query[at + 1 : at + 1 + length])
            at += 1 + length
    except IndexError:
        return (), at
    return ((*labels, b""), at + 1) if at + 1 - HEADER <= _LONGEST_NAME else ((), at)


def render_plain(query: bytes, asked: PlainQuery, answer: Answer, limit: int, payload: int) -> bytes | None:
    """Render ``answer``; None if it is longer than ``limit`` octets, or has an extended error.

    ``payload`` is the size that the server advertises, in octets.
    """
    if answer.extended_error is not None or answer.rcode > 15:
        return None
    writer = _Writer(query[HEADER : asked.end], asked.name.labels)
    sections = answer.answer, answer.authority, answer.additional
    counts = [writer.add(section) for section in sections]
    flags = 0x80 | (0x04 if answer.authoritative else 0) | (1 if asked.recursion_desired else 0)
    others = 0x80 | (0x10 if asked.checking_disabled else 0) | answer.rcode
    if asked.payload:
        counts[2] += 1
        writer.octets += _OPT_START + struct.pack("!HBBBBH", payload, 0, 0, _DO if asked.dnssec_ok else 0, 0, 0)
    if len(writer.octets) + HEADER > limit:
        return None
    header = _HEADER.pack(int.from_bytes(query[:2], "big"), flags, others, 1, *counts)
    return header + bytes(writer.octets)


class _Writer:
    """Writes the question and records, with pointers to names that came before (RFC 1035 section 4.1.4)."""

    __slots__ = ("_offsets", "octets")

    def __init__(self, question: bytes, labels: tuple[bytes, ...]) -> None:
        self.octets = bytearray(question)
        self._offsets: dict[tuple[bytes, ...], int] = {}
        at = HEADER
        for start in range(len(labels) - 1):
            self._offsets[labels[start:]] = at
            at += 1 + len(labels[start])

    def add(self, rrsets: Iterable[RRset]) -> int:
        """Write record sets; returns the number of records."""
        count = 0
        for rrset in rrsets:
            for rdata in rrset.rdatas:
                self._write_name(rrset.name.labels)
                self.octets += _RECORD.pack(rrset.type, IN, rrset.ttl, 0)
                start = len(self.octets)
                self._write_value(rrset.type, rdata)
                self.octets[start - 2 : start] = (len(self.octets) - start).to_bytes(2, "big")
                count += 1
        return count

    def _write_value(self, rdtype: RdataType, rdata: Any) -> None:
        if rdtype in _TARGETS:
            self._write_name(rdata.target.labels)
        elif rdtype == MX:
            self.octets += rdata.preference.to_bytes(2, "big")
            self._write_name(rdata.exchange.labels)
        elif rdtype == SOA:
            self._write_name(rdata.mname.labels)
            self._write_name(rdata.rname.labels)
            self.octets += _soa_numbers(rdata)
        else:
            self.octets += _wire_of(rdata)

    def _write_name(self, labels: tuple[bytes, ...]) -> None:
        for start in range(len(labels) - 1):
            known = self._offsets.get(labels[start:])
            if known is not None:
                self.octets += _POINTERS.get(known) or struct.pack("!H", 0xC000 | known)
                return
            at = HEADER + len(self.octets)
            if at <= _LONGEST_OFFSET:
                self._offsets[labels[start:]] = at
            label = labels[start]
            self.octets.append(len(label))
            self.octets += label
        self.octets.append(0)


def _soa_numbers(rdata: Any) -> bytes:
    return struct.pack("!5I", rdata.serial, rdata.refresh, rdata.retry, rdata.expire, rdata.minimum)


def _wire_of(rdata: Rdata) -> bytes:
    return rdata.to_wire() or b""
