"""What azidentity, MSAL for Node and gokrb5 put on the wire: the figures in their READMEs."""

from __future__ import annotations

import pytest

from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.lookup import find_flows
from tests.real_client_setup import prepare
from tests.real_clients.devices import device_name

LOGIN, STS, AUTOLOGON = "login.microsoftonline.com", "sts.fabrikam.com", "autologon.microsoftazuread-sso.com"
OPENID = f"GET {LOGIN}/organizations/v2.0/.well-known/openid-configuration none 200"
REALM = f"GET {LOGIN}/common/UserRealm/%s none 200"
TOKEN = f"POST {LOGIN}/organizations/oauth2/v2.0/token"
WINDOWS = f"POST {AUTOLOGON}/contoso.com/winauth/trust/2005/windowstransport"
USERNAME = f"POST {STS}/adfs/services/trust/13/usernamemixed password"
MEX = f"GET {STS}/adfs/services/trust/mex none 200"


class Lab:
    """A lab in which real clients sign in; each is known by its flow's name."""

    def __init__(self, bench):
        self._bench = bench
        bench.up()

    def start(self, name, label, **environment):
        """Start a flow; the process."""
        (client_flow,) = find_flows(name)
        prepare(client_flow.client)
        command = [word.replace("{home}", str(find_client_home(client_flow.client))) for word in client_flow.flow.run]
        given = ["env", *(f"{key}={value}" for key, value in environment.items())]
        return self._bench.popen(
            "exec", "--device", device_name(client_flow.flow.device), "--as", label, "--", *given, *command
        )

    def sign_in(self, name, label, **environment):
        """Run a flow to its end: exit code and all that it printed."""
        process = self.start(name, label, **environment)
        out, err = process.communicate(timeout=60)
        return process.returncode, (out + err).decode()

    def exchanges(self, label):
        """Its HTTP exchanges, one line each."""
        return [
            f"{r['method']} {r['host']}{r['path']} {r['auth']} {r['status']}"
            for r in self._bench.records()
            if r["client"] == label and r["event"] == "HttpExchange"
        ]

    def apply(self, fault, /, **fields):
        """Put a fault in force."""
        words = [f"{key}={value}" for key, value in fields.items()]
        done = self._bench.run("fault", "apply", fault, *words)
        assert done.returncode == 0, done.stderr


@pytest.fixture
def lab(bench):
    """A lab of this test's own."""
    return Lab(bench)


HEALTHY = {
    "azidentity/username-password": (
        "signed in as frank@fabrikam.com",  # the federated password goes to the cloud as well, beside the assertion
        [OPENID, REALM % "frank@fabrikam.com", MEX, f"{USERNAME} 200", f"{TOKEN} password 200"],
    ),
    "azidentity/managed-password": (
        "WS Trust 2005 support is not implemented",
        [OPENID, REALM % "alice@contoso.com", f"GET {AUTOLOGON}/contoso.com/winauth/trust/mex none 200"],
    ),
    "msal-node/username-password": ("signed in as alice@contoso.com", [f"{TOKEN} password 200"]),
    "msal-node/federated-password": ("AADSTS50056", [f"{TOKEN} password 400"]),
    "gokrb5/integrated": (
        "signed in as alice@contoso.com",
        [f"{WINDOWS} none 401", f"{WINDOWS} kerberos 200", f"{TOKEN} none 200"],
    ),
}
ASKING = ("azidentity/interactive", "azidentity/device-code", "msal-node/interactive", "msal-node/device-code")


def test_a_healthy_day(lab):
    """Each flow makes exactly the requests that its library is written to make, in that order."""
    started = {flow: lab.start(flow, flow) for flow in HEALTHY}
    for flow, (says, exchanges) in HEALTHY.items():
        printed = b"".join(started[flow].communicate(timeout=60)).decode()
        assert says in printed, flow
        assert (started[flow].returncode == 0) == says.startswith("signed in"), printed
        assert lab.exchanges(flow) == exchanges, flow


def test_the_person_is_asked(lab, bench):
    """A page by xdg-open or $BROWSER, or a device code, leads to a person, whose sign-in the library takes."""
    started = {flow: lab.start(flow, flow) for flow in ASKING}
    for flow, process in started.items():
        printed = b"".join(process.communicate(timeout=60)).decode()
        assert process.returncode == 0, printed
        assert "signed in as alice@contoso.com" in printed, flow
    asked = [record["client"] for record in bench.records() if record["event"] == "UserPrompted"]
    assert sorted(asked) == sorted(ASKING)


def test_refusals_and_retries(lab):
    """A wrong federated password is posted four times by azidentity; MSAL for Node tries nothing twice."""
    lab.apply("http-status", host=LOGIN, path="/token", status=503, code=90033, first=2, clients="patient")
    lab.apply("http-status", host=LOGIN, path="/token", status=503, code=90033, first=1, clients="hasty")
    started = [
        lab.start("azidentity/username-password", "wrong", SSOSIM_PASSWORD="wrong"),
        lab.start("azidentity/username-password", "patient"),
        lab.start("msal-node/username-password", "hasty"),
    ]
    ended = [process.communicate(timeout=60)[1].decode() for process in started]
    assert [process.returncode for process in started] == [1, 0, 1], ended
    assert lab.exchanges("wrong")[3:] == [f"{USERNAME} 500"] * 4
    assert lab.exchanges("patient")[4:] == [f"{TOKEN} password 503"] * 2 + [f"{TOKEN} password 200"]
    assert lab.exchanges("hasty") == [f"{TOKEN} password 503"]


@pytest.mark.parametrize(
    ("code", "said"),
    [
        (50076, "InteractionRequiredAuthError: invalid_grant"),
        (65001, "InteractionRequiredAuthError: invalid_grant"),
        (50126, "ServerError: invalid_grant"),
        (7000222, "ServerError: invalid_client"),
    ],
)
def test_msal_for_node_tells_errors_apart(lab, code, said):
    """A rehearsed code is classified by suberror and error as the real service's is: who must ask the user, does."""
    lab.apply("http-status", host=LOGIN, path="/token", code=code, clients=f"code-{code}")
    ended, printed = lab.sign_in("msal-node/username-password", f"code-{code}")
    assert ended == 1
    assert said in printed
    assert f"AADSTS{code}" in printed


def test_gokrb5_answers_every_challenge(lab):
    """gokrb5 sends a ticket for each 401 and bare Negotiate, however many there were: it has no counter."""
    challenges = 100
    headers = "WWW-Authenticate:Negotiate"
    lab.apply("http-answer", host=AUTOLOGON, path="/windowstransport", status=401, headers=headers, first=challenges)
    code, printed = lab.sign_in("gokrb5/integrated", "it")
    assert code == 0, printed
    assert lab.exchanges("it").count(f"{WINDOWS} kerberos 401") == challenges - 1


@pytest.mark.parametrize(("late", "hop"), [("A", 1), ("CNAME", 3)], ids=["cname-answered-first", "a-answered-first"])
def test_go_is_led_by_the_answer_that_comes_first(lab, bench, late, hop):
    """Behind several CNAMEs Go names the first target if CNAME is answered before A, and the last if A is.

    Go asks A, AAAA and CNAME side by side and keeps the name of the first usable answer. Source: Go 1.26
    src/net/dnsclient_unix.go, ``goLookupIPCNAMEOrder`` (``cname`` is set once) and ``skipToAnswer`` (an A answer is
    read from its first A record on, whose owner is the last target). libkrb5 follows to the last in either case.
    """
    lab.apply("long-chain", name=AUTOLOGON, length=3)
    lab.apply("delay", names=AUTOLOGON, types=late, clients="it", seconds=2)
    code, printed = lab.sign_in("gokrb5/integrated", "it")
    assert code == 1, printed
    chosen = f"HTTP/autologon-hop-{hop}.microsoftazuread-sso.com"
    assert chosen in printed
    url = f"https://{AUTOLOGON}/contoso.com/winauth/sso"
    bench.run("exec", "--as", "curl", "--", "curl", "--negotiate", "-u", ":", "-s", url)
    asked = {
        (r["client"], r["service"]) for r in bench.records() if r["event"] == "KdcExchange" and r["request"] == "TGS"
    }
    assert {service for client, service in asked if client == "it" and service.startswith("HTTP/")} == {chosen}
    assert ("curl", "HTTP/autologon-hop-3.microsoftazuread-sso.com") in asked


def test_go_takes_the_last_target_of_an_aaaa_answer_too(lab, bench):
    """Where the name has IPv6 addresses, an AAAA answer that comes first gives the last target, as one for A does."""
    lab.apply("aaaa-dead", name=AUTOLOGON)
    lab.apply("long-chain", name=AUTOLOGON, length=3)
    lab.apply("delay", names=AUTOLOGON, types="A,CNAME", clients="it", seconds=2)
    code, printed = lab.sign_in("gokrb5/integrated", "it")
    assert code == 1, printed
    asked = {r["service"] for r in bench.records() if r["event"] == "KdcExchange" and r["client"] == "it"}
    assert {name for name in asked if "autologon" in name} == {"HTTP/autologon-hop-3.microsoftazuread-sso.com"}
