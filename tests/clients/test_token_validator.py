"""The web API that checks tokens: what it makes of key documents and tokens of any shape."""

from __future__ import annotations

import base64
import json

import pytest
from ssosim_clients.models.base import SignInReport, SignInState
from ssosim_clients.models.token_validator import TOKEN_VALIDATOR, TokenValidator
from ssosim_clients.ports import AppCredentials, Headers, HttpResponse

from ssosim.testing import ClientEnvironment, SignInStep

APP = AppCredentials("app", "contoso.com", lambda _: "assertion")


def encode(value: object) -> str:
    """A part of a JWT."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def checked(keys: object, token: str, *models: TokenValidator, status: int = 200) -> list[SignInReport]:
    """The reports of ``models``, one after another in one process, with this key document and this token."""
    environment = ClientEnvironment()
    answer = json.dumps({"access_token": token, "token_type": "Bearer", "expires_in": 3600}).encode()
    environment.answers[SignInStep.TOKEN] = HttpResponse(200, Headers(), answer)
    body = keys if isinstance(keys, bytes) else json.dumps(keys).encode()
    environment.answers[SignInStep.KEYS] = HttpResponse(status, Headers(), body)
    device = environment.device(app_credentials=APP)
    reports = [environment.play(model.sign_in(device)) for model in models or (TOKEN_VALIDATOR,)]
    assert None not in reports
    return [each for each in reports if each is not None]


TOKEN = f"{encode({'kid': 'one'})}.e30.s"
GOOD = {"keys": [{"kid": "zero"}, {"kid": "one"}]}


def test_a_token_of_a_published_key_is_accepted() -> None:
    """RFC 7517, section 4.5: the key id of the token's header names one of the published keys."""
    (found,) = checked(GOOD, TOKEN)
    assert found.state is SignInState.SILENT


@pytest.mark.parametrize(
    "keys",
    [
        {},
        {"keys": None},
        {"keys": "one"},
        {"keys": {"kid": "one"}},
        {"error": "one"},
        [],
        ["one"],
        "one",
        None,
        7,
        b"",
        b"<html>one</html>",
        b"\xff",
    ],
    ids=str,
)
def test_a_document_that_is_no_key_set_accepts_no_token(keys: object) -> None:
    """Whatever a server sends in place of the keys, the token is refused, and the program does not break."""
    (found,) = checked(keys, TOKEN)
    assert found.state is SignInState.FAILED
    assert found.detail.startswith("no keys: ")


@pytest.mark.parametrize("keys", [{"keys": []}, {"keys": [None, "one", {}, {"kid": "two"}, {"x": "one"}]}])
def test_a_key_that_is_not_published_is_told(keys: object) -> None:
    """The API answers 401 with the key that it does not know."""
    (found,) = checked(keys, TOKEN)
    assert (found.state, found.detail) == (SignInState.FAILED, "401: the key 'one' is not published")


def test_a_token_without_a_key_id_is_not_that_of_a_key_without_one() -> None:
    """Two missing names are not the same name."""
    (found,) = checked({"keys": [{}, {"kid": None}, {"kid": "None"}]}, f"{encode({})}.e30.s")
    assert found.state is SignInState.FAILED


@pytest.mark.parametrize(
    "head", ["!", encode([]), encode("x"), encode(None), "e", base64.urlsafe_b64encode(b"\xff\xff").decode(), ""]
)
def test_a_token_whose_header_cannot_be_read_is_refused(head: str) -> None:
    """A header that is no JSON object is a refused token, not an error of the program."""
    (found,) = checked(GOOD, f"{head}.e30.s")
    assert found.state is SignInState.FAILED


@pytest.mark.parametrize("status", [204, 302, 403, 404, 500, 503])
def test_keys_of_an_error_response_do_not_count(status: int) -> None:
    """A body that looks like keys is none if its status is another than 200."""
    (found,) = checked(GOOD, TOKEN, status=status)
    assert (found.state, found.detail) == (SignInState.FAILED, f"no keys: HTTP {status}")


def test_the_keys_are_fetched_for_each_token_or_once_a_day() -> None:
    """Without a cache each check asks again; with one only a missing key does."""
    cached = TokenValidator(name="c", description="c", sources=(), key_lifetime=86_400.0)
    for model, expected in ((TOKEN_VALIDATOR, 2), (cached, 1)):
        environment = ClientEnvironment()
        answer = json.dumps({"access_token": TOKEN, "token_type": "Bearer"}).encode()
        environment.answers[SignInStep.TOKEN] = HttpResponse(200, Headers(), answer)
        environment.answers[SignInStep.KEYS] = HttpResponse(200, Headers(), json.dumps(GOOD).encode())
        device = environment.device(app_credentials=APP)
        for _ in range(2):
            environment.play(model.sign_in(device))
        assert environment.count(SignInStep.KEYS) == expected


def test_a_token_that_is_no_jwt_is_not_checked() -> None:
    """A token that is not a JWT has no key id; the API takes it, and asks for no keys."""
    (found,) = checked({}, "opaque")
    assert (found.state, found.detail) == (SignInState.SILENT, "an opaque token")
