"""BIND zone files (RFC 1035 section 5), read by the reader of dnspython.

It reads ``$ORIGIN``, ``$TTL`` and ``$GENERATE`` (up to ``MAX_GENERATED`` records in a file). It refuses ``$INCLUDE``,
since a rehearsal must not open files that its user did not name. Owners outside the zone, which BIND ignores with a
warning, are mistakes here.
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

from ssosim.dns.imports.import_errors import MAX_RECORDS, Imported
from ssosim.dns.imports.plain_lines import LineMemo, read_plain_lines
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import RRset, plain, to_name, to_type
from ssosim.estate.toml import TomlMistakeError, read_text

__all__ = ["origin_of", "parse_with_dnspython", "parse_zone_file", "read_zone_file"]

MAX_GENERATED = 65_536
"""Records that the ``$GENERATE`` lines of one file may make: a /16 of reverse names."""

MAX_UNKNOWN_TYPES = 50
"""Different record types without a name (``TYPE65000``) in one file: dnspython looks for a module for each."""

_ORIGIN = re.compile(r"^\s*\$ORIGIN\s+(\S+)", re.IGNORECASE | re.MULTILINE)
_LOCATION = re.compile(r"^.*?:(\d+): (.*)$", re.DOTALL)
_LONGEST_RANGE = 40  # three numbers of ten digits
_SUFFIXES = (".zone", ".db", ".txt")
_PREFIX = "db."


def read_zone_file(path: Path, origin: Name | None = None, memo: LineMemo | None = None) -> Imported:
    """Read one file; its origin is the one given, the first ``$ORIGIN``, or the file's name. Never raises for content.

    Mistakes are in the result. Raises TomlMistakeError when the file itself cannot be read.
    """
    text = read_text(path)
    try:
        return parse_zone_file(text, str(path), origin or origin_of(path, text), memo)
    except DnsChangeError as error:
        raise TomlMistakeError(f"{path}: {error}") from error


def origin_of(path: Path, text: str) -> Name:
    """The zone's name: the first absolute ``$ORIGIN``, else ``example.com.zone`` or ``db.example.com`` by its name.

    Raises DnsChangeError.
    """
    if (found := _ORIGIN.search(text)) and found[1].endswith("."):
        return to_name(found[1])
    stem = path.name.removeprefix(_PREFIX)
    for suffix in _SUFFIXES:
        stem = stem.removesuffix(suffix)
    return to_name(stem)


def parse_zone_file(text: str, source: str, origin: Name, memo: LineMemo | None = None) -> Imported:
    """Read zone file text; ``source`` names it in messages. ``memo`` is shared by files that have much in common."""
    plain_records = read_plain_lines(text, origin, memo or LineMemo(), MAX_RECORDS)
    if plain_records is None:
        return parse_with_dnspython(text, source, origin)
    zone = Imported(origin)
    for rrset, line in plain_records:
        zone.add(rrset, f"{source}:{line}")
    return zone


def parse_with_dnspython(text: str, source: str, origin: Name) -> Imported:
    """As ``parse_zone_file``, by the reader of dnspython, which reads every file and finds every mistake."""
    zone = Imported(origin)
    tokens = dns.tokenizer.Tokenizer(f"{text}\n", source)
    sink = _Sink(zone, tokens, source)
    try:
        _Reader(tokens, IN, sink, allow_include=False).read()  # type: ignore[arg-type]
    except (dns.exception.DNSException, ValueError, AssertionError) as error:
        zone.mistakes.append(_mistake(error, source, text, sink, tokens.where()[1]))
    sink.finish()
    zone.mistakes += _outside(text, source, origin)
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


class _Sink:
    """The target of dnspython's reader: it stores every record with its line, and checks them afterwards."""

    def __init__(self, zone: Imported, tokens: dns.tokenizer.Tokenizer, source: str) -> None:
        self.manager = self
        self.line = 0
        self._zone = zone
        self._tokens = tokens
        self._source = source
        self._unknown: set[RdataType] = set()
        self._record_sets: dict[tuple[Name, RdataType, RdataType], tuple[int, dict[dns.rdata.Rdata, None], str]] = {}

    def origin_information(self) -> tuple[Name, bool, Name]:
        """Part of dnspython's TransactionManager: names stay absolute."""
        return self._zone.origin, False, self._zone.origin

    def _set_origin(self, origin: Name) -> None:
        """Part of dnspython's Transaction: ``$ORIGIN`` changes nothing, since names are absolute."""

    def check_put_rdataset(self, _check: Callable[..., None]) -> None:
        """Part of dnspython's Transaction; conflicts are checked later, with both locations."""

    def add(self, name: Name, ttl: int, rdata: dns.rdata.Rdata) -> None:
        """Part of dnspython's Transaction: one record."""
        where = f"{self._source}:{self._tokens.where()[1] - 1}"  # the reader has passed the end of the record's line
        key = (name, RdataType(rdata.rdtype), rdata.covers())
        if key not in self._record_sets and len(self._record_sets) >= MAX_RECORDS:
            raise ValueError(f"more than {MAX_RECORDS} record sets")
        if rdata.__class__ is dns.rdata.GenericRdata and rdata.rdtype not in self._unknown:
            self._unknown.add(rdata.rdtype)
            if len(self._unknown) > MAX_UNKNOWN_TYPES:
                raise ValueError(f"more than {MAX_UNKNOWN_TYPES} different record types that are not known here")
        kept = self._record_sets.setdefault(key, (ttl, {}, where))
        if kept[0] != ttl:
            text = f"{plain(name)} {key[1].name} has TTL {ttl} here and {kept[0]} at {kept[2]}"
            self._zone.mistakes.append(f"{where}: {text}: a record set has one TTL (RFC 2181 section 5.2)")
        kept[1][rdata] = None

    def finish(self) -> None:
        """Add all record sets to the zone."""
        signed: dict[Name, tuple[int, dict[dns.rdata.Rdata, None], str]] = {}
        for (name, kind, covered), (ttl, rdatas, where) in self._record_sets.items():
            if kind == RRSIG:
                self._check_signature_ttl(name, covered, ttl, where)
                signed.setdefault(name, (ttl, {}, where))[1].update(rdatas)
                continue
            try:
                self._zone.add(RRset(name, to_type(kind), ttl, tuple(rdatas)), where)
            except DnsChangeError as error:
                self._zone.mistakes.append(f"{where}: {plain(name)}: {error}")
        for name, (ttl, rdatas, where) in signed.items():
            self._zone.add(RRset(name, RRSIG, ttl, tuple(rdatas)), where)

    def _check_signature_ttl(self, name: Name, covered: RdataType, ttl: int, where: str) -> None:
        """Note a signature whose TTL is not that of its record set: it is served with the TTL of the record set."""
        record_set = self._record_sets.get((name, covered, TYPE0))
        if record_set is not None and record_set[0] != ttl:
            text = f"{plain(name)} RRSIG of {covered.name} has TTL {ttl}, its record set {record_set[0]}"
            self._zone.warnings.append(f"{where}: {text}: served with {record_set[0]} (RFC 4034 section 3)")


def _mistake(error: Exception, source: str, text: str, sink: _Sink, passed: int) -> str:
    """Make the message for a file that cannot be read; ``passed`` is the line that the reader has reached."""
    lines = text.splitlines()
    located = _LOCATION.match(str(error))
    at, what = (int(located[1]), located[2]) if located else (passed, str(error) or type(error).__name__)
    if not _is_directive(lines, at):  # the reader looks one character ahead, which may be on the next line
        at = at - 1 if _is_directive(lines, at - 1) and sink.line < at - 1 else max(sink.line, 1)
    shown = lines[at - 1].strip()[:80] if at <= len(lines) else ""
    advice = "it is not read here" if "not allowed" in what else "expected NAME [TTL] [IN] TYPE VALUE, as in RFC 1035"
    return f"{source}:{at}: {what.rstrip('.').lower()}: {shown!r}: {advice}"


def _is_directive(lines: list[str], number: int) -> bool:
    return 0 < number <= len(lines) and lines[number - 1].lstrip().startswith("$")


_OWNER = re.compile(r"^([^\s;$(]\S*)\s")
_NO_PARENTHESIS = re.compile(r'"(?:[^"\\]|\\.)*"|;.*|\\.')


def _outside(text: str, source: str, origin: Name) -> list[str]:
    """Find records whose owner is outside the zone: dnspython skips them without a message."""
    found, here, depth = [], origin, 0
    for number, line in enumerate(text.splitlines(), start=1):
        began, bare = depth, _NO_PARENTHESIS.sub("", line)
        depth += bare.count("(") - bare.count(")")
        try:
            if change := _ORIGIN.match(line):
                here = dns.name.from_text(change[1], here)
                continue
            owner = None if began else _OWNER.match(line)
            name = here if owner is None or owner[1] == "@" else dns.name.from_text(owner[1], here)
        except dns.exception.DNSException:
            continue  # the reader has reported it already
        if owner is not None and not name.is_subdomain(origin):
            found.append(f"{source}:{number}: {plain(name)} is outside the zone {plain(origin)}: move it to its own")
    return found
