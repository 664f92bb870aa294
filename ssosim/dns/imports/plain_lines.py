"""Read plain zone files fast: one record on each line, as programs write them; anything else is left to dnspython.

``read_plain_lines`` returns the records that dnspython's reader would give for the same text, or None if a line is not
plain: parentheses, directives other than ``$TTL`` and absolute ``$ORIGIN``, escapes in names, records outside of the
zone, TTLs that are implied, or any mistake. Then the caller reads the whole text again with dnspython, which also words
the mistakes. A test compares the two readers.

``LineMemo`` remembers lines, names and values. Two trees that differ in a few lines share everything else, so that the
second costs a tenth of the first, and equal records are the same objects.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import dns.exception
import dns.name
import dns.rdata
import dns.rdatatype
import dns.ttl
from dns.name import Name
from dns.rdata import GenericRdata, Rdata
from dns.rdataclass import IN, RdataClass
from dns.rdatatype import AAAA, CNAME, NS, PTR, RRSIG, A, RdataType
from dns.rdtypes.ANY import CNAME as CNAME_MODULE
from dns.rdtypes.ANY import NS as NS_MODULE
from dns.rdtypes.ANY import PTR as PTR_MODULE
from dns.rdtypes.IN import AAAA as AAAA_MODULE
from dns.rdtypes.IN import A as A_MODULE

from ssosim.dns.zones.rrset import MAX_TTL, RRset

__all__ = ["LineMemo", "PlainRecords", "read_plain_lines"]

PlainRecords = list[tuple[RRset, int]]
"""Record sets, each with the number, from 1, of the line of its first record."""

_LINE = re.compile(
    r"(?P<owner>[A-Za-z0-9_*@.-]+)?[ \t]+(?:(?P<ttl>\d+)[ \t]+)?(?:[Ii][Nn][ \t]+)?(?:(?P<late>\d+)[ \t]+)?"
    r"(?P<type>[A-Za-z][A-Za-z0-9]*)[ \t]+(?P<value>\S.*?)[ \t]*"
)
_WORD = re.compile(r"[A-Za-z0-9_*@.:-]+")
_DIRECTIVE = re.compile(r"\$(?P<name>TTL|ORIGIN)[ \t]+(?P<value>[A-Za-z0-9_.-]+)[ \t]*")
_QUOTED = re.compile(r'(?:[^"\\();]|"[^"\\]*")*')
_CONSTRUCTORS: dict[RdataType, Callable[[RdataClass, RdataType, str | Name], Rdata]] = {
    A: A_MODULE.A,
    AAAA: AAAA_MODULE.AAAA,
    CNAME: CNAME_MODULE.CNAME,
    NS: NS_MODULE.NS,
    PTR: PTR_MODULE.PTR,
}
"""The classes of the types that most records have: they are made without dnspython's tokenizer."""

_LONGEST_LABEL = 63


class _CachedName(Name):
    """A name that computes its hash and its lower case once.

    dnspython does so anew each time, octet by octet, and its hash is the same for many similar names (h19 and h20).
    """

    __slots__ = ("hash_value", "lower_labels")
    hash_value: int
    lower_labels: tuple[bytes, ...]

    def __init__(self, labels: Iterable[bytes]) -> None:
        super().__init__(labels)
        object.__setattr__(self, "hash_value", super().__hash__())
        object.__setattr__(self, "lower_labels", tuple(label.lower() for label in self.labels))

    def __hash__(self) -> int:
        return self.hash_value

    def __eq__(self, other: object) -> bool:
        if isinstance(other, _CachedName):
            return self.lower_labels == other.lower_labels
        return bool(super().__eq__(other))  # type: ignore[no-untyped-call]

    def __ne__(self, other: object) -> bool:
        return not self == other


@dataclass(slots=True)
class LineMemo:
    """What was read before: names by origin and text, values by origin, type and text, and record sets."""

    names: dict[tuple[Name, str], Name] = field(default_factory=dict)
    values: dict[tuple[Name, str, str], Rdata] = field(default_factory=dict)
    lines: dict[tuple[Name, int], dict[str, tuple[Name, int, Rdata]]] = field(default_factory=dict)
    """Lines with an owner, by the origin and the TTL that hold for them."""
    rrsets: dict[tuple[int, int, int, tuple[int, ...]], RRset] = field(default_factory=dict)
    """Record sets by their TTL and by the identities of name, type and values, which this memo keeps alive."""


class _NotPlainError(Exception):
    """A line that only dnspython's reader should read."""


def read_plain_lines(text: str, zone: Name, memo: LineMemo, limit: int) -> PlainRecords | None:
    """The record sets of ``text``, a file of ``zone``, in their order.

    None if it is not plain, or has more than ``limit`` of them.
    """
    if not text.isascii():
        return None
    reader = _PlainReader(zone, memo)
    try:
        for number, line in enumerate(text.split("\n"), start=1):
            reader.read_line(line.removesuffix("\r"), number)
        return reader.finish() if len(reader.found) <= limit else None
    except (_NotPlainError, dns.exception.DNSException, ValueError):
        return None


class _PlainReader:
    """Reads line after line. ``found`` are values by name and type, with the TTL and the line of the first."""

    def __init__(self, zone: Name, memo: LineMemo) -> None:
        self.found: dict[tuple[Name, RdataType], tuple[int, int, list[Rdata]]] = {}
        self._zone = zone
        self._memo = memo
        self._origin = zone
        self._owner = zone
        self._written: str | None = None
        self._default_ttl = -1
        self._is_inside = True
        self._shortcuts = memo.lines.setdefault((zone, -1), {})

    def read_line(self, line: str, number: int) -> None:
        """Read one line; raises _NotPlainError for one that is not plain."""
        known = self._shortcuts.get(line)
        if known is not None:
            self._owner, self._written = known[0], None
            self._store(*known, number)
            return
        if ";" in line and '"' not in line:
            line = line.partition(";")[0]
        record = _LINE.fullmatch(line)
        if record is not None:
            owner, ttl, rdata = self._read_record(record)
            if record["owner"] is not None and self._is_inside:
                self._shortcuts[line] = owner, ttl, rdata
            self._store(owner, ttl, rdata, number)
        elif line.strip(" \t"):
            self._read_directive(line)

    def _read_directive(self, line: str) -> None:
        directive = _DIRECTIVE.fullmatch(line)
        if directive is None:
            raise _NotPlainError
        if directive["name"] == "TTL":
            self._default_ttl = dns.ttl.from_text(directive["value"])
            self._shortcuts = self._memo.lines.setdefault((self._origin, self._default_ttl), {})
        elif directive["value"].endswith("."):
            self._origin, self._written = self._name(directive["value"]), None
            self._is_inside = self._origin.is_subdomain(self._zone)
            self._shortcuts = self._memo.lines.setdefault((self._origin, self._default_ttl), {})
        else:
            raise _NotPlainError

    def _read_record(self, record: re.Match[str]) -> tuple[Name, int, Rdata]:
        written, early, late, kind, value = record.groups()
        if written is None and not self.found:
            raise _NotPlainError
        if written is not None and written != self._written:
            self._owner, self._written = self._name(written), written
            if (written.endswith(".") or not self._is_inside) and not self._owner.is_subdomain(self._zone):
                raise _NotPlainError
        if early and late:
            raise _NotPlainError
        ttl = int(early or late) if early or late else self._default_ttl
        if not 0 <= ttl <= MAX_TTL:
            raise _NotPlainError
        return self._owner, ttl, self._value(kind, value)

    def _store(self, owner: Name, ttl: int, rdata: Rdata, number: int) -> None:
        kept = self.found.setdefault((owner, rdata.rdtype), (ttl, number, []))
        if kept[0] != ttl:
            raise _NotPlainError
        kept[2].append(rdata)

    def finish(self) -> PlainRecords:
        """The record sets; those that the memo has are the same objects."""
        found: PlainRecords = []
        for (name, kind), (ttl, line, values) in self.found.items():
            rdatas = tuple(values) if len(values) == 1 else tuple(dict.fromkeys(values))
            key = ttl, id(name), int(kind), tuple(map(id, rdatas))
            rrset = self._memo.rrsets.get(key)
            if rrset is None:
                rrset = self._memo.rrsets[key] = RRset(name, kind, ttl, rdatas)
            found.append((rrset, line))
        return found

    def _name(self, text: str) -> Name:
        key = self._origin, text
        known = self._memo.names.get(key)
        if known is not None:
            return known
        if text == "@":
            labels = self._origin.labels
        else:
            parts = text.encode("ascii").split(b".")
            absolute = parts[-1] == b""
            own = parts[:-1] if absolute else parts
            if not own or any(not part or len(part) > _LONGEST_LABEL or b"@" in part for part in own):
                raise _NotPlainError
            labels = (*own, b"") if absolute else (*own, *self._origin.labels)
        made = self._memo.names[key] = _CachedName(labels)
        return made

    def _value(self, kind: str, text: str) -> Rdata:
        key = self._origin, kind, text
        known = self._memo.values.get(key)
        if known is not None:
            return known
        rdtype = dns.rdatatype.from_text(kind)
        made: Rdata
        construct = _CONSTRUCTORS.get(rdtype) if _WORD.fullmatch(text) else None
        if construct is not None:
            made = construct(IN, rdtype, text if rdtype in (A, AAAA) else self._name(text))
        elif _QUOTED.fullmatch(text) and rdtype != RRSIG and not dns.rdatatype.is_metatype(rdtype):
            made = dns.rdata.from_text(IN, rdtype, text, origin=self._origin, relativize=False)
        else:
            raise _NotPlainError
        if made.__class__ is GenericRdata:
            raise _NotPlainError
        self._memo.values[key] = made
        return made
