"""What Cloudflare's exports say beside the standard of zone files, taken out before dnspython reads the rest.

- ``; cf_tags=cf-proxied:true``: the record is proxied. Cloudflare answers with addresses of its own, which are in no
  file, so the record is unserved. Only A, AAAA and CNAME records can be proxied.
- ``; cf_tags=cf-flatten-cname``, and a CNAME at the apex: the answer has the addresses of the target and no CNAME.
- A TTL of 1 is the automatic one, 300 seconds.
- The owner of the SOA is the zone's name without its last dot.

Source: Cloudflare DNS documentation, import and export, proxy status, CNAME flattening, time to live.
"""

from __future__ import annotations

import re

from dns.name import Name
from dns.rdatatype import AAAA, A

from ssosim.dns.imports.entries import Entry, iter_entries, split_record
from ssosim.dns.imports.import_errors import Imported, NameAlias, Unserved
from ssosim.dns.imports.zone_text import Places
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain, to_name

__all__ = [
    "AUTOMATIC_TTL",
    "PROXIED",
    "PROXIED_REASON",
    "PROXIED_TYPES",
    "is_cloudflare_export",
    "take_cloudflare_lines",
]

AUTOMATIC_TTL = 300
"""Seconds. Source: Cloudflare DNS documentation, time to live."""

PROXIED = "PROXIED"
"""The type by which ``--without`` leaves proxied records out."""

PROXIED_REASON = "it is proxied: Cloudflare answers with addresses of its own, which are in no zone"
PROXIED_TYPES = frozenset({"A", "AAAA", "CNAME"})

_EXPORT = re.compile(r"\bcf_tags=|[ \t]dns\.cloudflare\.com\.[ \t]|^;; Exported:", re.MULTILINE)
_TAGS = re.compile(r";.*\bcf_tags=(?P<tags>[^\s;]+)")
_AUTOMATIC = re.compile(r"^(\S+[ \t]+)1(?=[ \t])")


def is_cloudflare_export(text: str) -> bool:
    """Whether the text of a zone file is an export of Cloudflare, or written for its import."""
    return _EXPORT.search(text) is not None


def take_cloudflare_lines(text: str, zone: Imported, places: Places) -> str:
    """Add what these lines mean to ``zone``; return the text with standard lines only, with the same line numbers."""
    lines = text.split("\n")
    for entry in iter_entries(text):
        if entry.line == entry.last and entry.owner and not entry.owner.startswith("$"):
            at = entry.line - 1
            try:
                lines[at] = _read_line(entry, lines[at], zone, places)
            except DnsChangeError:
                continue  # dnspython words it
    return "\n".join(lines)


def _read_line(entry: Entry, line: str, zone: Imported, places: Places) -> str:
    """The standard line for one record; empty if ``zone`` has what it means."""
    record = split_record(entry.words)
    if record.kind == "SOA" and to_name(f"{entry.owner.rstrip('.')}.") == zone.origin:
        return f"{zone.origin}{line[len(entry.owner) :]}"
    owner, where = _owner_of(entry, zone.origin), places.at(entry.line)
    found = _TAGS.search(line) if record.kind in PROXIED_TYPES else None
    tags = found["tags"].lower().split(",") if found else []
    if "cf-proxied:true" in tags:
        zone.unserved.append(Unserved(where, plain(owner), PROXIED, PROXIED_REASON))
        return ""
    if record.kind == "CNAME" and record.values and ("cf-flatten-cname" in tags or owner == zone.origin):
        ttl = AUTOMATIC_TTL if record.ttl in ("", "1") else int(record.ttl)
        target = to_name(record.values[0], zone.origin)
        zone.name_aliases.append(NameAlias(where, owner, ttl, target, (A, AAAA)))
        return ""
    return _AUTOMATIC.sub(rf"\g<1>{AUTOMATIC_TTL}", line)


def _owner_of(entry: Entry, origin: Name) -> Name:
    return origin if entry.owner == "@" else to_name(entry.owner, origin)
