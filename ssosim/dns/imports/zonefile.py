"""Zone files (RFC 1035 section 5), as people and servers write them, read by the reader of dnspython.

It reads ``$ORIGIN``, ``$TTL``, ``$GENERATE`` (up to ``MAX_GENERATED`` records in a file), and ``$INCLUDE`` of files
within the folder. Owners outside the zone, which BIND ignores with a warning, are mistakes here. Two TTLs in one record
set become one, as in BIND. In files of Windows DNS, a record without a TTL has the minimum of the SOA.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from pathlib import Path

import dns.exception
import dns.grange
import dns.name
import dns.rdata
import dns.rdataclass
import dns.tokenizer
import dns.zonefile
from dns.name import Name
from dns.rdataclass import IN
from dns.rdatatype import RRSIG, TYPE0, RdataType
from msgspec import Struct, field

from ssosim.dns.imports.cloudflare_lines import is_cloudflare_export, take_cloudflare_lines
from ssosim.dns.imports.entries import iter_entries
from ssosim.dns.imports.import_errors import MAX_RECORDS, Imported, PlainSource
from ssosim.dns.imports.include import ZONE_MARK, expand_includes
from ssosim.dns.imports.octet_names import OctetNames
from ssosim.dns.imports.plain_lines import LineMemo, read_plain_lines
from ssosim.dns.imports.vendor_lines import take_vendor_lines
from ssosim.dns.imports.zone_name import find_zone_name
from ssosim.dns.imports.zone_text import Places, read_zone_text
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, plain, to_type
from ssosim.estate.toml import TomlMistakeError

__all__ = ["parse_with_dnspython", "parse_zone_file", "read_zone_file"]

MAX_GENERATED = 65_536
"""Records that the ``$GENERATE`` lines of one file may make: a /16 of reverse names."""

MAX_UNKNOWN_TYPES = 50
"""Different record types without a name (``TYPE65000``) in one file: dnspython looks for a module for each."""

_LOCATION = re.compile(r"^.*?:(\d+): (.*)$", re.DOTALL)
_LONGEST_RANGE = 40  # three numbers of ten digits
_WINDOWS = re.compile(r"^;+[ \t]*Database file \S+ for \S+ zone", re.IGNORECASE | re.MULTILINE)


def read_zone_file(
    path: Path, origin: Name | None = None, memo: LineMemo | None = None, root: Path | None = None
) -> Imported:
    """Read one file; its origin is the one given, or found by ``find_zone_name``. Never raises for content.

    Files that it includes are in ``root`` (default: its folder). Mistakes are in the result. Raises TomlMistakeError
    when a file cannot be read, or the name of the zone is not known.
    """
    text, places = expand_includes(read_zone_text(path), path, root or path.parent)
    try:
        name = origin or find_zone_name(path, text)
    except DnsChangeError as error:
        raise TomlMistakeError(f"{path}: {error}") from error
    if places.lines:
        text = text.replace(ZONE_MARK, name.to_text())
    zone = parse_zone_file(text, str(path), name, memo, places)
    zone.file, zone.is_zone_file = str(path), True
    return zone


def parse_zone_file(
    text: str, source: str, origin: Name, memo: LineMemo | None = None, places: Places | None = None
) -> Imported:
    """Read zone file text; ``source`` names it in messages, or ``places`` each of its lines.

    ``memo`` is shared by files that have much in common.
    """
    places = places or Places(source)
    is_plain = not is_cloudflare_export(text)
    plain_records = read_plain_lines(text, origin, memo or LineMemo(), MAX_RECORDS) if is_plain else None
    if plain_records is None:
        return parse_with_dnspython(text, source, origin, places)
    return Imported(origin, plain=PlainSource(plain_records, places))


def parse_with_dnspython(text: str, source: str, origin: Name, places: Places | None = None) -> Imported:
    """As ``parse_zone_file``, by the reader of dnspython, which reads every file and finds every mistake."""
    zone, places = Imported(origin), places or Places(source)
    if is_cloudflare_export(text):
        text = take_cloudflare_lines(text, zone, places)
    text = take_vendor_lines(text, zone, places)
    codec = OctetNames()
    tokens = dns.tokenizer.Tokenizer(f"{text}\n", source, codec)
    sink = _Sink(zone, tokens, places)
    reader = _Reader(tokens, IN, sink, rfc2308_ttl=_WINDOWS.search(text) is None)  # type: ignore[arg-type]
    try:
        reader.read()
    except (dns.exception.DNSException, ValueError, AssertionError) as error:
        zone.mistakes.append(_mistake(error, places, text, sink, tokens.where()[1]))
    sink.finish()
    zone.mistakes += _outside(text, places, origin)
    zone.warnings += codec.describe(source)
    return zone


class _Reader(dns.zonefile.Reader):
    """The reader of dnspython; it stores the line at which each record begins."""

    generated = 0

    def _rr_line(self) -> None:
        self.txn.line = self.tok.where()[1]  # type: ignore[attr-defined]
        super()._rr_line()

    def _generate_line(self) -> None:
        self.txn.line = self.tok.where()[1]  # type: ignore[attr-defined]
        token = self.tok.get()
        if len(token.value) <= _LONGEST_RANGE:  # a longer one is no range
            with contextlib.suppress(dns.exception.DNSException, ValueError, AssertionError):
                start, stop, step = dns.grange.from_text(token.value)
                self.generated += (stop - start) // step + 1
        else:
            raise ValueError("the range of $GENERATE is too long")
        if self.generated > MAX_GENERATED:
            raise ValueError(f"$GENERATE makes more than {MAX_GENERATED} records in this file; narrow the range")
        self.tok.unget(token)
        super()._generate_line()  # type: ignore[no-untyped-call]
        name, origin = self.last_name, self.zone_origin
        if name is not None and origin is not None and not name.is_subdomain(origin):
            self.txn.note_outside(name)  # type: ignore[attr-defined] # dnspython leaves out the rest without a message


class _Records(Struct):
    """The records of one name and type; ``block`` counts the runs of records of one name."""

    ttl: int
    where: str
    block: int
    rdatas: dict[dns.rdata.Rdata, None] = field(default_factory=dict)


class _Sink:
    """The target of dnspython's reader: it stores every record with its line, and checks them afterwards."""

    def __init__(self, zone: Imported, tokens: dns.tokenizer.Tokenizer, places: Places) -> None:
        self.manager = self
        self.line = 0
        self._zone = zone
        self._tokens = tokens
        self._places = places
        self._unknown: set[RdataType] = set()
        self._record_sets: dict[tuple[Name, RdataType, RdataType], _Records] = {}
        self._owner: Name | None = None
        self._block = 0

    def origin_information(self) -> tuple[Name, bool, Name]:
        """Part of dnspython's TransactionManager: names stay absolute."""
        return self._zone.origin, False, self._zone.origin

    def _set_origin(self, origin: Name) -> None:
        """Part of dnspython's Transaction: ``$ORIGIN`` changes nothing, since names are absolute."""

    def check_put_rdataset(self, _check: Callable[..., None]) -> None:
        """Part of dnspython's Transaction; conflicts are checked later, with both locations."""

    def add(self, name: Name, ttl: int, rdata: dns.rdata.Rdata) -> None:
        """Part of dnspython's Transaction: one record."""
        where = self._places.at(self._tokens.where()[1] - 1)  # the reader has passed the end of the record's line
        if name != self._owner:
            self._owner, self._block = name, self._block + 1
        key = (name, RdataType(rdata.rdtype), rdata.covers())
        if key not in self._record_sets and len(self._record_sets) >= MAX_RECORDS:
            raise ValueError(f"more than {MAX_RECORDS} record sets")
        if rdata.__class__ is dns.rdata.GenericRdata and rdata.rdtype not in self._unknown:
            self._unknown.add(rdata.rdtype)
            if len(self._unknown) > MAX_UNKNOWN_TYPES:
                raise ValueError(f"more than {MAX_UNKNOWN_TYPES} different record types that are not known here")
        kept = self._record_sets.setdefault(key, _Records(ttl, where, self._block))
        if kept.ttl != ttl:
            self._join_ttls(kept, ttl, f"{where}: {plain(name)} {RdataType.to_text(key[1])}")
        kept.block = self._block
        kept.rdatas[rdata] = None

    def note_outside(self, name: Name) -> None:
        """Note a generated name that is outside the zone; ``_outside`` finds those that are written."""
        self._zone.mistakes.append(_describe_outside(self._places.at(self.line), name, self._zone.origin))

    def _join_ttls(self, kept: _Records, ttl: int, label: str) -> None:
        """Give the record set one TTL (RFC 2181 section 5.2), as BIND 9.18 does; measured with named-compilezone.

        Among the records of a name that follow each other, the first TTL holds. Records of a name that comes again
        later replace the TTL of the whole set.
        """
        chosen = kept.ttl if kept.block == self._block else ttl
        text = f"{label} has TTL {ttl} here and {kept.ttl} at {kept.where}"
        self._zone.warnings.append(f"{text}: served with {chosen}, as BIND does (RFC 2181 section 5.2): give it one")
        kept.ttl = chosen

    def finish(self) -> None:
        """Add all record sets to the zone."""
        signed: dict[Name, _Records] = {}
        for (name, kind, covered), records in self._record_sets.items():
            if kind == RRSIG:
                self._check_signature_ttl(name, covered, records.ttl, records.where)
                kept = signed.setdefault(name, _Records(records.ttl, records.where, 0))
                kept.rdatas |= records.rdatas
                continue
            try:
                self._zone.add(RRset(name, to_type(kind), records.ttl, tuple(records.rdatas)), records.where)
            except DnsChangeError as error:
                self._zone.mistakes.append(f"{records.where}: {plain(name)}: {error}")
        for name, records in signed.items():
            self._zone.add(RRset(name, RRSIG, records.ttl, tuple(records.rdatas)), records.where)

    def _check_signature_ttl(self, name: Name, covered: RdataType, ttl: int, where: str) -> None:
        """Note a signature whose TTL is not that of its record set: it is served with the TTL of the record set."""
        record_set = self._record_sets.get((name, covered, TYPE0))
        if record_set is not None and record_set.ttl != ttl:
            text = f"{plain(name)} RRSIG of {RdataType.to_text(covered)} has TTL {ttl}, its record set {record_set.ttl}"
            self._zone.warnings.append(f"{where}: {text}: served with {record_set.ttl} (RFC 4034 section 3)")


def _mistake(error: Exception, places: Places, text: str, sink: _Sink, passed: int) -> str:
    """Make the message for a file that cannot be read; ``passed`` is the line that the reader has reached."""
    lines = text.splitlines()
    located = _LOCATION.match(str(error))
    at, what = (int(located[1]), located[2]) if located else (passed, str(error) or type(error).__name__)
    if not _is_directive(lines, at):  # the reader looks one character ahead, which may be on the next line
        at = at - 1 if _is_directive(lines, at - 1) and sink.line < at - 1 else max(sink.line, 1)
    shown = lines[at - 1].strip()[:80] if at <= len(lines) else ""
    advice = "it is not read here" if "not allowed" in what else "expected NAME [TTL] [IN] TYPE VALUE, as in RFC 1035"
    return f"{places.at(at)}: {what.rstrip('.').lower()}: {shown!r}: {advice}"


def _is_directive(lines: list[str], number: int) -> bool:
    return 0 < number <= len(lines) and lines[number - 1].lstrip().startswith("$")


def _outside(text: str, places: Places, origin: Name) -> list[str]:
    """Find records whose owner is outside the zone: dnspython skips them without a message."""
    found, here = [], origin
    for entry in iter_entries(text):
        try:
            if entry.owner.upper() == "$ORIGIN" and entry.words:
                here = dns.name.from_text(entry.words[0], here)
            if not entry.owner or entry.owner.startswith("$"):
                continue
            name = here if entry.owner == "@" else dns.name.from_text(entry.owner, here)
        except dns.exception.DNSException:
            continue  # the reader has reported it already
        if not name.is_subdomain(origin):
            found.append(_describe_outside(places.at(entry.line), name, origin))
    return found


def _describe_outside(where: str, name: Name, origin: Name) -> str:
    return f"{where}: {plain(name)} is outside the zone {plain(origin)}: move it to its own"
