"""Events of every kind with any values: the judge, the explanation and the reports of them never break off."""

from __future__ import annotations

from unicodedata import category

from hypothesis import example, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.report.evidence import evidence, faults_in_force
from ssosim.report.timeline_data import fault_spans, record_bands
from ssosim.trace import DnsAnswered, Event, Record
from ssosim.trace.export import format_record, parse_record, record_to_json
from ssosim.verdict import judge, measure
from ssosim.verdict.explain import explain
from ssosim.verdict.result import ClientResult
from tests.trace.test_trace_log import KINDS, draw_events

EVENTS: st.SearchStrategy[Event] = st.one_of([draw_events(kind) for kind in KINDS])
ADDRESS = DnsAnswered(name="a.example", type="A", rcode="NOERROR", answers=("A 192.0.2.1",))
"""Bands are drawn of addresses; a drawn type is hardly ever that of one."""
TRACES = st.lists(st.tuples(st.sampled_from(["c", "d", ""]), st.floats(0, 4e9), EVENTS), max_size=6)


def make_records(drawn: list[tuple[str, float, Event]]) -> list[Record]:
    """The records, with the times as drawn: a clock may go back."""
    return [Record(seq, at, client, event) for seq, (client, at, event) in enumerate(drawn, 1)]


@settings(max_examples=25)
@given(TRACES)
def test_every_trace_has_a_verdict_and_an_explanation(drawn: list[tuple[str, float, Event]]) -> None:
    """Whatever a trace holds, each of its clients has an outcome, measures and a chain of causes, as text."""
    records = make_records(drawn)
    for each in explain(records):
        assert str(each).startswith(each.client)
    mine = [record for record in records if record.client == "c"]
    found = judge(mine, 0.0, [record for record in records if not record.client])
    result = ClientResult.of(found, measures=measure(mine, found, 0.0, 0.0))
    assert result.verdict == found


@settings(max_examples=25)
@given(TRACES)
@example([("c", 1.0, ADDRESS), ("c", 2.0, replace(ADDRESS, rcode="NXDOMAIN", answers=()))])
def test_every_trace_can_be_shown(drawn: list[tuple[str, float, Event]]) -> None:
    """Lines for people are one line each without control characters; bands and faults are drawn of any trace."""
    records = make_records(drawn)
    for record in records:
        assert all(each.isprintable() or category(each) == "Zs" for each in format_record(record))
        assert parse_record(record_to_json(record)).event == record.event
    numbers = [record.seq for record in records]
    assert {line.seq for line in evidence(records, numbers)} == set(numbers)
    assert len(faults_in_force(records, 99)) <= len(fault_spans(records, 4e9))
    for band in record_bands(records, 0.0, 4e9):
        assert band.segments
