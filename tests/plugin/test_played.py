"""The result of a scenario, asked by a test: no question that could not fail is answered with yes. Without a lab."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.loader import load_scenario
from ssosim.testing.assertion import explain_comparison
from ssosim.testing.played import ClientPhase, Decided, Played
from ssosim.verdict.expectations import Expectation
from ssosim.verdict.judge import Verdict
from ssosim.verdict.measures import Exposure, Measures
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.result import RunResult

START = datetime(2025, 2, 25, 16, tzinfo=UTC)
SILENT = Verdict(Outcome.SILENT, "it signed in", after_s=2.0)
FAILED = Verdict(Outcome.FAILED, "no KDC answered", after_s=9.0, code="KDC_ERR_S_PRINCIPAL_UNKNOWN", prompts=2)
STALLED = Verdict(Outcome.STALLED, "it still tries")


def one(verdict: Verdict = SILENT, **fields: Any) -> ClientPhase:
    """A result of one client in one phase."""
    given = {"client": "office", "phase": "a", "title": "", "begins": START, "verdict": verdict}
    return ClientPhase(**(given | fields))


def played(*results: ClientPhase, **fields: Any) -> Played:
    """A run with these results, in the phases that they name."""
    shipped = load_scenario("short-blip")
    names = dict.fromkeys(each.phase for each in results)
    phases = tuple(replace(shipped.phases[0], name=name, expect={}, expect_at={}) for name in names)
    result = RunResult(version="1", scenario="x", end=START, as_expected=True, phases=())
    return Played(replace(shipped, phases=phases), tuple(results), result, **fields)


SILENT_EXPECTED = Expectation(outcome=(Outcome.SILENT,))


@pytest.mark.parametrize("expected", [None, Expectation(), Expectation(no_exposure=False)], ids=repr)
def test_a_phase_of_which_nothing_is_expected_is_not_as_expected(expected: Expectation | None) -> None:
    """Neither ``as_expected`` of a phase and of a run nor ``require()`` answers where nothing could fail."""
    result = one(FAILED, expected=expected)
    with pytest.raises(LabInputError, match="nothing is expected of office in phase 'a', so nothing could fail"):
        assert result.as_expected
    for ask in (lambda: played(result).as_expected, played(result).require):
        with pytest.raises(LabInputError, match="expects nothing of office, so nothing could fail"):
            ask()


def test_no_exposure_by_default_alone_is_no_success() -> None:
    """Of a client that the scenario does not have, only an exposure could fail while something is broken."""
    default = one(FAILED, expected=Expectation(no_exposure=True), only_default=True)
    for ask in (lambda: default.as_expected, lambda: played(default).as_expected, played(default).require):
        with pytest.raises(LabInputError, match="so nothing could fail"):
            ask()
    asked = one(FAILED, expected=Expectation(no_exposure=True))
    assert asked.as_expected is played(asked).as_expected is True
    exposing = Measures(exposures=(Exposure("password", "h", "why", 9),))
    assert one(FAILED, expected=default.expected, only_default=True, measures=exposing).as_expected is False


def test_permission_to_expose_is_no_requirement() -> None:
    """``require(no_exposure=False)`` forbids nothing: alone it is a mistake, beside what is expected it is that."""
    with pytest.raises(LabInputError, match="so nothing could fail"):
        played(one()).require(no_exposure=False)
    with pytest.raises(AssertionError, match="expected silent"):
        played(one(FAILED, expected=SILENT_EXPECTED)).require(no_exposure=False)


@pytest.mark.parametrize("bound", [{"max_prompts": 9}, {"max_rate": "60/min"}, {"no_exposure": True}])
def test_a_client_that_sent_nothing_keeps_no_bound(bound: dict[str, Any]) -> None:
    """``require()`` of bounds alone is a mistake where nothing was sent; with a request, or an outcome, it holds."""
    with pytest.raises(LabInputError, match="sent nothing there"):
        played(one(FAILED)).require(**bound)
    assert played(one(FAILED, measures=Measures(requests=1))).require(**bound)
    assert played(one(FAILED)).require("failed", **bound)


@pytest.mark.parametrize(("verdict", "holds"), [(SILENT, True), (FAILED, False), (STALLED, False)])
def test_as_expected_is_the_expectation_of_the_phase(verdict: Verdict, holds: bool) -> None:
    """A phase and a run are as expected if, and only if, no rule of the expectation is broken."""
    result = one(verdict, expected=SILENT_EXPECTED)
    run = played(one(phase="z", expected=SILENT_EXPECTED), result)
    assert result.as_expected is run.as_expected is holds
    assert [each.rule for each in result.broken] == ([] if holds else ["outcome"])
    assert run.examined == ([] if holds else [result])


def test_a_run_is_as_expected_only_if_every_client_is() -> None:
    """One client of which nothing is expected neither hides another's broken expectation nor makes one."""
    free, good, bad = one(FAILED, client="free"), one(expected=SILENT_EXPECTED), one(STALLED, expected=SILENT_EXPECTED)
    assert played(free, good).as_expected is True
    assert played(free, good, bad).as_expected is False


def test_require_asks_every_sign_in_of_a_phase() -> None:
    """A phase with several sign-ins is required of each of them; the one that breaks it is named with its time."""
    run = played(one(sign_in_at=0.0), one(FAILED, sign_in_at=60.0), one(sign_in_at=120.0))
    with pytest.raises(AssertionError, match=r"office in phase 'a \+60 s': expected silent") as failed:
        run.require("silent")
    assert str(failed.value).count("expected") == 1
    assert played(one(sign_in_at=0.0), one(sign_in_at=60.0)).require("silent", phase="a", client="office")


@pytest.mark.parametrize(
    "wanted",
    [
        {"outcome": "silent"}, {"outcome": ["silent", "interactive"]}, {"never": "failed"}, {"never": ("failed",)},
        {"within": 8.9}, {"within": "8s"}, {"code": "AADSTS50126"}, {"code": 50126}, {"code": ["AADSTS50126", 50034]},
        {"reason_contains": "AADSTS"}, {"max_prompts": 1}, {"max_rate": "9/min"}, {"max_rate": 9},
    ],
    ids=str,
)  # fmt: skip
def test_each_requirement_can_fail(wanted: dict[str, Any]) -> None:
    """Each keyword of ``require`` alone fails a client that breaks it, and names client and phase."""
    run = played(one(FAILED, measures=Measures(requests=10, peak_requests_per_minute=10)))
    with pytest.raises(AssertionError, match="office in phase 'a': expected"):
        run.require(**wanted)


@pytest.mark.parametrize(
    "wanted",
    [
        {"outcome": "failed"}, {"outcome": ["silent", "failed"]}, {"never": "silent|stalled"}, {"within": 9},
        {"within": "9s"}, {"code": "KDC_ERR_S_PRINCIPAL_UNKNOWN|AADSTS50034"}, {"reason_contains": "KDC"},
        {"max_prompts": 2}, {"max_rate": "10/min"},
    ],
    ids=str,
)  # fmt: skip
def test_each_requirement_holds_at_its_limit(wanted: dict[str, Any]) -> None:
    """The limit itself is allowed: ``within``, ``max_prompts`` and ``max_rate`` are the largest values that hold."""
    run = played(one(FAILED, measures=Measures(requests=10, peak_requests_per_minute=10)))
    required = run.require(**wanted)
    assert required
    assert required.client_phases is run.client_phases


@pytest.mark.parametrize("within", ["1h", 1e6])
def test_who_never_decides_is_late(within: object) -> None:
    """A client without a decision breaks every limit of time, however long it is."""
    run = played(one(STALLED))
    with pytest.raises(AssertionError, match="expected a decision within"):
        run.require(within=within)  # type: ignore[arg-type]
    assert not run.decided_within(hours=1e6)
    assert repr(run.decided_within(seconds=5)) == "not decided within 5 s: office in 'a': never"


@given(st.floats(0, 10), st.floats(0, 10), st.floats(0, 10), st.floats(0, 40_000))
def test_limits_of_time_add_up(hours: float, minutes: float, seconds: float, after: float) -> None:
    """``decided_within`` is the sum of its parts, the limit included, for a phase and for a run alike."""
    limit = hours * 3600 + minutes * 60 + seconds
    result = one(Verdict(Outcome.SILENT, "", after_s=after))
    assert result.decided_within(hours=hours, minutes=minutes, seconds=seconds) is (after <= limit)
    assert bool(Decided(limit, () if after <= limit else (result,))) is (after <= limit)


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda run: run.phase("b"), "has no phase 'b'; it has: a"),
        (lambda run: run.phase("a"), r"which client\?"),
        (lambda run: run.phase("a", "word"), "there is no client 'word' in this run; there are: office, ssms"),
        (lambda run: run.phase("a", "office", sign_in_at=3.0), "with none: the clients sign in once"),
        (lambda run: run.client("word"), "there is no client 'word' in this run; there are: office, ssms"),
        (lambda run: run.require("silent", phase="b"), "has no phase 'b'"),
        (lambda run: run.require("silent", phase=["a", "b"]), "has no phase 'b'"),
        (lambda run: run.require("silent", client="word"), "there is no client 'word'"),
        (lambda run: run.require("silent", phase=[]), "empty list"),
        (lambda run: run.require("silnt"), "did you mean 'silent'"),
        (lambda run: run.require(never="fail"), "not an outcome"),
        (lambda run: run.require(within=0), "duration above 0"),
        (lambda run: run.require(within="-3s"), "duration above 0"),
        (lambda run: run.require(max_rate="fast"), "requests in a minute"),
        (lambda run: run.require(code=""), "expected an error code"),
        (lambda run: run.require(reason_contains=""), "expected a text"),
        (lambda run: run.require(max_prompts=-1), "max_prompts"),
    ],
)  # fmt: skip
def test_a_slip_in_a_question_is_a_mistake_of_the_test(ask: Any, says: str) -> None:
    """An unknown phase, client, outcome or value raises LabInputError; it is no answer to the question."""
    run = played(one(), one(client="ssms"))
    with pytest.raises(LabInputError, match=says):
        ask(run)


def test_one_of_several_sign_ins_is_asked_for_by_its_time() -> None:
    """Without the time the question is refused with the times that there are; with it, that sign-in answers."""
    run = played(one(sign_in_at=0.0), one(FAILED, sign_in_at=60.0))
    with pytest.raises(LabInputError, match="with one of 0, 60"):
        run.phase("a")
    assert run.phase("a", sign_in_at=60.0).outcome is Outcome.FAILED
    assert run.phase("a", sign_in_at=0.0).outcome is Outcome.SILENT


def test_the_run_of_one_client_is_a_part_of_the_run() -> None:
    """``client(name)`` has that client's phases and no other; what it examines is in the report of the whole run."""
    run = played(one(), one(STALLED, client="ssms"), one(FAILED, client="ssms", phase="b"))
    part = run.client("ssms")
    assert ([each.phase for each in part], part.clients) == (["a", "b"], ("ssms",))
    assert part.phase("b").outcome is Outcome.FAILED
    assert [each.client for each in run.examined] == ["ssms"]


@pytest.mark.parametrize(
    ("fields", "command"),
    [
        ({"source": "short-blip"}, "ssosim run short-blip --client office --seed {seed}"),
        ({"source": "a b.toml", "estate_file": "c d"}, "run 'a b.toml' --client office --seed {seed} --estate 'c d'"),
        ({"source": ""}, ""),
        ({"source": "short-blip", "unnamed_clients": frozenset({"office"})}, ""),
        ({"source": "short-blip", "unnamed_clients": frozenset({"other"})}, "ssosim run short-blip"),
    ],
)  # fmt: skip
def test_a_command_is_told_only_if_it_repeats_the_run(fields: dict[str, Any], command: str) -> None:
    """An object that no command line can name leaves the command out; words are quoted for a shell."""
    run = played(one(), **fields)
    said = command.format(seed=run.seed)
    assert said in run.repeat_command
    assert bool(said) == bool(run.repeat_command)
    assert ("again: " in run.explain()) == bool(said)


def test_the_report_has_what_the_test_asked_about() -> None:
    """``explain`` gives the evidence of results that were examined, of all if none was; left-out programs are named."""
    run = played(one(), one(FAILED, phase="b"), skipped_programs=("curl",), source="short-blip")
    assert "curl; with them: ssosim run short-blip" in run.explain()
    assert "office in 'a' (16:00 UTC): silent, decided after 2 s: it signed in" in run.explain()
    assert repr(run).endswith(": office/a=silent, office/b=failed>")


def test_a_comparison_is_explained_by_the_result_that_was_asked_for_last() -> None:
    """The lines are of the examined result whose outcome stands on either side; no other comparison gets any."""
    run = played(one(), one(FAILED, phase="b"))
    assert explain_comparison([run], "is", Outcome.FAILED, Outcome.SILENT) is None  # nothing was asked
    outcome = run.phase("b").outcome
    lines = explain_comparison([run], "is", outcome, Outcome.SILENT)
    assert lines is not None
    assert lines[0] == "FAILED is SILENT"
    assert "no KDC answered" in lines[1]
    assert explain_comparison([run], "==", "failed", "silent") is None
    assert explain_comparison([run], "is", Outcome.STALLED, Outcome.REFUSED) is None
