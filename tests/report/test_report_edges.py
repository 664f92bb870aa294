"""Reports on runs at the edges: without phases, without length, without expectations; faults that are alike."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree, html
from msgspec.structs import replace

from ssosim.report.evidence import faults_in_force
from ssosim.report.html import html_report
from ssosim.report.junit import junit_xml
from ssosim.report.repeat_command import build_repeat_command
from ssosim.report.safe_text import span
from ssosim.report.text_table import find_outcomes, table
from ssosim.report.time_scale import Scale
from ssosim.report.timeline_data import fault_spans
from ssosim.trace import Event, FaultApplied, FaultUndone, Record
from ssosim.verdict import Outcome
from ssosim.verdict.expectations import BrokenExpectation, Expectation
from ssosim.verdict.measures import Exposure, Measures
from ssosim.verdict.result import ClientResult, PhaseResult, RunResult

Change = Callable[[RunResult], RunResult]


def change_phases(result: RunResult, change: Callable[[PhaseResult], PhaseResult]) -> RunResult:
    """The result with each phase changed."""
    return replace(result, phases=tuple(change(phase) for phase in result.phases))


def change_clients(result: RunResult, **fields: object) -> RunResult:
    """The result with fields of each client in each phase changed."""

    def changed(phase: PhaseResult) -> PhaseResult:
        return replace(phase, clients={name: replace(each, **fields) for name, each in phase.clients.items()})

    return change_phases(result, changed)


def read_suite(result: RunResult) -> etree._Element:
    """The suite of the JUnit document."""
    return etree.fromstring(junit_xml(result, (), again="x", took_s=1.0).encode())[0]


EDGES: dict[str, Change] = {
    "no phase": lambda run: replace(run, phases=()),
    "no client": lambda run: change_phases(run, lambda phase: replace(phase, clients={})),
    "the last phase has no length": lambda run: replace(run, end=run.phases[-1].start),
    "no phase has a length": lambda run: change_phases(
        replace(run, end=run.phases[0].start), lambda phase: replace(phase, start=run.phases[0].start)
    ),
    "two phases begin at once": lambda run: replace(
        run, phases=(run.phases[0], replace(run.phases[1], start=run.phases[0].start), run.phases[2])
    ),
    "nothing is expected": lambda run: change_clients(run, expected=None, broken=(), as_expected=True),
    "a microsecond": lambda run: replace(run, end=run.phases[-1].start + timedelta(microseconds=1)),
}


@pytest.mark.parametrize("edge", EDGES)
def test_each_run_has_a_report_in_each_format(story: Any, edge: str) -> None:
    """Whatever the run was, its page, its JUnit document and its table are complete documents with its name."""
    result = EDGES[edge](story().result)
    page = html.document_fromstring(html_report(result, story().records))
    assert "story" in page.text_content()
    cases = sum(len(phase.clients) for phase in result.phases)
    assert len(page.xpath("//details")) == cases
    assert int(read_suite(result).get("tests")) == len(read_suite(result).findall("testcase")) == cases
    for columns in (None, 20, 80):
        assert table(result, columns).startswith("story: A story")


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=20), st.floats(-1e6, 1e8))
def test_a_place_on_the_scale_is_on_the_page(lengths: list[float], moment: float) -> None:
    """Phases of any length, also of none: each moment has a place between the edges, and order is kept."""
    stops = [1.7e9]
    for length in lengths:
        stops.append(stops[-1] + length)
    scale = Scale.over(stops, 200, 1160, least=88)
    assert scale.marks == tuple(sorted(scale.marks))
    assert scale.marks[-1] == pytest.approx(1160)
    assert 200 <= scale.x(stops[0] + moment) <= 1160.1
    assert scale.x(stops[0]) <= scale.x(stops[-1])


def make_records(*events: Event) -> list[Record]:
    """One record a second."""
    return [Record(seq, float(seq), "", event) for seq, event in enumerate(events, 1)]


def test_of_two_faults_that_are_alike_the_one_that_was_undone_ended() -> None:
    """A fault has a number: an undone fault is that one, not the one that was applied last."""
    alike = [FaultApplied(name="f", detail="x", id=1), FaultApplied(name="f", detail="x", id=2)]
    records = make_records(*alike, FaultUndone(name="f", detail="x", id=1), FaultUndone(name="f", detail="x", id=2))
    assert [(each.begin, each.end) for each in fault_spans(records, 9.0)] == [(1.0, 3.0), (2.0, 4.0)]
    assert [record.seq for record in faults_in_force(records, 4)] == [2]
    assert [record.seq for record in faults_in_force(records, 5)] == []


def test_an_undone_fault_of_another_number_ends_none() -> None:
    """The same name and detail are not enough: with other numbers they are other faults."""
    records = make_records(FaultApplied(name="f", detail="x", id=1), FaultUndone(name="f", detail="x", id=7))
    assert [(each.begin, each.end) for each in fault_spans(records, 9.0)] == [(1.0, 9.0)]
    assert [record.seq for record in faults_in_force(records, 3)] == [1]


def read_status(suite: Any) -> str:
    """Return the property ``status`` of a JUnit suite."""
    return str(suite.find("properties/property[@name='status']").get("value"))


def test_a_case_that_could_not_fail_is_skipped(story: Any) -> None:
    """A test case without an expectation is no success: it is skipped, and says that nothing is expected of it."""
    suite = read_suite(EDGES["nothing is expected"](story().result))
    assert [suite.get("tests"), suite.get("skipped"), suite.get("failures")] == ["6", "6", "0"]
    assert all("nothing is expected of it" in case.find("skipped").get("message") for case in suite.iter("testcase"))
    only_exposure = change_clients(story().result, expected=Expectation(no_exposure=True), broken=(), as_expected=True)
    suite = read_suite(only_exposure)
    assert suite.get("skipped") == "6"
    assert all("only an exposure could fail here" in each.get("message") for each in suite.iter("skipped"))
    assert read_status(suite) == "not-judged"


def test_a_broken_expectation_about_exposure_alone_fails(story: Any) -> None:
    """What is broken is a failure, also where nothing else was expected."""
    broken = (BrokenExpectation(rule="no-exposure", expected="no exposure", found="password to h"),)
    result = change_clients(story().result, expected=Expectation(no_exposure=True), broken=broken, as_expected=False)
    suite = read_suite(result)
    assert [suite.get("failures"), suite.get("skipped")] == ["6", "0"]
    assert read_status(suite) == result.status == "failed"
    assert "expected no exposure, found password to h" in suite.find("testcase/failure").get("message")
    assert "(!)" in table(result)
    assert "0 of 6 outcomes are as expected" in table(result)


def test_a_client_that_did_not_play_is_told_in_each_format(story: Any) -> None:
    """A client that was left out is no success: it is skipped with the reason, and stands in table and page."""
    result = replace(story().result, left_out={"java": "the estate has no realm"})
    suite = read_suite(result)
    assert [suite.get("tests"), suite.get("skipped")] == ["7", "1"]
    assert suite.find("testcase/skipped").get("message") == "left out: the estate has no realm"
    assert "left out: java: the estate has no realm" in table(result)
    assert "left out: java: the estate has no realm" in html.document_fromstring(html_report(result, ())).text_content()


def test_a_run_in_which_nothing_could_fail_says_so_first(story: Any) -> None:
    """The page has no tick and the table no count of successes where nothing is expected."""
    result = EDGES["nothing is expected"](story().result)
    page = html.document_fromstring(html_report(result, ()))
    assert "Not judged: nothing is expected of any outcome, so none could fail." in page.text_content()
    assert "✓" not in page.text_content()
    assert "not judged: nothing is expected of any outcome, so none could fail" in table(result)
    assert "as expected;" not in table(result)


@pytest.mark.parametrize(
    ("note", "why"),
    [("the lab itself paused for 5.0 s here", "a pause of the lab"), ("", "no note")],
)
def test_a_note_beside_an_outcome_is_in_each_format(story: Any, note: str, why: str) -> None:
    """A reader of any format sees that times are not the client's."""
    broken = (BrokenExpectation(rule="outcome", expected="silent", found="failed"),)
    result = change_clients(story().result, note=note, broken=broken, as_expected=False)
    texts = [
        table(result),
        html.document_fromstring(html_report(result, ())).text_content(),
        read_suite(result).findtext("testcase/failure"),
    ]
    assert [(why, "paused for 5.0 s" in text) for text in texts] == [(why, bool(note))] * 3


def test_exposed_credentials_are_in_each_format(story: Any) -> None:
    """An exposure is told with its host and its reason, once however often it happened."""
    leak = Exposure("password", "evil.example", "this host is none of the services", 3)
    broken = (BrokenExpectation(rule="no-exposure", expected="no exposure", found="x"),)
    measures = Measures(exposures=(leak, leak))
    result = change_clients(story().result, measures=measures, broken=broken, as_expected=False)
    words = "password to evil.example (this host is none of the services)"
    assert table(result).count(words) == 6
    assert read_suite(result).findtext("testcase/failure").count(words) == 1
    assert "evil.example" in html.document_fromstring(html_report(result, ())).text_content()


def test_a_line_end_in_a_reason_adds_no_line_to_the_table(story: Any) -> None:
    """A server's text could else write outcomes of its own into the table."""
    lie = "no\n  office  silent: signed in\n6 of 6 outcomes are as expected"
    plain, lied = table(story().result), table(change_clients(story().result, reason=lie))
    assert len(plain.splitlines()) == len(lied.splitlines())
    assert "\\n  office  silent" in lied


def test_the_outcomes_that_are_coloured_are_those_of_the_run(story: Any) -> None:
    """Only the words that are outcomes are found, each at its place; a reason that has such a word is none."""
    result = change_clients(story().result, reason="it was not silent")
    text = table(result)
    found = list(find_outcomes(text))
    assert all(text[start:end] == outcome for start, end, outcome in found)
    cells = [each.outcome for phase in result.phases for each in phase.clients.values()]
    assert sorted(outcome for _, _, outcome in found) == sorted(cells * 2)


@given(st.floats(0, 1e7))
def test_a_length_of_time_is_never_empty(seconds: float) -> None:
    """Each length has words, and no part of 60 or more but hours."""
    words = span(seconds)
    assert words
    assert "60 s" not in words
    assert "60 min" not in words


@pytest.mark.parametrize("outcome", list(Outcome))
def test_each_outcome_has_a_letter_and_a_meaning(story: Any, outcome: Outcome) -> None:
    """The legend of the page has every outcome that a run can have."""
    result = change_clients(story().result, outcome=outcome)
    page = html.document_fromstring(html_report(result, ()))
    assert len(page.xpath(f"//ul[@class='legend']//span[@class='chip c-{outcome}']/span[@class='letter']")) == 1
    assert str(outcome) in page.xpath("//svg//a/@aria-label")[0]


def test_the_command_that_repeats_a_run_is_one_command() -> None:
    """Each word is quoted for a POSIX shell: a client name or a program cannot add a command."""
    import shlex  # noqa: PLC0415 - this test alone reads a command line

    evil = "a; rm -rf ~ 'x' $(y) `z` \"\n"
    command = build_repeat_command(evil, [evil, "--json"], 7, evil, [evil], ["--expect", evil])
    words = ["ssosim", "run", evil, "--client", evil, "--client", "--json", "--exec", evil, "--expect", evil]
    assert shlex.split(command) == [*words, "--seed", "7", "--estate", evil]


def test_a_verdict_in_a_result_is_the_whole_verdict(story: Any) -> None:
    """What a result makes of a verdict, and the verdict that it gives back, have the same fields."""
    first: ClientResult = next(iter(story().result.phases[0].clients.values()))
    again = ClientResult.of(first.verdict, measures=first.measures, expected=first.expected, decided_s=first.decided_s)
    assert again == first
