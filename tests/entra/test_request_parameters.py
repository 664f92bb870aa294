"""No parameter that changes what is granted is ignored: it takes effect, or the request is refused."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.oauth.request_parameters import check_claims_parameter
from tests.entra.estate_of_applications import (
    ALICE,
    ALICE_PASSWORD,
    API,
    API_ID,
    BOTH,
    CONTOSO,
    DAEMON,
    GRAPH,
    LITWARE,
    PUBLIC,
    SECRET,
    STRANGER,
    V1_API,
    WEB,
    app_form,
    claims_of,
    make_estate,
    password_form,
)

SPA = "https://orders.contoso.com/spa"
ORDERS = f"{API}/Orders.Read"
CP1 = '{"access_token":{"xms_cc":{"values":["cp1"]}}}'
GOOD_CLAIMS = [
    CP1,
    "{}",
    '{"userinfo":{"email":null},"id_token":{"auth_time":{"essential":true}}}',
    '{"access_token":{"capolids":{"essential":true,"values":["c1"]}},"unknown":7}',
    '{"access_token":null}',
]
BAD_CLAIMS = [
    "{bad",
    "None",
    "null",
    "[]",
    "7",
    '"text"',
    '{"access_token":[]}',
    '{"access_token":{"acrs":"c1"}}',
    '{"access_token":{"acrs":{"values":"c1"}}}',
    '{"access_token":{"acrs":{"essential":"true"}}}',
    '{"access_token":{},"access_token":{"acrs":{}}}',
    '{"id_token":{"exp":{"value":NaN}}}',
    "%7B%7D",
    "[" * 5000,
    json.dumps({"id_token": {"x" * 9000: None}}),
]


@pytest.fixture
def apps(make_site: Any) -> Any:
    """A site with applications of each kind."""
    return make_site(make_estate())


def code_of(body: Any) -> Any:
    """The AADSTS code of a body; None of a token response."""
    return body["error_codes"][0] if "error_codes" in body else None


def ask(apps: Any, **more: str) -> tuple[int, Any]:
    """A password grant for the API, with more parameters."""
    status, body = apps.token(password_form(PUBLIC, ORDERS) | more, CONTOSO)
    return status, code_of(body)


@pytest.mark.parametrize("text", GOOD_CLAIMS)
def test_claims_as_the_standard_has_them(apps: Any, text: str) -> None:
    """OpenID Connect Core, section 5.5: an object; members that are not known are ignored; null asks for a claim."""
    assert ask(apps, claims=text) == (200, None)
    assert ask(apps, claims=" ") == (200, None)


@pytest.mark.parametrize("value", ["cp1", "CP1"])
def test_the_capability_is_known_in_any_case(apps: Any, value: str) -> None:
    """The Azure SDKs write CP1: the tokens of users and of applications have what was sent, and nothing unknown."""
    text = json.dumps({"access_token": {"xms_cc": {"values": ["foo", 7, value]}}})
    for form in (password_form(PUBLIC, ORDERS, claims=text), app_form(DAEMON, f"{API}/.default", claims=text)):
        status, body = apps.token(form, CONTOSO)
        assert (status, claims_of(body["access_token"])["xms_cc"]) == (200, [value])


@pytest.mark.parametrize("text", BAD_CLAIMS)
def test_malformed_claims_are_50117(apps: Any, browser: Any, text: str) -> None:
    """At the token, the device code and the authorization endpoint, in both versions."""
    assert ask(apps, claims=text) == (400, 50117)
    form = password_form(PUBLIC, "", claims=text) | {"resource": V1_API}
    assert code_of(apps.token(form, CONTOSO, v1=True)[1]) == 50117
    if len(text) < 2000:
        assert "AADSTS50117" in browser.sent_back(browser.open(claims=text))["error_description"]
    start = urlencode({"client_id": PUBLIC, "scope": ORDERS, "claims": text}).encode()
    target = f"/{CONTOSO}/oauth2/v2.0/devicecode"
    assert apps.ask("POST", apps.LOGIN, target, headers=apps.FORM, body=start).code == 50117


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id_token", "access_token", "userinfo", "values", "essential", "x"]), inner)
    ),
)


@given(JSON)
@example({"access_token": {"nbf": {"essential": True}, "x": None}, "id_token": None})
@example({"access_token": {"nbf": {"essential": True}, "x": 1}})
def test_what_is_no_claims_request_is_refused(value: Any) -> None:
    """For any JSON: accepted exactly if it is an object whose known members are objects of null or objects."""
    text = json.dumps(value)
    try:
        check_claims_parameter(text)
    except AadstsError:
        return
    assert isinstance(value, dict)
    for name in ("id_token", "access_token", "userinfo"):
        member = value.get(name)
        assert member is None or all(each is None or isinstance(each, dict) for each in member.values())


@pytest.mark.parametrize(
    ("scope", "resource", "expected"),
    [
        (ORDERS, API, None),
        (ORDERS, f"{API}/", None),
        (ORDERS, API_ID, None),
        (f"openid {ORDERS}", API, None),
        (f"openid {ORDERS}", "", None),
        (ORDERS, GRAPH, 9010010),
        (ORDERS, "https://orders.example/mcp", 9010010),
        ("openid", API, 9010010),
        ("openid", GRAPH, 9010010),
        (f"{API}/Orders.Read User.Read", API, 9010010),
        ("https://nothing.example/read", "https://nothing.example", 500011),
    ],
)
def test_resource_in_version_2_is_that_of_the_scopes(apps: Any, scope: str, resource: str, expected: int) -> None:
    """Another API than that of the scopes is 9010010: the token would be for an API that was not asked for."""
    status, body = apps.token(password_form(PUBLIC, scope, resource=resource), CONTOSO)
    assert code_of(body) == expected, body
    assert status == (400 if expected else 200)
    if expected == 9010010:
        assert body["error"] == "invalid_target"


def test_resource_at_the_other_endpoints_of_version_2(apps: Any, make_browser: Any) -> None:
    """Authorization endpoint (sent to the application), device code endpoint and refresh."""
    browser = make_browser(apps)
    asked = {"tenant": CONTOSO, "client_id": PUBLIC, "redirect_uri": "http://localhost", "scope": ORDERS}
    back = browser.sent_back(browser.open(**asked, resource="https://orders.example/mcp"))
    assert back["error"] == "invalid_target"
    assert "AADSTS9010010" in back["error_description"]
    assert browser.open(**asked, resource=API).status == 200
    _, tokens = apps.token(password_form(PUBLIC, f"offline_access {ORDERS}"), CONTOSO)
    refresh = {"client_id": PUBLIC, "grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    assert apps.token(refresh, CONTOSO)[0] == 200
    assert code_of(apps.token(refresh | {"resource": V1_API}, CONTOSO)[1]) == 9010010


@pytest.mark.parametrize("user_grant", [True, False])
def test_version_1_needs_a_resource_where_a_user_is_asked_for(apps: Any, user_grant: bool) -> None:
    """A password at version 1.0 without ``resource`` is 900144; client credentials get a token of the old Graph."""
    if user_grant:
        status, body = apps.token(password_form(PUBLIC, "openid"), CONTOSO, v1=True)
        assert (status, code_of(body)) == (400, 900144)
        assert "'resource'" in body["error_description"]
        form = password_form(PUBLIC, "openid", resource=V1_API)
    else:
        form = app_form(DAEMON, "", resource=API)
    assert apps.token(form, CONTOSO, v1=True)[0] == 200


NOT_MADE = {
    "request": "eyJ",
    "request_uri": "https://app.example/request",
    "registration": "{}",
    "requested_token_type": "urn:ietf:params:oauth:token-type:saml2",
    "req_cnf": "eyJraWQiOiJ4In0",
    "fmi_path": "agent/1",
    "user_federated_identity_credential": "eyJ",
    "token_type": "pop",
    "max_age": "soon",
}


@pytest.mark.parametrize("name", NOT_MADE)
def test_what_is_not_made_here_is_refused(apps: Any, browser: Any, name: str) -> None:
    """Another kind of token or request: a bearer token would be an answer to a question that nobody asked."""
    assert ask(apps, **{name: NOT_MADE[name]}) == (400, 9002313)
    assert ask(apps, **{name: ""}) == (200, None)
    back = browser.sent_back(browser.open(**{name: NOT_MADE[name]}))
    expected = {"request": "request_not_supported", "request_uri": "request_uri_not_supported"}
    expected["registration"] = "registration_not_supported"
    assert back["error"] == expected.get(name, "invalid_request")
    form = app_form(DAEMON, f"{API}/.default") | {name: NOT_MADE[name]}
    assert code_of(apps.token(form, CONTOSO)[1]) == 9002313


def test_what_is_made_here_may_be_named(apps: Any) -> None:
    """``token_type=Bearer`` and a number of seconds."""
    assert ask(apps, token_type="Bearer", max_age="0") == (200, None)


def test_a_single_page_application_needs_pkce(apps: Any, make_browser: Any) -> None:
    """9002325: its code cannot be redeemed without a challenge; with one it can."""
    browser = make_browser(apps)
    asked = {"tenant": CONTOSO, "client_id": WEB, "redirect_uri": SPA, "scope": f"openid {ORDERS}"}
    form = {"client_id": WEB, "grant_type": "authorization_code", "redirect_uri": SPA, "scope": ORDERS}

    def redeem(code: str, **more: str) -> Any:
        headers = {**apps.FORM, "Origin": "https://orders.contoso.com"}
        body = urlencode(form | {"code": code} | more).encode()
        return apps.ask("POST", apps.LOGIN, f"/{CONTOSO}/oauth2/v2.0/token", headers=headers, body=body)

    code = browser.sent_back(browser.sign_in(**asked, code_challenge=None, code_challenge_method=None))["code"]
    assert redeem(code).code == 9002325
    assert redeem(code, code_verifier="x" * 43).code == 9002325
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    code = browser.sent_back(browser.sign_in(**asked))["code"]
    assert redeem(code, code_verifier=verifier).status == 200


@pytest.mark.parametrize(
    ("scope", "code"),
    [
        (f"{ORDERS} https://nothing.example/read", 500011),
        (f"{GRAPH}/.default {ORDERS}", 70011),
        (f"{API}/.default Orders.Read openid", 70011),
        (f"{ORDERS} {V1_API}/user_impersonation", None),
    ],
)
def test_all_scopes_of_an_authorization_request_count(apps: Any, make_browser: Any, scope: str, code: int) -> None:
    """Not only those of the first API: an unknown one is 500011, and ``/.default`` stands alone."""
    page = make_browser(apps).open(tenant=CONTOSO, client_id=PUBLIC, redirect_uri="http://localhost", scope=scope)
    assert page.code == code
    assert page.status == (200 if code is None else 302)


def test_consent_is_needed_for_every_api_of_a_request(apps: Any, make_browser: Any) -> None:
    """A code for two APIs of which one was consented to is 65001; for two that were, a code."""
    browser = make_browser(apps)
    asked = {"tenant": CONTOSO, "client_id": PUBLIC, "redirect_uri": "http://localhost"}
    good = f"openid {ORDERS} {V1_API}/user_impersonation"
    assert "code" in browser.sent_back(browser.sign_in(**asked, scope=good))
    bad = browser.sent_back(browser.sign_in(**asked, scope=f"openid {ORDERS} {GRAPH}/Mail.Read"))
    assert "AADSTS65001" in bad["error_description"]


PARAMETERS = [
    "scope2", "resource", "audience", "claims", "client_info", "username", "login_hint", "user_id", "oid", "sub", "tid",
    "roles", "scp", "acr_values", "max_age", "prompt", "nonce", "state", "redirect_uri", "code", "code_verifier",
    "device_code", "refresh_token", "assertion", "actor_token", "subject_token", "requested_token_use", "token_type",
    "req_cnf", "client_assertion", "client_assertion_type", "client_secret", "id_token_hint", "tenant", "domain_hint",
    "fmi_path", "admin_consent", "authorization_details", "cc", "brk_client_id", "mam_compliance", "x-client-SKU",
    "response_type", "response_mode", "request", "request_uri", "registration", "client_id2", "SCOPE", "scope[]",
]  # fmt: skip
VALUES = [
    "", "1", "true", ALICE, "bob@contoso.com", GRAPH, API, V1_API, DAEMON, BOTH, STRANGER, SECRET, LITWARE, CP1,
    "admin", f"{API}/.default", f"{API}/Orders.Write", f"{GRAPH}/Mail.Send", "Orders.Admin", "openid offline_access",
    "Bearer", "on_behalf_of", "none", "0",
]  # fmt: skip
STABLE = ("aud", "iss", "oid", "sub", "tid", "scp", "roles", "appid", "azp", "ver", "onprem_sid", "idtyp", "appidacr")


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_another_parameter_never_grants_more(data: st.DataObject, apps: Any) -> None:
    """Any parameter beside a good request: refused, or a token with the claims that the request gets without it."""
    grant = data.draw(st.sampled_from(["password", "application", "refresh"]))
    bob = password_form(PUBLIC, ORDERS, "bob@contoso.com", "Bob-lab-password-1")
    form = bob if grant == "password" else app_form(DAEMON, f"{API}/.default")
    if grant == "refresh":
        _, first = apps.token(bob | {"scope": f"offline_access {ORDERS}"}, CONTOSO)
        form = {"client_id": PUBLIC, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
        form["scope"] = ORDERS
    _, plain = apps.token(form, CONTOSO)
    more = data.draw(st.dictionaries(st.sampled_from(PARAMETERS), st.sampled_from(VALUES), min_size=1, max_size=3))
    more = {name: value for name, value in more.items() if name not in form}
    status, body = apps.token(form | more, CONTOSO)
    if status != 200:
        assert "access_token" not in body
        return
    expected, got = claims_of(plain["access_token"]), claims_of(body["access_token"])
    assert {name: got.get(name) for name in STABLE} == {name: expected.get(name) for name in STABLE}
    assert set(body) - {"client_info"} == set(plain)
    assert body["expires_in"] == plain["expires_in"]


def test_the_property_sees_more_of_a_grant(apps: Any) -> None:
    """The other side: the scope that is asked for, and another user, change the claims that the test above compares."""
    tokens = [
        claims_of(apps.token(form, CONTOSO)[1]["access_token"])
        for form in (
            password_form(PUBLIC, ORDERS, ALICE, ALICE_PASSWORD),
            password_form(PUBLIC, ORDERS, "bob@contoso.com", "Bob-lab-password-1"),
            password_form(PUBLIC, f"{V1_API}/user_impersonation"),
        )
    ]
    seen = [tuple((name, str(each.get(name))) for name in STABLE) for each in tokens]
    assert len(set(seen)) == 3


@pytest.mark.parametrize("grant", ["password", "application", "device", "on_behalf_of", "saml"])
def test_a_page_gets_no_token_by_other_grants(apps: Any, grant: str) -> None:
    """9002326 for a request with ``Origin``: only codes and refresh tokens can be a single-page application's."""
    device = apps.ask(
        "POST",
        apps.LOGIN,
        f"/{CONTOSO}/oauth2/v2.0/devicecode",
        headers=apps.FORM,
        body=urlencode({"client_id": PUBLIC, "scope": ORDERS}).encode(),
    )
    code = json.loads(device.body)["device_code"]
    forms = {
        "password": password_form(PUBLIC, ORDERS),
        "application": app_form(DAEMON, f"{API}/.default"),
        "device": {"client_id": PUBLIC, "grant_type": "device_code", "device_code": code},
        "on_behalf_of": {
            "client_id": BOTH,
            "client_secret": SECRET,
            "grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer",
            "assertion": "a.b.c",
            "requested_token_use": "on_behalf_of",
            "scope": ORDERS,
        },
        "saml": {
            "client_id": PUBLIC,
            "grant_type": "urn:ietf:params:oauth:grant-type:saml1_1-bearer",
            "assertion": "x",
            "scope": ORDERS,
        },
    }

    def send(**headers: str) -> Any:
        body = urlencode(forms[grant]).encode()
        target = f"/{CONTOSO}/oauth2/v2.0/token"
        return apps.ask("POST", apps.LOGIN, target, headers={**apps.FORM, **headers}, body=body)

    assert send(Origin="https://orders.contoso.com").code == 9002326
    assert send().code != 9002326
    if grant in ("password", "application"):
        assert send().status == 200


@pytest.mark.parametrize("offline", [True, False])
def test_a_code_of_version_2_gets_no_more_at_version_1(browser: Any, offline: bool) -> None:
    """A refresh token needs ``offline_access`` in the authorization request, whatever endpoint redeems the code."""
    scope = f"openid {GRAPH}/User.Read.All" + (" offline_access" if offline else "")
    status, body = browser.redeem(browser.code(scope=scope), v1=True, scope=None, resource=GRAPH)
    assert status == 200, body
    assert ("refresh_token" in body) is offline


def test_a_malformed_resource_is_refused_without_the_rule_too(make_site: Any) -> None:
    """500011 in version 1.0 for what is no URI, also if APIs are not checked."""
    site = make_site(make_estate(not_checked=("resource", "scope", "consent", "preauthorization")))
    for resource, status in (("https://nothing.example", 200), ("no uri", 400), ("x y://z", 400)):
        answer, body = site.token(password_form(PUBLIC, "", resource=resource), CONTOSO, v1=True)
        assert answer == status, body
