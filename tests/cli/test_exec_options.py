"""``ssosim exec``: what its options ask of the lab, and which exit code is whose. No lab and no program runs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from ssosim.lab.base.errors import LabError, LabInputError
from ssosim.lab.control.answers import Faults
from ssosim.lab.control.expectation_query import parse_expectation
from ssosim.verdict.expectations import Expectation
from ssosim.verdict.outcome import Outcome

GOOD = {"outcome": "silent", "reason": "it signed in", "as_expected": True, "broken": [], "measures": {"requests": 3}}
BAD = {
    "outcome": "failed",
    "reason": "no KDC answered",
    "as_expected": False,
    "broken": [{"rule": "outcome", "expected": "silent", "found": "failed"}],
}


class Executed:
    """Stands in for the program on its device: ends with ``code``; ``options`` are what the command passed."""

    def __init__(self) -> None:
        self.code = 0
        self.device = True
        self.calls: list[tuple[list[str], dict[str, Any]]] = []
        self.queries: list[dict[str, str]] = []
        self.verdict: dict[str, Any] = GOOD
        self.faults: tuple[dict[str, object], ...] = ()

    def execute(self, _: object, argv: list[str], *, identify: Callable[[str, int], None], **options: Any) -> int:
        """As ``execute`` of the lab: ``identify`` is called if there was a device."""
        self.calls.append((argv, options))
        if self.device:
            identify("prog-1", 7)
        return self.code

    def request_json(self, _: object, method: str, path: str) -> dict[str, Any]:
        """The verdict on the program."""
        assert method == "GET"
        self.queries.append({key: value for key, (value,) in parse_qs(urlsplit(path).query).items()})
        return {"verdicts": [self.verdict]}

    def request_typed(self, _: object, method: str, path: str, kind: type[Faults]) -> Faults:
        """The faults in force, with what they touched of the program."""
        query = parse_qs(urlsplit(path).query)
        assert (method, urlsplit(path).path, query) == ("GET", "/v1/faults", {"client": ["prog-1"], "since": ["7"]})
        return kind(faults=self.faults)


@pytest.fixture
def program(own_home, monkeypatch: pytest.MonkeyPatch) -> Executed:
    """A program that runs nowhere."""
    assert own_home.is_dir()
    made = Executed()
    monkeypatch.setattr("ssosim.cli.execute.execute", made.execute)
    monkeypatch.setattr("ssosim.cli.execute.request_json", made.request_json)
    monkeypatch.setattr("ssosim.lab.control.answers.request_typed", made.request_typed)
    return made


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--expect", "silent|interactive"], Expectation(outcome=(Outcome.SILENT, Outcome.INTERACTIVE))),
        (["--never", "stalled", "--never", "failed"], Expectation(never=(Outcome.STALLED, Outcome.FAILED))),
        (["--within", "1m30s"], Expectation(within_s=90.0)),
        (["--code", "AADSTS50126|AADSTS50034"], Expectation(code=("AADSTS50126", "AADSTS50034"))),
        (["--reason-contains", "a=b&c"], Expectation(reason_contains=("a=b&c",))),
        (["--max-prompts", "0"], Expectation(max_prompts=0)),
        (["--max-rate", "60/min"], Expectation(max_requests_per_minute=60.0)),
        (["--no-exposure"], Expectation(no_exposure=True)),
        (["--expect", "silent", "--allow-exposure"], Expectation(outcome=(Outcome.SILENT,), no_exposure=False)),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_each_expectation_reaches_the_judge_unchanged(words, expected, program, play_command):
    """What the lab reads from the query of ``GET /v1/verdicts`` is what the options say, about this program."""
    ended = play_command("exec", *words, "--", "prog", "--its", "own")
    assert ended.code == 0
    assert program.calls[0][0] == ["prog", "--its", "own"]
    (query,) = program.queries
    assert (query.pop("client"), query.pop("since")) == ("prog-1", "7")
    assert parse_expectation(query) == expected


@pytest.mark.parametrize("code", [0, 1, 2, 3, 124, 255])
@pytest.mark.parametrize("words", [[], ["--expect", "silent"]], ids=["nothing expected", "silent expected"])
def test_the_programs_exit_code_is_its_own(code, words, program, play_command):
    """Where nothing is expected, or what is expected holds, the exit code is the program's, whatever it is."""
    program.code = code
    assert play_command("exec", *words, "--", "prog").code == code
    assert len(program.queries) == len(words) // 2


@pytest.mark.parametrize(("idle", "notes"), [("nothing asked for its names", 1), ("", 0)])
def test_a_fault_that_touched_nothing_is_told_beside_a_success(idle, notes, program, play_command):
    """A success under a fault that changed no exchange of the program has a note; the exit code stays its own."""
    program.code = 3
    program.faults = ({"id": 1, "fault": "servfail", "description": "d", "suspended": False, "idle": idle},)
    ended = play_command("exec", "--expect", "silent", "--", "prog")
    assert (ended.code, ended.err.count("note: servfail, in force, touched nothing of prog-1")) == (3, notes)


@pytest.mark.parametrize("code", [0, 1, 121, 124])
def test_a_broken_expectation_has_its_own_exit_code(code, program, play_command):
    """121 and each broken rule with what was found, also if the program itself ended with 0."""
    program.code, program.verdict = code, BAD
    ended = play_command("exec", "--expect", "silent", "--", "prog")
    assert (ended.code, ended.out) == (121, "")
    assert "outcome: expected silent, found failed" in ended.err
    assert f"prog-1 was failed: no KDC answered; the program ended with exit code {code}" in ended.err


@pytest.mark.parametrize(
    ("words", "code", "ends"),
    [
        ("--no-exposure", 0, 121),
        ("--max-prompts 0 --never stalled --within 9s --max-rate 1/min", 0, 121),
        ("--no-exposure", 3, 3),
        ("--no-exposure --expect failed", 0, 0),
        ("--allow-exposure", 0, 0),
    ],
)
def test_a_program_that_sent_nothing_has_kept_no_bound(words, code, ends, program, play_command):
    """Bounds alone were not tested: no success, and the program's own failure stays. An outcome was."""
    program.code, program.verdict = code, GOOD | {"outcome": "failed", "measures": {"requests": 0}}
    ended = play_command("exec", *words.split(), "--", "prog")
    assert ended.code == ends
    assert ("prog-1 sent nothing in this lab" in ended.err) is ("expect" not in words and "allow" not in words)


def test_a_program_that_never_had_a_device_is_not_judged(program, play_command):
    """Without a device the exit code is ssosim's own; it is never 0."""
    program.code, program.device = 125, False
    assert play_command("exec", "--expect", "silent", "--", "prog").code == 125
    assert program.queries == []


@pytest.mark.parametrize("error", [LabError("it is gone"), LabInputError("no client")])
@pytest.mark.usefixtures("program")
def test_a_verdict_that_cannot_be_got_is_no_success(error, play_command, monkeypatch):
    """If the lab cannot judge, the exit code is 125, not the program's 0."""

    def refuse(*_: object) -> None:
        raise error

    monkeypatch.setattr("ssosim.cli.execute.request_json", refuse)
    ended = play_command("exec", "--expect", "silent", "--", "prog")
    assert (ended.code, ended.err) == (125, f"ssosim: {error}\n")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--expect", "silnt"], "did you mean 'silent'"),
        (["--expect", "cname=silent"], "there are no phases here"),
        (["--expect", "silent", "--expect", "failed"], "given twice"),
        (["--expect", "silent", "--never", "silent"], "--expect names it"),
        (["--expect", "silent", "--code", "AADSTS1"], "expected an error code"),
        (["--expect", "silent", "--code", "AADSTS50126"], "a client that signs in silently has no error code"),
        (["--within", "soon"], "duration above 0"),
        (["--max-prompts", "-1"], "whole number, 0 or more"),
        (["--max-rate", "fast"], "requests in a minute"),
        (["--reason-contains", "\x1b[2J"], "without control characters"),
        (["--deadline", "0"], "--deadline 0: expected seconds, more than 0"),
        (["--deadline", "32d"], "duration"),
        (["--deadline", "745h"], "at most 2678400"),
        (["--no-exposure", "--allow-exposure"], "not allowed with"),
        (["--last-step", "mex"], "invalid choice"),
        (["--person", "dances"], "invalid choice"),
    ],
    ids=lambda each: " ".join(each) if isinstance(each, list) else "",
)
def test_a_mistake_in_an_option_runs_nothing(words, says, program, play_command):
    """A wrong value is told with exit code 125, and the program is not started."""
    ended = play_command("exec", *words, "--", "prog")
    assert (ended.code, program.calls) == (125, [])
    assert says in ended.err


@pytest.mark.parametrize("words", [[], ["--"], ["--device", "desk-1"], ["--device", "desk-1", "--"]], ids=" ".join)
def test_no_program_is_a_mistake(words, program, play_command):
    """Without a program there is nothing to run: exit code 125."""
    ended = play_command("exec", *words)
    assert (ended.code, program.calls) == (125, [])
    assert "no program is given" in ended.err


def test_options_of_the_program_are_its_own(program, play_command):
    """What stands after ``--`` is the program's, options of ssosim's names included, and a second ``--``."""
    play_command("exec", "--device", "desk-2", "--as", "me", "--", "prog", "--device", "x", "--", "--name", "y")
    ((argv, options),) = program.calls
    assert argv == ["prog", "--device", "x", "--", "--name", "y"]
    assert (options["device"], options["label"], options["deadline"], options["ipv6"]) == ("desk-2", "me", None, None)
