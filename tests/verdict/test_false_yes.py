"""Ways in which a run could say yes wrongly: dropped records, a token of an earlier sign-in, unseen requests."""

import pytest

from ssosim.clock import ManualClock
from ssosim.estate import default_estate
from ssosim.lab.base.errors import LabError
from ssosim.scenario.client_choice import model_of, with_clients
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.phases import judge_phase
from ssosim.trace import (
    ClientFinished,
    ConnectionFailed,
    DnsAnswered,
    FaultApplied,
    FaultUndone,
    HttpExchange,
    LabEvent,
    Record,
    SignInStep,
    TokenIssued,
    Trace,
)
from ssosim.verdict import judge, measure
from ssosim.verdict.expectations import ExpectationTable, convert_expectation
from ssosim.verdict.result import ClientResult

device = LabEvent(part="device", text="curl runs on desk-1")
ended = ClientFinished(program="curl", exit_code=0)
renewed = TokenIssued(kind="access", grant="refresh_token", subject="a@b.c")
first = TokenIssued(kind="access", grant="password", subject="a@b.c")


def _records(*events):
    return [Record(number, 100.0 + number, "c", event) for number, event in enumerate(events, 1)]


def test_a_phase_whose_records_were_dropped_is_not_judged():
    """Without its first records a phase has fewer prompts, requests and exposures than there were."""
    scenario = load_scenario("feb-2025")
    trace = Trace(limit=4)
    for _ in range(9):
        trace.record("office", DnsAnswered(name="a.example", type="A", rcode="NOERROR", answers=("A 192.0.2.1",)))
    with pytest.raises(LabError, match="SSOSIM_TRACE_RECORDS"):
        judge_phase(scenario, scenario.phases[0], trace, 0)
    assert judge_phase(scenario, scenario.phases[0], trace, trace.dropped)


def test_a_refresh_token_of_an_earlier_sign_in_is_said():
    """It signs in, and shows nothing about tickets or passwords; one that was issued in this phase is usual."""
    assert "with a refresh token of an earlier sign-in" in judge(_records(device, renewed, ended), 100.0).reason
    assert "earlier" not in judge(_records(device, first, renewed, ended), 100.0).reason


def test_failed_connections_count_for_the_rate():
    """A client that hammers a port that refuses it sends requests, though no service answers one."""
    refused = ConnectionFailed(host="a.example", address="192.0.2.1", stage="connect", reason="refused", port=444)
    records = _records(device, *[refused] * 50, ended)
    verdict = judge(records, 100.0)
    assert measure(records, verdict, 100.0, 100.0).peak_requests_per_minute == 50
    answered = _records(device, *[HttpExchange(host="a.example", method="GET", path="/", status=200)] * 50, ended)
    assert measure(answered, judge(answered, 100.0), 100.0, 100.0).requests == 50


def test_every_model_of_the_incident_signs_in_with_a_token():
    """No shipped model is called signed in for less than a token or the session of a browser."""
    scenario = with_clients(load_scenario("feb-2025"), [c for c in load_scenario("feb-2025").clients if c.model])
    played = play_in_memory(scenario, default_estate(), {each.name: model_of(each) for each in scenario.clients})
    assert played.as_expected


def test_a_fault_that_ends_after_the_sign_in_does_not_shorten_the_recovery():
    """The client recovered five seconds after the fault that had stopped it; another one ended much later."""
    scenario = load_scenario("feb-2025")
    client, phase = scenario.clients[0].name, scenario.phases[0]
    began = phase.start.timestamp()
    clock = ManualClock(began)
    trace = Trace(clock)
    events = [
        (0, "", FaultApplied(name="http-status", detail="503", id=1)),
        (0, "", FaultApplied(name="ttl-changed", detail="of another name", id=2)),
        (1, client, HttpExchange(host="a.example", method="GET", path="/", status=503, step=SignInStep.REALM)),
        (60, "", FaultUndone(name="http-status", detail="503", id=1)),
        (65, client, first),
        (300, "", FaultUndone(name="ttl-changed", detail="of another name", id=2)),
    ]
    for after, who, event in events:
        clock.set(began + after)
        trace.record(who, event)
    found = next(each for each in judge_phase(scenario, phase, trace, 0) if each.client == client)
    assert found.measures.recovered_after_s == 5.0


@pytest.mark.parametrize("bound", [{"max_prompts": 0}, {"max_rate": 60}, {"within": 60}, {"never": "refused"}])
def test_a_client_that_sent_nothing_has_kept_no_bound(bound):
    """It ended with 0, printed success and sent nothing: not judged; with one request the bound was kept."""
    expected = convert_expectation(ExpectationTable(**bound))
    for more, status in (((), "not-judged"), ((DnsAnswered(name="a.example", type="A", rcode="NXDOMAIN"),), "passed")):
        records = _records(device, *more, ended)
        verdict = judge(records, 100.0)
        found = ClientResult.of(verdict, measures=measure(records, verdict, 100.0, 100.0), expected=expected)
        assert (found.as_expected, found.status) == (True, status)


def test_a_client_that_is_expected_to_do_nothing_passes():
    """An outcome, a code or a text is a result of its own, whatever was sent."""
    verdict = judge(_records(device, ended), 100.0)
    assert ClientResult.of(verdict, expected=convert_expectation("failed")).status == "passed"
    text = ExpectationTable(reason_contains="sent nothing")
    assert ClientResult.of(verdict, expected=convert_expectation(text)).status == "passed"


@pytest.mark.parametrize("code", [0, 28])
def test_what_is_issued_after_the_end_of_a_program_signs_nobody_in(code):
    """A program that ended before the answer came has no token; one that runs again under its name can get one."""
    over = ClientFinished(program="curl", exit_code=code)
    late = judge(_records(device, over, first), 100.0)
    assert late.outcome == "failed"
    assert late.reason == (
        f"it ended with exit code {code}: no exchange failed, and what signs in was issued after its end"
    )
    assert judge(_records(device, over, device, first), 100.0).outcome == "silent"
    assert judge(_records(over, first), 100.0).outcome == "silent"  # a model: its process goes on
