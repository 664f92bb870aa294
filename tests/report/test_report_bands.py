"""The state of a record over time, faults, and where they stand on the page."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.report.evidence import evidence, faults_in_force
from ssosim.report.time_scale import Scale
from ssosim.report.timeline_data import attempts, fault_spans, record_bands
from ssosim.trace import DnsAnswered, FaultApplied, FaultUndone, PhaseStarted, Record


def _answer(at, rcode="NOERROR", answers=("A 192.0.2.1",), kind="A", name="a.example"):
    return (at, DnsAnswered(name=name, type=kind, rcode=rcode, answers=answers))


def _records(*moments):
    return [Record(seq, float(at), "c", event) for seq, (at, event) in enumerate(moments, start=1)]


def _states(bands):
    return [(segment.begin, segment.end, segment.state) for segment in bands[0].segments]


def test_a_state_begins_with_the_fault_that_made_it():
    """What the next answer shows has been so since the fault before it, not since somebody asked."""
    records = _records(
        _answer(1),
        (10, FaultApplied(name="f")),
        _answer(17, "NODATA", ()),
        (30, FaultUndone(name="f")),
        _answer(44, answers=("CNAME b.example", "A 192.0.2.1")),
        _answer(70),
    )
    assert _states(record_bands(records, 0, 100)) == [
        (0, 10, "addresses"),
        (10, 30, "empty"),
        (30, 70, "cname"),
        (70, 100, "addresses"),
    ]


@pytest.mark.parametrize(
    ("rcode", "state"),
    [
        ("NODATA", "empty"),
        ("NXDOMAIN", "gone"),
        ("SERVFAIL", "failing"),
        ("DROPPED", "failing"),
        ("REFUSED", "failing"),
    ],
)
def test_every_answer_has_a_state(rcode, state):
    """Negative answers, errors and silence are told apart."""
    bands = record_bands(_records(_answer(1), _answer(5, rcode, ())), 0, 10)
    assert _states(bands)[-1] == (5, 10, state)


def test_only_records_that_changed_are_shown():
    """Search-list names that never were, and AAAA sets that are always empty, are left out."""
    steady = [_answer(1, "NXDOMAIN", (), name="a.example.corp"), _answer(2, "NODATA", (), "AAAA")]
    changed = [_answer(1), _answer(2, "NODATA", ()), _answer(3, answers=("CNAME b.example",), kind="AAAA")]
    assert [band.name for band in record_bands(_records(*steady, *changed), 0, 10)] == ["a.example"]
    (only,) = record_bands(_records(*steady, _answer(3)), 0, 10)
    assert (only.name, only.type, len(only.segments)) == ("a.example", "A", 1)
    assert record_bands([], 0, 10) == []


def test_a_record_that_flaps_is_mixed():
    """Hundreds of turns become one stretch that says so."""
    moments = [_answer(at, *(("NODATA", ()) if at % 2 else ())) for at in range(1, 900)]
    assert {segment.state for segment in record_bands(_records(*moments), 0, 900)[0].segments} == {"mixed"}


_events = st.sampled_from(
    [
        _answer(0)[1],
        _answer(0, "NODATA", ())[1],
        FaultApplied(name="f"),
        FaultUndone(name="f"),
        PhaseStarted(scenario="s", phase="p"),
    ]
)


@given(st.lists(st.tuples(st.integers(0, 99), _events), max_size=60))
def test_segments_touch_and_cover_the_whole(moments):
    """Whatever happened: a band begins at the beginning, ends at the end, and has no gap, overlap or empty segment."""
    for band in record_bands(_records(*sorted(moments, key=lambda moment: moment[0])), 0, 100):
        assert (band.segments[0].begin, band.segments[-1].end) == (0, 100)
        assert all(segment.begin < segment.end for segment in band.segments)
        assert all(one.end == two.begin for one, two in zip(band.segments, band.segments[1:], strict=False))


def test_faults_last_until_they_are_undone():
    """A fault that stays ends with the scenario; of two alike the later is undone first; evidence names the rest."""
    records = _records(
        (1, FaultApplied(name="a", detail="x")),
        (2, FaultApplied(name="a", detail="x")),
        (3, FaultUndone(name="a", detail="x")),
        (4, FaultUndone(name="never", detail="applied")),
        _answer(5),
    )
    assert [(span.begin, span.end) for span in fault_spans(records, 9)] == [(1, 9), (2, 3)]
    assert [record.seq for record in faults_in_force(records, 5)] == [1]
    assert [line.seq for line in evidence(records, (5, 99))] == [1, 5]
    assert evidence(records, ()) == []


def test_attempts_are_realm_discoveries(story):
    """Each client's attempts are known by the first step of the flow."""
    found = attempts(story().records)
    assert {client: len(moments) for client, moments in found.items()} == {"office": 9, "curl": 9}


@given(st.lists(st.floats(0.001, 1e6), min_size=1, max_size=40), st.floats(0, 1))
def test_every_phase_can_be_read(lengths, part):
    """However short a phase is, it keeps its least width; order is kept; the ends are the edges."""
    stops = [1.7e9]
    for length in lengths:
        stops.append(stops[-1] + length)
    scale = Scale.over(stops, 200, 1160, least=88)
    least = min(88, 960 / len(lengths))
    widths = [after - before for before, after in zip(scale.marks, scale.marks[1:], strict=False)]
    assert min(widths) >= least - 1e-6
    assert scale.marks[-1] == pytest.approx(1160)
    moment = stops[0] + part * (stops[-1] - stops[0])
    assert 200 <= scale.x(stops[0]) <= scale.x(moment) <= scale.x(stops[-1]) <= 1160.1
    assert scale.x(0) == 200
