"""The rules of the matrix and of comparisons: what was not played is no success, and a job that dies is an error."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ssosim.cli.main import main
from ssosim.cli.matrix import _choose_flows
from ssosim.lab.base.errors import LabError, LabInputError, PrerequisiteError
from ssosim.real_clients import matrix
from ssosim.real_clients.batch import Cell, Job, JobDone, JobFailed, Message, PhaseBegan
from ssosim.real_clients.cell_status import describe_broken_cells, find_matrix_status, require_cells
from ssosim.real_clients.credential_matrix import CredentialRow
from ssosim.real_clients.lookup import ClientFlow
from ssosim.real_clients.manifest import Deviation, Flow, Manifest, RealClient
from ssosim.real_clients.markdown import escape_markdown, render_page
from ssosim.real_clients.matrix import PASSWORD_FAULTS, Matrix, play_clients
from ssosim.real_clients.measured import (
    MeasurementDifference,
    count_compared_cells,
    find_measurement_differences,
    load_measured,
)
from ssosim.real_clients.model_comparison import compare
from ssosim.real_clients.parallel_runs import _decode_message, _find_startable, _read_result, _RunningJob
from ssosim.real_clients.sent_requests import SentRequests
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.model import Client, Scenario
from ssosim.verdict.expectations import BrokenExpectation, Expectation
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.status import Status

MEASURED = "msal-python/username-password"


def flow(*deviations: Deviation, model: str | None = "office") -> ClientFlow:
    """A flow of a real client called ``mine``."""
    one = Flow(name="f", title="t", run=("true",), model=model, deviations=deviations)
    return ClientFlow(RealClient(Manifest(name="mine", title="M", flows=(one,)), Path("/mine")), one)


def cell(client: str, phase: str = "p", outcome: str = "silent", scenario: str = "s", **more: Any) -> Cell:
    """A cell of one client in one phase."""
    sent = SentRequests(**{name: more.pop(name) for name in ("steps", "spns", "passwords") if name in more})
    return Cell(
        scenario=scenario, phase=phase, client=client, outcome=Outcome(outcome), reason="why", sent=sent, **more
    )


REAL, MODEL = "mine/f", "model of mine/f"


def test_a_phase_that_one_side_has_not_played_is_told() -> None:
    """Nothing was compared there: without a word about it, a client that never started would be like its model."""
    both = [cell(REAL), cell(MODEL)]
    assert compare(both, [flow()]).wrong(REAL) == []
    assert compare([*both, cell(MODEL, "q")], [flow()]).wrong(REAL) == ["mine/f in s#q: only the model has played"]
    assert compare([*both, cell(REAL, "q")], [flow()]).wrong(REAL) == ["mine/f in s#q: only the real client has played"]


def test_a_comparison_of_nothing_is_wrong() -> None:
    """Without one cell of the flow there is nothing that could differ; that is no agreement."""
    (wrong,) = compare([cell("other/f"), cell("model of other/f")], [flow()]).wrong(REAL)
    assert wrong == "mine/f: neither the real client nor its model has played, so nothing was compared"


def test_a_flow_without_a_model_is_not_compared() -> None:
    """There is no model that could have played."""
    assert compare([cell(REAL)], [flow(model=None)]).wrong(REAL) == []
    assert compare([], [flow(model=None)]).wrong(REAL) == []


@pytest.mark.parametrize(
    ("fields", "differs", "sides"),
    [
        ({"outcome": "failed"}, "outcome", "the model has [silent], the real client [failed] (why)"),
        ({"outcome": "interactive"}, "outcome", "the model has [silent], the real client [interactive] (why)"),
        ({"spns": ("HTTP/a", "HTTP/b")}, "spn", "the model has [], the real client [HTTP/a, HTTP/b]"),
        ({"steps": ("realm", "realm")}, "requests", "the model has [nothing], the real client [realm x2]"),
        ({"steps": ("a", "b", "a")}, "requests", "the model has [nothing], the real client [a, b, a]"),
    ],
)
def test_each_difference_has_both_sides(fields: dict[str, Any], differs: str, sides: str) -> None:
    """Outcome, services and requests in their order are compared, one by one."""
    found = compare([cell(REAL, **fields), cell(MODEL)], [flow()])
    assert [str(each) for each in found.differences] == [f"mine/f in s#p: {differs}: {sides}"]


@pytest.mark.parametrize(
    ("phase", "fits"),
    [("*", True), ("p", True), ("s#p", True), ("s#*", True), ("q", False), ("t#p", False), ("t#*", False), ("", False)],
)
def test_a_deviation_excuses_its_own_place_only(phase: str, fits: bool) -> None:
    """By phase, by scenario and phase, by scenario, or everywhere; a reason for one place is none for another."""
    excuse = Deviation(phase=phase, differs="outcome", reason="known")
    found = compare([cell(REAL, outcome="failed"), cell(MODEL)], [flow(excuse)])
    assert (found.differences[0].known is excuse) is fits
    assert bool(found.wrong(REAL)) is not fits


def test_a_deviation_excuses_its_own_kind_only() -> None:
    """A known difference of the requests does not excuse another outcome."""
    excuse = Deviation(phase="*", differs="requests", reason="known", at_times=True)
    assert len(compare([cell(REAL, outcome="failed"), cell(MODEL)], [flow(excuse)]).wrong(REAL)) == 1
    assert compare([cell(REAL, steps=("mex",)), cell(MODEL)], [flow(excuse)]).wrong(REAL) == []


def test_differences_of_another_flow_are_not_this_ones() -> None:
    """``wrong`` of a flow is about that flow."""
    found = compare([cell(REAL, outcome="failed"), cell(MODEL)], [flow()])
    assert found.wrong("other/f") == []
    assert len(found.wrong(REAL)) == 1


def test_only_rows_with_a_measurement_count_as_compared() -> None:
    """A row that nobody measured, a client or a scenario of no measurement is not "as measured"."""
    facts = load_measured()
    row = next(iter(facts.rows))
    mine = cell(MEASURED, row, scenario=facts.scenario)
    assert count_compared_cells([mine]) == 1
    others = [
        cell(MEASURED, "a row that nobody measured", scenario=facts.scenario),
        cell(MEASURED, row, scenario="feb-2025"),
        cell("nobody/f", row, scenario=facts.scenario),
    ]
    assert count_compared_cells(others) == 0
    assert list(find_measurement_differences(others)) == []


def test_a_wait_that_never_ended_is_not_as_measured() -> None:
    """A client without a decision has not decided at the measured time."""
    wait = load_measured().times[0]
    never = cell(wait.clients[0], wait.phase, scenario=wait.scenario)
    (found,) = find_measurement_differences([never])
    assert (found.seen, found.reason) == ("not decided", None)
    for decided, wrong in ((wait.seconds + wait.within, 0), (wait.seconds + wait.within + 0.1, 1)):
        late = cell(wait.clients[0], wait.phase, scenario=wait.scenario, decided_s=decided)
        assert len(list(find_measurement_differences([late]))) == wrong


def test_every_outcome_but_silent_is_no_token() -> None:
    """The measurements say whether a token came without the user."""
    facts = load_measured()
    library = next(name for name, flows in facts.clients.items() if MEASURED in flows)
    row = next(row for row, cells in facts.rows.items() if cells[library].endswith("token"))
    digits = facts.rows[row][library].split()[0]
    steps = tuple(
        str(step) for step, digit in zip(facts.steps, digits, strict=True) for _ in range(int(digit.replace("-", "0")))
    )
    for outcome in Outcome:
        found = list(find_measurement_differences([cell(MEASURED, row, outcome, facts.scenario, steps=steps)]))
        assert bool(found) is (outcome is not Outcome.SILENT)


BROKEN = BrokenExpectation(rule="outcome", expected="silent", found="refused")


def test_a_broken_expectation_of_a_cell_is_told_with_its_place() -> None:
    """The sentence names client, scenario, phase, what was expected and the reason; other cells have none."""
    good = cell(REAL, status="passed", expected=Expectation(outcome=(Outcome.SILENT,)))
    bad = cell(REAL, "q", "refused", status="failed", broken=(BROKEN,), as_expected=False)
    assert describe_broken_cells([good, bad]) == ["mine/f in s#q: refused, expected silent: why"]
    page = render_page(Matrix((flow(),), (), (good, bad)), [])
    assert "## Broken expectations" in page
    assert "- mine/f in s#q: refused, expected silent: why" in page


def test_a_reason_from_outside_is_shown_as_it_is() -> None:
    """Markup and column marks of a server's text are text in the page, and a line end starts no heading."""
    reason = "a|b <img src=x onerror=y> [t](javascript:z) `c` KDC_ERR\n## All passed \x1b[2J"
    assert escape_markdown(reason) == (
        r"a\|b \<img src=x onerror=y\> \[t\](javascript:z) \`c\` KDC_ERR\\n## All passed \\x1b\[2J"
    )
    bad = msgspec.structs.replace(
        cell(REAL, "q", "refused", status="failed", broken=(BROKEN,), as_expected=False), reason=reason
    )
    page = render_page(Matrix((flow(),), (), (bad,)), [])
    assert "<img" not in page.replace(r"\<img", "")
    assert "\n## All passed" not in page


@pytest.mark.parametrize(
    ("statuses", "whole"),
    [
        (["not-judged"], "not-judged"),
        (["not-judged", "passed"], "passed"),
        (["passed", "failed", "not-judged"], "failed"),
    ],
)
def test_a_matrix_of_which_nothing_is_expected_is_not_passed(statuses: list[Status], whole: str) -> None:
    """One broken cell fails the matrix; without one judged cell it has neither passed nor failed."""
    cells = [cell(REAL, f"p{number}", status=status) for number, status in enumerate(statuses)]
    assert find_matrix_status(cells, []) == whole


def test_measurements_judge_a_matrix_too() -> None:
    """A cell that was measured is judged by that; a difference without a reason is a failure, one with one is none."""
    facts = load_measured()
    row = next(iter(facts.rows))
    mine = cell(MEASURED, row, scenario=facts.scenario)
    assert find_matrix_status([mine], []) == "passed"
    without, reasoned = (MeasurementDifference(row, MEASURED, "1111 token", "1 none", why) for why in (None, "known"))
    assert find_matrix_status([mine], [without]) == "failed"
    assert find_matrix_status([mine], [reasoned]) == "passed"


@pytest.mark.parametrize(("broken", "code"), [((), 0), ((BROKEN,), 1)])
def test_the_matrix_of_credentials_fails_by_an_expectation(
    broken: tuple[BrokenExpectation, ...],
    code: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Its cells are judged as those of the other matrices; a broken one is exit code 1 and a sentence."""
    cells = (cell(REAL, broken=broken, status="failed" if broken else "passed"), cell("mine/chain"))
    row = CredentialRow("host-500", "vm", "silent", "steps", "goes on", "why", cells)
    monkeypatch.setattr("ssosim.real_clients.credential_matrix.play_credentials", lambda *_: (row,))
    assert main(["matrix", "--set", "credentials"]) == code
    printed = capsys.readouterr()
    assert f"1 are judged by an expectation, {code} break it" in printed.out
    assert ("mine/f in s#p: silent, expected silent: why" in printed.err) is bool(broken)


def test_a_flow_that_is_named_twice_is_played_once(tmp_path: Path) -> None:
    """A client and one of its flows, or one name twice; another client of the same name is a mistake."""
    once = [each.name for each in _choose_flows(["curl"], "sign-in")]
    assert [each.name for each in _choose_flows(["curl", "curl/winauth-sso", "curl"], "sign-in")] == once
    (tmp_path / "curl").mkdir()
    text = 'name = "curl"\ntitle = "t"\n[[flows]]\nname = "winauth-sso"\ntitle = "t"\nrun = ["true"]\n'
    (tmp_path / "curl/client.toml").write_text(text, encoding="utf-8")
    with pytest.raises(LabInputError, match="two real clients are called 'curl/winauth-sso'"):
        _choose_flows(["curl", str(tmp_path / "curl")], "sign-in")


def test_a_matrix_without_a_cell_is_an_error() -> None:
    """Nothing that was played is no agreement with anything."""
    with pytest.raises(LabError, match="no sign-in was played"):
        require_cells([])
    require_cells([cell(REAL)])


def test_the_page_says_how_many_cells_were_compared() -> None:
    """Of no measurement nothing is "as measured"; a cell that was not played is empty."""
    scenario = load_scenario(PASSWORD_FAULTS)
    page = render_page(
        Matrix((flow(),), (scenario,), (cell(REAL, scenario.phases[0].name, scenario=scenario.name),)), []
    )
    assert "Of 0 cells, 0 are as measured." in page
    rows = [line for line in page.splitlines() if line.startswith("| `") and line.count("|") == 3]
    played = [line for line in rows if "silent" in line]
    assert [line.split("`")[1] for line in played] == [scenario.phases[0].name]


# jobs


def job(*, waits: bool = False, name: str = "feb-2025") -> Job:
    """A job with the phases of a scenario."""
    return Job(lab="x", scenario=load_scenario(name), waits=waits)


def running(*messages: Message, code: int = 0) -> _RunningJob:
    """A job whose process has ended with ``code``, after these messages."""
    process: Any = SimpleNamespace(returncode=code)
    return _RunningJob(job(), process, messages=list(messages))


@pytest.mark.parametrize("code", [0, 1, 137])
def test_a_job_that_ends_without_its_cells_is_an_error(code: int) -> None:
    """Whatever its exit code: a process that was killed, or that printed nothing, has no result."""
    with pytest.raises(LabError, match=f"feb-2025: the process that played it ended with code {code}"):
        _read_result(running(PhaseBegan(phase="healthy"), code=code))


@pytest.mark.parametrize(("code", "kind"), [(2, LabInputError), (3, PrerequisiteError), (1, LabError), (77, LabError)])
def test_the_error_of_a_job_keeps_its_kind(code: int, kind: type[LabError]) -> None:
    """The exit code of ssosim is that of the job: 2 for input, 3 for what the machine lacks."""
    with pytest.raises(kind, match="feb-2025: no room") as raised:
        _read_result(running(JobFailed(error="no room", exit_code=code)))
    assert type(raised.value) is kind


def test_the_cells_of_a_job_are_those_of_its_message() -> None:
    """In their order, and whatever began before."""
    cells = (cell("a"), cell("b"))
    assert _read_result(running(PhaseBegan(phase="healthy"), JobDone(cells=cells))) == cells


@pytest.mark.parametrize(
    "line",
    [b"hello\n", b"{}\n", b'{"what":"done"}\n', b'{"what":"done","cells":[{}]}\n', b"\xff\n", b'{"what":"ended"}\n'],
)
def test_a_line_that_is_no_message_is_an_error(line: bytes) -> None:
    """What a library prints to standard output is no result; the error shows its beginning, in one line."""
    with pytest.raises(LabError, match="feb-2025: its process sent an invalid message") as raised:
        _decode_message(running(), line)
    assert "\n" not in str(raised.value)


def test_one_job_that_waits_runs_beside_the_others() -> None:
    """Jobs that mostly wait take no place of the others, and only one of them runs at a time."""
    waiting, usual = job(waits=True), job()
    now = running()

    def startable(queue: list[Job], active: list[bool], at_once: int = 2) -> int | None:
        return _find_startable(
            list(enumerate(queue)), [_RunningJob(job(waits=each), now.process) for each in active], at_once
        )

    assert startable([usual], []) == 0
    assert startable([usual], [False]) == 0
    assert startable([usual], [False, False]) is None
    assert startable([usual], [False, True]) == 0
    assert startable([waiting], [False, False]) == 0
    assert startable([waiting], [True]) is None
    assert startable([waiting, usual], [True, False]) == 1
    assert startable([usual], [], at_once=0) == 0
    assert startable([], []) is None


@pytest.fixture
def jobs_played(monkeypatch: pytest.MonkeyPatch) -> list[list[Job]]:
    """The jobs of each call; a client is silent, and ``poster`` posts a password."""
    calls: list[list[Job]] = []

    def play(jobs: list[Job], _at_once: int, _progress: object) -> tuple[Cell, ...]:
        calls.append(list(jobs))
        return tuple(
            cell(client.name, phase.name, scenario=each.scenario.name,
                 passwords={"sts.fabrikam.com": 1} if client.name == "poster" else {})
            for each in jobs for phase in each.scenario.phases for client in each.scenario.clients
        )  # fmt: skip

    monkeypatch.setattr(matrix, "play_jobs", play)
    return calls


def test_each_phase_of_each_scenario_is_played_once(jobs_played: list[list[Job]]) -> None:
    """Phases are split into jobs: none is left out, and none is played twice; each job has a lab of its own."""
    scenarios = [load_scenario(name) for name in ("feb-2025", "kdc-unreachable", "middlebox")]
    cells = play_clients(scenarios, [Client(name="one", model="office")])
    (jobs,) = jobs_played
    expected = {(scenario.name, phase.name) for scenario in scenarios for phase in scenario.phases}
    assert sorted((each.scenario, each.phase) for each in cells) == sorted(expected)
    assert len({each.lab for each in jobs}) == len(jobs)
    assert [each.waits for each in jobs] == sorted((each.waits for each in jobs), reverse=True)


@pytest.mark.usefixtures("jobs_played")
def test_the_fault_rows_are_played_by_those_that_post_a_password() -> None:
    """The healthy row shows who posts one; others are left out of the rows, and of the healthy one too."""
    rows = load_scenario(PASSWORD_FAULTS)
    cells = play_clients([rows], [Client(name="poster", model="office"), Client(name="other", model="office")])
    assert {each.client for each in cells} == {"poster"}
    assert [each.phase for each in cells] == [phase.name for phase in rows.phases]
    assert play_clients([rows], [Client(name="other", model="office")]) == ()


@pytest.mark.usefixtures("jobs_played")
def test_a_fault_row_of_which_a_client_expects_something_is_played() -> None:
    """A key of its manifest names the row; a client that posts no password plays just these rows."""
    rows = load_scenario(PASSWORD_FAULTS)
    first, second, third = (phase.name for phase in rows.phases[:3])

    def played(*keys: str) -> list[str]:
        mine = Client(name="mine/f", model="office", expect=dict.fromkeys(keys, "silent"))
        return [each.phase for each in play_clients([rows], [mine])]

    assert played(first) == [first]
    assert played(third) == [third]
    assert played(f"{rows.name}#{first}", second) == [first, second]
    assert played(f"{rows.name}#*") == [phase.name for phase in rows.phases]
    assert played("*", "feb-2025#cname", f"feb-2025#{first}") == []


@pytest.mark.usefixtures("jobs_played")
def test_a_measured_client_that_no_longer_posts_a_password_is_played() -> None:
    """A client that was measured in the rows cannot leave them by failing in the first one: its rows differ then."""
    rows = load_scenario(PASSWORD_FAULTS)
    cells = play_clients([rows], [Client(name=MEASURED, model="office")])
    assert [each.phase for each in cells] == [phase.name for phase in rows.phases]
    assert [each for each in find_measurement_differences(cells) if each.reason is None]


@given(st.lists(st.sampled_from(["realm", "mex", "token"]), max_size=12))
def test_a_sequence_of_requests_can_be_counted_back(steps: list[str]) -> None:
    """The text has every request: repetitions are counted, and their order is kept."""
    text = SentRequests(steps=tuple(steps)).sequence
    again: list[str] = []
    for part in [] if text == "nothing" else text.split(", "):
        step, _, number = part.partition(" x")
        again += [step] * int(number or 1)
    assert again == steps


def test_a_scenario_keeps_its_faults_when_it_is_split(jobs_played: list[list[Job]]) -> None:
    """A job has the phases of its scenario as they are, with their faults."""
    scenario: Scenario = load_scenario("kdc-unreachable")
    play_clients([scenario], [Client(name="one", model="office")])
    played = {phase.name: phase.faults for each in jobs_played[0] for phase in each.scenario.phases}
    assert played == {phase.name: phase.faults for phase in scenario.phases}
