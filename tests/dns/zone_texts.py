"""Zones of a few lines as text, and what they answer in the words of a test table."""

from __future__ import annotations

import dns.name
from dns.rdatatype import RdataType

from ssosim.dns import Answer, QueryContext, ZoneSet, answer
from ssosim.dns.imports.import_errors import Imported, assemble
from ssosim.dns.imports.zonefile import parse_zone_file
from ssosim.dns.zones.rrset import plain, to_name, to_type

__all__ = ["HEAD", "ask", "assemble_text", "owners", "read_records", "read_zones", "say", "zone_of"]

HEAD = "$TTL 300\n@ SOA ns1.test. hostmaster.test. 1 7200 3600 1209600 60\n@ NS ns1.test.\n"
"""The records at the apex without which no server loads a zone."""


def zone_of(text: str, origin: str = "example.com.") -> Imported:
    """One zone file of that text, without ``HEAD``."""
    return parse_zone_file(text, "zone", dns.name.from_text(origin))


def read_zones(**texts: str) -> ZoneSet:
    """The zones of these texts, each after ``HEAD``, by their names with ``_`` for dots (``example_com``)."""
    return assemble([zone_of(HEAD + text, f"{name.replace('_', '.')}.") for name, text in texts.items()])


def read_records(text: str, origin: str = "example.com.") -> dict[str, list[str]]:
    """The records that a zone file has beside those of ``HEAD``, which is put before it: ``NAME TYPE`` to TTL and data.

    Raises ImportMistakeError.
    """
    zones = assemble([zone_of(HEAD + text, origin)])
    return {
        f"{plain(rrset.name)} {RdataType.to_text(rrset.type)}": [
            f"{rrset.ttl} {each.to_text()}" for each in rrset.rdatas
        ]
        for rrset in zones.zones[to_name(origin)].rrsets()
        if rrset.type not in (RdataType.SOA, RdataType.NS) or rrset.name != to_name(origin)
    }


def ask(zones: ZoneSet, question: str, context: QueryContext | None = None) -> Answer:
    """The answer to a question such as ``www.example.com A``."""
    name, kind = question.split()
    return answer(zones, to_name(name), to_type(kind) if kind != "ANY" else RdataType.ANY, context or QueryContext())


def say(found: Answer) -> str:
    """An answer in one line: its outcome, and the types and data of its answer section in their order."""
    shown = [f"{RdataType.to_text(rrset.type)} {each.to_text()}" for rrset in found.answer for each in rrset.rdatas]
    return " | ".join([found.outcome, *shown])


def owners(found: Answer, kind: RdataType) -> list[str]:
    """The owners of the record sets of that type in the authority section, sorted."""
    return sorted(plain(rrset.name) for rrset in found.authority if rrset.type == kind)


def assemble_text(text: str, origin: str) -> ZoneSet:
    """The zone of one whole text. Raises ImportMistakeError."""
    return assemble([zone_of(text, origin)])
