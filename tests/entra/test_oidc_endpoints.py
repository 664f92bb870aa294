"""Instance discovery of all clouds, the OpenID configuration, logout and userinfo."""

import json
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from ssosim.entra.core.jose import sign_jwt
from ssosim.estate import default_estate
from ssosim.estate.applications import Application, RedirectUri

LOGIN = "login.microsoftonline.com"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
GRAPH_TOOLS = "14d82eec-204b-4c2f-b7e8-296a70dab67e"
# A recording in the tests of azure-sdk-for-js, 2021
RECORDED_CLOUDS = [
    "login.microsoftonline.com login.windows.net login.microsoft.com sts.windows.net",
    "login.partner.microsoftonline.cn login.chinacloudapi.cn",
    "login.microsoftonline.de",
    "login.microsoftonline.us login.usgovcloudapi.net",
    "login-us.microsoftonline.com",
]
RECORDED_MEMBERS = [
    "token_endpoint",
    "token_endpoint_auth_methods_supported",
    "jwks_uri",
    "response_modes_supported",
    "subject_types_supported",
    "id_token_signing_alg_values_supported",
    "response_types_supported",
    "scopes_supported",
    "issuer",
    "request_uri_parameter_supported",
    "userinfo_endpoint",
    "authorization_endpoint",
    "device_authorization_endpoint",
    "http_logout_supported",
    "frontchannel_logout_supported",
    "end_session_endpoint",
    "claims_supported",
    "kerberos_endpoint",
    "tenant_region_scope",
    "cloud_instance_name",
    "cloud_graph_host_name",
    "msgraph_host",
    "rbac_url",
]


def discover(site, host, version="1.1"):
    """Instance discovery for ``host``, asked at the public login host."""
    query = urlencode(
        {"api-version": version, "authorization_endpoint": f"https://{host}/organizations/oauth2/v2.0/authorize"}
    )
    return site.get(LOGIN, f"/common/discovery/instance?{query}")


def test_instance_discovery_needs_its_parameter(site):
    """900144 without authorization_endpoint; 50049 for one that is no URL."""
    assert site.ask("GET", LOGIN, "/common/discovery/instance?api-version=1.1").code == 900144
    assert site.ask("GET", LOGIN, "/common/discovery/instance?authorization_endpoint=https://[").code == 50049


@pytest.mark.parametrize("host", " ".join(RECORDED_CLOUDS).split())
def test_every_known_cloud_is_known_everywhere(site, host):
    """A host of another cloud: 200, metadata of all clouds, and the discovery URL of that host."""
    document = discover(site, host)
    assert document["tenant_discovery_endpoint"] == (
        f"https://{host}/organizations/v2.0/.well-known/openid-configuration"
    )
    assert [" ".join(entry["aliases"]) for entry in document["metadata"]][:5] == RECORDED_CLOUDS
    assert all(entry["preferred_network"] == entry["aliases"][0] for entry in document["metadata"])


def test_a_cloud_of_the_users_own_comes_first(make_site):
    """An estate with login hosts of another name: they are known, and the other clouds stay so."""
    own = replace(default_estate().cloud, login_hosts=("login.contoso.test", "login.microsoftonline.us"))
    site = make_site(replace(default_estate(), cloud=own))
    query = urlencode({"api-version": "1.1", "authorization_endpoint": "https://login.contoso.test/common/x"})
    document = site.get("login.contoso.test", f"/common/discovery/instance?{query}")
    names = [entry["preferred_network"] for entry in document["metadata"]]
    assert names[:2] == ["login.contoso.test", "login.microsoftonline.com"]
    assert "login.microsoftonline.us" not in names, "it belongs to the estate's cloud"


def test_members_of_the_openid_configuration(site):
    """The same members as in a recording, in the same order; each endpoint of the login host that it names answers."""
    document = site.get(LOGIN, "/contoso.com/v2.0/.well-known/openid-configuration")
    assert list(document) == RECORDED_MEMBERS
    assert document["userinfo_endpoint"] == "https://graph.microsoft.com/oidc/userinfo"
    assert document["end_session_endpoint"].endswith("/oauth2/v2.0/logout")
    assert site.get(LOGIN, "/common/v2.0/.well-known/openid-configuration")["tenant_region_scope"] is None
    first = site.get(LOGIN, "/contoso.com/.well-known/openid-configuration")
    for name in ("userinfo_endpoint", "end_session_endpoint", "authorization_endpoint", "jwks_uri"):
        path = first[name].removeprefix(f"https://{LOGIN}")
        assert site.ask("GET", LOGIN, path).status != 404, name


def logout(site, method="GET", path="/common/oauth2/v2.0/logout", **query):
    """Ask for the logout page."""
    return site.ask(method, LOGIN, f"{path}?{urlencode(query)}")


@pytest.fixture
def web(make_site):
    """A site with a web application that has one redirect URI."""
    application = Application(
        client_id="0b0b0b0b-0000-4000-8000-0000000000aa",
        name="Web",
        client_secret="s",
        redirect_uris=(RedirectUri(uri="https://app.example/signed-out", type="web"),),
    )
    estate = default_estate()
    return make_site(replace(estate, applications=(*estate.applications, application)))


@pytest.mark.parametrize("path", ["/common/oauth2/logout", "/contoso.com/oauth2/v2.0/logout"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_logout_returns_to_a_registered_address(web, path, method):
    """The browser goes back with the state, and its cookie is removed."""
    reply = logout(web, method, path, post_logout_redirect_uri="https://app.example/signed-out", state="a b")
    headers = dict(reply.headers)
    assert (reply.status, headers["Location"]) == (302, "https://app.example/signed-out?state=a+b")
    assert "Max-Age=0" in headers["Set-Cookie"]


@pytest.mark.parametrize(
    "query",
    [
        {},
        {"post_logout_redirect_uri": "https://evil.example/"},
        {"post_logout_redirect_uri": "https://app.example/signed-out/"},
        {"post_logout_redirect_uri": "https://app.example/signed-out", "client_id": CLI},
        {"post_logout_redirect_uri": "https://app.example/signed-out", "client_id": "nobody"},
    ],
)
def test_logout_never_returns_to_another_address(web, query):
    """An address that is not registered, or is another application's, is not followed: no open redirect."""
    reply = logout(web, **query)
    assert (reply.status, "Location" in dict(reply.headers)) == (200, False)
    assert b"You signed out of your account" in reply.body
    assert b"evil" not in reply.body


def test_logout_of_an_unknown_tenant(web):
    """The error page of the tenant, AADSTS90002."""
    reply = logout(web, path="/nowhere.example/oauth2/v2.0/logout")
    assert (reply.status, reply.code) == (200, 90002)


def user_tokens(site, scope):
    """Alice's tokens for Microsoft Graph."""
    form = {"client_id": CLI, "grant_type": "password", "username": "alice@contoso.com", "scope": scope}
    status, body = site.token({**form, "password": "Alice-lab-password-1"})
    assert status == 200, body
    return body


def userinfo(site, token):
    """Ask for the claims; None sends no token."""
    headers = {} if token is None else {"Authorization": f"Bearer {token}"}
    return site.ask("GET", LOGIN, "/contoso.com/openid/userinfo", headers=headers)


def test_userinfo_is_that_of_the_id_token(site, browser):
    """The claims of the user; ``sub`` is that of the id token of the same client (OpenID Connect Core, 5.3.2)."""
    body = user_tokens(site, "openid profile email https://graph.microsoft.com/.default")
    reply = userinfo(site, body["access_token"])
    assert reply.status == 200, reply.body
    claims = json.loads(reply.body)
    assert claims["sub"] == browser.claims(body["id_token"])["sub"]
    assert (claims["name"], claims["email"]) == ("Alice Admin", "alice@contoso.com")
    assert set(claims) == {"sub", "name", "family_name", "given_name", "picture", "email"}


def test_userinfo_refuses_what_is_no_graph_token(site, browser):
    """No token, an id token, a token for another API, without openid, changed, expired: 401 or 403, and no claims."""
    body = user_tokens(site, "openid https://graph.microsoft.com/.default")
    good, other = body["access_token"], user_tokens(site, "https://management.azure.com/.default")["access_token"]
    plain = sign_jwt(site.provider.keys.cloud, {**browser.claims(good), "scp": "User.Read"})
    for token in (None, "x", body["id_token"], other, good[:-4] + "AAAA"):
        reply = userinfo(site, token)
        assert (reply.status, b"alice" in reply.body) == (401, False)
        assert dict(reply.headers)["WWW-Authenticate"].startswith("Bearer ")
    assert userinfo(site, plain).status == 403
    site.clock.advance(site.provider.estate.cloud.access_token_lifetime + 301)
    assert userinfo(site, good).status == 401
