"""What a verdict says of pauses of the lab itself, and what it does not let them change."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from html import unescape
from typing import Any

import pytest
from ssosim_clients.catalogue import find_model

from ssosim.clock import VirtualClock
from ssosim.estate import default_estate
from ssosim.lab.core.lab import Lab
from ssosim.report.html import html_report
from ssosim.report.junit import junit_xml
from ssosim.report.text_table import table
from ssosim.scenario.loader import parse_scenario
from ssosim.scenario.player import play
from ssosim.scenario.results import run_result
from ssosim.trace import ClientFinished, ClientMessage, DnsAnswered, Event, LabPaused, Record, TokenIssued
from ssosim.verdict.expectations import Expectation
from ssosim.verdict.explain import explain
from ssosim.verdict.judge import Verdict, judge
from ssosim.verdict.outcome import Outcome
from ssosim.verdict.pauses import Pause, select_pauses
from ssosim.verdict.result import VERSION, ClientResult, PhaseResult, RunResult, encode_result, read_result

BEGAN = 1000.0
ASKED = DnsAnswered(name="login.microsoftonline.com", type="A", rcode="NXDOMAIN")
SIGNED_IN = TokenIssued(kind="access", grant="saml", subject="alice")


def pause(after_seq: int, *, real_s: float = 1.3, lab_s: float = 1.3) -> LabPaused:
    """A pause behind that record."""
    return LabPaused(
        started_at=BEGAN, lab_s=lab_s, real_started_at=BEGAN, real_s=real_s, cpu_s=0.0, after_seq=after_seq
    )


def judged(*events: tuple[str, Event]) -> Verdict:
    """The verdict on "mine", from these events in their order, a second apart."""
    records = [Record(seq, BEGAN + seq, client, event) for seq, (client, event) in enumerate(events, 1)]
    return judge([record for record in records if record.client == "mine"], BEGAN, select_pauses(records))


def test_who_waits_is_excused_and_the_outcome_stays():
    """A pause between its first record and its end is in the verdict, which is the same otherwise."""
    with_pause = judged(("mine", ASKED), ("", pause(1)), ("mine", ASKED))
    without = judged(("mine", ASKED), ("other", ASKED), ("mine", ASKED))
    assert [each.seq for each in with_pause.pauses] == [2]
    assert with_pause.note == "the lab itself paused for 1.3 s here; times in this phase are not the client's"
    assert (
        (with_pause.outcome, with_pause.reason)
        == (without.outcome, without.reason)
        == (Outcome.STALLED, without.reason)
    )
    assert (without.pauses, without.note) == ((), "")


@pytest.mark.parametrize(
    ("events", "excused"),
    [
        ([("mine", ASKED), ("mine", SIGNED_IN), ("", pause(2))], False),
        ([("mine", ASKED), ("mine", SIGNED_IN), ("", pause(1))], True),  # its answer came out of the pause
        ([("", pause(0)), ("mine", ASKED), ("mine", SIGNED_IN)], False),
        ([("mine", ASKED), ("", pause(0)), ("mine", SIGNED_IN)], True),  # so did the answer to its first question
        ([("mine", ASKED), ("mine", ClientFinished(program="p", exit_code=1)), ("", pause(2))], False),
        ([("mine", ASKED), ("", pause(1)), ("mine", ClientFinished(program="p", exit_code=1))], True),
        ([("mine", ASKED), ("other", ASKED), ("", pause(2))], True),  # it was still trying
        ([("other", ASKED), ("", pause(1))], True),  # it did nothing, perhaps since it could not
    ],
)
def test_only_who_was_waiting(events: list[tuple[str, Event]], excused: bool):
    """Decided before, or seen only after: the pause is none of the client's. Everything between is."""
    assert bool(judged(*events).note) is excused


def test_several_pauses_are_added_up():
    """Two pauses are said to be two."""
    said = judged(("mine", ASKED), ("", pause(1, real_s=0.5, lab_s=0.5)), ("", pause(2)), ("mine", ASKED))
    assert "paused 2 times, together for 1.8 s" in said.note


@pytest.mark.parametrize(("program", "real_s", "excused"), [(False, 0.6, False), (False, 1.5, True), (True, 0.6, True)])
def test_virtual_time_stood_still_for_models_not_for_programs(program: bool, real_s: float, excused: bool):
    """A pause took no time of a model's, but of a program's; libkrb5 would notice one of more than a second."""
    said = [("mine", ClientMessage(text="done"))] if program else []
    found = judged(("mine", ASKED), ("", pause(1, real_s=real_s, lab_s=0.0)), *said)
    assert bool(found.note) is excused
    assert "its own clock stood still" in found.note or not excused


def test_everybody_shows_it():
    """Text table, JUnit, HTML page and explanation say it; JSON brings it back whole."""
    verdict = judged(("mine", ASKED), ("", pause(1)), ("mine", ASKED))
    result = ClientResult.of(verdict, expected=Expectation(outcome=(Outcome.SILENT,)))
    start, end = datetime(2025, 1, 1, tzinfo=UTC), datetime(2025, 1, 2, tzinfo=UTC)
    phase = PhaseResult(phase="p", start=start, clients={"mine": result})
    run = RunResult(version=VERSION, scenario="s", title="t", end=end, as_expected=False, phases=(phase,))
    assert verdict.note in table(run)
    assert verdict.note in junit_xml(run, [], again="a", took_s=1).replace("&apos;", "'")
    assert verdict.note in unescape(html_report(run, []))
    assert read_result(encode_result(run)) == run
    assert read_result(encode_result(run)).phases[0].clients["mine"].verdict == verdict
    records = [Record(1, 1.0, "mine", ASKED), Record(2, 2.0, "", pause(1)), Record(3, 3.0, "mine", ASKED)]
    assert verdict.note in str(explain(records)[0])


async def test_a_pause_takes_no_virtual_time(tmp_path, prepared):
    """A play in which the loop is held up comes out as one in which it is not; the pause is in its trace."""
    scenario = parse_scenario(SCENARIO, "pauses.toml")

    async def played(name: str, block_s: float) -> tuple[Any, list[Record]]:
        home = tmp_path / name
        home.mkdir(mode=0o700)
        clock = VirtualClock(scenario.phases[0].start.timestamp())
        async with Lab(default_estate(), home, prepared, clock=clock) as lab:

            def hold_up(_: Record) -> None:
                leave()
                time.sleep(block_s)

            leave = lab.trace.subscribe(hold_up, DnsAnswered)
            playback = await play(scenario, lab, clock, {"office": find_model("office")})
            return playback, list(lab.trace)

    quiet, _ = await played("quiet", 0)
    paused, records = await played("paused", 0.6)
    pauses = [record.event for record in records if isinstance(record.event, LabPaused)]
    assert any(event.lab_s == 0 and event.real_s >= 0.6 for event in pauses if isinstance(event, LabPaused))
    mine, other = paused.results[0], quiet.results[0]
    assert (mine.verdict.outcome, mine.verdict.after_s) == (other.verdict.outcome, other.verdict.after_s)
    said = run_result(paused).phases[0].clients["office"].pauses
    assert said == tuple(Pause(each.seq, each.real_s, 0.0) for each in mine.verdict.pauses)


SCENARIO = """
name = "pauses"
title = "one client"
sources = ["test"]
end = 2025-01-01T00:10:00Z

[[clients]]
name = "office"
model = "office"

[[phases]]
name = "only"
start = 2025-01-01T00:00:00Z
"""
