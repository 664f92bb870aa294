"""The trace: one order, counted losses, and equal records after writing and reading."""

import enum
import html
import json
import tracemalloc
import types
import typing
from urllib.parse import quote, quote_plus

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.clock import ManualClock
from ssosim.trace import ClientEvent, ClientMessage, LabEvent, Record, Trace, events, redact
from ssosim.trace.export import TraceFormatError, format_record, parse_record, read_records, record_to_json

KINDS = [kind for name in events.__all__ if (kind := getattr(events, name)) is not events.Event]


def draw_values(annotation):
    """Return a strategy for the values of a field of this type."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, enum.EnumType):
        return st.sampled_from(annotation)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(draw_values(arguments[0]), max_size=3).map(tuple)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([draw_values(argument) for argument in arguments])
    floats = st.floats(allow_nan=False, allow_infinity=False)
    return {str: st.text(), int: st.integers(), bool: st.booleans(), float: floats, type(None): st.none()}[annotation]


def draw_events(kind):
    """Return a strategy for the events of a kind."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: draw_values(hints[field.name]) for field in msgspec.structs.fields(kind)})


@given(st.data(), st.floats(0, 4e9), st.text())
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_is_equal_after_writing_and_reading(kind, data, moment, client):
    """A record of every kind of event, with any time and text, is equal after it was written and read."""
    trace = Trace(ManualClock(moment))
    trace.record(client, data.draw(draw_events(kind)))
    (record,) = trace
    line = record_to_json(record)
    assert "\n" not in line
    assert parse_record(line) == record
    plain = json.loads(line)
    assert (plain["seq"], plain["client"], plain["layer"], plain["event"]) == (1, client, kind.layer, kind.__name__)
    assert record.event.layer in format_record(record)


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_any_other_line_is_refused(line):
    """A line that is no record of this version raises TraceFormatError and no other error."""
    with pytest.raises(TraceFormatError):
        parse_record(line)


def test_deep_nesting_is_refused():
    """A hundred thousand brackets raise TraceFormatError."""
    with pytest.raises(TraceFormatError):
        parse_record("[" * 100_000)


def test_numbers_count_without_gaps():
    """Records are numbered from 1; ``since`` gives those after a number."""
    trace = Trace()
    for number in range(5):
        trace.record("", LabEvent(part="x", text=str(number)))
    assert [record.seq for record in trace] == [1, 2, 3, 4, 5]
    assert [record.seq for record in trace.since(3)] == [4, 5]
    assert (trace.since(5), trace.last_seq, len(trace)) == ((), 5, 5)


@given(st.integers(1, 20), st.integers(0, 100))
def test_a_full_log_drops_the_oldest_and_counts_them(limit, many):
    """Memory is bounded; kept records are the newest without a gap, and ``since`` still counts right."""
    trace = Trace(limit=limit)
    for number in range(many):
        trace.record("", LabEvent(part="x", text=str(number)))
    kept = [record.seq for record in trace]
    assert len(kept) <= limit
    assert kept == list(range(trace.dropped + 1, many + 1))
    middle = trace.dropped + len(kept) // 2
    assert [record.seq for record in trace.since(middle)] == list(range(middle + 1, many + 1))


@given(st.integers(1, 20), st.lists(st.integers(0, 30), max_size=8))
def test_record_all_equals_single_records(limit, batches):
    """Events of ``record_all`` get numbers, are kept, dropped and sent to subscribers as single ones at one time."""
    clock = ManualClock(5.0)
    together, alone, received = Trace(clock, limit=limit), Trace(clock, limit=limit), []
    together.subscribe(received.append)
    number = 0
    for size in batches:
        clock.advance(1)
        some = [ClientEvent("c", LabEvent(part="x", text=str(number + each))) for each in range(size)]
        number += size
        together.record_all(some)
        for one in some:
            alone.record(one.client, one.event)
    assert [record.seq for record in received] == list(range(1, number + 1))
    assert [int(record.event.text) for record in received] == list(range(number))
    kept = list(together)
    assert len(kept) <= limit
    assert kept == received[together.dropped :] == [*together.since()]
    assert kept == list(reversed([*reversed(together)]))
    assert together.last_seq == alone.last_seq == number
    common = {record.seq for record in alone} & {record.seq for record in kept}
    assert [each for each in alone if each.seq in common] == [each for each in kept if each.seq in common]


def test_a_subscriber_to_one_kind_gets_no_other():
    """A subscriber to a kind gets the events of that kind, single or in batches, and no others."""
    trace, messages, everything = Trace(), [], []
    trace.subscribe(messages.append, ClientMessage)
    trace.subscribe(everything.append)
    trace.record("", LabEvent(part="x", text="y"))
    trace.record("a", ClientMessage(text="1"))
    trace.record_all([ClientEvent("b", LabEvent(part="x", text="y"))] * 3)
    trace.record_all([ClientEvent("b", ClientMessage(text="2"))] * 2)
    assert [record.seq for record in messages] == [2, 6, 7]
    assert [record.seq for record in everything] == [1, 2, 3, 4, 5, 6, 7]


def test_notify_once_calls_once():
    """The callback is called at the next record or batch, and not again; a cancelled one is not called."""
    trace, calls = Trace(), []
    trace.notify_once(lambda: calls.append(trace.last_seq))
    trace.record_all([])
    trace.record_all([ClientEvent("", LabEvent(part="x", text="y"))] * 3)
    trace.record("", LabEvent(part="x", text="y"))
    assert calls == [3]
    trace.notify_once(calls.clear)
    trace.cancel_notification(calls.clear)
    trace.record("", LabEvent(part="x", text="y"))
    assert calls == [3]


@pytest.mark.parametrize(("together", "most"), [(True, 25), (False, 70)])
def test_a_record_takes_little_memory(together, most):
    """A repeated event takes 20 octets, another one 52 beside the event, plus a reserve for growth of the lists."""
    trace, caused = Trace(), ClientEvent("c", LabEvent(part="x", text="y"))
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(50_000 if not together else 500):
            if together:
                trace.record_all([caused] * 100)
            else:
                trace.record(caused.client, caused.event)
        assert (tracemalloc.get_traced_memory()[0] - before) / len(trace) < most
    finally:
        tracemalloc.stop()


def test_subscribers_get_later_records_until_they_unsubscribe():
    """A subscriber is called at once with each record, and not after it has unsubscribed."""
    trace, received = Trace(), []
    trace.record("", LabEvent(part="x", text="before"))
    unsubscribe = trace.subscribe(received.append)
    trace.record("", LabEvent(part="x", text="received"))
    unsubscribe()
    trace.record("", LabEvent(part="x", text="after"))
    assert received == [record for record in trace if record.seq == 2]


def test_blank_lines_are_skipped():
    """A blank line in a file is skipped."""
    record = Record(1, 1.5, "c", ClientMessage(text="two\nlines"))
    assert list(read_records([record_to_json(record) + "\n", "\n"])) == [record]


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.c2lnbmF0dXJl",
        "YIIGhgYGKwYBBQUCoIIGejCCBnagDTALBgkqhkiG9xIBAgKiggZjBIIGX2CCBlsGCSqGSIb3EgECAgEAboIGSjCCBkagAwIBBaEDAgEO",
        "0.AXoAZpoMXy8Mg0ydJztvHSqeEJV3sATbjRpGu-4C-eG_e0bZAAA.AgABAAEAAAD--DLA3VO7QrddgJg7WevrAgDs_wUA9P-abcdefgh",
    ],
)
def test_tickets_and_tokens_are_redacted(secret):
    """No part of a token is left, in any surrounding text; the words around it are kept."""
    for frame in ("before {} after", "Authorization: Negotiate {}", '{{"access_token": "{}"}}', "assertion={}&x=1"):
        cleaned = redact(frame.format(secret))
        assert max((len(part) for part in cleaned.replace(".", " ").split()), default=0) < 40, cleaned
        assert cleaned.split()[0] == frame.format(secret).split()[0] or "assertion" in frame


@pytest.mark.parametrize("encode", [str, quote, quote_plus, html.escape, json.dumps, repr])
def test_passwords_are_redacted_in_every_encoding(encode):
    """A known secret is removed as it is, and as encoded in URLs, forms, XML, JSON and Python."""
    password = "Pa ss<&>wörd'+/1"
    cleaned = redact(f"user alice, password {encode(password)}, ok", [password, ""])
    assert cleaned.replace('"', "").replace("'", "") == "user alice, password (redacted), ok"


@given(st.text(alphabet="abcdefghij 0123456789\n", max_size=300))
def test_plain_words_are_not_redacted(text):
    """Words shorter than a token are not changed."""
    if all(len(word) < 64 for word in text.split()):
        assert redact(text) == text


def test_batch_subscribers_get_stored_values():
    """A call has the events of one ``record`` or ``record_all``, as the stored values; unsubscribing ends the calls."""
    trace, received = Trace(), []
    unsubscribe = trace.subscribe_batches(lambda caused: received.append(list(caused)), ClientMessage)
    message = ClientEvent("a", ClientMessage(text="1"))
    trace.record_all([message] * 3)
    trace.record("b", ClientMessage(text="2"))
    trace.record("b", LabEvent(part="x", text="y"))
    assert received == [[message] * 3, [ClientEvent("b", ClientMessage(text="2"))]]
    assert received[0][2] is message
    unsubscribe()
    trace.record_all([message])
    assert len(received) == 2
