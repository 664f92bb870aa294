"""Limits on the cost of a DNS message, checked before dnspython parses it.

dnspython parses everything in a message: 63 KB of records take 0.1 to 0.5 s, and a name may be a chain of thousands of
pointers. A query needs only one question, and at most two additional records (OPT and a signature). A response is read
record by record within a budget of steps (``ssosim.dns.recursion.message``).
"""

from __future__ import annotations

import dns.exception
import dns.name
import dns.wire
from dns.name import Name
from dns.rcode import FORMERR, NOTAUTH, NOTIMP, Rcode
from dns.rdatatype import IXFR, OPT, SIG, TSIG

__all__ = ["HEADER", "BoundedParser", "TooCostlyError", "after_name", "query_refusal"]

HEADER = 12
"""Octets of a message's header."""

MAX_ADDITIONAL = 2
"""Additional records of a query: OPT, and TSIG or SIG(0). Nothing else has a meaning there (RFC 6891, 8945, 2931)."""

MAX_OPTIONS = 20
"""EDNS options of a query. Resolvers and dig send up to six (cookie, subnet, padding, keepalive, NSID, expire)."""

MAX_POINTERS = 127
"""Compression pointers in one name: a name has at most 127 labels, and no pointer need lead to a pointer."""

NAME = 8
"""The cost of a name in addition to its labels, in steps."""

_ONE_QUESTION = b"\x00\x01"
_NO_RECORDS = b"\x00\x00"
_FIXED = 10  # octets of a record between its owner and its data: type, class, TTL, length
_SIGNER = 18  # octets of a SIG's data before its signer (RFC 2535 section 4.1)


class TooCostlyError(dns.exception.DNSException):
    """Parsing the message would cost more than the limit."""

    def __init__(self, text: str) -> None:
        super().__init__(text)  # type: ignore[no-untyped-call]


def query_refusal(query: bytes) -> Rcode | None:
    """The response code to refuse a query (at least ``HEADER`` octets) without parsing it; None to parse it.

    NOTIMP for opcodes other than QUERY. FORMERR for anything but one question (RFC 9619, and as BIND does), for records
    in the answer or authority section but for the one SOA of an IXFR (RFC 1995 section 3), for additional records other
    than one OPT and one signature, and for more than ``MAX_OPTIONS`` options. NOTAUTH for TSIG: the server has no
    keys.
    """
    if query[2] & 0x78:
        return NOTIMP
    if query[4:6] != _ONE_QUESTION or query[6:8] != _NO_RECORDS:
        return FORMERR
    authority, additional = query[8:10], query[10:12]
    if authority == additional == _NO_RECORDS:
        return None
    if authority not in (_NO_RECORDS, _ONE_QUESTION) or int.from_bytes(additional, "big") > MAX_ADDITIONAL:
        return FORMERR
    try:
        return _records_refusal(query, bool(authority[1]), additional[1])
    except (IndexError, TooCostlyError):
        return FORMERR


def _records_refusal(query: bytes, transfer: bool, additional: int) -> Rcode | None:
    at = after_name(query, HEADER) + 4
    if transfer:
        if query[at - 4 : at - 2] != IXFR.to_bytes(2, "big"):
            return FORMERR
        _, start, at = _record(query, at)
        after_name(query, after_name(query, start))  # an SOA's two names
    kinds = set()
    for _ in range(additional):
        kind, start, at = _record(query, at)
        if kind not in (OPT, TSIG, SIG) or kind in kinds:
            return FORMERR
        kinds.add(kind)
        if kind == SIG:
            after_name(query, start + _SIGNER)
        if kind == OPT and _has_many_options(query, start, at):
            return FORMERR
    return NOTAUTH if TSIG in kinds else None


def _record(wire: bytes, at: int) -> tuple[int, int, int]:
    """Type of the record at ``at``, where its data begin, and where they end; raises IndexError, TooCostlyError."""
    at = after_name(wire, at)
    start = at + _FIXED
    end = start + (wire[start - 2] << 8 | wire[start - 1])
    if end > len(wire):
        raise IndexError
    return wire[at] << 8 | wire[at + 1], start, end


def _has_many_options(wire: bytes, at: int, end: int) -> bool:
    for _ in range(MAX_OPTIONS):
        if at + 4 > end:
            return False
        at += 4 + (wire[at + 2] << 8 | wire[at + 3])
    return at < end


def after_name(wire: bytes, at: int) -> int:
    """The offset after the name at ``at``. Raises IndexError if the message ends before, TooCostlyError for a loop."""
    return _walk(wire, at)[0]


def _walk(wire: bytes, at: int) -> tuple[int, int]:
    """The offset after the name at ``at``, and the number of its labels and pointers."""
    end, steps, pointers, octets, lowest = 0, 0, 0, 0, at
    while length := wire[at]:
        steps += 1
        if length < 0x40:
            octets += length + 1
            at += length + 1
        else:
            pointers += 1
            target = (length & 0x3F) << 8 | wire[at + 1]
            if length < 0xC0 or target >= lowest or pointers > MAX_POINTERS:
                raise TooCostlyError("a name has too many compression pointers, or an invalid one")
            end = end or at + 2
            at = lowest = target
        if octets > 254:
            raise TooCostlyError("a name has more than 255 octets")
    return end or at + 1, steps


class BoundedParser(dns.wire.Parser):
    """dnspython's message parser with a budget of ``steps``: a name costs ``NAME``, a label or a pointer one.

    It raises TooCostlyError when the budget is used up.
    """

    def __init__(self, wire: bytes, steps: int) -> None:
        super().__init__(wire)
        self.steps = steps

    def get_name(self, origin: Name | None = None, decompress: bool = False) -> Name:
        """Parse a name as dnspython does. Raises TooCostlyError."""
        try:
            steps = _walk(self.wire, self.current)[1]
        except IndexError as error:
            raise dns.name.BadPointer from error
        self.spend(NAME + steps)
        return super().get_name(origin, decompress)

    def spend(self, steps: int) -> None:
        """Subtract ``steps`` from the budget. Raises TooCostlyError if the budget is too small."""
        self.steps -= steps
        if self.steps < 0:
            raise TooCostlyError("the message costs more steps than the limit")
