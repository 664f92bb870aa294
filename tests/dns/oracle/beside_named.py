"""Asks the lab's DNS server and named the same questions about the same zone files."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import dns.message
import dns.name

from ssosim.dns import DnsServer, ZoneSet, ZoneStore
from ssosim.dns.imports.import_errors import assemble
from ssosim.dns.imports.zonefile import parse_zone_file
from ssosim.trace import Trace
from tests.dns.oracle.compare import ERRORS, Report, explain, see
from tests.dns.oracle.programs import Program, run_named
from tests.dns.oracle.questions import Asked, questions_for

__all__ = ["CORPUS", "ask_lab", "compare_zones", "read_corpus", "read_zones"]

CORPUS = Path(__file__).parent / "corpus"
PEER = ("127.0.0.1", 5353)


def read_corpus() -> dict[str, str]:
    """The text of each zone file of the corpus by origin."""
    return {f"{file.stem}.example.": file.read_text() for file in sorted(CORPUS.glob("*.zone"))}


def read_zones(texts: Mapping[str, str]) -> ZoneSet:
    """Read the zone files as the lab does. Raises ImportMistakeError."""
    return assemble([parse_zone_file(text, origin, dns.name.from_text(origin)) for origin, text in texts.items()])


def compare_zones(texts: Mapping[str, str], every: int = 1) -> Report:
    """Ask both servers every ``every``-th question about each zone."""
    zones = read_zones(texts)
    server = DnsServer(ZoneStore(zones), Trace(), lambda _remote, _local: "oracle")
    report = Report(zones=len(texts))
    with tempfile.TemporaryDirectory() as folder, run_named(Path(folder), texts) as named:
        for origin in texts:
            zone = zones.zones[dns.name.from_text(origin)]
            for asked in _take(questions_for(zone), every):
                _compare(asked, zones, server, named, report)
    return report


def ask_lab(server: DnsServer, query: dns.message.Message) -> dns.message.Message:
    """Ask the lab's server, over TCP if the response over UDP is truncated."""
    wire = query.to_wire()
    for transport in ("udp", "tcp"):
        reply = server.reply(wire, PEER, transport)  # type: ignore[arg-type]
        assert reply is not None
        if not reply.tail[0] & 0x02:
            break
    return dns.message.from_wire(wire[:2] + reply.tail)


def _compare(asked: Asked, zones: ZoneSet, server: DnsServer, named: Program, report: Report) -> None:
    lab_message, named_message = ask_lab(server, asked.message()), named.ask(asked.message())
    lab, other = see(lab_message), see(named_message)
    if lab == other:
        report.equal += 1
        report.failed += lab.rcode in ERRORS
        return
    key = explain(asked, zones.zone_of(asked.name), lab, other, lab_message, named.version)
    if key is not None:
        report.intended[key] += 1
    else:
        report.unexplained.append(f"{asked}\n  lab: {lab}\n  named: {other}")


def _take(questions: Iterable[Asked], every: int) -> Iterable[Asked]:
    return (asked for number, asked in enumerate(questions) if number % every == 0)
