"""What Python's sign-in libraries do, unmodified, that the matrix of outcomes does not show."""

import json
import shlex
from urllib.parse import parse_qsl, urlsplit

import pytest

from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.lookup import find_flows, find_real_clients
from tests.real_client_setup import prepare
from tests.real_clients.devices import device_name

STS, LOGIN = "sts.fabrikam.com", "login.microsoftonline.com"
ENTRA, OWN = "sign-in page for Azure CLI", "sign-in page of sts.fabrikam.com"


def home(name):
    """Where a client is installed; the test is skipped if it is not."""
    (client,) = find_real_clients([name])
    prepare(client)
    return find_client_home(client)


class Tried:
    """One run of a program: how it ended, and what the trace has of it."""

    def __init__(self, running, label, command, *, device, person=None):
        words = ["--device", device, "--as", label, *(["--person", person] if person else [])]
        self.done = running.run("exec", *words, "--", *command)
        lines = running.run("trace", "--json", "--client", label).stdout.splitlines()
        self.events = [json.loads(line) for line in lines]

    def named(self, kind):
        """The events of one kind."""
        return [event for event in self.events if event["event"] == kind]

    def password_posts(self):
        """To which hosts a password went, in order."""
        return [event["host"] for event in self.named("HttpExchange") if event["auth"] == "password"]

    def prompts(self):
        """Why the person was asked, in order."""
        return [event["reason"] for event in self.named("UserPrompted")]

    def steps(self):
        """The last parts of the paths that were asked for, in order."""
        return [event["path"].rpartition("/")[2].lower() for event in self.named("HttpExchange")]


@pytest.fixture
def attempt(running, request):
    """Runs a flow of a client as its manifest says; ``variables`` are set in its environment."""

    def run(name, *, device=None, person=None, **variables):
        (client_flow,) = find_flows(name)
        place = str(home(client_flow.client.name))
        command = [word.replace("{home}", place) for word in client_flow.flow.run]
        setting = [f"{key}={value}" for key, value in variables.items()]
        where = device or device_name(client_flow.flow.device) or "desk-1"
        return Tried(running, request.node.name, ["env", *setting, *command], device=where, person=person)

    return run


@pytest.fixture
def program(running, request, tmp_path):
    """Runs a program of a few lines with a client's own libraries."""

    def run(client, text, *, device="desk-3", person=None):
        file = tmp_path / "program.py"
        file.write_text(text, encoding="utf-8")
        command = [str(home(client) / "venv/bin/python"), str(file)]
        return Tried(running, request.node.name, command, device=device, person=person)

    return run


@pytest.mark.parametrize(
    ("name", "posts", "words"),
    [
        ("msal-python/username-password", 1, "RuntimeError: WsTrust server returned error"),
        ("adal-python/username-password", 1, "AdalError: WS-Trust RST request returned http error: 500"),
        ("azure-identity/username-password", 4, "ClientAuthenticationError: Authentication failed: WsTrust"),
        ("azure-identity/default", 4, "Attempted credentials: EnvironmentCredential: Authentication failed"),
    ],
)
def test_how_often_a_federated_wrong_password_is_posted(attempt, name, posts, words):
    """measured-libraries: AD FS answers 500, so whoever repeats 5xx counts against the person's lock-out; AZ5-008."""
    tried = attempt(name, SSOSIM_PASSWORD="wrong")
    assert tried.done.returncode == 1
    assert words in tried.done.stderr
    assert tried.password_posts() == [STS] * posts
    assert not tried.named("TokenIssued")
    assert not tried.prompts(), "no library falls back to a person"


def test_a_managed_wrong_password_is_posted_once(attempt):
    """The token endpoint answers 400, which is the end; MSAL returns it as a dict."""
    tried = attempt("msal-python/managed-password", SSOSIM_PASSWORD="wrong")
    assert tried.done.stderr.startswith("invalid_grant: AADSTS50126")
    assert tried.password_posts() == [LOGIN]


@pytest.mark.parametrize("client", ["msal-python", "azure-identity"])
def test_interactive_is_a_code_with_pkce_on_a_loopback_port(attempt, client, tmp_path):
    """AZ5-008, CONNECT-013: the address that the browser gets, and one prompt, one password, one code on the wire."""
    browser = tmp_path / "browser"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" >{shlex.quote(str(tmp_path / "url"))}\nexec xdg-open "$1"\n')
    browser.chmod(0o755)
    tried = attempt(f"{client}/interactive", BROWSER=str(browser))
    assert tried.done.stdout == "signed in as alice@contoso.com\n", tried.done.stderr
    asked = dict(parse_qsl(urlsplit((tmp_path / "url").read_text()).query))
    back = urlsplit(asked["redirect_uri"])
    assert (back.scheme, back.hostname) == ("http", "localhost")
    assert (back.port or 0) > 1023
    assert (asked["code_challenge_method"], asked["response_mode"]) == ("S256", "form_post")
    assert tried.prompts() == [ENTRA]
    assert tried.password_posts() == [LOGIN]
    assert {event["grant"] for event in tried.named("TokenIssued")} == {"authorization_code"}
    assert not {"mex", "windowstransport", "usernamemixed"} & set(tried.steps())


@pytest.mark.parametrize("flow", ["msal-python/interactive", "azure-identity/interactive"])
def test_a_federated_person_signs_in_at_their_own_page(attempt, flow):
    """The browser goes to the company's service and back; the cloud never sees the password."""
    tried = attempt(flow, device="desk-3")
    assert tried.done.stdout == "signed in as frank@fabrikam.com\n", tried.done.stderr
    assert tried.prompts() == [ENTRA, OWN]
    assert tried.password_posts() == [STS]
    assert tried.steps()[-2:] == ["login.srf", "token"]


@pytest.mark.parametrize(
    ("client", "person", "words", "pages"),
    [
        ("msal-python", "refuses", "access_denied: AADSTS65004", 1),
        ("msal-python", "walks-away", "BrowserInteractionTimeoutError", 1),
        ("msal-python", "no-browser", "BrowserInteractionTimeoutError", 0),
        ("azure-identity", "refuses", "ClientAuthenticationError: Authentication failed: AADSTS65004", 1),
        ("azure-identity", "walks-away", "ClientAuthenticationError: Timed out after waiting 2 seconds", 1),
        ("azure-identity", "no-browser", "CredentialUnavailableError: Failed to open a browser", 0),
        ("azure-identity", "browser-fails", "CredentialUnavailableError: Failed to open a browser", 0),
    ],
)
def test_whoever_does_not_sign_in_is_an_error_of_the_library(attempt, client, person, words, pages):
    """CONNECT-019, AZ5-002, AZ5-004: a refusal, the library's own time-out, and what it says without a browser."""
    tried = attempt(f"{client}/interactive", person=person, USER_TIMEOUT_S="2")
    assert tried.done.returncode == 1
    assert words in tried.done.stderr
    assert len(tried.prompts()) == pages
    assert not tried.named("TokenIssued")


def test_a_wrong_redirect_address_is_a_page_that_the_library_never_hears_of(program):
    """AADSTS50011: the person sees it, the listener waits until its time is up."""
    tried = program(
        "azure-identity",
        "import azure.identity\n"
        'azure.identity.InteractiveBrowserCredential(redirect_uri="http://127.0.0.1:8407", timeout=2)'
        '.get_token("https://graph.microsoft.com/.default")\n',
        device="desk-1",
    )
    assert "Timed out after waiting 2 seconds" in tried.done.stderr
    (page,) = [event for event in tried.named("HttpExchange") if event["path"].endswith("/authorize")]
    assert page["code"] == 50011
    assert not tried.prompts()


def test_without_a_ticket_requests_gssapi_gives_the_401_back(attempt):
    """measured-front-ends: two attempts at a token inside, one request outside, and no exception of its own."""
    tried = attempt("requests-gssapi/windowstransport", device="laptop-1")
    assert tried.done.stderr.startswith("requests.exceptions.HTTPError: 401")
    posts = [event for event in tried.named("HttpExchange") if event["method"] == "POST"]
    assert [(event["status"], event["auth"]) for event in posts] == [(401, "none")]


APP = """\
import os
import msal

def application():
    authority = "https://login.microsoftonline.com/organizations"
    return msal.PublicClientApplication("04b07795-8ddb-461a-bbee-02f9e1bf7b46", authority=authority)

app = application()

def sign_in(user, password, app=app):
    try:
        answer = app.acquire_token_by_username_password(user, password, ["https://graph.microsoft.com/.default"])
    except Exception as error:
        return type(error).__name__
    return answer.get("error", "signed in")

user, password = os.environ["SSOSIM_USER"], os.environ["SSOSIM_PASSWORD"]
"""


def test_realm_and_mex_are_kept_for_a_day_by_msal(program):
    """measured-memory: three sign-ins with one application object are one realm request and one MEX request."""
    tried = program("msal-python", APP + "print(*(sign_in(user, password) for _ in range(3)))\n")
    assert tried.done.stdout == "signed in signed in signed in\n", tried.done.stderr
    steps = tried.steps()
    assert [steps.count(step) for step in ("frank@fabrikam.com", "mex", "usernamemixed", "token")] == [1, 1, 3, 3]


def test_one_persons_wrong_password_is_answered_to_the_next_by_msal(program):
    """measured-memory: its throttling knows WS-Trust requests by their address alone; another object asks anew."""
    tried = program(
        "msal-python",
        APP
        + 'print(sign_in(user, "wrong"), sign_in(user, password))\n'
        + "print(sign_in(user, password, application()))\n",
    )
    assert tried.done.stdout == "RuntimeError RuntimeError\nsigned in\n", tried.done.stderr
    assert tried.password_posts() == [STS, STS]
