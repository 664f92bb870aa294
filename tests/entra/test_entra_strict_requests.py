"""What the OAuth endpoints refuse of a request's form: media type, repetition, two proofs, wrong authority."""

import base64
import json
from urllib.parse import quote, urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from multidict import CIMultiDict

from ssosim.entra import Settings
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call
from ssosim.entra.oauth.redirect_uris import check_redirect_uri
from ssosim.estate import default_estate

ALICE, PASSWORD = "alice@contoso.com", "Alice-lab-password-1"
DAEMON, SECRET = next(
    (each.client_id, each.client_secret) for each in default_estate().applications if each.client_secret
)
FORM = "application/x-www-form-urlencoded"
TOKEN = "/organizations/oauth2/v2.0/token"
SCOPE = "openid offline_access https://graph.microsoft.com/User.Read.All"


def password_form(site, **more):
    """A password grant that succeeds."""
    form = {"client_id": site.CLI, "grant_type": "password", "username": ALICE, "password": PASSWORD, "scope": SCOPE}
    return form | more


def post(site, body, target=TOKEN, **headers):
    """Status and codes of a POST; header names have underscores for dashes."""
    given = {name.replace("_", "-"): value for name, value in headers.items() if value is not None}
    answer = site.ask("POST", site.LOGIN, target, headers=given, body=body)
    return answer.status, json.loads(answer.body).get("error_codes")


@pytest.mark.parametrize(
    "kind",
    [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-URLEncoded",
        "application/x-www-form-urlencoded; charset=utf-8",
        "application/x-www-form-urlencoded;charset=UTF-8",
    ],
)
def test_a_form_is_read(site, kind):
    """The media type of a form, in any case and with parameters."""
    assert post(site, urlencode(password_form(site)).encode(), Content_Type=kind) == (200, None)


@pytest.mark.parametrize(
    "kind",
    [None, "", "application/json", "text/plain", "multipart/form-data", "application/x-www-form", "form, application/x",
     "application/x-www-form-urlencoded2", "x application/x-www-form-urlencoded"],
)  # fmt: skip
def test_another_media_type_has_no_parameters(site, kind):
    """As the real service has it for JSON and multipart: 900144, the first parameter is missing."""
    assert post(site, urlencode(password_form(site)).encode(), Content_Type=kind) == (400, [900144])


def test_a_form_without_a_type_is_read_where_that_is_set(make_site):
    """What the real service does without a Content-Type is unconfirmed, so there is a setting; JSON stays refused."""
    site = make_site(settings=Settings(untyped_form=True))
    body = urlencode(password_form(site)).encode()
    assert post(site, body) == (200, None)
    assert post(site, body, Content_Type="application/json") == (400, [900144])


@pytest.mark.parametrize("name", ["grant_type", "scope", "client_id", "password", "x-unknown", "s%63ope"])
def test_a_parameter_may_be_there_once(site, name):
    """RFC 6749, section 3.2: a repeated parameter is refused, known or not, however it is spelt; 9000411."""
    form = password_form(site, **{"x-unknown": "1"})
    body = urlencode(form) + f"&{name}=" + quote(form.get(name, SCOPE))
    assert post(site, body.encode(), Content_Type=FORM) == (400, [9000411])
    assert post(site, urlencode(form).encode(), Content_Type=FORM) == (200, None)


def test_a_repeated_parameter_of_the_other_endpoints(site, browser):
    """The device code's start reads the form, in version 1.0 the query too; the authorize endpoint its query."""
    body = urlencode({"client_id": site.CLI, "scope": SCOPE}).encode()
    target = "/organizations/oauth2/v2.0/devicecode"
    assert post(site, body, target, Content_Type=FORM)[0] == 200
    assert post(site, body + b"&scope=openid", target, Content_Type=FORM) == (400, [9000411])
    old = f"/organizations/oauth2/devicecode?client_id={site.CLI}&resource=https://graph.microsoft.com"
    assert post(site, b"", old)[0] == 200
    for each in (old, f"{target}?{body.decode()}"):
        assert post(site, b"", f"{each}&client_id={site.CLI}") == (400, [9000411])
    page = browser.open()
    assert page.status == 200
    target = f"/organizations/oauth2/v2.0/authorize?client_id={site.CLI}&scope=openid&scope=openid"
    assert site.ask("GET", site.LOGIN, target).code == 9000411


def basic(name=DAEMON, secret=SECRET):
    """HTTP Basic as RFC 6749 has it."""
    return "Basic " + base64.b64encode(f"{quote(name)}:{quote(secret)}".encode()).decode()


APP = {"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}


@pytest.mark.parametrize(
    ("form", "authorization", "expected"),
    [
        ({"client_id": DAEMON, "client_secret": SECRET}, None, (200, None)),
        ({}, basic(), (200, None)),
        ({"client_id": DAEMON}, basic(), (200, None)),
        ({"client_id": DAEMON.upper(), "client_secret": ""}, basic(), (200, None)),
        ({"client_id": DAEMON, "client_secret": SECRET}, basic(), (400, [9002313])),
        ({"client_secret": SECRET}, basic(), (400, [9002313])),
        ({"client_assertion": "x.y.z"}, basic(), (400, [9002313])),
        ({"client_id": DAEMON, "client_secret": SECRET, "client_assertion": "x.y.z"}, None, (400, [9002313])),
        ({"client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46"}, basic(), (400, [9002313])),
    ],
)
def test_a_client_authenticates_in_one_way(site, form, authorization, expected):
    """RFC 6749, section 2.3: secret, assertion and Basic exclude each other, and Basic names the client of the form."""
    body = urlencode(APP | form).encode()
    assert (
        post(site, body, "/contoso.com/oauth2/v2.0/token", Content_Type=FORM, Authorization=authorization) == expected
    )


def test_two_authorization_headers_are_refused(site):
    """The one that is not looked at might be the true one."""
    headers = CIMultiDict([("Content-Type", FORM), ("Authorization", basic()), ("Authorization", "Basic eDp5")])
    target, body = "/contoso.com/oauth2/v2.0/token", urlencode(APP).encode()
    assert site.ask("POST", site.LOGIN, target, headers=headers, body=body).code == 9002313
    headers.popall("Authorization")
    headers["Authorization"] = basic()
    assert site.ask("POST", site.LOGIN, target, headers=headers, body=body).status == 200


def test_a_public_client_has_no_assertion(site):
    """700025 says so of a secret and of an assertion."""
    assert post(site, urlencode(password_form(site, client_assertion="x")).encode(), Content_Type=FORM)[1] == [700025]


@pytest.mark.parametrize("port", ["1", "80", "8400", "65535"])
def test_a_port_of_loopback(port):
    """Every port from 1 to 65535 leads back to the program."""
    application = replace(default_estate().applications[0], redirect_uris=("http://localhost",))
    assert check_redirect_uri(application, f"http://localhost:{port}/") == f"http://localhost:{port}/"


NO_PORTS = ["0", "00000", "65536", "99999", "100000", "", "-1", "+80", "8O", "\u0668\u0660", "\uff18\uff10", " 80"]


@pytest.mark.parametrize("port", NO_PORTS)
def test_no_port_of_loopback(port):
    """What is no port, or no ASCII digits, is another address: 50011."""
    application = replace(default_estate().applications[0], redirect_uris=("http://localhost",))
    with pytest.raises(AadstsError) as refused:
        check_redirect_uri(application, f"http://localhost:{port}/")
    assert refused.value.code == 50011


AUTHORITIES = ["organizations", "common", "contoso.com"]


@pytest.mark.parametrize("polled", AUTHORITIES)
@pytest.mark.parametrize("started", AUTHORITIES)
def test_a_device_code_is_of_its_authority(site, browser, started, polled):
    """A code is redeemed where it was issued, by whatever name of the tenant, and stays good when tried elsewhere."""
    body = urlencode({"client_id": site.CLI, "scope": SCOPE}).encode()
    answer = site.ask("POST", site.LOGIN, f"/{started}/oauth2/v2.0/devicecode", headers=site.FORM, body=body)
    code = json.loads(answer.body)
    browser.sign_in(browser.enter(code["user_code"]))
    form = {"client_id": site.CLI, "grant_type": "device_code", "device_code": code["device_code"]}
    status, said = site.token(form, polled)
    if started == polled:
        assert status == 200
        return
    assert (status, said["error"], said["error_codes"]) == (400, "bad_verification_code", [70018])
    home = default_estate().tenants[0].id if started == "contoso.com" else started
    assert site.token(form, home)[0] == 200


def test_consumers_refuses_every_grant_of_a_work_account(site, browser):
    """A code, a refresh token, a device code, an assertion, a password, an application: none earns a token there."""
    tokens = browser.redeem(browser.code())[1]
    forms = {
        "authorization_code": {"code": browser.code(), "redirect_uri": "http://localhost:8400"},
        "refresh_token": {"refresh_token": tokens["refresh_token"]},
        "device_code": {"device_code": "x"},
        "password": {"username": ALICE, "password": PASSWORD, "scope": SCOPE},
        "urn:ietf:params:oauth:grant-type:saml1_1-bearer": {
            "assertion": base64.b64encode(site.extract_assertion(site.windows(site.ALICE)).encode()).decode(),
            "scope": SCOPE,
        },
    }
    for grant, form in forms.items():
        status, said = site.token({"client_id": site.CLI, "grant_type": grant} | form, "consumers")
        assert (status, said["error_codes"][-1] in (500208, 9001023)) == (400, True), said
    assert site.token({"client_id": DAEMON, "client_secret": SECRET} | APP, "consumers")[0] == 400
    body = urlencode({"client_id": site.CLI, "scope": SCOPE}).encode()
    assert site.ask("POST", site.LOGIN, "/consumers/oauth2/v2.0/devicecode", headers=site.FORM, body=body).code == 50059
    assert browser.open(tenant="consumers").code == 50059
    for grant in ("refresh_token", "password"):  # the same at the right authority
        assert site.token({"client_id": site.CLI, "grant_type": grant} | forms[grant])[0] == 200


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    twice=st.lists(st.sampled_from(["grant_type", "client_id", "username", "password", "scope"]), max_size=2),
    kind=st.one_of(st.none(), st.text(st.characters(max_codepoint=126, min_codepoint=32), max_size=40), st.just(FORM)),
    ways=st.sets(st.sampled_from(["basic", "client_secret", "client_assertion"])),
    order=st.randoms(use_true_random=False),
)
def test_nothing_malformed_is_accepted(site, twice, kind, ways, order):
    """A token comes for a form of its media type with every parameter once and at most one proof, and only then."""
    pairs = list(password_form(site).items())
    pairs += [(name, value) for name, value in pairs if name in twice]
    pairs += [(way, "x") for way in ways if way != "basic"]
    order.shuffle(pairs)
    headers = {"Content_Type": kind} | ({"Authorization": basic()} if "basic" in ways else {})
    status, _ = post(site, urlencode(pairs).encode(), **headers)
    right = (kind or "").partition(";")[0].strip().lower() == FORM and not twice and not ways
    assert (status == 200) == right


@given(
    target=st.one_of(
        st.text(max_size=60),
        st.builds("{}://{}{}".format, st.sampled_from(["http", "HTTPS", "ftp", ""]), st.text(max_size=20), st.text()),
    )
)
def test_any_target_is_read(target):
    """Whatever stands on a request line makes a call: absolute form decides the host, a user name leaves none."""
    call = Call.read("GET", "host.example", target, now=0.0)
    assert "@" not in call.host
    if target.startswith("/"):
        assert call.host == "host.example"


def test_absolute_form(site):
    """RFC 9112, section 3.2.2: the URL's host goes before the Host field."""
    path = "/common/discovery/keys"
    for target in (f"https://{site.LOGIN}{path}", f"HTTPS://{site.LOGIN.upper()}:443{path}?a=b"):
        assert site.ask("GET", "evil.example", target).status == 200
    for target in (f"https://evil.example{path}", f"https://u@{site.LOGIN}{path}", f"https://u:p@{site.LOGIN}{path}"):
        assert site.ask("GET", site.LOGIN, target).status == 421
    call = Call.read("GET", "h", "https://x.example?a=b", now=0.0)
    assert (call.host, call.path, dict(call.query)) == ("x.example", ("",), {"a": "b"})
