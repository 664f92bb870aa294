"""The metric of resolutions under a flood of names: linear in time, bounded in memory, and every loss is reported."""

from __future__ import annotations

import threading
import tracemalloc
from collections import deque
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.clock import ManualClock
from ssosim.dns.server.counted_names import Bucket
from ssosim.dns.server.query_counts import QueryCounts, Use
from tests.operations import count_operations

START = 1_000_000.0


def counting(**settings: float) -> tuple[QueryCounts, ManualClock]:
    """A counter and the clock that it follows."""
    clock = ManualClock(START)
    return QueryCounts(clock, **settings), clock  # type: ignore[arg-type]


def ask(counts: QueryCounts, names: int, of: str = "n") -> None:
    """Count queries for so many different names, one each."""
    for number in range(names):
        counts.add(Use((f"{of}{number}.example",), "A"), "noise")


@pytest.mark.parametrize("question", ["names", "each name"])
def test_four_times_the_names_take_four_times_the_work(question: str):
    """Listing all names, and asking for each of them, is linear in their number (quadratic: sixteen times)."""

    def work_with(names: int) -> int:
        counts, clock = counting()
        clock.advance(600)
        ask(counts, names)
        now = clock.now()

        def each() -> None:
            frozen = counts.freeze()
            for number in range(names):
                assert frozen.in_window(f"n{number}.example", now, 300).count == 1

        return count_operations(each if question == "each name" else lambda: counts.names(now, 300))

    assert work_with(1_200) < 6 * work_with(300)


def test_closing_a_bucket_is_no_work_for_its_names():
    """The first query of a new minute is not held up by those of the last."""

    def work_with(names: int) -> int:
        counts, clock = counting()
        ask(counts, names)
        clock.advance(61)
        return count_operations(counts.now)

    assert work_with(2_000) == work_with(20)


def test_memory_stays_as_it_is_once_it_is_full():
    """Ten times as many different names as fit take no more memory than those that fit."""
    counts, clock = counting(bucket=60.0, limit=4_000, most=8_000)
    sizes = []
    tracemalloc.start()
    try:
        for minute in range(20):
            ask(counts, 4_000, of=f"minute-{minute}-")
            clock.advance(60)
            counts.now()
            sizes.append(tracemalloc.get_traced_memory()[0])
            assert len(counts) <= 8_000
    finally:
        tracemalloc.stop()
    assert max(sizes[3:]) < 1.2 * sizes[2]


def test_the_oldest_goes_first_and_leaves_a_gap_that_says_so():
    """What was dropped for space counts as use; counts that are kept are exact."""
    counts, clock = counting(bucket=60.0, most=100)
    clock.advance(600)
    counts.add(Use(("old.example",), "A"), "desk")
    clock.advance(60)
    ask(counts, 60, of="a")
    clock.advance(61)
    ask(counts, 60, of="b")
    clock.advance(58)
    now = clock.now()
    kept, gone = counts.in_window("b1.example", now, 58.5), counts.in_window("old.example", now, 300)
    assert (kept.count, kept.why) == (1, "")
    assert (gone.count, gone.in_use) == (0, True)
    assert "more than 100 different questions were counted, and the oldest were dropped" in gone.why
    assert not counts.in_window("free.example", now, 59).in_use


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lambda counts, _: ask(counts, 11), "more than 10 different questions came within 60 s"),
        (lambda counts, _: counts.pause(), "counting is paused"),
        (lambda counts, clock: (counts.pause(), clock.advance(5), counts.resume()), "counting was paused"),
        (lambda counts, clock: (clock.advance(-70), counts.now()), "the clock was set back"),
    ],
)
def test_a_gap_says_why(spoil: Callable[[QueryCounts, ManualClock], object], why: str):
    """Every reason for a count that may be too low is in the result."""
    counts, clock = counting(bucket=60.0, limit=10)
    clock.advance(600)
    counts.add(Use(("n.example",), "A"), "desk")
    assert counts.in_window("free.example", clock.now(), 100).why == ""
    spoil(counts, clock)
    usage = counts.in_window("free.example", clock.now(), 100)
    assert (usage.in_use, usage.why) == (True, why)


def test_what_was_frozen_stays_as_it_was():
    """A snapshot that a thread reads does not change while queries are counted."""
    counts, clock = counting()
    clock.advance(600)
    use = Use(("n.example",), "A")
    counts.add(use, "desk")
    meter = counts.find_counter(use, "desk")
    assert meter is not None
    frozen, now = counts.freeze(), clock.now()
    meter[0] += 5
    counts.add(use, "desk")
    clock.advance(61)
    counts.add(use, "other")
    usage = frozen.in_window("n.example", now, 300)
    assert (usage.count, usage.clients) == (1, {"desk": 1})
    assert counts.in_window("n.example", clock.now(), 300).count == 8


@given(st.lists(st.tuples(st.floats(0, 90), st.integers(0, 12)), max_size=80), st.integers(1, 12), st.floats(1, 900))
def test_zero_is_never_said_of_what_was_dropped(steps: list[tuple[float, int]], most: int, window: float):
    """Whatever is dropped, for room or from a full bucket: not in use means that no query was in the window."""
    counts, clock = counting(bucket=30.0, limit=max(1, most - 1), most=most, kept=600.0)
    clock.advance(1000)
    moments = []
    for wait, name in steps:
        clock.advance(wait)
        counts.add(Use((f"{name}.example",), "A"), "desk")
        moments.append((clock.now(), name))
        assert len(counts) <= most
    now = clock.now()
    for name in range(13):
        usage = counts.in_window(f"{name}.example", now, window)
        if any(asked == name and now - window < at <= now for at, asked in moments):
            assert usage.in_use


@pytest.mark.parametrize("change", ["turn", "drop"])
def test_a_copy_made_in_the_middle_of_a_change_has_every_query_once(change: str):
    """A thread that copies while a bucket closes, or goes for room, gets what was before or what is after."""
    counts, clock = counting(most=10)
    for number in range(3):
        ask(counts, 1, f"of{number}-")
        clock.advance(61)
        counts.now()
    counts.add(Use(("open.example",), "A"), "noise")
    found: list[tuple[dict[str, int], str]] = []

    def copy() -> None:
        frozen = counts.freeze()
        found.append((frozen.names(clock.now(), 1000), frozen.lost(START, clock.now())))

    class Interrupted(deque[Bucket]):
        """In the middle of each of its changes another thread begins to copy."""

        def append(self, bucket: Bucket) -> None:
            super().append(bucket)
            self.interrupt()

        def popleft(self) -> Bucket:
            gone = super().popleft()
            self.interrupt()
            return gone

        def interrupt(self) -> None:
            copying.start()
            copying.join(0.3)  # it either waits for us or is done by then

    copying = threading.Thread(target=copy)
    counts._closed = Interrupted(counts._closed)
    if change == "turn":
        counts._close_bucket(clock.now())
    else:
        counts._drop_oldest()
    copying.join()
    ((names, lost),) = found
    assert names["open.example"] == 1
    assert ("of0-0.example" in names) is not bool(lost)
