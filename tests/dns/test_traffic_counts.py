"""The metric of resolutions that a change gate looks at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.clock import ManualClock
from ssosim.dns.server.query_counts import QueryCounts, Use

NAME = "autologon.example"
USE = Use((NAME,), "A", ("tm",))
START = 1_000_000.0


def counting(**settings: float) -> tuple[QueryCounts, ManualClock]:
    """A counter and the clock that it follows."""
    clock = ManualClock(START)
    return QueryCounts(clock, **settings), clock  # type: ignore[arg-type]


def test_names_types_profiles_and_clients_are_counted() -> None:
    """TMS9-041: resolutions per name, type and profile, with the clients and the time of the last query."""
    counts, clock = counting()
    counts.add(USE, "desk-1")
    clock.advance(90)
    counts.add(USE, "desk-2")
    counts.add(Use((NAME, "www.tm.example"), "AAAA"), "desk-2")
    now = clock.now() + 1
    usage = counts.in_window(NAME.upper() + ".", now, 92)
    assert (usage.count, usage.clients, usage.types) == (3, {"desk-1": 1, "desk-2": 2}, {"A": 2, "AAAA": 1})
    assert (usage.last_seen, usage.in_use) == (START + 90, True)
    assert counts.in_window(NAME, now, 92, "AAAA").count == 1
    assert counts.in_window("www.tm.example", now, 92).count == 1
    assert counts.profile_in_window("tm", now, 92).count == 2
    assert counts.names(now, 92) == {NAME: 3, "www.tm.example": 1}


def test_a_name_is_free_only_after_a_whole_window_of_silence() -> None:
    """TMS9-089: queries in the last W refuse; W without any allows, to the second."""
    counts, clock = counting(bucket=60.0)
    clock.advance(30)
    counts.add(USE, "desk-1")
    clock.advance(299)
    counts.add(Use(("other.example",), "A"), "desk-1")
    assert counts.in_window(NAME, clock.now(), 300).in_use
    clock.advance(1)
    assert not counts.in_window(NAME, clock.now(), 300).in_use


@pytest.mark.parametrize("window", [61.0, 3600.0])
def test_the_time_before_counting_began_is_a_gap(window: float) -> None:
    """TMS9-089: a window that reaches further back than the metric counts as use."""
    counts, clock = counting()
    clock.advance(60)
    usage = counts.in_window(NAME, clock.now(), window)
    assert (usage.count, usage.gap, usage.in_use) == (0, True, True)
    assert not counts.in_window(NAME, clock.now(), 60).gap


def test_a_pause_is_a_gap_until_it_has_left_the_window() -> None:
    """TMS9-089: while the metric is broken, and as long as the break is in the window, the name counts as used."""
    counts, clock = counting()
    clock.advance(1000)
    counts.pause()
    counts.add(USE, "desk-1")
    clock.advance(50)
    assert counts.in_window(NAME, clock.now(), 100).gap
    counts.resume()
    clock.advance(99)
    usage = counts.in_window(NAME, clock.now(), 100)
    assert (usage.count, usage.gap) == (0, True)
    clock.advance(2)
    assert not counts.in_window(NAME, clock.now(), 100).in_use
    counts.add(USE, "desk-1")
    assert counts.in_window(NAME, clock.now(), 100).count == 1


def test_more_different_questions_than_fit_are_a_gap() -> None:
    """A flood of random names bounds the memory and cannot hide a use: what was not counted counts."""
    counts, clock = counting(bucket=60.0, limit=10)
    clock.advance(600)
    for number in range(11):
        counts.add(Use((f"n{number}.example",), "A"), "noise")
    assert counts.in_window(NAME, clock.now(), 60).gap
    clock.advance(200)
    counts.add(Use(("n.example",), "A"), "noise")
    assert not counts.in_window(NAME, clock.now(), 60).gap


def test_what_is_forgotten_for_age_is_a_gap() -> None:
    """A window longer than the memory is not answered with a zero."""
    counts, clock = counting(bucket=1.0, kept=100.0)
    for _ in range(200):
        counts.add(USE, "desk-1")
        clock.advance(1)
    assert counts.in_window(NAME, clock.now(), 50).count == 49
    assert not counts.in_window(NAME, clock.now(), 50).gap
    assert counts.in_window(NAME, clock.now(), 150).gap
    assert len(counts) <= 102


def test_the_clock_may_step_back() -> None:
    """cloudflare-dns-2016: no error, no lost query; the time that happened twice is a gap."""
    counts, clock = counting()
    clock.advance(500)
    counts.add(USE, "desk-1")
    clock.advance(-1.5)
    counts.add(USE, "desk-1")
    usage = counts.in_window(NAME, clock.now(), 60)
    assert (usage.count, usage.gap) == (1, True)
    clock.advance(30)
    assert counts.in_window(NAME, clock.now(), 60).count == 2


def test_the_operators_own_probes_are_no_use() -> None:
    """Clients that are to be ignored leave no count and no gap."""
    clock = ManualClock(START)
    counts = QueryCounts(clock, ignored=("dns-probe",))
    clock.advance(100)
    counts.add(USE, "dns-probe")
    assert not counts.in_window(NAME, clock.now(), 60).in_use


@given(st.lists(st.tuples(st.floats(0, 50), st.sampled_from("ab")), max_size=60), st.floats(1, 400))
def test_zero_means_zero(steps: list[tuple[float, str]], window: float) -> None:
    """For any run of queries, in use is exactly "one of them was in the window", and the last one is known."""
    counts, clock = counting(bucket=20.0)
    clock.advance(1000)
    moments = []
    for wait, name in steps:
        clock.advance(wait)
        counts.add(Use((name,), "A"), "desk")
        moments.append((clock.now(), name))
    now = clock.now()
    for name in "ab":
        inside = [at for at, asked in moments if asked == name and now - window < at <= now]
        usage = counts.in_window(name, now, window)
        assert (usage.in_use, usage.last_seen) == (bool(inside), max(inside, default=None))
        assert usage.count >= len(inside)
