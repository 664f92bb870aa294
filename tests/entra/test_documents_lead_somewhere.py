"""What one document names, another part of the provider answers: endpoints, keys, issuers, metadata, MEX addresses.

Sources: OpenID Connect Discovery 1.0, sections 3 and 4.3; RFC 7517; RFC 8414, section 3.3; WS-Federation 1.2.
PyJWT and lxml read what is served.
"""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import urlsplit

import jwt
import pytest
from cryptography import x509
from lxml import etree
from msgspec.structs import replace

from ssosim.estate import default_estate

from .conftest import AUTOLOGON, LOGIN, STS
from .estate_of_applications import API, CLI, CONTOSO, DAEMON, GRAPH, PUBLIC, app_form, make_estate, password_form

VERSIONS = {"1.0": "", "2.0": "/v2.0"}
ELSEWHERE = {"kerberos_endpoint", "rbac_url"}
"""Endpoints at which nothing answers in a lab (``build_openid_configuration`` says so)."""


def configuration(site: Any, tenant: str, version: str) -> dict[str, Any]:
    """The OpenID configuration of one version."""
    found: dict[str, Any] = site.get(LOGIN, f"/{tenant}{VERSIONS[version]}/.well-known/openid-configuration")
    return found


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("tenant", [CONTOSO, "common", "organizations"])
def test_every_endpoint_of_the_configuration_answers(site, tenant, version):
    """No address of the document is one that nobody serves; each is at the host that was asked."""
    document = configuration(site, tenant, version)
    named = {name: value for name, value in document.items() if name.endswith(("_endpoint", "_uri"))}
    assert {"token_endpoint", "authorization_endpoint", "device_authorization_endpoint", "jwks_uri"} <= set(named)
    for name, address in named.items():
        parts = urlsplit(address)
        if name in ELSEWHERE or parts.netloc != LOGIN:
            assert name in ELSEWHERE | {"userinfo_endpoint"}, name
            continue
        statuses = {site.ask(method, LOGIN, parts.path).status for method in ("GET", "POST")}
        assert not statuses & {404, 421, 500}, (name, statuses)


@pytest.mark.parametrize("version", VERSIONS)
def test_the_keys_of_the_configuration_verify_the_tokens(make_site, version):
    """PyJWT verifies an id token with the keys, the issuer and the algorithm of the document, and no other."""
    site = make_site(make_estate())
    document = configuration(site, CONTOSO, version)
    keys = jwt.PyJWKSet.from_dict(site.get(LOGIN, urlsplit(document["jwks_uri"]).path))
    form = password_form(CLI, f"openid {GRAPH}/.default", resource=GRAPH)
    token = site.token(form, CONTOSO, v1=version == "1.0")[1]["id_token"]
    header = jwt.get_unverified_header(token)
    assert header["alg"] in document["id_token_signing_alg_values_supported"]
    key = keys[header["kid"]]
    options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims = jwt.decode(token, key, [header["alg"]], audience=CLI, issuer=document["issuer"], options=options)
    assert claims["iss"] == document["issuer"]
    middle = len(token) // 2
    changed = token[:middle] + ("A" if token[middle] != "A" else "B") + token[middle + 1 :]
    with pytest.raises(jwt.InvalidTokenError):
        jwt.decode(changed, key, [header["alg"]], audience=CLI, options=options)


@pytest.mark.parametrize("version", VERSIONS)
def test_a_key_and_its_certificate_are_one(site, version):
    """``n``, ``e``, ``x5t`` and ``x5c`` of a key are those of one certificate (RFC 7517, sections 4.7 and 4.8)."""
    import hashlib  # noqa: PLC0415

    path = "/common/discovery/keys" if version == "1.0" else "/common/discovery/v2.0/keys"
    (entry,) = site.get(LOGIN, path)["keys"]
    der = base64.b64decode(entry["x5c"][0], validate=True)
    certificate = x509.load_der_x509_certificate(der)
    numbers = jwt.PyJWK(entry).key.public_numbers()
    assert certificate.public_key().public_numbers() == numbers
    digest = hashlib.sha1(der, usedforsecurity=False).digest()
    assert entry["x5t"] == entry["kid"] == base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    assert ("issuer" in entry) == (version == "2.0")
    assert not {"d", "p", "q", "dp", "dq", "qi", "k"} & set(entry), "no private number"


@pytest.mark.parametrize(("scope", "version"), [(f"{API}/Orders.Read", "2.0"), (f"{GRAPH}/User.Read", "1.0")])
def test_an_access_token_has_the_issuer_of_its_own_version(make_site, scope, version):
    """An API reads the configuration of the version that it asks for, and finds the issuer of its tokens there."""
    site = make_site(make_estate())
    client = PUBLIC if version == "2.0" else CLI
    scope = scope if version == "2.0" else f"{GRAPH}/.default"
    token = site.token(password_form(client, scope), CONTOSO)[1]["access_token"]
    claims = jwt.decode(token, options={"verify_signature": False})
    assert (claims["ver"], claims["iss"]) == (version, configuration(site, CONTOSO, version)["issuer"])


def test_a_shared_configuration_names_no_tenant(site):
    """The issuer of ``common`` is a template: a client that compares it with a token's finds no tenant accepted."""
    for version in VERSIONS:
        for tenant in ("common", "organizations"):
            assert "{tenantid}" in configuration(site, tenant, version)["issuer"]
        own = configuration(site, "contoso.com", version)
        assert own["issuer"] == configuration(site, CONTOSO, version)["issuer"]
        assert default_estate().tenants[0].id in own["token_endpoint"], "the id, also where the domain was asked for"


@pytest.mark.parametrize("host", [LOGIN, "login.windows.net"])
@pytest.mark.parametrize("version", ["", "/v2.0"])
def test_instance_discovery_leads_to_the_configuration(site, host, version):
    """The address in the answer is that of the document of the version that was asked about."""
    endpoint = f"https://{host}/{CONTOSO}/oauth2{version}/authorize"
    target = f"/common/discovery/instance?api-version=1.1&authorization_endpoint={endpoint}"
    found = urlsplit(site.get(LOGIN, target)["tenant_discovery_endpoint"])
    assert found.netloc == host
    document = site.get(host, found.path)
    assert document["authorization_endpoint"].endswith(f"/oauth2{version}/authorize")


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        (AUTOLOGON, "/contoso.com/winauth/trust/mex", {"windowstransport", "usernamemixed"}),
        (STS, "/adfs/services/trust/mex", {"windowstransport", "usernamemixed"}),
    ],
)
def test_every_address_of_the_mex_document_answers(site, host, path, expected):
    """Each endpoint in the metadata is served at that host; those for passwords and tickets are there."""
    root = etree.fromstring(site.ask("GET", host, path).body)
    addresses = [element.get("location") for element in root.iter("{*}address")]
    assert addresses
    for address in addresses:
        parts = urlsplit(address)
        assert (parts.scheme, parts.hostname) == ("https", host)
        status = site.ask("POST", host, parts.path, body=b"").status
        assert status not in (405, 421), address
        assert status != 404 or "certificate" in parts.path, address
    assert expected <= {urlsplit(address).path.rpartition("/")[2] for address in addresses}
    bindings = {element.get("name") for element in root.iter("{http://schemas.xmlsoap.org/wsdl/}binding")}
    for port in root.iter("{http://schemas.xmlsoap.org/wsdl/}port"):
        assert port.get("binding").partition(":")[2] in bindings


def test_the_metadata_of_the_federation_service_have_its_key(site, keys):
    """The certificate in the metadata is that of the key that signs; issuer and page are those of the service."""
    answer = site.ask("GET", STS, "/FederationMetadata/2007-06/FederationMetadata.xml")
    assert (answer.status, answer.content_type) == (200, "application/samlmetadata+xml")
    root = etree.fromstring(answer.body)
    assert root.get("entityID") == "http://sts.fabrikam.com/adfs/services/trust"
    certificates = {element.text for element in root.iter("{http://www.w3.org/2000/09/xmldsig#}X509Certificate")}
    assert certificates == {keys.federation["fabrikam-sts"].certificate_base64}
    page = root.find(".//{*}SingleSignOnService").get("Location")
    assert page == root.findtext(".//{http://www.w3.org/2005/08/addressing}Address")
    assert urlsplit(page).hostname == STS
    assert site.ask("GET", STS, urlsplit(page).path).status != 404


def test_a_service_without_a_key_has_no_metadata(site):
    """There is nothing to publish, and the answer is an error, not a document without a key."""
    site.provider.keys = replace(site.provider.keys, federation={})
    answer = site.ask("GET", STS, "/FederationMetadata/2007-06/FederationMetadata.xml")
    assert (answer.status >= 400, b"KeyDescriptor" in answer.body) == (True, False)


def test_the_realm_leads_to_the_mex_document(site):
    """Realm discovery, metadata and endpoint are one chain: each names what the next one serves."""
    headers = {"x-client-SKU": "MSAL.Desktop"}
    for user, host in (("alice@contoso.com", AUTOLOGON), ("frank@fabrikam.com", STS)):
        answer = site.ask("GET", LOGIN, f"/common/userrealm/{user}?api-version=1.0", headers=headers)
        realm = json.loads(answer.body)
        parts = urlsplit(realm["federation_metadata_url"])
        assert parts.hostname == host
        document = site.ask("GET", host, f"{parts.path}?{parts.query}")
        assert document.status == 200
        active = realm["federation_active_auth_url"].partition("?")[0]
        listed = [
            element.get("location").partition("?")[0] for element in etree.fromstring(document.body).iter("{*}address")
        ]
        assert active in listed


def test_an_application_finds_its_endpoint_and_gets_its_token(make_site):
    """A program that knows the tenant alone gets its token at the address of the document (RFC 8414)."""
    site = make_site(make_estate())
    address = urlsplit(configuration(site, CONTOSO, "2.0")["token_endpoint"])
    status, body = site.token(app_form(DAEMON, f"{API}/.default"), address.path.split("/")[1])
    assert (status, body["token_type"]) == (200, "Bearer")
