"""The results of a played scenario as values: shares of a mix, results by sign-in, what counts as expected."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.phases import ClientVerdict, Playback
from ssosim.scenario.results import run_result
from ssosim.verdict.expectations import Expectation
from ssosim.verdict.judge import Verdict
from ssosim.verdict.measures import Measures
from ssosim.verdict.outcome import Outcome
from tests.scenario.scenarios import build_scenario

OUTCOMES = st.sampled_from(list(Outcome))


def result(client: str, outcome: Outcome = Outcome.SILENT, phase: str = "p", **fields: Any) -> ClientVerdict:
    """The result of one client; nothing is expected of it unless ``expected`` says so."""
    verdict = Verdict(outcome, "because", after_s=fields.pop("after_s", 1.0), prompts=fields.pop("prompts", 0))
    return ClientVerdict(phase, client, verdict, fields.pop("expected", None), **fields)


def play(*results: ClientVerdict, weights: tuple[float, ...] = (), **fields: Any) -> Playback:
    """A playback with these results; the clients have these weights, in order of their names."""
    names = sorted({each.client for each in results})
    clients = [
        {"name": name, "model": "office", "weight": weight}
        for name, weight in zip(names, (*weights, *[0.0] * len(names)), strict=False)
    ]
    return Playback(build_scenario(clients=clients, **fields), results)


@given(st.lists(st.tuples(OUTCOMES, st.integers(0, 100)), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_shares_are_weights(clients: list[tuple[Outcome, int]]) -> None:
    """The share of an outcome is its weight of the whole; all shares are one; without weights there is none."""
    names = [f"c{number}" for number in range(len(clients))]
    played = play(
        *(result(name, outcome) for name, (outcome, _) in zip(names, clients, strict=True)),
        weights=tuple(float(weight) for _, weight in clients),
    )
    whole = sum(weight for _, weight in clients)
    for outcome in Outcome:
        share = played.share("p", outcome)
        mine = sum(weight for each, weight in clients if each is outcome)
        assert share is None if not whole else share == pytest.approx(float(Fraction(mine, whole)))


def test_a_client_outside_of_the_mix_has_no_share() -> None:
    """Weight 0: it plays, and its outcome changes no share. One that was left out is no part of the whole."""
    played = play(result("a"), result("b", Outcome.FAILED), result("c", Outcome.STALLED), weights=(3, 1, 0))
    assert played.share("p") == 0.75
    assert played.share("p", Outcome.STALLED) == 0
    assert play(result("a"), weights=()).share("p") is None


def test_each_sign_in_has_its_share() -> None:
    """Of a phase with several sign-ins one has to be chosen, and only one that there is."""
    played = play(result("a", sign_in_at=0.0), result("a", Outcome.STALLED, sign_in_at=60.0), weights=(1,))
    assert (played.share("p", sign_in_at=0.0), played.share("p", sign_in_at=60.0)) == (1, 0)
    with pytest.raises(KeyError, match="p has several sign-ins: choose one by sign_in_at"):
        played.share("p")
    with pytest.raises(KeyError, match="p has no sign-in at 30"):
        played.share("p", sign_in_at=30.0)
    assert played.result("p", "a", 60.0).verdict.outcome is Outcome.STALLED
    with pytest.raises(KeyError):
        played.result("p", "b", 60.0)
    with pytest.raises(KeyError):
        played.result("q", "a")


def test_a_phase_with_one_sign_in_needs_no_choice() -> None:
    """Also where the phase names the time of its one sign-in."""
    played = play(result("a", sign_in_at=60.0))
    assert played.result("p", "a").sign_in_at == 60.0
    assert played.result("p", "a", 60.0).client == "a"


@pytest.mark.parametrize(
    ("expected", "rules"),
    [
        (None, []),
        (Expectation(outcome=(Outcome.STALLED,)), []),
        (Expectation(outcome=(Outcome.SILENT, Outcome.STALLED)), []),
        (Expectation(outcome=(Outcome.SILENT,)), ["outcome"]),
        (Expectation(never=(Outcome.STALLED, Outcome.FAILED)), ["never"]),
        (Expectation(never=(Outcome.FAILED,)), []),
        (Expectation(code=("AADSTS50126",)), ["code"]),
        (Expectation(reason_contains=("cause",)), []),
        (Expectation(reason_contains=("cause", "other")), ["reason-contains"]),
        (Expectation(within_s=100.0), []),
        (Expectation(within_s=99.9), ["within"]),
        (Expectation(max_prompts=2), []),
        (Expectation(max_prompts=1), ["max-prompts"]),
        (Expectation(max_prompts=0), ["max-prompts"]),
        (Expectation(max_requests_per_minute=5.0), []),
        (Expectation(max_requests_per_minute=4.9), ["max-rate"]),
        (Expectation(outcome=(Outcome.FAILED,), within_s=1.0, max_prompts=0), ["outcome", "within", "max-prompts"]),
        (Expectation(no_exposure=True), []),
    ],
)
def test_each_rule_can_break_alone(expected: Expectation | None, rules: list[str]) -> None:
    """A stalled client after 100 s with two prompts and five requests in a minute: what holds and what does not."""
    one = result(
        "a",
        Outcome.STALLED,
        after_s=100.0,
        prompts=2,
        expected=expected,
        measures=Measures(peak_requests_per_minute=5.0),
    )
    assert [each.rule for each in one.broken] == rules
    assert one.as_expected is (not rules)
    wanted = result("b", expected=Expectation(outcome=(Outcome.SILENT,)))
    assert play(wanted, one).as_expected is (not rules)


@pytest.mark.parametrize("expected", [None, Expectation()])
def test_a_playback_of_which_nothing_is_expected_is_not_as_expected(expected: Expectation | None) -> None:
    """A check of it could not fail, so it is an error, as is that of a playback without clients."""
    for playback in (play(result("b", Outcome.FAILED, expected=expected)), play()):
        assert playback.status == "not-judged"
        with pytest.raises(LabInputError, match="expects nothing of any client that played, so nothing could fail"):
            assert playback.as_expected


def test_no_decision_is_never_in_time() -> None:
    """A client that decided nothing breaks every ``within``, however long."""
    one = result("a", Outcome.STALLED, after_s=None, expected=Expectation(within_s=31_622_400.0))
    assert [each.rule for each in one.broken] == ["within"]
    assert "found no decision" in str(one.broken[0])


def test_a_result_has_each_sign_in_of_each_phase() -> None:
    """The document has the phases in order, those of several sign-ins once for each, with the start of the sign-in."""
    phases = [
        {"name": "p", "start": "2025-03-01T10:00:00Z", "sign_in_at": [0, 90]},
        {"name": "q", "start": "2025-03-01T10:30:00Z", "faults": [{"fault": "drop"}], "title": "silence"},
    ]
    played = play(
        result("a", sign_in_at=0.0),
        result("a", Outcome.FAILED, sign_in_at=90.0, expected=Expectation(outcome=(Outcome.SILENT,))),
        result("a", Outcome.STALLED, phase="q"),
        weights=(2,),
        phases=phases,
    )
    found = run_result(played)
    assert [(each.phase, each.sign_in_at, f"{each.start:%H:%M:%S}", each.share_silent) for each in found.phases] == [
        ("p", 0.0, "10:00:00", 1.0),
        ("p", 90.0, "10:01:30", 0.0),
        ("q", None, "10:30:00", 0.0),
    ]
    assert [each.clients["a"].outcome for each in found.phases] == ["silent", "failed", "stalled"]
    assert [fault.name for fault in found.phases[2].faults] == ["drop"]
    assert (found.as_expected, found.mix) == (False, {"a": 2.0})


def test_faults_of_steps_have_their_times() -> None:
    """A fault of the phase is from 0 to its end; one of a step from ``at`` to ``until``."""
    steps = [{"at": 5, "until": 9, "faults": [{"fault": "servfail"}]}, {"at": 7, "faults": [{"fault": "refused"}]}]
    phase = {"name": "p", "start": "2025-03-01T10:00:00Z", "faults": [{"fault": "drop"}], "steps": steps}
    (found,) = run_result(play(result("a"), phases=[phase])).phases
    assert [(each.name, each.at, each.until) for each in found.faults] == [
        ("drop", 0.0, None),
        ("servfail", 5.0, 9.0),
        ("refused", 7.0, None),
    ]
