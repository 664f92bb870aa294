"""The sign-in from end to end, through the same function that the server calls."""

import base64
import json

import jwt
import pytest
from multidict import CIMultiDict

from ssosim.trace import HttpExchange, TicketChecked, TokenIssued

PROPER = {"x-client-SKU": "MSAL.Desktop"}


def verified(site, token, audience):
    """The claims of a JWT that verifies against the served key set."""
    keys = site.get(site.LOGIN, "/common/discovery/v2.0/keys")
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(jwt.PyJWK(entry) for entry in keys["keys"] if entry["kid"] == kid)
    return jwt.decode(
        token,
        key,
        algorithms=["RS256"],
        audience=audience,
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )


def test_whole_silent_sign_in(site):
    """Realm, MEX, challenge, ticket, RSTR, token: six exchanges and three tokens for Alice (TMS9-011 ... TMS9-018)."""
    realm = site.get(site.LOGIN, "/common/userrealm/alice@contoso.com?api-version=1.0", **PROPER)
    mex = site.ask("GET", site.AUTOLOGON, realm["federation_metadata_url"].split(site.AUTOLOGON)[1])
    assert b"/winauth/trust/2005/windowstransport?client-request-id=" in mex.body
    assert site.windows(None).status == 401
    assertion = site.extract_assertion(site.windows(site.ALICE))
    status, body = site.token(site.saml_form(assertion))
    assert status == 200
    claims = verified(site, body["id_token"], site.CLI)
    assert claims["preferred_username"] == "alice@contoso.com"
    access = verified(site, body["access_token"], "https://graph.microsoft.com")
    assert access["oid"] == claims["oid"]
    assert access["amr"] == ["wia"]
    assert access["onprem_sid"].startswith("S-1-5-21-")
    kinds = [event.kind for event in site.events(TokenIssued)]
    assert kinds == ["assertion", "access", "refresh", "id"]
    assert [e.status for e in site.events(HttpExchange)] == [200, 200, 401, 200, 200, 200, 200]
    assert [e.principal for e in site.events(TicketChecked)] == ["alice@CORP.CONTOSO.COM"]


def test_challenge_is_negotiate_with_empty_body(site):
    """Without a ticket: 401, WWW-Authenticate: Negotiate, nothing in the body (TMS9-015)."""
    answer = site.windows(None)
    assert (answer.status, answer.body, answer.code) == (401, b"", None)
    assert ("WWW-Authenticate", "Negotiate") in answer.headers


def test_mutual_authentication_token_is_sent_back(site):
    """The 200 carries the acceptor's reply, so that a client that asked for mutual authentication can check it."""
    headers = dict(site.windows(site.ALICE).headers)
    assert headers["WWW-Authenticate"] == "Negotiate " + base64.b64encode(b"mutual").decode()
    assert [event.mutual_token for event in site.events(HttpExchange)] == [True]


def test_without_mutual_authentication_there_is_none(make_site):
    """``cloud.mutual_authentication = false``: the same 200 without the acceptor's reply, and the trace says so."""
    quiet = make_site(cloud={"mutual_authentication": False})
    answer = quiet.windows(quiet.ALICE)
    assert (answer.status, "WWW-Authenticate" in dict(answer.headers)) == (200, False)
    assert [(event.auth, event.mutual_token) for event in quiet.events(HttpExchange)] == [("kerberos", False)]


@pytest.mark.parametrize(
    ("reason", "code"),
    [
        ("malformed", 81009),
        ("wrong-service", 81002),
        ("wrong-key", 81008),
        ("expired", 81010),
        ("not-yet-valid", 81010),
        ("skew", 81010),
        ("replayed", 81003),
        ("other", 81004),
        ("unknown-mechanism", 81005),
    ],
)
def test_refused_ticket_is_403_with_its_code(site, reason, code):
    """Every reason for refusing a ticket gives 403 and a SOAP fault with its documented code (TMS9-017)."""
    answer = site.windows(f"refuse:{reason}")
    assert (answer.status, answer.code) == (403, code)
    assert f"<psf:text>AADSTS{code}: ".encode() in answer.body
    assert not site.events(TokenIssued)


def test_ntlm_inside_negotiate_is_recognised(site):
    """NTLM in a Negotiate header is 81005, and the trace says ntlm."""
    assert site.windows("ntlm").code == 81005
    assert site.events(HttpExchange)[-1].auth == "ntlm"
    assert site.events(TicketChecked)[-1].mechanism == "ntlm"


@pytest.mark.parametrize("value", ["Negotiate", "Negotiate ", "Negotiate !!!", "Negotiate YII", "negotiate =="])
def test_broken_base64_is_81009(site, value):
    """A Negotiate header without a readable token is 81009, and the acceptor never sees it."""
    answer = site.ask(
        "POST",
        site.AUTOLOGON,
        "/contoso.com/winauth/trust/2005/windowstransport",
        headers={"Authorization": value},
        body=site.rst(),
    )
    assert (answer.status, answer.code) == (403, 81009)
    assert not site.events(TicketChecked)


@pytest.mark.parametrize(
    "others",
    [
        ("Negotiate b2s6YWxpY2VAQ09SUC5DT05UT1NPLkNPTQ==",),
        ("Negotiate eDp5", "Negotiate b2s6YWxpY2VAQ09SUC5DT05UT1NPLkNPTQ=="),
        ("Basic eDp5",),
        ("",),
    ],
)
def test_a_second_authorization_field_is_refused(site, others):
    """Authorization is no list (RFC 9110, 5.3): two fields sign nobody in, whichever is first and even if equal."""
    for fields in (
        (*others, site.negotiate(site.ALICE)["Authorization"]),
        (site.negotiate(site.ALICE)["Authorization"], *others),
    ):
        headers = CIMultiDict([("Authorization", value) for value in fields])
        path = "/contoso.com/winauth/trust/2005/windowstransport"
        answer = site.ask("POST", site.AUTOLOGON, path, headers=headers, body=site.rst())
        assert (answer.status, answer.code) == (403, 81009)
        adfs = site.ask(
            "POST", site.STS, "/adfs/services/trust/2005/windowstransport", headers=headers, body=site.rst()
        )
        assert adfs.status == 401
    assert not site.events(TicketChecked)
    assert not site.events(TokenIssued)


def test_large_headers_are_81001(site):
    """Over 50 KB of request headers: the ticket is too large."""
    headers = site.negotiate("x" * 50_000)
    answer = site.ask(
        "POST", site.AUTOLOGON, "/contoso.com/winauth/trust/2005/windowstransport", headers=headers, header_bytes=66_700
    )
    assert (answer.status, answer.code) == (403, 81001)


@pytest.mark.parametrize(
    ("principal", "code"),
    [
        ("nora@CORP.CONTOSO.COM", 81011),
        ("nobody@CORP.CONTOSO.COM", 81011),
        ("alice/admin@CORP.CONTOSO.COM", 81011),
        ("alice@EVIL.EXAMPLE", 81013),
        ("alice", 81013),
    ],
)
def test_ticket_owner_must_be_a_synced_user(site, principal, code):
    """A good ticket whose owner has no synced SID here signs nobody in (TMS9-017)."""
    answer = site.windows(f"ok:{principal}")
    assert (answer.status, answer.code) == (403, code)


def test_ticket_owner_of_another_tenant_is_81011(site):
    """Alice's ticket is no good at a tenant that does not have her."""
    assert site.windows(site.ALICE, "litware.example").code == 81007
    assert site.windows(site.ALICE, "contoso.onmicrosoft.com").status == 200
    assert site.windows(site.ALICE, "5F0C9A66-0c2f-4c83-9d27-3b6f1d2a9e10").status == 200


def test_disabled_user_is_50057(make_site):
    """A disabled user's ticket signs nobody in."""
    assert make_site(user={"enabled": False}).windows("ok:alice@CORP.CONTOSO.COM").code == 50057


def test_tenant_without_seamless_sso(site):
    """A tenant that has not opted in is 81007 for tickets and MEX, 81016 for passwords."""
    assert site.windows(None, "litware.example").code == 81007
    assert site.ask("GET", site.AUTOLOGON, "/litware.example/winauth/trust/mex").code == 81007
    assert site.mixed("lena@litware.example", "Lena-lab-password-1", "litware.example").code == 81016


@pytest.mark.parametrize(
    ("tenant", "code"),
    [
        ("nowhere.example", 90002),
        ("11111111-2222-3333-4444-555555555555", 90002),
        ("rubbish", 900023),
        ("a..b", 900023),
    ],
)
def test_unknown_tenants(site, tenant, code):
    """A name that could be a tenant is 90002, anything else 900023: as a fault at autologon, as JSON at login."""
    assert site.windows(None, tenant).code == code
    status, body = site.token({"grant_type": "password"}, tenant)
    assert (status, body["error_codes"], body["error"]) == (400, [code], "invalid_request")


def test_password_sign_in_over_ws_trust(site):
    """Usernamemixed gives an assertion that the token endpoint takes; a stale Timestamp does not matter."""
    assertion = site.extract_assertion(site.mixed("alice@contoso.com", "Alice-lab-password-1"))
    status, body = site.token(site.saml_form(assertion))
    assert status == 200
    assert site.events(HttpExchange)[0].auth == "password"
    assert verified(site, body["access_token"], "https://graph.microsoft.com")["amr"] == ["pwd"]


@pytest.mark.parametrize(
    ("change", "user", "password", "code"),
    [
        ({}, "alice@contoso.com", "wrong", 50126),
        ({}, "nobody@contoso.com", "x", 50034),
        ({}, "frank@fabrikam.com", "Frank-lab-password-1", 50056),
        ({"locked": True}, "alice@contoso.com", "Alice-lab-password-1", 50053),
        ({"enabled": False}, "alice@contoso.com", "Alice-lab-password-1", 50057),
        ({"password_expired": True}, "alice@contoso.com", "Alice-lab-password-1", 50055),
        ({"mfa_required": True}, "alice@contoso.com", "Alice-lab-password-1", 50076),
    ],
)
def test_password_refusals(make_site, change, user, password, code):
    """The same state of an account gives the same code over WS-Trust and at the token endpoint (GO-019)."""
    site = make_site(user=change)
    fault = site.mixed(user, password)
    assert (fault.status, fault.code) == (400, code)
    form = {"client_id": site.CLI, "grant_type": "password", "username": user, "password": password, "scope": "openid"}
    status, body = site.token(form)
    assert (status, body["error_codes"], body["error"]) == (400, [code], "invalid_grant")
    assert not site.events(TokenIssued)


def test_an_expired_password_is_reported_only_with_the_right_password(make_site):
    """A wrong password for an account whose password has expired is 50126."""
    assert make_site(user={"password_expired": True}).mixed("alice@contoso.com", "wrong").code == 50126


def test_usernamemixed_without_a_user_is_a_fault(site):
    """A request without UsernameToken is 81016."""
    assert site.mixed(None, "").code == 81016


def test_signed_cloud_assertion_signs_in(make_site):
    """cloud.assertion = signed-saml: a full SAML 1.1 assertion instead of the opaque token, good for the same."""
    site = make_site(cloud={"assertion": "signed-saml"})
    assertion = site.extract_assertion(site.windows(site.ALICE))
    assert "DesktopSsoToken" not in assertion
    assert "<ds:SignatureValue>" in assertion
    assert site.token(site.saml_form(assertion))[0] == 200


@pytest.mark.parametrize("version", ["2005", "13"])
@pytest.mark.parametrize(("kind", "grant"), [("", "saml1_1"), ("urn:oasis:names:tc:SAML:2.0:assertion", "saml2")])
def test_federated_sign_in(site, version, kind, grant):
    """Frank of fabrikam.com: the cloud takes what his own STS signs, both versions (TMS9-008)."""
    realm = site.get(site.LOGIN, "/common/userrealm/frank@fabrikam.com?api-version=1.0")
    assert realm["federation_metadata_url"] == "https://sts.fabrikam.com/adfs/services/trust/mex"
    answer = site.adfs(version, site.FRANK, kind)
    assert (b"RequestSecurityTokenResponseCollection" in answer.body) == (version == "13")
    status, body = site.token(site.saml_form(site.extract_assertion(answer), grant))
    assert status == 200, body
    assert verified(site, body["id_token"], site.CLI)["preferred_username"] == "frank@fabrikam.com"


@pytest.mark.parametrize("name", ["frank@fabrikam.com", "CORP\\frank"])
def test_federated_password(site, name):
    """The STS takes a password under the UPN or domain, backslash, account."""
    path = "/adfs/services/trust/2005/usernamemixed"
    good = site.ask("POST", site.STS, path, body=site.rst(user=name, password="Frank-lab-password-1"))
    assert site.token(site.saml_form(site.extract_assertion(good)))[0] == 200
    bad = site.ask("POST", site.STS, path, body=site.rst(user=name, password="wrong"))
    assert (bad.status, bad.code) == (500, None)
    assert b"FailedAuthentication" in bad.body
    assert b"AADSTS" not in bad.body


@pytest.mark.parametrize(("password", "carried"), [("", "none"), ("Frank-lab-password-1", "password")])
def test_a_password_beside_an_assertion_is_seen(site, password, carried):
    """MSAL for Go posts the federated password to the cloud too, beside the assertion: the trace says so."""
    form = site.saml_form(site.extract_assertion(site.adfs("13", site.FRANK)))
    assert site.token({**form, "password": password} if password else form)[0] == 200
    assert site.events(HttpExchange)[-1].auth == carried


def test_federation_service_serves_its_own_domain_only(site):
    """Alice has an account in the forest, but her domain is not federated: the STS issues nothing for her."""
    assert site.adfs("2005", site.ALICE).status == 500
    assert site.adfs("2005", "refuse:wrong-key").status == 401


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_success_fields(site, version):
    """v2 has numbers and no resource; v1 has strings, expires_on, not_before and resource (protocol section 5)."""
    assertion = site.extract_assertion(site.windows(site.ALICE))
    form = site.saml_form(assertion) | ({"resource": "https://graph.windows.net"} if version == "v1" else {})
    status, body = site.token(form, v1=version == "v1")
    assert status == 200
    common = {
        "token_type",
        "scope",
        "expires_in",
        "ext_expires_in",
        "access_token",
        "refresh_token",
        "id_token",
        "client_info",
        "foci",
    }
    info = json.loads(base64.urlsafe_b64decode(body["client_info"] + "=="))
    assert info == {"uid": "0a1f5c1e-6f0d-4a6c-9a1d-111111111111", "utid": "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"}
    assert body["foci"] == "1"
    if version == "v1":
        assert set(body) == common | {"expires_on", "not_before", "resource"}
        assert all(isinstance(value, str) for value in body.values())
        claims = verified(site, body["access_token"], "https://graph.windows.net")
        assert claims["iss"] == "https://sts.windows.net/5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10/"
    else:
        assert set(body) == common
        assert (body["expires_in"], body["ext_expires_in"]) == (4500, 4500)
        assert "offline_access" not in body["scope"]


def test_refresh_token_rotates_and_serves_the_family(site):
    """Each refresh gives a new refresh token; a client of the family may use it, another client may not."""
    assertion = site.extract_assertion(site.windows(site.ALICE))
    first = site.token(site.saml_form(assertion))[1]["refresh_token"]
    form = {"client_id": site.CLI, "grant_type": "refresh_token", "refresh_token": first}
    status, body = site.token(form)
    assert status == 200
    assert body["refresh_token"] != first
    office = form | {
        "client_id": "d3590ed6-52b3-4102-aeff-aad2292ab01c",
        "scope": "https://outlook.office.com/.default",
    }
    assert site.token(office)[0] == 200
    other_client = form | {"client_id": "14d82eec-204b-4c2f-b7e8-296a70dab67e"}
    assert site.token(other_client)[1]["error_codes"] == [70008]
    site.clock.advance(91 * 86400)
    status, body = site.token(form)
    assert (status, body["error_codes"], body["suberror"]) == (400, [700082], "bad_token")
    assert "90.00:00:00" in body["error_description"]


def test_client_credentials(site):
    """An application's secret gets an access token and nothing else; a wrong one is 401 7000215 (GO-008, GO-014)."""
    form = {
        "client_id": "7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01",
        "client_secret": "contoso-back-end-secret",
        "grant_type": "client_credentials",
        "scope": "https://graph.microsoft.com/.default",
    }
    status, body = site.token(form, "contoso.com")
    assert (status, set(body)) == (200, {"token_type", "expires_in", "ext_expires_in", "access_token"})
    status, body = site.token(form | {"client_secret": "the-id-instead"}, "contoso.com")
    assert (status, body["error"], body["error_codes"]) == (401, "invalid_client", [7000215])
    assert "not the client secret ID" in body["error_description"]
    status, body = site.token({k: v for k, v in form.items() if k != "client_secret"}, "contoso.com")
    assert (status, body["error_codes"]) == (401, [7000216])
