"""Programs that give credentials away, and connections that nobody accepts: the trace has both."""

import pytest

from ssosim.trace import ConnectionFailed, CredentialExposed, HttpExchange, SignInStep
from ssosim.trace.export import read_records
from ssosim.verdict.explain import explain

LOGIN, AUTOLOGON, STS = "login.microsoftonline.com", "autologon.microsoftazuread-sso.com", "sts.fabrikam.com"
PASSWORD = "Bob-lab-password-1"
CURL = ["curl", "-sS", "-o", "/dev/null", "--max-time", "20"]


def _records(running, client):
    return [r for r in read_records(running.run("trace", "--json").stdout.splitlines()) if r.client == client]


def _exposed(running, client):
    return [r.event for r in _records(running, client) if isinstance(r.event, CredentialExposed)]


@pytest.mark.parametrize(
    ("client", "arguments", "host", "part"),
    [
        ("basic", ["-u", f"bob@contoso.com:{PASSWORD}", f"https://{STS}/x"], STS, "authorization header"),
        ("form", ["-d", f"a={PASSWORD}", f"https://{AUTOLOGON}/nope"], AUTOLOGON, "body"),
        ("query", ["-G", "-d", f"p={PASSWORD}", f"https://{STS}/adfs/ls/"], STS, "query"),
        ("unknown", ["-d", PASSWORD, "-H", "Host: portal.example", f"https://{LOGIN}/"], "portal.example", "body"),
    ],
)
def test_a_password_that_curl_sends_to_the_wrong_host(running, client, arguments, host, part):
    """Whatever the path and the status, the trace has the exposure, and not the password."""
    running.run("exec", "--as", client, "--", *CURL, *arguments)
    (found,) = _exposed(running, client)
    assert (found.credential, found.owner, found.host, found.part) == ("password", "bob@contoso.com", host, part)
    assert PASSWORD not in running.run("trace", "--json").stdout


@pytest.mark.parametrize(
    ("client", "arguments"),
    [("careless", ["-k", f"https://{LOGIN}/token"]), ("plain", [f"http://{LOGIN}/token"])],
)
def test_a_foreign_host_reads_what_a_careless_client_sends(running, client, arguments):
    """A client that does not check the certificate, or uses plain HTTP, gives the password to a wrong address."""
    assert running.run("fault", "apply", "wrong-address", f"name={LOGIN}").returncode == 0
    try:
        running.run("exec", "--as", client, "--", *CURL, "-d", f"password={PASSWORD}", *arguments)
        running.run("exec", "--as", f"{client}-verifies", "--", *CURL, "-d", PASSWORD, f"https://{LOGIN}/token")
    finally:
        running.run("fault", "undo", "all")
    (found,) = _exposed(running, client)
    assert (found.credential, found.address) == ("password", "203.0.113.254")
    assert _exposed(running, f"{client}-verifies") == []


@pytest.mark.parametrize("host", [LOGIN, AUTOLOGON, STS])
def test_port_80_of_the_provider_sends_clients_to_https_and_sees_what_was_sent_in_clear_text(running, host):
    """301 to the same address; a password, even one that the host may have, is an exposure; no step of a sign-in."""
    client = f"clear-{host}"
    url = f"http://{host}/common/oauth2/token?a=%20b"
    done = running.run("exec", "--as", client, "--", "curl", "-sS", "-i", "-d", f"p={PASSWORD}", url)
    assert done.stdout.startswith("HTTP/1.1 301 ")
    assert f"Location: https://{host}/common/oauth2/token?a=%20b" in done.stdout
    (found,) = _exposed(running, client)
    assert (found.host, found.part, found.reason) == (host, "body", "it was sent in clear text (http)")
    (exchange,) = [r.event for r in _records(running, client) if isinstance(r.event, HttpExchange)]
    assert (exchange.step, exchange.scheme, exchange.status) == (SignInStep.OTHER, "http", 301)


@pytest.mark.parametrize("port", [8080, 8443])
def test_a_refused_connection_is_recorded_on_any_port(running, port):
    """No server sees it; the explanation names host, address and port."""
    client = f"refused-{port}"
    done = running.run("exec", "--as", client, "--", *CURL, f"https://{LOGIN}:{port}/")
    assert done.returncode == 7
    records = _records(running, client)
    (failed,) = [record.event for record in records if isinstance(record.event, ConnectionFailed)]
    assert (failed.host, failed.port, failed.stage, failed.reason) == (LOGIN, port, "connect", "refused")
    assert f"no connection to {LOGIN} at 192.0.2.10, port {port} (connect: refused)" in str(explain(records)[0])


def test_a_healthy_sign_in_of_curl_exposes_nothing(running):
    """A ticket for the host that it is sent to is where it belongs."""
    url = f"https://{AUTOLOGON}/contoso.com/winauth/sso"
    running.run("exec", "--as", "healthy", "--", *CURL, "--negotiate", "-u", ":", url)
    assert _exposed(running, "healthy") == []


def test_a_ticket_for_another_service_is_an_exposure(running):
    """The federation host gets a ticket that it cannot read, and could pass on."""
    script = (
        "import gssapi,base64,subprocess;"
        f"n=gssapi.Name('HTTP@{AUTOLOGON}',gssapi.NameType.hostbased_service);"
        "t=base64.b64encode(gssapi.SecurityContext(name=n,usage='initiate').step()).decode();"
        f"subprocess.run(['curl','-s','-o','/dev/null','-H','Authorization: Negotiate '+t,'https://{STS}/adfs/ls/wia'])"
    )
    import sys  # noqa: PLC0415

    done = running.run("exec", "--as", "relay", "--", sys.executable, "-c", script)
    assert done.returncode == 0, done.stderr
    (found,) = _exposed(running, "relay")
    assert (found.credential, found.owner, found.host) == ("ticket", f"HTTP/{AUTOLOGON}", STS)
