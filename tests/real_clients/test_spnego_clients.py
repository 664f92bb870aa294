"""HTTP libraries and browsers with Negotiate, each against its model, through the incident of 25 February 2025.

Continuous integration plays a fixed sample. ``SSOSIM_SPNEGO=all`` plays all, and ``negotiate-cases.toml`` as well.
"""

import json
import os
from collections import Counter
from pathlib import Path

import pytest

from ssosim.real_clients.client_choice import build_scenario_client
from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.lookup import find_flows, list_shipped
from ssosim.real_clients.matrix import play_clients
from ssosim.real_clients.model_comparison import compare, pair_with_models
from ssosim.scenario.loader import load_scenario
from tests.real_client_setup import can_run, prepare

HOST = "autologon.microsoftazuread-sso.com"
AUTOLOGON = f"HTTP/{HOST}"
TRAFFIC_MANAGER = "HTTP/www.tm.a.prd.aadg.trafficmanager.net"
SAMPLE = ("go-spnego/transport", "httpclient5/canonical-name", "php-curl/curlauth-negotiate", "libsoup/auth-negotiate")
ALL = {each.name: each for client in list_shipped("spnego") for each in find_flows(client.name)}
CASES = str(Path(__file__).with_name("negotiate-cases.toml"))
PLAYED, SCENARIOS = (
    (tuple(ALL), ("feb-2025", CASES)) if os.environ.get("SSOSIM_SPNEGO") == "all" else (SAMPLE, ("feb-2025",))
)

# Outcomes while the record is healthy, empty, a CNAME, and restored, as they were measured before the lab existed.
MEASURED = {
    "httpclient5/canonical-name": "silent failed silent silent",
    "httpclient5/name-as-typed": "silent failed silent silent",
    "okhttp/authenticator": "silent failed silent silent",
    "node-kerberos/fetch": "silent failed refused silent",
    "go-spnego/transport": "failed failed failed failed",
    "php-curl/curlauth-negotiate": "silent failed refused silent",
    "libsoup/auth-negotiate": "silent failed refused silent",
    "lwp-negotiate/user-agent": "silent failed refused silent",
    "requests-kerberos/mutual-required": "silent failed refused silent",
    "requests-kerberos/mutual-optional": "silent failed refused silent",
    "requests-kerberos/mutual-disabled": "silent failed refused silent",
    "httpx-gssapi/mutual-disabled": "silent failed refused silent",
    "httpx-gssapi/mutual-required": "silent failed refused silent",
    "pyspnego/client": "silent failed refused silent",
    "heimdal/gss-api": "silent failed refused silent",
    "firefox/sign-in-page": "silent interactive interactive silent",
    "firefox/winauth-sso": "silent failed refused silent",
    "firefox/not-trusted": "interactive interactive interactive interactive",
}
WITHOUT_MODEL = {"firefox/winauth-sso", "firefox/not-trusted"}


@pytest.fixture(scope="module")
def played(prepared):
    """All cells of the flows that are played and of their models."""
    kept = os.environ.get("SSOSIM_HOME")
    os.environ["SSOSIM_HOME"] = str(prepared.parent)
    try:
        flows = [ALL[name] for name in PLAYED if can_run(ALL[name].client)]
        with_model = pair_with_models(flows)
        names = {client.name for client in with_model}
        others = [build_scenario_client(flow) for flow in flows if flow.name not in names]
        return play_clients([load_scenario(name) for name in SCENARIOS], [*with_model, *others])
    finally:
        if kept is None:
            del os.environ["SSOSIM_HOME"]
        else:
            os.environ["SSOSIM_HOME"] = kept


@pytest.fixture(params=PLAYED)
def client_flow(request):
    """A flow whose tools this machine has."""
    found = ALL[request.param]
    prepare(found.client)
    return found


def test_the_model_does_as_the_library_does(played, client_flow):
    """The same outcome, the same services asked for, the same requests, in every phase; deviations are listed."""
    assert {cell.phase for cell in played if cell.client == client_flow.name}, "it was played"
    assert compare(played, [client_flow]).wrong(client_flow.name) == []


def test_outcomes_are_those_measured_before(played, client_flow):
    """25 February 2025, healthy, empty, CNAME, restored: a client is refused exactly where it asks for the target."""
    cells = [cell for cell in played if cell.client == client_flow.name and cell.scenario == "feb-2025"]
    assert " ".join(cell.outcome for cell in cells) == MEASURED[client_flow.name], [cell.reason for cell in cells]
    if cells[0].outcome == "silent":
        cname = AUTOLOGON if cells[2].outcome == "silent" else TRAFFIC_MANAGER
        assert [cell.sent.spns for cell in cells] == [(AUTOLOGON,), (), (cname,), (AUTOLOGON,)]
    else:
        assert [cell.sent.spns for cell in cells] == [()] * 4


def test_every_flow_has_a_measurement_and_a_model():
    """A flow of the set names its model and has measured outcomes, so that none is played without being judged."""
    assert set(MEASURED) == set(ALL)
    assert {name for name, each in ALL.items() if each.flow.model is None} == WITHOUT_MODEL


# Requests while each is answered by 401 and bare Negotiate, without end.
REQUESTS = {
    "httpclient5/canonical-name": ["none", "kerberos"],
    "httpclient5/name-as-typed": ["none", "kerberos"],
    "okhttp/authenticator": ["none", "kerberos"],
    "okhttp/authenticator unlimited": ["none", *["kerberos"] * 20],
    "node-kerberos/fetch": ["none", "kerberos"],
    "php-curl/curlauth-negotiate": ["kerberos"],
    "libsoup/auth-negotiate": ["none", *["kerberos"] * 20],
    "lwp-negotiate/user-agent": ["none", *["kerberos"] * 7],
    "requests-kerberos/mutual-required": ["none", *["kerberos"] * 2],
    "requests-kerberos/mutual-disabled": ["none", *["kerberos"] * 2],
    "httpx-gssapi/mutual-disabled": ["none", *["kerberos"] * 2],
    "pyspnego/client": ["none", "kerberos"],
    "heimdal/gss-api": ["none", "kerberos"],
}


@pytest.fixture
def start(running, request):
    """Run a flow in a lab with a fault; return how it ended, and its events of a kind. The fault is undone."""

    def run(name, *words, fault):
        flow = ALL[name]
        prepare(flow.client)
        assert running.run("fault", "apply", *fault).returncode == 0
        command = [word.replace("{home}", str(find_client_home(flow.client))) for word in flow.flow.run]
        done = running.run("exec", "--as", request.node.name, "--", *command, *words)
        lines = running.run("trace", "--json", "--client", request.node.name).stdout.splitlines()
        events = [json.loads(line) for line in lines]
        return done, {kind: [e for e in events if e["event"] == kind] for kind in ("HttpExchange", "KdcExchange")}

    yield run
    running.run("fault", "undo", "all")


@pytest.mark.parametrize("name", [name for name in REQUESTS if name.partition(" ")[0] in PLAYED])
def test_an_endless_401_ends(start, name):
    """Every request is answered by 401 and bare Negotiate: the client stops after a number of requests of its own."""
    answer = ("http-answer", f"host={HOST}", "path=/winauth/sso", "status=401", "headers=WWW-Authenticate:Negotiate")
    done, seen = start(*name.split(), fault=answer)
    assert done.returncode == 1, done.stdout
    assert [event["auth"] for event in seen["HttpExchange"]] == REQUESTS[name], done.stderr


@pytest.mark.parametrize(
    ("points_to", "exit_code", "requested"),
    [(HOST, 0, f"HTTP/{HOST}"), ("node7.example.com", 1, "HTTP/node7.example.com")],
)
def test_go_spnego_requests_a_ticket_for_the_ptr_name(start, points_to, exit_code, requested):
    """With a PTR record go-spnego signs in if it is the host's name; any other name is used as well, and is unknown."""
    done, seen = start("go-spnego/transport", fault=("ptr-mismatch", "address=192.0.2.20", f"points_to={points_to}"))
    assert done.returncode == exit_code, done.stderr
    assert Counter(event["service"] for event in seen["KdcExchange"] if event["request"] == "TGS")[requested]
    assert [(event["auth"], event["status"]) for event in seen["HttpExchange"]] == [("kerberos", 200)] * (1 - exit_code)


# What a program says, and the outcome, where a 200 to its ticket has no token of the service.
WITHOUT_MUTUAL = {
    "php-curl/curlauth-negotiate": ("signed in as", "silent"),
    "libsoup/auth-negotiate": ("signed in as", "silent"),
    "lwp-negotiate/user-agent": ("signed in as", "silent"),
    "heimdal/gss-api": ("signed in as", "silent"),
    "requests-kerberos/mutual-required": ("MutualAuthenticationError", "failed"),
    "requests-kerberos/mutual-optional": ("signed in as", "silent"),
    "requests-kerberos/mutual-disabled": ("signed in as", "silent"),
    "httpx-gssapi/mutual-required": ("MutualAuthenticationError", "failed"),
    "httpx-gssapi/mutual-disabled": ("signed in as", "silent"),
}


def test_a_200_without_a_token_of_the_service(bench):
    """Programs that demand mutual authentication fail; the reason says so, though the service accepted the ticket."""
    bench.up("--no-mutual-authentication")
    for name in (name for name in WITHOUT_MUTUAL if name in PLAYED):
        flow = ALL[name]
        prepare(flow.client)
        command = [word.replace("{home}", str(find_client_home(flow.client))) for word in flow.flow.run]
        label = name.replace("/", "-")
        done = bench.run("exec", "--as", label, "--expect", WITHOUT_MUTUAL[name][1], "--", *command)
        assert WITHOUT_MUTUAL[name][0] in done.stdout + done.stderr
        assert "outcome: expected" not in done.stderr, name
        explained = bench.run("explain", "--client", label).stdout
        assert ("demands mutual authentication" in explained) == (WITHOUT_MUTUAL[name][1] == "failed"), explained
