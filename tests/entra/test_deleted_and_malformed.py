"""Users who are deleted while something of theirs is valid, and assertions that are none."""

from __future__ import annotations

import base64
import json
from types import MappingProxyType
from typing import Any
from urllib.parse import urlencode

import pytest
from lxml import etree
from msgspec.structs import replace

from ssosim.entra.wstrust.saml_write import AssertionFacts, render_unsigned_assertion, sign_assertion
from ssosim.estate import default_estate

from .conftest import ALICE, NOON, PASSWORD
from .test_sign_in_rules import CONTOSO, LENA, LENA_PASSWORD, codes, guest, password_form, refresh_form

SAML1, SAML2 = "urn:oasis:names:tc:SAML:1.0:assertion", "urn:oasis:names:tc:SAML:2.0:assertion"


def change_user(site: Any, *, delete: bool = False, **changes: Any) -> None:
    """Delete Alice, or change her, in the running lab."""
    estate = site.provider.estate
    others = tuple(user for user in estate.users if user.upn != ALICE)
    changed = () if delete else tuple(replace(user, **changes) for user in estate.users if user.upn == ALICE)
    site.provider.set_estate(replace(estate, users=others + changed))


def facts(**changes: Any) -> AssertionFacts:
    """What the federation service says of Frank."""
    good: dict[str, Any] = {
        "id": "_assertion-1",
        "issuer": "http://sts.fabrikam.com/adfs/services/trust",
        "audience": "urn:federation:MicrosoftOnline",
        "name_id": "IhEiM0RVZneImaq7zN3u/w==",
        "upn": "frank@fabrikam.com",
        "not_before": NOON,
        "not_on_or_after": NOON + 3600,
        "method": "urn:federation:authentication:windows",
    }
    return AssertionFacts(**(good | changes))


@pytest.mark.parametrize(("change", "code"), [({"delete": True}, 50034), ({"enabled": False}, 50057)])
def test_what_a_user_got_before_is_void_after(make_site, make_browser, change, code):
    """A refresh token, a code and an assertion of a deleted or disabled user are refused."""
    site = make_site()
    browser = make_browser(site)
    refresh = site.token(password_form())[1]["refresh_token"]
    written = browser.code()
    assertion = site.extract_assertion(site.windows(site.ALICE))
    change_user(site, **change)
    assert codes(site.token(refresh_form(refresh))) == [code]
    assert codes(browser.redeem(written)) == [code]
    assert codes(site.token(site.saml_form(assertion))) == [code]


@pytest.mark.parametrize(("change", "code"), [({"delete": True}, 50034), ({"enabled": False}, 50057)])
def test_an_approved_device_code_of_such_a_user(make_site, make_browser, change, code):
    """The program that polls gets the reason, and no token."""
    site = make_site()
    browser = make_browser(site)
    body = urlencode({"client_id": site.CLI, "scope": "openid"}).encode()
    answer = site.ask("POST", site.LOGIN, "/organizations/oauth2/v2.0/devicecode", headers=site.FORM, body=body)
    started = json.loads(answer.body)
    page = browser.enter(started["user_code"])
    assert b"signed in" in browser.post(page, login=ALICE, passwd=PASSWORD).body
    change_user(site, **change)
    form = {"client_id": site.CLI, "grant_type": "device_code", "device_code": started["device_code"]}
    assert codes(site.token(form)) == [code]


@pytest.mark.parametrize(("change", "code"), [({"delete": True}, 50034), ({"enabled": False}, 50057)])
def test_the_page_after_a_second_factor_or_a_ticket(make_site, make_browser, change, code):
    """The page of the second factor, and a ticket of the browser, lead to the page with the code."""
    from .test_sign_in_rules import MFA, give_code  # noqa: PLC0415

    site = make_site(user=MFA)
    browser = make_browser(site)
    page = browser.sign_in()
    token = site.ask(
        "GET", site.AUTOLOGON, "/contoso.com/winauth/sso", headers=site.negotiate(site.ALICE)
    ).body.decode()
    other = make_browser(site)
    first = other.open()
    user = site.provider.directory.find_user(ALICE)
    change_user(site, **change)
    if "delete" in change:
        site.provider.directory._users[ALICE] = user  # the code of the form is computed from her name
    assert give_code(browser, page).code == code
    assert other.post(first, login=ALICE, dssoToken=token).code == code


def test_every_name_of_a_guest_in_a_token_of_version_1(make_site, make_browser):
    """unique_name is the guest's name at home; upn has #EXT# and the initial domain of the host."""
    site = make_site(guest())
    browser = make_browser(site)
    page = browser.open(tenant=CONTOSO)
    code = browser.sent_back(browser.sign_in(page, login=LENA, passwd=LENA_PASSWORD))["code"]
    status, body = browser.redeem(code, tenant=CONTOSO)
    assert status == 200
    claims = browser.claims(body["access_token"])
    assert claims["ver"] == "1.0"
    assert claims["unique_name"] == LENA
    assert claims["upn"] == f"lena_litware.example#EXT#@{CONTOSO}"


def encoded(text: str) -> str:
    """Base64 of ``text``."""
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("grant", ["saml1_1", "saml2"])
@pytest.mark.parametrize(
    "written",
    ["abc\u00e9", "%%%", "A", encoded("no XML"), encoded("<x/>"), encoded(f"<Assertion xmlns='{SAML1}:x'/>"),
     encoded("<x/>" + " " * 300_000)],
)  # fmt: skip
def test_what_is_no_assertion_is_refused(make_site, grant, written):
    """Text that is not base64, not XML, another document, or too large: 50008, and nothing else."""
    site = make_site()
    status, body = site.token({**site.saml_form("", grant), "assertion": written})
    assert (status, body["error"]) == (400, "invalid_grant")
    assert body["error_codes"][-1] == 50008


def test_an_issuer_without_a_key_is_unknown(make_site):
    """50107 for a federation service of which the provider has no key."""
    site = make_site()
    signed = sign_assertion(facts(), site.provider.keys.federation["fabrikam-sts"])
    site.provider.keys = replace(site.provider.keys, federation=MappingProxyType({}))
    assert site.refused(signed) == [50107]


def test_a_signed_assertion_that_says_too_little_is_refused(make_site):
    """50008 for a well signed assertion without an end of its validity."""
    from signxml import XMLSigner, methods  # noqa: PLC0415

    site = make_site()
    key = site.provider.keys.federation["fabrikam-sts"]
    root = etree.fromstring(render_unsigned_assertion(facts()))
    conditions = root.find(f"{{{SAML1}}}Conditions")
    del conditions.attrib["NotOnOrAfter"]
    signer = XMLSigner(method=methods.enveloped, c14n_algorithm="http://www.w3.org/2001/10/xml-exc-c14n#")
    signed = signer.sign(
        root, key=key.private, cert=[key.certificate], reference_uri="_assertion-1", id_attribute="AssertionID"
    )
    assert site.refused(etree.tostring(signed).decode())[-1] == 50008


def test_the_shell_of_a_disabled_user_gives_no_token(keys):
    """50057: the local endpoint of a Cloud Shell has no token for a disabled user."""
    from ssosim.entra import Provider  # noqa: PLC0415
    from ssosim.entra.core.errors import AadstsError  # noqa: PLC0415
    from ssosim.entra.core.messages import Call  # noqa: PLC0415
    from ssosim.entra.oauth.managed_identity_tokens import issue_shell_token  # noqa: PLC0415

    provider = Provider(estate=default_estate(), keys=keys, acceptors={})
    user = provider.directory.find_user(ALICE)
    call = Call.read("GET", "localhost", "/oauth2/token", now=NOON)
    assert issue_shell_token(provider, call, user, "https://management.azure.com/").access_token
    with pytest.raises(AadstsError) as caught:
        issue_shell_token(provider, call, replace(user, enabled=False), "https://management.azure.com/")
    assert caught.value.code == 50057
