"""What readers of the trace get: columns, parts and times, and the same text whether one record or many are written."""

from __future__ import annotations

import json

import pytest

from ssosim.trace import (
    ClientMessage,
    ConnectionFailed,
    DnsAnswered,
    LabPaused,
    LastStepDeclared,
    Record,
    SignInStep,
    Trace,
)
from ssosim.trace.connection_text import describe_failed_connection
from ssosim.trace.export import TraceFormatError, columns_to_jsonl, describe_event, parse_record, record_to_json
from ssosim.trace.log import split_columns
from ssosim.trace.redact import CUT, redact, shorten_output


class StillClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.moment = 1_740_000_000.25

    def now(self) -> float:
        """The time in seconds since the epoch."""
        return self.moment


def said(text: str) -> ClientMessage:
    """An event with a text."""
    return ClientMessage(text=text)


def make_trace(number: int, limit: int = 1000) -> tuple[Trace, StillClock]:
    """A trace with that many records, two in each second."""
    clock = StillClock()
    trace = Trace(clock, limit=limit)
    for each in range(1, number + 1):
        trace.record("c", said(str(each)))
        clock.moment += 0.5
    return trace, clock


def test_columns_are_written_as_single_records_are() -> None:
    """Many records at once give the same lines as one after another: repeated events, equal times and odd names too."""
    trace, clock = make_trace(3)
    answer = DnsAnswered(name="a.example", type="A", rcode="NOERROR")
    trace.record("", answer)
    trace.record("", answer)
    trace.record("d", said("half a pair \ud800"))
    clock.moment = 1_740_000_060.9999999
    trace.record("e", said("é\n\x00"))
    lines = [record_to_json(each) for each in trace]
    assert columns_to_jsonl(*trace.columns()) == "".join(f"{line}\n" for line in lines)
    assert [parse_record(line) for line in lines] == list(trace)
    assert json.loads(lines[0])["at"] == "2025-02-19T21:20:00.250000Z"


def test_parts_of_a_trace_are_selected_by_number() -> None:
    """Records after a number, and up to one, also where the oldest are gone; reversed they keep their numbers."""
    trace, _ = make_trace(10)
    assert [each.seq for each in trace.since(8)] == [9, 10]
    assert [each.seq for each in trace.up_to(2)] == [1, 2]
    assert [each.seq for each in reversed(trace)] == list(range(10, 0, -1))
    full, _ = make_trace(10, limit=4)
    kept = [each.seq for each in full]
    assert kept[-1] == full.last_seq == 10
    assert [each.seq for each in full.since()] == kept == [each.seq for each in reversed(full)][::-1]
    assert [each.seq for each in full.since(2)] == kept
    assert [each.seq for each in full.up_to(kept[0])] == kept[:1]
    assert full.up_to(kept[0] - 1) == ()


def test_chunks_of_a_trace_have_all_records_once() -> None:
    """A reader that gives control back in between gets every record, in order."""
    trace, _ = make_trace(3)
    trace.record_all([entry for _ in range(9000) for entry in trace.columns()[2][:1]])
    got = [(seq, entry.event) for chunk in split_columns(trace.columns()) for seq, _at, entry in chunk]
    assert got == [(each.seq, each.event) for each in trace]


def test_a_program_has_real_seconds_and_models_have_the_labs() -> None:
    """The records of a client in real time go on while the clock of the lab stands; after its end they do not."""
    trace, clock = make_trace(0)
    end = trace.time_in_real_seconds("program", start=500.0)
    trace.record("program", said("x"))
    trace.record("model", said("x"))
    trace.record_all(trace.columns()[2][:1])
    program, model, again = list(trace)
    assert 500.0 <= program.at <= again.at < 500.0 + 3600
    assert model.at == clock.moment
    end()
    end()
    trace.record("program", said("x"))
    assert trace.since(3)[0].at == clock.moment
    trace.time_in_real_seconds("program")()
    trace.record("program", said("x"))
    assert trace.since(4)[0].at == clock.moment


def test_a_notification_that_was_cancelled_does_not_come() -> None:
    """One that is cancelled, or was called, is not called again; others are."""
    trace, _ = make_trace(0)
    called: list[str] = []
    first, second = (lambda name=name: called.append(name) for name in ("first", "second"))  # type: ignore[misc]
    trace.notify_once(first)
    trace.notify_once(second)
    trace.cancel_notification(first)
    trace.cancel_notification(first)
    trace.record("", said("x"))
    trace.record("", said("y"))
    assert called == ["second"]


@pytest.mark.parametrize(
    "line",
    [
        "",
        "[]",
        "{}",
        '{"seq": "x"}',
        '{"version": 99, "seq": 1, "at": "2025-02-25T00:00:00.000000Z", "client": "", "layer": "lab", "event": "X"}',
        '{"seq": 1, "at": "soon", "client": "", "layer": "lab", "event": "LabEvent", "part": "a", "text": "b"}',
        '{"seq": 1, "at": "2025-02-25T00:00:00.000000Z", "client": "", "layer": "lab", "event": "NoEvent"}',
    ],
)
def test_a_line_that_is_no_record_is_refused(line: str) -> None:
    """A trace from elsewhere is read whole or not at all: a line of another version, too."""
    with pytest.raises(TraceFormatError, match="not a trace record"):
        parse_record(line)


LINE = {
    "seq": 1,
    "at": "2025-02-25T00:00:00.000000Z",
    "client": "c",
    "layer": "kerberos",
    "event": "TicketChecked",
    "accepted": True,
    "mechanism": "kerberos",
}


@pytest.mark.parametrize(
    "changed",
    [
        {"accepted": "no"},
        {"accepted": 0},
        {"accepted": None},
        {"mechanism": "magic"},
        {"kvno": "3"},
        {"faults": 7},
        {"faults": ["x"]},
        {"owner": "x"},
        {"seq": "1"},
        {"seq": -1},
        {"seq": 1.5},
        {"client": 7},
        {"at": "2025-02-25T00:00:00"},
        {"at": 1740441600},
    ],
)
def test_a_value_of_another_type_is_refused(changed: dict[str, object]) -> None:
    """A record decides a verdict: ``"accepted": "no"`` must not count as true, nor a local time as UTC."""
    assert parse_record(json.dumps(LINE)).event.accepted  # type: ignore[attr-defined]
    with pytest.raises(TraceFormatError, match="not a trace record"):
        parse_record(json.dumps(LINE | changed))


def test_a_moment_beyond_the_calendar_is_a_number() -> None:
    """A trace from elsewhere may have any number as a time: a sentence about it has the number."""
    paused = LabPaused(started_at=1e20, lab_s=0.0, real_started_at=0.0, real_s=2.0, cpu_s=0.5, after_seq=1)
    assert describe_event(paused) == (
        "the lab itself paused for 2.00 s of real time, in which its clock stood still, from 1e+20; processor 0.50 s"
    )
    assert describe_event(LastStepDeclared(last_step=SignInStep.WSTRUST_TICKET)).endswith(SignInStep.WSTRUST_TICKET)


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"stage": "connect", "reason": "refused"}, "no connection to h at 192.0.2.1 (connect: refused)"),
        (
            {"stage": "connect", "reason": "refused", "port": 88},
            "no connection to h at 192.0.2.1, port 88 (connect: refused)",
        ),
        ({"stage": "read", "reason": "closed", "host": ""}, "no connection to 192.0.2.1 (read: closed)"),
        ({"stage": "tls", "reason": "closed"}, "h's certificate was refused: closed without an alert"),
        (
            {"stage": "tls", "reason": "unfinished"},
            "no TLS with h at 192.0.2.1: the handshake was broken off without an alert",
        ),
        ({"stage": "tls", "reason": "handshake"}, "no TLS with h at 192.0.2.1: handshake"),
        (
            {"stage": "tls", "reason": "certificate_expired", "host": ""},
            "192.0.2.1's certificate was refused: certificate_expired",
        ),
    ],
)
def test_a_failed_connection_is_told_by_its_stage(fields: dict[str, object], text: str) -> None:
    """Which name, which address, at which stage, and what the other side said."""
    assert describe_failed_connection(ConnectionFailed(**({"host": "h", "address": "192.0.2.1"} | fields))) == text  # type: ignore[arg-type]


def test_long_output_is_cut_and_says_so() -> None:
    """What a program printed is kept up to 8,000 characters; secrets go first."""
    assert shorten_output(" short ") == "short"
    assert shorten_output("x" * 8000) == "x" * 8000
    assert shorten_output("x" * 8001) == f"{'x' * 8000} {CUT}"
    assert "geheim" not in redact("password=geheim&x", ["geheim"])
    assert Record(1, 0.0, "c", said("x")).seq == 1
