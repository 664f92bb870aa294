"""The authorization endpoint, the sign-in page, codes and PKCE."""

import base64
import hashlib
import re
from urllib.parse import parse_qs

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from ssosim.entra.oauth.authorization_codes import compute_challenge
from ssosim.estate import default_estate
from ssosim.trace import HttpExchange, TokenIssued, UserPrompted

LOGIN = "login.microsoftonline.com"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
GRAPH_TOOLS = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
LOOPBACK = "http://localhost:8400"
ALICE, PASSWORD = "alice@contoso.com", "Alice-lab-password-1"
# RFC 7636, appendix B
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_a_code_and_its_verifier_are_redeemed_for_tokens(site, browser):
    """CONNECT-003, CONNECT-004, CONNECT-016, CONNECT-022: authorize, password, redirect with code and state, tokens."""
    answer = browser.sign_in()
    assert browser.location(answer).startswith(LOOPBACK + "?")
    back = browser.sent_back(answer)
    assert back["state"] == "state-1"
    status, body = browser.redeem(back["code"])
    assert status == 200, body
    assert browser.claims(body["access_token"])["oid"].endswith("111111111111")
    identity = browser.claims(body["id_token"])
    assert (identity["aud"], identity["nonce"], identity["preferred_username"]) == (CLI, "nonce-1", ALICE)
    assert {event.grant for event in site.events(TokenIssued)} == {"authorization_code"}


def test_one_prompt_is_seen_and_a_password_post(site, browser):
    """The trace shows who was asked, by which application, and how the form was answered; no secret is in it."""
    browser.redeem(browser.code())
    (prompt,) = site.events(UserPrompted)
    assert prompt.reason == "sign-in page for Azure CLI"
    posts = [e for e in site.events(HttpExchange) if e.path == "/common/login"]
    assert [(e.auth, e.status) for e in posts] == [("password", 302)]
    assert PASSWORD not in repr(list(site.provider.trace))
    assert {record.client for record in site.provider.trace} == {"desk-1"}


def test_a_code_is_good_once(browser):
    """CONNECT-004: the second redemption is invalid_grant 54005."""
    code = browser.code()
    assert browser.redeem(code)[0] == 200
    status, body = browser.redeem(code)
    assert (status, body["error"], body["error_codes"]) == (400, "invalid_grant", [54005])


@pytest.mark.parametrize(("age", "status"), [(599, 200), (600, 400), (3600, 400)])
def test_a_code_lives_for_ten_minutes_of_the_labs_clock(site, browser, age, status):
    """CONNECT-004: an expired code is invalid_grant 70008."""
    code = browser.code()
    site.clock.advance(age)
    got, body = browser.redeem(code)
    assert got == status
    assert got == 200 or (body["error"], body["error_codes"]) == ("invalid_grant", [70008])


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"code_verifier": None}, 501481),
        ({"code_verifier": VERIFIER[:-1] + "x"}, 501481),
        ({"code_verifier": CHALLENGE}, 501481),
        ({"client_id": GRAPH_TOOLS}, 70008),
        ({"redirect_uri": "http://localhost:8401"}, 500112),
        ({"redirect_uri": None}, 700009),
        ({"code": None}, 900144),
        ({"code": "x" * 200}, 9002313),
    ],
)
def test_a_stolen_code_is_refused_and_stays_valid(browser, change, error):
    """CONNECT-017: a code without its verifier, or from another client or address, is refused and stays redeemable."""
    code = browser.code()
    status, body = browser.redeem(code, **change)
    assert (status, body["error_codes"]) == (400, [error])
    assert browser.redeem(code)[0] == 200


def test_the_vector_of_rfc_7636():
    """CONNECT-016: S256 is BASE64URL(SHA256(verifier)); appendix B."""
    assert compute_challenge(VERIFIER, "S256") == CHALLENGE
    assert compute_challenge(VERIFIER, "plain") == VERIFIER


@given(st.text("abcXYZ019-._~", min_size=43, max_size=128))
def test_challenges_are_their_digests(verifier):
    """CONNECT-016: for any verifier, S256 is the digest without padding."""
    digest = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode()
    assert compute_challenge(verifier, "S256") == digest.rstrip("=")


@pytest.mark.parametrize("method", ["plain", None])
def test_a_plain_challenge_is_the_verifier(browser, method):
    """Plain is spoken too, and is what no method means (RFC 7636, section 4.3)."""
    code = browser.code(code_challenge=VERIFIER, code_challenge_method=method)
    assert browser.redeem(code, code_verifier=CHALLENGE)[0] == 400
    assert browser.redeem(code)[0] == 200


def test_a_verifier_for_a_code_without_challenge_is_refused(browser):
    """RFC 9700, 2.1.1: who takes the challenge out of the request does not get far; without both it is allowed."""
    code = browser.code(code_challenge=None, code_challenge_method=None)
    assert browser.redeem(code)[1]["error_codes"] == [501481]
    assert browser.redeem(code, code_verifier=None)[0] == 200


@pytest.mark.parametrize(
    ("asked", "stated", "has"),
    [(True, True, True), (True, None, True), (False, True, False), (True, False, False), (False, None, False)],
)
def test_a_refresh_token_needs_offline_access(site, browser, asked, stated, has):
    """CONNECT-023: at the authorization request, and in the token request if that states scopes."""
    scopes = {True: "openid offline_access User.Read.All", False: "openid User.Read.All", None: None}
    code = browser.code(scope=scopes[asked])
    status, body = browser.redeem(code, scope=scopes[stated])
    assert (status, "refresh_token" in body) == (200, has)
    if has:
        again = {"client_id": CLI, "grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
        site.clock.advance(86_400)
        assert site.token(again)[0] == 200


def test_v1_has_a_resource_and_always_a_refresh_token(browser):
    """v1: /oauth2/authorize with resource; numbers are strings in its token answer."""
    page = browser.open(v1=True, tenant="common", scope=None, resource="https://graph.windows.net")
    code = browser.sent_back(browser.sign_in(page))["code"]
    status, body = browser.redeem(code, v1=True, tenant="common", scope=None)
    assert (status, body["resource"], body["expires_in"]) == (200, "https://graph.windows.net", "4500")
    assert "refresh_token" in body


def test_form_post_brings_code_and_state_in_a_form(browser):
    """0.2 row 9: a page that posts itself to the listener; nothing of it is in an address."""
    page = browser.sign_in(response_mode="form_post")
    assert (page.status, "Location" in dict(page.headers)) == (200, False)
    assert f'method="post" action="{LOOPBACK}"' in page.body.decode()
    fields = browser.hidden(page)
    assert (fields["state"], browser.redeem(fields["code"])[0]) == ("state-1", 200)


def test_fragment_mode(browser):
    """The fragment carries the answer when asked to."""
    where = browser.location(browser.sign_in(response_mode="fragment"))
    assert parse_qs(where.partition("#")[2])["state"] == ["state-1"]


@pytest.mark.parametrize(
    "redirect",
    ["http://localhost", "http://localhost/", "http://localhost:8400", "http://localhost:65000/"],
)
def test_any_port_of_the_loopback_address(browser, redirect):
    """10.1: http://localhost is registered; the port is not looked at."""
    assert browser.location(browser.sign_in(redirect_uri=redirect)).startswith(redirect + "?")


@pytest.mark.parametrize(
    "redirect",
    [
        "http://localhost:8400/other",
        "http://localhost.evil.example",
        "http://localhost@evil.example",
        "http://localhost:80@evil.example/",
        "https://localhost",
        "http://127.0.0.1:8400",
        "http://localhost:8400\r\nX: y",
        "http://localhost:8400?x=y",
        "https://evil.example/",
        "javascript:alert(1)",
    ],
)
def test_a_wrong_redirect_is_a_page_and_never_followed(browser, redirect):
    """50011: the address is not trusted, so the reply is a page and not a redirect."""
    page = browser.open(redirect_uri=redirect)
    assert (page.status, page.code, "Location" in dict(page.headers)) == (200, 50011, False)
    assert b"AADSTS50011" in page.body
    assert b"<form" not in page.body


def test_127_0_0_1_has_any_port_too(make_site, make_browser):
    """RFC 8252, 7.3: registered as 127.0.0.1, it has any port, and is not localhost."""
    estate = default_estate()
    apps = tuple(replace(app, redirect_uris=("http://127.0.0.1",)) for app in estate.applications)
    browser = make_browser(make_site(replace(estate, applications=apps)))
    assert browser.open(redirect_uri="http://127.0.0.1:9000/").status == 200
    assert browser.open(redirect_uri="http://localhost:9000/").code == 50011


def test_an_application_with_one_address_may_leave_it_out(browser):
    """The only registered address is meant; with several the request is refused."""
    assert browser.location(browser.sign_in(redirect_uri=None)).startswith("http://localhost?")
    assert browser.open(client_id=GRAPH_TOOLS, redirect_uri=None).code == 50011


@pytest.mark.parametrize(
    ("change", "code"),
    [({"client_id": "nobody"}, 700016), ({"client_id": None}, 900144), ({"state": "x" * 7000}, 9002313)],
)
def test_other_errors_that_stay_on_the_page(browser, change, code):
    """An unknown client, or a request that is too long, is not redirected."""
    page = browser.open(**change)
    assert (page.code, page.content_type) == (code, "text/html; charset=utf-8")


@pytest.mark.parametrize(
    ("change", "error", "code"),
    [
        ({"response_type": "token"}, "unsupported_response_type", 700051),
        ({"response_type": "code id_token"}, "unsupported_response_type", 700054),
        ({"response_type": None}, "invalid_request", 900144),
        ({"response_mode": "smoke"}, "invalid_request", 9002313),
        ({"scope": None}, "invalid_request", 900144),
        ({"scope": "https://a.example/x"}, "invalid_resource", 500011),
        ({"scope": "/.default"}, "invalid_scope", 70011),
        ({"code_challenge": "short"}, "invalid_request", 501491),
        ({"code_challenge_method": "S512"}, "invalid_request", 50149),
        ({"code_challenge": None}, "invalid_request", 9002313),
        ({"prompt": "none"}, "login_required", 50058),
    ],
)
def test_errors_that_are_sent_to_the_application(site, browser, change, error, code):
    """10.2: error, error_description and state are in the redirect, and the user is not prompted."""
    answer = browser.open(**change)
    back = browser.sent_back(answer)
    assert (back["error"], back["state"], answer.code) == (error, "state-1", code)
    assert back["error_description"].startswith(f"AADSTS{code}: ")
    assert not site.events(UserPrompted)


def test_cancel_is_access_denied(browser):
    """CONNECT-019: the redirect tells the application that the user has cancelled."""
    back = browser.sent_back(browser.post(browser.open(), cancel="1"))
    assert (back["error"], back["state"]) == ("access_denied", "state-1")


def test_a_wrong_password_shows_the_page_again(site, browser):
    """50126 on the page, the name kept, the password not; the right one then goes through."""
    page = browser.sign_in(passwd="wrong-one")
    text = page.body.decode()
    assert (page.status, page.code) == (200, 50126)
    assert "AADSTS50126" in text
    assert f'value="{ALICE}"' in text
    assert "wrong-one" not in text
    assert browser.redeem(browser.sent_back(browser.sign_in(page))["code"])[0] == 200
    assert [event.reason for event in site.events(UserPrompted)] == [
        "sign-in page for Azure CLI",
        "sign-in page for Azure CLI, AADSTS50126",
    ]


@pytest.mark.parametrize(
    ("change", "code"), [({"locked": True}, 50053), ({"enabled": False}, 50057), ({"password_expired": True}, 50055)]
)
def test_the_page_says_why_an_account_is_refused(make_site, change, code, make_browser):
    """The states of an account have their codes at the page too."""
    assert make_browser(make_site(user=change)).sign_in().code == code


def test_a_page_can_be_posted_once_and_by_its_own_browser(site, browser, make_browser):
    """165000: used page, no cookie, another browser's cookie, another site's form, changed or missing canary."""
    page = browser.open()
    assert browser.sign_in(page).status == 302
    assert browser.sign_in(page).code == 165000
    for change in ({"cookie": ""}, {"origin": "https://evil.example"}, {"origin": "null"}):
        other = make_browser(site)
        page = other.open()
        for name, value in change.items():
            setattr(other, name, value)
        assert other.sign_in(page).code == 165000, change
    victim, attacker = make_browser(site), make_browser(site)
    victim.open()
    assert victim.sign_in(attacker.open()).code == 165000
    page, stale = browser.open(), browser.open()
    assert browser.post(page, canary=browser.hidden(stale)["canary"], login=ALICE, passwd=PASSWORD).code == 165000
    assert browser.post(page, flowToken="", login=ALICE, passwd=PASSWORD).code == 165000
    site.clock.advance(3601)
    assert browser.sign_in(stale).code == 165000


def test_two_tabs_do_not_disturb_each_other(browser):
    """The cookie is the browser's, not the page's."""
    one, two = browser.open(), browser.open()
    assert browser.sign_in(one).status == browser.sign_in(two).status == 302


def test_the_page_offers_the_ticket_and_takes_it(site, browser):
    """6.1, 6.2: desktopSsoConfig for a known domain; the dssoToken signs in, and nobody was asked."""
    page = browser.open(login_hint=ALICE)
    known = browser.config(page)
    sso = known["desktopSsoConfig"]
    assert (sso["startDesktopSsoOnPageLoad"], known["sDomain"]) == (True, "contoso.com")
    target = sso["iwaEndpointUrlFormat"].replace("{0}", known["sDomain"]).removeprefix(f"https://{site.AUTOLOGON}")
    token = site.ask("GET", site.AUTOLOGON, target, headers=site.negotiate(site.ALICE)).body.decode()
    answer = browser.post(page, login=ALICE, dssoToken=token)
    status, body = browser.redeem(browser.sent_back(answer)["code"])
    assert (status, browser.claims(body["access_token"])["amr"]) == (200, ["wia"])
    assert not site.events(UserPrompted)
    again = browser.post(browser.open(login_hint=ALICE), login=ALICE, dssoToken=token)
    assert again.code == 81010


def test_a_ticket_of_another_user_prompts(site, browser):
    """81012: the named user is not the user of the ticket, so the page shows its form."""
    token = site.ask(
        "GET", site.AUTOLOGON, "/contoso.com/winauth/sso", headers=site.negotiate(site.ALICE)
    ).body.decode()
    page = browser.post(browser.open(login_hint="bob@contoso.com"), login="bob@contoso.com", dssoToken=token)
    assert (page.code, browser.config(page)["desktopSsoConfig"]["startDesktopSsoOnPageLoad"]) == (81012, False)
    assert [event.reason for event in site.events(UserPrompted)] == ["sign-in page for Azure CLI, AADSTS81012"]


def test_a_page_reports_its_form_after_a_failed_ticket(site, browser):
    """Showing the form is the prompt: it is recorded once, by the page's report or with the password."""
    page = browser.open(login_hint=ALICE)
    assert not site.events(UserPrompted)
    target = browser.config(page)["urlShown"].removeprefix(f"https://{LOGIN}")
    assert [site.ask("GET", LOGIN, target).status for _ in range(2)] == [204, 204]
    browser.sign_in(page)
    assert len(site.events(UserPrompted)) == 1
    assert site.ask("GET", LOGIN, "/common/instrumentation/shown?flow=x").status == 404


@pytest.mark.parametrize(
    "change",
    [{}, {"login_hint": ALICE, "prompt": "login"}, {"login_hint": "x@litware.example"}],
)
def test_when_no_ticket_is_tried(site, browser, change):
    """No name, a requested prompt, or Seamless SSO off: the page shows its form at once."""
    assert browser.config(browser.open(**change))["desktopSsoConfig"]["startDesktopSsoOnPageLoad"] is False
    assert len(site.events(UserPrompted)) == 1


@pytest.mark.parametrize("text", ['"><script>alert(1)</script>', "</script><script>alert(1)//", "' onload=x"])
def test_text_of_the_request_is_escaped_on_pages(browser, text):
    """Markup in the request is escaped on pages: in name, state, password and redirect."""
    pages = (
        browser.open(login_hint=text, state=text),
        browser.open(redirect_uri=text),
        browser.sign_in(login=text),
        browser.sign_in(response_mode="form_post", state=text),
    )
    for page in pages:
        assert text.encode() not in page.body


def test_pages_are_closed_to_others(browser):
    """Nothing is cached, framed, or loaded from elsewhere; scripts have a nonce; Referrer-Policy is same-origin."""
    headers = dict(browser.open(login_hint=ALICE).headers)
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert re.search(r"script-src 'nonce-[0-9a-f-]{36}'", policy)
    assert "connect-src https://autologon.microsoftazuread-sso.com" in policy
    assert (headers["Cache-Control"], headers["Referrer-Policy"]) == ("no-store", "same-origin")
    assert all(word in headers["Set-Cookie"] for word in ("Secure", "HttpOnly", "SameSite=None"))
