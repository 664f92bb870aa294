"""What msal4j and the JDK do, unmodified, that the matrix of outcomes does not show."""

import json

import pytest

from ssosim.real_clients.folders import find_client_home
from ssosim.real_clients.lookup import find_flows, find_real_clients
from tests.real_client_setup import prepare
from tests.real_clients.devices import device_name

STS, LOGIN, AUTOLOGON = "sts.fabrikam.com", "login.microsoftonline.com", "autologon.microsoftazuread-sso.com"
TWICE = """
import com.microsoft.aad.msal4j.*;
import java.util.Set;

class Twice {
    public static void main(String[] arguments) throws Exception {
        for (int attempt = 0; attempt < 2; attempt++) {
            var application = PublicClientApplication.builder("04b07795-8ddb-461a-bbee-02f9e1bf7b46")
                .authority("https://login.microsoftonline.com/organizations/").build();
            var user = IntegratedWindowsAuthenticationParameters
                .builder(Set.of("User.Read"), System.getenv("SSOSIM_USER")).build();
            try {
                System.out.println(application.acquireToken(user).join().account().username());
            } catch (Exception error) {
                System.out.println(error.getCause().getClass().getSimpleName());
            }
        }
        System.exit(0);
    }
}
"""
TICKETS = ["userrealm", "mex", "windowstransport 401", "windowstransport 200", "instance", "token 200"]
NO_BODY = "NullPointerException"


@pytest.fixture(scope="module", autouse=True)
def _installed():
    """Skip the tests unless both clients are installed."""
    for client in find_real_clients(["msal4j", "java-http"]):
        prepare(client)


class Tried:
    """One JVM: how it ended, and what the trace has of it."""

    def __init__(self, bench, label, name, *variables, device=None, person=None):
        (client_flow,) = find_flows(name)
        command = [word.replace("{home}", str(find_client_home(client_flow.client))) for word in client_flow.flow.run]
        words = [
            "--device",
            device or device_name(client_flow.flow.device),
            "--as",
            label,
            *(["--person", person] if person else []),
        ]
        self.done = bench.run("exec", *words, "--", "env", *variables, *command)
        lines = bench.run("trace", "--json", "--client", label).stdout.splitlines()
        self.events = [json.loads(line) for line in lines]

    def named(self, kind):
        """The events of one kind."""
        return [event for event in self.events if event["event"] == kind]

    def requests(self, path=""):
        """Statuses of the requests whose path contains ``path``, in order."""
        return [event["status"] for event in self.named("HttpExchange") if path in event["path"]]

    def steps(self):
        """What was asked for, in order; with its status where that says what happened."""
        steps = []
        for event in self.named("HttpExchange"):
            if "/userrealm/" in event["path"]:
                steps.append("userrealm")
                continue
            last = event["path"].rpartition("/")[2]
            steps.append(last if last in ("mex", "instance") else f"{last} {event['status']}")
        return steps

    def spns(self):
        """The services that tickets were asked for, in order."""
        return [event["service"] for event in self.named("KdcExchange")]

    def passwords(self):
        """To which hosts a password went, in order."""
        return [event["host"] for event in self.named("HttpExchange") if event["auth"] == "password"]


@pytest.fixture
def attempt(running, request):
    """Runs a flow as its manifest says, under ``faults`` that strike nobody else and are taken away again."""
    applied = []

    def run(name, *variables, faults=(), **settings):
        for fault in faults:
            done = running.run("fault", "apply", *fault)
            assert done.returncode == 0, done.stderr
            applied.append(fault)
        return Tried(running, request.node.name, name, *variables, **settings)

    yield run
    if applied:
        running.run("fault", "undo", "all")


@pytest.mark.parametrize(
    ("name", "who", "steps", "spns"),
    [
        ("msal4j/integrated", "alice@contoso.com", TICKETS, [f"HTTP/{AUTOLOGON}"]),
        ("msal4j/integrated-federated", "frank@fabrikam.com", TICKETS, [f"HTTP/{STS}"]),
        (
            "msal4j/username-password", "frank@fabrikam.com",
            ["userrealm", "mex", "usernamemixed 200", "instance", "token 200"], [],
        ),
        ("java-http/urlconnection", "alice@contoso.com", TICKETS[2:4], [f"HTTP/{AUTOLOGON}"]),
    ],
)  # fmt: skip
def test_requests_of_a_sign_in(attempt, name, who, steps, spns):
    """measured-java-cache: the JDK answers Negotiate from the ticket cache, without a login module, with one ticket."""
    tried = attempt(name)
    assert tried.done.stdout == f"signed in as {who}\n", tried.done.stderr
    assert tried.steps() == steps
    assert tried.spns() == spns


@pytest.mark.parametrize("name", ["msal4j/integrated", "java-http/urlconnection"])
def test_a_cname_does_not_move_the_spn(attempt, name):
    """measured-spn: Java asks for the name as typed; what refused the others on 25 February 2025 leaves it silent."""
    cname = ("cname-for-alias", f"name={AUTOLOGON}", "profile=aadg-autologon")
    tried = attempt(name, faults=[cname])
    assert tried.done.returncode == 0, tried.done.stderr
    assert tried.spns() == [f"HTTP/{AUTOLOGON}"]


@pytest.mark.parametrize("name", ["msal4j/integrated", "java-http/urlconnection"])
def test_an_unknown_spn_is_asked_for_twice_and_nothing_is_sent(attempt, name):
    """measured-spn: two ticket requests in Java; then the 401 stands, which msal4j cannot read."""
    tried = attempt(name, faults=[("kdc-refuses", "error=KDC_ERR_S_PRINCIPAL_UNKNOWN")])
    assert tried.done.returncode == 1
    assert tried.spns() == [f"HTTP/{AUTOLOGON}"] * 2
    assert tried.requests("windowstransport") == [401]
    assert (NO_BODY if name.startswith("msal4j") else "answered 401") in tried.done.stderr


@pytest.mark.parametrize(
    ("fault", "posts", "words"),
    [
        (("http-status", "status=401"), 1, NO_BODY),
        (("http-status", "status=403"), 1, NO_BODY),
        (("http-status", "status=500"), 2, NO_BODY),
        (("http-status", "status=503", "retry_after=2"), 2, NO_BODY),
        (("http-page", "status=200"), 1, "SAXParseException"),
    ],
)
def test_errors_of_windowstransport_reach_the_caller_as_unreadable(attempt, fault, posts, words):
    """read-retries: the status is not looked at. A 5xx without a body is tried twice, with Retry-After too."""
    kind, *fields = fault
    tried = attempt("msal4j/integrated-federated", faults=[(kind, f"host={STS}", "path=windowstransport", *fields)])
    assert tried.done.returncode == 1
    assert words in tried.done.stderr
    assert len(tried.requests("windowstransport")) == posts
    assert not tried.requests("/token")


def test_retry_after_is_seen_beside_a_body(attempt):
    """read-retries: with a body, such as the SOAP fault that autologon sends with a code, a 503 is tried once."""
    fields = (f"host={AUTOLOGON}", "path=windowstransport", "status=503", "code=90033", "retry_after=2")
    tried = attempt("msal4j/integrated", faults=[("http-status", *fields)])
    assert tried.done.returncode == 1
    assert "MsalServiceException: Server returned error in RSTR" in tried.done.stderr
    assert len(tried.requests("windowstransport")) == 1
    assert not tried.requests("/token")


@pytest.mark.parametrize(("device", "hosts"), [("desk-3", [STS, STS]), ("desk-1", [AUTOLOGON])])
def test_how_often_a_wrong_password_is_posted(attempt, device, hosts):
    """read-retries: AD FS answers 500, so twice; autologon answers 400, so once. Nobody is asked."""
    tried = attempt("msal4j/username-password", "SSOSIM_PASSWORD=wrong", device=device)
    assert tried.done.returncode == 1
    assert "MsalServiceException: Server returned error in RSTR - ErrorCode: FailedAuthentication" in tried.done.stderr
    assert tried.passwords() == hosts
    assert not tried.named("UserPrompted")


def test_the_lock_strikes_within_one_sign_in(attempt):
    """A 429 of instance discovery, which nothing depends on, keeps the token request from being sent."""
    throttled = ("http-status", f"host={LOGIN}", "path=/discovery/instance", "status=429")
    tried = attempt("msal4j/integrated-federated", faults=[throttled])
    assert "MsalThrottlingException" in tried.done.stderr
    assert tried.steps() == TICKETS[:-1]


def test_a_jvm_that_failed_once_does_not_negotiate_again(running, tmp_path):
    """measured-memory: a failure is kept per host until the JVM ends; the second attempt asks for no ticket."""
    (client,) = find_real_clients(["msal4j"])
    program = tmp_path / "Twice.java"
    program.write_text(TWICE, encoding="utf-8")
    assert running.run("fault", "apply", "kdc-refuses", "clients=twice", "first=2").returncode == 0
    try:
        classes = f"{find_client_home(client)}/target/lib/*"
        done = running.run("exec", "--as", "twice", "--", "java", "-cp", classes, str(program))
    finally:
        running.run("fault", "undo", "all")
    assert done.stdout.split() == [NO_BODY, NO_BODY], done.stderr
    lines = running.run("trace", "--json", "--client", "twice").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert [event["outcome"] for event in events if event["event"] == "KdcExchange"] == ["KDC_ERR_ETYPE_NOSUPP"] * 2
    posts = [event for event in events if event.get("path", "").endswith("windowstransport")]
    assert [post["status"] for post in posts] == [401, 401]


def test_a_managed_user_without_seamless_sso(attempt):
    """read-retries: the integrated sign-in says so; user name and password fall to the password grant."""
    switched_off = [("realm-managed", "tenant=contoso.com")]
    tried = attempt("msal4j/integrated", faults=switched_off)
    assert "MsalClientException: Password is required for managed user" in tried.done.stderr
    assert tried.steps() == ["userrealm"]


@pytest.mark.parametrize(
    ("person", "said", "words"),
    [
        ("signs-in", "signed in as alice@contoso.com\n", ""),
        ("refuses", "", "MsalClientException: No Authorization code was returned from the server"),
    ],
)
def test_interactive_goes_through_xdg_open(attempt, person, said, words):
    """The system browser, a listener on a free port of localhost, one code; a refusal comes back at once."""
    tried = attempt("msal4j/interactive", person=person)
    assert tried.done.stdout == said, tried.done.stderr
    assert words in tried.done.stderr
    assert len(tried.named("UserPrompted")) >= 1
    assert {event["grant"] for event in tried.named("TokenIssued")} <= {"authorization_code"}
    assert not tried.spns()
