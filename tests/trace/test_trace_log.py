"""The log: one order, nothing lost unnoticed, the same after being written down."""

import dataclasses
import enum
import html
import json
import tracemalloc
import types
import typing
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.clock import ManualClock
from ssosim.trace import ClientEvent, ClientMessage, LabEvent, Record, Trace, events, redact
from ssosim.trace.export import TraceFormatError, format_record, parse_record, read_records, record_to_json

KINDS = [kind for name in events.__all__ if (kind := getattr(events, name)) is not events.Event]


def values_of(annotation):
    """Whatever a field of this type may hold."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if isinstance(annotation, enum.EnumType):
        return st.sampled_from(annotation)
    if origin is typing.Literal:
        return st.sampled_from(arguments)
    if origin is tuple:
        return st.lists(values_of(arguments[0]), max_size=3).map(tuple)
    if origin in (types.UnionType, typing.Union):
        return st.one_of([values_of(argument) for argument in arguments])
    floats = st.floats(allow_nan=False, allow_infinity=False)
    return {str: st.text(), int: st.integers(), bool: st.booleans(), float: floats, type(None): st.none()}[annotation]


def events_of(kind):
    """Any event of a kind."""
    hints = typing.get_type_hints(kind)
    return st.builds(kind, **{field.name: values_of(hints[field.name]) for field in dataclasses.fields(kind)})


@given(st.data(), st.floats(0, 4e9), st.text())
@pytest.mark.parametrize("kind", KINDS)
def test_a_record_survives_being_written_down(kind, data, moment, client):
    """Every kind of event, at any moment, read back from its line is the record that was written, whatever its text."""
    trace = Trace(ManualClock(moment))
    trace.record(client, data.draw(events_of(kind)))
    (record,) = trace
    line = record_to_json(record)
    assert "\n" not in line
    assert parse_record(line) == record
    plain = json.loads(line)
    assert (plain["seq"], plain["client"], plain["layer"], plain["event"]) == (1, client, kind.layer, kind.__name__)
    assert record.event.layer in format_record(record)


@given(st.one_of(st.text(), st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps)))
def test_any_other_line_is_refused(line):
    """What is no record of this version is refused by its own error and no other."""
    with pytest.raises(TraceFormatError):
        parse_record(line)


def test_deep_nesting_is_refused():
    """Not even a hundred thousand brackets give anything but a refusal."""
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
def test_many_at_once_are_as_many_one_by_one(limit, batches):
    """What is added together is numbered, kept, dropped and heard of as if it had come one by one, at one moment."""
    clock = ManualClock(5.0)
    together, alone, heard = Trace(clock, limit=limit), Trace(clock, limit=limit), []
    together.subscribe(heard.append)
    number = 0
    for size in batches:
        clock.advance(1)
        some = [ClientEvent("c", LabEvent(part="x", text=str(number + each))) for each in range(size)]
        number += size
        together.record_all(some)
        for one in some:
            alone.record(one.client, one.event)
    assert [record.seq for record in heard] == list(range(1, number + 1))
    assert [int(record.event.text) for record in heard] == list(range(number))
    kept = list(together)
    assert len(kept) <= limit
    assert kept == heard[together.dropped :] == [*together.since()]
    assert kept == list(reversed([*reversed(together)]))
    assert together.last_seq == alone.last_seq == number
    common = {record.seq for record in alone} & {record.seq for record in kept}
    assert [each for each in alone if each.seq in common] == [each for each in kept if each.seq in common]


def test_one_may_hear_of_one_kind_alone():
    """A subscriber to a kind hears of that kind, single or many at once, and of nothing else."""
    trace, said, everything = Trace(), [], []
    trace.subscribe(said.append, ClientMessage)
    trace.subscribe(everything.append)
    trace.record("", LabEvent(part="x", text="y"))
    trace.record("a", ClientMessage(text="1"))
    trace.record_all([ClientEvent("b", LabEvent(part="x", text="y"))] * 3)
    trace.record_all([ClientEvent("b", ClientMessage(text="2"))] * 2)
    assert [record.seq for record in said] == [2, 6, 7]
    assert [record.seq for record in everything] == [1, 2, 3, 4, 5, 6, 7]


def test_a_bell_rings_once():
    """At the next record or batch of records, and not again unless it is asked for; not when it was hushed."""
    trace, rung = Trace(), []
    trace.notify_once(lambda: rung.append(trace.last_seq))
    trace.record_all([])
    trace.record_all([ClientEvent("", LabEvent(part="x", text="y"))] * 3)
    trace.record("", LabEvent(part="x", text="y"))
    assert rung == [3]
    trace.notify_once(rung.clear)
    trace.cancel_notification(rung.clear)
    trace.record("", LabEvent(part="x", text="y"))
    assert rung == [3]


@pytest.mark.parametrize(("together", "most"), [(True, 20), (False, 64)])
def test_a_record_takes_little_room(together, most):
    """What happened before takes 16 octets in the log, anything else 48 beside its event; and some for growth."""
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


def test_subscribers_hear_of_later_records_until_they_leave():
    """A subscriber is called at once with each record, and not after it has left."""
    trace, heard = Trace(), []
    trace.record("", LabEvent(part="x", text="before"))
    leave = trace.subscribe(heard.append)
    trace.record("", LabEvent(part="x", text="heard"))
    leave()
    trace.record("", LabEvent(part="x", text="after"))
    assert heard == [record for record in trace if record.seq == 2]


def test_blank_lines_are_passed_over():
    """A file may end in an empty line."""
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
    """Nothing that looks like a token is left of it, wherever it stands; the words around it stay."""
    for frame in ("before {} after", "Authorization: Negotiate {}", '{{"access_token": "{}"}}', "assertion={}&x=1"):
        cleaned = redact(frame.format(secret))
        assert max((len(part) for part in cleaned.replace(".", " ").split()), default=0) < 40, cleaned
        assert cleaned.split()[0] == frame.format(secret).split()[0] or "assertion" in frame


@pytest.mark.parametrize("spelt", [str, quote, quote_plus, html.escape, json.dumps, repr])
def test_passwords_are_redacted_as_programs_print_them(spelt):
    """A known secret is taken out as it stands, and as URLs, forms, XML, JSON and Python write it."""
    password = "Pa ss<&>wörd'+/1"
    cleaned = redact(f"user alice, password {spelt(password)}, ok", [password, ""])
    assert cleaned.replace('"', "").replace("'", "") == "user alice, password (redacted), ok"


@given(st.text(alphabet="abcdefghij 0123456789\n", max_size=300))
def test_plain_words_are_not_redacted(text):
    """Words shorter than a token stay as they are."""
    if all(len(word) < 64 for word in text.split()):
        assert redact(text) == text


def test_listeners_get_what_happens_at_once_unmade():
    """Each call has all that happened together, of the wanted kind, the very values; leaving ends it."""
    trace, heard = Trace(), []
    leave = trace.subscribe_batches(lambda caused: heard.append(list(caused)), ClientMessage)
    said = ClientEvent("a", ClientMessage(text="1"))
    trace.record_all([said] * 3)
    trace.record("b", ClientMessage(text="2"))
    trace.record("b", LabEvent(part="x", text="y"))
    assert heard == [[said] * 3, [ClientEvent("b", ClientMessage(text="2"))]]
    assert heard[0][2] is said
    leave()
    trace.record_all([said])
    assert len(heard) == 2
