"""Answers of the token endpoint and of realm discovery at the edges of what the RFCs and the libraries allow."""

from __future__ import annotations

import json
from typing import Any

import pytest
from ssosim_clients.failures import HttpFailure, InteractionRequired, OauthFailure, ProtocolFailure, StageFailure
from ssosim_clients.flows import NativeFlow, PrtFlow, realm, token
from ssosim_clients.flows.throttle import MsalPythonCache
from ssosim_clients.ports import Headers, HttpResponse
from ssosim_clients.spn import NO_TICKET, RULES

from ssosim.testing import ClientEnvironment, SignInStep

from .scripted import ScriptedDevice, response

GOOD = {"access_token": "a", "token_type": "Bearer", "expires_in": 3600}
FEDERATED = {
    "account_type": "Federated",
    "domain_name": "contoso.com",
    "federation_protocol": "WSTrust",
    "federation_metadata_url": "https://sts.example/mex",
}


def answer(document: object, status: int = 200) -> HttpResponse:
    """A response with a JSON document."""
    return HttpResponse(status, Headers(), json.dumps(document).encode())


@pytest.mark.parametrize("kind", ["Bearer", "bearer", "BEARER"])
def test_the_token_type_is_compared_without_regard_to_case(kind: str) -> None:
    """RFC 6749, section 5.1: the value is case insensitive."""
    assert token.read_tokens(answer(GOOD | {"token_type": kind})).access_token == "a"


@pytest.mark.parametrize(
    "spoilt",
    [
        {"token_type": None},
        {"token_type": "mac"},
        {"token_type": "pop"},
        {"token_type": ""},
        {"token_type": ["Bearer"]},
        {"access_token": None},
        {"access_token": 7},
        {"access_token": {"a": 1}},
    ],
    ids=str,
)
def test_a_response_without_a_bearer_token_is_no_sign_in(spoilt: dict[str, Any]) -> None:
    """RFC 6749, sections 5.1 and 7.1: both are required, and a token of an unknown type is not to be used."""
    with pytest.raises(ProtocolFailure, match="no bearer token"):
        token.read_tokens(answer(GOOD | spoilt))


@pytest.mark.parametrize("status", [201, 204, 302, 400, 401, 404, 500, 503])
def test_a_token_in_a_response_of_another_status_is_none(status: int) -> None:
    """RFC 6749, section 5.1: the response to a successful request has the status 200."""
    with pytest.raises(HttpFailure) as raised:
        token.read_tokens(answer(GOOD, status))
    assert raised.value.status == status


def test_an_error_beside_a_token_is_an_error() -> None:
    """RFC 6749, section 5.2: a response with ``error`` is an error response, whatever else it has."""
    with pytest.raises(OauthFailure, match="invalid_grant"):
        token.read_tokens(answer(GOOD | {"error": "invalid_grant"}))


@pytest.mark.parametrize(
    ("codes", "code"),
    [([50126], 50126), ([50126, 7], 50126), ([], None), ("50126", None), (["50126"], None), (None, None), ({}, None)],
)
def test_the_code_is_the_first_number_of_the_list(codes: object, code: int | None) -> None:
    """``error_codes`` is Entra's own list of numbers; anything else there is no code."""
    with pytest.raises(OauthFailure) as raised:
        token.read_tokens(answer({"error": "invalid_grant", "error_codes": codes}, 400))
    assert raised.value.code == code


@pytest.mark.parametrize(
    ("given", "seconds"),
    [(3600, 3600.0), ("3599", 3599.0), (None, 0.0), ("soon", 0.0), ([], 0.0), (10**400, 0.0), (1.5, 1.5)],
    ids=["number", "text", "none", "word", "list", "huge", "fraction"],
)
def test_the_lifetime_is_a_number_or_a_text(given: object, seconds: float) -> None:
    """Version 1 of the endpoint writes seconds as text; without a lifetime nothing is known of it."""
    assert token.read_tokens(answer(GOOD | {"expires_in": given})).expires_in == seconds


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"{", b"\xff", b"[" * 100_000], ids=range(6))
def test_a_body_that_is_no_object_is_no_response(body: bytes) -> None:
    """Half a body, another JSON value or deep nesting is a typed failure of the sign-in."""
    with pytest.raises(ProtocolFailure, match="not a JSON object"):
        token.read_tokens(HttpResponse(200, Headers(), body))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"account_type": "Managed"}, "the user is managed"),
        ({"account_type": "managed"}, "the user is managed"),
        ({"account_type": "Unknown"}, "unknown user type 'unknown'"),
        ({"account_type": ""}, "unknown user type ''"),
        ({"account_type": None}, "unknown user type ''"),
        ({"domain_name": "live.com"}, "personal accounts"),
        ({"domain_name": "LIVE.COM"}, "personal accounts"),
    ],
)
def test_a_user_without_a_silent_way_is_told(changes: dict[str, Any], words: str) -> None:
    """A managed, unknown or personal account has no integrated sign-in; the user has to act."""
    with pytest.raises(InteractionRequired, match=words):
        realm.read_federated_realm(json.dumps(FEDERATED | changes).encode())


@pytest.mark.parametrize(
    "url", [None, "", "sts.example/mex", "ftp://sts.example/", "https://", "https://a b/", "https://h:0/"]
)
def test_a_federated_realm_without_an_address_is_a_failure(url: str | None) -> None:
    """Without an absolute HTTP URL there is no MEX document to ask for."""
    with pytest.raises(ProtocolFailure, match="no absolute HTTP URL"):
        realm.read_federated_realm(json.dumps(FEDERATED | {"federation_metadata_url": url}).encode())
    assert realm.read_federated_realm(json.dumps(FEDERATED).encode()).metadata_url == "https://sts.example/mex"


def test_a_federation_protocol_that_a_library_does_not_know_ends_the_sign_in() -> None:
    """msal4j accepts WS-Trust only; a domain with SAML is a failure at realm discovery."""
    environment = ClientEnvironment()
    environment.answers[SignInStep.REALM] = answer(FEDERATED | {"federation_protocol": "SAML20"})
    flow = NativeFlow(federation_protocol="WSTrust")

    async def attempt() -> str:
        with pytest.raises(StageFailure) as raised:
            await flow.attempt(environment.device(), RULES["java"])
        return str(raised.value)

    assert environment.play(attempt()) == "realm: federation protocol 'SAML20'; this client supports WSTrust only"
    assert environment.count(SignInStep.MEX) == 0


@pytest.mark.parametrize(
    ("error", "requests"),
    [("invalid_grant", ["refresh_token", "password"]), ("invalid_request", ["refresh_token"] * 2)],
)
def test_a_refresh_token_that_was_revoked_is_forgotten(error: str, requests: list[str]) -> None:
    """RFC 6749, section 5.2: ``invalid_grant`` says that the refresh token is invalid, and no other error does."""
    environment = ClientEnvironment()
    device = environment.device()
    bodies: list[str] = []

    def reply(request: Any) -> HttpResponse:
        bodies.append(request.body.decode())
        if len(bodies) == 1:
            return answer(GOOD | {"refresh_token": "r"})
        return answer({"error": error}, 400)

    environment.answers[SignInStep.TOKEN] = reply

    async def attempt() -> bool:
        try:
            await PrtFlow().attempt(device, NO_TICKET)
        except StageFailure:
            return False
        return True

    assert [environment.play(attempt()) for _ in range(3)] == [True, False, False]
    assert [body.partition("grant_type=")[2].partition("&")[0] for body in bodies[1:]] == requests


def test_a_good_answer_from_the_cache_is_the_one_that_came() -> None:
    """A cached response is not sent for, and is equal to the first one."""
    scripted = ScriptedDevice([response(200, body=b"first"), response(200, body=b"second")])
    cached = MsalPythonCache().wrap(scripted.device)
    assert [scripted.send(cached).body for _ in range(3)] == [b"first"] * 3  # type: ignore[union-attr]
    assert scripted.send(cached, url="https://h/other").body == b"second"  # type: ignore[union-attr]
