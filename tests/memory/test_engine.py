"""Virtual time in memory: what runs when, in which order, and what ends a run."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.clock.agenda import Agenda
from ssosim.memory import Engine, NoProgressError
from ssosim.memory.clock import MAX_STEPS_PER_MOMENT, EngineClock, Run, pause

START = 1_740_000_000.0


@settings(max_examples=60)
@given(st.lists(st.sampled_from([0.0, 0.5, 1.0, 2.0, -3.0]), max_size=12), st.sampled_from([0.0, 1.0, 5.0]))
def test_an_agenda_gives_the_earliest_first_and_equal_ones_in_order(offsets: list[float], until: float) -> None:
    """Entries come by moment, then by the order in which they were added; time never goes back."""
    agenda: Agenda[int] = Agenda(START)
    for number, offset in enumerate(offsets):
        agenda.add(START + offset, number)
    taken, moments = [], [agenda.now]
    while agenda.has(START + until):
        taken.append(agenda.take())
        moments.append(agenda.now)
    due = [number for number, offset in enumerate(offsets) if offset <= until]
    assert taken == sorted(due, key=lambda number: offsets[number])
    assert moments == sorted(moments)
    assert len(agenda) == len(offsets) - len(due)
    agenda.reach(START - 100)
    assert agenda.now == moments[-1]


@settings(max_examples=60)
@given(st.lists(st.lists(st.sampled_from([0.0, 0.25, 1.0]), max_size=5), min_size=1, max_size=4))
def test_coroutines_take_turns_as_on_one_heap(lengths: list[list[float]]) -> None:
    """The order of steps is that of a heap of (moment, turn), also where a run of length 0 skips the way through it."""
    engine, seen = Engine(START), list[tuple[float, int]]()

    async def client(number: int) -> None:
        for seconds in lengths[number]:
            seen.append((engine.now, number))
            if engine.must_pause(seconds):
                await pause(seconds)
        seen.append((engine.now, number))

    async def plain(number: int, log: list[tuple[float, int]], slow: Engine) -> None:
        for seconds in lengths[number]:
            log.append((slow.now, number))
            await pause(seconds)
        log.append((slow.now, number))

    for number in range(len(lengths)):
        engine.start(client(number))
    engine.run()
    expected: list[tuple[float, int]] = []
    agenda: Agenda[Run[None]] = Agenda(START)
    slow = Engine(START)
    slow.agenda = agenda  # type: ignore[assignment]  # driven here, entry by entry
    for number in range(len(lengths)):
        agenda.add(START, Run(plain(number, expected, slow)))
    while agenda.has(math.inf):
        run = agenda.take()
        if (wait := run.step()) is not None:
            agenda.add(agenda.now + wait, run)
    assert seen == expected


@pytest.mark.parametrize(("until", "ran"), [(-1.0, []), (0.0, ["now"]), (4.999, ["now"]), (5.0, ["now", "then"])])
def test_a_run_ends_at_its_moment_and_that_is_included(until: float, ran: list[str]) -> None:
    """What is due at the last moment runs, what is later does not; ``now`` is that moment, and never an earlier one."""
    engine, seen = Engine(START), list[str]()
    engine.call_at(START, lambda: seen.append("now"))
    engine.call_at(START + 5, lambda: seen.append("then"))
    engine.run(START + until)
    assert (seen, engine.now) == (ran, START + max(0.0, until))


def test_without_an_end_time_stands_at_the_last_entry() -> None:
    """A run without ``until`` ends when nothing is scheduled, at the moment of the last entry."""
    engine = Engine(START)
    engine.call_at(START + 7, lambda: None)
    engine.run()
    assert engine.now == START + 7


def test_a_watched_run_ends_the_engine_where_it_ends() -> None:
    """When the watched run is done, later entries stay, and ``now`` is the moment of its end, not ``until``."""
    engine, seen = Engine(START), list[str]()

    async def client() -> str:
        await pause(3)
        return "done"

    run = engine.start(client())
    engine.call_at(START + 3.5, lambda: seen.append("later"))
    engine.run(START + 100, watched=run)
    assert (run.done, run.result, engine.now, seen) == (True, "done", START + 3, [])
    engine.run(START + 100)
    assert (seen, engine.now) == (["later"], START + 100)


def test_an_error_is_of_its_own_run() -> None:
    """An exception ends its coroutine and is raised where the result is read; the others go on."""
    engine = Engine(START)

    async def breaks() -> None:
        await pause(1)
        raise ValueError("its own")

    async def goes_on() -> float:
        await pause(2)
        return engine.now

    broken, other = engine.start(breaks()), engine.start(goes_on())
    engine.run()
    assert (broken.done, other.result) == (True, START + 2)
    with pytest.raises(ValueError, match="its own"):
        assert broken.result


def test_a_cancelled_run_takes_no_more_steps() -> None:
    """A run that is cancelled while it waits runs its ``finally`` at once, and nothing at the end of its wait."""
    engine, seen = Engine(START), list[str]()

    async def client() -> None:
        try:
            await pause(10)
            seen.append("woke")
        finally:
            seen.append("closed")

    run = engine.start(client())
    engine.run(START + 1)
    run.cancel()
    assert (seen, run.done, run.result) == (["closed"], True, None)
    engine.run(START + 20)
    assert seen == ["closed"]


def never_waits(engine: Engine) -> None:
    """A coroutine that pauses for 0 seconds without end."""

    async def client() -> None:
        while True:
            await pause()

    engine.start(client())


def never_pauses_for_nothing(engine: Engine) -> None:
    """A coroutine that leaves out each pause that the engine lets it leave out."""

    async def client() -> None:
        while True:
            if engine.must_pause(0):
                await pause()

    engine.start(client())


def calls_itself(engine: Engine) -> None:
    """A timer of 0 seconds that starts itself again."""

    def act() -> None:
        engine.later(0, act)

    act()


@pytest.mark.parametrize("spin", [never_waits, never_pauses_for_nothing, calls_itself])
def test_a_spin_is_found_and_many_steps_over_time_are_none(
    spin: Callable[[Engine], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too many steps at one moment are an endless loop; as many steps at different moments are not."""
    monkeypatch.setattr("ssosim.memory.clock.MAX_STEPS_PER_MOMENT", 50)
    engine = Engine(START)
    spin(engine)
    with pytest.raises(NoProgressError, match="steps without letting time pass"):
        engine.run()
    assert engine.now == START
    patient = Engine(START)

    async def client() -> None:
        for _ in range(200):
            await pause(0.001)

    run = patient.start(client())
    patient.run()
    assert run.done
    assert MAX_STEPS_PER_MOMENT >= 10_000


def test_a_timer_that_was_cancelled_does_not_act() -> None:
    """``later`` acts once at its moment, unless cancelled before; to cancel afterwards has no effect."""
    engine, seen = Engine(START), list[tuple[str, float]]()
    cancel = engine.later(5, lambda: seen.append(("cancelled", engine.now)))
    after = engine.later(6, lambda: seen.append(("acts", engine.now)))
    engine.call_at(START + 5, cancel)  # of the same moment, but later: the timer acts first
    engine.later(4, engine.later(9, lambda: seen.append(("never", engine.now))))
    engine.run()
    after()
    assert seen == [("cancelled", START + 5), ("acts", START + 6)]


@pytest.mark.parametrize(("seconds", "passed"), [(-5.0, 0.0), (0.0, 0.0), (2.5, 2.5), (math.nan, 0.0)])
def test_a_sleep_never_goes_back(seconds: float, passed: float) -> None:
    """The clock port of a device waits; a negative number, or none at all, counts as 0."""
    engine = Engine(START)
    run = engine.start(EngineClock(engine).sleep(seconds))
    engine.run(START + 10, watched=run)
    assert (run.done, engine.now, EngineClock(engine).now()) == (True, START + passed, START + passed)


def test_what_is_no_pause_is_an_error_of_its_run() -> None:
    """A coroutine that awaits something of another loop fails by itself; it does not stop the engine in silence."""
    engine = Engine(START)

    class Foreign:
        def __await__(self):
            yield "a future of somebody else"

    async def client() -> None:
        await Foreign()

    engine.start(client())
    with pytest.raises(TypeError):
        engine.run()
