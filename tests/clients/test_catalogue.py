"""Every shipped model: the contract, and how its sign-in ends in each state of the record of 25 February 2025."""

from __future__ import annotations

import pytest
from ssosim_clients import catalogue
from ssosim_clients.failures import HttpFailure, NetworkFailure, Stage
from ssosim_clients.models import Client, Model, SignInState
from ssosim_clients.models.msal import MSAL4J_IWA
from ssosim_clients.models.naive import NAIVE
from ssosim_clients.models.prt import PRT_DEVICE
from ssosim_clients.ports import HttpResponse

from ssosim.testing import (
    AUTOLOGON,
    FEDERATED_UPN,
    PASSWORD,
    STS,
    ClientEnvironment,
    ConformanceError,
    SignInStep,
    check_client,
)

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
    "firefox-linux": "III",
    "prt-device": "SSS",
    "federated-user": "SSS",
    "naive": "FFF",
    "java-jgss": "FSF",
    "httpclient5": "FSF",
    "httpclient5-as-typed": "FSF",
    "node-kerberos": "FFF",
    "go-spnego": "FFF",
    "curl-negotiate": "FFF",
    "libsoup": "FFF",
    "lwp-negotiate": "FFF",
    "requests-kerberos": "FFF",
    "requests-kerberos-optional": "FFF",
    "httpx-gssapi": "FFF",
    "httpx-gssapi-required": "FFF",
    "pyspnego": "FFF",
    "heimdal": "FFF",
    "token-validator": "SSS",
}
LETTERS = {SignInState.SILENT: "S", SignInState.INTERACTIVE: "I", SignInState.FAILED: "F", SignInState.DECLINED: "D"}


def _upn(name: str) -> str:
    return FEDERATED_UPN if name == "federated-user" else "alice@contoso.com"


@pytest.mark.parametrize("name", [name for name in MODELS if name != "go-spnego"])
def test_keeps_the_contract(name: str) -> None:
    """Each shipped model passes the check that users run on theirs, and signs in silently without a fault."""
    assert check_client(catalogue.find_model(name), upn=_upn(name)).state is SignInState.SILENT


def test_go_spnego_needs_a_pointer() -> None:
    """go-spnego keeps the contract, but signs in only where the address has a PTR record.

    The first request has the ticket already: no challenge is waited for.
    """
    model = catalogue.find_model("go-spnego")
    with pytest.raises(ConformanceError) as raised:
        check_client(model)
    (complaint,) = raised.value.complaints
    assert complaint == "healthy: it does not sign in: ticket: could not resolve 20.2.0.192.in-addr.arpa (nxdomain)"
    environment = ClientEnvironment(pointers={"192.0.2.20": AUTOLOGON})
    report = environment.play(model.sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.SILENT
    assert environment.seen("tgs") == [f"tgs HTTP/{AUTOLOGON}"]
    assert environment.count(SignInStep.BROWSER_SSO) == 1


@pytest.mark.parametrize("name", MODELS)
def test_states_of_the_record(name: str) -> None:
    """Record gone, CNAME, Managed: each client ends as sources say (TMS9-021 to TMS9-027, TMS9-080 to TMS9-082)."""
    model, ends = catalogue.find_model(name), ""
    for change in (ClientEnvironment.remove_record, ClientEnvironment.put_cname, _managed):
        environment = ClientEnvironment(prompt_replies=[PASSWORD])
        change(environment)
        report = environment.play(model.sign_in(environment.device(upn=_upn(name))), seconds=3600)
        ends += LETTERS[report.state] if report else "-"
    assert ends == OUTCOMES[name]


def _managed(environment: ClientEnvironment) -> None:
    environment.desktop_sso = False


@pytest.mark.parametrize("name", ["prt-device", "connect-sync-certificate", "msal-python-ropc", "federated-user"])
def test_never_touches_autologon(name: str) -> None:
    """A client that does not use the host sends it no request and is not affected (TMS9-005, TMS9-008, TMS9-100)."""
    environment = ClientEnvironment()
    for _ in range(3):
        environment.play(catalogue.find_model(name).sign_in(environment.device(upn=_upn(name))))
    assert environment.events
    assert all(AUTOLOGON not in line for line in environment.log)


def test_federated_user_signs_in_at_home() -> None:
    """A federated domain's own service gives the assertion, for a ticket of its own name (TMS9-008)."""
    environment = ClientEnvironment()
    environment.play(catalogue.find_model("federated-user").sign_in(environment.device(upn=FEDERATED_UPN)))
    assert environment.seen("tgs") == [f"tgs HTTP/{STS}"]


def test_prt_is_kept_and_renewed() -> None:
    """The first sign-in gets a refresh token, later ones use it; after 14 days without use it has expired."""
    environment = ClientEnvironment()
    device = environment.device()
    for days in (0, 1, 13):
        environment.engine.run(environment.now + days * 86400)
        environment.play(PRT_DEVICE.sign_in(device))
    assert [event.auth for event in environment.events if event.kind == "http"] == ["password", "none", "none"]
    environment.engine.run(environment.now + 15 * 86400)
    environment.play(PRT_DEVICE.sign_in(device))
    assert environment.events[-1].auth == "password"


def test_prt_is_dropped_when_refused() -> None:
    """A refresh token that the service refuses is not used again; the user is prompted."""
    environment = ClientEnvironment(prompt_replies=[PASSWORD])
    device = environment.device()
    environment.play(PRT_DEVICE.sign_in(device))
    refused = HttpResponse(400, body=b'{"error":"invalid_grant"}')
    environment.answers[SignInStep.TOKEN] = lambda request: refused if b"=refresh_token" in request.body else _tokens()
    report = environment.play(PRT_DEVICE.sign_in(device))
    assert report is not None
    assert report.state is SignInState.INTERACTIVE
    report = environment.play(PRT_DEVICE.sign_in(device))
    assert report is not None
    assert report.state is SignInState.SILENT, "the device signs on anew"


def _tokens() -> HttpResponse:
    return HttpResponse(200, body=b'{"token_type":"Bearer","access_token":"at"}')


def test_jvm_remembers_a_failed_negotiate() -> None:
    """After one sign-in without a KDC a JVM never uses Negotiate again, also when the KDC is back (measured-memory)."""
    environment = ClientEnvironment(kdc_reachable=False)
    device = environment.device()
    environment.play(MSAL4J_IWA.sign_in(device))
    environment.kdc_reachable = True
    for attempt, expected in ((device, SignInState.FAILED), (environment.device(), SignInState.SILENT)):
        report = environment.play(MSAL4J_IWA.sign_in(attempt))
        assert report is not None
        assert report.state is expected
    assert [event.outcome for event in environment.events if event.kind == "tgs"] == ["unreachable", ""]


def test_msal4j_locks_for_five_seconds() -> None:
    """After a 5xx and its retry nothing is sent for 5 s, not even a realm request."""
    environment = ClientEnvironment()
    device = environment.device()
    environment.answers[SignInStep.WSTRUST_TICKET] = HttpResponse(500)
    environment.play(MSAL4J_IWA.sign_in(device))
    assert environment.count(SignInStep.WSTRUST_TICKET) == 2, "one retry, a second later"
    environment.answers.clear()
    requests = len(environment.seen("http"))
    report = environment.play(MSAL4J_IWA.sign_in(device))
    assert report is not None
    assert "no request was sent" in report.detail
    assert len(environment.seen("http")) == requests
    environment.engine.run(environment.now + 5)
    report = environment.play(MSAL4J_IWA.sign_in(device))
    assert report is not None
    assert report.state is SignInState.SILENT


def test_naive_hammers_and_raises() -> None:
    """Three tries within a second, then an error (TMS9-107)."""
    environment = ClientEnvironment()
    environment.remove_record()
    began = environment.now
    report = environment.play(NAIVE.sign_in(environment.device()))
    assert report is not None
    assert (report.state, report.attempts) == (SignInState.FAILED, 3)
    assert environment.now - began < 1


def test_dotnet_retries_once_after_a_second() -> None:
    """MSAL.NET repeats a 5xx once, a second later, unless it says Retry-After; a 429 never (read-retries)."""
    model = catalogue.find_model("msal-dotnet-iwa")
    for answer, tries in ((HttpResponse(503), 2), (HttpResponse(429), 1), (NetworkFailure("read", "timeout"), 2)):
        environment = ClientEnvironment()
        environment.answers[SignInStep.MEX] = answer
        environment.play(model.sign_in(environment.device()))
        assert environment.count(SignInStep.MEX) == tries


def test_browser_without_look_up() -> None:
    """If only the look-up for the SPN fails, Chromium uses the name as typed and Firefox gives up Negotiate."""
    ends = {}
    for name in ("browser-windows", "firefox-windows"):
        environment = ClientEnvironment(prompt_replies=[PASSWORD])
        elsewhere = ClientEnvironment(
            dns_failures={AUTOLOGON: "servfail"}
        ).device()  # two look-ups, in time and by resolver
        report = environment.play(catalogue.find_model(name).sign_in(environment.device(resolver=elsewhere.resolver)))
        assert report is not None
        ends[name] = (report.state, report.stage)
    assert ends == {
        "browser-windows": (SignInState.SILENT, None),
        "firefox-windows": (SignInState.INTERACTIVE, Stage.TICKET),
    }


def test_chromium_on_linux_is_moved_by_the_pointer_too() -> None:
    """Chromium on Linux canonicalises twice: the PTR of the address alone changes its SPN; on Windows it does not."""
    for name, expected in (("browser-linux", SignInState.INTERACTIVE), ("browser-windows", SignInState.SILENT)):
        environment = ClientEnvironment(prompt_replies=[PASSWORD], pointers={"192.0.2.20": "ec2-1-2-3-4.cloud.test"})
        report = environment.play(catalogue.find_model(name).sign_in(environment.device()))
        assert report is not None
        assert report.state is expected


def test_service_without_a_window() -> None:
    """The management agent shows no prompt, even if the user must act."""
    environment = ClientEnvironment(prompt_replies=[PASSWORD], desktop_sso=False)
    report = environment.play(catalogue.find_model("intune-agent").sign_in(environment.device()))
    assert report is not None
    assert report.state is SignInState.FAILED
    assert not environment.seen("prompt")


def test_swallowers_come_back_by_themselves() -> None:
    """A client that still retries when the alias is back signs in within its background period (TMS9-029)."""
    for name, outcome in OUTCOMES.items():
        if outcome[0] != "-":
            continue
        environment, model = ClientEnvironment(), catalogue.find_model(name)
        environment.remove_record()
        environment.after(7 * 3600, ClientEnvironment.restore)
        began = environment.now
        report = environment.play(model.sign_in(environment.device()))
        assert report is not None
        assert report.state is SignInState.SILENT
        signed_in = next(event.at for event in environment.events if event.step is SignInStep.TOKEN)
        assert 7 * 3600 <= signed_in - began <= 7 * 3600 + 3620, name


def test_every_client_says_what_it_keeps() -> None:
    """A model whose library keeps state says so in ``keeps``; the others keep nothing (measured-memory)."""
    with_memory = {"msal-dotnet-iwa", "msal4j-iwa", "msal-python-ropc", "azure-identity", "prt-device"}
    clients: list[Model] = list(catalogue.MODELS.values())
    assert {c.name for c in clients if isinstance(c, Client) and c.keeps != "nothing"} == with_memory


def test_a_refusal_is_a_failure_that_can_be_read() -> None:
    """The error of a failed client has the stage, the status and the reason."""
    environment = ClientEnvironment()
    environment.answers[SignInStep.MEX] = HttpResponse(403)
    report = environment.play(catalogue.find_model("msal-dotnet-iwa").sign_in(environment.device()))
    assert report is not None
    assert report.detail == f"mex: {HttpFailure(403, 'metadata exchange failed')}"
