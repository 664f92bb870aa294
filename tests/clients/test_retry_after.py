"""Retry-After: seconds or a date (RFC 9110, section 10.2.3), as each library reads it."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from ssosim_clients.flows import http
from ssosim_clients.flows.retry_after import RetryAfterReading, read_retry_after
from ssosim_clients.ports import HttpResponse

from .scripted import HOUR, NOW, PAST, count_and_waits, response


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("  7 ", 7.0),
        ("0005", 5.0),
        ("2147483647", 2147483647.0),
        (HOUR, 3600.0),
        (PAST, 0.0),
        ("Wednesday, 19-Feb-25 22:20:00 GMT", 3600.0),
        ("Wed Feb 19 22:20:00 2025", 3600.0),
        ("", None),
        ("soon", None),
        ("-5", None),
        ("1.5", None),
        ("1e3", None),
        ("\uff11\uff12", None),
        ("120, 120", None),
        ("Wed, 19 Xyz 2025 22:20:00 GMT", None),
    ],
)
def test_the_header_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    """RFC 9110: delay-seconds are digits; a date has one of three forms, all in UTC (section 5.6.7)."""
    assert read_retry_after(response(503, value), NOW) == seconds


def test_without_the_header_there_is_no_time() -> None:
    """A response without the header says nothing; its name is not case-sensitive (RFC 9110, section 5.1)."""
    assert read_retry_after(response(503), NOW) is None
    lower = HttpResponse(503, http_headers("retry-after", "9"))
    assert read_retry_after(lower, NOW) == 9.0


def http_headers(name: str, value: str) -> Any:
    """One header field."""
    return type(response(200).headers)([(name, value)])


def test_a_date_counts_only_where_dates_are_read() -> None:
    """Without a date of the device only seconds are read, as MSAL Python and msal4j do."""
    assert read_retry_after(response(503, HOUR), None) is None
    assert read_retry_after(response(503, "9"), None) == 9.0
    assert RetryAfterReading(dates=False).read(response(503, HOUR), NOW) is None
    assert RetryAfterReading().read(response(503, HOUR), NOW) == 3600.0


@pytest.mark.parametrize(
    ("reading", "value", "seconds"),
    [
        (RetryAfterReading(zero=False), "0", None),
        (RetryAfterReading(zero=False), PAST, None),
        (RetryAfterReading(zero=False), "1", 1.0),
        (RetryAfterReading(longest=10.0), "10", 10.0),
        (RetryAfterReading(longest=10.0), "11", 10.0),
        (RetryAfterReading(longest=10.0, cuts=False), "10", 10.0),
        (RetryAfterReading(longest=10.0, cuts=False), "11", None),
    ],
)
def test_what_a_library_makes_of_no_time_and_of_long_times(
    reading: RetryAfterReading, value: str, seconds: float | None
) -> None:
    """No time may count or not; a longer time than the longest is cut, or as if there were no header."""
    assert reading.read(response(503, value), NOW) == seconds


@given(st.text(max_size=30) | st.integers().map(str) | st.integers(0, 10**400).map(str), st.booleans())
def test_any_value_is_a_finite_time_or_none(value: str, dates: bool) -> None:
    """Whatever the header says, the time is finite and not below zero: no device waits without end for it."""
    seconds = read_retry_after(response(503, value), NOW if dates else None)
    assert seconds is None or 0 <= seconds < math.inf


@pytest.mark.parametrize(
    ("value", "requests", "waits"),
    [(None, 2, [1.0]), ("0", 2, [1.0]), ("1", 1, []), ("3600", 1, []), ("3601", 2, [1.0]), (HOUR, 2, [1.0])],
)
def test_msal4j_stops_only_for_a_time_that_it_reads(value: str | None, requests: int, waits: list[float]) -> None:
    """Whole seconds from 1 to 3,600 stop the retry; anything else is as if there were no header (HttpHelper.java)."""
    assert count_and_waits(http.MSAL4J, response(503, value)) == (requests, waits)


@pytest.mark.parametrize(
    ("value", "waits"), [(None, [1.0]), ("0", [1.0]), ("4", [4.0]), (HOUR, [3600.0]), (PAST, [1.0])]
)
def test_httpclient5_waits_a_second_for_a_time_that_is_over(value: str | None, waits: list[float]) -> None:
    """Only a time above zero replaces the interval of one second (DefaultHttpRequestRetryStrategy)."""
    assert count_and_waits(http.HTTPCLIENT5, response(429, value)) == (2, waits)


@pytest.mark.parametrize("value", ["0", "2", HOUR, "2147483647"])
def test_msal_dotnet_stops_for_each_time(value: str) -> None:
    """MSAL.NET does not repeat a 5xx that says when to come again, however it says it (DefaultRetryPolicy)."""
    assert count_and_waits(http.MSAL_DOTNET, response(503, value)) == (1, [])
    assert count_and_waits(http.MSAL_DOTNET, response(503)) == (2, [1.0])
