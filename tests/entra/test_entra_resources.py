"""APIs and scopes are real things: which exist, what was granted, and what a token for them contains."""

from __future__ import annotations

from typing import Any

import jwt
import pytest
from msgspec.structs import replace

from ssosim.estate import AppRoleAssignment, OAuth2PermissionGrant, ServicePrincipal
from ssosim.trace import TokenIssued
from ssosim.trace.export import describe_event

from .conftest import ALICE, LOGIN
from .estate_of_applications import (
    API,
    API_ID,
    BOB,
    BOB_PASSWORD,
    CLI,
    CONTOSO,
    DAEMON,
    DAEMON_OBJECT,
    GRAPH,
    LENA,
    LENA_PASSWORD,
    LITWARE,
    PUBLIC,
    STRANGER,
    V1_API,
    WEB,
    app_form,
    change_principal,
    claims_of,
    make_estate,
    password_form,
)

TENANT_ID = "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"
ALICE_ID = "0a1f5c1e-6f0d-4a6c-9a1d-111111111111"
ALICE_SID = "S-1-5-21-3623811015-3361044348-30300820-1101"
ARM = "https://management.azure.com"
VAULT = "https://vault.azure.net"


@pytest.fixture
def apps(make_site: Any) -> Any:
    """A site with applications of each kind."""
    return make_site(make_estate())


def codes(answer: tuple[int, Any]) -> tuple[int, list[int]]:
    """The status and the codes of a refusal; no code for tokens."""
    status, body = answer
    return status, body.get("error_codes", [])


def claims(answer: tuple[int, Any]) -> dict[str, Any]:
    """The claims of the access token in an answer that has one."""
    status, body = answer
    assert status == 200, body
    return claims_of(body["access_token"])


# -- which APIs and scopes exist


@pytest.mark.parametrize(
    "resource", ["https://nothing.example", "api://nothing", "11111111-2222-4333-8444-555555555555"]
)
def test_an_unknown_api_is_500011(apps, make_browser, resource):
    """500011, invalid_resource: users and applications, v1 and v2, authorize and device code."""
    scope = f"{resource}/.default"
    for form in (password_form(CLI, scope), app_form(DAEMON, scope)):
        for v1 in (False, True):
            status, body = apps.token(form | {"resource": resource}, CONTOSO, v1=v1)
            assert (status, body["error"], body["error_codes"]) == (400, "invalid_resource", [500011])
    sent = make_browser(apps).sent_back(make_browser(apps).open(scope=scope))
    assert (sent["error"], "AADSTS500011" in sent["error_description"]) == ("invalid_resource", True)
    body = f"client_id={CLI}&scope={scope}".encode()
    assert apps.ask("POST", LOGIN, "/common/oauth2/v2.0/devicecode", headers=apps.FORM, body=body).code == 500011


def test_an_api_of_another_tenant_is_500011(apps):
    """An API that the tenant has no service principal of is not there; in its own tenant it is."""
    estate_client = password_form(CLI, f"{API}/.default", LENA, LENA_PASSWORD)
    assert codes(apps.token(estate_client, LITWARE)) == (400, [500011])
    assert codes(apps.token(app_form(DAEMON, f"{API}/.default"), CONTOSO)) == (200, [])


def test_an_application_asks_for_itself_by_its_client_id(make_site):
    """90009 for a password and a refresh that name the application's own API by its URI; by its client id a token."""
    estate = make_estate()
    own = OAuth2PermissionGrant(resource=API, scope="Orders.Read")
    applications = tuple(
        replace(
            each,
            allow_public_client=True,
            client_secret="s",
            service_principals=(ServicePrincipal(tenant=CONTOSO, oauth2_permission_grants=(own,)),),
        )
        if each.client_id == API_ID
        else each
        for each in estate.applications
    )
    site = make_site(replace(estate, applications=applications))
    by_uri = password_form(API_ID, f"offline_access {API}/Orders.Read", resource=API)
    assert codes(site.token(by_uri, CONTOSO)) == (400, [90009])
    assert codes(site.token(by_uri, CONTOSO, v1=True)) == (400, [90009])
    status, body = site.token(by_uri | {"scope": f"offline_access {API_ID}/Orders.Read"}, CONTOSO)
    assert (status, claims_of(body["access_token"])["aud"]) == (200, API_ID)
    refresh = {"client_id": API_ID, "grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert codes(site.token(refresh | {"scope": f"{API}/Orders.Read"}, CONTOSO)) == (400, [90009])
    assert codes(site.token(refresh, CONTOSO)) == (200, [])
    assert codes(site.token(app_form(API_ID, f"{API}/.default", "s"), CONTOSO)) == (200, [])
    assert codes(site.token(app_form(API_ID, "", "s", resource=API), CONTOSO, v1=True)) == (400, [90009])


def test_a_disabled_api_is_500014(make_site):
    """500014 for an API whose service principal is disabled."""
    site = make_site(change_principal(make_estate(), API_ID, enabled=False))
    assert codes(site.token(app_form(DAEMON, f"{API}/.default"), CONTOSO)) == (400, [500014])
    assert codes(site.token(password_form(PUBLIC, f"{API}/Orders.Read"), CONTOSO)) == (400, [500014])


@pytest.mark.parametrize(
    "scope",
    [
        "/.default", "https://", "https:///x", "graph.microsoft.com/User.Read", "https://a.example/",
        "Mail.Read,User.Read", "User Read", "https://a b/x", f"{GRAPH}/.default User.Read.All", "https://graph.microsoft.com/Mail.Read;",
    ],
)  # fmt: skip
def test_a_malformed_scope_is_70011(apps, scope):
    """70011: no URI and no GUID before the slash, a separator other than a blank, .default beside another scope."""
    status, body = apps.token(password_form(CLI, scope))
    expected = [650053] if scope == "User Read" else [70011]  # two scopes of Graph that do not exist
    assert body["error_codes"] == expected
    assert status == (401 if scope == "User Read" else 400)


@pytest.mark.parametrize("scope", [f"{API}/Orders.Delete", "mailread", f"{ARM}/Everything"])
def test_a_scope_that_the_api_does_not_have_is_650053(apps, scope):
    """650053 for a name that the API does not publish; Graph's scopes have a dot."""
    assert codes(apps.token(password_form(PUBLIC, scope), CONTOSO)) == (401, [650053])


@pytest.mark.parametrize(
    "scope", [f"{API}/orders.read", f"{API.upper()}/Orders.Read", f"{API}//Orders.Read", f"{API_ID}/Orders.Read"]
)
def test_an_api_has_several_names(apps, scope):
    """Case does not matter, nor one slash more, and the client id is a name too."""
    assert claims(apps.token(password_form(PUBLIC, scope), CONTOSO))["aud"] == API_ID


def test_two_resources_are_28000_at_the_token_endpoint_only(apps, make_browser):
    """28000 for a password, a refresh and a code; a code of two needs a scope, of one of them (28003)."""
    both = f"openid offline_access {GRAPH}/.default {ARM}/.default"
    assert codes(apps.token(password_form(CLI, both))) == (400, [28000])
    browser = make_browser(apps)
    code = browser.code(scope=both)
    assert codes(browser.redeem(code, scope=None)) == (400, [28003])
    assert codes(browser.redeem(code, scope=" ")) == (400, [28003])
    assert codes(browser.redeem(code, scope=both)) == (400, [28000])
    status, body = browser.redeem(code, scope=f"offline_access {ARM}/.default")
    assert (status, claims_of(body["access_token"])["aud"]) == (200, ARM)
    refresh = {"client_id": CLI, "grant_type": "refresh_token", "refresh_token": body["refresh_token"], "scope": both}
    assert codes(apps.token(refresh)) == (400, [28000])


# -- client credentials


@pytest.mark.parametrize(
    "scope", [f"{GRAPH}/User.Read.All", "User.Read.All", "all-apis", "openid", f"{API}/Orders.Job {API}/.default"]
)
def test_client_credentials_need_default(apps, scope):
    """1002012, invalid_scope: a scope by name; the resource does not even have to exist."""
    status, body = apps.token(app_form(DAEMON, scope), CONTOSO)
    assert (status, body["error"], body["error_codes"]) == (400, "invalid_scope", [1002012])


def test_client_credentials_without_a_scope_are_90014(apps):
    """The code of a missing scope is not that of other missing parameters (an answer of December 2022)."""
    status, body = apps.token(app_form(DAEMON, " "), CONTOSO)
    assert (status, body["error"], body["error_codes"]) == (400, "invalid_request", [90014])


def test_client_credentials_for_two_resources_are_70011(apps):
    """70011 where a user's request gets 28000."""
    assert codes(apps.token(app_form(DAEMON, f"{GRAPH}/.default {API}/.default"), CONTOSO)) == (400, [70011])


def test_openid_scopes_beside_default_have_no_effect(apps):
    """MSAL for Go and Java always send them: a token, but no id token and no refresh token."""
    form = app_form(DAEMON, f"openid profile offline_access {GRAPH}/.default")
    status, body = apps.token(form, CONTOSO)
    assert (status, set(body)) == (200, {"token_type", "expires_in", "ext_expires_in", "access_token"})


def test_an_api_may_require_a_role(apps, make_site):
    """501051 for an application without a role of an API that requires assignment; with one it gets a token."""
    form = app_form(DAEMON, f"{V1_API}/.default")
    assert codes(apps.token(form, CONTOSO)) == (400, [501051])
    assigned = (AppRoleAssignment(resource=V1_API, app_roles=("Ledger.Job",)),)
    site = make_site(change_principal(make_estate(), DAEMON, app_role_assignments=assigned))
    assert claims(site.token(form, CONTOSO))["roles"] == ["Ledger.Job"]


def test_an_api_may_require_its_users_to_be_assigned(apps):
    """50105 for a user without an assignment to the API; the roles of the one who has it are in the token."""
    form = password_form(PUBLIC, f"{V1_API}/.default")
    assert claims(apps.token(form, CONTOSO))["roles"] == ["Ledger.Admin"]
    other = password_form(PUBLIC, f"{V1_API}/.default", BOB, BOB_PASSWORD)
    assert codes(apps.token(other, CONTOSO)) == (400, [50105])


# -- what tokens contain


def verified(site: Any, token: str, audience: str) -> dict[str, Any]:
    """The claims of an access token that verifies against the served keys."""
    keys = site.get(LOGIN, "/common/discovery/v2.0/keys")
    kid = jwt.get_unverified_header(token)["kid"]
    key = next(jwt.PyJWK(entry) for entry in keys["keys"] if entry["kid"] == kid)
    off = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    return dict(jwt.decode(token, key, algorithms=["RS256"], audience=audience, options=off))


def test_every_claim_of_a_users_token_for_graph(apps):
    """A token of version 1.0 from the v2 endpoint, claim by claim; nothing else is in it."""
    status, body = apps.token(password_form(CLI, f"openid {GRAPH}/.default"))
    assert status == 200
    now = int(apps.clock.now())
    got = verified(apps, body["access_token"], GRAPH)
    subject, unique = got.pop("sub"), got.pop("uti")
    assert len(subject) == 43
    assert unique
    assert set(got.pop("scp").split()) == {
        "email", "openid", "profile", "Application.ReadWrite.All", "AppRoleAssignment.ReadWrite.All",
        "AuditLog.Read.All", "DelegatedPermissionGrant.ReadWrite.All", "Directory.AccessAsUser.All",
        "Group.ReadWrite.All", "User.Read.All", "User.ReadWrite.All",
    }  # fmt: skip
    assert got == {
        "aud": GRAPH,
        "iss": f"https://sts.windows.net/{TENANT_ID}/",
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + 4500,
        "tid": TENANT_ID,
        "ver": "1.0",
        "appid": CLI,
        "appidacr": "0",
        "amr": ["pwd"],
        "name": "Alice Admin",
        "oid": ALICE_ID,
        "unique_name": ALICE,
        "upn": ALICE,
        "idtyp": "user",
        "onprem_sid": ALICE_SID,
    }
    # The subject is one user's at one API: the same at each sign-in, another one elsewhere and for somebody else.
    again = claims(apps.token(password_form(CLI, f"{GRAPH}/.default")))
    assert again["sub"] == subject
    assert claims(apps.token(password_form(CLI, f"{ARM}/.default")))["sub"] != subject
    assert claims(apps.token(password_form(CLI, f"{GRAPH}/.default", BOB, BOB_PASSWORD)))["sub"] != subject
    assert claims(apps.token(password_form(CLI, f"openid {GRAPH}/.default")))["uti"] != unique, "each token has its own"


def test_every_claim_of_a_users_token_of_version_2(apps):
    """The API decides the version: azp, azpacr, the issuer of version 2.0, its client id as audience."""
    got = claims(apps.token(password_form(PUBLIC, f"{API}/Orders.Read"), CONTOSO))
    now = int(apps.clock.now())
    assert got.pop("sub")
    assert got.pop("uti")
    assert got == {
        "aud": API_ID,
        "iss": f"https://{LOGIN}/{TENANT_ID}/v2.0",
        "iat": now - 300,
        "nbf": now - 300,
        "exp": now + 4500,
        "tid": TENANT_ID,
        "ver": "2.0",
        "azp": PUBLIC,
        "azpacr": "0",
        "amr": ["pwd"],
        "name": "Alice Admin",
        "oid": ALICE_ID,
        "preferred_username": ALICE,
        "scp": "Orders.Read Orders.Write",
        "idtyp": "user",
        "onprem_sid": ALICE_SID,
    }


def test_every_claim_of_an_id_token(apps):
    """The version of an id token is that of the endpoint."""
    now = int(apps.clock.now())
    for v1, issuer, names in (
        (False, f"https://{LOGIN}/{TENANT_ID}/v2.0", {"preferred_username": ALICE}),
        (True, f"https://sts.windows.net/{TENANT_ID}/", {"unique_name": ALICE, "upn": ALICE}),
    ):
        form = password_form(CLI, f"openid {GRAPH}/.default", resource=GRAPH)
        got = claims_of(apps.token(form, v1=v1)[1]["id_token"])
        assert len(got.pop("sub")) == 43
        assert got.pop("uti")
        assert got == {
            "aud": CLI, "iss": issuer, "iat": now - 300, "nbf": now - 300, "exp": now + 3600, "tid": TENANT_ID,
            "ver": "1.0" if v1 else "2.0", "name": "Alice Admin", "oid": ALICE_ID, **names,
        }  # fmt: skip


def test_every_claim_of_an_applications_token(apps):
    """Oid and sub are the service principal, roles what was granted, idtyp app where the API asks for it; no scp."""
    now = int(apps.clock.now())
    common = {
        "iat": now - 300, "nbf": now - 300, "exp": now + 4500, "tid": TENANT_ID, "oid": DAEMON_OBJECT,
        "sub": DAEMON_OBJECT, "idtyp": "app",
    }  # fmt: skip
    graph = claims(apps.token(app_form(DAEMON, f"{GRAPH}/.default"), CONTOSO))
    assert graph.pop("uti")
    assert graph == common | {
        "aud": GRAPH, "iss": f"https://sts.windows.net/{TENANT_ID}/", "ver": "1.0", "appid": DAEMON, "appidacr": "1",
        "roles": ["User.Read.All", "Mail.Send"],
    }  # fmt: skip
    own = claims(apps.token(app_form(DAEMON, f"{API}/.default"), CONTOSO))
    assert own.pop("uti")
    assert own == common | {
        "aud": API_ID, "iss": f"https://{LOGIN}/{TENANT_ID}/v2.0", "ver": "2.0", "azp": DAEMON, "azpacr": "1",
        "roles": ["Orders.Job"],
    }  # fmt: skip
    assert "roles" not in claims(apps.token(app_form(DAEMON, f"{ARM}/.default"), CONTOSO))


def test_a_user_without_a_synced_sid_has_no_onprem_sid(make_site):
    """onprem_sid is that of the user whom directory synchronisation has copied."""
    form = password_form(CLI, f"{GRAPH}/.default")
    for change in ({"synced": False}, {"sid": None, "sam_account": None}):
        assert "onprem_sid" not in claims(make_site(user=change).token(form))


@pytest.mark.parametrize("v1", [False, True])
@pytest.mark.parametrize(
    "resource",
    [
        ARM, f"{ARM}/", "https://management.core.windows.net/", VAULT, "https://contoso.vault.azure.net", GRAPH,
        "https://storage.azure.com", "https://account.blob.core.windows.net", "https://database.windows.net/",
        "https://outlook.office.com", "https://graph.windows.net", "https://contoso.sharepoint.com",
        "00000003-0000-0000-c000-000000000000",
    ],
)  # fmt: skip
def test_apis_of_microsoft_keep_the_spelling(apps, resource, v1):
    """Version 1.0 for all of them, by both endpoints; the audience is spelt as in the request."""
    got = claims(apps.token(password_form(CLI, f"{resource}/.default", resource=resource), v1=v1))
    assert (got["aud"], got["ver"], got["appid"]) == (resource, "1.0", CLI)
    assert got["iss"] == f"https://sts.windows.net/{TENANT_ID}/"


@pytest.mark.parametrize(
    ("instance", "good", "bad", "issuer"),
    [
        ("microsoftonline.us", "https://graph.microsoft.us", "https://management.azure.com", "sts.windows.net"),
        ("partner.microsoftonline.cn", "https://vault.azure.cn", "https://vault.azure.net", "sts.chinacloudapi.cn"),
        ("microsoftonline.com", "https://vault.azure.net", "https://vault.azure.cn", "sts.windows.net"),
    ],
)
def test_each_cloud_has_its_own_names_of_apis(make_site, instance, good, bad, issuer):
    """An API has in each cloud the identifier URIs of that cloud only; a scope without a resource is its Graph's."""
    site = make_site(make_estate(cloud_instance_name=instance))
    assert claims(site.token(password_form(CLI, f"{good}/.default")))["iss"] == f"https://{issuer}/{TENANT_ID}/"
    assert codes(site.token(password_form(CLI, f"{bad}/.default"))) == (400, [500011])
    graph = {"microsoftonline.us": "https://graph.microsoft.us", "microsoftonline.com": GRAPH}
    expected = graph.get(instance, "https://microsoftgraph.chinacloudapi.cn")
    assert claims(site.token(password_form(CLI, "User.Read.All")))["aud"] == expected


def test_the_scope_of_an_answer_is_what_was_granted(apps):
    """Version 2 names granted scopes with their API, and .default if it was asked for; version 1 the names alone.

    Scopes of OpenID Connect are named for Microsoft Graph only.
    """
    _, body = apps.token(password_form(PUBLIC, f"openid offline_access {API}/Orders.Read"), CONTOSO)
    assert set(body["scope"].split()) == {f"{API}/Orders.Read", f"{API}/Orders.Write"}
    _, body = apps.token(password_form(WEB, f"{API}/.default", client_secret="a-secret-of-the-lab"), CONTOSO)
    assert set(body["scope"].split()) == {f"{API}/.default", f"{API}/Orders.Read"}
    _, body = apps.token(password_form(CLI, "", resource=ARM), v1=True)
    assert body["scope"] == "user_impersonation"


# -- rules that are switched off


@pytest.mark.parametrize(
    ("rule", "form", "code"),
    [
        ("consent", password_form(STRANGER, f"{GRAPH}/User.Read"), 65001),
        ("preauthorization", password_form(CLI, f"{GRAPH}/User.Read"), 65002),
        ("resource", app_form(DAEMON, "https://nothing.example/.default"), 500011),
        ("scope", password_form(CLI, f"{ARM}/Everything"), 650053),
    ],
)
def test_a_rule_is_off_only_by_name_and_the_token_says_so(make_site, rule, form, code):
    """cloud.not_checked: the token is issued, and its records name the rule; any other rule still holds."""
    assert codes(make_site(make_estate()).token(form, CONTOSO))[1] == [code]
    off = (rule, "preauthorization") if rule == "scope" else (rule,)
    site = make_site(make_estate(not_checked=off))
    assert site.token(form, CONTOSO)[0] == 200
    events = site.events(TokenIssued)
    assert all(rule in event.not_checked for event in events)
    assert f"not checked: {rule}" in describe_event(events[0])
    others = tuple({"consent", "preauthorization", "resource", "scope"} - {rule})
    assert codes(make_site(make_estate(not_checked=others)).token(form, CONTOSO))[1] == [code]


def test_a_token_that_keeps_every_rule_says_nothing(make_site):
    """A rule that is switched off, but that the token keeps, is not named."""
    site = make_site(make_estate(not_checked=("consent", "preauthorization", "resource", "scope")))
    assert site.token(password_form(CLI, f"openid offline_access {GRAPH}/.default"))[0] == 200
    assert site.token(app_form(DAEMON, f"{API}/.default"), CONTOSO)[0] == 200
    assert {event.not_checked for event in site.events(TokenIssued)} == {()}


def test_an_estate_without_tenants_of_its_own_application_refuses(make_site):
    """An application whose home tenant left the estate is nowhere: 700016."""
    estate = make_estate()
    applications = tuple(
        replace(each, tenant="gone.example", service_principals=()) if each.client_id == DAEMON else each
        for each in estate.applications
    )
    site = make_site(replace(estate, applications=applications))
    assert codes(site.token(app_form(DAEMON, f"{GRAPH}/.default"), CONTOSO)) == (400, [700016])


def test_a_rule_that_is_switched_on_again_holds_for_what_was_granted(make_site):
    """What was granted without the rule is not granted with it."""
    form = password_form(STRANGER, f"{GRAPH}/User.Read")
    site = make_site(make_estate(not_checked=("consent",)))
    assert site.token(form, CONTOSO)[0] == 200
    site.provider.not_checked = frozenset()
    assert codes(site.token(form, CONTOSO)) == (400, [65001])
