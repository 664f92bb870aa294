"""Federated credentials in a lab: the issuer's keys come from its host, under the faults of DNS, TLS and HTTP."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace
from multidict import CIMultiDict
from ssosim_clients.ports import Device

from ssosim.entra import Call
from ssosim.entra.core.jose import encode_base64url, sign_jwt
from ssosim.entra.core.keys import issuer_key_name
from ssosim.entra.http.exchange import serve
from ssosim.estate import (
    ClientAssertionRules,
    Estate,
    EstateError,
    FederatedCredential,
    Host,
    OpenidIssuer,
    default_estate,
    parse_estate,
)
from ssosim.faults import fault_from
from ssosim.memory import Engine, MemoryLab
from ssosim.services.openid_issuer import sign_federated_token
from ssosim.trace import ClientAuthenticated, IssuerDocumentFetched
from tests.entra.proofs import CLIENT, CONTOSO, GRAPH, assertion_form, estate_with

from .calls import Act, in_memory, over_sockets

HOST = "token.actions.githubusercontent.com"
ISSUER = f"https://{HOST}"
CLUSTER = "https://oidc.prod-aks.azure.com/5f0b4c1e/"
SUBJECT = "repo:Contoso/app:environment:Production"
POD = "system:serviceaccount:shop:cart"
EXCHANGE = "api://AzureADTokenExchange"
CREDENTIALS = (
    FederatedCredential(name="build", issuer=ISSUER, subject=SUBJECT),
    FederatedCredential(name="pod", issuer=CLUSTER, subject=POD),
    FederatedCredential(name="unreachable", issuer="https://oidc.nowhere.example", subject=POD),
    FederatedCredential(name="itself", issuer=f"https://login.microsoftonline.com/{CONTOSO}/v2.0", subject="mine"),
)
NOW = 1_790_000_000.0


def make_estate(**rules: Any) -> Estate:
    """Contoso with two issuers at one host, and an application with federated credentials only."""
    estate = estate_with(certificates=(), federated_credentials=CREDENTIALS)
    cloud = replace(estate.cloud, client_assertions=ClientAssertionRules(**rules))
    host = Host(name="issuers", address="203.0.113.40", services=("oidc-issuer",))
    issuers = (OpenidIssuer(issuer=ISSUER, token_lifetime=300), OpenidIssuer(issuer=CLUSTER))
    return replace(estate, cloud=cloud, hosts=(*estate.hosts, host), openid_issuers=issuers)


ESTATE = make_estate()


@pytest.fixture
def lab() -> MemoryLab:
    """The lab of ESTATE in memory."""
    return MemoryLab(Engine(NOW), ESTATE)


def mint(lab: MemoryLab, issuer: str = ISSUER, subject: str = SUBJECT, **claims: Any) -> str:
    """A token as the issuer signs it; ``claims`` change it."""
    key = lab.provider.keys.generated[issuer_key_name(issuer)]
    found = next(each for each in lab.estate.openid_issuers if each.issuer == issuer)
    return sign_federated_token(key, found, subject=subject, audience=EXCHANGE, now=lab.engine.now, claims=claims)


def send(lab: MemoryLab, token: str, **changes: str) -> tuple[int, Any]:
    """Status and codes of a client credentials request with this token."""
    body = urlencode(assertion_form(token, **changes)).encode()
    target = f"/{CONTOSO}/oauth2/v2.0/token"
    headers = CIMultiDict({"Content-Type": "application/x-www-form-urlencoded"})
    call = Call.read("POST", "login.microsoftonline.com", target, headers=headers, body=body, now=lab.engine.now)
    reply = serve(lab.provider, call, "c")
    return reply.status, json.loads(reply.body).get("error_codes")


def events(lab: MemoryLab, kind: type) -> list[Any]:
    """Events of one kind."""
    return [record.event for record in lab.trace if isinstance(record.event, kind)]


@pytest.mark.parametrize(
    ("issuer", "subject", "name", "base"), [(ISSUER, SUBJECT, "build", ISSUER), (CLUSTER, POD, "pod", CLUSTER[:-1])]
)
def test_a_token_of_the_issuer_authenticates(lab, issuer, subject, name, base):
    """The keys are fetched from the issuer's host, and the trace says which credential was used."""
    assert send(lab, mint(lab, issuer, subject)) == (200, None)
    proof = events(lab, ClientAuthenticated)[-1]
    assert (proof.method, proof.credential, proof.issuer, proof.subject) == (
        "federated_credential",
        name,
        issuer,
        subject,
    )
    assert [(each.url, each.status, each.error) for each in events(lab, IssuerDocumentFetched)] == [
        (f"{base}/.well-known/openid-configuration", 200, ""),
        (f"{base}/keys", 200, ""),
    ]


REFUSED: Mapping[str, tuple[dict[str, Any], int]] = {
    "another issuer": ({"iss": "https://token.actions.githubusercontent.com/other"}, 700211),
    "a slash more": ({"iss": f"{ISSUER}/"}, 700211),
    "issuer in upper case": ({"iss": ISSUER.upper().replace("HTTPS", "https")}, 700211),
    "plain http": ({"iss": ISSUER.replace("https", "http")}, 700211),
    "another subject": ({"sub": "repo:Contoso/app:ref:refs/heads/main"}, 700213),
    "subject of another issuer": ({"sub": POD}, 700213),
    "a blank more": ({"sub": f"{SUBJECT} "}, 700213),
    "case of the subject": ({"sub": SUBJECT.lower()}, 7002138),
    "another audience": ({"aud": "api://azureadtokenexchange"}, 700212),
    "the token endpoint": ({"aud": f"https://login.microsoftonline.com/{CONTOSO}/oauth2/v2.0/token"}, 700212),
    "two audiences": ({"aud": [EXCHANGE, "other"]}, 700212),
    "no audience": ({"aud": None}, 90014),
    "no audience in a list": ({"aud": []}, 50027),
    "no subject": ({"sub": None}, 90014),
    "no expiry": ({"exp": None}, 700024),
    "issued in the future": ({"iat": NOW + 301, "nbf": None}, 700024),
    "expired": ({"exp": NOW - 301, "nbf": NOW - 900}, 700024),
    "not yet valid": ({"nbf": NOW + 301}, 700024),
}


@pytest.mark.parametrize("defect", REFUSED)
def test_every_defect_has_its_code(lab, defect):
    """One change to a valid token, and the code of the table; letter by letter."""
    claims, code = REFUSED[defect]
    assert send(lab, mint(lab, **claims))[1] == [code]
    assert not events(lab, ClientAuthenticated)
    assert not events(lab, IssuerDocumentFetched)  # no host is asked for a token that no credential is for


def test_one_audience_in_a_list_is_accepted(lab):
    """Kubernetes service account tokens have ``aud`` as a list (RFC 7519, section 4.1.3)."""
    assert send(lab, mint(lab, CLUSTER, POD, aud=[EXCHANGE])) == (200, None)


def test_more_audiences_only_by_the_setting():
    """Accepted by ``multiple_federated_audiences``, and then the trace says so."""
    lab = MemoryLab(Engine(NOW), make_estate(multiple_federated_audiences=True))
    assert send(lab, mint(lab, aud=[EXCHANGE, "other"])) == (200, None)
    assert events(lab, ClientAuthenticated)[-1].not_checked == ("cloud.client_assertions.multiple_federated_audiences",)
    assert send(lab, mint(lab, aud=["another", "other"]))[1] == [700212]


def test_the_signature_is_that_of_the_issuer(lab):
    """A token that another issuer has signed, or whose kid is not in the key set: 7000272."""
    other = mint(lab, CLUSTER, SUBJECT, iss=ISSUER)
    assert send(lab, other) == (401, [7000272])
    ours, theirs = mint(lab), mint(lab, aud=EXCHANGE, jti="x")
    assert send(lab, f"{theirs.rpartition('.')[0]}.{ours.rpartition('.')[2]}") == (401, [7000272])


@pytest.mark.parametrize(("key_id", "code"), [("other", 7000272), (7, 7000272), (None, 5002723)])
def test_the_key_is_that_of_the_key_id(lab, key_id, code):
    """A kid that the issuer does not publish is 7000272, whoever has signed; without kid it is 5002723."""
    key = lab.provider.keys.generated[issuer_key_name(ISSUER)]
    claims = jwt.decode(mint(lab), options={"verify_signature": False})
    header = {"typ": "JWT", "alg": "RS256"} | ({} if key_id is None else {"kid": key_id})
    signed = ".".join(encode_base64url(json.dumps(each).encode()) for each in (header, claims))
    token = f"{signed}.{encode_base64url(key.sign(signed.encode()))}"
    assert send(lab, token)[1] == [code]


@pytest.mark.parametrize(
    "documents",
    [
        {"configuration": {"issuer": CLUSTER}},  # OpenID Connect Discovery 1.0, section 4.3
        {"configuration": {"jwks_uri": 7}},
        {"keys": {"keys": {}}},
        {"keys": {}},
        {"keys": []},
    ],
)
def test_a_document_of_another_issuer_is_50166(lab, monkeypatch, documents):
    """A configuration that names another issuer or no address of keys, a key set that has no list of keys: no token."""
    token = mint(lab)
    fetch = lab.provider.fetch_document

    def change(url, call):
        found = json.loads(fetch(url, call))
        name = "configuration" if url.endswith("configuration") else "keys"
        changed = documents.get(name, found)
        return json.dumps(found | changed if name == "configuration" else changed).encode()

    monkeypatch.setattr(lab.provider, "fetch_document", change)
    assert send(lab, token) == (400, [50166])


def test_another_algorithm_is_refused(lab):
    """5002738: the issuer's own key, but PS256; client assertions of certificates may have it, federated tokens not."""
    key = lab.provider.keys.generated[issuer_key_name(ISSUER)]
    claims = jwt.decode(mint(lab), options={"verify_signature": False})
    token = jwt.encode(claims, key.private, algorithm="PS256", headers={"kid": key.key_id})
    assert send(lab, token)[1] == [5002738]


def test_an_application_without_federated_credentials_accepts_no_token(lab):
    """70025 for a confidential application of another kind; the token is not taken for a certificate assertion."""
    assert send(lab, mint(lab), client_id="7c1c2b4e-3b57-4f0a-8f8e-2a9d4d6e5b01") == (401, [70025])


def test_a_token_of_the_cloud_itself_is_not_exchanged(lab):
    """700226: only tokens of managed identities may be used (arsenvlad/entra-cross-tenant-app-fic-managed-identity)."""
    issuer = f"https://login.microsoftonline.com/{CONTOSO}/v2.0"
    claims = {"iss": issuer, "sub": "mine", "aud": EXCHANGE, "exp": NOW + 300}
    assert send(lab, sign_jwt(lab.provider.keys.cloud, claims)) == (401, [700226])
    managed = claims | {"xms_mirid": "/subscriptions/1/resourcegroups/2/providers/x/userAssignedIdentities/y"}
    assert send(lab, sign_jwt(lab.provider.keys.cloud, managed)) == (200, None)
    assert send(lab, mint(lab, **managed)) == (401, [7000272])


def test_an_issuer_without_a_host_is_refused(lab):
    """50166, never a token; the trace says why there are no keys."""
    assert send(lab, mint(lab, iss="https://oidc.nowhere.example", sub=POD)) == (400, [50166])
    assert events(lab, IssuerDocumentFetched)[-1].error == "oidc.nowhere.example has no address: NXDOMAIN"


FAULTS: Mapping[str, dict[str, Any]] = {
    "no address": {"fault": "nxdomain", "names": [HOST]},
    "servfail": {"fault": "servfail", "names": [HOST]},
    "no DNS answer": {"fault": "drop", "names": [HOST]},
    "another address": {"fault": "wrong-address", "name": HOST, "address": "203.0.113.99"},
    "an expired certificate": {"fault": "certificate-expired", "host": HOST},
    "a wrong certificate": {"fault": "certificate-wrong-name", "host": HOST},
    "silence": {"fault": "http-silent", "host": HOST},
    "a page": {"fault": "http-page", "host": HOST},
    "an error": {"fault": "http-status", "host": HOST, "status": 503},
}


@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_of_the_issuer_is_50166(lab, name):
    """Each fault of the issuer's host stops the sign-in with 50166; without it, tokens come again."""
    fault = fault_from(FAULTS[name])
    undo = lab.faults.add(fault)
    assert send(lab, mint(lab)) == (400, [50166])
    assert bool(events(lab, IssuerDocumentFetched)[-1].error) == (name != "a page")  # a page has been fetched
    undo()
    assert send(lab, mint(lab)) == (200, None)


def _fetch_and_exchange(subject: str) -> Act:
    """Ask the issuer for a token and exchange it, as a workload does."""

    async def act(device: Device) -> Any:
        headers = {"Content-Type": "application/x-www-form-urlencoded"}
        form = urlencode({"subject": subject}).encode()
        minted = await device.http.request("POST", f"{ISSUER}/token", headers, form)
        body = urlencode(assertion_form(json.loads(minted.body)["token"])).encode()
        url = f"https://login.microsoftonline.com/{CONTOSO}/oauth2/v2.0/token"
        reply = await device.http.request("POST", url, headers, body)
        return reply.status, json.loads(reply.body).get("error_codes"), GRAPH

    return act


@pytest.mark.parametrize("name", ["", "an error"])
def test_both_labs_agree(prepared: Path, name: str) -> None:
    """Over sockets and in memory the same answers and the same records, with and without a fault of the fetch."""
    faults = [fault_from(FAULTS[name] | ({"path": "/keys"} if name == "an error" else {}))] if name else []
    acts = [_fetch_and_exchange(SUBJECT), _fetch_and_exchange("another")]
    seen = in_memory(acts, ESTATE, faults)
    assert over_sockets(acts, ESTATE, faults, prepared) == seen
    if not name:
        assert "(200, None" in seen[0][0]
        assert "[700213]" in seen[1][0]
    else:
        assert "[50166]" in seen[0][0]


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(data=st.data())
def test_no_changed_character_is_accepted(lab, data):
    """Any one character of a valid token replaced by another one: no access token."""
    text = mint(lab)
    place = data.draw(st.integers(0, len(text) - 1))
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_.="
    other = data.draw(st.sampled_from(alphabet.replace(text[place], "")))
    assert send(lab, text[:place] + other + text[place + 1 :])[1]


@pytest.mark.parametrize(
    ("toml", "text"),
    [
        ('[[openid_issuers]]\nissuer = "https://oidc.example"\n', 'needs a host with "oidc-issuer"'),
        ('[[openid_issuers]]\nissuer = "http://oidc.example"\n', "issuer"),
        ('[[hosts]]\nname = "i"\naddress = "203.0.113.40"\nservices = ["oidc-issuer"]\n', "needs at least one issuer"),
    ],
)
def test_issuers_and_hosts_belong_together(toml, text):
    """A mistake in the estate is named before a lab starts."""
    shipped = resources.files("ssosim.estate").joinpath("contoso.toml").read_text()
    with pytest.raises(EstateError, match=text):
        parse_estate(f"{shipped}\n{toml}", "mine.toml")
    assert default_estate().openid_issuers == ()


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({}, "subject"),
        ({"subject": "x", "claims": "[]"}, "cannot be read"),
        ({"subject": "x", "expires_in": "soon"}, "cannot be read"),
        ({"subject": "x", "audiance": "y"}, "unknown parameter 'audiance'"),
    ],
)
def test_the_issuer_says_what_is_wrong(lab, form, text):
    """A form that cannot be signed is answered with 400 and a sentence."""
    call = Call.read("POST", HOST, "/token", body=urlencode(form).encode(), now=lab.engine.now)
    reply = lab.find_responder(None, 443, HOST)(call)
    assert reply.status == 400
    assert text in json.loads(reply.body)["error_description"]


def test_a_client_id_has_the_credential(lab):
    """The request's client id is the application whose credential counts."""
    assert send(lab, mint(lab), client_id=CLIENT.upper()) == (200, None)
