"""The silent sign-in over real sockets: names by DNS, tickets by krb5kdc, judged by GSS-API, tokens verified."""

from __future__ import annotations

import base64
import json
from urllib.parse import urlsplit

import jwt
import pytest
from lxml import etree

from ssosim.trace import DnsAnswered, HttpExchange, KdcExchange, TicketChecked, TokenIssued

PROPER = {"x-client-SKU": "MSAL.Desktop", "x-client-Ver": "4.66.0.0", "x-client-OS": "Windows 11"}
TENANT = "5f0c9a66-0c2f-4c83-9d27-3b6f1d2a9e10"
ALICE = "0a1f5c1e-6f0d-4a6c-9a1d-111111111111"
WSDL, XSD = "{http://schemas.xmlsoap.org/wsdl/}", "{http://www.w3.org/2001/XMLSchema}"
WSP = "{http://schemas.xmlsoap.org/ws/2004/09/policy}"
WSU_ID = "{http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd}Id"


@pytest.mark.parametrize("v1", [False, True], ids=["v2", "v1"])
@pytest.mark.parametrize("assertion_kind", ["desktop-sso-token", "signed-saml"])
def test_whole_silent_sign_in(sites, desk_of, assertion_kind, v1):
    """Realm, MEX, 401, ticket, RSTR, saml1_1-bearer, tokens that verify, refresh (TMS9-011 to TMS9-018)."""
    desk = desk_of(sites[assertion_kind])
    realm = desk.realm("alice@contoso.com", **PROPER)
    assert (realm["account_type"], realm["federation_protocol"]) == ("Federated", "WSTrust")
    transport = desk.mex(realm["federation_metadata_url"])["2005/windowstransport"]
    challenge = desk.trust(transport)
    assert (challenge.status, challenge.headers.get_all("WWW-Authenticate"), challenge.body) == (
        401,
        ["Negotiate"],
        b"",
    )
    reply = desk.trust(transport, token=desk.token())
    assertion = desk.assertion_in(reply)
    assert ("DesktopSsoToken" in assertion) == (assertion_kind == "desktop-sso-token")
    assert ("SignatureValue" in assertion) == (assertion_kind == "signed-saml")
    given = desk.redeem(assertion, v1=v1)
    assert given.status == 200, given.body
    assert given.headers["Cache-Control"] == "no-store, no-cache"
    tokens = given.json
    numbers = [tokens["expires_in"], tokens["ext_expires_in"]]
    assert all(isinstance(number, str if v1 else int) for number in numbers)
    assert ("resource" in tokens) == v1
    access = desk.verified(tokens["access_token"], desk.GRAPH)
    identity = desk.verified(tokens["id_token"], desk.CLI)
    assert (access["oid"], access["tid"], access["amr"]) == (ALICE, TENANT, ["wia"])
    assert identity["upn" if v1 else "preferred_username"] == "alice@contoso.com"
    assert access["iss"] == f"https://sts.windows.net/{TENANT}/"  # Graph wants version 1.0, by both endpoints
    again = desk.grant(grant_type="refresh_token", refresh_token=tokens["refresh_token"], v1=v1).json
    assert again["refresh_token"] != tokens["refresh_token"]
    assert desk.verified(again["access_token"], desk.GRAPH)["oid"] == ALICE


def test_trace_has_every_step_with_its_client(start_lab, desk_of):
    """The trace has each DNS answer, TGS request, ticket, exchange and token in order, under the client's name."""
    desk = desk_of(start_lab())
    realm = desk.realm("alice@contoso.com", **PROPER)
    transport = desk.mex(realm["federation_metadata_url"])["2005/windowstransport"]
    desk.trust(transport)
    assertion = desk.assertion_in(desk.trust(transport, token=desk.token()))
    desk.redeem(assertion)
    records = [record for record in desk.site.lab.trace if record.client == desk.name]
    wire = [record.event for record in records if not isinstance(record.event, DnsAnswered)]
    kinds = [
        HttpExchange, HttpExchange, HttpExchange,  # realm, MEX, challenge
        KdcExchange, KdcExchange, KdcExchange,  # AS without and with preauthentication, TGS
        TicketChecked, TokenIssued, HttpExchange,  # RSTR
        TokenIssued, TokenIssued, TokenIssued, HttpExchange,  # access, refresh, id token
    ]  # fmt: skip
    assert [type(event) for event in wire] == kinds
    assert [(e.request, e.outcome) for e in desk.events(KdcExchange)] == [
        ("AS", "KDC_ERR_PREAUTH_REQUIRED"),
        ("AS", "issued"),
        ("TGS", "issued"),
    ]
    assert desk.events(KdcExchange)[2].service == desk.SPN
    ticket = desk.events(TicketChecked)[0]
    assert (ticket.accepted, ticket.mechanism) == (True, "kerberos")
    assert (ticket.principal, ticket.service) == ("alice@CORP.CONTOSO.COM", f"{desk.SPN}@CORP.CONTOSO.COM")
    assert [(e.host, e.status, e.auth) for e in desk.events(HttpExchange)] == [
        (desk.LOGIN, 200, "none"),
        (desk.AUTOLOGON, 200, "none"),
        (desk.AUTOLOGON, 401, "none"),
        (desk.AUTOLOGON, 200, "kerberos"),
        (desk.LOGIN, 200, "none"),
    ]
    assert [(e.kind, e.grant, e.subject) for e in desk.events(TokenIssued)] == [
        ("assertion", "kerberos", "alice@contoso.com"),
        ("access", "saml1_1-bearer", "alice@contoso.com"),
        ("refresh", "saml1_1-bearer", "alice@contoso.com"),
        ("id", "saml1_1-bearer", "alice@contoso.com"),
    ]
    asked = {(e.name, e.type, e.rcode) for e in desk.events(DnsAnswered)}
    assert asked == {(desk.LOGIN, "A", "NOERROR"), (desk.AUTOLOGON, "A", "NOERROR")}
    everything = [record.seq for record in desk.site.lab.trace]
    assert everything == list(range(1, len(everything) + 1))


def test_answer_proves_the_server(desk):
    """A client that asked for mutual authentication gets the acceptor's token in the 200."""
    scheme, _, token = desk.windows(desk.token(mutual=True)).headers["WWW-Authenticate"].partition(" ")
    assert scheme == "Negotiate"
    assert base64.b64decode(token, validate=True)


def test_header_decides_the_realm_answer(desk):
    """One x-client header makes a managed user Federated; none leaves Managed; a federated domain does not care."""
    assert desk.realm("alice@contoso.com")["account_type"] == "Managed"
    for name in PROPER:
        assert desk.realm("alice@contoso.com", **{name: "x"})["account_type"] == "Federated"
    assert desk.realm("lena@litware.example", **PROPER)["account_type"] == "Managed"
    assert desk.realm("x@nowhere.example", **PROPER)["account_type"] == "Unknown"
    for headers in ({}, PROPER):
        assert urlsplit(desk.realm("frank%40fabrikam.com", **headers)["federation_metadata_url"]).hostname == desk.STS


@pytest.mark.parametrize("version", ["2005", "13"])
@pytest.mark.parametrize("way", ["ticket", "password"])
def test_federated_domain_at_its_own_sts(desk, version, way):
    """Frank: the MEX of his own STS, a ticket for it or his password, a signed SAML 1.1 assertion, tokens."""
    addresses = desk.mex(desk.realm("frank@fabrikam.com")["federation_metadata_url"])
    if way == "ticket":
        url = addresses[f"{version}/windowstransport"]
        assert desk.trust(url, version).status == 401
        reply = desk.trust(url, version, token=desk.token("HTTP/sts.fabrikam.com", "frank"))
    else:
        url = addresses[f"{version}/usernamemixed"]
        reply = desk.trust(url, version, user="frank@fabrikam.com", password="Frank-lab-password-1")
    assertion = desk.assertion_in(reply)
    assert (b"RequestSecurityTokenResponseCollection" in reply.body) == (version == "13")
    assert 'Issuer="http://sts.fabrikam.com/adfs/services/trust"' in assertion
    tokens = desk.redeem(assertion).json
    access = desk.verified(tokens["access_token"], desk.GRAPH)
    assert (access["upn"], access["amr"]) == (
        "frank@fabrikam.com",
        ["wia" if way == "ticket" else "pwd"],
    )


def test_usernamemixed_at_autologon(desk):
    """A password in the envelope earns a DesktopSsoToken good for tokens; a wrong one is a fault with 50126."""
    realm = desk.realm("alice@contoso.com", **PROPER)
    url = desk.mex(realm["federation_metadata_url"])["2005/usernamemixed"]
    assert url.partition("?")[0] == realm["federation_active_auth_url"].partition("?")[0]
    reply = desk.trust(url, user="alice@contoso.com", password="Alice-lab-password-1")
    assert desk.redeem(desk.assertion_in(reply)).status == 200
    refused = desk.trust(url, user="alice@contoso.com", password="wrong & <odd>")
    assert (refused.status, refused.codes) == (400, [50126])
    assert refused.fault.startswith("AADSTS50126: ")
    assert b"odd" not in refused.body
    assert [e.auth for e in desk.events(HttpExchange)][-3:] == ["password", "none", "password"]


@pytest.mark.parametrize("origin", ["https://login.microsoftonline.com", "https://evil.example", None])
def test_browser_addresses_and_cors(desk, origin):
    """/winauth/sso and ssoprobe: preflight, challenge and success carry CORS headers for the sign-in page alone."""
    headers = {} if origin is None else {"Origin": origin}
    base = f"https://{desk.AUTOLOGON}/contoso.com/winauth"
    for page in ("sso", "ssoprobe"):
        asked = headers | {"Access-Control-Request-Method": "GET"}
        replies = [
            desk.ask("OPTIONS", f"{base}/{page}", asked),
            desk.ask("GET", f"{base}/{page}?desktopsso=true&isAdalRequest=False", headers),
            desk.ask(
                "GET", f"{base}/{page}?desktopsso=true&isAdalRequest=False", headers | desk.negotiate(desk.token())
            ),
        ]
        assert [reply.status for reply in replies] == [204, 401, 200]
        assert replies[1].headers["WWW-Authenticate"] == "Negotiate"
        for reply in replies:
            assert reply.headers["Access-Control-Allow-Origin"] == "https://login.microsoftonline.com"
            assert reply.headers["Access-Control-Allow-Credentials"] == "true"
        if page == "sso":
            assert replies[2].headers["Content-Type"].startswith("text/plain")
            assert len(replies[2].body.split()) == 1
    refused = desk.ask("GET", f"{base}/sso", headers | {"Authorization": "Negotiate !"})
    assert (refused.status, refused.codes) == (403, [81009])


def test_realm_discovery_of_the_sign_in_page(desk):
    """v2.0 and v2.1: NameSpaceType and is_dsso_enabled; an unknown domain gets three fields."""
    for version in ("2.0", "2.1"):
        url = f"https://{desk.LOGIN}/common/userrealm/?api-version={version}&user="
        managed = desk.ask("GET", url + "alice@contoso.com").json
        assert (managed["NameSpaceType"], managed["is_dsso_enabled"], managed["DomainName"]) == (
            "Managed",
            True,
            "contoso.com",
        )
        federated = desk.ask("GET", url + "frank%40fabrikam.com").json
        assert federated["NameSpaceType"] == "Federated"
        assert urlsplit(federated["AuthURL"]).hostname == desk.STS
        assert "is_dsso_enabled" not in desk.ask("GET", url + "lena@litware.example").json
        unknown = desk.ask("GET", url + "x@nowhere.example").json
        assert set(unknown) == {"NameSpaceType", "Login", "cloud_instance_name"}


def test_old_realm_page(desk):
    """GetUserRealm.srf: State 4 managed, 3 federated, 1 unknown."""
    states = [
        desk.ask("GET", f"https://{desk.LOGIN}/GetUserRealm.srf?login={login}").json["State"]
        for login in ("alice@contoso.com", "frank@fabrikam.com", "x@nowhere.example")
    ]
    assert states == [4, 3, 1]


def test_credential_type(desk):
    """GetCredentialType: DesktopSsoEnabled for a tenant with Seamless SSO, absent without; who exists and federates."""

    def ask(username):
        body = json.dumps({"username": username}).encode()
        headers = {"Content-Type": "application/json"}
        return desk.ask("POST", f"https://{desk.LOGIN}/common/GetCredentialType?mkt=en-US", headers, body).json

    assert ask("nn@contoso.com")["EstsProperties"]["DesktopSsoEnabled"] is True
    assert "DesktopSsoEnabled" not in ask("lena@litware.example")["EstsProperties"]
    assert [ask(name)["IfExistsResult"] for name in ("alice@contoso.com", "nobody@contoso.com")] == [0, 1]
    federated = ask("frank@fabrikam.com")
    assert federated["Credentials"]["PrefCredential"] == 4
    assert urlsplit(federated["Credentials"]["FederationRedirectUrl"]).hostname == desk.STS


def test_instance_discovery(desk):
    """Aliases for the cloud's hosts, asked at any of them; a foreign host is 400 invalid_instance 50049."""
    question = "/common/discovery/instance?api-version=1.1&authorization_endpoint="
    for host in desk.site.lab.estate.cloud.login_hosts:
        answer = desk.ask("GET", f"https://{host}{question}https://{host}/common/oauth2/v2.0/authorize").json
        assert answer["tenant_discovery_endpoint"].startswith(f"https://{host}/common/v2.0/")
        assert set(answer["metadata"][0]["aliases"]) == set(desk.site.lab.estate.cloud.login_hosts)
    reply = desk.ask("GET", f"https://{desk.LOGIN}{question}https://login.evil.example/common/oauth2/authorize")
    assert (reply.status, reply.json["error"], reply.codes) == (400, "invalid_instance", [50049])


@pytest.mark.parametrize("name", ["contoso.com", "contoso.onmicrosoft.com", TENANT, TENANT.upper()])
def test_openid_configuration_names_the_tenant_by_guid(desk, name):
    """Whatever the tenant is called, its endpoints hold its GUID, and its keys are where it says."""
    for path, keys in (("/v2.0", "/discovery/v2.0/keys"), ("", "/discovery/keys")):
        answer = desk.ask("GET", f"https://{desk.LOGIN}/{name}{path}/.well-known/openid-configuration").json
        assert answer["token_endpoint"] == f"https://{desk.LOGIN}/{TENANT}/oauth2{path}/token"
        assert answer["jwks_uri"] == f"https://{desk.LOGIN}/{TENANT}{keys}"
        assert jwt.PyJWKSet.from_dict(desk.ask("GET", answer["jwks_uri"]).json).keys


def test_passwords_at_the_token_endpoint(desk):
    """ROPC: right and wrong password, unknown user, federated user, over /common; with the documented codes."""

    def ask(username, password, **more):
        return desk.grant(grant_type="password", username=username, password=password, **more)

    good = ask("alice@contoso.com", "Alice-lab-password-1")
    assert desk.verified(good.json["access_token"], desk.GRAPH)["amr"] == ["pwd"]
    assert ask("sync_dc1_4f2a@contoso.onmicrosoft.com", "Sync-lab-password-1", v1=True).status == 200
    for username, password, code in (
        ("alice@contoso.com", "wrong", 50126),
        ("nobody@contoso.com", "x", 50034),
        ("frank@fabrikam.com", "Frank-lab-password-1", 50056),
    ):
        reply = ask(username, password)
        assert (reply.status, reply.json["error"], reply.codes) == (400, "invalid_grant", [code])
    assert ask("alice@contoso.com", "Alice-lab-password-1", tenant="common").codes == [9001023]


@pytest.mark.parametrize("host", ["AUTOLOGON", "STS"])
def test_mex_is_a_whole_wsdl(desk, host):
    """Every name that the WSDL refers to is in it (policy, binding, port type, message, element), as zeep requires."""
    path = {"AUTOLOGON": "/contoso.com/winauth/trust/mex", "STS": "/adfs/services/trust/mex"}[host]
    root = etree.fromstring(desk.ask("GET", f"https://{getattr(desk, host)}{path}").body)
    own = root.get("targetNamespace")

    def named(kind):
        return {f"{{{own}}}{element.get('name')}" for element in root.iterchildren(f"{WSDL}{kind}")}

    def referred(path, attribute):
        found = [(element, element.get(attribute)) for element in root.iterfind(path)]
        pairs = [(element.nsmap[name.partition(":")[0]], name.partition(":")[2]) for element, name in found]
        assert pairs
        return {f"{{{space}}}{name}" for space, name in pairs}

    assert referred(f"{WSDL}service/{WSDL}port", "binding") <= named("binding")
    assert referred(f"{WSDL}binding", "type") == named("portType")
    assert referred(f"{WSDL}portType/{WSDL}operation/*", "message") == named("message")
    operations = {
        kind: {element.get("name") for element in root.iterfind(f"{WSDL}{kind}/{WSDL}operation")}
        for kind in ("binding", "portType")
    }
    assert operations["binding"] == operations["portType"]
    elements = {
        f"{{{schema.get('targetNamespace')}}}{element.get('name')}"
        for schema in root.iterfind(f"{WSDL}types/{XSD}schema")
        for element in schema.iterchildren(f"{XSD}element")
    }
    assert referred(f"{WSDL}message/{WSDL}part", "element") == elements
    for schema in root.iterfind(f"{WSDL}types/{XSD}schema"):
        etree.XMLSchema(schema)
    identifiers = [f"#{policy.get(WSU_ID)}" for policy in root.iterchildren(f"{WSP}Policy")]
    assert sorted(element.get("URI") for element in root.iter(f"{WSP}PolicyReference")) == sorted(identifiers)
