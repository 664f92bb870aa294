"""Users who may, who must do more, and who may not: both sides of each rule, at the page and for programs."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from importlib import resources
from typing import Any
from urllib.parse import urlencode

import pytest
from msgspec.structs import replace

from ssosim.estate import ConditionalAccessPolicy, default_estate, parse_estate
from ssosim.estate.loader import EstateError
from ssosim.estate.second_factors import derive_totp_secret
from ssosim.lab.scripted_user.__main__ import one_time_code
from ssosim.trace import UnattendedSignIn, UserPrompted

from .conftest import ALICE, LOGIN, NOON, PASSWORD, STS
from .estate_of_applications import DAEMON, app_form, make_estate

CONTOSO, LITWARE = "contoso.onmicrosoft.com", "litware.onmicrosoft.com"
GRAPH, ARM = "https://graph.microsoft.com", "https://management.core.windows.net/"
LENA, LENA_PASSWORD = "lena@litware.example", "Lena-lab-password-1"
FRANK, FRANK_PASSWORD = "frank@fabrikam.com", "Frank-lab-password-1"
POLICY = "c0000000-0000-4000-8000-000000000001"
MFA = {"mfa_required": True}


def policies(*given: ConditionalAccessPolicy, tenant: str = CONTOSO) -> Any:
    """The default estate with policies in ``tenant``."""
    estate = default_estate()
    tenants = tuple(
        replace(each, conditional_access_policies=given) if each.initial_domain == tenant else each
        for each in estate.tenants
    )
    return replace(estate, tenants=tenants)


def policy(**fields: Any) -> ConditionalAccessPolicy:
    """A policy that demands a second factor, unless ``fields`` say otherwise."""
    return ConditionalAccessPolicy(**{"name": "P", "id": POLICY, "built_in_controls": ("mfa",), **fields})


def password_form(
    scope: str = f"{GRAPH}/.default", user: str = ALICE, password: str = PASSWORD, **more: str
) -> dict[str, str]:
    """A token request with a password."""
    return {"client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46", "grant_type": "password", "username": user,
            "password": password, "scope": f"openid offline_access {scope}", **more}  # fmt: skip


def refresh_form(token: str, **more: str) -> dict[str, str]:
    """A token request with a refresh token."""
    return {
        "client_id": "04b07795-8ddb-461a-bbee-02f9e1bf7b46",
        "grant_type": "refresh_token",
        "refresh_token": token,
        **more,
    }


def codes(answer: tuple[int, Any]) -> list[int]:
    """The codes of a refusal; none for tokens."""
    status, body = answer
    assert (status == 200) == ("access_token" in body), body
    return list(body.get("error_codes", []))


def give_code(browser: Any, page: Any, code: str | None = None) -> Any:
    """Post the form of the second factor, with the right code or ``code``."""
    site = browser.site
    user = site.provider.directory.find_user(browser.config(page)["sPOST_Username"])
    right = one_time_code(derive_totp_secret(user), site.clock.now())
    body = urlencode({**browser.hidden(page), "otc": right if code is None else code}).encode()
    headers = {"Cookie": browser.cookie, "Origin": f"https://{LOGIN}"}
    return browser._keep(site.ask("POST", LOGIN, "/common/SAS/ProcessAuth", headers=headers, body=body))


# Second factors


def test_the_page_asks_for_the_second_factor_and_then_lets_in(make_site, make_browser):
    """50074 is a page of its own (ConvergedTFA) without a code; the right one-time code is the way through, once."""
    browser = make_browser(make_site(user=MFA))
    page = browser.sign_in()
    config = browser.config(page)
    assert (page.status, page.code, config["pgid"], config["sErrorCode"]) == (200, 50074, "ConvergedTFA", "50074")
    assert [each["authMethodId"] for each in config["arrUserProofs"]] == ["PhoneAppOTP"]
    status, body = browser.redeem(browser.sent_back(give_code(browser, page))["code"])
    assert (status, browser.claims(body["access_token"])["amr"]) == (200, ["pwd", "mfa"])
    assert codes(browser.site.token(refresh_form(body["refresh_token"]))) == []


def test_a_headless_program_does_not_get_past_the_second_factor(make_site, make_browser):
    """DavMail issues 285, 306: a wrong, old, used or missing code, or the first page again, gives no code."""
    site = make_site(user=MFA)
    browser = make_browser(site)
    page = browser.sign_in()
    for code in ("", "000000", "12345", PASSWORD):
        page = give_code(browser, page, code)
        assert (page.status, page.code) == (200, 500121), code
    used = one_time_code(derive_totp_secret(site.provider.directory.find_user(ALICE)), site.clock.now())
    assert give_code(browser, page, used).status == 302
    assert give_code(browser, browser.sign_in(), used).code == 500121
    site.clock.advance(120)
    assert give_code(browser, browser.sign_in(), used).code == 500121


def test_the_page_of_the_second_factor_is_of_one_browser_and_one_post(make_site, make_browser):
    """165000 for another browser, a page that was used, and a flow token of the first page."""
    site = make_site(user=MFA)
    browser, other = make_browser(site), make_browser(site)
    first = browser.open()
    page = browser.post(first, login=ALICE, passwd=PASSWORD)
    cookie, browser.cookie = browser.cookie, other.open() and other.cookie
    assert give_code(browser, page).code == 165000
    browser.cookie = cookie
    assert give_code(browser, page).status == 302
    assert give_code(browser, page).code == 165000
    body = urlencode({**browser.hidden(first), "otc": "1"}).encode()
    assert site.ask("POST", LOGIN, "/common/SAS/ProcessAuth", headers={"Cookie": cookie}, body=body).code == 165000


def test_a_script_gives_the_code_by_begin_and_end_auth(make_site, make_browser):
    """BeginAuth, EndAuth with AdditionalAuthData, ProcessAuth with EndAuth's flow token and no code."""
    site = make_site(user=MFA)
    browser = make_browser(site)
    page = browser.sign_in()
    config = browser.config(page)

    def ask(name: str, token: str, **more: str) -> dict[str, Any]:
        body = json.dumps(
            {"AuthMethodId": "PhoneAppOTP", "Method": name, "ctx": config["sCtx"], "flowToken": token, **more}
        )
        return json.loads(site.ask("POST", LOGIN, f"/common/SAS/{name}", body=body.encode()).body)

    begun = ask("BeginAuth", config["sFT"])
    assert begun["Success"] is True
    assert ask("BeginAuth", config["sFT"], AuthMethodId="PhoneAppNotification")["Success"] is False
    wrong = ask("EndAuth", begun["FlowToken"], AdditionalAuthData="000000")
    assert (wrong["Success"], wrong["ErrCode"]) == (False, 500121)
    right = one_time_code(derive_totp_secret(site.provider.directory.find_user(ALICE)), site.clock.now())
    done = ask("EndAuth", begun["FlowToken"], AdditionalAuthData=right)
    assert done["Success"] is True

    def process(token: str) -> Any:
        body = urlencode({**browser.hidden(page), "otc": "", "flowToken": token}).encode()
        return site.ask("POST", LOGIN, "/common/SAS/ProcessAuth", headers={"Cookie": browser.cookie}, body=body)

    page = process(wrong["FlowToken"])
    assert (page.status, page.code) == (200, 500121)
    assert process(done["FlowToken"]).code == 165000  # the flow token of another page
    site.clock.advance(60)
    right = one_time_code(derive_totp_secret(site.provider.directory.find_user(ALICE)), site.clock.now())
    done = ask("EndAuth", browser.config(page)["sFT"], AdditionalAuthData=right)
    assert process(done["FlowToken"]).status == 302


def test_programs_get_the_codes_of_the_second_factor(make_site):
    """50076 if the user has one, 50079 if not; claims only where a policy demands it."""
    for registered, code in ((True, 50076), (False, 50079)):
        site = make_site(user={**MFA, "mfa_registered": registered})
        status, body = site.token(password_form())
        assert (status, body["error"], body["suberror"], body["error_codes"]) == (
            400, "invalid_grant", "basic_action", [code])  # fmt: skip
        assert site.token(password_form(resource=GRAPH), v1=True)[1]["error"] == "interaction_required"
    assert codes(make_site().token(password_form())) == []


def test_a_user_without_a_second_factor_must_enroll_at_the_page(make_site, make_browser):
    """50072: the page to enroll; the lab has none, so it is an error page."""
    page = make_browser(make_site(user={**MFA, "mfa_registered": False})).sign_in()
    assert (page.code, make_browser.config(page)["pgid"]) == (50072, "ConvergedProofUpRedirect")


def test_a_device_code_is_approved_after_the_second_factor_only(make_site, make_browser):
    """The device polls 70016 until then; its token says mfa."""
    site = make_site(user=MFA)
    form = {"client_id": site.CLI, "scope": f"openid {GRAPH}/.default"}
    body = json.loads(
        site.ask(
            "POST", LOGIN, f"/{CONTOSO}/oauth2/v2.0/devicecode", headers=site.FORM, body=urlencode(form).encode()
        ).body
    )
    browser = make_browser(site)
    page = browser.post(browser.enter(body["user_code"]), login=ALICE, passwd=PASSWORD)
    poll = {"client_id": site.CLI, "grant_type": "device_code", "device_code": body["device_code"]}
    assert (page.code, codes(site.token(poll, CONTOSO))) == (50074, [70016])
    assert give_code(browser, page).status == 200
    status, tokens = site.token(poll, CONTOSO)
    assert (status, browser.claims(tokens["access_token"])["amr"]) == (200, ["pwd", "mfa"])


# Conditional Access


def test_a_policy_demands_a_second_factor_for_its_api_only(make_site):
    """azure-cli issue 5566: 50076 with the claims challenge at that resource, tokens for another; also at refresh."""
    site = make_site(policies(policy(applications=(ARM,))))
    status, body = site.token(password_form(f"{ARM}/.default"))
    assert (status, body["error_codes"]) == (400, [50076])
    assert json.loads(body["claims"])["access_token"]["capolids"]["values"] == [POLICY]
    status, body = site.token(password_form())
    assert status == 200
    refused = site.token(refresh_form(body["refresh_token"], scope=f"{ARM}/.default"))
    assert codes(refused) == [50076]
    v1 = site.token(refresh_form(body["refresh_token"], resource=ARM), v1=True)[1]
    assert json.loads(v1["claims"])["access_token"]["polids"]["values"] == [POLICY]


def test_the_answer_to_a_claims_challenge(make_site, make_browser):
    """With the challenge in ``claims`` the page asks for the second factor, whatever the API; the token then serves."""
    site = make_site(policies(policy(applications=(ARM,))))
    browser = make_browser(site)
    challenge = json.dumps({"access_token": {"capolids": {"essential": True, "values": [POLICY]}}})
    assert browser.sign_in().status == 302
    page = browser.sign_in(browser.open(claims=challenge))
    assert page.code == 50074
    status, body = browser.redeem(browser.sent_back(give_code(browser, page))["code"])
    assert status == 200
    assert codes(site.token(refresh_form(body["refresh_token"], scope=f"{ARM}/.default"))) == []
    one_factor = site.token(password_form())[1]["refresh_token"]
    assert codes(site.token(refresh_form(one_factor, claims=challenge))) == [50076]
    capabilities = json.dumps({"access_token": {"xms_cc": {"values": ["cp1"]}}})
    assert codes(site.token(refresh_form(one_factor, claims=capabilities))) == []
    assert codes(site.token(refresh_form(one_factor, claims="{"))) == [50117]


@pytest.mark.parametrize("demand", [{"essential": True, "values": ["p1"]}, {"essential": True, "value": "p1"}])
def test_the_challenge_of_azure_demands_a_second_factor(make_site, make_browser, demand):
    """``acrs`` ``p1``, for changes at Azure Resource Manager: 50076 for one factor, whatever the policies."""
    site = make_site()
    challenge = json.dumps({"access_token": {"acrs": demand}})
    refresh = site.token(password_form())[1]["refresh_token"]
    assert codes(site.token(password_form(claims=challenge))) == [50076]
    assert codes(site.token(refresh_form(refresh, claims=challenge))) == [50076]
    browser = make_browser(site)
    page = browser.sign_in(browser.open(claims=challenge))
    assert page.code == 50074
    status, body = browser.redeem(browser.sent_back(give_code(browser, page))["code"])
    assert (status, "mfa" in browser.claims(body["access_token"])["amr"]) == (200, True)
    other = json.dumps({"access_token": {"acrs": {"essential": True, "values": ["c1"]}}})
    assert codes(site.token(password_form(claims=other))) == []


@pytest.mark.parametrize(
    ("controls", "operator", "code"),
    [
        (("block",), "OR", 53003),
        (("compliantDevice",), "OR", 53000),
        (("domainJoinedDevice",), "OR", 53001),
        (("approvedApplication",), "OR", 53002),
        (("mfa", "compliantDevice"), "OR", 50076),
        (("mfa", "compliantDevice"), "AND", 53000),
        (("compliantDevice", "domainJoinedDevice"), "OR", 53000),
    ],
)
def test_each_control_has_its_code(make_site, make_browser, controls, operator, code):
    """53000-53003 with the claims challenge; at the page too (50074 for the second factor)."""
    site = make_site(policies(policy(built_in_controls=controls, operator=operator)))
    status, body = site.token(password_form())
    assert (status, body["error_codes"]) == (400, [code])
    assert POLICY in body["claims"]
    assert make_browser(site).sign_in().code == (50074 if code == 50076 else code)


@pytest.mark.parametrize(
    "unlike",
    [
        {"state": "disabled"},
        {"state": "enabledForReportingButNotEnforced"},
        {"users": ("bob@contoso.com",)},
        {"exclude_users": ("ALICE@contoso.com",)},
        {"applications": (ARM,)},
        {"exclude_applications": ("00000003-0000-0000-c000-000000000000",)},
        {"locations": "untrusted"},
        {"client_app_types": ("browser",)},
    ],
)
def test_a_policy_applies_if_all_its_conditions_do(make_site, unlike):
    """Each condition alone keeps it from applying; the same policy without it blocks."""
    block = {"built_in_controls": ("block",)}
    assert codes(make_site(policies(policy(**block))).token(password_form())) == [53003]
    assert codes(make_site(policies(policy(**block, **unlike))).token(password_form())) == []


def test_the_network_is_that_of_the_device(make_site):
    """trusted: the corporate network; untrusted: any other."""
    for locations, away, expected in (("trusted", False, [53003]), ("trusted", True, []), ("untrusted", True, [53003])):
        site = make_site(policies(policy(built_in_controls=("block",), locations=locations)))
        site.provider.is_off_network = {"desk-1": away}.get
        assert codes(site.token(password_form())) == expected


def test_policies_are_of_their_tenant(make_site):
    """A policy of Contoso does not concern a user of Litware."""
    site = make_site(policies(policy(built_in_controls=("block",))))
    assert codes(site.token(password_form(user=LENA, password=LENA_PASSWORD))) == []
    assert codes(site.token(password_form())) == [53003]


def test_a_ticket_is_one_factor(make_site):
    """A silent sign-in by Kerberos meets the policy at the token endpoint: 50076."""
    site = make_site(policies(policy()))
    assertion = site.extract_assertion(site.windows(site.ALICE))
    assert codes(site.token(site.saml_form(assertion))) == [50076]
    site = make_site()
    assert codes(site.token(site.saml_form(site.extract_assertion(site.windows(site.ALICE))))) == []


def test_sign_in_frequency_ends_refreshing(make_site):
    """70043 once the sign-in is older, however often it was refreshed; 70044 for an old assertion."""
    site = make_site(policies(policy(built_in_controls=(), sign_in_frequency=3600)))
    token = site.token(password_form())[1]["refresh_token"]
    site.clock.advance(3599)
    status, body = site.token(refresh_form(token))
    assert status == 200
    site.clock.advance(1)
    status, body = site.token(refresh_form(body["refresh_token"]))
    assert (status, body["error_codes"], body["suberror"]) == (400, [70043], "token_expired")
    assert "lifetime for this request is 3600" in body["error_description"]
    assert site.token(refresh_form(token, resource=GRAPH), v1=True)[1]["error"] == "interaction_required"
    assert codes(site.token(password_form())) == []


def test_a_code_is_too_old_for_every_time(make_site, make_browser):
    """``sign_in_frequency = 0``: every time, with five minutes of grace; a code redeemed later is 70044."""
    site = make_site(policies(policy(built_in_controls=(), sign_in_frequency=0)))
    browser = make_browser(site)
    for wait, expected in ((299, []), (300, [70044])):
        code = browser.code()
        site.clock.advance(wait)
        assert codes(browser.redeem(code)) == expected


# Accounts


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"locked": True}, 50053),
        ({"enabled": False}, 50057),
        ({"password_expired": True}, 50055),
        ({"force_change_password_next_sign_in": True}, 50055),
    ],
)
def test_the_state_of_an_account_decides(make_site, make_browser, change, code):
    """At the token endpoint and at the page."""
    site = make_site(user=change)
    assert codes(site.token(password_form())) == [code]
    assert make_browser(site).sign_in().code == code


def test_a_new_password_revokes_what_the_old_one_gave(make_site, make_browser):
    """azure-cli issue 242: 50173 for refresh tokens and codes of the old password; not for those of a ticket."""
    site = make_site()
    token = site.token(password_form())[1]["refresh_token"]
    code = make_browser(site).code()
    ticket = site.token(site.saml_form(site.extract_assertion(site.windows(site.ALICE))))[1]["refresh_token"]
    change_alice(site, password="Another-lab-password-2")
    status, body = site.token(refresh_form(token))
    assert (status, body["error"], body["error_codes"], body["suberror"]) == (
        400,
        "invalid_grant",
        [50173],
        "bad_token",
    )
    assert codes(make_browser(site).redeem(code)) == [50173]
    assert codes(site.token(refresh_form(ticket))) == []
    assert codes(site.token(password_form())) == [50126]
    assert codes(site.token(password_form(password="Another-lab-password-2"))) == []


def test_revoked_sessions_are_over_however_they_began(make_site):
    """50173 for every sign-in of before, also by a ticket; one of after is good."""
    site = make_site()
    token = site.token(password_form())[1]["refresh_token"]
    ticket = site.token(site.saml_form(site.extract_assertion(site.windows(site.ALICE))))[1]["refresh_token"]
    site.clock.advance(10)
    change_alice(site, sign_in_sessions_valid_from=datetime.fromtimestamp(NOON + 5, UTC))
    assert codes(site.token(refresh_form(token))) == codes(site.token(refresh_form(ticket))) == [50173]
    assert codes(site.token(refresh_form(site.token(password_form())[1]["refresh_token"]))) == []


def change_alice(site: Any, **changes: Any) -> None:
    """Change Alice in the running provider."""
    estate = site.provider.estate
    users = tuple(replace(user, **changes) if user.upn == ALICE else user for user in estate.users)
    site.provider.set_estate(replace(estate, users=users))


# Guests


def guest(tenant: str | None = CONTOSO) -> Any:
    """The default estate; Lena of Litware is a guest of ``tenant``."""
    estate = default_estate()
    users = tuple(
        replace(user, guest_tenants=(tenant,) if tenant else ()) if user.upn == LENA else user for user in estate.users
    )
    return replace(estate, users=users)


def test_a_guest_gets_tokens_of_the_tenant_that_invited(make_site, make_browser):
    """The claims tid and oid are of the resource tenant, idp names the home tenant; client_info is the home account."""
    site = make_site(guest())
    browser = make_browser(site)
    page = browser.open(tenant=CONTOSO)
    code = browser.sent_back(browser.sign_in(page, login=LENA, passwd=LENA_PASSWORD))["code"]
    status, body = browser.redeem(code, tenant=CONTOSO)
    assert status == 200, body
    lena = site.provider.directory.find_user(LENA)
    contoso, litware = (site.provider.directory.find_tenant(name) for name in (CONTOSO, LITWARE))
    claims = browser.claims(body["id_token"])
    assert (claims["tid"], claims["idp"]) == (contoso.id, f"https://sts.windows.net/{litware.id}/")
    assert claims["oid"] != lena.object_id
    assert site.provider.directory.find_user_by_id(claims["oid"]) is lena
    assert codes(site.token(refresh_form(body["refresh_token"]), CONTOSO)) == []


@pytest.mark.parametrize("code", [50020, 90072])
def test_a_stranger_is_not_a_guest(make_site, make_browser, code):
    """50020 at refresh and at the page (python-o365 issue 1119); 90072 where a second factor is demanded."""
    estate = default_estate() if code == 50020 else policies(policy())
    site = make_site(estate)
    token = site.token(password_form(user=LENA, password=LENA_PASSWORD))[1]["refresh_token"]
    status, body = site.token(refresh_form(token), CONTOSO)
    assert (status, body["error"], body["error_codes"]) == (400, "invalid_grant", [code])
    browser = make_browser(site)
    page = browser.sign_in(browser.open(tenant=CONTOSO), login=LENA, passwd=LENA_PASSWORD)
    assert (page.status, page.code) == (200, code)
    assert codes(site.token(refresh_form(token), LITWARE)) == []


def test_the_password_grant_is_for_the_home_tenant(make_site):
    """A guest has no password there: 50034."""
    site = make_site(guest())
    assert codes(site.token(password_form(user=LENA, password=LENA_PASSWORD), CONTOSO)) == [50034]
    assert codes(site.token(password_form(user=LENA, password=LENA_PASSWORD), LITWARE)) == []


def test_a_guest_is_under_the_policies_of_the_host(make_site):
    """A policy of the resource tenant blocks the guest there, and nowhere else."""
    estate = replace(policies(policy(built_in_controls=("block",))), users=guest().users)
    site = make_site(estate)
    token = site.token(password_form(user=LENA, password=LENA_PASSWORD))[1]["refresh_token"]
    assert codes(site.token(refresh_form(token), CONTOSO)) == [53003]
    assert codes(site.token(refresh_form(token), LITWARE)) == []


# Federated users


def federated(**changes: Any) -> Any:
    """The default estate with Frank changed."""
    estate = default_estate()
    return replace(estate, users=tuple(replace(u, **changes) if u.upn == FRANK else u for u in estate.users))


@pytest.mark.parametrize(
    ("immutable_id", "code"), [(None, 90020), ("IhEiM0RVZneImaq7zN3u/w==", None), ("bm9ib2R5LWF0LWFsbA==", 51004)]
)
def test_an_assertion_names_the_user_by_immutable_id(make_site, immutable_id, code):
    """90020 without one, 51004 if it is nobody's in the cloud."""
    site = make_site(federated(immutable_id=immutable_id))
    assertion = site.extract_assertion(site.adfs("13", site.FRANK))
    if code == 51004:  # the cloud has another one than Active Directory
        site.provider.set_estate(federated(immutable_id="IhEiM0RVZneImaq7zN3u/w=="))
    assert codes(site.token(site.saml_form(assertion))) == ([] if code is None else [code])


def adfs_password(site: Any, name: str, password: str = FRANK_PASSWORD) -> Any:
    """A request for a token of AD FS with a password."""
    body = site.rst("13", user=name, password=password)
    return site.ask("POST", STS, "/adfs/services/trust/13/usernamemixed", body=body)


def test_a_name_in_the_cloud_may_differ_from_that_on_premises(make_site):
    """From windowsserverdocs issue 3345: AD FS knows the own name; the cloud's only with the alternate login id."""
    estate = federated(on_premises_upn="frank@corp.contoso.com")
    site = make_site(estate)
    assert adfs_password(site, FRANK).status == 500
    plain = site.extract_assertion(adfs_password(site, "frank@corp.contoso.com"))
    assert codes(site.token(site.saml_form(plain))) == [50034]
    services = tuple(replace(each, alternate_login_id=True) for each in estate.federation_services)
    site = make_site(replace(estate, federation_services=services))
    for name in (FRANK, "frank@corp.contoso.com"):
        assert codes(site.token(site.saml_form(site.extract_assertion(adfs_password(site, name))))) == []


@pytest.mark.parametrize(
    ("name", "status"),
    [("CORP\\frank", 200), ("corp.contoso.com\\frank", 200), ("OTHER\\frank", 500), ("\\frank", 500), ("frank", 500)],
)
def test_the_domain_before_the_backslash_counts(site, name, status):
    """ID3242 for another domain, whatever the password."""
    assert adfs_password(site, name).status == status


# Loops


def test_a_client_that_loops_is_stopped(make_site):
    """MSAL.NET issue 1788: user calls get 400 invalid_grant 50196, until the window is over."""
    site = make_site(cloud={"request_loop_limit": 3, "request_loop_window": 60})
    assert [codes(site.token(password_form())) for _ in range(4)] == [[], [], [], [50196]]
    assert codes(site.token(password_form(f"{ARM}/.default"))) == []
    assert site.token(password_form())[1]["error"] == "invalid_grant"
    site.clock.advance(61)
    assert codes(site.token(password_form())) == []
    assert [codes(make_site().token(password_form())) for _ in range(30)] == [[]] * 30


def test_an_application_that_loops_is_told_to_wait(make_site):
    """azure-sdk-for-net issue 23324: client credentials get 429 and Retry-After of 60 s."""
    site = make_site(make_estate(), cloud={"request_loop_limit": 2})
    body = urlencode(app_form(DAEMON, f"{GRAPH}/.default")).encode()
    answers = [site.ask("POST", LOGIN, f"/{CONTOSO}/oauth2/v2.0/token", headers=site.FORM, body=body) for _ in range(3)]
    assert [(each.status, each.code) for each in answers] == [(200, None), (200, None), (429, 50196)]
    assert dict(answers[-1].headers)["Retry-After"] == "60"


# Nobody in front of the page


def test_a_program_that_reads_the_page_asks_nobody(make_site, make_browser):
    """No prompt without a browser that displays the page; the post of a page that nobody saw is said."""
    site = make_site()
    assert make_browser(site, displays=False).sign_in().status == 302
    assert not site.events(UserPrompted)
    assert [event.reason for event in site.events(UnattendedSignIn)] == ["sign-in page for Azure CLI"]
    site = make_site()
    assert make_browser(site).sign_in().status == 302
    assert len(site.events(UserPrompted)) == 1
    assert not site.events(UnattendedSignIn)


def test_a_program_at_the_page_of_ad_fs_asks_nobody(make_site, make_browser):
    """The same at a federation service's page."""
    for displays, prompts in ((True, 1), (False, 0)):
        site = make_site()
        browser = make_browser(site, displays=displays)
        location = browser.location(browser.open(login_hint=FRANK)).partition(f"https://{STS}")[2]
        page = site.ask("GET", STS, location)
        if displays:
            browser.display(page, STS)
        body = urlencode({"UserName": FRANK, "Password": FRANK_PASSWORD}).encode()
        assert site.ask("POST", STS, location, body=body).status == 302
        assert (len(site.events(UserPrompted)), len(site.events(UnattendedSignIn))) == (prompts, 1 - prompts)


# Mistakes in a file


POLICY_TABLE = '[[tenants.conditional_access_policies]]\nname = "x"\n'
TENANT_LINE, ALICE_LINE = 'initial_domain = "contoso.onmicrosoft.com"', 'sam_account = "alice"'


@pytest.mark.parametrize(
    ("after", "line", "said"),
    [
        (TENANT_LINE, POLICY_TABLE, "requires nothing"),
        (TENANT_LINE, f'{POLICY_TABLE}built_in_controls = ["block", "mfa"]', "stands alone"),
        (TENANT_LINE, f'{POLICY_TABLE}built_in_controls = ["mfa"]\nusers = ["who@contoso.com"]', "there is no user"),
        (TENANT_LINE, f'{POLICY_TABLE}built_in_controls = ["mfa"]\napplications = ["api://none"]', "there is no API"),
        (ALICE_LINE, 'guest_tenants = ["nowhere.example"]', "there is no tenant"),
        (ALICE_LINE, 'guest_tenants = ["contoso.com"]', "own tenant"),
        (ALICE_LINE, 'totp_secret = "1"', "is not base32"),
        (ALICE_LINE, 'on_premises_upn = "bob@contoso.com"', "another user"),
    ],
)
def test_a_mistake_is_named_with_its_place(after, line, said):
    """What a rule refers to must exist, and a rule must require something."""
    text = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
    with pytest.raises(EstateError, match=said):
        parse_estate(text.replace(after, f"{after}\n{line}", 1), "x.toml")


def test_a_policy_is_read_from_a_file():
    """The keys are those of Microsoft Graph in snake case."""
    text = resources.files("ssosim.estate").joinpath("contoso.toml").read_text(encoding="utf-8")
    lines = f'{POLICY_TABLE}built_in_controls = ["mfa"]\napplications = ["{ARM}"]\nlocations = "untrusted"'
    estate = parse_estate(text.replace(TENANT_LINE, f"{TENANT_LINE}\n{lines}", 1), "x.toml")
    (found,) = estate.tenants[0].conditional_access_policies
    assert (found.built_in_controls, found.applications, found.locations) == (("mfa",), (ARM,), "untrusted")
