"""The two models through the four phases of 25 February 2025, on a device in memory."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from ssosim_clients import catalogue
from ssosim_clients.failures import Failure, Stage
from ssosim_clients.models import Client, SignInReport, SignInState
from ssosim_clients.models.native_prompt import NATIVE_PROMPT
from ssosim_clients.models.office import OFFICE
from ssosim_clients.policies import Decision, Fail, FailFast, RetryAfter, SwallowAndRetry
from ssosim_clients.ports import HttpResponse
from ssosim_clients.spn import RULES

from ssosim.testing import SignInStep

from .conftest import AUTOLOGON, LOGIN, MANAGER, PASSWORD, ClientEnvironment

TRUST = f"http POST {AUTOLOGON}/contoso.com/winauth/trust/2005/windowstransport"
TYPED = dataclasses.replace(OFFICE, name="typed", spn=RULES["sspi"])
BOTH = pytest.mark.parametrize("model", [OFFICE, NATIVE_PROMPT], ids=lambda model: model.name)


@BOTH
def test_healthy_is_silent(environment: ClientEnvironment, model: Client) -> None:
    """Without a fault the flow makes the documented requests in order, without a prompt (TMS9-011 to TMS9-018)."""
    report = environment.play(model.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.attempts) == (SignInState.SILENT, 1)
    assert environment.seen("http") == [
        f"http GET {LOGIN}/common/userrealm/alice@contoso.com 200 none",
        f"http GET {AUTOLOGON}/contoso.com/winauth/trust/mex 200 none",
        f"{TRUST} 401 none",
        f"{TRUST} 200 kerberos",
        f"http POST {LOGIN}/organizations/oauth2/v2.0/token 200 none",
    ]
    assert environment.seen("tgs") == [f"tgs HTTP/{AUTOLOGON}"]
    assert not environment.seen("prompt")


def test_missing_name_is_swallowed(environment: ClientEnvironment) -> None:
    """A client that swallows errors never prompts, however long the fault lasts, with the user there (TMS9-021)."""
    environment.remove_record()
    environment.prompt_replies = [PASSWORD]
    assert environment.play(OFFICE.sign_in(environment.device()), seconds=9 * 3600) is None
    assert not environment.seen("prompt")
    assert not environment.seen("tgs")
    assert len(environment.seen(f"http GET {LOGIN}")) > 100, "it kept trying in the background"


def test_missing_name_stops_at_mex(environment: ClientEnvironment) -> None:
    """The first call to fail is the MEX fetch; the realm response before it was correct (TMS9-019)."""
    environment.remove_record()
    client = dataclasses.replace(OFFICE, policy=FailFast())
    report = environment.play(client.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.stage) == (SignInState.FAILED, Stage.MEX)
    assert "nodata" in report.detail
    assert len(environment.seen("http")) == 1


def test_swallower_recovers_by_itself(environment: ClientEnvironment) -> None:
    """When the name returns, the background retry signs in within one period, without a prompt (TMS9-029)."""
    environment.remove_record()
    environment.after(3 * 3600, ClientEnvironment.restore)
    began = environment.now
    report = environment.play(OFFICE.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.SILENT
    assert 3 * 3600 <= environment.now - began <= 3 * 3600 + 360
    assert not environment.seen("prompt")


def test_missing_name_prompts(environment: ClientEnvironment) -> None:
    """A client that prompts does so at the first failure and gets its token from the login host alone (TMS9-025)."""
    environment.remove_record()
    environment.prompt_replies = [PASSWORD]
    report = environment.play(NATIVE_PROMPT.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.stage, report.attempts) == (SignInState.INTERACTIVE, Stage.MEX, 1)
    assert report.tokens is not None
    assert len(environment.seen("prompt")) == 1


def test_cname_is_refused_to_swallower(environment: ClientEnvironment) -> None:
    """With a CNAME the canonical SPN is unknown, NTLM is refused with 403, without a prompt (TMS9-081, TMS9-082)."""
    environment.put_cname()
    assert environment.play(OFFICE.sign_in(environment.device()), seconds=3600) is None
    assert set(environment.seen("tgs")) == {f"tgs HTTP/{MANAGER}"}
    assert set(environment.seen(TRUST)) == {f"{TRUST} 401 none", f"{TRUST} 403 ntlm"}
    assert not environment.seen("prompt")
    rounds = len(environment.seen("tgs"))
    assert 11 <= rounds <= 13, "a refusal is not retried within a round"


def test_cname_prompts(environment: ClientEnvironment) -> None:
    """The prompting client gets the same 403 and prompts (TMS9-081)."""
    environment.put_cname()
    environment.prompt_replies = [PASSWORD]
    report = environment.play(NATIVE_PROMPT.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.stage) == (SignInState.INTERACTIVE, Stage.TRUST)
    assert "403" in report.detail


def test_cname_leaves_typed_family_alone(environment: ClientEnvironment) -> None:
    """A client that names the service as typed signs in silently through the CNAME (TMS9-082)."""
    environment.put_cname()
    report = environment.play(TYPED.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.SILENT
    assert environment.seen("tgs") == [f"tgs HTTP/{AUTOLOGON}"]


def test_whole_incident(environment: ClientEnvironment) -> None:
    """Record missing, CNAME, alias restored: one client process fails, is refused, and recovers by itself."""
    environment.after(0, ClientEnvironment.remove_record)
    environment.after(7200, ClientEnvironment.put_cname)
    environment.after(30000, ClientEnvironment.restore)
    began = environment.now
    report = environment.play(OFFICE.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.SILENT
    assert 30000 <= environment.now - began <= 30400
    assert not environment.seen("prompt")


@BOTH
def test_managed_user_needs_a_person(environment: ClientEnvironment, model: Client) -> None:
    """If the tenant offers no integrated sign-in, waiting cannot help and every client prompts."""
    environment.desktop_sso = False
    environment.prompt_replies = [PASSWORD]
    report = environment.play(model.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.stage) == (SignInState.INTERACTIVE, Stage.REALM)


def test_wrong_password_is_asked_again_three_times(environment: ClientEnvironment) -> None:
    """After a refused password the prompt is shown again, three times in all."""
    environment.remove_record()
    environment.prompt_replies = ["no", "no", "no", PASSWORD]
    report = environment.play(NATIVE_PROMPT.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.FAILED
    assert len(environment.seen("prompt")) == 3


def test_absent_person(environment: ClientEnvironment) -> None:
    """If the user does not respond the sign-in ends as declined; an unattended device shows no prompt."""
    environment.remove_record()
    report = environment.play(NATIVE_PROMPT.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.DECLINED
    environment.events.clear()
    report = environment.play(NATIVE_PROMPT.sign_in(environment.device(user_present=False)))
    assert report is not None
    assert report.state is SignInState.FAILED
    assert not environment.seen("prompt")


def test_program_without_a_window_asks_nobody(environment: ClientEnvironment) -> None:
    """A model that cannot prompt fails instead, though the user is present."""
    environment.remove_record()
    environment.prompt_replies = [PASSWORD]
    report = environment.play(dataclasses.replace(NATIVE_PROMPT, can_prompt=False).sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.FAILED
    assert not environment.seen("prompt")


def test_every_round_begins_afresh(environment: ClientEnvironment) -> None:
    """In a new round the count of attempts and the elapsed time start again, so each round has all its retries."""
    environment.remove_record()
    seen: list[tuple[int, float]] = []

    class Watching:
        def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
            seen.append((attempt, round(elapsed)))
            return SwallowAndRetry().decide(stage, error, attempt, elapsed)

    environment.play(dataclasses.replace(OFFICE, policy=Watching()).sign_in(environment.device()), seconds=700)
    assert seen == [(1, 0), (2, 2), (3, 6)] * 3


def test_interactive_failure_is_shown_once(environment: ClientEnvironment) -> None:
    """If the login host fails too, the user sees the error and is not prompted in a loop."""
    environment.prompt_replies = [PASSWORD, PASSWORD]
    environment.dns_failures[LOGIN] = "servfail"
    report = environment.play(NATIVE_PROMPT.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.FAILED
    assert len(environment.seen("prompt")) == 1


def test_off_the_corporate_network(environment: ClientEnvironment) -> None:
    """Without a KDC there is no ticket and no NTLM either: the 401 is the result, and there is a prompt (TMS9-007)."""
    environment.kdc_reachable = False
    environment.prompt_replies = [PASSWORD]
    report = environment.play(NATIVE_PROMPT.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.stage) == (SignInState.INTERACTIVE, Stage.TICKET)
    assert environment.seen(TRUST) == [f"{TRUST} 401 none"]


def test_hasty_policy_is_stopped(environment: ClientEnvironment) -> None:
    """A policy that retries while the clock does not advance is ended, and the error names it."""

    class Hasty:
        def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
            return RetryAfter(0) if attempt else Fail(f"{stage} {error} {elapsed}")

    class Frozen:
        def now(self) -> float:
            return 0.0

        async def sleep(self, seconds: float) -> None:
            assert seconds == 0

    environment.remove_record()
    report = environment.play(dataclasses.replace(OFFICE, policy=Hasty()).sign_in(environment.device(clock=Frozen())))
    assert report is not None
    assert report.state is SignInState.FAILED
    assert "without letting time pass" in report.detail


@BOTH
@pytest.mark.parametrize(
    "fault", [ClientEnvironment.restore, ClientEnvironment.remove_record, ClientEnvironment.put_cname]
)
def test_cancelled_at_any_await(environment: ClientEnvironment, model: Client, fault: object) -> None:
    """Cancellation at any await ends the model at once; no code catches it."""
    assert callable(fault)
    fault(environment)
    for steps in range(1, 30):
        environment.prompt_replies = [PASSWORD]
        sign_in = model.sign_in(environment.device())
        try:
            for _ in range(steps):
                sign_in.send(None)
        except StopIteration:
            break
        with pytest.raises(asyncio.CancelledError):
            sign_in.throw(asyncio.CancelledError())


def test_no_secret_in_what_a_model_says(environment: ClientEnvironment) -> None:
    """A report can be printed: tokens and passwords do not show."""
    report = environment.play(OFFICE.sign_in(environment.device()))
    assert isinstance(report, SignInReport)
    assert report.tokens is not None
    assert report.tokens.access_token not in repr(report)
    assert report.tokens.access_token not in repr(report.tokens)


def test_html_from_a_middlebox(environment: ClientEnvironment) -> None:
    """A success that is not MEX is a protocol failure at that stage, not a crash."""
    environment.answers[SignInStep.MEX] = HttpResponse(200, body=b"<html><body>Hello")
    report = environment.play(dataclasses.replace(OFFICE, policy=FailFast()).sign_in(environment.device()))
    assert report is not None
    assert report.stage is Stage.MEX
    assert "not XML" in report.detail


def test_refusing_answer_waits_for_the_next_round(environment: ClientEnvironment) -> None:
    """A 503 is an answer and no network error: one MEX request a round, and nobody is asked."""
    environment.answers[SignInStep.MEX] = HttpResponse(503)
    assert environment.play(OFFICE.sign_in(environment.device()), seconds=3600) is None
    assert 11 <= len(environment.seen(f"http GET {AUTOLOGON}")) <= 13
    assert not environment.seen("prompt")


def test_catalogue_names_its_sources() -> None:
    """Every model in the catalogue has a one-line description and at least one source."""
    for name, model in catalogue.MODELS.items():
        assert catalogue.find_model(name) is model
        assert model.description
        assert "\n" not in model.description
        assert model.sources


def test_unknown_model_lists_near_matches() -> None:
    """The error for a mistyped name has the nearest name."""
    with pytest.raises(catalogue.UnknownModelError, match="office"):
        catalogue.find_model("offise")
