"""Right words for every ending: stopped at the deadline, nothing sent, asked twice, an error raised, no bound."""

from types import SimpleNamespace

import pytest
from ssosim_clients.failures import DnsFailure

from ssosim.estate import default_estate
from ssosim.lab.base.errors import LabError
from ssosim.scenario.client_choice import with_clients
from ssosim.scenario.in_memory import play_in_memory
from ssosim.scenario.loader import load_scenario
from ssosim.scenario.model import Client
from ssosim.testing import play_sync
from ssosim.trace import (
    ClientFinished,
    DnsAnswered,
    HttpExchange,
    LabEvent,
    Record,
    TokenIssued,
    UserPrompted,
)
from ssosim.verdict import Outcome, judge, measure

HOST = "autologon.microsoftazuread-sso.com"
device = LabEvent(part="device", text="curl runs on desk-1")
empty = DnsAnswered(name=HOST, type="A", rcode="NODATA")
challenge = HttpExchange(host=HOST, method="GET", path="/sso", status=401)
refused = HttpExchange(host=HOST, method="GET", path="/sso", status=403, auth="kerberos")
coded = HttpExchange(host=HOST, method="GET", path="/sso", status=401, code=81008)
access = TokenIssued(kind="access", grant="password", subject="a@b.c")
assertion = TokenIssued(kind="assertion", grant="kerberos", subject="a@b.c")
asked = UserPrompted(reason="password")
late = ClientFinished(program="curl", exit_code=-9, stopped="deadline", running_s=60.0)
ended = ClientFinished(program="curl", exit_code=1)
raised = ClientFinished(program="mine", exit_code=1, error="NoSignIn: there is no way")
limited = ClientFinished(program="mine", exit_code=-9, stopped="limit", running_s=100.0)


def _records(*events, at=100.0):
    return [Record(number, at + number, "c", event) for number, event in enumerate(events, 1)]


@pytest.mark.parametrize(
    ("events", "outcome", "words"),
    [
        ([device, challenge, late], "stalled", f"when its deadline came: it met the challenge of {HOST}"),
        ([device, coded, late], "stalled", "AADSTS81008"),
        ([device, refused, refused, late], "stalled", "answered 403"),
        ([device, empty, late], "stalled", "has no address (NODATA)"),
        ([device, late], "stalled", "still running after 1 min, when its deadline came: it sent nothing"),
        ([device, asked, late], "failed", "the user was asked in vain, still running after 1 min"),
        ([device, access, late], "silent", "it did not end by itself, still running after 1 min"),
        ([device, ended], "failed", "it ended with exit code 1 and sent nothing"),
        ([access, asked], "failed", "the user was asked although a token had come, and nothing followed"),
        ([access, asked, access], "interactive", "the user was asked although a token had come"),
        ([assertion, asked, access], "interactive", "the user was asked"),
        ([empty, asked, asked, access], "interactive", "the user was asked twice, because"),
        ([asked, asked, asked], "failed", "the user was asked 3 times in vain"),
        ([empty, raised], "failed", f"it raised NoSignIn: there is no way ({HOST} has no address (NODATA))"),
        ([challenge, raised], "failed", "it raised NoSignIn: there is no way"),
        ([empty, empty, limited], "stalled", "stopped after 1 min 40 s at the limit of 20,000 events in an hour"),
    ],
)  # fmt: skip
def test_each_ending_has_its_words(events, outcome, words):
    """Outcome and reason say how the client ended, and never the number of a signal."""
    verdict = judge(_records(*events), 100.0)
    assert verdict.outcome is Outcome(outcome), verdict.reason
    assert words in verdict.reason
    assert "-9" not in verdict.reason
    assert ("although" in words) == ("although" in verdict.reason)
    assert verdict.prompts == sum(isinstance(event, UserPrompted) for event in events)


def test_a_stopped_client_has_no_time_of_decision():
    """What ssosim ended did not decide anything, so no limit of time can be met by it."""
    for events in ([device, challenge, late], [device, asked, late], [empty, limited]):
        assert judge(_records(*events), 100.0).after_s is None


def test_a_client_that_sends_nothing_met_something_before():
    """A cached error: what the client met last, in an earlier phase, and how long before."""
    before = _records(device, empty, at=100.0)
    for now, words in (([], "it did nothing that reached the wire"), ([ended], "exit code 1 and sent nothing")):
        reason = judge(_records(*now, at=7300.0), 7300.0, before=before).reason
        assert words in reason
        assert f"; what it met last, 1 h 59 min 58 s before: {HOST} has no address (NODATA)" in reason
    assert "met last" not in judge([], 7300.0, before=_records(access)).reason


def test_the_rate_is_that_of_the_busiest_minute():
    """A burst counts, however long the phase; a slow start of a program is no recovery."""
    events = [Record(n, 1000.0 + n / 10, "c", empty) for n in range(1, 101)]
    events += [Record(200 + n, 5000.0 + 61 * n, "c", empty) for n in range(5)]
    measures = measure(events, judge(events, 1000.0), 1000.0, 1000.0)
    assert (measures.requests, measures.peak_requests_per_minute) == (105, 100)
    slow = _records(device, access)
    assert measure(slow, judge(slow, 90.0), 90.0, 90.0).recovered_after_s is None


class NoSignIn(Exception):  # noqa: N818 - as a client's author may name it
    """A failure of a user's own client."""


class _Model:
    name, description, sources = "mine", "a model of a test", ("none",)

    def __init__(self, sign_in):
        self._sign_in = sign_in

    async def sign_in(self, device):
        return await self._sign_in(device)


async def _raise_own(device):
    raise NoSignIn(f"no way\nfor {device.user is None}")


async def _pass_on(device):
    await device.resolver.resolve(HOST, "any")
    return SimpleNamespace(state=None)


async def _retry_for_ever(device):
    while True:
        try:
            await device.resolver.resolve(HOST, "any")
        except DnsFailure:
            await device.clock.sleep(0.01)
        else:
            return SimpleNamespace(state=None)


def _play_in_memory(model):
    scenario = with_clients(load_scenario("feb-2025"), [Client(name="mine", model="office", added=True)])
    return play_in_memory(scenario, default_estate(), {"mine": model})


@pytest.mark.parametrize("play", [_play_in_memory, lambda model: play_sync("feb-2025", model).result])
def test_a_failure_that_a_model_raises_is_its_end(play):
    """Its class and text are the reason, with the place in the client's file and no frame of ssosim."""
    for sign_in, phase, words in (
        (_raise_own, "healthy", "it raised NoSignIn: no way for False (test_endings.py:"),
        (_pass_on, "record-empty", "it raised DnsFailure: "),
    ):
        played = play(_Model(sign_in))
        if hasattr(played, "results"):
            verdict = played.result(phase, "mine").verdict
        else:
            verdict = next(each for each in played.phases if each.phase == phase).clients["mine"]
        assert verdict.outcome is Outcome.FAILED
        assert words in verdict.reason
        assert "model_sign_in.py" not in verdict.reason


def test_a_mistake_in_a_models_code_is_no_verdict():
    """A built-in exception is a mistake of the test, which must not pass as a failed sign-in."""

    async def mistake(device):
        return device.no_such_port

    with pytest.raises(LabError, match="'mine' broke: AttributeError"):
        _play_in_memory(_Model(mistake))


@pytest.mark.parametrize("play", [_play_in_memory, lambda model: play_sync("feb-2025", model)])
def test_a_client_without_bound_is_stopped(play):
    """Retries every 10 ms over hours end at the limit of events, and the verdict says so plainly; others go on."""
    played = play(_Model(_retry_for_ever))
    result = played.result
    verdict = result("record-empty", "mine").verdict if callable(result) else played.phase("record-empty").verdict
    assert verdict.outcome is Outcome.STALLED
    assert "at the limit of 20,000 events in an hour: it retries without bound" in verdict.reason
    assert f"{HOST} has no address" in verdict.reason
