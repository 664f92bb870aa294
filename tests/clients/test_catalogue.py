"""Every shipped model: the contract, and what becomes of it in each state of the record of 25 February 2025."""

from __future__ import annotations

import pytest
from ssosim_clients import catalogue
from ssosim_clients.failures import HttpFailure, NetworkFailure, Stage
from ssosim_clients.models import Client, Model, State
from ssosim_clients.models.msal import MSAL4J_IWA
from ssosim_clients.models.naive import NAIVE
from ssosim_clients.models.prt import PRT_DEVICE
from ssosim_clients.ports import HttpResponse

from ssosim.testing import AUTOLOGON, FEDERATED_UPN, PASSWORD, STS, SignInStep, World, check_client

MODELS = sorted(catalogue.MODELS)

# How a fresh sign-in ends: while the name is gone, while it is a CNAME, and where the tenant has no Seamless SSO (the
# realm flipped to Managed). S silent, I asked a person, F failed with an error, - still trying after an hour.
OUTCOMES = {
    "office": "--I",
    "outlook": "--I",
    "word": "--I",
    "onedrive": "--I",
    "native-prompt": "III",
    "ssms": "FFF",
    "sqlclient": "FFF",
    "intune-agent": "--F",
    "connect-sync-password": "-SS",
    "connect-sync-certificate": "SSS",
    "msal-dotnet-iwa": "FFF",
    "msal4j-iwa": "FSF",
    "msal-python-ropc": "SSS",
    "azure-identity": "SSS",
    "adal-like": "FSS",
    "browser-windows": "III",
    "browser-linux": "III",
    "firefox-windows": "III",
    "prt-device": "SSS",
    "federated-user": "SSS",
    "naive": "FFF",
    "token-validator": "SSS",
}
LETTERS = {State.SILENT: "S", State.INTERACTIVE: "I", State.FAILED: "F", State.DECLINED: "D"}


def _upn(name: str) -> str:
    return FEDERATED_UPN if name == "federated-user" else "alice@contoso.com"


@pytest.mark.parametrize("name", MODELS)
def test_keeps_the_contract(name: str) -> None:
    """Each shipped model passes the check that users run on theirs, and signs in silently where all is well."""
    assert check_client(catalogue.find(name), upn=_upn(name)).state is State.SILENT


@pytest.mark.parametrize("name", MODELS)
def test_states_of_the_record(name: str) -> None:
    """Gone, CNAME, Managed: each kind of client ends as sources say (TMS9-021 to TMS9-027, TMS9-080 to TMS9-082)."""
    model, ends = catalogue.find(name), ""
    for change in (World.remove_record, World.put_cname, _managed):
        world = World(person=[PASSWORD])
        change(world)
        belief = world.play(model.sign_in(world.device(upn=_upn(name))), seconds=3600)
        ends += LETTERS[belief.state] if belief else "-"
    assert ends == OUTCOMES[name]


def _managed(world: World) -> None:
    world.desktop_sso = False


@pytest.mark.parametrize("name", ["prt-device", "connect-sync-certificate", "msal-python-ropc", "federated-user"])
def test_never_touches_autologon(name: str) -> None:
    """Who does not depend on the host never speaks to it, and so is not affected (TMS9-005, TMS9-008, TMS9-100)."""
    world = World()
    for _ in range(3):
        world.play(catalogue.find(name).sign_in(world.device(upn=_upn(name))))
    assert world.events
    assert all(AUTOLOGON not in line for line in world.log)


def test_federated_user_signs_in_at_home() -> None:
    """A federated domain's own service gives the assertion, for a ticket of its own name (TMS9-008)."""
    world = World()
    world.play(catalogue.find("federated-user").sign_in(world.device(upn=FEDERATED_UPN)))
    assert world.seen("tgs") == [f"tgs HTTP/{STS}"]


def test_prt_is_kept_and_renewed() -> None:
    """The first sign-in earns a refresh token, later ones use it; idle for more than 14 days, it is gone."""
    world = World()
    device = world.device()
    for days in (0, 1, 13):
        world.engine.run(world.now + days * 86400)
        world.play(PRT_DEVICE.sign_in(device))
    assert [event.auth for event in world.events if event.kind == "http"] == ["password", "none", "none"]
    world.engine.run(world.now + 15 * 86400)
    world.play(PRT_DEVICE.sign_in(device))
    assert world.events[-1].auth == "password"


def test_prt_is_dropped_when_refused() -> None:
    """A refresh token that the service refuses is not used again; a person is asked."""
    world = World(person=[PASSWORD])
    device = world.device()
    world.play(PRT_DEVICE.sign_in(device))
    refused = HttpResponse(400, body=b'{"error":"invalid_grant"}')
    world.answers[SignInStep.TOKEN] = lambda request: refused if b"=refresh_token" in request.body else _tokens()
    belief = world.play(PRT_DEVICE.sign_in(device))
    assert belief is not None
    assert belief.state is State.INTERACTIVE
    belief = world.play(PRT_DEVICE.sign_in(device))
    assert belief is not None
    assert belief.state is State.SILENT, "the device signs on anew"


def _tokens() -> HttpResponse:
    return HttpResponse(200, body=b'{"token_type":"Bearer","access_token":"at"}')


def test_jvm_remembers_a_failed_negotiate() -> None:
    """One sign-in without a KDC, and that JVM tries Negotiate no more, though the KDC is back (measured-memory)."""
    world = World(kdc_reachable=False)
    device = world.device()
    world.play(MSAL4J_IWA.sign_in(device))
    world.kdc_reachable = True
    for attempt, expected in ((device, State.FAILED), (world.device(), State.SILENT)):
        belief = world.play(MSAL4J_IWA.sign_in(attempt))
        assert belief is not None
        assert belief.state is expected
    assert [event.outcome for event in world.events if event.kind == "tgs"] == ["unreachable", ""]


def test_msal4j_locks_for_five_seconds() -> None:
    """After a 5xx nothing is sent for 5 s, the realm question included; the retry of the stack came before that."""
    world = World()
    device = world.device()
    world.answers[SignInStep.WSTRUST_TICKET] = HttpResponse(500)
    world.play(MSAL4J_IWA.sign_in(device))
    assert world.count(SignInStep.WSTRUST_TICKET) == 2, "one retry, a second later"
    world.answers.clear()
    requests = len(world.seen("http"))
    belief = world.play(MSAL4J_IWA.sign_in(device))
    assert belief is not None
    assert "was not asked" in belief.detail
    assert len(world.seen("http")) == requests
    world.engine.run(world.now + 5)
    belief = world.play(MSAL4J_IWA.sign_in(device))
    assert belief is not None
    assert belief.state is State.SILENT


def test_naive_hammers_and_raises() -> None:
    """Three tries within a second, then an error (TMS9-107)."""
    world = World()
    world.remove_record()
    began = world.now
    belief = world.play(NAIVE.sign_in(world.device()))
    assert belief is not None
    assert (belief.state, belief.attempts) == (State.FAILED, 3)
    assert world.now - began < 1


def test_dotnet_retries_once_after_a_second() -> None:
    """MSAL.NET repeats a 5xx once, a second later, unless it says Retry-After; a 429 never (read-retries)."""
    model = catalogue.find("msal-dotnet-iwa")
    for answer, tries in ((HttpResponse(503), 2), (HttpResponse(429), 1), (NetworkFailure("read", "timeout"), 2)):
        world = World()
        world.answers[SignInStep.MEX] = answer
        world.play(model.sign_in(world.device()))
        assert world.count(SignInStep.MEX) == tries


def test_browser_without_look_up() -> None:
    """Where only the SPN's look-up fails, Chromium goes on with the name as typed and Firefox gives Negotiate up."""
    ends = {}
    for name in ("browser-windows", "firefox-windows"):
        world = World(person=[PASSWORD])
        elsewhere = World(broken={AUTOLOGON: "servfail"}).device()  # two look-ups, in time and by resolver
        belief = world.play(catalogue.find(name).sign_in(world.device(resolver=elsewhere.resolver)))
        assert belief is not None
        ends[name] = (belief.state, belief.stage)
    assert ends == {
        "browser-windows": (State.SILENT, None),
        "firefox-windows": (State.INTERACTIVE, Stage.TICKET),
    }


def test_chromium_on_linux_is_moved_by_the_pointer_too() -> None:
    """Canonicalised twice: no CNAME needed, the PTR of the address alone spoils its SPN; on Windows it does not."""
    for name, expected in (("browser-linux", State.INTERACTIVE), ("browser-windows", State.SILENT)):
        world = World(person=[PASSWORD], pointers={"192.0.2.20": "ec2-1-2-3-4.cloud.test"})
        belief = world.play(catalogue.find(name).sign_in(world.device()))
        assert belief is not None
        assert belief.state is expected


def test_service_without_a_window() -> None:
    """The management agent asks nobody, even where only a person could help."""
    world = World(person=[PASSWORD], desktop_sso=False)
    belief = world.play(catalogue.find("intune-agent").sign_in(world.device()))
    assert belief is not None
    assert belief.state is State.FAILED
    assert not world.seen("prompt")


def test_swallowers_come_back_by_themselves() -> None:
    """Whoever still tries when the alias is back signs in within its own background period (TMS9-029)."""
    for name, outcome in OUTCOMES.items():
        if outcome[0] != "-":
            continue
        world, model = World(), catalogue.find(name)
        world.remove_record()
        world.after(7 * 3600, World.restore)
        began = world.now
        belief = world.play(model.sign_in(world.device()))
        assert belief is not None
        assert belief.state is State.SILENT
        signed_in = next(event.at for event in world.events if event.step is SignInStep.TOKEN)
        assert 7 * 3600 <= signed_in - began <= 7 * 3600 + 3620, name


def test_every_client_says_what_it_keeps() -> None:
    """Libraries with a memory say so; a model without one keeps nothing (measured-memory)."""
    with_memory = {"msal-dotnet-iwa", "msal4j-iwa", "msal-python-ropc", "azure-identity", "prt-device"}
    clients: list[Model] = list(catalogue.MODELS.values())
    assert {c.name for c in clients if isinstance(c, Client) and c.keeps != "nothing"} == with_memory


def test_a_refusal_is_a_failure_that_can_be_read() -> None:
    """What a failing client shows names the stage, the status and the reason."""
    world = World()
    world.answers[SignInStep.MEX] = HttpResponse(403)
    belief = world.play(catalogue.find("msal-dotnet-iwa").sign_in(world.device()))
    assert belief is not None
    assert belief.detail == f"mex: {HttpFailure(403, 'metadata exchange failed')}"
