"""Sign-in of a federated user: the redirect to the federation service, its page, and the return with its assertion."""

import json
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from msgspec.structs import replace

from ssosim.entra.wstrust.ws_federation import PASSWORD_METHOD
from ssosim.estate import default_estate
from ssosim.trace import HttpExchange, TokenIssued, UserPrompted

LOGIN, STS = "login.microsoftonline.com", "sts.fabrikam.com"
FRANK, PASSWORD = "frank@fabrikam.com", "Frank-lab-password-1"
EDGE = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 Chrome/133.0.0.0 Safari/537.36 Edg/133.0.0.0"
ENTRA = "sign-in page for Azure CLI"
OWN = "sign-in page of sts.fabrikam.com"


class FederatedSignIn:
    """One federated sign-in, step by step."""

    def __init__(self, browser):
        self.browser, self.site = browser, browser.site

    def target(self, **changes):
        """Path and query of the service's page, from the redirect."""
        return self.of(self.browser.open(login_hint=FRANK, **changes))

    def of(self, redirect):
        """Path and query of a redirect to the service."""
        parts = urlsplit(self.browser.location(redirect))
        assert parts.netloc == STS
        return f"{parts.path}?{parts.query}"

    def form(self, target, name=FRANK, password=PASSWORD):
        """Post the service's form; the reply."""
        body = urlencode({"UserName": name, "Password": password, "AuthMethod": "FormsAuthentication"}).encode()
        reply = self.shown(self.site.ask("POST", STS, target, body=body))
        return self.follow(reply) if reply.status == 302 else reply

    def follow(self, reply):
        """The page to which AD FS redirects with its cookie."""
        cookie = next(value.partition(";")[0] for name, value in reply.headers if name == "Set-Cookie")
        return self.shown(self.site.ask("GET", STS, self.of(reply), headers={"Cookie": cookie}))

    def open(self, target):
        """The service's page, displayed."""
        return self.shown(self.site.ask("GET", STS, target))

    def shown(self, page):
        """The page, after its images were loaded."""
        self.browser.display(page, STS)
        return page

    def return_to_entra(self, page, cookie=None, **changes):
        """Post the service's answer; a change to None leaves a field out."""
        fields = {name: value for name, value in {**self.browser.hidden(page), **changes}.items() if value is not None}
        headers = {"Cookie": self.browser.cookie if cookie is None else cookie, "Origin": "null"}
        return self.site.ask("POST", LOGIN, "/login.srf", headers=headers, body=urlencode(fields).encode())


@pytest.fixture
def federated(browser):
    """A federated sign-in that has not started."""
    return FederatedSignIn(browser)


def prompts(site):
    """The reasons of all user prompts, in order."""
    return [event.reason for event in site.events(UserPrompted)]


def test_a_federated_name_leads_to_its_own_service_and_back_with_a_code(site, browser, federated):
    """CONNECT-013: the name at Entra's page, name and password at AD FS's, login.srf, code, tokens of the person."""
    target = federated.of(browser.sign_in(login=FRANK, passwd=""))
    query = dict(parse_qsl(urlsplit(target).query))
    assert (query["wa"], query["wtrealm"]) == ("wsignin1.0", "urn:federation:MicrosoftOnline")
    assert ("wreply" in query, query["username"]) == (False, FRANK)
    assert FRANK.encode() in federated.open(target).body
    page = federated.form(target)
    assert f'action="https://{LOGIN}/login.srf"'.encode() in page.body
    back = browser.sent_back(federated.return_to_entra(page))
    assert back["state"] == "state-1"
    status, body = browser.redeem(back["code"])
    assert status == 200
    assert browser.claims(body["id_token"])["preferred_username"] == FRANK
    assert prompts(site) == [ENTRA, OWN]
    assert [event.grant for event in site.events(TokenIssued)][:2] == ["password", "authorization_code"]
    assert [e.host for e in site.events(HttpExchange) if e.auth == "password"] == [STS]
    assert PASSWORD not in repr(list(site.provider.trace))


@pytest.mark.parametrize("hint", [{"login_hint": FRANK}, {"domain_hint": "fabrikam.com"}])
def test_a_hint_redirects_at_once(site, browser, federated, hint):
    """Home realm discovery: Entra's page is not shown; the only prompt is that of the service."""
    target = federated.of(browser.open(**hint))
    assert federated.open(target).status == 200
    assert "code" in browser.sent_back(federated.return_to_entra(federated.form(target)))
    assert prompts(site) == [OWN]


def test_credential_type_has_the_url_of_the_service(site, browser, federated):
    """GetCredentialType: FederationRedirectUrl contains the page's flow; without a flow the response is refused."""
    flow = browser.config(browser.open())["sFT"]
    for token, answered in ((flow, (302, None)), ("", (200, 165000))):
        body = json.dumps({"username": FRANK, "flowToken": token}).encode()
        answer = json.loads(site.ask("POST", LOGIN, "/common/GetCredentialType", body=body).body)
        url = urlsplit(answer["Credentials"]["FederationRedirectUrl"])
        returned = federated.return_to_entra(federated.form(f"{url.path}?{url.query}"))
        assert (returned.status, returned.code) == answered


def test_select_account_shows_entras_page(browser):
    """prompt=select_account (from azure-identity) shows the page even if a name is known."""
    assert b"passwd" in browser.open(login_hint=FRANK, prompt="select_account").body
    assert b"passwd" in browser.open(login_hint="alice@contoso.com", domain_hint="fabrikam.com").body


@pytest.mark.parametrize(
    ("behavior", "sent", "silent"),
    [
        ("translateToFreshPasswordAuthentication", {"wauth": PASSWORD_METHOD, "wfresh": "0"}, False),
        ("nativeSupport", {"prompt": "login"}, False),
        ("disabled", {"wfresh": "0"}, True),
    ],
)
@pytest.mark.parametrize("hint", [{"login_hint": FRANK}, {"domain_hint": "fabrikam.com"}, {}])
def test_prompt_login_reaches_the_service(make_site, make_browser, behavior, sent, silent, hint):
    """AD FS prompt=login: a password is asked for, also of a browser with a ticket; a setting of the domain decides."""
    estate = default_estate()
    tenants = tuple(
        replace(each, domains=tuple(replace(d, prompt_login_behavior=behavior) for d in each.domains))
        for each in estate.tenants
    )
    browser = make_browser(make_site(replace(estate, tenants=tenants)))
    federated = FederatedSignIn(browser)
    page = browser.open(prompt="login", **hint)
    target = federated.of(page if hint else browser.sign_in(page, login=FRANK, passwd=""))
    query = dict(parse_qsl(urlsplit(target).query))
    assert {name: query[name] for name in ("wauth", "wfresh", "prompt") if name in query} == sent
    reply = browser.site.ask("GET", STS, target, headers={"User-Agent": EDGE})
    assert (reply.status == 302) is silent
    plain = dict(parse_qsl(urlsplit(federated.target()).query))
    assert not {"wauth", "wfresh", "prompt"} & set(plain)


def test_a_wrong_password_is_asked_for_again_at_the_service(site, federated):
    """AD FS has no AADSTS codes; each error is a page and a prompt, and no token."""
    target = federated.target()
    for name, password in ((FRANK, "x"), ("nobody@fabrikam.com", "x"), ("alice@contoso.com", "Alice-lab-password-1")):
        page = federated.form(target, name, password)
        assert (page.status, page.code) == (200, None)
        assert b"wrong" in page.body
    assert federated.form(target, "CORP\\frank").status == 200
    assert prompts(site) == [f"{OWN}, wrong password"] * 3
    assert [event.subject for event in site.events(TokenIssued)] == [FRANK]


def test_a_known_browsers_ticket_signs_in_without_a_page(site, browser, federated):
    """With a hint and Integrated Windows authentication nobody is asked; another User-Agent gets the form."""
    target = federated.target()
    assert site.ask("GET", STS, target, headers={"User-Agent": "Mozilla/5.0 (X11; Linux x86_64)"}).status == 200
    wia = browser.location(site.ask("GET", STS, target, headers={"User-Agent": EDGE}))
    assert wia.startswith("/adfs/ls/wia?")
    asked = site.ask("GET", STS, wia)
    offered = [value for name, value in asked.headers if name == "WWW-Authenticate"]
    assert (asked.status, offered) == (401, ["Negotiate", "NTLM"])
    for refused in ("refuse:expired", "ok:alice@CORP.CONTOSO.COM", "ntlm"):
        assert site.ask("GET", STS, wia, headers=site.negotiate(refused)).status == 401
    before = len(prompts(site))
    page = site.ask("GET", STS, wia, headers=site.negotiate(site.FRANK))
    assert "code" in browser.sent_back(federated.return_to_entra(page))
    assert len(prompts(site)) == before


def test_a_device_code_is_approved_at_the_service_too(site, browser, federated):
    """The flow that comes back is the device's: no redirect, and polling succeeds."""
    started = site.ask("POST", LOGIN, "/organizations/oauth2/v2.0/devicecode", headers=site.FORM, body=urlencode(
        {"client_id": site.CLI, "scope": "openid https://graph.microsoft.com/User.Read.All"}).encode())  # fmt: skip
    device = json.loads(started.body)
    target = federated.of(browser.post(browser.enter(device["user_code"]), login=FRANK, passwd=""))
    assert b"You have signed in" in federated.return_to_entra(federated.form(target)).body
    form = {"client_id": site.CLI, "grant_type": "device_code", "device_code": device["device_code"]}
    assert site.token(form)[0] == 200


def test_an_answer_is_good_once_and_for_its_own_browser(site, browser, federated, make_browser):
    """165000: another browser (login CSRF), no cookie, a second time, too late, a context that is not Entra's."""
    victim = make_browser(site)
    victim.open()
    page = federated.form(federated.target())
    assert federated.return_to_entra(page, cookie=victim.cookie).code == 165000
    assert federated.return_to_entra(page, cookie="").code == 165000
    assert federated.return_to_entra(page, wctx="estsrequest=AAAA").code == 165000
    page_flow = browser.hidden(browser.open())["flowToken"]
    assert federated.return_to_entra(page, wctx=urlencode({"estsrequest": page_flow})).code == 165000
    assert federated.return_to_entra(page).status == 302
    assert federated.return_to_entra(page).code == 165000
    stale = federated.form(federated.target())
    site.clock.advance(3600)
    assert federated.return_to_entra(stale).code == 165000


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda wresult: wresult.replace("frank@", "alice@"), 50006),
        (lambda wresult: wresult.replace("<saml:Assertion", "<saml:Forged").replace("/saml:A", "/saml:F"), 50008),
        (lambda _: "<x/>", 50008),
        (lambda _: "<!DOCTYPE x><x/>", 50008),
        (lambda _: "no XML \ud800", 50008),
        (lambda _: None, 900144),
    ],
)
def test_an_answer_that_the_service_did_not_sign_is_a_page(browser, federated, change, code):
    """A changed assertion, no assertion, no XML: the application hears nothing, and no code is given."""
    page = federated.form(federated.target())
    wresult = change(browser.hidden(page)["wresult"])
    if wresult is not None:
        wresult = wresult.encode(errors="replace").decode()
    answer = federated.return_to_entra(page, wresult=wresult)
    assert answer.code == code
    assert answer.status != 302


def test_autologons_assertion_is_no_federation_services_answer(site, make_site, make_browser):
    """Only a federated domain's service speaks here: the cloud's own assertion of Alice is 50107."""
    site = make_site(cloud={"assertion": "signed-saml"})
    federated = FederatedSignIn(make_browser(site))
    page = federated.form(federated.target())
    foreign = site.extract_assertion(site.windows(site.ALICE))
    trust = "http://schemas.xmlsoap.org/ws/2005/02/trust"
    wresult = f'<t:X xmlns:t="{trust}"><t:RequestedSecurityToken>{foreign}</t:RequestedSecurityToken></t:X>'
    assert federated.return_to_entra(page, wresult=wresult).code == 50107


def test_a_user_of_another_tenant_is_refused(federated):
    """A federated user at an authority of a tenant that has not invited that user is 50020."""
    answer = federated.return_to_entra(federated.form(federated.target(tenant="litware.onmicrosoft.com")))
    assert answer.code == 50020


@pytest.mark.parametrize(
    "change",
    [
        {"wa": "wsignout1.0"},
        {"wtrealm": "urn:else"},
        {"wreply": "https://evil.example/login.srf"},
        {"wreply": f"https://{LOGIN}/elsewhere"},
        {"wreply": f"http://{LOGIN}/login.srf"},
        {"wreply": f"https://{LOGIN}@evil.example/login.srf"},
        {"wreply": "https://[/login.srf"},
    ],
)
def test_the_service_answers_its_relying_party_only(site, federated, change):
    """No assertion for another realm or to another address, whatever the query says."""
    path, _, query = federated.target().partition("?")
    target = f"{path}?{urlencode({**dict(parse_qsl(query)), **change})}"
    assert federated.form(target).status == 400
    assert site.ask("GET", STS, target).status == 400
    assert site.ask("GET", STS, target.replace("/ls/", "/ls/wia"), headers=site.negotiate(site.FRANK)).status == 400
    assert not site.events(TokenIssued)


def test_the_login_host_that_asked_is_answered(site, browser):
    """The cookie is that host's: a flow of login.windows.net comes back there."""
    question = urlencode({"client_id": site.CLI, "response_type": "code", "redirect_uri": "http://localhost:1",
                          "scope": "openid", "login_hint": FRANK})  # fmt: skip
    answer = site.ask("GET", "login.windows.net", f"/common/oauth2/v2.0/authorize?{question}")
    query = dict(parse_qsl(urlsplit(browser.location(answer)).query))
    assert query["wreply"] == "https://login.windows.net/login.srf"


def test_text_in_the_address_stays_text(site, federated):
    """Names and contexts come back escaped."""
    path, _, query = federated.target().partition("?")
    evil = '"><script>alert(1)</script>'
    target = f"{path}?{urlencode({**dict(parse_qsl(query)), 'username': evil, 'wctx': evil})}"
    for page in (site.ask("GET", STS, target), federated.form(target)):
        assert page.status == 200
        assert b"<script>alert" not in page.body
