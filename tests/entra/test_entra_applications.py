"""Applications are somebody's: tenants, consent, assignments, and types of clients. Both sides of each rule."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from .conftest import ALICE, CHALLENGE, PASSWORD, VERIFIER
from .estate_of_applications import (
    API,
    ASSIGNED,
    BOB,
    BOB_PASSWORD,
    BOTH,
    CLI,
    CONTOSO,
    DAEMON,
    GRAPH,
    LENA,
    LENA_PASSWORD,
    LITWARE,
    MULTI,
    OFF,
    PUBLIC,
    SECRET,
    STRANGER,
    WEB,
    app_form,
    change_principal,
    claims_of,
    make_estate,
    password_form,
)

READ = f"openid offline_access {GRAPH}/User.Read"
NOBODY = "11111111-2222-4333-8444-555555555555"


@pytest.fixture
def apps(make_site: Any) -> Any:
    """A site with applications of each kind."""
    return make_site(make_estate())


def codes(answer: tuple[int, Any]) -> tuple[int, list[int]]:
    """The status and the codes of a refusal; no code for tokens."""
    status, body = answer
    return status, body.get("error_codes", [])


def back(browser: Any, client: str, redirect: str, scope: str = READ, tenant: str = CONTOSO, **changes: Any) -> str:
    """The code that the browser brings to the application at ``redirect``."""
    page = browser.open(tenant=tenant, client_id=client, redirect_uri=redirect, scope=scope, **changes)
    return str(browser.sent_back(browser.sign_in(page))["code"])


def redeem(site: Any, code: str, client: str, redirect: str, origin: str = "", **more: str) -> tuple[int, Any]:
    """POST a code to the token endpoint of Contoso."""
    form = {
        "client_id": client, "grant_type": "authorization_code", "code": code, "redirect_uri": redirect,
        "code_verifier": VERIFIER, **more,
    }  # fmt: skip
    return post(site, form, origin)


def post(site: Any, form: dict[str, str], origin: str = "", tenant: str = CONTOSO) -> tuple[int, Any]:
    """POST a form to the token endpoint, with an Origin if one is given."""
    headers = dict(site.FORM) | ({"Origin": origin} if origin else {})
    answer = site.ask(
        "POST", site.LOGIN, f"/{tenant}/oauth2/v2.0/token", headers=headers, body=urlencode(form).encode()
    )
    return answer.status, json.loads(answer.body)


# -- tenants


@pytest.mark.parametrize("v1", [False, True])
def test_an_application_is_unknown_in_another_tenant(apps, v1):
    """700016, unauthorized_client: a single-tenant application at a tenant that is not its own; at its own a token."""
    form = app_form(DAEMON, f"{GRAPH}/.default", resource=GRAPH)
    assert apps.token(form, CONTOSO, v1=v1)[0] == 200
    status, body = apps.token(form, LITWARE, v1=v1)
    assert (status, body["error"], body["error_codes"]) == (400, "unauthorized_client", [700016])
    assert codes(apps.token(password_form(PUBLIC, "openid", LENA, LENA_PASSWORD), LITWARE, v1=v1)) == (400, [700016])


def test_an_unknown_application_is_700016_everywhere(apps, make_browser):
    """700016 at the token endpoint, at authorize (a page) and for a device code."""
    assert codes(apps.token(password_form(NOBODY, "openid"))) == (400, [700016])
    assert make_browser(apps).open(client_id=NOBODY).code == 700016
    body = urlencode({"client_id": NOBODY, "scope": "openid"}).encode()
    assert (
        apps.ask("POST", apps.LOGIN, f"/{CONTOSO}/oauth2/v2.0/devicecode", headers=apps.FORM, body=body).code == 700016
    )


def test_a_client_id_of_zeros_is_700038_everywhere(apps, make_browser):
    """A placeholder that nobody replaced is no identifier of an application at all."""
    zeros = "00000000-0000-0000-0000-000000000000"
    assert codes(apps.token(password_form(zeros, "openid"))) == (400, [700038])
    assert make_browser(apps).open(client_id=zeros).code == 700038


def test_an_application_of_microsoft_is_in_every_tenant(make_site):
    """Azure CLI signs in users of both tenants, also in an estate whose file names no application."""
    site = make_site(replace(make_estate(), applications=()))
    for user, password, tenant in ((ALICE, PASSWORD, CONTOSO), (LENA, LENA_PASSWORD, LITWARE)):
        status, body = site.token(password_form(CLI, f"{GRAPH}/.default", user, password), tenant)
        assert status == 200, body


def test_a_file_need_not_repeat_what_microsoft_registered(make_site):
    """An entry that gives Azure CLI only a name and an address is still a public application of every tenant."""
    estate = make_estate()
    bare = tuple(each for each in estate.applications if each.client_id == CLI)
    assert bare[0].allow_public_client is False
    site = make_site(replace(estate, applications=bare))
    assert site.token(password_form(CLI, f"{GRAPH}/.default", LENA, LENA_PASSWORD), LITWARE)[0] == 200


@pytest.mark.parametrize("tenant", ["common", "organizations"])
def test_a_single_tenant_application_needs_its_own_endpoint(apps, make_browser, tenant):
    """50194 at a shared authority: token, authorize and device code; a multi-tenant application may."""
    assert codes(apps.token(password_form(PUBLIC, "openid"), "organizations")) == (400, [50194])
    assert make_browser(apps).open(tenant=tenant, client_id=PUBLIC).code == 50194
    body = urlencode({"client_id": PUBLIC, "scope": "openid"}).encode()
    assert apps.ask("POST", apps.LOGIN, f"/{tenant}/oauth2/v2.0/devicecode", headers=apps.FORM, body=body).code == 50194
    assert apps.token(password_form(MULTI, "openid", LENA, LENA_PASSWORD), "organizations")[0] == 200


@pytest.mark.parametrize("client", [DAEMON, MULTI])
@pytest.mark.parametrize("tenant", ["common", "organizations"])
def test_client_credentials_need_a_tenant(apps, tenant, client):
    """50059: nobody is there whose tenant it could be, whether the application is single- or multi-tenant."""
    assert codes(apps.token(app_form(client, f"{GRAPH}/.default"), tenant)) == (400, [50059])


def test_an_application_without_redirect_uris(apps, make_browser):
    """500113 at authorize if no address is registered, 50011 if another one is; both are pages."""
    page = make_browser(apps).open(tenant=CONTOSO, client_id=DAEMON)
    assert page.code == 500113
    page = make_browser(apps).open(tenant=CONTOSO, client_id=PUBLIC, redirect_uri="https://elsewhere.example/")
    assert page.code == 50011


def test_a_multi_tenant_application_needs_consent_in_each_tenant(apps):
    """Consent in the home tenant is none elsewhere: 65001 for a user, 7000229 for the application itself."""
    assert apps.token(password_form(MULTI, READ, LENA, LENA_PASSWORD), LITWARE)[0] == 200
    status, body = apps.token(password_form(MULTI, READ), CONTOSO)
    assert (status, body["error"], body["suberror"], body["error_codes"]) == (
        400, "invalid_grant", "consent_required", [65001],
    )  # fmt: skip
    assert codes(apps.token(app_form(MULTI, f"{GRAPH}/.default"), LITWARE)) == (200, [])
    status, body = apps.token(app_form(MULTI, f"{GRAPH}/.default"), CONTOSO)
    assert (status, body["error"], body["error_codes"]) == (401, "invalid_client", [7000229])


def test_each_tenant_has_its_own_object_id(make_site):
    """The subject of an application's token is its service principal: another in each tenant, not the client id."""
    estate = make_estate()
    applications = tuple(
        replace(
            each, service_principals=(*each.service_principals, replace(each.service_principals[0], tenant=CONTOSO))
        )
        if each.client_id == MULTI
        else each
        for each in estate.applications
    )
    site = make_site(replace(estate, applications=applications))
    subjects = {
        claims_of(site.token(app_form(MULTI, f"{GRAPH}/.default"), tenant)[1]["access_token"])["oid"]
        for tenant in (CONTOSO, LITWARE)
    }
    assert len(subjects) == 2
    assert MULTI not in subjects


def test_a_disabled_application_is_7000112(apps, make_browser, make_site):
    """7000112 for users, for the application itself, at authorize and for a device code; enabled it signs in."""
    for form in (password_form(OFF, READ), app_form(OFF, f"{GRAPH}/.default")):
        status, body = apps.token(form, CONTOSO)
        assert (status, body["error"], body["error_codes"]) == (400, "unauthorized_client", [7000112])
    assert make_browser(apps).open(tenant=CONTOSO, client_id=OFF).code == 7000112
    body = urlencode({"client_id": OFF, "scope": "openid"}).encode()
    answer = apps.ask("POST", apps.LOGIN, f"/{CONTOSO}/oauth2/v2.0/devicecode", headers=apps.FORM, body=body)
    assert answer.code == 7000112
    enabled = make_site(change_principal(make_estate(), OFF, enabled=True))
    assert enabled.token(password_form(OFF, READ), CONTOSO)[0] == 200


def test_a_registration_that_is_disabled_is_7000112_everywhere(make_site):
    """A disabled registration (by Microsoft or its owner) is refused also at a shared authority."""
    estate = make_estate()
    applications = tuple(replace(a, enabled=False) if a.client_id == MULTI else a for a in estate.applications)
    site = make_site(replace(estate, applications=applications))
    assert codes(site.token(password_form(MULTI, READ, LENA, LENA_PASSWORD))) == (400, [7000112])


def test_an_assigned_user_signs_in_and_another_is_50105(apps, make_browser):
    """50105 for a user who is not assigned: at the token endpoint, at the page, and not for the one who is."""
    assert apps.token(password_form(ASSIGNED, READ), CONTOSO)[0] == 200
    status, body = apps.token(password_form(ASSIGNED, READ, BOB, BOB_PASSWORD), CONTOSO)
    assert (status, body["error"], body["error_codes"]) == (400, "invalid_grant", [50105])
    browser = make_browser(apps)
    page = browser.open(tenant=CONTOSO, client_id=ASSIGNED, scope=READ)
    assert browser.sign_in(page, login=BOB, passwd=BOB_PASSWORD).code == 50105
    page = browser.open(tenant=CONTOSO, client_id=ASSIGNED, scope=READ)
    assert "code" in browser.sent_back(browser.sign_in(page))


def test_an_assignment_that_ends_ends_refreshing(make_site):
    """A refresh token is no right to stay: 50105 after the assignment has been taken away."""
    estate = make_estate()
    site = make_site(estate)
    token = site.token(password_form(ASSIGNED, READ), CONTOSO)[1]["refresh_token"]
    form = {"client_id": ASSIGNED, "grant_type": "refresh_token", "refresh_token": token}
    assert site.token(form, CONTOSO)[0] == 200
    site.provider.set_estate(change_principal(estate, ASSIGNED, assigned_users=()))
    assert codes(site.token(form, CONTOSO)) == (400, [50105])


# -- consent


def test_without_consent_every_way_in_is_65001(apps, make_browser):
    """65001: password grant, authorize (the application gets consent_required), device code at the page."""
    assert codes(apps.token(password_form(STRANGER, READ), CONTOSO)) == (400, [65001])
    browser = make_browser(apps)
    page = browser.open(tenant=CONTOSO, client_id=STRANGER, scope=READ)
    sent = browser.sent_back(browser.sign_in(page))
    assert sent["error"] == "consent_required"
    assert "AADSTS65001" in sent["error_description"]
    assert "code" not in sent
    body = urlencode({"client_id": STRANGER, "scope": READ}).encode()
    answer = apps.ask("POST", apps.LOGIN, f"/{CONTOSO}/oauth2/v2.0/devicecode", headers=apps.FORM, body=body)
    shown = browser.sign_in(browser.enter(json.loads(answer.body)["user_code"]))
    assert shown.code == 65001


def test_consent_that_is_withdrawn_ends_refreshing(make_site):
    """65001 at a refresh for a scope that nobody consents to (any more)."""
    estate = make_estate()
    site = make_site(estate)
    token = site.token(password_form(PUBLIC, f"offline_access {API}/Orders.Read"), CONTOSO)[1]["refresh_token"]
    form = {"client_id": PUBLIC, "grant_type": "refresh_token", "refresh_token": token}
    assert site.token(form, CONTOSO)[0] == 200
    assert codes(site.token(form | {"scope": f"{GRAPH}/Mail.Read"}, CONTOSO)) == (400, [65001])
    site.provider.set_estate(change_principal(estate, PUBLIC, oauth2_permission_grants=()))
    assert codes(site.token(form, CONTOSO)) == (400, [65001])


def test_consent_of_one_user_is_not_that_of_another(apps):
    """A grant with a principal counts for this user only."""
    write = f"{API}/Orders.Write"
    assert apps.token(password_form(PUBLIC, write), CONTOSO)[0] == 200
    assert codes(apps.token(password_form(PUBLIC, write, BOB, BOB_PASSWORD), CONTOSO)) == (400, [65001])


def test_microsoft_has_not_preauthorised_everything(apps, make_browser):
    """65002: Azure CLI may not ask Graph for User.Read by name; for all that is preauthorised, by .default, it may."""
    assert codes(apps.token(password_form(CLI, f"{GRAPH}/User.Read"))) == (400, [65002])
    assert apps.token(password_form(CLI, f"{GRAPH}/.default"))[0] == 200
    browser = make_browser(apps)
    assert browser.sign_in(browser.open(scope=f"{GRAPH}/User.Read")).code == 65002
    # To an API of the user's own the CLI is an application like any other.
    assert codes(apps.token(password_form(CLI, f"{API}/.default"), CONTOSO)) == (400, [65001])


# -- public and confidential clients


@pytest.mark.parametrize("sent", [{"client_secret": SECRET}, {"client_assertion": "a.b.c"}])
def test_a_public_client_must_not_send_a_credential(apps, sent):
    """700025, 401: for each grant of a public client; without the credential it gets a token."""
    form = password_form(PUBLIC, f"offline_access {API}/Orders.Read")
    status, body = apps.token(form | sent, CONTOSO)
    assert (status, body["error"], body["error_codes"]) == (401, "invalid_client", [700025])
    status, body = apps.token(form, CONTOSO)
    assert status == 200
    refresh = {"client_id": PUBLIC, "grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert codes(apps.token(refresh | sent, CONTOSO)) == (401, [700025])
    assert apps.token(refresh, CONTOSO)[0] == 200
    assert codes(apps.token(app_form(PUBLIC, f"{API}/.default", None) | sent, CONTOSO)) == (401, [700025])
    start = urlencode({"client_id": PUBLIC, "scope": "openid"} | sent).encode()
    answer = apps.ask("POST", apps.LOGIN, f"/{CONTOSO}/oauth2/v2.0/devicecode", headers=apps.FORM, body=start)
    assert answer.code == 700025


def test_a_confidential_client_must_authenticate(apps):
    """7000218 for users' grants, 7000216 for client credentials, 7000215 for a wrong secret; all 401."""
    assert codes(apps.token(password_form(WEB, READ), CONTOSO)) == (401, [7000218])
    assert codes(apps.token(password_form(WEB, READ, client_secret=SECRET), CONTOSO)) == (200, [])
    assert codes(apps.token(app_form(DAEMON, f"{GRAPH}/.default", None), CONTOSO)) == (401, [7000216])
    assert codes(apps.token(app_form(DAEMON, f"{GRAPH}/.default", "wrong"), CONTOSO)) == (401, [7000215])
    # An application without public flows and without any credential is confidential all the same.
    assert codes(apps.token(app_form(STRANGER, f"{GRAPH}/.default", None), CONTOSO)) == (401, [7000216])


def device_tokens(site: Any, browser: Any, client: str, **poll: str) -> tuple[int, Any]:
    """Alice signs in by device code; the answer to the poll that follows."""
    body = urlencode({"client_id": client, "scope": READ}).encode()
    answer = site.ask("POST", site.LOGIN, f"/{CONTOSO}/oauth2/v2.0/devicecode", headers=site.FORM, body=body)
    started = json.loads(answer.body)
    assert browser.sign_in(browser.enter(started["user_code"])).status == 200
    form = {"client_id": client, "grant_type": "device_code", "device_code": started["device_code"], **poll}
    return site.token(form, CONTOSO)


def test_an_application_with_a_secret_and_public_flows(apps, make_browser):
    """Device code: the poll works without the secret, and the refresh only without it (700025); both 700025 with."""
    status, body = device_tokens(apps, make_browser(apps), BOTH)
    assert status == 200
    refresh = {"client_id": BOTH, "grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert codes(apps.token(refresh | {"client_secret": SECRET}, CONTOSO)) == (401, [700025])
    assert apps.token(refresh, CONTOSO)[0] == 200
    assert codes(device_tokens(apps, make_browser(apps), BOTH, client_secret=SECRET)) == (401, [700025])
    assert apps.token(app_form(BOTH, f"{GRAPH}/.default"), CONTOSO)[0] == 200


def test_a_device_code_of_a_confidential_client_needs_its_secret(apps, make_browser):
    """7000218 for an application that does not allow public flows; with the secret it is confidential from then on."""
    assert codes(device_tokens(apps, make_browser(apps), WEB)) == (401, [7000218])
    status, body = device_tokens(apps, make_browser(apps), WEB, client_secret=SECRET)
    assert status == 200
    refresh = {"client_id": WEB, "grant_type": "refresh_token", "refresh_token": body["refresh_token"]}
    assert codes(apps.token(refresh, CONTOSO)) == (401, [7000218])


WEB_URI, SPA_URI, NATIVE_URI = (
    "https://orders.contoso.com/back",
    "https://orders.contoso.com/spa",
    "http://localhost:8400",
)
SITE = "https://orders.contoso.com"


@pytest.mark.parametrize(
    ("redirect", "origin", "secret", "answer"),
    [
        (WEB_URI, "", True, (200, [])),
        (WEB_URI, "", False, (401, [7000218])),
        (WEB_URI, SITE, True, (400, [9002326])),
        (NATIVE_URI, "", False, (200, [])),
        (NATIVE_URI, "", True, (401, [700025])),
        (NATIVE_URI, SITE, False, (400, [9002326])),
        (SPA_URI, SITE, False, (200, [])),
        (SPA_URI, "", False, (400, [9002327])),
        (SPA_URI, SITE, True, (401, [700025])),
    ],
)
def test_the_redirect_uri_decides_what_a_client_is(apps, make_browser, redirect, origin, secret, answer):
    """One application, three types of redirect URI: the code and its refresh token keep the type."""
    sent = {"client_secret": SECRET} if secret else {}
    code = back(make_browser(apps), WEB, redirect, code_challenge=CHALLENGE)
    got = redeem(apps, code, WEB, redirect, origin, **sent)
    assert codes(got) == answer
    if got[0] == 200:
        refresh = {"client_id": WEB, "grant_type": "refresh_token", "refresh_token": got[1]["refresh_token"]}
        assert codes(post(apps, refresh | sent, origin)) == (200, [])
        other = {} if secret else {"client_secret": SECRET}
        assert codes(post(apps, refresh | other, origin)) == (401, [700025 if other else 7000218])


def test_a_wrong_secret_does_not_use_up_the_code(apps, make_browser):
    """Somebody who has seen a code cannot invalidate it."""
    code = back(make_browser(apps), WEB, WEB_URI)
    assert codes(redeem(apps, code, WEB, WEB_URI, client_secret="guess")) == (401, [7000215])
    assert redeem(apps, code, WEB, WEB_URI, client_secret=SECRET)[0] == 200


def test_a_single_page_application_refreshes_for_a_day(apps, make_browser):
    """700084 after 24 hours from the sign-in, however often it has refreshed."""
    got = redeem(apps, back(make_browser(apps), WEB, SPA_URI), WEB, SPA_URI, SITE)
    form = {"client_id": WEB, "grant_type": "refresh_token"}
    apps.clock.advance(80_000)
    status, body = post(apps, form | {"refresh_token": got[1]["refresh_token"]}, SITE)
    assert status == 200
    apps.clock.advance(10_000)
    assert codes(post(apps, form | {"refresh_token": body["refresh_token"]}, SITE)) == (400, [700084])


def test_a_change_of_the_estate_counts_for_an_application_that_was_accepted_before(apps: Any) -> None:
    """What is kept of an accepted application belongs to one estate: a disabled one is refused at once."""
    form = app_form(DAEMON, f"{GRAPH}/.default")
    for _ in range(2):
        assert codes(post(apps, form)) == (200, [])
    estate = make_estate()
    off = tuple(replace(each, enabled=each.client_id != DAEMON) for each in estate.applications)
    apps.provider.set_estate(replace(estate, applications=off))
    assert codes(post(apps, form))[1] == [7000112]
    apps.provider.set_estate(estate)
    assert codes(post(apps, form)) == (200, [])
