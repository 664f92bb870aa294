"""Phases with several sign-ins: each has its own verdict, expectation and name, in every way of playing."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree as ET

import msgspec
import pytest

from ssosim.estate import default_estate
from ssosim.estate.toml import TomlMistakeError
from ssosim.lab.base.errors import LabInputError
from ssosim.memory import Engine, MemoryLab
from ssosim.report.html import html_report
from ssosim.report.junit import junit_xml
from ssosim.report.text_table import table
from ssosim.scenario.client_choice import model_of
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import parse_scenario
from ssosim.scenario.model import Client, Scenario
from ssosim.scenario.results import run_result
from ssosim.testing import play_sync
from ssosim.verdict.explain import explain
from ssosim.verdict.result import encode_result, read_result

TEXT = """
name = "late"
title = "broken for an hour"
end = 2025-03-03T11:00:00Z

[[clients]]
name = "native-prompt"
model = "native-prompt"
weight = 1

[[clients]]
name = "office"
model = "office"

[[phases]]
name = "morning"
start = 2025-03-03T09:00:00Z
sign_in_at = [0, 3600]
steps = [
  { at = 0, until = 3600, faults = [{ fault = "record-set-empty", name = "autologon.microsoftazuread-sso.com" }] },
]
expect = { "*" = "silent" }
expect_at = { 0 = { native-prompt = "interactive", "*" = "stalled" } }
"""


def _played(text: str = TEXT):
    scenario = parse_scenario(text, "late.toml")
    lab = MemoryLab(Engine(scenario.phases[0].start.timestamp()), default_estate())
    playback = play_in_memory(scenario, default_estate(), {c.name: model_of(c) for c in scenario.clients}, lab=lab)
    return playback, lab.trace.since()


def _outcomes(playback) -> list[tuple[str, float | None, str]]:
    return [(each.client, each.sign_in_at, str(each.verdict.outcome)) for each in playback.results]


def test_each_sign_in_has_its_own_verdict() -> None:
    """A sign-in during the fault and one after it have two verdicts; faults change before the sign-in of that time."""
    playback, _ = _played()
    assert _outcomes(playback) == [
        ("native-prompt", 0.0, "interactive"),
        ("office", 0.0, "stalled"),
        ("native-prompt", 3600.0, "silent"),
        ("office", 3600.0, "silent"),
    ]
    assert playback.as_expected
    assert (playback.share("morning", sign_in_at=0.0), playback.share("morning", sign_in_at=3600.0)) == (0.0, 1.0)


def test_an_expectation_of_one_sign_in_can_break() -> None:
    """An outcome for all sign-ins is compared with each; one that differs is a broken expectation."""
    playback, _ = _played(TEXT.replace('native-prompt = "interactive", ', 'native-prompt = "silent", '))
    assert [each.as_expected for each in playback.results] == [False, True, True, True]
    assert not playback.as_expected


def test_sockets_and_memory_agree(prepared: Path) -> None:
    """The same verdicts by sign-in over real DNS, TLS and Kerberos."""
    scenario = parse_scenario(TEXT, "late.toml")
    over_sockets = play_sync(scenario, cache=prepared)
    playback, _ = _played()
    assert [(each.client, each.sign_in_at, each.verdict.outcome, each.verdict.reason, each.after_s)
            for each in over_sockets] == [
        (each.client, each.sign_in_at, each.verdict.outcome, each.verdict.reason, each.verdict.after_s)
        for each in playback.results
    ]  # fmt: skip
    assert over_sockets.phase("morning", "office", sign_in_at=3600).outcome == "silent"
    with pytest.raises(LabInputError, match=r"which sign-in.*0, 3600"):
        over_sockets.phase("morning", "office")
    with pytest.raises(LabInputError, match=r"which sign-in.*0, 3600"):
        over_sockets.phase("morning", "office", sign_in_at=60)


def test_every_result_says_which_sign_in() -> None:
    """Table, JSON, JUnit XML, report and explanation name the sign-in; no two test cases have the same name."""
    playback, records = _played()
    result = run_result(playback)
    assert [(each.phase, each.sign_in_at, each.start.hour) for each in result.phases] == [
        ("morning", 0.0, 9),
        ("morning", 3600.0, 10),
    ]
    assert read_result(encode_result(result)) == result
    lines = table(result).splitlines()
    assert any(line.startswith("morning +3600 s") and "10:00" in line for line in lines), lines
    root = ET.fromstring(junit_xml(result, records, again="", took_s=1.0))  # noqa: S314 - our own
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(set(names)) == len(names) == 4
    assert ("ssosim.late.morning", "office, sign-in at 3600 s") in names
    page = html_report(result, records, again="")
    assert page.count("morning +3600 s") >= 2
    told = [(each.client, each.sign_in_at, str(each.outcome)) for each in explain(records, phase="morning")]
    assert sorted(told) == sorted(_outcomes(playback))
    assert "in morning +0 s: stalled" in "\n".join(str(each) for each in explain(records, client="office"))


@pytest.mark.parametrize(
    ("old", "new", "key", "words"),
    [
        ("[0, 3600]", "[0, 7200]", "phases[0].sign_in_at[1]", "from 0 to below 7200"),
        ("[0, 3600]", "[-1, 3600]", "phases[0].sign_in_at[0]", "from 0 to below 7200"),
        ("[0, 3600]", "[nan]", "phases[0].sign_in_at[0]", "from 0 to below 7200"),
        ("[0, 3600]", "[60, 60]", "phases[0].sign_in_at[1]", "later than the sign-in before"),
        ("{ 0 =", "{ 7 =", "phases[0].expect_at.7", "there is no sign-in at '7'; expected one of 0, 3600"),
        ("{ 0 =", "{ x =", "phases[0].expect_at.x", "there is no sign-in at 'x'; expected one of 0, 3600"),
        ("sign_in_at = [0, 3600]\n", "", "phases[0].expect_at.0", "sign_in_at has none"),
        (
            '"interactive", "*"',
            '"interctive", "*"',
            "phases[0].expect_at.0.native-prompt",
            "did you mean 'interactive'?",
        ),
        ("{ native-prompt =", "{ native-promt =", "phases[0].expect_at.0.native-promt", "there is no client"),
    ],
)
def test_mistakes_are_named(old: str, new: str, key: str, words: str) -> None:
    """Times outside the phase, out of order, and lists of another length are mistakes by line and key."""
    with pytest.raises(TomlMistakeError) as caught:
        parse_scenario(TEXT.replace(old, new, 1), "late.toml")
    assert key in str(caught.value), str(caught.value)
    assert words in str(caught.value), str(caught.value)


def test_the_first_sign_in_may_be_late() -> None:
    """Nobody signs in before the first time; the verdict counts from that time."""
    text = TEXT.replace("[0, 3600]", "[3700]").replace("{ 0 =", "{ 3700 =")
    playback, records = _played(text)
    assert _outcomes(playback) == [("native-prompt", 3700.0, "silent"), ("office", 3700.0, "silent")]
    began = playback.scenario.phases[0].start.timestamp() + 3700
    assert all(record.at >= began for record in records if record.client)
    assert all((each.verdict.after_s or 0) < 60 for each in playback.results)


def test_a_scenario_survives_json() -> None:
    """A scenario with lists of outcomes is the same after it was sent as JSON, as to a running lab."""
    scenario = parse_scenario(TEXT, "late.toml")
    assert msgspec.json.decode(msgspec.json.encode(scenario), type=Scenario) == scenario


def test_a_client_has_an_expectation_by_sign_in() -> None:
    """The label of a sign-in is a key of a client's own expectations, as on the command line; it precedes the phase."""
    text = TEXT.replace(
        'model = "office"', 'model = "office"\nexpect = { "morning +0 s" = "silent", morning = "failed" }'
    )
    playback, _ = _played(text)
    office = [each for each in playback.results if each.client == "office"]
    assert [str(each.expected) for each in office] == ["silent", "failed"]


def test_an_added_client_must_sign_in_when_nothing_is_broken() -> None:
    """Of the user's own client nothing is expected at a sign-in with a fault, and a sign-in at one without."""
    phase = parse_scenario(TEXT, "late.toml").phases[0]
    own = Client(name="own", run=("true",), added=True)
    phase = msgspec.structs.replace(phase, expect={}, expect_at={})
    assert [str(phase.expected_of(own, "late", number)) for number in (0, 1)] == [
        "no exposure",
        "silent or interactive, no exposure",
    ]
