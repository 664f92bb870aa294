"""A phase as a value: its sign-ins, what is in force at each, and what is expected of whom."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.estate.device_choice import DeviceChoice
from ssosim.lab.scripted_user import BEHAVIOURS
from ssosim.scenario.model import Scenario
from ssosim.verdict.outcome import Outcome
from tests.scenario.scenarios import START, build_scenario, make_client, make_phase

DROP: dict[str, Any] = {"fault": "drop"}
OUTCOMES = {"silent": (Outcome.SILENT,), "refused": (Outcome.REFUSED,), "stalled": (Outcome.STALLED,)}


def step(at: float, until: float | None = None, **fault: Any) -> dict[str, Any]:
    """A step with one fault, as plain data."""
    return {"at": at, "faults": [DROP | fault]} | ({} if until is None else {"until": until})


@pytest.mark.parametrize(
    ("fields", "in_force"),
    [
        ({}, [False, False, False]),
        ({"faults": [DROP]}, [True, True, True]),
        ({"faults": [DROP | {"for_s": 30}]}, [True, False, False]),
        ({"faults": [DROP | {"for_s": 60}]}, [True, False, False]),
        ({"faults": [DROP | {"for_s": 61}]}, [True, True, False]),
        ({"faults": [DROP | {"for_s": 30}, DROP | {"for_s": 90}]}, [True, True, False]),
        ({"faults": [DROP | {"first": 1}]}, [True, True, True]),
        ({"steps": [step(0, 60)]}, [True, False, False]),
        ({"steps": [step(0, 61)]}, [True, True, False]),
        ({"steps": [step(59)]}, [True, True, True]),
        ({"steps": [step(60)]}, [False, True, True]),
        ({"steps": [step(130, 200)]}, [False, False, True]),
        ({"steps": [step(0, for_s=60)]}, [True, False, False]),
        ({"steps": [step(10, 200, for_s=60)]}, [True, True, False]),
        ({"steps": [step(10, 50, for_s=600)]}, [True, False, False]),
    ],
)
def test_what_is_in_force_at_a_sign_in(fields: dict[str, Any], in_force: list[bool]) -> None:
    """A fault counts for a sign-in if it is in force between it and the next; its own time limit ends it earlier."""
    phase = make_phase(sign_in_at=[0, 60, 120], **fields)
    assert [phase.has_faults_in(number) for number in range(3)] == in_force


@given(
    st.lists(st.tuples(st.integers(0, 99), st.integers(1, 100), st.integers(1, 200) | st.none()), max_size=3),
    st.lists(st.integers(0, 150), min_size=1, max_size=3, unique=True).map(sorted),
)
@settings(max_examples=60, deadline=None)
def test_in_force_is_an_overlap_of_periods(steps: list[tuple[int, int, int | None]], times: list[int]) -> None:
    """For all steps and sign-ins: what a clock of whole seconds would see."""
    periods = [(at, min(at + length, at + 999 if limit is None else at + limit)) for at, length, limit in steps]
    phase = make_phase(
        sign_in_at=times,
        steps=[step(at, at + length, **({} if limit is None else {"for_s": limit})) for at, length, limit in steps],
    )
    for number, begin in enumerate(times):
        end = times[number + 1] if number + 1 < len(times) else 400
        seen = any(begin <= second < end for at, until in periods for second in range(at, until))
        assert phase.has_faults_in(number) is seen, (number, periods)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [("silent", "interactive")] * 2),
        ({"faults": [DROP | {"for_s": 30}]}, [None, ("silent", "interactive")]),
        ({"faults": [DROP]}, [None, None]),
        ({"steps": [step(60)]}, [("silent", "interactive"), None]),
        ({"expect": {"office": "failed"}}, [("failed",), ("failed",)]),
        ({"expect": {"*": "failed"}}, [("failed",), ("failed",)]),
    ],
)
def test_an_added_client_must_sign_in_while_nothing_is_broken(
    fields: dict[str, Any], expected: list[tuple[str, ...] | None]
) -> None:
    """The user's own program could not fail after a fault that was long over; and always it exposes nothing."""
    phase = make_phase(sign_in_at=[0, 60], **fields)
    found = [phase.expected_of(make_client(added=True), sign_in=number) for number in range(2)]
    assert all(each is not None for each in found)
    assert [each.outcome or None for each in found if each] == expected
    assert all(each.no_exposure for each in found if each) or "expect" in fields
    assert [phase.expected_of(make_client(), sign_in=number) for number in range(2)] == (
        found if "expect" in fields else [None, None]
    )


@pytest.mark.parametrize(
    ("keys", "outcome"),
    [
        (["office", "desktop", "office-model", "*"], "office"),
        (["desktop", "office-model", "*"], "desktop"),
        (["office-model", "*"], "office-model"),
        (["*"], "*"),
        ([], None),
    ],
)
def test_the_most_specific_key_counts(keys: list[str], outcome: str | None) -> None:
    """Name, then kind, then model, then ``*``; whatever their order in the file."""
    outcomes = {"office": "silent", "desktop": "interactive", "office-model": "stalled", "*": "refused"}
    client = make_client(kind="desktop", model="office-model")
    data = build_scenario(
        clients=[{"name": "office", "kind": "desktop", "model": "office-model"}],
        phases=[
            {"name": "p", "start": "2025-03-01T10:00:00Z", "expect": {key: outcomes[key] for key in reversed(keys)}}
        ],
    )
    found = data.phases[0].expected_of(client)
    assert (None if found is None else found.outcome) == (None if outcome is None else (Outcome(outcomes[outcome]),))


@pytest.mark.parametrize(
    ("own", "at_sign_in", "of_phase", "outcome"),
    [
        ({"s#p +60 s": "silent"}, "refused", "refused", "silent"),
        ({"p +60 s": "silent", "s#p": "refused"}, "refused", "refused", "silent"),
        ({"s#p": "silent", "p": "refused"}, "refused", "refused", "silent"),
        ({"p": "silent", "*": "refused"}, "refused", "refused", "silent"),
        ({"*": "silent"}, "refused", "refused", "silent"),
        ({}, "silent", "refused", "silent"),
        ({}, None, "silent", "silent"),
        ({"p +0 s": "refused"}, None, "silent", "silent"),
    ],
)
def test_an_expectation_of_the_client_precedes_those_of_the_phase(
    own: dict[str, str], at_sign_in: str | None, of_phase: str, outcome: str
) -> None:
    """Client by sign-in, by phase, for any phase; then the table of the sign-in, then that of the phase."""
    phase = {
        "name": "p",
        "start": "2025-03-01T10:00:00Z",
        "sign_in_at": [0, 60],
        "expect": {"office": of_phase},
        "expect_at": {} if at_sign_in is None else {"60": {"*": at_sign_in}},
    }
    scenario = build_scenario(clients=[{"name": "office", "model": "office", "expect": own}], phases=[phase])
    found = scenario.phases[0].expected_of(scenario.clients[0], "s", 1)
    assert found is not None
    assert found.outcome == OUTCOMES[outcome]


def test_a_table_of_a_sign_in_is_for_that_sign_in() -> None:
    """``expect_at`` precedes ``expect`` at its own time only, however the time is written."""
    phase = make_phase(sign_in_at=[0, 60], expect={"office": "silent"}, expect_at={"6e1": {"office": "stalled"}})
    assert [phase.expected_at(number)["office"] for number in range(2)] == ["silent", "stalled"]
    found = [phase.expected_of(make_client(), sign_in=number) for number in range(2)]
    assert [each.outcome for each in found if each] == [OUTCOMES["silent"], OUTCOMES["stalled"]]


@pytest.mark.parametrize(
    ("fields", "changes"),
    [
        ({}, False),
        ({"faults": [DROP]}, False),
        ({"faults": [DROP | {"for_s": 1}]}, True),
        ({"faults": [DROP | {"first": 1}]}, True),
        ({"steps": [step(0)]}, False),
        ({"steps": [step(0, 3600)]}, True),
        ({"steps": [step(1)]}, True),
        ({"steps": [step(0, first=2)]}, True),
        ({"faults": [{"fault": "delegation-removed", "zone": "fabrikam.com"}]}, False),
    ],
)
def test_a_phase_that_changes_begins_anew_for_each_program(fields: dict[str, Any], *, changes: bool) -> None:
    """Steps and limits change what is in force, so a program that plays later must not meet what is left of it."""
    assert make_phase(**fields).changes is changes


def _three_phases() -> Scenario:
    phases = [
        {"name": "a", "start": "2025-03-01T10:00:00Z", "sign_in_at": [10, 100]},
        {"name": "b", "start": "2025-03-01T10:05:00Z"},
        {"name": "c", "start": "2025-03-01T10:20:00Z", "sign_in_at": [0.5]},
    ]
    return build_scenario(phases=phases)


def test_a_phase_lasts_until_the_next_one() -> None:
    """The last one lasts until the end of the scenario; a sign-in is judged when the next one begins."""
    scenario = _three_phases()
    assert [scenario.duration_of(index) for index in range(3)] == [300, 900, 2400]
    assert [scenario.sign_in_end(0, number) for number in range(2)] == [100, 300]
    assert (scenario.sign_in_end(1, 0), scenario.sign_in_end(2, 0)) == (900, 2400)
    assert scenario.phases[1].start == START + timedelta(minutes=5)


def test_a_sign_in_has_the_label_of_its_time() -> None:
    """Without ``sign_in_at`` the label is the name of the phase; with it the time is in it, also of one sign-in."""
    assert [phase.labels for phase in _three_phases().phases] == [("a +10 s", "a +100 s"), ("b",), ("c +0.5 s",)]
    assert [phase.sign_in_times for phase in _three_phases().phases] == [(10, 100), (0,), (0.5,)]


@pytest.mark.parametrize(
    ("person", "behaviour", "answers"),
    [(True, "signs-in", True), (False, "walks-away", False), ("walks-away", "walks-away", False)],
)
def test_who_answers_a_prompt(person: bool | str, behaviour: str, *, answers: bool) -> None:
    """True is the user who signs in, False one who walks away, and a text is a behaviour by its name."""
    client = make_client(person=person)
    assert client.behaviour == (BEHAVIOURS[0] if behaviour == "signs-in" else behaviour)
    assert client.person_answers is answers


def test_a_device_by_choice_is_no_name_yet() -> None:
    """A scenario that was not fitted has no device names; to go on with the first device would be a wrong user."""
    with pytest.raises(TypeError, match="was not fitted"):
        _ = make_client(device=DeviceChoice(user="federated")).device_name
    assert make_client(device="desk-2").device_name == "desk-2"
    assert make_client().device_name is None
