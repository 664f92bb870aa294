"""Three clouds in one estate: the public cloud, US Government, China. Each answers for its own tenants only."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from msgspec.structs import replace
from multidict import CIMultiDict

from ssosim.clock import ManualClock
from ssosim.entra import Call, Keys, Provider, serve
from ssosim.entra.core.keys import list_generated_keys
from ssosim.estate import EstateError, load_estate, parse_estate
from ssosim.lab.control.identity_provider_handlers import change_settings
from ssosim.trace import Trace
from tests.entra.conftest import (
    AUTHORIZE_QUERY,
    FORM,
    NOON,
    VERIFIER,
    Browser,
    ScriptedAcceptor,
    Site,
)

FILE = Path(__file__).parents[2] / "examples/clouds/three-clouds.toml"
PUBLIC, USGOV, CHINA = "login.microsoftonline.com", "login.microsoftonline.us", "login.partner.microsoftonline.cn"
AT = {"public": PUBLIC, "usgov": USGOV, "china": CHINA}
AUTOLOGON = {
    "public": "autologon.microsoftazuread-sso.com",
    "usgov": "autologon.microsoft.us",
    "china": "autologon.partner.microsoftonline.cn",
}
GRAPH = {
    "public": "https://graph.microsoft.com",
    "usgov": "https://graph.microsoft.us",
    "china": "https://microsoftgraph.chinacloudapi.cn",
}
TENANT = {
    "public": "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10",
    "usgov": "2c6f1b0a-7d3e-4a51-8c0e-5b9d1f3e7a22",
    "china": "9e4d2c7b-1a6f-4b38-9f52-8c7a0e1d6b33",
}
USER = {"public": "alice@contoso.com", "usgov": "grace@federal.contoso.example", "china": "chen@china.contoso.example"}
PASSWORD = {"public": "Alice-lab-password-1", "usgov": "Grace-lab-password-1", "china": "Chen-lab-password-1"}
APP = {each: f"7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b0{number}" for number, each in enumerate(AT, 1)}
CLOUDS = list(AT)
OTHERS = [(here, there) for here in CLOUDS for there in CLOUDS if here != there]


@pytest.fixture(scope="module")
def cloud_keys():
    """Keys of the three clouds: slow to make."""
    return Keys.generate([], list_generated_keys(load_estate(FILE)))


@pytest.fixture
def clouds(cloud_keys):
    """A site with the three clouds of the example."""
    clock = ManualClock(NOON)
    acceptors = dict.fromkeys(AUTOLOGON.values(), ScriptedAcceptor())
    provider = Provider(estate=load_estate(FILE), keys=cloud_keys, acceptors=acceptors, trace=Trace(clock), clock=clock)
    return Site(provider, clock)


def post_token(site, host, form, tenant="organizations", **headers):
    """POST to the token endpoint of a host; status and JSON body."""
    answer = site.ask(
        "POST", host, f"/{tenant}/oauth2/v2.0/token", headers={**FORM, **headers}, body=urlencode(form).encode()
    )
    return answer.status, json.loads(answer.body)


def password_form(cloud, **changes):
    """A token request with the password of the user of ``cloud``."""
    return {
        "client_id": Site.CLI,
        "grant_type": "password",
        "username": USER[cloud],
        "password": PASSWORD[cloud],
        "scope": f"openid offline_access {GRAPH[cloud]}/.default",
        **changes,
    }


def secret_form(cloud, **changes):
    """A token request of the application of ``cloud`` with its secret."""
    return {
        "client_id": APP[cloud],
        "grant_type": "client_credentials",
        "client_secret": f"back-end-secret-{cloud}",
        "scope": f"{GRAPH[cloud]}/.default",
        **changes,
    }


@pytest.mark.parametrize("cloud", CLOUDS)
def test_a_user_signs_in_at_the_own_cloud(clouds, cloud):
    """The token has issuer, tenant and audience of the cloud, and the key set of that cloud has its key."""
    status, body = post_token(clouds, AT[cloud], password_form(cloud))
    assert status == 200, body
    claims = Browser.claims(body["access_token"])
    assert (claims["tid"], claims["aud"]) == (TENANT[cloud], GRAPH[cloud])
    issuer = "sts.chinacloudapi.cn" if cloud == "china" else "sts.windows.net"
    assert claims["iss"] == f"https://{issuer}/{TENANT[cloud]}/"
    assert Browser.claims(body["id_token"])["iss"] == f"https://{AT[cloud]}/{TENANT[cloud]}/v2.0"
    head = body["access_token"].split(".")[0]
    kid = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))["kid"]
    kids = {
        each: {key["kid"] for key in clouds.get(AT[each], f"/{TENANT[each]}/discovery/v2.0/keys")["keys"]}
        for each in CLOUDS
    }
    assert [each for each in CLOUDS if kid in kids[each]] == [cloud]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_an_application_gets_tokens_at_the_own_cloud(clouds, cloud):
    """The secret and the permission are those of the application of that cloud."""
    status, body = post_token(clouds, AT[cloud], secret_form(cloud), TENANT[cloud])
    assert status == 200, body
    assert Browser.claims(body["access_token"])["roles"] == ["User.Read.All"]


@pytest.mark.parametrize("cloud", CLOUDS)
def test_seamless_sso_of_each_cloud(clouds, cloud):
    """Realm, MEX, ticket and assertion: the hosts are those of the cloud, and its login host redeems the assertion."""
    realm = clouds.get(AT[cloud], f"/common/userrealm/{USER[cloud]}?api-version=1.0", **{"x-client-SKU": "x"})
    assert urlsplit(realm["federation_metadata_url"]).hostname == AUTOLOGON[cloud]
    urn, account = realm["cloud_audience_urn"], USER[cloud].partition("@")[0]
    domain = USER[cloud].partition("@")[2]
    answer = clouds.ask(
        "POST",
        AUTOLOGON[cloud],
        f"/{domain}/winauth/trust/2005/windowstransport",
        headers=clouds.negotiate(f"ok:{account}@CORP.CONTOSO.COM"),
        body=clouds.rst(audience=urn),
    )
    form = {**clouds.saml_form(clouds.extract_assertion(answer)), "scope": f"openid {GRAPH[cloud]}/User.Read.All"}
    status, body = post_token(clouds, AT[cloud], form)
    assert status == 200, body
    other = next(each for each in CLOUDS if each != cloud)
    answer = clouds.ask(
        "POST", AUTOLOGON[other], f"/{domain}/winauth/trust/2005/windowstransport", body=clouds.rst(audience=urn)
    )
    assert b"AADSTS90038" in answer.body


@pytest.mark.parametrize(("here", "there"), OTHERS)
def test_documents_of_a_tenant_of_another_cloud_name_the_hosts_of_that_cloud(clouds, here, there):
    """smallstep/certificates pull request 1309: OpenID configuration; realm discovery answers across clouds as well."""
    document = clouds.get(AT[here], f"/{TENANT[there]}/v2.0/.well-known/openid-configuration")
    assert document["token_endpoint"] == f"https://{AT[there]}/{TENANT[there]}/oauth2/v2.0/token"
    assert document["msgraph_host"] == GRAPH[there].removeprefix("https://")
    assert document.get("tenant_region_sub_scope") == ("DODCON" if there == "usgov" else None)
    realm = clouds.get(AT[here], f"/GetUserRealm.srf?login={USER[there]}")
    assert realm["CloudInstanceName"] == document["cloud_instance_name"]
    assert realm["NameSpaceType"] == "Managed"


@pytest.mark.parametrize("host", [*AT.values(), "login.chinacloudapi.cn", "login.usgovcloudapi.net"])
def test_instance_discovery_lists_all_clouds_at_each_host(clouds, host):
    """Each host of each cloud answers for each other one; the aliases of the lab's clouds come first, once."""
    target = (
        f"/common/discovery/instance?api-version=1.1&authorization_endpoint=https://{USGOV}/common/oauth2/authorize"
    )
    metadata = clouds.get(host, target)["metadata"]
    assert [each["preferred_network"] for each in metadata[:3]] == [PUBLIC, USGOV, CHINA]
    aliases = [alias for each in metadata for alias in each["aliases"]]
    assert len(aliases) == len(set(aliases))


@pytest.mark.parametrize(
    ("here", "there", "status", "code"),
    [
        ("public", "usgov", 400, 900382),
        ("public", "china", 400, 90002),
        ("usgov", "public", 400, 90038),
        ("usgov", "china", 400, 90038),
        ("china", "public", 400, 90038),
        ("china", "usgov", 400, 90038),
    ],
)
def test_a_secret_at_the_wrong_cloud(clouds, here, there, status, code):
    """Certify issue 553 (900382), azure-sdk-for-net issue 28170 (90002): also with the application of this cloud."""
    for form in (secret_form(there), secret_form(here)):
        got, body = post_token(clouds, AT[here], form, TENANT[there])
        assert (got, body["error_codes"]) == (status, [code])
        assert body["error"] == "invalid_request"
    got, body = post_token(clouds, AT[here], secret_form(there), TENANT[here])
    assert (got, body["error_codes"]) == (400, [700016]), "the application exists in its own cloud only"


@pytest.mark.parametrize(("here", "there"), OTHERS)
def test_an_assertion_at_the_wrong_cloud(clouds, here, there):
    """A live test of azure_auth: the assertion is addressed to another cloud, 700023."""

    def encode(value):
        return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()

    claims = {"iss": APP[there], "sub": APP[there], "aud": f"https://{AT[here]}/{TENANT[there]}/oauth2/v2.0/token"}
    form = secret_form(
        there,
        client_secret="",
        client_assertion=f"{encode({'alg': 'RS256', 'typ': 'JWT'})}.{encode(claims)}.{encode('x')}",
        client_assertion_type="urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
    )
    status, body = post_token(clouds, AT[here], form, TENANT[there])
    assert (status, body["error_codes"]) == (401, [700023])


@pytest.mark.parametrize(("here", "there"), OTHERS)
def test_a_password_at_the_wrong_cloud(clouds, here, there):
    """tieto/sipe issue 182: the tenant is redirected to its cloud, 90038; no token, whatever the tenant in the path."""
    for tenant in ("organizations", TENANT[there]):
        status, body = post_token(clouds, AT[here], password_form(there), tenant)
        assert (status, body["error"], body["error_codes"]) == (400, "invalid_request", [90038])
    status, body = post_token(clouds, AT[here], password_form(there), TENANT[here])
    assert status == 400
    assert body["error_codes"] == [50034]


def test_a_device_code_at_the_wrong_cloud(clouds):
    """msgraph-cli issue 396: 400 invalid_request for a tenant of US Government at the public cloud."""
    form = urlencode({"client_id": Site.CLI, "scope": "openid"}).encode()
    answer = clouds.ask("POST", PUBLIC, f"/{TENANT['usgov']}/oauth2/v2.0/devicecode", headers=FORM, body=form)
    assert (answer.status, json.loads(answer.body)["error"]) == (400, "invalid_request")


def test_the_graph_tools_are_not_in_china(clouds):
    """A live test of azure_auth: no device code for an application of Microsoft that the cloud does not have."""
    form = urlencode({"client_id": "14d82eec-204b-4c2f-b7e8-296a70dab67e", "scope": "openid"}).encode()
    answers = {
        cloud: clouds.ask("POST", host, "/organizations/oauth2/v2.0/devicecode", headers=FORM, body=form).status
        for cloud, host in AT.items()
    }
    assert answers == {"public": 200, "usgov": 200, "china": 400}


@pytest.mark.parametrize(("here", "there"), OTHERS)
def test_a_resource_of_another_cloud(clouds, here, there):
    """steampipe-plugin-azuread issue 167: Graph of the public cloud is no resource in China, 500011."""
    status, body = post_token(clouds, AT[here], password_form(here, scope=f"openid {GRAPH[there]}/User.Read.All"))
    assert (status, body["error_codes"]) == (400, [500011])


class CloudBrowser:
    """A browser that follows redirects between login hosts, and keeps cookies by host."""

    def __init__(self, site):
        self.site = site
        self.cookies = {}

    def ask(self, method, url, body=b""):
        """One request, and the redirects after it, up to one that leads to the application."""
        while True:
            parts = urlsplit(url)
            headers = {"Cookie": self.cookies.get(parts.netloc, ""), "Origin": f"https://{parts.netloc}"}
            call = Call.read(
                method,
                parts.netloc,
                f"{parts.path}?{parts.query}",
                headers=CIMultiDict(headers if method == "POST" else {"Cookie": headers["Cookie"]}),
                body=body,
                now=self.site.clock.now(),
            )
            answer = serve(self.site.provider, call, "desk-1")
            for name, value in answer.headers:
                if name == "Set-Cookie":
                    self.cookies[parts.netloc] = value.partition(";")[0]
            location = dict(answer.headers).get("Location", "")
            if answer.status != 302 or location.startswith("http://localhost"):
                return parts.netloc, answer
            method, url, body = "GET", location, b""

    def sign_in(self, host, cloud, **changes):
        """Open the authorize page at ``host``; sign in as the user of ``cloud``, wherever that leads."""
        query = {**AUTHORIZE_QUERY, "scope": "openid offline_access User.Read.All", **changes}
        at, page = self.ask("GET", f"https://{host}/common/oauth2/v2.0/authorize?{urlencode(query)}")
        for _ in range(2):
            if page.status != 200 or b'name="flowToken"' not in page.body:
                break
            form = {**Browser.hidden(page), "login": USER[cloud], "passwd": PASSWORD[cloud]}
            at, page = self.ask("POST", f"https://{at}/common/login", urlencode(form).encode())
        return at, page


def sent_back(answer):
    """The parameters of the redirect to the application."""
    return dict(parse_qsl(urlsplit(dict(answer.headers)["Location"]).query))


def redeem(site, host, code):
    """POST the code to the token endpoint of ``host``."""
    form = {
        "client_id": Site.CLI,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": AUTHORIZE_QUERY["redirect_uri"],
        "code_verifier": VERIFIER,
    }
    return post_token(site, host, form, "common")


@pytest.mark.parametrize("hint", [{}, {"login_hint": USER["usgov"]}])
def test_the_page_leads_a_user_to_the_own_cloud(clouds, hint):
    """An application of Microsoft: the code is issued there, and is worth nothing at the first cloud (900384)."""
    at, answer = CloudBrowser(clouds).sign_in(PUBLIC, "usgov", **hint)
    assert (at, answer.status) == (USGOV, 302)
    fields = sent_back(answer)
    assert "cloud_instance_host_name" not in fields
    status, body = redeem(clouds, PUBLIC, fields["code"])
    assert (status, body["error_codes"]) == (400, [900384])
    status, body = redeem(clouds, USGOV, fields["code"])
    assert status == 200, body


def test_an_instance_aware_client_learns_the_cloud(clouds):
    """MSAL.js instance-aware document: host name, Graph and cloud are in the response."""
    _, answer = CloudBrowser(clouds).sign_in(PUBLIC, "china", instance_aware="true")
    fields = sent_back(answer)
    assert fields["cloud_instance_host_name"] == CHINA
    assert fields["cloud_instance_name"] == "partner.microsoftonline.cn"
    assert fields["msgraph_host"] == "microsoftgraph.chinacloudapi.cn"
    assert redeem(clouds, fields["cloud_instance_host_name"], fields["code"])[0] == 200


def test_an_application_of_one_cloud_leads_nowhere(clouds):
    """An application that is not of Microsoft exists in one cloud: 900383 for a user of another one."""
    provider = clouds.provider
    estate = provider.estate
    apps = tuple(
        replace(
            app, sign_in_audience="AzureADMultipleOrgs", redirect_uris=("http://localhost",), allow_public_client=True
        )
        for app in estate.applications
    )
    provider.set_estate(replace(estate, applications=apps))
    _, answer = CloudBrowser(clouds).sign_in(PUBLIC, "usgov", client_id=APP["public"])
    assert answer.code == 900383
    _, answer = CloudBrowser(clouds).sign_in(PUBLIC, "public", client_id=APP["public"])
    assert answer.code != 900383


def test_tokens_of_one_cloud_are_worth_nothing_in_another(clouds):
    """A refresh token, and a code, belong to the cloud that has issued them; sealed and signed with its own keys."""
    _, body = post_token(clouds, PUBLIC, password_form("public"))
    form = {"client_id": Site.CLI, "grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert post_token(clouds, USGOV, form)[0] == 400
    assert post_token(clouds, PUBLIC, form)[0] == 200


def test_changes_of_a_running_estate_reach_each_cloud(clouds):
    """A new password is the password in the user's cloud; what was issued before an unrelated change stays valid."""
    provider = clouds.provider
    users = tuple(replace(user, password=f"New-{user.password}") for user in provider.estate.users)
    provider.set_estate(replace(provider.estate, users=users))
    assert post_token(clouds, USGOV, password_form("usgov"))[1]["error_codes"] == [50126]
    status, body = post_token(clouds, USGOV, password_form("usgov", password="New-Grace-lab-password-1"))
    assert status == 200
    provider.set_estate(replace(provider.estate, name="renamed"))
    form = {"client_id": Site.CLI, "grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert post_token(clouds, USGOV, form)[0] == 200


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ('cloud = "microsoftonline.us"', 'cloud = "microsoftonline.uk"', "there is no cloud 'microsoftonline.uk'"),
        ('"login.usgovcloudapi.net"]', '"login.windows.net"]', "'login.windows.net' is a host of another cloud"),
        (
            'cloud_instance_name = "microsoftonline.us"',
            'cloud_instance_name = "microsoftonline.com"',
            "is the name of another cloud",
        ),
        ('autologon_host = "autologon.microsoft.us"', f'autologon_host = "{PUBLIC}"', "is a host of another cloud"),
        (
            'resource = "https://graph.microsoft.us"',
            'resource = "https://graph.microsoft.com"',
            "there is no API 'https://graph.microsoft.com'",
        ),
        ('sam_account = "grace"', 'sam_account = "grace"\nguest_tenants = ["contoso.com"]', "is in another cloud"),
    ],
)
def test_mistakes_in_an_estate_with_clouds(old, new, words):
    """What belongs to one cloud and names another is refused, with the place."""
    text = FILE.read_text(encoding="utf-8")
    assert old in text
    with pytest.raises(EstateError, match=words):
        parse_estate(text.replace(old, new, 1), "three.toml")


def test_the_lenient_settings_of_a_cloud_are_its_own(cloud_keys):
    """Those of the first cloud were in force in the others too, and a change at run time did not reach all of them."""
    estate = load_estate(FILE)
    lenient = replace(estate.cloud, not_checked=("consent",), mutual_authentication=False)
    others = (replace(estate.clouds[0], not_checked=("scope",)), *estate.clouds[1:])
    provider = Provider(estate=replace(estate, cloud=lenient, clouds=others), keys=cloud_keys, acceptors={})

    def read() -> list[tuple[list[str], bool]]:
        found = (provider.at(host) for host in (PUBLIC, USGOV, CHINA))
        return [(sorted(each.not_checked), each.mutual_authentication) for each in found]

    assert read() == [(["consent"], False), (["scope"], True), ([], True)]
    change_settings(provider, {"not_checked": []})
    assert read() == [([], False), ([], True), ([], True)]
    change_settings(provider, {"mutual_authentication": False, "not_checked": ["resource"]})
    assert read() == [(["resource"], False)] * 3
