"""The two models through the four phases of 25 February 2025, on a device in memory."""

from __future__ import annotations

import asyncio
import dataclasses

import pytest
from ssosim_clients import catalogue
from ssosim_clients.failures import Failure, Stage
from ssosim_clients.models import Belief, Client, State
from ssosim_clients.models.native_prompt import NATIVE_PROMPT
from ssosim_clients.models.office import OFFICE
from ssosim_clients.policies import Decision, Fail, FailFast, RetryAfter, SwallowAndRetry
from ssosim_clients.ports import HttpResponse
from ssosim_clients.spn import RULES

from ssosim.testing import SignInStep

from .conftest import AUTOLOGON, LOGIN, MANAGER, PASSWORD, World

TRUST = f"http POST {AUTOLOGON}/contoso.com/winauth/trust/2005/windowstransport"
TYPED = dataclasses.replace(OFFICE, name="typed", spn=RULES["sspi"])
BOTH = pytest.mark.parametrize("model", [OFFICE, NATIVE_PROMPT], ids=lambda model: model.name)


@BOTH
def test_healthy_is_silent(world: World, model: Client) -> None:
    """With everything in place the flow makes the documented calls in order and asks nobody (TMS9-011 to TMS9-018)."""
    belief = world.play(model.sign_in(world.device()))
    assert belief is not None
    assert (belief.state, belief.attempts) == (State.SILENT, 1)
    assert world.seen("http") == [
        f"http GET {LOGIN}/common/userrealm/alice@contoso.com 200 none",
        f"http GET {AUTOLOGON}/contoso.com/winauth/trust/mex 200 none",
        f"{TRUST} 401 none",
        f"{TRUST} 200 kerberos",
        f"http POST {LOGIN}/organizations/oauth2/v2.0/token 200 none",
    ]
    assert world.seen("tgs") == [f"tgs HTTP/{AUTOLOGON}"]
    assert not world.seen("prompt")


def test_missing_name_is_swallowed(world: World) -> None:
    """A client that swallows never asks, however long the name is missing, though somebody is there (TMS9-021)."""
    world.remove_record()
    world.person = [PASSWORD]
    assert world.play(OFFICE.sign_in(world.device()), seconds=9 * 3600) is None
    assert not world.seen("prompt")
    assert not world.seen("tgs")
    assert len(world.seen(f"http GET {LOGIN}")) > 100, "it kept trying in the background"


def test_missing_name_stops_at_mex(world: World) -> None:
    """The first call to fail is the MEX fetch; the realm answer before it was fine (TMS9-019)."""
    world.remove_record()
    client = dataclasses.replace(OFFICE, policy=FailFast())
    belief = world.play(client.sign_in(world.device()))
    assert belief is not None
    assert (belief.state, belief.stage) == (State.FAILED, Stage.MEX)
    assert "nodata" in belief.detail
    assert len(world.seen("http")) == 1


def test_swallower_recovers_by_itself(world: World) -> None:
    """When the name returns, the background retry signs in within one period, without the person (TMS9-029)."""
    world.remove_record()
    world.after(3 * 3600, World.restore)
    began = world.now
    belief = world.play(OFFICE.sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.SILENT
    assert 3 * 3600 <= world.now - began <= 3 * 3600 + 360
    assert not world.seen("prompt")


def test_missing_name_prompts(world: World) -> None:
    """A client that prompts asks at the first failure and gets its token from the login host alone (TMS9-025)."""
    world.remove_record()
    world.person = [PASSWORD]
    belief = world.play(NATIVE_PROMPT.sign_in(world.device()))
    assert belief is not None
    assert (belief.state, belief.stage, belief.attempts) == (State.INTERACTIVE, Stage.MEX, 1)
    assert belief.tokens is not None
    assert len(world.seen("prompt")) == 1


def test_cname_is_refused_to_swallower(world: World) -> None:
    """With a CNAME the canonical SPN is unknown, NTLM is refused with 403, nobody is asked (TMS9-081, TMS9-082)."""
    world.put_cname()
    assert world.play(OFFICE.sign_in(world.device()), seconds=3600) is None
    assert set(world.seen("tgs")) == {f"tgs HTTP/{MANAGER}"}
    assert set(world.seen(TRUST)) == {f"{TRUST} 401 none", f"{TRUST} 403 ntlm"}
    assert not world.seen("prompt")
    rounds = len(world.seen("tgs"))
    assert 11 <= rounds <= 13, "a refusal is not retried within a round"


def test_cname_prompts(world: World) -> None:
    """The prompting client meets the same 403 and asks (TMS9-081)."""
    world.put_cname()
    world.person = [PASSWORD]
    belief = world.play(NATIVE_PROMPT.sign_in(world.device()))
    assert belief is not None
    assert (belief.state, belief.stage) == (State.INTERACTIVE, Stage.TRUST)
    assert "403" in belief.detail


def test_cname_leaves_typed_family_alone(world: World) -> None:
    """A client that names the service as typed signs in silently through the CNAME (TMS9-082)."""
    world.put_cname()
    belief = world.play(TYPED.sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.SILENT
    assert world.seen("tgs") == [f"tgs HTTP/{AUTOLOGON}"]


def test_whole_incident(world: World) -> None:
    """Record missing, CNAME, alias restored: one client process fails, is refused, and recovers by itself."""
    world.after(0, World.remove_record)
    world.after(7200, World.put_cname)
    world.after(30000, World.restore)
    began = world.now
    belief = world.play(OFFICE.sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.SILENT
    assert 30000 <= world.now - began <= 30400
    assert not world.seen("prompt")


@BOTH
def test_managed_user_needs_a_person(world: World, model: Client) -> None:
    """Where the tenant offers no integrated sign-in, waiting is no use and every client asks."""
    world.desktop_sso = False
    world.person = [PASSWORD]
    belief = world.play(model.sign_in(world.device()))
    assert belief is not None
    assert (belief.state, belief.stage) == (State.INTERACTIVE, Stage.REALM)


def test_wrong_password_is_asked_again_three_times(world: World) -> None:
    """A refused password brings the prompt back, three times in all."""
    world.remove_record()
    world.person = ["no", "no", "no", PASSWORD]
    belief = world.play(NATIVE_PROMPT.sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.FAILED
    assert len(world.seen("prompt")) == 3


def test_absent_person(world: World) -> None:
    """Someone who walks away ends the sign-in as declined; an unattended device is never asked."""
    world.remove_record()
    belief = world.play(NATIVE_PROMPT.sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.DECLINED
    world.events.clear()
    belief = world.play(NATIVE_PROMPT.sign_in(world.device(person_present=False)))
    assert belief is not None
    assert belief.state is State.FAILED
    assert not world.seen("prompt")


def test_program_without_a_window_asks_nobody(world: World) -> None:
    """A model that cannot prompt fails instead, though somebody is there."""
    world.remove_record()
    world.person = [PASSWORD]
    belief = world.play(dataclasses.replace(NATIVE_PROMPT, can_prompt=False).sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.FAILED
    assert not world.seen("prompt")


def test_every_round_begins_afresh(world: World) -> None:
    """After a quiet wait the count of attempts and the elapsed time begin again, so each round has all its retries."""
    world.remove_record()
    seen: list[tuple[int, float]] = []

    class Watching:
        def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
            seen.append((attempt, round(elapsed)))
            return SwallowAndRetry().decide(stage, error, attempt, elapsed)

    world.play(dataclasses.replace(OFFICE, policy=Watching()).sign_in(world.device()), seconds=700)
    assert seen == [(1, 0), (2, 2), (3, 6)] * 3


def test_interactive_failure_is_shown_once(world: World) -> None:
    """When the login host is gone too, the person sees the error and is not asked in a loop."""
    world.person = [PASSWORD, PASSWORD]
    world.broken[LOGIN] = "servfail"
    belief = world.play(NATIVE_PROMPT.sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.FAILED
    assert len(world.seen("prompt")) == 1


def test_off_the_corporate_network(world: World) -> None:
    """Without a KDC there is no ticket and no NTLM either: the 401 stands, and the prompting client asks (TMS9-007)."""
    world.kdc_reachable = False
    world.person = [PASSWORD]
    belief = world.play(NATIVE_PROMPT.sign_in(world.device()))
    assert belief is not None
    assert (belief.state, belief.stage) == (State.INTERACTIVE, Stage.TICKET)
    assert world.seen(TRUST) == [f"{TRUST} 401 none"]


def test_hasty_policy_is_stopped(world: World) -> None:
    """A policy that retries without letting time pass is ended and said to be at fault."""

    class Hasty:
        def decide(self, stage: Stage, error: Failure, attempt: int, elapsed: float) -> Decision:
            return RetryAfter(0) if attempt else Fail(f"{stage} {error} {elapsed}")

    class Frozen:
        def now(self) -> float:
            return 0.0

        async def sleep(self, seconds: float) -> None:
            assert seconds == 0

    world.remove_record()
    belief = world.play(dataclasses.replace(OFFICE, policy=Hasty()).sign_in(world.device(clock=Frozen())))
    assert belief is not None
    assert belief.state is State.FAILED
    assert "without letting time pass" in belief.detail


@BOTH
@pytest.mark.parametrize("fault", [World.restore, World.remove_record, World.put_cname])
def test_cancelled_at_any_await(world: World, model: Client, fault: object) -> None:
    """Cancellation at whichever await leaves the model at once and unchanged; nothing swallows it."""
    assert callable(fault)
    fault(world)
    for steps in range(1, 30):
        world.person = [PASSWORD]
        sign_in = model.sign_in(world.device())
        try:
            for _ in range(steps):
                sign_in.send(None)
        except StopIteration:
            break
        with pytest.raises(asyncio.CancelledError):
            sign_in.throw(asyncio.CancelledError())


def test_no_secret_in_what_a_model_says(world: World) -> None:
    """A belief can be printed: tokens and passwords do not show."""
    belief = world.play(OFFICE.sign_in(world.device()))
    assert isinstance(belief, Belief)
    assert belief.tokens is not None
    assert belief.tokens.access_token not in repr(belief)
    assert belief.tokens.access_token not in repr(belief.tokens)


def test_html_from_a_middlebox(world: World) -> None:
    """A success that is not MEX is a protocol failure at that stage, not a crash."""
    world.answers[SignInStep.MEX] = HttpResponse(200, body=b"<html><body>Hello")
    belief = world.play(dataclasses.replace(OFFICE, policy=FailFast()).sign_in(world.device()))
    assert belief is not None
    assert belief.stage is Stage.MEX
    assert "not XML" in belief.detail


def test_refusing_answer_waits_for_the_next_round(world: World) -> None:
    """A 503 is an answer and no network error: one MEX request a round, and nobody is asked."""
    world.answers[SignInStep.MEX] = HttpResponse(503)
    assert world.play(OFFICE.sign_in(world.device()), seconds=3600) is None
    assert 11 <= len(world.seen(f"http GET {AUTOLOGON}")) <= 13
    assert not world.seen("prompt")


def test_catalogue_names_its_sources() -> None:
    """Every model in the catalogue has a one-line description and at least one source."""
    for name, model in catalogue.MODELS.items():
        assert catalogue.find(name) is model
        assert model.description
        assert "\n" not in model.description
        assert model.sources


def test_unknown_model_lists_near_matches() -> None:
    """A mistyped name is answered with the nearest one."""
    with pytest.raises(catalogue.UnknownModelError, match="office"):
        catalogue.find("offise")
