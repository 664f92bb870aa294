"""Lines of zone files that only one provider or server writes, taken out before dnspython reads the rest.

- ``www 60 AZURE ALIAS A RESOURCE-ID``: exports of Azure DNS (azure-cli pull requests 23209, 23274 and 25236).
- ``www 86400 AWS ALIAS A TARGET ZONE-ID true``: exports of cli53 from Route 53 (cli53 README, "Alias records").
- ``@ ALIAS target`` and ``ANAME``: PowerDNS, NS1, dnscontrol.
- ``WINS``, ``WINSR``: Windows DNS, answers from WINS servers. ``[AGE:3600000]``: the time of a dynamic registration.
- records of a type that has no mnemonic here.
"""

from __future__ import annotations

import re

import dns.exception
import dns.ttl
from dns.name import Name
from dns.rdatatype import AAAA, A

from ssosim.dns.imports.azure_ids import add_azure_alias
from ssosim.dns.imports.entries import Entry, Record, iter_entries, split_record
from ssosim.dns.imports.import_errors import Imported, NameAlias, Unserved
from ssosim.dns.imports.zone_text import Places
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain, to_name, to_type

__all__ = ["take_vendor_lines"]

_AGE = re.compile(r"\[(?:AGE|AGING):\d+\]", re.IGNORECASE)
_MNEMONIC = re.compile(r"[A-Z][A-Z0-9-]*")
_FALLBACK_TTL = 3600
_REASONS = {
    "WINS": "a Windows DNS server asks WINS servers for the answer",
    "WINSR": "a Windows DNS server asks the host for its NetBIOS name",
    "WINS-R": "a Windows DNS server asks the host for its NetBIOS name",
    "URLFWD": "it is a redirect of the provider's web server, no DNS record",
    "URL": "it is a redirect of the provider's web server, no DNS record",
    "LUA": "a PowerDNS server computes the answer",
}


def take_vendor_lines(text: str, zone: Imported, places: Places) -> str:
    """Add what these lines mean to ``zone``; return the text without them, with the same line numbers."""
    text = _AGE.sub("", text)
    lines = text.split("\n")
    reader = _VendorReader(zone, places, lines)
    for entry in iter_entries(text):
        reader.read(entry)
    return "\n".join(lines)


class _VendorReader:
    def __init__(self, zone: Imported, places: Places, lines: list[str]) -> None:
        self._zone = zone
        self._places = places
        self._lines = lines
        self._origin = zone.origin
        self._ttl = _FALLBACK_TTL
        self._owner: Name | None = zone.origin
        self._is_owner_lost = False

    def read(self, entry: Entry) -> None:
        """Read one entry, and blank its lines if it is none of the standard."""
        head = entry.owner.upper()
        try:
            if head == "$ORIGIN" and entry.words:
                self._origin = to_name(entry.words[0], self._origin)
            elif head == "$TTL" and entry.words:
                self._ttl = dns.ttl.from_text(entry.words[0])
            elif not head.startswith("$"):
                self._read_record(entry)
        except (DnsChangeError, dns.exception.DNSException):
            return  # dnspython words it

    def _read_record(self, entry: Entry) -> None:
        if entry.owner:
            self._owner = None
            self._owner = to_name(entry.owner, self._origin)
        record = split_record(entry.words)
        if self._owner is None or not self._is_special(record):
            if not entry.owner and self._is_owner_lost and self._owner is not None:
                self._lines[entry.line - 1] = f"{self._owner}{self._lines[entry.line - 1]}"
            self._is_owner_lost = False
            return
        where = self._places.at(entry.line)
        for line in range(entry.line - 1, entry.last):
            self._lines[line] = ""
        self._is_owner_lost = True
        try:
            self._add(record, self._owner, where)
        except DnsChangeError as error:
            self._zone.mistakes.append(f"{where}: {plain(self._owner)}: {error}")

    def _is_special(self, record: Record) -> bool:
        """Whether dnspython cannot read the record. A word that is no mnemonic at all is a mistake of the line."""
        if record.rrclass in ("AZURE", "AWS"):
            return True
        if not _MNEMONIC.fullmatch(record.kind):
            return False
        try:
            to_type(record.kind)
        except DnsChangeError:
            return bool(record.values)
        return False

    def _add(self, record: Record, owner: Name, where: str) -> None:
        ttl = dns.ttl.from_text(record.ttl) if record.ttl else self._ttl
        if not owner.is_subdomain(self._zone.origin):
            raise DnsChangeError(f"is outside the zone {plain(self._zone.origin)}: move it to its own")
        values = record.values
        if record.rrclass in ("AZURE", "AWS"):
            if record.kind != "ALIAS" or len(values) < 2:
                raise DnsChangeError(f"expected {record.rrclass} ALIAS TYPE TARGET, not {' '.join(values)[:80]!r}")
            if record.rrclass == "AZURE":
                add_azure_alias(self._zone, owner, values[0], ttl, values[1], where)
                return
            target = to_name(values[1], self._origin)
            self._zone.name_aliases.append(NameAlias(where, owner, ttl, target, (to_type(values[0]),)))
        elif record.kind in ("ALIAS", "ANAME"):
            target = to_name(values[0], self._origin)
            self._zone.name_aliases.append(NameAlias(where, owner, ttl, target, (A, AAAA), record.kind))
        else:
            reason = _REASONS.get(record.kind, f"unknown rdatatype {record.kind}")
            self._zone.unserved.append(Unserved(where, plain(owner), record.kind, reason))
