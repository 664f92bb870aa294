"""What is said of a trace that is not whole: lost records, lines that are there twice or out of order, cut lines."""

from __future__ import annotations

import pytest

from ssosim.trace import Event, LabPaused, PhaseStarted, Record, Trace, UserPrompted
from ssosim.trace.export import TraceFormatError, parse_record, read_records, record_to_json
from ssosim.verdict import Outcome
from ssosim.verdict.explain import Explanation, explain
from tests.verdict.builders import access, at_login, at_token, done, no_address, records

LOST = "prompts, refusals and tokens among them are not known"


def phase(name: str) -> PhaseStarted:
    """The start of a phase."""
    return PhaseStarted(scenario="s", phase=name)


def lines(*events: Event) -> list[str]:
    """The lines of a trace file."""
    return [record_to_json(record) for record in records(*events)]


def explained(kept: list[Record]) -> dict[str, Explanation]:
    """The explanation of each phase of a trace with one client."""
    return {each.phase: each for each in explain(kept)}


def without(whole: list[Record], *numbers: int) -> list[Record]:
    """The records but those with these numbers."""
    return [record for record in whole if record.seq not in numbers]


def test_a_sign_in_of_a_trace_without_its_beginning_says_so() -> None:
    """A lab that runs for weeks keeps its newest records: a prompt among the others is not known."""
    whole = records(UserPrompted(reason="password"), access, at_token(200), done)
    (found,) = explain(whole)
    assert (found.outcome, found.note) == (Outcome.INTERACTIVE, "")
    (found,) = explain(without(whole, 1))
    assert found.outcome is Outcome.SILENT
    assert found.note == f"the trace lacks the records 1: {LOST}"
    assert LOST in str(found)


def test_a_hole_is_told_in_the_phases_beside_it_and_in_no_other() -> None:
    """Records that are missing between two phases may belong to either; those of another phase change nothing."""
    whole = records(phase("a"), access, done, phase("b"), access, done, phase("c"), access, done)
    noted = {name for name, each in explained(without(whole, 3)).items() if each.note}
    assert noted == {"a", "b"}
    noted = {name for name, each in explained(without(whole, 5)).items() if each.note}
    assert noted == {"b"}
    noted = {name for name, each in explained(without(whole, 9)).items() if each.note}
    assert noted == set()
    assert explained(without(whole, 4))["a"].note == f"the trace lacks the records 4: {LOST}"


def test_all_holes_are_told_with_their_numbers() -> None:
    """Each run of missing records has its first and last number; large numbers have separators."""
    whole = [Record(seq, 100.0, "c", access) for seq in (1, 4, 5, 7, 12_000)]
    (found,) = explain(whole)
    assert found.note == f"the trace lacks the records 2 to 3, 6, 8 to 11,999: {LOST}"


def test_a_whole_trace_has_no_note() -> None:
    """Nothing is said of a trace whose numbers count from 1 without a hole, whoever caused the records."""
    whole = [Record(1, 1.0, "", phase("a")), Record(2, 2.0, "d", no_address("x")), Record(3, 3.0, "c", access)]
    assert {each.note for each in explain(whole)} == {""}
    assert explain([]) == ()


def test_a_hole_and_a_pause_of_the_lab_are_both_told() -> None:
    """The note of the pause is not replaced."""
    pause = LabPaused(started_at=1.0, lab_s=5.0, real_started_at=1.0, real_s=5.0, cpu_s=0.0, after_seq=2)
    kept = [Record(2, 1.0, "c", at_login(503)), Record(3, 2.0, "", pause), Record(4, 3.0, "c", done)]
    (found,) = explain(kept)
    assert found.note.startswith("the lab itself paused for 5.0 s here")
    assert found.note.endswith(f"; the trace lacks the records 1: {LOST}")


def test_records_that_a_full_trace_dropped_are_missing() -> None:
    """The trace of a lab drops its oldest records at a limit; an explanation of what it kept says so."""
    trace = Trace(limit=4)
    for _ in range(9):
        trace.record("c", access)
    (found,) = explain(trace.since())
    assert found.note == f"the trace lacks the records 1 to {trace.dropped}: {LOST}"


@pytest.mark.parametrize(
    ("order", "words"),
    [
        ((0, 1, 1, 2), "record 2 follows record 2"),
        ((0, 0, 1, 2), "record 1 follows record 1"),
        ((0, 2, 1), "record 2 follows record 3"),
        ((2, 1, 0), "record 2 follows record 3"),
        ((0, 1, 2, 0, 1, 2), "record 1 follows record 3"),
    ],
)
def test_lines_that_are_there_twice_or_out_of_order_are_refused(order: tuple[int, ...], words: str) -> None:
    """Verdicts go by the order of records: a success before its refusal would be another outcome."""
    written = lines(at_login(401, code=50126), at_login(200), done)
    with pytest.raises(TraceFormatError, match=f"{words}; lines are there twice, or out of order"):
        list(read_records(written[place] for place in order))


def test_lines_in_order_are_read_with_holes_and_blank_lines() -> None:
    """A trace may lack records, and a blank line is none."""
    written = lines(access, at_token(200), done)
    assert [each.seq for each in read_records(["\n", written[0], "  \n", written[2], ""])] == [1, 3]
    assert list(read_records([])) == []


@pytest.mark.parametrize("cut", [1, 2, 20, 60, -2, -1])
def test_a_line_that_was_cut_is_no_record(cut: int) -> None:
    """Half a line is refused with its beginning, wherever it was cut."""
    (line,) = lines(at_login(200))
    with pytest.raises(TraceFormatError, match="not a trace record"):
        parse_record(line[:cut])


@pytest.mark.parametrize(
    "line", ["null", "[]", '"x"', "0", "{}", "{" * 5000, "[" * 100_000, "\x00", "NaN", '{"event":']
)
def test_a_line_of_something_else_is_no_record(line: str) -> None:
    """Whatever stands in the file, the error is the documented one."""
    with pytest.raises(TraceFormatError):
        parse_record(line)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"seq":1', '"seq":-1'),
        ('"seq":1', '"seq":1.5'),
        ('"seq":1', '"seq":"1"'),
        ('"seq":1', '"seq":true'),
        ('"client":"c"', '"client":null'),
        ('"client":"c"', '"client":7'),
        ('"event":"ClientFinished"', '"event":"Event"'),
        ('"event":"ClientFinished"', '"event":"ClientEnded"'),
        ('"event":"ClientFinished"', '"event":["ClientFinished"]'),
        ('"exit_code":0', '"exit_code":"0"'),
        ('"exit_code":0', '"exit_code":false'),
        ('"exit_code":0', '"exit_code":0,"exit":1'),
        ('"stopped":""', '"stopped":"because"'),
        ('"version":"1"', '"version":"2"'),
        ('"version":"1"', '"version":1'),
        ('"layer":"client",', ""),
    ],
)
def test_each_value_of_a_line_has_the_type_of_its_field(old: str, new: str) -> None:
    """A wrong type is refused, and not converted: an exit code of ``false`` would be a success."""
    (line,) = lines(done)
    assert old in line
    with pytest.raises(TraceFormatError):
        parse_record(line.replace(old, new))
    assert parse_record(line).event == done


@pytest.mark.parametrize(
    "moment",
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "2026-01-01T00:00:00", "2026-13-01T00:00:00Z", ""],
)
def test_a_moment_that_no_calendar_has_is_refused(moment: str) -> None:
    """A moment needs a time zone, and in UTC it must be in the years 1 to 9999: every reader formats it."""
    (line,) = lines(done)
    written = line.split('"at":"')[1].split('"')[0]
    with pytest.raises(TraceFormatError):
        parse_record(line.replace(written, moment))
