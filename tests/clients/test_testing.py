"""The device in memory and the checks, as users of ``ssosim.testing`` meet them."""

from __future__ import annotations

import contextlib
import dataclasses

import pytest
from ssosim_clients.catalogue import MODELS
from ssosim_clients.failures import NetworkFailure
from ssosim_clients.flows.token import Tokens
from ssosim_clients.models import SignInReport, SignInState
from ssosim_clients.models.office import OFFICE
from ssosim_clients.ports import Device, HttpResponse

from ssosim.memory import pause
from ssosim.testing import (
    SITUATIONS,
    ClientEnvironment,
    ConformanceError,
    Engine,
    NoProgressError,
    SignInStep,
    check_client,
)


def test_engine_runs_many_in_one_order() -> None:
    """Several coroutines and actions share the heap; equal moments keep the order of asking, at every run."""

    def once() -> list[str]:
        engine, log = Engine(), list[str]()

        async def client(name: str, seconds: float) -> None:
            for _ in range(3):
                await pause(seconds)
                log.append(f"{name} {engine.now:.0f}")

        engine.call_at(engine.now + 2, lambda: log.append("change"))
        for name, seconds in (("a", 2), ("b", 1), ("c", 2)):
            engine.start(client(name, seconds))
        engine.run()
        return log

    assert once() == once()
    assert once()[:4] == ["b 1000001", "change", "a 1000002", "c 1000002"]


def test_engine_stops_where_told() -> None:
    """The clock stands at ``until``; what was to come later comes at the next run."""
    engine, log = Engine(0.0), list[float]()
    engine.call_at(10, lambda: log.append(engine.now))
    engine.run(5)
    assert (engine.now, log) == (5, [])
    engine.run(15)
    assert (engine.now, log) == (15, [10])


def test_engine_notices_spinning() -> None:
    """A coroutine that never lets time pass is ended and said to be at fault."""

    async def spin() -> None:
        while True:
            await pause(0)

    engine = Engine()
    engine.start(spin())
    with pytest.raises(NoProgressError):
        engine.run()


def test_a_runs_error_is_its_own() -> None:
    """One client's exception does not stop the others; it comes out where its result is asked for."""

    async def fails() -> None:
        await pause(1)
        raise ValueError("broken")

    async def works() -> int:
        await pause(2)
        return 7

    engine = Engine()
    first, second = engine.start(fails()), engine.start(works())
    engine.run()
    assert second.result == 7
    with pytest.raises(ValueError, match="broken"):
        _ = first.result


def test_a_thousand_clients_in_one_world(environment: ClientEnvironment) -> None:
    """A population: all of them stall while the name is gone and are back within one period of its return."""
    environment.remove_record()
    environment.after(3600, ClientEnvironment.restore)
    runs = [environment.engine.start(OFFICE.sign_in(environment.device())) for _ in range(1000)]
    environment.engine.run(environment.now + 3590)
    assert not any(run.done for run in runs)
    environment.engine.run(environment.now + 400)
    assert all(run.result is not None and run.result.state is SignInState.SILENT for run in runs)


def test_answers_can_be_scripted(environment: ClientEnvironment) -> None:
    """A step's answer may be a response, a network failure, or a function of the request."""
    device = environment.device()
    for answer, outcome in (
        (HttpResponse(503), "503"),
        (NetworkFailure("tls", "bad-certificate"), "tls"),
        (lambda request: HttpResponse(410 if request.method == "GET" else 500), "410"),
    ):
        environment.answers[SignInStep.MEX] = answer
        environment.play(OFFICE.sign_in(device), seconds=1)
        assert next(event.outcome for event in reversed(environment.events) if event.step is SignInStep.MEX) == outcome


def test_every_situation_matters() -> None:
    """Each situation of ``check_client`` is noticed by a client: its trace is not that of a healthy environment."""
    traces = {}
    for name, change in SITUATIONS.items():
        environment = ClientEnvironment()
        change(environment)
        environment.play(OFFICE.sign_in(environment.device()), seconds=7500)
        traces[name] = tuple(event[1:5] for event in environment.events)
    healthy = traces.pop("healthy")
    assert [name for name, trace in traces.items() if trace == healthy] == []


@dataclasses.dataclass(frozen=True)
class Model:
    """A user's model, with one of the mistakes that the check is for."""

    mistake: str
    name: str = "mine"
    description: str = "mine"
    sources: tuple[str, ...] = ("mine",)

    async def sign_in(self, device: Device) -> SignInReport:  # noqa: C901 - a branch for each mistake
        """Sign in, more or less."""
        match self.mistake:
            case "raises":
                raise KeyError("mine")
            case "spins":
                while True:
                    await device.clock.sleep(0)
            case "no report":
                return None  # type: ignore[return-value] - the mistake
            case "no tokens":
                return SignInReport(SignInState.SILENT)
            case "leaks":
                body = b"grant_type=password&username=a&password=b"
                with contextlib.suppress(NetworkFailure):
                    await device.http.request("POST", "https://sts.evil.test/token", {}, body)
            case "swallows":
                try:
                    await device.clock.sleep(1)
                except BaseException:  # noqa: BLE001 - the mistake
                    return SignInReport(SignInState.FAILED)
            case "asks":
                await device.user.prompt_password(device.upn, "why not")
            case "invents":
                return SignInReport(SignInState.SILENT, tokens=Tokens("secret-token", 1.0))
            case "believes" | "hopes":
                found = await MODELS["native-prompt"].sign_in(device)
                page = Tokens("<html>", 1.0) if self.mistake == "believes" else None
                return found if found.tokens else SignInReport(SignInState.SILENT, tokens=page)
        return await MODELS["native-prompt"].sign_in(device)


@pytest.mark.parametrize(
    ("mistake", "text"),
    [
        ("raises", "healthy: raised KeyError"),
        ("spins", "without letting time pass"),
        ("no report", "does not sign in"),
        ("no tokens", "does not sign in"),
        ("leaks", "captive portal: a password went to sts.evil.test"),
        ("swallows", "cancellation at its await number 1 became a normal return"),
        ("asks", "prompts the user although silent sign-in is possible"),
        ("invents", "healthy: it reports a token that the identity provider did not issue"),
        ("believes", "middlebox: it reports a token that the identity provider did not issue"),
        ("hopes", "503 everywhere: it reports 'signed in silently' and has no token"),
    ],
)
def test_mistakes_are_found(mistake: str, text: str) -> None:
    """Each mistake of a model is a complaint that says where and what."""
    with pytest.raises(ConformanceError, match=text):
        check_client(Model(mistake))


def test_a_good_model_passes() -> None:
    """A model without a mistake passes, and its report in a healthy environment comes back."""
    assert check_client(Model("none")).state is SignInState.SILENT


def test_bad_descriptions_are_found() -> None:
    """A name that nobody can type, a description of two lines, no sources: all said at once."""
    bad = Model("none", name="My Client", description="a\nb", sources=())
    with pytest.raises(ConformanceError) as caught:
        check_client(bad)
    assert len(caught.value.complaints) == 3
