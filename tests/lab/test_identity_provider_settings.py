"""Rules of the identity provider can be switched off by name: at the start of a lab, and while it runs."""

from __future__ import annotations

from typing import Any

import pytest
from control_api_client import Api

TOKEN = "https://login.microsoftonline.com/organizations/oauth2/v2.0/token"
FORM = (
    "client_id=04b07795-8ddb-461a-bbee-02f9e1bf7b46&grant_type=password&username=alice@contoso.com"
    "&password=Alice-lab-password-1&scope=https://graph.microsoft.com/User.Read"
)
REQUEST = ("curl", "-s", "-o", "/dev/null", "-w", "%{http_code}", "-d", FORM, TOKEN)


def test_a_rule_is_switched_off_and_on_while_the_lab_runs(api: Api) -> None:
    """Azure CLI and User.Read: 65002, a token with the rule off (named in trace and verdict), 65002 again."""
    assert api.ok("GET", "/v1/identity-provider")["not_checked"] == []
    assert api.bench.run("exec", "--as", "strict", "--", *REQUEST).stdout == "400"
    off = api.ok("POST", "/v1/identity-provider", {"not_checked": ["preauthorization"]})
    assert off["not_checked"] == ["preauthorization"]
    try:
        assert api.bench.run("exec", "--as", "lenient", "--", *REQUEST).stdout == "200"
    finally:
        assert api.ok("POST", "/v1/identity-provider", {"not_checked": []})["not_checked"] == []
    assert api.bench.run("exec", "--as", "strict-again", "--", *REQUEST).stdout == "400"
    issued = [each for each in api.bench.records() if each["event"] == "TokenIssued" and each["client"] == "lenient"]
    assert [each["not_checked"] for each in issued] == [["preauthorization"]]
    verdicts = api.ok("GET", "/v1/verdicts")["verdicts"]
    reasons = (
        {each["client"]: each["reason"] for each in verdicts}
        if isinstance(verdicts, list)
        else {client: each["reason"] for client, each in verdicts.items()}
    )
    assert reasons["lenient"].endswith("not checked: preauthorization")
    assert "not checked" not in reasons["strict"]


@pytest.mark.parametrize("body", [{}, {"not_checked": "consent"}, {"not_checked": ["consnet"]}, {"other": []}])
def test_a_wrong_setting_changes_nothing(api: Api, body: Any) -> None:
    """400 for an unknown rule or key; the rules stay as they were."""
    status, said = api.call("POST", "/v1/identity-provider", body)
    assert status == 400
    assert "not_checked" in said["error"]
    assert api.ok("GET", "/v1/identity-provider")["not_checked"] == []


SSO = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/sso"
NEGOTIATE = ("curl", "-s", "-o", "/dev/null", "--negotiate", "-u", ":", SSO)


def _mutual_tokens(bench: Any, client: str) -> list[bool]:
    events = [each for each in bench.records() if each["event"] == "HttpExchange" and each["client"] == client]
    return [each["mutual_token"] for each in events if each["auth"] == "kerberos"]


def test_mutual_authentication_is_switched_off_and_on(api: Api) -> None:
    """A 200 to a ticket has a token of the service, none while the setting is off, and one again; rules stay."""
    assert api.ok("GET", "/v1/identity-provider")["mutual_authentication"] is True
    api.ok("POST", "/v1/identity-provider", {"not_checked": ["consent"]})
    try:
        off = api.ok("POST", "/v1/identity-provider", {"mutual_authentication": False})
        assert (off["not_checked"], off["mutual_authentication"]) == (["consent"], False)
        api.bench.run("exec", "--as", "mutual-off", "--", *NEGOTIATE)
    finally:
        api.ok("POST", "/v1/identity-provider", {"mutual_authentication": True, "not_checked": []})
    api.bench.run("exec", "--as", "mutual-on", "--", *NEGOTIATE)
    assert (_mutual_tokens(api.bench, "mutual-off"), _mutual_tokens(api.bench, "mutual-on")) == ([False], [True])


@pytest.mark.parametrize("value", ["no", 0, None])
def test_a_wrong_value_of_mutual_authentication(api: Api, value: Any) -> None:
    """400 for anything but true and false, and nothing changes, the rules of the same request included."""
    body = {"mutual_authentication": value, "not_checked": ["consent"]}
    status, said = api.call("POST", "/v1/identity-provider", body)
    assert (status, said["error"]) == (400, "mutual_authentication: expected true or false")
    assert api.ok("GET", "/v1/identity-provider")["not_checked"] == []
    assert api.ok("GET", "/v1/identity-provider")["mutual_authentication"] is True


def test_up_switches_rules_off(bench: Any) -> None:
    """``ssosim up --not-checked``: the lab's first token rests on it; an unknown rule is a mistake of the caller."""
    done = bench.run("up", "--detach", "--not-checked", "consnet")
    assert done.returncode == 2
    assert "--not-checked" in done.stderr
    assert "names no rule" in bench.run("up", "--detach", "--not-checked", ",").stderr
    assert "did you mean 'consent'?" in done.stderr
    assert bench.run("up", "--detach", "--not-checked", "consent,preauthorization").returncode == 0
    assert bench.run("exec", "--", *REQUEST).stdout == "200"
    issued = [each for each in bench.records() if each["event"] == "TokenIssued"]
    assert [each["not_checked"] for each in issued] == [["preauthorization"]]
