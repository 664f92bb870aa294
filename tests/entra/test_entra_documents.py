"""Realm discovery, credential type, instance discovery, key set and MEX."""

import json
import uuid
from urllib.parse import quote

import pytest
from lxml import etree

from ssosim.entra import ClientRule, Settings
from ssosim.entra.wstrust.mex import MexEndpoint, render_mex
from ssosim.estate.trust_endpoints import TRUST_ENDPOINTS

MEX = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/trust/mex?client-request-id="
STS_WITH_CERTIFICATES = "sts.fabrikam.com:49443"
HEADERS = ["x-client-Ver", "x-client-SKU", "x-client-OS"]


def realm(site, login, **headers):
    """The v1 answer for a login."""
    return site.get(site.LOGIN, f"/common/userrealm/{login}?api-version=1.0", **headers)


def test_what_is_no_utf8_is_no_error(site):
    """Bytes of a request that a document repeats become replacement characters; found by fuzzing."""
    for login in ("a%F4b@contoso.com", "a\udcf4b@contoso.com"):
        answer = site.get(site.LOGIN, f"/common/userrealm/{login}?api-version=2.1")
        assert answer["Login"] == "a\ufffdb@contoso.com"


@pytest.mark.parametrize("header", HEADERS)
def test_one_client_header_turns_managed_into_federated(site, header):
    """Any one of the three x-client headers brings the desktop-SSO answer, none of them Managed (protocol 0.2, 1)."""
    managed = realm(site, "alice@contoso.com")
    assert managed == {
        "ver": "1.0",
        "account_type": "Managed",
        "domain_name": "contoso.com",
        "cloud_instance_name": "microsoftonline.com",
        "cloud_audience_urn": "urn:federation:MicrosoftOnline",
    }
    federated = realm(site, "alice@contoso.com", **{header.upper(): "x"})
    assert federated["account_type"] == "Federated"
    assert federated["federation_protocol"] == "WSTrust"
    assert federated["federation_metadata_url"].startswith(MEX)
    assert "/winauth/trust/2005/usernamemixed?client-request-id=" in federated["federation_active_auth_url"]


def test_values_of_the_headers_can_matter(make_site):
    """The reported exception (SKU java, version 1.1.1 gets Managed) is a setting (protocol 0.2, 2)."""
    rule = ClientRule(managed=frozenset({("java", "1.1.1"), ("old", "*")}))
    site = make_site(settings=Settings(client_rule=rule))

    def kind(sku, version):
        headers = {"x-client-SKU": sku, "x-client-Ver": version}
        return realm(site, "alice@contoso.com", **headers)["account_type"]

    assert kind("java", "1.1.1") == kind("Old", "9") == "Managed"
    assert kind("java", "1.1.2") == kind("MSAL.Desktop", "4.60") == "Federated"


def test_tenant_without_seamless_sso_stays_managed(site):
    """The header changes nothing where Seamless SSO is off."""
    assert realm(site, "lena@litware.example", **{"x-client-SKU": "MSAL.Desktop"})["account_type"] == "Managed"


@pytest.mark.parametrize("login", ["bob@nowhere.example", "contoso.com", "@", "bob"])
def test_unknown_realm(site, login):
    """A domain that no tenant has, or no domain at all, is Unknown with status 200."""
    answer = realm(site, quote(login))
    assert (answer["ver"], answer["account_type"]) == ("1.0", "Unknown")
    assert "domain_name" not in answer


@pytest.mark.parametrize(
    "path",
    [
        "/common/userrealm/alice@contoso.com",
        "/common/UserRealm/ALICE%40contoso.com",
        "/COMMON/userrealm/alice%40Contoso.com",
    ],
)
def test_path_is_case_insensitive_and_takes_both_ats(site, path):
    """All spellings of the path that clients use reach the same answer (protocol 1.1)."""
    assert site.get(site.LOGIN, path + "?api-version=1.0")["domain_name"] == "contoso.com"


def test_request_id_is_in_the_urls(site):
    """The caller's client-request-id comes back in the MEX URL; free text does not."""
    own = str(uuid.uuid4())
    headers = {"x-client-SKU": "MSAL.Desktop"}
    url = realm(site, "a@contoso.com", **headers, **{"client-request-id": own})["federation_metadata_url"]
    assert url == MEX + own
    url = realm(site, "a@contoso.com", **headers, **{"client-request-id": "<script>"})["federation_metadata_url"]
    assert uuid.UUID(url.rpartition("=")[2])


def test_page_realm_answers(site):
    """v2.0 and 2.1: name space, brand, is_dsso_enabled; an unknown domain gets three fields (protocol 1.3)."""
    for version in ("2.0", "2.1"):
        answer = site.get(site.LOGIN, f"/common/userrealm/?user=alice@contoso.com&api-version={version}")
        assert (answer["NameSpaceType"], answer["is_dsso_enabled"]) == ("Managed", True)
        assert answer["FederationBrandName"] == "Contoso"
    federated = site.get(site.LOGIN, "/common/userrealm/frank@fabrikam.com?api-version=2.1")
    assert (federated["NameSpaceType"], federated["AuthURL"]) == ("Federated", "https://sts.fabrikam.com/adfs/ls/")
    assert "is_dsso_enabled" not in site.get(site.LOGIN, "/common/userrealm/?user=l@litware.example&api-version=2.1")
    unknown = site.get(site.LOGIN, "/common/userrealm/?user=x@nowhere.example&api-version=2.1")
    assert set(unknown) == {"NameSpaceType", "Login", "cloud_instance_name"}


@pytest.mark.parametrize(
    ("login", "state", "kind"),
    [("a@contoso.com", 4, "Managed"), ("a@fabrikam.com", 3, "Federated"), ("a@x.example", 1, "Unknown")],
)
def test_srf_realm(site, login, state, kind):
    """GetUserRealm.srf gives State 4, 3 or 1 (protocol 1.4)."""
    answer = site.get(site.LOGIN, f"/GetUserRealm.srf?login={login}&xml=0")
    assert (answer["State"], answer["NameSpaceType"], answer["Login"]) == (state, kind, login)


def test_realm_without_a_user_is_an_error(site):
    """No login, or an api-version that nobody has, is a 400 with its code."""
    assert site.ask("GET", site.LOGIN, "/common/userrealm").code == 900144
    assert site.ask("GET", site.LOGIN, "/GetUserRealm.srf").code == 900144
    assert site.ask("GET", site.LOGIN, "/common/userrealm/a@contoso.com?api-version=7").code == 9002313


@pytest.mark.parametrize(
    ("username", "exists", "domain_type", "dsso"),
    [
        ("alice@contoso.com", 0, 3, True),
        ("nn@contoso.com", 1, 3, True),
        ("frank@fabrikam.com", 0, 4, True),
        ("lena@litware.example", 0, 3, None),
        ("x@nowhere.example", 1, None, None),
    ],
)
def test_credential_type(site, username, exists, domain_type, dsso):
    """GetCredentialType: DesktopSsoEnabled only where it is on; IfExistsResult per user (protocol 1.5)."""
    answer = json.loads(
        site.ask(
            "POST", site.LOGIN, "/common/GetCredentialType?mkt=en-US", body=json.dumps({"username": username}).encode()
        ).body
    )
    assert answer["IfExistsResult"] == exists
    assert answer["EstsProperties"].get("DomainType") == domain_type
    assert answer["EstsProperties"].get("DesktopSsoEnabled") is dsso
    assert answer["Credentials"]["PrefCredential"] == (4 if domain_type == 4 else 1)


@pytest.mark.parametrize("body", [b"", b"[]", b'{"username": 5}', b"{", b"[" * 5000])
def test_credential_type_with_bad_json(site, body):
    """Anything but an object with a username is a 400."""
    assert site.ask("POST", site.LOGIN, "/common/GetCredentialType", body=body).status == 400


def test_instance_discovery(site):
    """Known host: aliases and the tenant's discovery URL; version 1.0 without aliases (protocol 2.1)."""
    query = "api-version=1.1&authorization_endpoint=https://login.microsoftonline.com/contoso.com/oauth2/v2.0/authorize"
    answer = site.get(site.LOGIN, f"/common/discovery/instance?{query}")
    assert answer["tenant_discovery_endpoint"].endswith("/contoso.com/v2.0/.well-known/openid-configuration")
    entry = answer["metadata"][0]
    assert entry["preferred_network"] == "login.microsoftonline.com"
    assert entry["preferred_cache"] == "login.windows.net"
    assert "sts.windows.net" in entry["aliases"]
    assert "metadata" not in site.get(site.LOGIN, f"/common/discovery/instance?{query.replace('1.1', '1.0')}")


@pytest.mark.parametrize(
    "endpoint", ["https://evil.example/common/oauth2/authorize", "http://login.microsoftonline.com/x", "//[", "x"]
)
def test_instance_discovery_of_an_unknown_host(site, endpoint):
    """A host that is not a login host: 400 invalid_instance, 50049 (protocol 2.1)."""
    answer = site.ask(
        "GET", site.LOGIN, f"/common/discovery/instance?api-version=1.1&authorization_endpoint={quote(endpoint)}"
    )
    body = json.loads(answer.body)
    assert (answer.status, body["error"], body["error_codes"]) == (400, "invalid_instance", [50049])


@pytest.mark.parametrize("name", ["contoso.com", "contoso.onmicrosoft.com", "5F0C9A66-0C2F-4C83-9D27-3B6F1D2A9E10"])
def test_openid_configuration_has_the_tenants_guid(site, name):
    """Whatever name was asked for, endpoints and issuer hold the GUID (protocol 2.2)."""
    guid = "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"
    v2 = site.get(site.LOGIN, f"/{name}/v2.0/.well-known/openid-configuration")
    assert v2["token_endpoint"] == f"https://login.microsoftonline.com/{guid}/oauth2/v2.0/token"
    assert v2["issuer"] == f"https://login.microsoftonline.com/{guid}/v2.0"
    assert v2["jwks_uri"].endswith(f"/{guid}/discovery/v2.0/keys")
    v1 = site.get(site.LOGIN, f"/{name}/.well-known/openid-configuration")
    assert v1["issuer"] == f"https://sts.windows.net/{guid}/"
    assert v1["token_endpoint"].endswith(f"/{guid}/oauth2/token")


def test_shared_openid_configuration(site):
    """Common keeps its name, and the issuer has a placeholder for the tenant."""
    body = site.get(site.LOGIN, "/common/v2.0/.well-known/openid-configuration")
    assert body["issuer"] == "https://login.microsoftonline.com/{tenantid}/v2.0"
    assert "/common/oauth2/v2.0/authorize" in body["authorization_endpoint"]


def test_key_sets(site):
    """Both versions serve the same key; v2 adds the issuer."""
    v1, v2 = site.get(site.LOGIN, "/common/discovery/keys"), site.get(site.LOGIN, "/common/discovery/v2.0/keys")
    assert v1["keys"][0].items() <= v2["keys"][0].items()
    assert {"kty", "use", "kid", "x5t", "n", "e", "x5c"} == set(v1["keys"][0])


NS = {
    "wsdl": "http://schemas.xmlsoap.org/wsdl/",
    "wsp": "http://schemas.xmlsoap.org/ws/2004/09/policy",
    "http": "http://schemas.microsoft.com/ws/06/2004/policy/http",
    "soap12": "http://schemas.xmlsoap.org/wsdl/soap12/",
    "wsa10": "http://www.w3.org/2005/08/addressing",
    "wsu": "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd",
    "sp12": "http://docs.oasis-open.org/ws-sx/ws-securitypolicy/200702",
    "sp05": "http://schemas.xmlsoap.org/ws/2005/07/securitypolicy",
}
ACTIONS = {
    "http://schemas.xmlsoap.org/ws/2005/02/trust/RST/Issue": "2005",
    "http://docs.oasis-open.org/ws-sx/ws-trust/200512/RST/Issue": "13",
}


KINDS = {"X509Token": "certificatemixed", "KerberosToken": "kerberosmixed", "IssuedToken": "issuedtoken"}


def read_mex(document):
    """The strictest of all known parsers' rules at once (protocol 3.3); (kind, version) -> address."""
    root = etree.fromstring(document)
    assert root.tag == f"{{{NS['wsdl']}}}definitions"
    policies = {}
    for policy in root.findall("wsp:Policy", NS):
        alternative = policy.find("wsp:ExactlyOne/wsp:All", NS)
        (transport,) = alternative.xpath("sp12:TransportBinding|sp05:TransportBinding", namespaces=NS)
        assert "sp" in transport.nsmap.keys() - alternative.nsmap.keys()  # MSAL Go reads the declaration itself
        username = alternative.xpath(
            "(sp05:SignedSupportingTokens/wsp:Policy/sp05:UsernameToken/wsp:Policy/sp05:WssUsernameToken10)"
            "|(sp12:SignedEncryptedSupportingTokens/wsp:Policy/sp12:UsernameToken/wsp:Policy/sp12:WssUsernameToken10)",
            namespaces=NS,
        )
        windows = alternative.find("http:NegotiateAuthentication", NS)
        tokens = alternative.xpath(
            "sp05:EndorsingSupportingTokens/wsp:Policy/*|sp12:EndorsingSupportingTokens/wsp:Policy/*", namespaces=NS
        )
        by_certificate = alternative.xpath("*//*[@RequireClientCertificate='true']")
        assert [bool(username), windows is not None, bool(tokens), bool(by_certificate)].count(True) == 1
        name = policy.get(f"{{{NS['wsu']}}}Id")
        assert name not in policies
        kind = (
            KINDS[etree.QName(tokens[0]).localname] if tokens else "usernamemixed" if username else "windowstransport"
        )
        if kind == "issuedtoken":
            kind += "mixedasymmetric" if b"/PublicKey" in etree.tostring(tokens[0]) else "mixedsymmetric"
            kind += "basic256"
        policies[name] = "certificatetransport" if by_certificate else kind
    assert document.count(b"wsu:Id=") == len(policies)
    bindings = {}
    for binding in root.findall("wsdl:binding", NS):
        reference = binding.find("wsp:PolicyReference", NS).get("URI")
        assert reference.startswith("#")
        assert binding.find("soap12:binding", NS).get("transport") == "http://schemas.xmlsoap.org/soap/http"
        action = binding.find("wsdl:operation/soap12:operation", NS).get("soapAction")
        bindings[binding.get("name")] = (policies[reference[1:]], ACTIONS[action])
    endpoints = {}
    for port in root.findall("wsdl:service/wsdl:port", NS):
        prefix, name = port.get("binding").split(":")
        address = port.find("wsa10:EndpointReference/wsa10:Address", NS).text
        assert address.startswith("https://")
        assert prefix in root.nsmap
        endpoints[bindings[name]] = address
    assert len(endpoints) == len(bindings) == len(policies)
    return endpoints


def test_autologon_mex(site):
    """The cloud offers windowstransport and usernamemixed of 2005 and nothing else (TMS9-012, TMS9-014)."""
    own = str(uuid.uuid4())
    answer = site.ask("GET", site.AUTOLOGON, f"/Contoso.com/winauth/trust/mex?client-request-id={own}")
    base = "https://autologon.microsoftazuread-sso.com/contoso.com/winauth/trust/2005"
    assert read_mex(answer.body) == {
        ("windowstransport", "2005"): f"{base}/windowstransport?client-request-id={own}",
        ("usernamemixed", "2005"): f"{base}/usernamemixed?client-request-id={own}",
    }
    assert answer.content_type.startswith("text/xml")


def test_mex_without_query(site):
    """MSAL Go drops the query: the document comes all the same, with a request id of its own (protocol 3.4)."""
    first, second = (site.ask("GET", site.AUTOLOGON, "/contoso.com/winauth/trust/mex").body for _ in range(2))
    assert read_mex(first).keys() == read_mex(second).keys()
    assert first != second


def test_federation_mex(site):
    """AD FS lists all its endpoints, also those for certificates, Kerberos and issued tokens, which nobody can use."""
    endpoints = read_mex(site.ask("GET", site.STS, "/adfs/services/trust/mex").body)
    assert {f"{version}/{kind}" for kind, version in endpoints} == set(TRUST_ENDPOINTS)
    for (kind, version), address in endpoints.items():
        host = STS_WITH_CERTIFICATES if kind == "certificatetransport" else site.STS
        assert address == f"https://{host}/adfs/services/trust/{version}/{kind}"


def test_mex_escapes_addresses():
    """An address with an ampersand stays well-formed."""
    document = render_mex((MexEndpoint("usernamemixed", "2005", 'https://x.example/?a=1&b="2"'),))
    assert list(read_mex(document.encode()).values()) == ['https://x.example/?a=1&b="2"']


def test_other_trust_verbs_are_faults(site):
    """The STS issues; it does not validate, renew or cancel (TMS9-013)."""
    for verb in ("Validate", "Renew", "Cancel"):
        assert site.windows(site.ALICE, body=site.rst(verb=verb)).code == 81016
    assert site.windows(site.ALICE, body=site.rst("13")).code == 81016
    assert site.windows(site.ALICE, body=site.rst(audience="urn:somebody:else")).code == 81016


def test_blanks_before_the_declaration_are_tolerated(site):
    """AADInternals sends spaces before the XML declaration, and no SOAPAction (protocol 4.2)."""
    body = b"  \r\n<?xml version='1.0' encoding='utf-8'?>" + site.rst()
    assert site.windows(site.ALICE, body=body).status == 200


def test_rstr_shape(site):
    """TokenType is exactly the SAML 1.0 URN; the token is un-namespaced; the assertion stands alone (protocol 4.4)."""
    answer = site.windows(site.ALICE)
    assert answer.content_type == "application/soap+xml; charset=utf-8"
    root = etree.fromstring(answer.body)
    trust = "{http://schemas.xmlsoap.org/ws/2005/02/trust}"
    (response,) = root.find("{http://www.w3.org/2003/05/soap-envelope}Body")
    assert response.tag == f"{trust}RequestSecurityTokenResponse"
    assert response.find(f"{trust}TokenType").text == "urn:oasis:names:tc:SAML:1.0:assertion"
    assert root.find(".//DesktopSsoToken").text
    alone = etree.fromstring(site.extract_assertion(answer))
    assert alone.tag == "{urn:oasis:names:tc:SAML:1.0:assertion}Assertion"


def test_fault_shape(site):
    """What each known parser wants of a fault is there: S: prefix, Subcode with a colon, psf:text (protocol 4.5)."""
    answer = site.mixed("alice@contoso.com", "wrong")
    root = etree.fromstring(answer.body)
    ns = {
        "S": "http://www.w3.org/2003/05/soap-envelope",
        "psf": "http://schemas.microsoft.com/Passport/SoapServices/SOAPFault",
    }
    fault = root.find("S:Body/S:Fault", ns)
    assert fault.findtext("S:Code/S:Value", namespaces=ns) == "S:Sender"
    assert fault.findtext("S:Code/S:Subcode/S:Value", namespaces=ns) == "wst:FailedAuthentication"
    assert fault.findtext("S:Reason/S:Text", namespaces=ns) == "Authentication Failure"
    error = fault.find("S:Detail/psf:error", ns)
    assert error.findtext("psf:value", namespaces=ns) == "0x80048821"
    assert error.findtext("psf:internalerror/psf:text", namespaces=ns).startswith("AADSTS50126: ")
    assert root.findtext("S:Header/psf:pp/psf:reqstatus", namespaces=ns) == "0x80048821"


def test_browser_single_sign_on(site):
    """/winauth/sso: 401 with CORS headers, then the raw token; ssoprobe challenges too (protocol 6.2)."""
    origin = {"Origin": "https://login.microsoftonline.com"}
    target = "/contoso.com/winauth/sso?desktopsso=true&isAdalRequest=False"
    challenged = site.ask("GET", site.AUTOLOGON, target, headers=origin)
    headers = dict(challenged.headers)
    assert (challenged.status, headers["WWW-Authenticate"]) == (401, "Negotiate")
    assert headers["Access-Control-Allow-Origin"] == "https://login.microsoftonline.com"
    assert headers["Access-Control-Allow-Credentials"] == "true"
    good = site.ask("GET", site.AUTOLOGON, target, headers=origin | site.negotiate(site.ALICE))
    assert (good.status, good.content_type) == (200, "text/plain; charset=utf-8")
    assert len(good.body) > 100
    assert b"<" not in good.body
    assert (
        dict(site.ask("GET", site.AUTOLOGON, target, headers={"Origin": "https://evil.example"}).headers)[
            "Access-Control-Allow-Origin"
        ]
        == "https://login.microsoftonline.com"
    )
    bad = site.ask("GET", site.AUTOLOGON, target, headers=site.negotiate("refuse:expired"))
    assert (bad.status, bad.body[:11]) == (403, b"AADSTS81010")
    probe = "/contoso.com/winauth/ssoprobe?client-request-id=1"
    assert site.ask("GET", site.AUTOLOGON, probe).status == 401
    assert site.ask("GET", site.AUTOLOGON, probe, headers=site.negotiate(site.ALICE)).status == 200
    assert site.ask("OPTIONS", site.AUTOLOGON, target, headers=origin).status == 204


def test_dsso_status(site):
    """The page's report gets a fresh canary."""
    body = b'{"resultCode":"0","ssoDelay":"200","log":null}'
    assert json.loads(site.ask("POST", site.LOGIN, "/common/instrumentation/dssostatus", body=body).body)["apiCanary"]
