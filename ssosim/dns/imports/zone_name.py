"""The name of the zone in a zone file: from the owner of its SOA, its ``$ORIGIN``, and the name of the file.

Name servers take the name from their configuration. Here it is the owner of the SOA record, where the text gives an
absolute name for it. Where it does not (``@`` before any ``$ORIGIN``), the file is named for its zone. Where these
disagree there is an error, because a zone that is read under another name is compared with nothing.
"""

from __future__ import annotations

import re
from pathlib import Path

from dns.name import Name

from ssosim.dns.imports.entries import iter_entries, split_record
from ssosim.dns.imports.include import ZONE_MARK
from ssosim.dns.zones.errors import DnsChangeError
from ssosim.dns.zones.rrset import plain, to_name

__all__ = ["find_zone_name", "strip_file_name"]

_SUFFIX = re.compile(
    r"\.(?:zone|zones|db|txt|dns|hosts|signed|bind|zonefile|zn|fwd|rev|master|primary)$|![\w-]+$", re.IGNORECASE
)
_PREFIX = re.compile(r"^(?:db|pri|pz|zone|master|primary|named)\.(?=.)", re.IGNORECASE)
_ZONE_COMMENT = re.compile(
    r"^;+[ \t]*(?:Database file \S+ for (?P<windows>\S+) zone|(?:Zone name|Zone|Domain):[ \t]*(?P<other>[\w.-]+))",
    re.IGNORECASE | re.MULTILINE,
)
"""Comments that name the zone: Windows DNS; exports of Azure DNS, Vercel and Cloudflare."""


def strip_file_name(path: Path) -> str:
    """The file's name without the prefixes and suffixes of zone files, in lower case: ``db.example.com`` and others."""
    stem = _PREFIX.sub("", path.name)
    while (shorter := _SUFFIX.sub("", stem)) != stem and shorter:
        stem = shorter
    return stem.lower().rstrip(".")


_ORIGIN = re.compile(r"^\$ORIGIN[ \t]+(\S+)", re.IGNORECASE | re.MULTILINE)
_NUMBERS = re.compile(r"[\d.]*")  # a network: its zone is below in-addr.arpa, its octets in either order
_SOA = re.compile(r"\bSOA\b", re.IGNORECASE)


def find_zone_name(path: Path, text: str) -> Name:
    """The name of the zone in ``text``, which is the content of the file ``path``. Raises DnsChangeError."""
    soa_owner, first = _read_owner(text)
    stem = strip_file_name(path)
    file_name = stem if _is_domain(stem) else ""
    if soa_owner:
        found = to_name(soa_owner)
        if first and not found.is_subdomain(to_name(first)):
            raise DnsChangeError(f"$ORIGIN {first} and the SOA of {plain(found)} disagree: give both the zone's name")
        _refuse_other_name(path, file_name, found, "the SOA")
        return found
    if first:
        return _choose(path, file_name, to_name(first))
    if file_name:
        return to_name(file_name)
    if named := _ZONE_COMMENT.search(text):
        return to_name((named["windows"] or named["other"]).rstrip(".") or ".")
    later = [each for each in _ORIGIN.findall(text) if each.endswith(".") and not each.endswith(ZONE_MARK)]
    if not _NUMBERS.fullmatch(stem) and all(to_name(each).is_subdomain(to_name(stem)) for each in later):
        return to_name(stem)
    raise DnsChangeError(
        "the name of the zone is not known: begin the file with $ORIGIN, or name it for its zone "
        f"(example.com.zone); later in the file there is $ORIGIN {later[0] if later else '.'}"
    )


def _choose(path: Path, file_name: str, first: Name) -> Name:
    """The name of a zone without an absolute SOA, of which ``first`` is the ``$ORIGIN`` before all records."""
    if not file_name:
        return first
    named = to_name(file_name)
    if first.is_subdomain(named) or named.is_subdomain(first):
        return named
    _refuse_other_name(path, file_name, first, "$ORIGIN")
    return first


def _refuse_other_name(path: Path, file_name: str, found: Name, what: str) -> None:
    """Raise DnsChangeError if the file is named for another domain. ``example.com-internal`` is named for its zone."""
    zone = plain(found).replace("/", "-")  # RFC 2317 zones; no file has a slash in its name
    if not file_name or re.search(rf"(?<![a-z0-9-]){re.escape(zone)}(?![a-z0-9])", file_name):
        return
    if zone.endswith(".arpa") and not file_name.endswith(".arpa"):
        return  # named for its network, in one of many ways
    if found == to_name(file_name):
        return
    raise DnsChangeError(
        f"{what} names the zone {zone}, the file {path.name} names {file_name}: rename the file, or correct {what}"
    )


def _is_domain(stem: str) -> bool:
    labels = stem.split(".")
    return len(labels) > 1 and all(labels) and not labels[-1].isdigit() and "_" not in labels[-1]


def _read_owner(text: str) -> tuple[str, str]:
    """The absolute owner of the SOA, and the absolute ``$ORIGIN`` before all records; empty where there is none.

    ``$ORIGIN .``, which BIND writes, says nothing about the zone.
    """
    has_soa = _SOA.search(text) is not None
    origin = first = ""
    is_known = records = False
    for entry in iter_entries(text):
        head = entry.owner.upper()
        if head == "$ORIGIN" and entry.words:
            word = entry.words[0]
            if word.endswith("."):
                origin, is_known = word, not word.endswith(ZONE_MARK)
            else:
                origin = _below(word, origin)
            if is_known and origin != "." and not records:
                first = first or origin
        elif not head.startswith("$"):
            if split_record(entry.words).kind == "SOA":
                owner = entry.owner or "@"
                if owner.endswith(".") and not owner.endswith(ZONE_MARK):
                    return owner, first
                return ("" if not is_known else origin if owner == "@" else _below(owner, origin)), first
            records = True
            if not has_soa:
                break
    return "", first


def _below(name: str, origin: str) -> str:
    return f"{name}." if origin == "." else f"{name}.{origin}"
