"""MSAL for browsers in a real page in Chromium: popup, redirect and hidden frame, set up rightly and wrongly."""

from __future__ import annotations

import json
from importlib import resources

import pytest

from ssosim.real_clients.lookup import find_flows
from ssosim.trace.export import read_records
from ssosim.verdict.judge import judge
from tests.real_clients.test_python_clients import Tried, home

ALICE = "signed in as alice@contoso.com\n"


@pytest.fixture
def try_flow(request):
    """Run a flow in a lab, with the policies of a folder of the client; a Tried, and the verdict of its trace."""

    def run(lab, name, policies="allowed"):
        (client_flow,) = find_flows(f"msal-browser/{name}")
        place = str(home("msal-browser"))
        command = [word.replace("{home}", place) for word in client_flow.flow.run]
        label = f"{request.node.name}-{name}-{policies}"
        words = ["--device", "desk-1", "--as", label, "--etc", f"{place}/etc/{policies}"]
        done = lab.run("exec", *words, "--", *command)
        lines = lab.run("trace", "--json", "--client", label).stdout.splitlines()
        records = list(read_records(lines))
        tried = Tried.__new__(Tried)
        tried.done, tried.events = done, [json.loads(line) for line in lines]
        return tried, judge(records, records[0].at).outcome.value

    return run


def exchanges(tried, end):
    """Status and code of the requests whose path ends so, in order."""
    return [(each["status"], each["code"]) for each in tried.named("HttpExchange") if each["path"].endswith(end)]


def test_a_page_signs_in_silently(running, try_flow):
    """Right set-up: redirect, popup and hidden frame by Seamless SSO; the frame has a code without page and ticket."""
    for name, tokens in (("redirect", 1), ("popup", 1), ("silent-frame", 2)):
        tried, outcome = try_flow(running, name)
        assert tried.done.stdout == ALICE, tried.done.stderr
        assert outcome == "silent"
        assert exchanges(tried, "/winauth/sso") == [(401, None), (200, None)]
        assert exchanges(tried, "/token") == [(200, None)] * tokens
        assert exchanges(tried, "/authorize") == [(200, None), (302, None)][:tokens]


def test_blocked_cookies_fail_the_hidden_frame(running, try_flow):
    """MSAL.js issue 2537: the frame is 50058, login_required; the redirect before it asks for the password."""
    tried, outcome = try_flow(running, "silent-frame", "cookies-blocked")
    assert "InteractionRequiredAuthError: login_required: AADSTS50058" in tried.done.stderr
    assert exchanges(tried, "/authorize") == [(200, None), (302, 50058)]
    assert outcome == "failed"
    assert tried.prompts() == ["sign-in page for Contoso orders in the browser"]


def test_a_redirect_uri_of_the_type_web_is_refused_at_the_token_endpoint(bench, try_flow, tmp_path):
    """MSAL.js issue 2482: the page signs in, and its token request is 9002326 without a CORS header."""
    text = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
    file = tmp_path / "web.toml"
    file.write_text(text.replace('type = "spa"', 'type = "web"'), encoding="utf-8")
    bench.up("--estate", str(file))
    tried, outcome = try_flow(bench, "redirect")
    assert tried.done.returncode == 1
    assert exchanges(tried, "/token")[-1] == (400, 9002326)
    assert not [each for each in tried.named("TokenIssued") if each["kind"] == "access"]
    assert outcome == "refused"
