"""OpenID issuers: their documents, and tokens for whoever asks, as PyJWT reads them."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import jwt
import pytest
from msgspec.structs import replace

from ssosim.entra import Call, Keys, Provider
from ssosim.entra.core.keys import SigningKey, issuer_key_name
from ssosim.estate import OpenidIssuer, default_estate
from ssosim.services.openid_issuer import EXCHANGE_AUDIENCE, IssuerApplication, oidc_issuer

NOW = 1_790_000_000.0
FIRST, NESTED, OTHER = "https://oidc.test/a", "https://oidc.test/a/b", "https://Other.test"
ISSUERS = (OpenidIssuer(issuer=FIRST), OpenidIssuer(issuer=NESTED, token_lifetime=60), OpenidIssuer(issuer=OTHER))


@pytest.fixture(scope="module")
def application() -> IssuerApplication:
    """The issuers; the two whose paths are alike have different keys."""
    estate = replace(default_estate(), openid_issuers=ISSUERS)
    one, two = SigningKey.generate("one"), SigningKey.generate("two")
    generated = {issuer_key_name(FIRST): one, issuer_key_name(NESTED): two, issuer_key_name(OTHER): one}
    keys = Keys(cloud=one, federation={}, secret=bytes(32), generated=generated)
    return IssuerApplication(Provider(estate=estate, keys=keys, acceptors={}))


def ask(application: IssuerApplication, url: str, form: dict[str, str] | bytes | None = None) -> tuple[int, Any]:
    """The status and the body of the reply to GET, or to POST with a form."""
    host, _, path = url.removeprefix("https://").partition("/")
    body = form if isinstance(form, bytes) else urlencode(form or {}).encode()
    call = Call.read("GET" if form is None else "POST", host, f"/{path}", body=body, now=NOW)
    reply = application.handle(call)
    text = reply.body.decode()
    return reply.status, json.loads(text) if text.startswith("{") else text


def sign(application: IssuerApplication, issuer: str, **form: str) -> dict[str, Any]:
    """The claims of a token of ``issuer``, whose signature PyJWT has checked with the key set of the issuer."""
    status, reply = ask(application, f"{issuer}/token", {"subject": "s", **form})
    assert status == 200, reply
    _, keys = ask(application, f"{issuer}/keys")
    key = jwt.PyJWKSet.from_dict(keys)[jwt.get_unverified_header(reply["token"])["kid"]]
    checks = {"verify_aud": False, "verify_exp": False, "verify_nbf": False, "verify_iat": False}
    claims: dict[str, Any] = jwt.decode(reply["token"], key.key, algorithms=["RS256"], options=checks)
    return claims


@pytest.mark.parametrize("issuer", [FIRST, NESTED, OTHER])
def test_discovery_leads_to_the_keys(application: IssuerApplication, issuer: str) -> None:
    """OpenID Connect Discovery 1.0, section 4.3: the issuer in the document is the one that was asked."""
    status, document = ask(application, f"{issuer}/.well-known/openid-configuration")
    assert (status, document["issuer"]) == (200, issuer)
    assert document["jwks_uri"] == f"{issuer}/keys"
    assert document["token_endpoint"] == f"{issuer}/token"
    assert document["id_token_signing_alg_values_supported"] == ["RS256"]
    status, keys = ask(application, document["jwks_uri"])
    assert (status, len(keys["keys"])) == (200, 1)


def test_a_token_has_the_claims_of_its_issuer(application: IssuerApplication) -> None:
    """Subject and issuer, the audience of Entra unless another is asked for, and the lifetime of the issuer."""
    claims = sign(application, NESTED, subject="system:serviceaccount:shop:cart")
    assert (claims["iss"], claims["sub"], claims["aud"]) == (
        NESTED,
        "system:serviceaccount:shop:cart",
        EXCHANGE_AUDIENCE,
    )
    assert (claims["iat"], claims["nbf"], claims["exp"]) == (int(NOW), int(NOW), int(NOW) + 60)
    assert claims["jti"] != sign(application, NESTED)["jti"]
    assert sign(application, FIRST, audience="api://other")["aud"] == "api://other"


def test_each_issuer_signs_with_its_own_key(application: IssuerApplication) -> None:
    """A token of one is none of the other, though one path is the beginning of the other."""
    keys = [ask(application, f"{issuer}/keys")[1]["keys"][0]["kid"] for issuer in (FIRST, NESTED)]
    assert len(set(keys)) == 2
    _, reply = ask(application, f"{NESTED}/token", {"subject": "s"})
    assert jwt.get_unverified_header(reply["token"])["kid"] == keys[1]


@pytest.mark.parametrize(("lifetime", "expected"), [("1", 1), ("-600", -600), ("0", 0), ("86400", 86400)])
def test_a_lifetime_may_be_any(application: IssuerApplication, lifetime: str, expected: int) -> None:
    """Also one that is over, for a test of what refuses it."""
    assert sign(application, FIRST, expires_in=lifetime)["exp"] == int(NOW) + expected


def test_claims_are_added_replaced_or_left_out(application: IssuerApplication) -> None:
    """A claim that is null is not there: a token without it can be tried."""
    claims = sign(application, FIRST, claims=json.dumps({"ref": "main", "aud": ["a", "b"], "nbf": None, "exp": 5}))
    assert (claims["ref"], claims["aud"], claims["exp"]) == ("main", ["a", "b"], 5)
    assert "nbf" not in claims


@pytest.mark.parametrize(
    ("form", "words"),
    [
        ({}, "'subject' is missing"),
        ({"subject": ""}, "'subject' is missing"),
        (
            {"subject": "s", "audiance": "x"},
            "unknown parameter 'audiance'; known: audience, claims, expires_in, subject",
        ),
        ({"subject": "s", "expires_in": "soon"}, "the form cannot be read"),
        ({"subject": "s", "expires_in": "9" * 30}, "'expires_in' is out of range"),
        ({"subject": "s", "expires_in": "-" + "9" * 30}, "'expires_in' is out of range"),
        ({"subject": "s", "expires_in": "9" * 5000}, "the form cannot be read"),
        ({"subject": "s", "claims": "[1]"}, "the form cannot be read"),
        ({"subject": "s", "claims": "{"}, "the form cannot be read"),
        (b"subject=\xff", "the form cannot be read"),
    ],
)
def test_a_form_that_is_none_is_refused(
    application: IssuerApplication, form: dict[str, str] | bytes, words: str
) -> None:
    """With 400 and what is wrong; a misspelled parameter is not ignored."""
    status, reply = ask(application, f"{FIRST}/token", form)
    assert (status, reply["error"]) == (400, "invalid_request")
    assert words in reply["error_description"]


@pytest.mark.parametrize(
    "url",
    [
        "https://oidc.test/keys", "https://oidc.test/ab/keys", "https://oidc.test/a/c/keys", "https://oidc.test/a",
        "https://nobody.test/a/keys", "https://oidc.test/a/token", "https://other.test/a/keys",
    ],
)  # fmt: skip
def test_anything_else_is_not_there(application: IssuerApplication, url: str) -> None:
    """Another path, host or method, and a path that only begins like that of an issuer."""
    assert ask(application, url)[0] == 404


def test_a_request_of_another_method_is_not_there(application: IssuerApplication) -> None:
    """Documents are read with GET."""
    assert ask(application, f"{FIRST}/keys", {"subject": "s"})[0] == 404


def test_the_hosts_of_all_issuers_are_one_service() -> None:
    """Each host once, in lower case."""
    (service,) = oidc_issuer(replace(default_estate(), openid_issuers=ISSUERS))
    assert service.dns_names == ("oidc.test", "other.test")
