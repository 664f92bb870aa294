"""Requests of the standards' grants with one thing wrong: none gets a token (RFC 6749, 7636, 8628, 7523)."""

import json
from urllib.parse import quote_plus, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ssosim.entra.core.authentication import PASSWORD as PASSWORD_METHOD
from ssosim.entra.core.authentication import authenticate_by
from ssosim.trace import TokenIssued

LOGIN = "login.microsoftonline.com"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
BACK_END = "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01"
ALICE, PASSWORD = "alice@contoso.com", "Alice-lab-password-1"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
ARM = "openid offline_access https://management.azure.com/.default"
slow = settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def post(site, pairs):
    """POST the pairs as they are; status and body."""
    body = "&".join(f"{quote_plus(name)}={quote_plus(value)}" for name, value in pairs).encode()
    answer = site.ask("POST", LOGIN, "/organizations/oauth2/v2.0/token", headers=site.FORM, body=body)
    return answer.status, json.loads(answer.body)


def valid_requests(site, browser):
    """A good request of each grant; each can be sent once."""
    password = {"grant_type": "password", "client_id": CLI, "username": ALICE, "password": PASSWORD, "scope": ARM}
    status, tokens = post(site, password.items())
    assert status == 200, tokens
    refresh = {"grant_type": "refresh_token", "client_id": CLI, "refresh_token": tokens["refresh_token"], "scope": ARM}
    code = browser.sent_back(browser.sign_in())["code"]
    redeem = {"grant_type": "authorization_code", "client_id": CLI, "code": code}
    redeem |= {"redirect_uri": "http://localhost:8400", "code_verifier": VERIFIER}
    start = urlencode({"client_id": CLI, "scope": ARM}).encode()
    issued = json.loads(
        site.ask("POST", LOGIN, "/organizations/oauth2/v2.0/devicecode", headers=site.FORM, body=start).body
    )
    device = {"grant_type": DEVICE, "client_id": CLI, "device_code": issued["device_code"]}
    found = site.provider.device_codes.find_by_device_code(issued["device_code"])
    alice = site.provider.directory.find_user(ALICE)
    found.state, found.subject = "approved", alice.object_id
    found.authentication = authenticate_by(PASSWORD_METHOD, alice, site.clock.now())
    return {"password": password, "refresh": refresh, "code": redeem, "device": device}


NEEDED = {
    "password": ("grant_type", "client_id", "username", "password", "scope"),
    "refresh": ("grant_type", "client_id", "refresh_token"),
    "code": ("grant_type", "client_id", "code", "redirect_uri", "code_verifier"),
    "device": ("grant_type", "client_id", "device_code"),
}


@pytest.fixture
def requests(site, browser):
    """The good requests, and how many tokens there were for making them."""
    return valid_requests(site, browser), len(site.events(TokenIssued))


@pytest.mark.parametrize("grant", sorted(NEEDED))
def test_the_good_request_gets_a_token(site, requests, grant):
    """The other side of every rule below."""
    status, body = post(site, requests[0][grant].items())
    assert status == 200, body
    assert body["access_token"]


@slow
@given(data=st.data())
def test_no_malformed_request_gets_a_token(data, site, requests):
    """A needed parameter that is absent, empty, repeated, misspelt, changed or in a stranger's hands: no token."""
    good, before = requests
    grant = data.draw(st.sampled_from(sorted(good)))
    pairs = list(good[grant].items())
    name = data.draw(st.sampled_from(NEEDED[grant]))
    at = next(index for index, pair in enumerate(pairs) if pair[0] == name)
    value = pairs[at][1]
    kind = data.draw(st.sampled_from(["absent", "empty", "repeated", "misspelt", "changed"]))
    if kind == "absent":
        del pairs[at]
    elif kind == "empty":
        pairs[at] = (name, data.draw(st.sampled_from(["", " ", "\t"])))
    elif kind == "repeated":
        pairs.insert(data.draw(st.integers(0, len(pairs))), (name, data.draw(st.sampled_from([value, "", "x"]))))
    elif kind == "misspelt":
        pairs[at] = (data.draw(st.sampled_from([name.upper(), f" {name}", f"{name}[]", f"{name}\0"])), value)
    else:
        letter = data.draw(st.integers(0, len(value) - 1))
        new = data.draw(st.sampled_from("AZ09~%\0é"))
        if name == "client_id" or value[letter].lower() == new.lower() or (name == "username"):
            pairs[at] = (name, "nobody@contoso.com" if name == "username" else "0" * 36)
        else:
            pairs[at] = (name, value[:letter] + new + value[letter + 1 :])
    status, body = post(site, pairs)
    assert 400 <= status < 500, body
    assert "access_token" not in body
    assert body["error"]
    assert len(site.events(TokenIssued)) == before
