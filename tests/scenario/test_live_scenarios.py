"""A scenario on a running lab: phases by hand or by a clock, faults with their limits, and mistakes of the caller."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from ssosim.estate import default_estate
from ssosim.faults import Refused
from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.scenario.live import LiveScenarioHandlers
from ssosim.trace import PhaseStarted, SignInsStarted
from tests.faults.fault_board import LOGIN, FaultBoard

DROP = {"fault": "drop", "names": [LOGIN]}


class Bench(FaultBoard):
    """A lab as far as a live scenario knows it."""

    def __init__(self) -> None:
        super().__init__()
        self.estate = default_estate()
        self.live = LiveScenarioHandlers(self)  # type: ignore[arg-type]

    def begin(self, *phases: dict[str, Any], speed: float | None = None, **fields: Any) -> dict[str, Any]:
        """Begin a scenario whose phases start an hour apart."""
        data = [{"name": f"p{at}", "start": f"2025-03-01T{10 + at}:00:00Z"} | each for at, each in enumerate(phases)]
        scenario = {
            "name": "s",
            "title": "t",
            "end": f"2025-03-01T{10 + len(phases)}:00:00Z",
            "clients": [],
            "phases": data,
            **fields,
        }
        return self.live.begin({"scenario": scenario, "speed": speed})

    @property
    def in_force(self) -> list[str]:
        """The names of the active faults."""
        return [each.fault.fault_name for each in self.faults.active]


async def wait_for_end(bench: Bench) -> dict[str, Any]:
    """Wait until the scenario has ended by itself."""
    return await wait_until(bench, lambda state: state["state"] == "ended")


async def wait_until(bench: Bench, is_reached: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """Wait until the state of the scenario is reached, and return it."""
    async with asyncio.timeout(60):
        while not is_reached(state := bench.live.current() or {}):  # noqa: ASYNC110 - a state has no event
            await asyncio.sleep(0)
    return state


async def test_phases_begin_when_the_caller_says_so() -> None:
    """Each has its own faults; after the last one the scenario is over and nothing is in force."""
    bench = Bench()
    state = bench.begin({"faults": [DROP]}, {"faults": [{"fault": "servfail"}, {"fault": "http-silent"}]}, {})
    assert (state["state"], state["phase"]["name"], bench.in_force) == ("running", "p0", ["drop"])
    state = bench.live.advance()
    assert (state["phase"]["number"], bench.in_force) == (2, ["servfail", "http-silent"])
    assert [each["fault"] for each in state["faults"]] == ["servfail", "http-silent"]
    bench.live.advance()
    assert bench.in_force == []
    assert bench.live.advance()["state"] == "ended"
    with pytest.raises(LabError, match="no scenario is under way"):
        bench.live.advance()
    started = [each.event.phase for each in bench.trace if isinstance(each.event, PhaseStarted)]
    assert started == ["p0", "p1", "p2"]


async def test_an_end_undoes_the_faults_of_the_scenario_only() -> None:
    """A fault that was applied by hand is not of the scenario."""
    bench = Bench()
    bench.faults.apply(Refused())
    bench.begin({"faults": [DROP]})
    assert bench.in_force == ["refused", "drop"]
    bench.live.end()
    assert bench.in_force == ["refused"]
    with pytest.raises(LabError, match="no scenario is under way"):
        bench.live.end()


@pytest.mark.parametrize(
    ("speed", "for_s", "waits"), [(None, 600, 600), (1, 600, 600), (60, 600, 10), (0.5, 600, 1200), (100, 0.5, 0.005)]
)
async def test_a_time_limit_is_in_seconds_of_the_scenario(speed: float | None, for_s: float, waits: float) -> None:
    """At 60 scenario seconds a second, a fault of ten minutes ends after ten seconds, as a step of ten minutes does."""
    bench = Bench()
    limited = DROP | {"for_s": for_s}
    bench.begin({"faults": [limited], "steps": [{"at": 0, "faults": [limited | {"types": ["A"]}]}]}, speed=speed)
    assert [seconds for seconds, _ in bench.timer.waiting] == [pytest.approx(waits)] * 2
    bench.timer.run()
    assert bench.in_force == []
    bench.live.end()


async def test_a_clock_runs_steps_sign_ins_and_phases() -> None:
    """With a speed the scenario plays by itself: each action in the order of its times, up to its end."""
    bench = Bench()
    steps = [{"at": 600, "until": 1200, "faults": [DROP]}, {"at": 1200, "faults": [{"fault": "servfail"}]}]
    bench.begin({"steps": steps, "sign_in_at": [0, 1200]}, {"sign_in_at": [5]}, speed=100_000)
    state = await wait_for_end(bench)
    assert (state["phase"]["name"], state["problem"], bench.in_force) == ("p1", "", [])
    story = []
    for each in bench.trace:
        match each.event:
            case PhaseStarted(phase=phase):
                story.append(phase)
            case SignInsStarted(sign_in_at=at):
                story.append(f"sign-ins at {at:g}")
            case event if event.layer == "fault":
                story.append(f"{type(event).__name__} {event.name}")
    assert story == [
        "p0",
        "sign-ins at 0",
        "FaultApplied drop",
        "FaultUndone drop",
        "FaultApplied servfail",
        "sign-ins at 1200",
        "FaultUndone servfail",
        "p1",
        "sign-ins at 5",
    ]


@pytest.mark.parametrize("speed", [None, 100_000])
async def test_a_step_that_does_not_fit_ends_the_scenario(speed: float | None) -> None:
    """The problem is in the state, all faults of the scenario are undone, and no later phase begins."""
    bench = Bench()
    bad = {"fault": "name-removed", "name": "nowhere.fabrikam.com"}
    begun = bench.begin({"faults": [DROP], "steps": [{"at": 0.01, "faults": [bad]}]}, {}, speed=speed)
    assert begun["problem"] == ""
    state = await wait_for_end(bench)
    assert "nowhere.fabrikam.com" in state["problem"]
    assert (state["phase"]["name"], bench.in_force) == ("p0", [])


async def test_a_first_phase_that_does_not_fit_never_began() -> None:
    """LabError with the name of the scenario; another one can be begun at once."""
    bench = Bench()
    bad = {"fault": "name-removed", "name": "nowhere.fabrikam.com"}
    with pytest.raises(LabError, match="s: "):
        bench.begin({"faults": [DROP, bad]})
    assert (bench.in_force, bench.live.current()) == ([], None)
    assert bench.begin({})["state"] == "running"
    with pytest.raises(LabError, match="the scenario 's' is under way: end it first"):
        bench.begin({})


async def test_a_later_phase_that_does_not_fit_ends_it() -> None:
    """The faults of the phase before are undone too, and the error says so."""
    bench = Bench()
    bench.begin({"faults": [DROP]}, {"faults": [{"fault": "name-removed", "name": "nowhere.fabrikam.com"}]})
    with pytest.raises(LabError, match=r"nowhere\.fabrikam\.com.*; its faults are undone"):
        bench.live.advance()
    assert bench.in_force == []
    assert (bench.live.current() or {})["state"] == "ended"


async def test_expectations_are_those_of_the_present_sign_in() -> None:
    """``expect`` in the state has the table of the sign-in before that of the phase, and ``since`` is its mark."""
    bench = Bench()
    clients = [{"name": "office", "model": "office"}]
    phase = {"sign_in_at": [0, 600], "expect": {"office": "silent"}, "expect_at": {"600": {"office": "stalled"}}}
    state = bench.begin(phase, clients=clients)
    assert (state["phase"]["sign_in_at"], state["phase"]["expect"]) == (0, {"office": "silent"})
    first = state["phase"]["since"]
    bench.live.end()
    state = bench.begin(phase | {"sign_in_at": [0.01, 600]}, clients=clients, speed=60_000)
    state = await wait_until(bench, lambda state: state["phase"]["sign_in_at"] == 600)
    assert state["phase"]["expect"] == {"office": "stalled"}
    assert state["phase"]["since"] > first
    bench.live.end()


@pytest.mark.parametrize("speed", [0, -1, float("nan"), float("inf"), True, "2", 1_000_001, 10**400])
async def test_a_speed_is_a_number_above_0(speed: Any) -> None:
    """LabInputError with what is expected; nothing has begun."""
    bench = Bench()
    with pytest.raises(LabInputError, match="expected a number above 0: scenario seconds in one real second"):
        bench.begin({}, speed=speed)
    assert bench.live.current() is None


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "expected either name"),
        ({"name": "feb-2025", "scenario": {}}, "expected either name"),
        ({"name": "feb-2024"}, "expected one of all-nameservers-gone"),
        ({"name": 5}, "expected one of"),
        ({"name": "../feb-2025"}, "expected one of"),
        ({"scenario": 5}, "expected `object`"),
        ({"scenario": {"name": "x"}}, "is missing"),
    ],
)
def test_a_body_that_is_no_scenario_is_refused(body: dict[str, Any], words: str) -> None:
    """LabInputError, which the control API answers with 400; never a file of the machine."""
    with pytest.raises(LabInputError, match=words):
        Bench().live.begin(body)


def test_a_scenario_with_resolvers_needs_a_lab_with_resolvers() -> None:
    """Else its faults at resolvers would touch nothing: it is refused with the command that plays it."""
    with pytest.raises(LabError, match="wants resolvers, of which this lab has none; play it with ssosim run"):
        Bench().begin({}, resolvers=[{"name": "a", "address": "10.0.0.1"}])
