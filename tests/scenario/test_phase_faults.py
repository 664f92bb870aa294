"""The faults of phases and steps over time: what is in force when, in which order, and with which random numbers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.faults import Drop, Fault, FaultError, HttpStatus, KdcSilent, ServFail
from ssosim.scenario.phases import PhaseFaults, find_rest_of_phase, run_actions
from tests.scenario.scenarios import make_phase


class Layers:
    """The faults in force, by their names of ``clients``, and the story of what was applied and undone."""

    def __init__(self, *refused: str) -> None:
        self.refused = refused
        self.in_force: list[str] = []
        self.applied: list[Fault] = []
        self.story: list[str] = []

    @property
    def faults(self) -> Layers:
        """Itself: a lab, as far as a fault knows it."""
        return self

    def add(self, fault: Fault) -> Callable[[], None]:
        """Put a fault in force; the result undoes it, once."""
        name = "".join(getattr(fault, "clients", ()))
        if name in self.refused:
            raise FaultError(f"{name} does not fit")
        self.in_force.append(name)
        self.applied.append(fault)
        self.story.append(f"+{name}")
        undone: list[None] = []

        def undo() -> None:
            if not undone:
                undone.append(None)
                self.in_force.remove(name)
                self.story.append(f"-{name}")

        return undo


def named(name: str, **fields: Any) -> dict[str, Any]:
    """A fault with a name, as plain data."""
    return {"fault": "drop", "clients": [name], **fields}


def step(name: str, at: float, until: float | None = None, **fields: Any) -> dict[str, Any]:
    """A step with one fault of this name."""
    return {"at": at, "faults": [named(name, **fields)]} | ({} if until is None else {"until": until})


def test_a_phase_replaces_the_faults_of_the_one_before() -> None:
    """Those of the phase before are undone, the newest first, then those of the phase and of its steps at 0 begin."""
    lab = Layers()
    faults = PhaseFaults(lab, 0)
    faults.enter(make_phase(faults=[named("a"), named("b")]))
    faults.enter(make_phase(faults=[named("c")], steps=[step("d", 0), step("e", 5)]))
    assert lab.story == ["+a", "+b", "-b", "-a", "+c", "+d"]
    assert lab.in_force == ["c", "d"]


def test_steps_run_at_their_times_and_undo_before_they_apply() -> None:
    """At one time the end of a step precedes the beginning of another, whatever their order in the file."""
    lab = Layers()
    actions = PhaseFaults(lab, 0).enter(make_phase(steps=[step("b", 20, 30), step("a", 10, 20), step("c", 30)]))
    assert [after for after, _ in actions] == [10, 20, 20, 30, 30]
    for until, in_force in [(9.9, []), (10, ["a"]), (19, ["a"]), (20, ["b"]), (30, ["c"]), (3600, ["c"])]:
        run_actions(actions, until)
        assert lab.in_force == in_force, until
    assert lab.story == ["+a", "-a", "+b", "-b", "+c"]
    assert actions == []


def test_the_next_phase_ends_what_steps_have_begun() -> None:
    """A step without an end lasts until the end of its phase, and one that has ended is not undone again."""
    lab = Layers()
    faults = PhaseFaults(lab, 0)
    run_actions(faults.enter(make_phase(faults=[named("x")], steps=[step("a", 1), step("b", 1, 2)])), 5)
    assert lab.in_force == ["x", "a"]
    faults.enter(make_phase())
    assert lab.in_force == []
    assert lab.story.count("-b") == 1


def test_two_steps_with_the_same_fault_are_two() -> None:
    """The end of the first leaves the second in force."""
    lab = Layers()
    actions = PhaseFaults(lab, 0).enter(make_phase(steps=[step("a", 0, 60), step("a", 30, 90)]))
    run_actions(actions, 60)
    assert lab.in_force == ["a"]
    run_actions(actions, 90)
    assert lab.in_force == []


def test_a_phase_whose_fault_does_not_fit_has_none() -> None:
    """FaultError: those that were applied before it are undone, and the phase before is over."""
    lab = Layers("bad")
    faults = PhaseFaults(lab, 0)
    faults.enter(make_phase(faults=[named("a")]))
    with pytest.raises(FaultError, match="bad does not fit"):
        faults.enter(make_phase(faults=[named("b"), named("c"), named("bad")]))
    assert lab.in_force == []
    faults.change_to(())
    assert lab.story == ["+a", "-a", "+b", "+c", "-c", "-b"]


def test_a_step_whose_fault_does_not_fit_leaves_the_phase() -> None:
    """The other faults of that step are undone; what the phase has stays in force."""
    lab = Layers("bad")
    phase = make_phase(faults=[named("a")], steps=[{"at": 5, "faults": [named("b"), named("bad")]}])
    actions = PhaseFaults(lab, 0).enter(phase)
    with pytest.raises(FaultError):
        run_actions(actions, 5)
    assert lab.in_force == ["a"]


@pytest.mark.parametrize(("seed", "own", "sum_"), [(0, 0, 0), (0, 3, 3), (7, 0, 7), (7, 3, 10), (-7, 3, -4)])
def test_the_seed_of_a_scenario_moves_that_of_its_faults(seed: int, own: int, sum_: int) -> None:
    """``--seed`` draws anew; two faults with different seeds stay different."""
    lab = Layers()
    PhaseFaults(lab, seed).enter(make_phase(faults=[named("a", seed=own), {"fault": "kdc-silent"}]))
    drop, silent = lab.applied
    assert isinstance(drop, Drop)
    assert (drop.seed, silent) == (sum_, KdcSilent())


@pytest.mark.parametrize("fault", [ServFail(first=2, for_s=5.0), HttpStatus(code=90033, retry_after=3)])
def test_only_the_seed_is_another(fault: ServFail | HttpStatus) -> None:
    """All other fields of the fault stay as the file has them."""
    lab = Layers()
    PhaseFaults(lab, 7).change_to((fault,))
    assert lab.applied == [msgspec.structs.replace(fault, seed=7)]


@pytest.mark.parametrize(
    ("at", "faults", "steps"),
    [
        (0, [("f", 100)], [("a", 10, 50, None), ("b", 60, None, 30)]),
        (10, [("f", 90)], [("a", 0, 40, None), ("b", 50, None, 30)]),
        (49, [("f", 51)], [("a", 0, 1, None), ("b", 11, None, 30)]),
        (50, [("f", 50)], [("b", 10, None, 30)]),
        (70, [("f", 30)], [("b", 0, None, 20)]),
        (90, [("f", 10)], [("b", 0, None, None)]),
        (100, [], [("b", 0, None, None)]),
    ],
)
def test_the_rest_of_a_phase(
    at: float, faults: list[tuple[str, float]], steps: list[tuple[str, float, float | None, float | None]]
) -> None:
    """A program that starts later meets what is left: steps that are over are gone, limits are shorter.

    ``b`` begins after 60 s for 30 s: from 90 s on its step is in force without it.
    """
    phase = make_phase(faults=[named("f", for_s=100)], steps=[step("a", 10, 50), step("b", 60, for_s=30)])
    rest = find_rest_of_phase(phase, at)
    assert [("".join(each.clients), each.for_s) for each in rest.faults] == faults  # type: ignore[union-attr]
    found = [
        (name, each.at, each.until, next((fault.for_s for fault in each.faults), None))
        for each, name in zip(rest.steps, [name for name, *_ in steps], strict=True)
    ]
    assert found == steps
    assert [len(each.faults) for each in rest.steps] == [0 if at >= 90 and name == "b" else 1 for name, *_ in steps]


@given(
    st.lists(st.tuples(st.integers(0, 80), st.integers(1, 60) | st.none(), st.integers(1, 60) | st.none()), max_size=3),
    st.integers(0, 100),
)
@settings(max_examples=60, deadline=None)
def test_the_rest_of_a_phase_is_in_force_as_the_whole(steps: list[tuple[int, int | None, int | None]], at: int) -> None:
    """For all steps and times: at each later second the same faults are in force as without the new beginning."""
    phase = make_phase(
        steps=[
            step(
                f"s{number}",
                begin,
                None if length is None else begin + length,
                **({} if limit is None else {"for_s": limit}),
            )
            for number, (begin, length, limit) in enumerate(steps)
        ]
    )

    def in_force(of: Any, second: float) -> list[str]:
        return sorted(
            fault.clients[0]
            for each in of.steps
            for fault in each.faults
            if each.at <= second < (1e9 if each.until is None else each.until)
            and second < each.at + (1e9 if fault.for_s is None else fault.for_s)
        )

    rest = find_rest_of_phase(phase, at)
    for second in range(at, 150, 7):
        assert in_force(rest, second - at) == in_force(phase, second), second


@pytest.mark.parametrize("for_s", [None, 5.0])
def test_at_the_start_the_rest_is_the_whole(for_s: float | None) -> None:
    """Nothing is shorter at second 0, and the phase keeps its name, its sign-ins and its expectations."""
    limit = {} if for_s is None else {"for_s": for_s}
    phase = make_phase(
        faults=[named("a", **limit)], steps=[step("b", 3, 9)], expect={"office": "silent"}, sign_in_at=[0]
    )
    assert find_rest_of_phase(phase, 0) == phase
