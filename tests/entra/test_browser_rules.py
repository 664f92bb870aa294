"""The rules of browsers, at the provider: CORS, response modes, prompts, front-channel logout."""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from msgspec.structs import replace

from ssosim.estate import Application, RedirectUri

from .conftest import ALICE, CHALLENGE, LOGIN, PASSWORD, VERIFIER
from .estate_of_applications import GRAPH, USER_READ, at, make_estate

CONTOSO = "contoso.onmicrosoft.com"
SITE, SPA_URI = "https://shop.contoso.com", "https://shop.contoso.com/"
SPA, NATIVE = "a0000000-0000-4000-8000-0000000000f1", "a0000000-0000-4000-8000-0000000000f2"
NATIVE_URI = "http://localhost"
LOGOUT = "https://shop.contoso.com/signed-out?from=entra"


@pytest.fixture
def site(make_site: Any) -> Any:
    """A site with a single-page application and a native one."""
    spa = Application(
        client_id=SPA,
        name="Shop",
        tenant=CONTOSO,
        redirect_uris=(RedirectUri(uri=SPA_URI, type="spa"),),
        service_principals=(at(CONTOSO, USER_READ),),
        logout_url=LOGOUT,
    )
    native = Application(
        client_id=NATIVE,
        name="Desk",
        tenant=CONTOSO,
        allow_public_client=True,
        redirect_uris=(NATIVE_URI,),
        service_principals=(at(CONTOSO, USER_READ),),
    )
    estate = make_estate()
    return make_site(replace(estate, applications=(*estate.applications, spa, native)))


def token(site: Any, form: dict[str, str], **headers: str) -> Any:
    """The reply of the token endpoint."""
    body = urlencode(form).encode()
    return site.ask("POST", LOGIN, f"/{CONTOSO}/oauth2/v2.0/token", headers={**site.FORM, **headers}, body=body)


def cors(reply: Any) -> str | None:
    """Who may read the reply."""
    return dict(reply.headers).get("Access-Control-Allow-Origin")


def code_form(site: Any, make_browser: Any, client: str, uri: str, **changes: str) -> dict[str, str]:
    """A token request with a code that a browser has brought."""
    page = make_browser(site)
    asked = page.open(
        tenant=CONTOSO, client_id=client, redirect_uri=uri, scope=f"openid offline_access {GRAPH}/User.Read", **changes
    )
    location = urlsplit(page.location(page.sign_in(asked)))
    code = dict(parse_qsl(location.fragment or location.query))["code"]
    return {"client_id": client, "grant_type": "authorization_code", "code": code, "redirect_uri": uri,
            "code_verifier": VERIFIER}  # fmt: skip


@pytest.mark.parametrize("path", [f"/{CONTOSO}/oauth2/token", f"/{CONTOSO}/oauth2/v2.0/token"])
def test_the_token_endpoint_answers_a_preflight(site, path):
    """A script of MSAL sends headers of its own, so that browsers ask first."""
    asked = {"Origin": SITE, "Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "x-app-name"}
    reply = site.ask("OPTIONS", LOGIN, path, headers=asked)
    fields = dict(reply.headers)
    assert (reply.status, cors(reply), fields["Access-Control-Allow-Headers"]) == (200, "*", "x-app-name")
    assert fields["Access-Control-Allow-Methods"] == "POST, OPTIONS"
    reply = site.ask("OPTIONS", LOGIN, path, headers={"Access-Control-Request-Headers": "a\r\nSet-Cookie: x"})
    assert "Access-Control-Allow-Headers" not in dict(reply.headers)


def test_a_single_page_application_may_read_its_tokens(site, make_browser):
    """The reply names who may read it, also a refusal; without Origin there is nothing to say."""
    form = code_form(site, make_browser, SPA, SPA_URI)
    refused = token(site, {**form, "code_verifier": "x" * 43}, Origin=SITE)
    assert (refused.code, cors(refused)) == (501481, "*")
    reply = token(site, form, Origin=SITE)
    assert (reply.status, cors(reply)) == (200, "*")
    again = code_form(site, make_browser, SPA, SPA_URI)
    reply = token(site, again)
    assert (reply.code, cors(reply)) == (9002327, None)


def test_a_page_cannot_read_what_is_no_single_page_applications(site, make_browser):
    """Auth-code document: a redirect URI of another type has no Access-Control-Allow-Origin."""
    form = code_form(site, make_browser, NATIVE, NATIVE_URI)
    reply = token(site, form, Origin=SITE)
    assert (reply.code, cors(reply)) == (9002326, None)
    assert token(site, form).status == 200


@pytest.mark.parametrize(
    "grant", ["password", "device_code", "client_credentials", "urn:ietf:params:oauth:grant-type:saml1_1-bearer"]
)
def test_a_page_gets_no_tokens_by_the_grants_of_programs(site, grant):
    """9002326 for every other grant with Origin; the password grant is good without."""
    form = {"client_id": NATIVE, "grant_type": grant, "username": ALICE, "password": PASSWORD, "device_code": "x",
            "assertion": "x", "scope": f"openid {GRAPH}/User.Read"}  # fmt: skip
    reply = token(site, form, Origin=SITE)
    assert (reply.code, cors(reply)) == (9002326, None)
    if grant == "password":
        assert token(site, form).status == 200


@pytest.mark.parametrize(
    "path",
    ["/common/discovery/instance?api-version=1.1&authorization_endpoint=https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
     "/common/discovery/keys", "/common/discovery/v2.0/keys", "/common/.well-known/openid-configuration",
     f"/{CONTOSO}/v2.0/.well-known/openid-configuration"],
)  # fmt: skip
def test_documents_are_open_to_every_site(site, path):
    """azure-sdk-for-python pull request 18884: the origin *, and GET, OPTIONS."""
    reply = site.ask("GET", LOGIN, path, headers={"Origin": SITE})
    assert (reply.status, cors(reply)) == (200, "*")
    reply = site.ask("OPTIONS", LOGIN, path, headers={"Origin": SITE})
    assert (reply.status, dict(reply.headers)["Access-Control-Allow-Methods"]) == (200, "GET, OPTIONS")


def test_pages_of_other_sites_cannot_read_the_sign_in_page(site):
    """Neither the page nor realm discovery has a header of CORS."""
    for path in ("/common/oauth2/v2.0/authorize", f"/common/userrealm/{ALICE}?api-version=1.0"):
        assert cors(site.ask("GET", LOGIN, path, headers={"Origin": SITE})) is None


def test_the_wrong_method_names_the_right_ones(site):
    """AADSTS900561: POST, OPTIONS."""
    reply = site.ask("PUT", LOGIN, f"/{CONTOSO}/oauth2/v2.0/token")
    assert (reply.code, dict(reply.headers)["Allow"]) == (900561, "POST, OPTIONS")


@pytest.mark.parametrize(("mode", "part"), [("fragment", "fragment"), ("query", "query"), (None, "query")])
def test_the_answer_comes_by_the_response_mode(site, make_browser, mode, part):
    """Fragment: behind the #, which no server sees; errors too."""
    browser = make_browser(site)
    asked = {"tenant": CONTOSO, "client_id": SPA, "redirect_uri": SPA_URI, "scope": "openid", "response_mode": mode}
    location = urlsplit(browser.location(browser.sign_in(browser.open(**asked))))
    assert "code" in dict(parse_qsl(getattr(location, part)))
    refused = urlsplit(browser.location(make_browser(site).open(**asked, prompt="none")))
    assert dict(parse_qsl(getattr(refused, part)))["error"] == "login_required"
    other = "query" if part == "fragment" else "fragment"
    assert getattr(location, other) == getattr(refused, other) == ""


@pytest.mark.parametrize(
    ("prompt", "code"),
    [("login", None), ("select_account", None), ("consent", None), ("create", None), ("none", 50058),
     ("none login", 90023), ("consent select_account", 90023), ("unspecified", 90023), ("admin_consent", 90023)],
)  # fmt: skip
def test_prompt_is_read(site, make_browser, prompt, code):
    """One known value; any other, or several, is an error page, although OpenID Connect allows several."""
    reply = make_browser(site).open(tenant=CONTOSO, client_id=SPA, redirect_uri=SPA_URI, prompt=prompt)
    assert (reply.status, reply.code) == (302 if code == 50058 else 200, code)


def test_version_1_has_a_prompt_of_administrators(make_site, make_browser):
    """admin_consent is a value of version 1.0 only (passport-azure-ad issue 331)."""
    for v1, code in ((True, None), (False, 90023)):
        reply = make_browser(make_site()).open(
            v1=v1, prompt="admin_consent", resource="https://graph.microsoft.com" if v1 else None
        )
        assert (reply.status, reply.code) == (200, code)


@pytest.mark.parametrize(
    "sent", [{"redirect_uri": None}, {"redirect_uri": None, "redirect_url": "http://localhost:8400"}]
)
def test_a_code_needs_its_redirect_uri(make_site, make_browser, sent):
    """700009, and invalid_grant, also where the parameter is misspelt (azure-docs issue 95297); the code stays good."""
    browser = make_browser(make_site())
    code = browser.code()
    status, body = browser.redeem(code, **sent)
    assert (status, body["error"], body["error_codes"]) == (400, "invalid_grant", [700009])
    assert browser.redeem(code)[0] == 200


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, None),
        ({"code_challenge": f"{CHALLENGE}="}, 501491),
        ({"code_challenge": f"{CHALLENGE}x"}, 501491),
        ({"code_challenge": f"{CHALLENGE}x", "code_challenge_method": "plain"}, None),
        ({"code_challenge_method": "s256"}, 50149),
        ({"code_challenge_method": "none"}, 50149),
    ],
)
def test_the_challenge_has_a_method_and_a_size(make_site, make_browser, changes, code):
    """S256 has 43 characters without padding (org-outlook issue 6); another method than S256 and plain is 50149."""
    reply = make_browser(make_site()).open(**changes)
    assert (reply.status, reply.code) == (200 if code is None else 302, code)


def silent(browser, **changes):
    """The answer to a request in a hidden frame: error and code of the trace, or a code."""
    reply = browser.open(tenant=CONTOSO, client_id=SPA, redirect_uri=SPA_URI, scope="openid", prompt="none", **changes)
    fields = browser.sent_back(reply)
    return (fields["error"], reply.code) if "error" in fields else ("code", None)


NOBODY = ("login_required", 50058)


def test_a_silent_request_needs_a_session_of_this_browser(site, make_browser):
    """MSAL.js issues 2537 and 6610: without the cookie of an earlier sign-in 50058; another application's is enough."""
    browser = make_browser(site)
    assert silent(browser) == NOBODY
    browser.code()
    assert silent(browser) == ("code", None)
    assert silent(browser, login_hint="ALICE@contoso.com") == ("code", None)
    assert silent(browser, login_hint="bob@contoso.com") == NOBODY
    assert silent(make_browser(site)) == NOBODY
    browser.cookie = ""  # third-party cookies are blocked
    assert silent(browser) == NOBODY


def test_a_session_ends(site, make_browser):
    """After a day without use (each use prolongs it), at logout, and for a user who may no longer sign in."""
    browser = make_browser(site)
    browser.code()
    for _ in range(2):
        site.clock.advance(86_000)
        assert silent(browser) == ("code", None)
    site.clock.advance(86_400)
    assert silent(browser) == NOBODY
    browser.code()
    site.ask("GET", LOGIN, "/common/oauth2/v2.0/logout", headers={"Cookie": browser.cookie})
    assert silent(browser) == NOBODY
    for change, code in (({"enabled": False}, 50057), ({"password": "new"}, 50173), ({"mfa_required": True}, 50076)):
        browser = make_browser(site)
        browser.code()
        before = site.provider.estate
        users = tuple(replace(user, **change) if user.upn == "alice@contoso.com" else user for user in before.users)
        site.provider.set_estate(replace(before, users=users))
        assert silent(browser) == ("interaction_required", code)
        site.provider.set_estate(before)


def test_a_session_is_for_silent_requests_only(site, make_browser):
    """Any other request shows the page: the lab never says "silent" for a sign-in whose page it has not tried."""
    browser = make_browser(site)
    browser.code()
    assert browser.open(tenant=CONTOSO, client_id=SPA, redirect_uri=SPA_URI).status == 200


def test_logout_tells_the_applications_of_the_browser(site, make_browser):
    """A frame with sid, which is the sid of the id token; none for a browser that did not sign in."""
    browser, other = make_browser(site), make_browser(site)
    page = browser.open(tenant=CONTOSO, client_id=SPA, redirect_uri=SPA_URI, scope="openid offline_access")
    form = {"client_id": SPA, "grant_type": "authorization_code", "redirect_uri": SPA_URI, "code_verifier": VERIFIER}
    code = browser.sent_back(browser.sign_in(page))["code"]
    body = json.loads(token(site, {**form, "code": code}, Origin=SITE).body)
    sid = browser.claims(body["id_token"])["sid"]
    refreshed = {"client_id": SPA, "grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert browser.claims(json.loads(token(site, refreshed, Origin=SITE).body)["id_token"])["sid"] == sid
    other.open()

    def sign_out(cookie: str, **query: str) -> Any:
        target = f"/common/oauth2/v2.0/logout?{urlencode(query)}"
        return site.ask("GET", LOGIN, target, headers={"Cookie": cookie})

    assert b"<iframe" not in sign_out(other.cookie).body
    assert sid not in browser.cookie
    reply = sign_out(browser.cookie, post_logout_redirect_uri=SPA_URI, state="s")
    assert re.findall(r'<iframe src="([^"]*)"', reply.body.decode()) == [f"{LOGOUT}&amp;sid={sid}"]
    assert f"{SPA_URI}?state=s".encode() in reply.body
    assert "frame-src https://shop.contoso.com" in dict(reply.headers)["Content-Security-Policy"]
    assert sign_out(browser.cookie, post_logout_redirect_uri=SPA_URI).status == 302
