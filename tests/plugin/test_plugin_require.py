"""``played.require(...)``: what is expected of a run, in one line of a test."""

import pytest
from msgspec.structs import replace

from ssosim.lab.base.errors import LabInputError
from ssosim.scenario.loader import load_scenario
from ssosim.testing import play_sync


@pytest.fixture(scope="module")
def played():
    """The incident with one model of the scenario and one that the scenario does not have."""
    return play_sync("feb-2025", ["office", "naive"])


def test_what_holds_passes_and_returns_the_run(played):
    """Outcomes, times, prompts and rates that hold: no error, and calls can be chained."""
    assert played.require("silent", phase="healthy", within="30s", max_prompts=0).require(
        "refused|failed",
        phase="cname",
        client="office",
        never="stalled",
        max_rate="100/min",
        code="KDC_ERR_S_PRINCIPAL_UNKNOWN",
        reason_contains="which the KDC does not know",
    )


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"outcome": "silent"}, "office in phase 'record-empty': expected silent\n    office in 'record-empty'"),
        ({"outcome": ["silent", "interactive"]}, "office in phase 'cname': expected silent or interactive"),
        ({"never": "stalled"}, "office in phase 'record-empty': expected never stalled"),
        ({"code": "KDC_ERR_ETYPE_NOSUPP", "phase": "cname"}, "found KDC_ERR_S_PRINCIPAL_UNKNOWN"),
        ({"reason_contains": "AADSTS", "phase": "cname"}, "expected 'AADSTS' in the reason, found it asked for HTTP/"),
        ({"within": "1m"}, "office in phase 'restored': expected a decision within 60 s, found 258 s"),
        ({"max_rate": "3/min"}, "office in phase 'record-empty': expected at most 3 requests in any minute, found 15"),
        ({"no_exposure": True}, "office in phase 'cname': expected no exposure, found ntlm to autologon"),
    ],
)
def test_what_does_not_hold_names_phase_and_figure(played, wanted, words):
    """The error of a failed requirement has client, phase, rule and figure, and the verdict below."""
    with pytest.raises(AssertionError) as failed:
        played.require(**wanted, client="office")
    assert words in str(failed.value)
    assert "again: ssosim run feb-2025 --client office --client naive --seed 0" in str(failed.value)


def test_without_an_expectation_it_is_the_scenarios(played):
    """``require()`` alone: what the scenario expects; an added client must sign in where nothing is broken."""
    played.require(client="office")
    played.require(phase="healthy", client="naive")


def test_what_could_not_fail_is_a_mistake(played):
    """Nothing is expected of any client, or no phase is named: a test of that would pass whatever a client does."""
    scenario = load_scenario("short-blip")
    phases = tuple(replace(phase, expect={}, expect_at={}) for phase in scenario.phases)
    mute = play_sync(replace(scenario, phases=phases[:1]), "office")
    with pytest.raises(LabInputError, match="expects nothing of office, so nothing could fail"):
        mute.require()
    with pytest.raises(LabInputError, match="expects nothing of office, so nothing could fail"):
        assert mute.as_expected
    for wanted in ({}, {"outcome": "silent"}):
        with pytest.raises(LabInputError, match="phase is an empty list, so nothing could fail"):
            played.require(phase=[], **wanted)


def test_a_client_of_the_tests_cannot_pass_a_broken_phase_by_itself(played):
    """An added client in a phase with a fault: the scenario says nothing of it, so no yes is an answer."""
    with pytest.raises(LabInputError, match="nothing is expected of naive in phase 'cname', so nothing could fail"):
        assert played.phase("cname", "naive").as_expected
    with pytest.raises(LabInputError, match="expects nothing of naive, so nothing could fail"):
        played.require(phase="cname", client="naive")
    assert played.phase("healthy", "naive").as_expected


def test_a_scenario_without_clients_is_not_played():
    """Nobody would sign in, and every question about all clients would be answered with yes."""
    empty = replace(load_scenario("short-blip"), clients=())
    with pytest.raises(LabInputError, match="short-blip: has no clients, so nobody would sign in; name a client"):
        play_sync(empty)


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        ({"outcome": "sillent"}, "did you mean 'silent'"),
        ({"within": "soon"}, "expected a duration"),
        ({"outcome": "silent", "phase": "cnam"}, "no phase 'cnam'"),
        ({"outcome": "silent", "client": "offic"}, "no client 'offic'"),
        ({"outcome": "silent", "never": "silent"}, "both expected and never"),
    ],
)
def test_what_cannot_be_required_is_a_mistake(played, wanted, words):
    """A wrong name or value is named with what is known, and is no failure of the client."""
    with pytest.raises(LabInputError, match=words):
        played.require(**wanted)


def test_a_failed_requirement_ends_at_the_line_of_the_test(project):
    """In a project's test the error is at its own line, without frames of ssosim."""
    project.write("""
    def test_it(sso_play_sync):
        sso_play_sync("short-blip", "ssms").require("silent|interactive", within="30s")
    """)
    output = project.run().output
    assert "test_it.py:3: AssertionError" in output
    assert "ssms in phase 'twenty-seconds': expected silent or interactive" in output
    assert "played.py" not in output
