"""The model of a run's result: the same after the pipe, described by its schema, and strict about what it reads."""

import json
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from ssosim.estate import default_estate
from ssosim.lab.base.errors import LabError, LabInputError, PrerequisiteError
from ssosim.lab.process.status_messages import encode_failure, read_failure
from ssosim.scenario import private_play
from ssosim.scenario.client_choice import model_of, with_clients
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.results import run_result
from ssosim.sources import load_sources
from ssosim.trace import SignInStep
from ssosim.verdict import Exposure, Measures, Outcome, Verdict
from ssosim.verdict.expectations import Expectation
from ssosim.verdict.result import (
    VERSION,
    ClientResult,
    PhaseResult,
    ResultFormatError,
    RunResult,
    convert_result,
    encode_result,
    read_result,
)
from ssosim.verdict.schema import build_result_schema

CHECKED_IN = Path(__file__).parents[2] / "docs" / "run-result.schema.json"
SLEEPY = {"phase": "p", "start": "2026-03-01T08:00:00Z", "clients": {"c": {"outcome": "sleepy"}}}
START = datetime(2026, 3, 1, 8, tzinfo=UTC)


def _result(reason="because", **more):
    """A result with one client in one phase."""
    measures = Measures(12.5, 3, 1.5, SignInStep.WSTRUST_TICKET, 7, (Exposure("ntlm", "h", "w", 9),))
    verdict = Verdict(Outcome.STALLED, reason, None, "HTTP/h", 2, (7, 9))
    one = ClientResult.of(verdict, measures=measures, expected=Expectation(outcome=(Outcome.SILENT,)), decided_s=1.25)
    phase = PhaseResult(phase="p", start=START, clients={"c": one})
    return RunResult(version=VERSION, scenario="s", end=START, as_expected=False, phases=(phase,), **more)


@pytest.fixture(scope="module")
def played():
    """A shipped scenario with faults, steps and a mix, played in memory."""
    scenario = load_scenario("feb-2025")
    scenario = with_clients(scenario, [client for client in scenario.clients if client.model])
    playback = play_in_memory(scenario, default_estate(), {each.name: model_of(each) for each in scenario.clients})
    return playback, run_result(playback)


def test_the_schema_in_the_docs_is_that_of_the_model():
    """`docs/run-result.schema.json` is what the model says, down to the sentence."""
    assert json.loads(CHECKED_IN.read_text()) == build_result_schema(), "python -m ssosim.verdict.schema"


def test_the_schema_says_all_that_is_written():
    """Each part's keys are those of the JSON, all of them required, and no others are allowed."""
    parts = build_result_schema()["$defs"]

    def check(data, name):
        part = parts[name]
        assert set(data) == set(part["properties"]) == set(part["required"])
        assert part["additionalProperties"] is False

    data = json.loads(encode_result(_result()))
    check(data, "RunResult")
    check(data["phases"][0], "PhaseResult")
    check(data["phases"][0]["clients"]["c"], "ClientResult")
    check(data["phases"][0]["clients"]["c"]["measures"], "Measures")
    check(data["phases"][0]["clients"]["c"]["measures"]["exposures"][0], "Exposure")
    assert set(parts["SignInStep"]["enum"]) == {str(step) for step in SignInStep}
    assert set(parts["Outcome"]["enum"]) == {str(outcome) for outcome in Outcome}


def test_a_result_is_the_same_after_the_pipe(played):
    """Encoded and read back it is equal: verdicts, measures with their steps, faults, times."""
    for result in (_result(), played[1]):
        assert read_result(encode_result(result)) == result
    one = read_result(encode_result(_result())).phases[0].clients["c"]
    assert one.measures.step is SignInStep.WSTRUST_TICKET
    assert one.verdict == Verdict(Outcome.STALLED, "because", None, "HTTP/h", 2, (7, 9))
    assert not one.as_expected


def test_a_result_holds_what_was_played(played):
    """Every verdict with its expectation, every fault of each phase, mix and shares, seed, sources and versions."""
    playback, result = played
    scenario = playback.scenario
    assert (result.scenario, result.seed, result.end) == (scenario.name, scenario.seed, scenario.end)
    assert result.as_expected == playback.as_expected
    assert result.clients == tuple(each.name for each in scenario.clients)
    assert result.sources == tuple(load_sources().cite(source) for source in scenario.sources)
    assert result.mix == {each.name: each.weight for each in scenario.clients if each.weight}
    assert set(result.versions) >= {"ssosim", "python"}
    for own, phase in zip(scenario.phases, result.phases, strict=True):
        assert phase.share_silent == playback.share(own.name)
        assert [fault.name for fault in phase.faults if fault.at == 0] == [fault.fault_name for fault in own.faults]
        assert all(fault.detail for fault in phase.faults)
        for name, came_to in phase.clients.items():
            judged = playback.result(own.name, name)
            assert (came_to.verdict, came_to.measures) == (judged.verdict, judged.measures)
            assert (came_to.expected, came_to.as_expected) == (judged.expected, judged.as_expected)


@pytest.mark.parametrize(
    ("expected", "outcome", "status"),
    [
        (None, Outcome.SILENT, "not-judged"),
        (Expectation(no_exposure=True), Outcome.FAILED, "not-judged"),
        (Expectation(outcome=(Outcome.SILENT,)), Outcome.SILENT, "passed"),
        (Expectation(outcome=(Outcome.SILENT,)), Outcome.FAILED, "failed"),
        (Expectation(max_prompts=0), Outcome.SILENT, "passed"),
    ],
)
def test_a_status_tells_what_passed_from_what_was_not_judged(
    expected: Expectation | None, outcome: Outcome, status: str
) -> None:
    """Where nothing is expected nothing could fail, so the status of client and run is not that of a success."""
    one = ClientResult.of(Verdict(outcome, "why"), expected=expected)
    assert one.status == status
    run = _run_of({"free": ClientResult.of(Verdict(Outcome.FAILED, "why")), "one": one})
    assert read_result(encode_result(run)).status == status
    assert run.as_expected is (status != "failed")
    bad = ClientResult.of(Verdict(Outcome.STALLED, "why"), expected=Expectation(outcome=(Outcome.SILENT,)))
    assert _run_of({"one": one, "bad": bad}).status == "failed"


def test_a_status_in_a_file_is_not_believed() -> None:
    """The status of a result follows from its other fields; a document that says otherwise does not change it."""
    data = json.loads(encode_result(_run_of({"free": ClientResult.of(Verdict(Outcome.FAILED, "why"))})))
    data["status"] = data["phases"][0]["clients"]["free"]["status"] = "passed"
    read = convert_result(data)
    assert (read.status, read.phases[0].clients["free"].status) == ("not-judged", "not-judged")


def _run_of(clients: dict[str, ClientResult]) -> RunResult:
    phase = PhaseResult(phase="p", start=START, clients=clients)
    whole = all(each.as_expected for each in clients.values())
    return RunResult(version=VERSION, scenario="s", end=START, as_expected=whole, phases=(phase,))


def test_half_a_surrogate_pair_does_not_break_the_pipe():
    """A stranger's text that UTF-8 cannot carry is shown by its number, and the line can be read."""
    assert read_result(encode_result(_result("host \udc80 said no"))).phases[0].clients["c"].reason == (
        "host \\udc80 said no"
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"version": "2"}, ["version '2'", f"reads version {VERSION!r}", "play the scenario again"]),
        ({"version": 1}, ["$.version", "expected a version"]),
        ({"end": "2026-03-01T08:00:00"}, ["$.end"]),
        ({"phases": [SLEEPY]}, ["'sleepy'", "$.phases[0].clients[...]"]),
        ({"more": 1}, ["unknown field `more`"]),
    ],
)  # fmt: skip
def test_what_is_no_result_is_refused_with_its_place(change, words):
    """Another version, a wrong type, an unknown key or outcome: the message says what, where, and what to do."""
    data = json.loads(encode_result(_result())) | change
    with pytest.raises(ResultFormatError) as refused:
        convert_result(data)
    assert all(word in str(refused.value) for word in words), refused.value


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b"{}", b'{"playback": {}}', b"\xff\xfe", b"{" * 100_000])
def test_a_broken_line_is_refused(line):
    """Whatever comes instead of a result is an error with words, never another exception."""
    with pytest.raises(ResultFormatError, match="not a run's result"):
        read_result(line)


def test_a_lab_that_tells_something_else_is_an_error(monkeypatch):
    """The command that reads the pipe says which scenario it was and what is wrong with the line; exit code 1."""

    class World:
        def end(self):
            """Nothing to end."""

        def wait(self):
            """Nothing to wait for."""

    scenario = load_scenario("short-blip")
    monkeypatch.setattr(private_play, "launch", lambda *_, **__: (World(), b'{"version":"99"}'))
    with pytest.raises(LabError, match=r"short-blip: .*version '99'") as refused:
        private_play.play_privately(None, scenario)
    assert refused.value.exit_code == 1


def test_a_failure_keeps_its_text_and_exit_code():
    """What a lab's process tells of a failure is told by the command, also if the line is broken."""
    for kind in (LabError, LabInputError, PrerequisiteError):
        told = read_failure(encode_failure('no "such" thing\n', kind.exit_code))
        assert (told.error, told.exit_code) == ('no "such" thing\n', kind.exit_code)
    assert read_failure(encode_result(_result())) is None
    assert "cannot be read" in read_failure(b'{"error":"half').error
    assert read_failure(b'{"error":"no code"}').exit_code == 1


def test_results_are_frozen_values():
    """A reader cannot change what another reads."""
    with pytest.raises(AttributeError):
        _result().seed = 3
    assert msgspec.structs.replace(_result(), seed=3).seed == 3
