"""Read plain zone files fast: one record on each line, as programs write them; anything else is left to dnspython.

``read_plain_lines`` returns the records that dnspython's reader would give for the same text, or None if a line is not
plain: parentheses, directives other than ``$TTL`` and absolute ``$ORIGIN``, escapes in names, records outside of the
zone, TTLs that are implied, or any mistake. Then the caller reads the whole text again with dnspython, which also words
the mistakes. A test compares the two readers.

``LineMemo`` remembers lines, names and values. Two trees that differ in a few lines share everything else, so that the
second costs a tenth of the first, and equal records are the same objects.

What can go wrong: names and values of the usual types are made by setting their slots (``CachedName``, ``_fill``),
since dnspython's constructors take longer than all the rest. The test compares each with what dnspython makes.
"""

from __future__ import annotations

import re
from typing import Any

import dns.exception
import dns.rdata
import dns.rdatatype
import dns.ttl
from dns.name import Name
from dns.rdata import GenericRdata, Rdata
from dns.rdataclass import IN
from dns.rdatatype import AAAA, CNAME, MX, NS, PTR, RRSIG, TXT, A, RdataType
from dns.rdtypes.ANY import CNAME as CNAME_MODULE
from dns.rdtypes.ANY import MX as MX_MODULE
from dns.rdtypes.ANY import NS as NS_MODULE
from dns.rdtypes.ANY import PTR as PTR_MODULE
from dns.rdtypes.ANY import TXT as TXT_MODULE
from dns.rdtypes.IN import AAAA as AAAA_MODULE
from dns.rdtypes.IN import A as A_MODULE
from msgspec import Struct, field

from ssosim.dns.zones.cached_name import CachedName, NameMaker, cached
from ssosim.dns.zones.rrset import MAX_TTL, SINGLE_VALUE_TYPES, RRset, make_plain_rrset
from ssosim.dns.zones.zone import Zone

__all__ = ["LineMemo", "PlainRecords", "read_plain_lines"]

_OWNER = re.compile(r"[A-Za-z0-9_*@.-]+")
_LINE = re.compile(
    r"(?P<owner>[A-Za-z0-9_*@.-]+)?[ \t]+(?:(?P<ttl>\d+)[ \t]+)?(?:[Ii][Nn][ \t]+)?(?:(?P<late>\d+)[ \t]+)?"
    r"(?P<type>[A-Za-z][A-Za-z0-9]*)[ \t]+(?P<value>\S.*?)[ \t]*"
)
_WORD = re.compile(r"[A-Za-z0-9_*@.:-]+")
_DIRECTIVE = re.compile(r"\$(?P<name>TTL|ORIGIN)[ \t]+(?P<value>[A-Za-z0-9_.-]+)[ \t]*")
_QUOTED = re.compile(r'(?:[^"\\();]|"[^"\\]*")*')
_ONE_TEXT = re.compile(r'"([^"\\]{0,255})"')
_MAIL = re.compile(r"(\d{1,4}) +([A-Za-z0-9_*@.:-]+)")
_BYTE = r"(?:25[0-5]|2[0-4]\d|1\d\d|[1-9]?\d)"
_IPV4 = re.compile(rf"{_BYTE}\.{_BYTE}\.{_BYTE}\.{_BYTE}")
_UNUSUAL = re.compile(r"[^\t\n -~]")
"""Octets that are no printable ASCII: dnspython reads files that have any."""
_COMPLEX = re.compile(r'[;"()\\$]')

_TYPES: dict[str, RdataType] = {kind.name: kind for kind in (A, AAAA, CNAME, MX, NS, PTR)}
_CLASSES = frozenset({"IN", "in", "In", "iN"})
_A: Any = A_MODULE.A
_AAAA: Any = AAAA_MODULE.AAAA
_MX: Any = MX_MODULE.MX
_TXT: Any = TXT_MODULE.TXT
_WITH_TARGET: dict[RdataType, Any] = {CNAME: CNAME_MODULE.CNAME, NS: NS_MODULE.NS, PTR: PTR_MODULE.PTR}

_new: Any = object.__new__
_rdata: Any = Rdata
_set_class, _set_type, _set_comment = _rdata.rdclass.__set__, _rdata.rdtype.__set__, _rdata.rdcomment.__set__
_set_address, _set_strings = _A.address.__set__, _TXT.strings.__set__
_set_exchange, _set_preference = _MX.exchange.__set__, _MX.preference.__set__
_set_target: dict[RdataType, Any] = {kind: made.target.__set__ for kind, made in _WITH_TARGET.items()}


class PlainRecords(Struct, frozen=True):
    """Record sets in their order, each with the number, from 1, of the line of its first record."""

    rrsets: list[RRset]
    lines: list[int]


class _OriginMemo(Struct):
    """What was read below one origin: names by their text, values by type and text, and lines by zone and TTL in force.

    A line with an owner of its own always means the same record, which is stored as a record set of one record.
    """

    maker: NameMaker
    names: dict[str, CachedName] = field(default_factory=dict)
    values: dict[str, dict[str, Rdata]] = field(default_factory=dict)
    lines: dict[tuple[CachedName, int], dict[str, RRset]] = field(default_factory=dict)


class LineMemo(Struct):
    """What was read before. ``sets`` are record sets of several records, by the identities of these."""

    origins: dict[tuple[bytes, ...], _OriginMemo] = field(default_factory=dict)
    sets: dict[tuple[int, ...], RRset] = field(default_factory=dict)
    kept: list[RRset] = field(default_factory=list)
    """The records of these sets, so that their identities stay their own."""
    built: dict[Name, tuple[Zone, list[RRset]]] = field(default_factory=dict)
    """The zones that were built of what was read, each with its record sets in the order of its file."""
    rebuilt: set[Name] = field(default_factory=set)
    """The origins of zones that share their nodes with the former one."""

    def of_origin(self, origin: Name) -> _OriginMemo:
        """What is known below ``origin``, whose case counts."""
        found = self.origins.get(origin.labels)
        if found is None:
            found = self.origins[origin.labels] = _OriginMemo(NameMaker(origin))
        return found


class _NotPlainError(Exception):
    """A line that only dnspython's reader should read."""


def read_plain_lines(text: str, zone: Name, memo: LineMemo, limit: int) -> PlainRecords | None:
    """The record sets of ``text``, a file of ``zone``, in their order.

    None if it is not plain, or has more than ``limit`` of them.
    """
    if "\r" in text:
        text = text.replace("\r\n", "\n")
    if _UNUSUAL.search(text):
        return None
    reader = _PlainReader(zone, memo)
    try:
        found = reader.read(text)
    except (_NotPlainError, dns.exception.DNSException, ValueError):
        return None
    return found if len(found.rrsets) <= limit else None


class _PlainReader:
    """Reads the lines of a file; the attributes are the origin, the owner and the TTL in force."""

    def __init__(self, zone: Name, memo: LineMemo) -> None:
        self._zone = cached(zone)
        self._memo = memo
        self._here = memo.of_origin(zone)
        self._owner: CachedName | None = None
        self._default_ttl = -1
        self._is_inside = True

    def read(self, text: str) -> PlainRecords:
        """Read all lines; raises _NotPlainError for one that is not plain."""
        found: dict[tuple[tuple[bytes, ...], RdataType], RRset | list[RRset]] = {}
        numbers: list[int] = []
        shortcuts = self._shortcuts()
        for number, line in enumerate(text.split("\n"), start=1):
            record = shortcuts.get(line)
            if record is None:
                record = self._read_line(line)
                if record is None:
                    shortcuts = self._shortcuts()
                    continue
                if self._is_inside and line[0] not in " \t":
                    shortcuts[line] = record
            self._owner = record.name  # type: ignore[assignment]
            key = record.name.lower_labels, record.type  # type: ignore[attr-defined]
            present = found.get(key)
            if present is None:
                found[key] = record
                numbers.append(number)
            elif present.__class__ is list:
                present.append(record)
            else:
                found[key] = [present, record]  # type: ignore[list-item]
        return PlainRecords([each if each.__class__ is RRset else self._join(each) for each in found.values()], numbers)

    def _shortcuts(self) -> dict[str, RRset]:
        return self._here.lines.setdefault((self._zone, self._default_ttl), {})

    def _join(self, records: Any) -> RRset:
        """One record set of several records of a name and type."""
        first: RRset = records[0]
        if any(each.ttl != first.ttl for each in records):
            raise _NotPlainError
        if first.type in SINGLE_VALUE_TYPES:
            raise _NotPlainError
        key = tuple(map(id, records))
        known = self._memo.sets.get(key)
        if known is None:
            rdatas = tuple(dict.fromkeys(each.rdatas[0] for each in records))
            known = self._memo.sets[key] = make_plain_rrset(first.name, first.type, first.ttl, rdatas)
            self._memo.kept += records
        return known

    def _read_line(self, line: str) -> RRset | None:
        """The record of a line; None for a blank one or a directive."""
        if _COMPLEX.search(line):
            return self._read_complex(line)
        words = line.split()
        if not words:
            return None
        owner = self._read_owner(words.pop(0) if line[0] not in " \t" else None)
        ttl = self._default_ttl
        had_ttl = words[:1] and words[0].isdigit()
        if had_ttl:
            ttl = int(words.pop(0))
        if words[:1] and words[0] in _CLASSES:
            words.pop(0)
            if words[:1] and words[0].isdigit():
                if had_ttl:
                    raise _NotPlainError
                ttl = int(words.pop(0))
        if len(words) < 2 or not 0 <= ttl <= MAX_TTL:
            raise _NotPlainError
        kind, *values = words
        rdata = self._value(kind, " ".join(values))
        return make_plain_rrset(owner, rdata.rdtype, ttl, (rdata,))

    def _read_complex(self, line: str) -> RRset | None:
        if ";" in line and '"' not in line:
            line = line.partition(";")[0]
        record = _LINE.fullmatch(line)
        if record is None:
            if line.strip(" \t"):
                self._read_directive(line)
            return None
        written, early, late, kind, value = record.groups()
        owner = self._read_owner(written)
        if early and late:
            raise _NotPlainError
        ttl = int(early or late) if early or late else self._default_ttl
        if not 0 <= ttl <= MAX_TTL:
            raise _NotPlainError
        rdata = self._value(kind, value)
        return make_plain_rrset(owner, rdata.rdtype, ttl, (rdata,))

    def _read_directive(self, line: str) -> None:
        directive = _DIRECTIVE.fullmatch(line)
        if directive is None:
            raise _NotPlainError
        if directive["name"] == "TTL":
            self._default_ttl = dns.ttl.from_text(directive["value"])
        elif directive["value"].endswith("."):
            origin = self._name(directive["value"])
            self._here = self._memo.of_origin(origin)
            self._is_inside = origin.is_subdomain(self._zone)
        else:
            raise _NotPlainError

    def _read_owner(self, written: str | None) -> CachedName:
        if written is None:
            if self._owner is None:
                raise _NotPlainError
            return self._owner
        owner = self._here.names.get(written)
        if owner is None:
            if not _OWNER.fullmatch(written):
                raise _NotPlainError
            owner = self._name(written)
        if (written[-1] == "." or not self._is_inside) and not owner.is_subdomain(self._zone):
            raise _NotPlainError
        return owner

    def _name(self, text: str) -> CachedName:
        names = self._here.names
        known = names.get(text)
        if known is not None:
            return known
        if text == "@":
            made = self._here.maker.origin
        else:
            parts = text.encode("ascii").split(b".")
            if b"@" in text.encode("ascii"):
                raise _NotPlainError
            if parts[-1]:
                made = self._here.maker.make(tuple(parts))
            elif len(parts) > 1 and parts[0]:
                made = CachedName(parts)
            else:
                raise _NotPlainError
        names[text] = made
        return made

    def _value(self, kind: str, text: str) -> Rdata:
        values = self._here.values.get(kind)
        if values is None:
            values = self._here.values[kind] = {}
        known = values.get(text)
        if known is None:
            known = values[text] = self._make(kind, text)
        return known

    def _make(self, kind: str, text: str) -> Rdata:
        rdtype = _TYPES.get(kind) or dns.rdatatype.from_text(kind)
        if rdtype == A and _IPV4.fullmatch(text):
            return _fill(_A, A, _set_address, text)
        if rdtype in _WITH_TARGET and _WORD.fullmatch(text):
            return _fill(_WITH_TARGET[rdtype], rdtype, _set_target[rdtype], self._name(text))
        if rdtype == MX and (mail := _MAIL.fullmatch(text)):
            made = _fill(_MX, MX, _set_exchange, self._name(mail[2]))
            _set_preference(made, int(mail[1]))
            return made
        if rdtype == TXT and (one := _ONE_TEXT.fullmatch(text)):
            return _fill(_TXT, TXT, _set_strings, (one[1].encode("ascii"),))
        return self._parse(rdtype, text)

    def _parse(self, rdtype: RdataType, text: str) -> Rdata:
        """A value as dnspython reads it."""
        made: Rdata
        if rdtype == AAAA and _WORD.fullmatch(text):
            made = _AAAA(IN, AAAA, text)
            return made
        if not _QUOTED.fullmatch(text) or rdtype == RRSIG or dns.rdatatype.is_metatype(rdtype):
            raise _NotPlainError
        made = dns.rdata.from_text(IN, rdtype, text, origin=self._here.maker.origin, relativize=False)
        if made.__class__ is GenericRdata:
            raise _NotPlainError
        return made


def _fill(made_of: Any, rdtype: RdataType, setter: Any, value: object) -> Rdata:
    """A value of a type with one field, which is correct already."""
    made: Rdata = _new(made_of)
    _set_class(made, IN)
    _set_type(made, rdtype)
    _set_comment(made, None)
    setter(made, value)
    return made
