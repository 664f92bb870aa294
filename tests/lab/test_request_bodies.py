"""Bodies and queries of the control API: what is read, and what is refused by name, without a lab."""

from __future__ import annotations

import json
import re
from typing import Any

import msgspec
import pytest
from aiohttp.test_utils import make_mocked_request
from hypothesis import example, given, settings
from hypothesis import strategies as st

from ssosim.lab.base.errors import LabInputError
from ssosim.lab.control.expectation_query import EXPECTATION_KEYS, parse_expectation
from ssosim.lab.control.request_bodies import (
    SMALL,
    encode_json_response,
    parse_object,
    parse_query,
    parse_whole_number,
    text_or_none,
)
from ssosim.verdict.expectations import Expectation
from ssosim.verdict.outcome import Outcome

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab", max_size=3), inner, max_size=3),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=15)
@given(st.dictionaries(st.text("xyz", max_size=3), VALUES, max_size=4))
def test_an_object_reads_as_what_was_written(value: dict[str, Any]) -> None:
    """Every JSON object of distinct keys is read unchanged (RFC 8259)."""
    assert parse_object(json.dumps(value).encode()) == value


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b'{"fault":"drop","fault":"delay"}', "the key 'fault' is given twice"),
        (b'{"a":{"b":1,"c":2,"b":1}}', "the key 'b' is given twice"),
        (b'{"a":[{"b":1},{"b":1,"b":1}]}', "the key 'b' is given twice"),
        (b'{"for_s":NaN}', "NaN is no number of JSON"),
        (b'{"for_s":-Infinity}', "-Infinity is no number of JSON"),
        (b"[]", "not a JSON object"),
        (b"null", "not a JSON object"),
        (b'"x"', "not a JSON object"),
        (b"{} {}", "not JSON"),
        (b"{'a':1}", "not JSON"),
        (b'{"a":1,}', "not JSON"),
        (b"[" * 50_000, "not JSON"),
        (b'{"a":"\xff"}', "not JSON"),
        (b" ", "not JSON"),
    ],
    ids=lambda each: repr(each)[:40],
)
def test_what_is_no_json_object_is_refused(text: bytes, words: str) -> None:
    """Two values for one key, numbers that JSON lacks, other types and broken text: an error, not one of the values."""
    with pytest.raises(LabInputError, match=re.escape(words)):
        parse_object(text)


def test_the_limit_of_a_body_is_exact() -> None:
    """A body of the limit is read and one octet more is refused with both figures; an empty one is no keys."""
    body = b'{"a":"%s"}' % (b"x" * 90)
    assert parse_object(body, len(body)) == {"a": "x" * 90}
    with pytest.raises(LabInputError, match=f"has {len(body)} bytes: at most {len(body) - 1}"):
        parse_object(body, len(body) - 1)
    assert parse_object(b"") == {}
    assert parse_object(b"{" + b" " * (SMALL - 2) + b"}") == {}


@pytest.mark.parametrize("value", [0, False, [], {}, ["x"]])
def test_a_text_is_text_or_missing(value: object) -> None:
    """A number, a truth value or a list is no text, not even an empty one; null is as good as missing."""
    with pytest.raises(LabInputError, match="device: expected text"):
        text_or_none({"device": value}, "device")
    assert text_or_none({"device": None}, "device") is None
    assert text_or_none({}, "device") is None
    assert text_or_none({"device": ""}, "device") == ""


def test_a_body_of_very_many_objects_is_refused() -> None:
    """A small body has at most 8,192 objects; a larger one, which contains files of the user, may have more braces."""
    assert parse_object(b'{"a":[' + b"{}," * 8190 + b"{}]}") == {"a": [{}] * 8191}
    with pytest.raises(LabInputError, match="more than 8192 objects"):
        parse_object(b'{"a":[' + b"{}," * 8191 + b"{}]}")
    file = b'{"files":"' + b"{" * 140_000 + b'"}'
    assert parse_object(file, 1024 * 1024) == {"files": "{" * 140_000}


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("client=a&limit=1&limit=2", "limit: a parameter may be given once"),
        ("limit=1&client=a&client=a", "client: a parameter may be given once"),
        ("colour=red", "colour: unknown parameter; known here: client, limit"),
        ("Client=a", "Client: unknown parameter"),
        ("client=a&x", "x: unknown parameter"),
    ],
)
def test_a_parameter_that_would_be_dropped_is_named(query: str, words: str) -> None:
    """An unknown parameter, and the one that is given twice, is named, whatever stands before it."""
    with pytest.raises(LabInputError, match=re.escape(words)):
        parse_query(make_mocked_request("GET", f"/v1/trace?{query}"), ("client", "limit"))


def test_parameters_are_decoded_once() -> None:
    """Percent-encoding is undone once; an empty value is a value."""
    found = parse_query(make_mocked_request("GET", "/v1/trace?client=a%2526b&text="), ("client", "text"))
    assert found == {"client": "a%26b", "text": ""}


@example("3")
@example("2")
@example("100")
@example("101")
@given(
    st.text(max_size=6)
    | st.integers(-20, 200).map(str)
    | st.sampled_from(["٣", "1_0", "+1", "1.0", "0x1", "¹", "9" * 5000, "0" * 30])
)
def test_a_whole_number_is_ascii_digits_in_its_range(text: str) -> None:
    """Only digits of ASCII are a number, within the limits that are given, both included; all else is an error."""
    if re.fullmatch("[0-9]{1,19}", text) and 3 <= int(text) <= 100:
        assert parse_whole_number({"n": text}, "n", 7, 3, 100) == int(text)
    else:
        with pytest.raises(LabInputError, match="expected a whole number from 3 to 100"):
            parse_whole_number({"n": text}, "n", 7, 3, 100)
    assert parse_whole_number({"m": text}, "n", 7, 3, 100) == 7


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": 1.5, "b": [None, True]}, b'{"a":1.5,"b":[null,true]}'),
        ({"half": "a\ud800"}, b'{"half": "a\\ud800"}'),
    ],
)
async def test_a_response_is_json_whatever_is_in_it(value: object, text: bytes) -> None:
    """Half of a surrogate pair, which UTF-8 cannot carry, is escaped; everything else is plain UTF-8."""
    response = await encode_json_response(value, 409)
    assert (response.status, response.body, response.content_type) == (409, text, "application/json")
    assert json.loads(text) == value


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"expect": "silent|interactive"}, Expectation(outcome=(Outcome.SILENT, Outcome.INTERACTIVE))),
        ({"never": "stalled"}, Expectation(never=(Outcome.STALLED,))),
        ({"code": "AADSTS50126|ForbiddenByRbac"}, Expectation(code=("AADSTS50126", "ForbiddenByRbac"))),
        ({"reason_contains": "no KDC"}, Expectation(reason_contains=("no KDC",))),
        ({"within": "1m30s"}, Expectation(within_s=90.0)),
        ({"max_prompts": "0"}, Expectation(max_prompts=0)),
        ({"max_rate": "60/min"}, Expectation(max_requests_per_minute=60.0)),
        ({"no_exposure": "true"}, Expectation(no_exposure=True)),
        ({"never": "failed", "no_exposure": "false"}, Expectation(never=(Outcome.FAILED,), no_exposure=False)),
        ({"client": "x", "since": "3"}, None),
        ({}, None),
    ],
    ids=str,
)
def test_what_is_expected_is_read_from_the_query(query: dict[str, str], expected: Expectation | None) -> None:
    """Each parameter is one rule of the expectation, with the grammar of the options of ``ssosim run``."""
    assert parse_expectation(query) == expected


@pytest.mark.parametrize("key", EXPECTATION_KEYS)
@pytest.mark.parametrize("value", ["", " ", "\x00", "nonsense|", "NaN"])
def test_an_expectation_that_says_nothing_is_refused(key: str, value: str) -> None:
    """An empty or unknown value is an error: an expectation of nothing would be met by every client."""
    if (key, value) in {("reason_contains", "nonsense|"), ("reason_contains", "NaN"), ("code", "NaN")}:
        expected = parse_expectation({key: value})
        assert expected is not None
        assert value.rstrip("|") in str(msgspec.to_builtins(expected))
        return
    with pytest.raises(LabInputError):
        parse_expectation({key: value})
