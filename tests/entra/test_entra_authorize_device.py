"""The device code flow."""

import json
from urllib.parse import urlencode

import pytest

from ssosim.entra import Settings
from ssosim.trace import DeviceCodeIssued, TokenIssued, UserPrompted

LOGIN = "login.microsoftonline.com"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
SCOPE = "openid offline_access https://graph.microsoft.com/User.Read.All"


def start(site, v1=False, **changes):
    """Start a device code flow."""
    form = {"client_id": CLI, "scope": SCOPE, **changes}
    target = f"/organizations/oauth2{'' if v1 else '/v2.0'}/devicecode"
    answer = site.ask("POST", LOGIN, target, headers=site.FORM, body=urlencode(form).encode())
    assert answer.status == 200, answer.body
    return json.loads(answer.body)


def poll(site, code, grant="urn:ietf:params:oauth:grant-type:device_code", name="device_code", v1=False):
    """Poll once: status, error or None, body."""
    status, body = site.token({"client_id": CLI, "grant_type": grant, name: code}, v1=v1)
    return status, body.get("error"), body


@pytest.mark.parametrize(
    ("grant", "name"),
    [("device_code", "device_code"), ("device_code", "code"), ("urn:ietf:params:oauth:grant-type:device_code", "code")],
)
def test_a_device_code_waits_for_the_user(site, browser, grant, name):
    """0.2 row 8: pending 70016, then tokens once, by either grant name and either parameter."""
    begun = start(site)
    assert (len(begun["user_code"]), begun["expires_in"], begun["interval"]) == (9, 900, 5)
    assert begun["verification_uri"] in begun["message"]
    assert begun["user_code"] in begun["message"]
    status, error, body = poll(site, begun["device_code"], grant, name)
    assert (status, error, body["error_codes"]) == (400, "authorization_pending", [70016])
    assert site.ask("GET", LOGIN, "/common/oauth2/deviceauth").status == 200
    done = browser.sign_in(browser.enter(begun["user_code"].lower()))
    assert (done.status, b"signed in" in done.body) == (200, True)
    status, _, body = poll(site, begun["device_code"], grant, name)
    assert (status, "refresh_token" in body, "id_token" in body) == (200, True, True)
    assert poll(site, begun["device_code"], grant, name)[1] == "invalid_grant"
    assert [event.reason for event in site.events(UserPrompted)] == ["sign-in page for Azure CLI by device code"]
    assert site.events(TokenIssued)[0].grant == "device_code"
    assert [event.user_code for event in site.events(DeviceCodeIssued)] == [begun["user_code"]]


def test_a_device_code_can_be_declined(site, browser):
    """Cancel on the page is authorization_declined."""
    begun = start(site)
    browser.post(browser.enter(begun["user_code"]), cancel="1")
    assert poll(site, begun["device_code"])[:2] == (400, "authorization_declined")


@pytest.mark.parametrize(("v1", "error", "text"), [(False, "expired_token", "70020"), (True, "code_expired", "70019")])
def test_a_device_code_expires(site, browser, v1, error, text):
    """After 900 s polling ends and the code no longer opens a page; v1 has another name and code (azure-cli 22251)."""
    begun = start(site, v1=v1)
    assert v1 == ("verification_url" in begun)
    site.clock.advance(899)
    assert poll(site, begun["device_code"], v1=v1)[1] == "authorization_pending"
    site.clock.advance(1)
    answer = poll(site, begun["device_code"], v1=v1)
    assert (answer[1], f"AADSTS{text}:" in str(answer)) == (error, True)
    assert browser.enter(begun["user_code"]).code == 70018


def test_an_unknown_device_code(site, browser):
    """70018 for polling with it, and for typing it."""
    assert poll(site, "nonsense")[1] == "bad_verification_code"
    assert browser.enter("NONSENSE9").code == 70018


def test_slow_down_only_where_it_is_set(site, make_site):
    """Unconfirmed of the real service, so that it takes a setting: polling within the interval."""
    for each, error in (
        (site, "authorization_pending"),
        (make_site(settings=Settings(device_code_slow_down=True)), "slow_down"),
    ):
        code = start(each)["device_code"]
        assert poll(each, code)[1] == "authorization_pending"
        each.clock.advance(4)
        assert poll(each, code)[1] == error
        each.clock.advance(5)
        assert poll(each, code)[1] == "authorization_pending"
