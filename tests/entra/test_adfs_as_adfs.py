"""AD FS as programs know it, and services of others: envelopes, faults, relying parties, pages, MEX, claim rules."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import urlencode

import pytest
from lxml import etree
from msal import mex, wstrust_response
from msgspec.structs import replace

from ssosim.entra.wstrust.rst import TRUST_NAMESPACES
from ssosim.estate import Domain, ExtraEndpoint, FederationService, RelyingParty, default_estate
from ssosim.estate.trust_endpoints import TRUST_ENDPOINTS
from ssosim.trace import HttpExchange, SignInStep

from .conftest import LOGIN, STS

FRANK, PASSWORD = "frank@fabrikam.com", "Frank-lab-password-1"
SHAREPOINT = "urn:sharepoint:portal"
SOAP, ADDRESSING = "http://www.w3.org/2003/05/soap-envelope", "http://www.w3.org/2005/08/addressing"
MEX_PATH = "/adfs/services/trust/mex"


def estate(domains: dict[str, Any] | None = None, **service: Any) -> Any:
    """The default estate with its federation service, and its federated domain, changed."""
    known = default_estate()
    services = tuple(replace(each, **service) for each in known.federation_services)
    tenants = tuple(
        replace(t, domains=tuple(replace(d, **(domains or {})) if d.kind == "federated" else d for d in t.domains))
        for t in known.tenants
    )
    return replace(known, federation_services=services, tenants=tenants)


def ask(site: Any, version: str = "13", user: str = FRANK, password: str = PASSWORD, **rst: str) -> Any:
    """A request with a password."""
    body = site.rst(version, user=user, password=password, **rst)
    return site.ask("POST", STS, f"/adfs/services/trust/{version}/usernamemixed", body=body)


def redeem(site: Any, answer: Any) -> list[int]:
    """The codes of the cloud for the assertion in ``answer``; none for tokens."""
    return list(site.token(site.saml_form(site.extract_assertion(answer)))[1].get("error_codes", []))


@pytest.mark.parametrize(("version", "prefix"), [("2005", "t"), ("13", "trust")])
def test_the_envelope_is_that_of_ad_fs(site, version, prefix):
    """Prefixes s: and trust: (t: in 2005), a:RelatesTo with the id of the request; MSAL and the cloud accept it."""
    answer = ask(site, version)
    text = answer.body.decode()
    assert text.startswith("<s:Envelope ")
    assert f"<{prefix}:RequestedSecurityToken>" in text
    assert "<a:RelatesTo>urn:uuid:1</a:RelatesTo>" in text
    assert (f"<{prefix}:RequestSecurityTokenResponseCollection" in text) == (version == "13")
    kind = etree.fromstring(answer.body).findtext(f".//{{{TRUST_NAMESPACES[version]}}}TokenType")
    assert kind == "urn:oasis:names:tc:SAML:1.0:assertion"
    assert wstrust_response.parse_response(text)["type"] == wstrust_response.SAML_TOKEN_TYPE_V1
    assert redeem(site, answer) == []


@pytest.mark.parametrize("version", ["2005", "13"])
@pytest.mark.parametrize(
    ("change", "subcode", "text"),
    [
        ({"password": "wrong"}, "FailedAuthentication", "ID3242"),
        ({"audience": "urn:nobody"}, "InvalidScope", "ID3082"),
        ({"audience": SHAREPOINT}, "InvalidScope", "ID3082"),
        ({"verb": "Renew"}, "InvalidRequest", "Only tokens can be issued"),
    ],
)
def test_faults_are_in_the_namespace_of_the_endpoint(site, version, change, subcode, text):
    """500, prefix a:, the namespace of the endpoint's version (node-sp-auth issue 77, azure-cli issue 22244)."""
    answer = ask(site, version, **change)
    root = etree.fromstring(answer.body)
    value = root.find(f".//{{{SOAP}}}Subcode/{{{SOAP}}}Value")
    assert (answer.status, value.text, value.nsmap["a"]) == (500, f"a:{subcode}", TRUST_NAMESPACES[version])
    assert root.findtext(f".//{{{SOAP}}}Text").startswith(text)
    assert root.findtext(f".//{{{ADDRESSING}}}RelatesTo") == "urn:uuid:1"


def test_a_relying_party_of_the_estate_gets_its_own_token(make_site):
    """A service on premises is an audience; its token is no key to the cloud; a disabled one is ID3082."""
    party = RelyingParty(name="SharePoint", identifiers=(SHAREPOINT, "https://portal.fabrikam.com/"))
    site = make_site(estate(relying_parties=(party,)))
    for identifier in party.identifiers:
        answer = ask(site, audience=identifier)
        assert f"<saml:Audience>{identifier}</saml:Audience>" in answer.body.decode()
        assert redeem(site, answer)[-1] == 50008
    assert ask(site, user="alice@contoso.com", password="Alice-lab-password-1", audience=SHAREPOINT).status == 200
    assert ask(site, user="alice@contoso.com", password="Alice-lab-password-1").status == 500
    site = make_site(estate(relying_parties=(replace(party, enabled=False),)))
    assert b"ID3082" in ask(site, audience=SHAREPOINT).body


def test_the_page_has_the_names_that_programs_look_for(site, browser):
    """Form loginForm with its action, userNameInput, passwordInput; errorText after a wrong password."""
    target = browser.location(browser.open(login_hint=FRANK)).partition(f"https://{STS}")[2]
    text = site.ask("GET", STS, target).body.decode()
    action = re.search(r'<form method="post" id="loginForm" autocomplete="off" action="([^"]+)"', text)[1]
    assert action.startswith(f"https://{STS}/adfs/ls/?")
    assert re.search(r'<input id="userNameInput" name="UserName"', text)
    assert re.search(r'<input id="passwordInput" name="Password" type="password"', text)
    assert "errorText" not in text
    other = re.search(r'<form id="options"  method="post" action="([^"]+)"', text)[1]
    assert other == action.replace(STS, f"{STS}:443", 1), "DavMail takes this one, and undoes no &amp;"
    assert "&amp;" not in action
    assert LOGIN not in text, "DavMail takes a page with this name for the response"
    back = action.partition(f"https://{STS}")[2]
    wrong = site.ask("POST", STS, back, body=urlencode({"UserName": FRANK, "Password": "x"}).encode())
    assert re.search(r'<span id="errorText">[^<]+</span>', wrong.body.decode())
    right = site.ask("POST", STS, back, body=urlencode({"UserName": FRANK, "Password": PASSWORD}).encode())
    assert (right.status, b"wresult" in right.body) == (302, False)
    cookie = next(value.partition(";")[0] for name, value in right.headers if name == "Set-Cookie")
    assert cookie.startswith("MSISAuth=")
    then = browser.location(right).partition(f"https://{STS}")[2]

    def open_page(target: str = then, given: str = cookie) -> Any:
        return site.ask("GET", STS, target, headers={"Cookie": given})

    for page in (open_page(then.replace("wa=", "client-request-id=other&wa=")), open_page(given=f"{cookie}x")):
        assert b"wresult" not in page.body, "a cookie of another sign-in, a forged one"
    assert b'name="wresult"' in open_page().body
    assert b"wresult" not in open_page().body, "it is good once"


def test_outside_there_are_forms_only(site, browser):
    """Extranet: no redirect to /wia for any browser, no ticket there, no windowstransport; passwords are good."""
    target = browser.location(browser.open(login_hint=FRANK)).partition(f"https://{STS}")[2]
    trident = {"User-Agent": "Trident/7.0"}
    assert site.ask("GET", STS, target, headers=trident).status == 302
    wia = target.replace("/adfs/ls/", "/adfs/ls/wia")
    assert site.ask("GET", STS, wia, headers=site.negotiate(site.FRANK)).status == 200
    assert site.adfs("13", site.FRANK).status == 200
    site.provider.is_off_network = lambda client: client == "desk-1"
    assert b"loginForm" in site.ask("GET", STS, target, headers=trident).body
    assert site.ask("GET", STS, wia, headers=site.negotiate(site.FRANK)).status == 404
    assert site.adfs("13", site.FRANK).status == 404
    assert ask(site).status == 200


def test_mex_lists_what_cannot_be_used(site):
    """MSAL Go issue 98: an endpoint for certificates is listed, is not chosen for a password, and answers 500."""
    text = site.ask("GET", STS, MEX_PATH).body.decode()
    assert "/adfs/services/trust/13/certificatemixed" in text
    assert mex.Mex(text).get_wstrust_username_password_endpoint()["address"].endswith("/13/usernamemixed")
    body = site.rst("13", user=FRANK, password=PASSWORD)
    answer = site.ask("POST", STS, "/adfs/services/trust/13/certificatemixed", body=body)
    assert (answer.status, b"ID3242" in answer.body) == (500, True)


@pytest.mark.parametrize("name", TRUST_ENDPOINTS)
def test_each_endpoint_answers_as_listed(site, name):
    """A password is good at usernamemixed only; elsewhere ID3242 or a challenge, and no token; Kerberos not outside."""
    version, _, kind = name.partition("/")
    body = site.rst(version, user=FRANK, password=PASSWORD)

    def post(path: str) -> Any:
        return site.ask("POST", STS, path, body=body)

    answer = post(f"/adfs/services/trust/{name}")
    expected = {"usernamemixed": 200, "windowstransport": 401, "certificatetransport": 404}.get(kind, 500)
    assert answer.status == expected
    assert (b"ID3242" in answer.body) == (expected == 500)
    site.provider.is_off_network = lambda client: client == "desk-1"
    outside = 404 if kind in ("windowstransport", "kerberosmixed") else expected
    assert post(f"/adfs/services/trust/{name}").status == outside


def test_a_new_ad_fs_has_no_ticket_endpoint_of_ws_trust_13(make_site):
    """Default endpoints of AD FS: 2005/windowstransport alone; the shipped estate has enabled the other by name."""
    new = FederationService(name="x", host="x.example", issuer="http://x.example/adfs/services/trust").endpoints
    assert set(TRUST_ENDPOINTS) - set(new) == {"13/windowstransport"}
    assert "13/windowstransport" in default_estate().federation_services[0].endpoints
    site = make_site(estate(endpoints=new))
    assert (site.adfs("13", site.FRANK).status, site.adfs("2005", site.FRANK).status) == (404, 200)
    assert "13/windowstransport" not in site.ask("GET", STS, MEX_PATH).body.decode()


def test_an_endpoint_that_is_off_is_not_listed_and_does_not_answer(make_site):
    """Set-AdfsEndpoint: the estate says which are enabled; version and kind belong together."""
    site = make_site(estate(endpoints=("2005/usernamemixed",)))
    text = site.ask("GET", STS, MEX_PATH).body.decode()
    assert re.findall(r"<wsa10:Address>https://[^/]+/adfs/services/trust/([^<]+)<", text) == ["2005/usernamemixed"]
    assert (ask(site, "2005").status, ask(site, "13").status) == (200, 404)
    assert site.adfs("2005", site.FRANK).status == 404


def test_an_extra_endpoint_is_listed_and_cannot_be_used(make_site):
    """MSAL Go issue 98: the service lists an endpoint that answers 500, and the client that picks it fails."""
    extra = ExtraEndpoint(kind="usernamemixed", address=f"https://{STS}/idp/sts.wst?TokenProcessorId=u")
    away = ExtraEndpoint(kind="usernamemixed", address="https://elsewhere.example/trust", version="2005")
    site = make_site(estate(extra_endpoints=(extra, away), endpoints=("2005/usernamemixed",)))
    text = site.ask("GET", STS, MEX_PATH).body.decode()
    assert re.findall(r"<wsa10:Address>([^<]+)<", text)[:2] == [extra.address, away.address]
    assert mex.Mex(text).get_wstrust_username_password_endpoint()["address"] == extra.address
    body = site.rst("13", user=FRANK, password=PASSWORD)
    answer = site.ask("POST", STS, "/idp/sts.wst?TokenProcessorId=u", body=body)
    (exchange,) = (each for each in site.events(HttpExchange) if each.path == "/idp/sts.wst")
    assert (answer.status, exchange.step, exchange.auth) == (500, SignInStep.WSTRUST_PASSWORD, "password")
    assert b"RequestedSecurityToken" not in answer.body
    assert site.ask("POST", STS, "/trust", body=body).status == 404
    assert ask(site, "2005").status == 200


TRANSFER = "http://schemas.xmlsoap.org/ws/2004/09/transfer"
GET = (
    f'<s:Envelope xmlns:s="{SOAP}" xmlns:a="{ADDRESSING}"><s:Header><a:Action s:mustUnderstand="1">{TRANSFER}/Get'
    "</a:Action><a:MessageID>urn:uuid:7</a:MessageID></s:Header><s:Body/></s:Envelope>"
)


@pytest.mark.parametrize("form", ["wsdl", "metadata-section"])
def test_mex_by_post(make_site, form):
    """IdentityServer2 issue 878: WS-Transfer Get; the WSDL is in a MetadataSection of the body."""
    site = make_site(estate(mex_form=form))
    answer = site.ask("POST", STS, MEX_PATH, body=GET.encode())
    root = etree.fromstring(answer.body)
    assert (answer.status, root.findtext(f".//{{{ADDRESSING}}}Action")) == (200, f"{TRANSFER}/GetResponse")
    assert root.findtext(f".//{{{ADDRESSING}}}RelatesTo") == "urn:uuid:7"
    assert len(root.findall(f"{{{SOAP}}}Body/{{*}}Metadata/{{*}}MetadataSection/{{*}}definitions")) == 1
    assert site.ask("POST", STS, MEX_PATH, body=site.rst("13")).status == 500


def test_the_wsdl_may_be_nested(make_site):
    """MSAL.NET issue 2152: SiteMinder's form; a parser that looks at the root only finds nothing."""
    site = make_site(estate(mex_form="metadata-section"))
    root = etree.fromstring(site.ask("GET", STS, MEX_PATH).body)
    assert (etree.QName(root).localname, [etree.QName(each).localname for each in root]) == (
        "Metadata", ["MetadataSection"])  # fmt: skip
    assert root.find("{*}MetadataSection/{*}definitions") is not None


def test_a_service_may_have_saml_only(make_site):
    """A realm answer without MEX and active address; no WS-Trust at the host; the page still works."""
    site = make_site(estate(protocol="SAML20"))
    realm = site.get(LOGIN, f"/common/userrealm/{FRANK}?api-version=1.0")
    assert (realm["account_type"], realm["federation_protocol"]) == ("Federated", "SAML20")
    assert not {"federation_metadata_url", "federation_active_auth_url"} & set(realm)
    assert site.ask("GET", STS, MEX_PATH).status == 404
    assert ask(site).status == site.adfs("13", site.FRANK).status == 404


def test_the_token_type_of_an_answer_may_be_another(make_site):
    """ADAL.NET issue 420: Ping and Okta; what is issued is the same."""
    profile = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#SAMLV1.1"
    site = make_site(estate(token_type=profile))
    answer = ask(site)
    assert f"<trust:TokenType>{profile}</trust:TokenType>" in answer.body.decode()
    assert redeem(site, answer) == []


@pytest.mark.parametrize(
    ("per_domain", "trusted", "expected"),
    [
        (False, None, []),
        (True, "http://fabrikam.com/adfs/services/trust/", []),
        (True, None, [50107]),
        (False, "http://fabrikam.com/adfs/services/trust/", [50107]),
    ],
)
def test_the_issuer_is_that_of_the_domain(make_site, per_domain, trusted, expected):
    """SupportMultipleDomain: both sides must say the same, else 50107 (mandiant/ADFSpoof issue 6)."""
    site = make_site(estate({"federation_issuer": trusted}, issuer_per_domain=per_domain))
    assert redeem(site, ask(site)) == expected


def test_an_issuer_is_good_for_its_own_domain(make_site):
    """The issuer of one domain does not vouch for users of another, though the service and its key are the same."""
    known = estate({"federation_issuer": "http://fabrikam.com/adfs/services/trust/"}, issuer_per_domain=False)
    other = Domain(name="other.example", kind="federated", federation="fabrikam-sts")
    tenants = tuple(replace(t, domains=(*t.domains, other)) if t.desktop_sso else t for t in known.tenants)
    site = make_site(replace(known, tenants=tenants))
    assert redeem(site, ask(site)) == [50034]


@pytest.mark.parametrize(
    ("rules", "expected"),
    [({}, []), ({"upn_claim": "none"}, []), ({"name_id": "none"}, [90020]), ({"name_id": "upn"}, [51004])],
)
def test_claim_rules_decide_what_the_cloud_sees(make_site, rules, expected):
    """Without ImmutableID 90020; with the name in its place 51004; the UPN claim is not needed."""
    site = make_site(estate(**rules))
    assert redeem(site, ask(site)) == expected


def test_federation_metadata_has_the_key(site):
    """The certificate that verifies the assertions, and the page for browsers."""
    answer = site.ask("GET", STS, "/FederationMetadata/2007-06/FederationMetadata.xml")
    root = etree.fromstring(answer.body)
    key = site.provider.keys.federation["fabrikam-sts"]
    found = {each.text for each in root.iter("{http://www.w3.org/2000/09/xmldsig#}X509Certificate")}
    assert found == {key.certificate_base64}
    assert base64.b64decode(found.pop())
    assert (root.get("entityID"), f"https://{STS}/adfs/ls/" in answer.body.decode()) == (
        "http://sts.fabrikam.com/adfs/services/trust", True)  # fmt: skip
