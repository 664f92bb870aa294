"""``ssosim trace`` on a lab after a complete sign-in."""

import base64
import json
import re
import time

import pytest

LOGIN = "https://login.microsoftonline.com"
AUTOLOGON = "https://autologon.microsoftazuread-sso.com"
CLIENT_ID = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
RST = """<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
<s:Header><a:Action s:mustUnderstand="1">http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue</a:Action>
<a:MessageID>urn:uuid:00000000-0000-0000-0000-000000000001</a:MessageID>
<a:To s:mustUnderstand="1">https://autologon.microsoftazuread-sso.com/contoso.com/winauth/trust/2005/windowstransport</a:To>
</s:Header><s:Body><t:RequestSecurityToken xmlns:t="http://schemas.xmlsoap.org/ws/2005/02/trust">
<p:AppliesTo xmlns:p="http://schemas.xmlsoap.org/ws/2004/09/policy"><a:EndpointReference>
<a:Address>urn:federation:MicrosoftOnline</a:Address></a:EndpointReference></p:AppliesTo>
<t:KeyType>http://schemas.xmlsoap.org/ws/2005/05/identity/NoProofKey</t:KeyType>
<t:RequestType>http://schemas.xmlsoap.org/ws/2005/02/trust/Issue</t:RequestType></t:RequestSecurityToken></s:Body>
</s:Envelope>"""


def token_request(running, label, **form):
    """Send one request to the token endpoint from inside the lab."""
    data = [word for name, value in form.items() for word in ("--data-urlencode", f"{name}={value}")]
    url = f"{LOGIN}/organizations/oauth2/v2.0/token"
    done = running.run("exec", "--as", label, "--", "curl", "-sS", *data, url)
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def secrets(running):
    """Sign in by ticket and by password, refresh a token, and return all secrets that were sent or received."""
    url = f"{AUTOLOGON}/contoso.com/winauth/trust/2005/windowstransport"
    kind = "Content-Type: application/soap+xml; charset=utf-8"
    words = ["curl", "-sSv", "--negotiate", "-u", ":", "-H", kind, "--data-binary", "@-", url]
    rstr = running.run("exec", "--as", "trust", "--", *words, input=RST)
    assertion = re.search(r"<saml:Assertion.*?</saml:Assertion>", rstr.stdout, re.DOTALL)[0]
    ticket = re.search(r"Authorization: Negotiate (\S+)", rstr.stderr)[1]
    common = {"client_id": CLIENT_ID, "scope": "openid offline_access"}
    silent = token_request(
        running,
        "silent",
        grant_type="urn:ietf:params:oauth:grant-type:saml1_1-bearer",
        assertion=base64.urlsafe_b64encode(assertion.encode()).decode(),
        **common,
    )
    password = "Alice-lab-password-1"
    typed = token_request(
        running, "typed", grant_type="password", username="alice@contoso.com", password=password, **common
    )
    again = token_request(running, "again", grant_type="refresh_token", refresh_token=typed["refresh_token"], **common)
    names = ("access_token", "refresh_token", "id_token")
    tokens = [answer[name] for answer in (silent, typed, again) for name in names if name in answer]
    assert len(tokens) == 9, (silent, typed, again)
    return [password, ticket, assertion, *re.findall(r"[A-Za-z0-9+/=_-]{40,}", assertion), *tokens]


def test_no_secret_is_in_trace_or_log(running, secrets):
    """Neither the trace nor the log holds a password, ticket, assertion or token, or text of such a form."""
    folder = running.home / "labs/default"
    for name in ("trace.jsonl", "lab.log"):
        text = (folder / name).read_text()
        for secret in secrets:
            for start in range(0, max(1, len(secret) - 24), 24):
                assert secret[start : start + 24] not in text
        assert not re.search(r"eyJ[A-Za-z0-9_-]{10}|YII[A-Za-z0-9+/]{10}|[A-Za-z0-9+/_-]{64}", text)
    assert (folder / "lab.log").read_text() == ""


def test_the_whole_sign_in_is_in_the_trace(running, secrets):
    """DNS answer, ticket, HTTP exchange and token have the client that caused them, and tokens their subject."""
    seen = {label: [r for r in running.records() if r["client"] == label] for label in ("trust", "silent", "typed")}
    assert {"DnsAnswered", "KdcExchange", "TicketChecked", "HttpExchange", "TokenIssued"} <= {
        record["event"] for record in seen["trust"]
    }
    issued = [(r["kind"], r["subject"]) for label in seen for r in seen[label] if r["event"] == "TokenIssued"]
    assert issued.count(("access", "alice@contoso.com")) == 2
    assert ("assertion", "alice@contoso.com") in issued
    assert [r["auth"] for r in seen["typed"] if r["event"] == "HttpExchange"] == ["password"]
    assert secrets


def test_the_file_is_in_order_without_gaps(running):
    """Numbers increase by one from 1, and times never decrease."""
    running.run("exec", "--", "getent", "hosts", "login.windows.net")
    records = running.records()
    assert [record["seq"] for record in records] == list(range(1, len(records) + 1))
    assert [record["at"] for record in records] == sorted(record["at"] for record in records)


def test_client_and_layer_select_records(running):
    """``--client`` and ``--layer`` select records that match both; an unknown layer is a usage error."""
    running.run("exec", "--as", "one", "--", "getent", "hosts", "login.windows.net")
    running.run("exec", "--as", "two", "--", "getent", "hosts", "login.windows.net")
    shown = running.run("trace", "--json", "--client", "one", "--layer", "dns").stdout.splitlines()
    assert shown
    assert {(json.loads(line)["client"], json.loads(line)["layer"]) for line in shown} == {("one", "dns")}
    assert running.run("trace", "--client", "nobody").stdout == ""
    assert running.run("trace", "--layer", "http2").returncode == 2


def test_follow_shows_what_happens_and_ends_with_the_lab(bench):
    """``--follow`` prints records as they are recorded, also to a pipe, and ends when the lab is down."""
    assert bench.run("up", "-d").returncode == 0
    follow = bench.popen("trace", "--follow", "--client", "late")
    time.sleep(0.2)
    bench.run("exec", "--as", "late", "--", "getent", "hosts", "login.windows.net")
    assert b"late" in follow.stdout.readline()
    assert follow.poll() is None
    bench.run("down")
    assert follow.wait(60) == 0
    assert b"getent ended with 0" in follow.stdout.read()
    assert bench.run("trace", "--client", "late").returncode == 0, "a stopped lab's trace can still be read"


def test_without_a_lab_there_is_no_trace(bench):
    """The message says how to start a lab; exit code 2."""
    done = bench.run("trace", "--name", "none")
    assert (done.returncode, "ssosim up --name none" in done.stderr) == (2, True)
