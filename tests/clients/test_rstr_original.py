"""The assertion in an RSTR, and the grant type that a library makes of its token type, beside MSAL Python's parser."""

from __future__ import annotations

from typing import Any
from xml.etree.ElementTree import ParseError

import pytest
from lxml import etree
from msal.application import PublicClientApplication
from msal.wstrust_response import parse_response
from ssosim_clients.failures import Failure, ProtocolFailure
from ssosim_clients.flows import wstrust
from ssosim_clients.flows.wstrust import MSAL_PYTHON_TOKEN_TYPES

from .documents import rstr, soap_fault

PROFILE = "http://docs.oasis-open.org/wss/oasis-wss-saml-token-profile-1.1#"
TYPES = [
    "urn:oasis:names:tc:SAML:1.0:assertion",
    "urn:oasis:names:tc:SAML:2.0:assertion",
    f"{PROFILE}SAMLV1.1",
    f"{PROFILE}SAMLV2.0",
    "urn:oasis:names:tc:SAML:1.1:assertion",
    "urn:other",
    " urn:oasis:names:tc:SAML:2.0:assertion ",
]


def ask_original(monkeypatch: pytest.MonkeyPatch, body: bytes) -> str | None:
    """The grant type with which MSAL Python asks for a token after this response; None if it raises an error."""
    asked: list[str] = []

    class Client:
        GRANT_TYPE_SAML2 = "urn:ietf:params:oauth:grant-type:saml2-bearer"
        grant_assertion_encoders: dict[str, object] = {}  # noqa: RUF012 - as the library's

        def encode_saml_assertion(self) -> None:
            """The library registers it."""

        def obtain_token_by_assertion(self, _assertion: bytes, grant_type: str, **_: object) -> None:
            asked.append(grant_type)

    application: Any = PublicClientApplication.__new__(PublicClientApplication)
    application.client = Client()
    application.http_client = None
    monkeypatch.setattr("msal.application.wst_send_request", lambda *_, **__: parse_response(body.decode()))
    try:
        application._acquire_token_by_username_password_federated({}, "a", "b")
    except (AttributeError, ParseError, RuntimeError):  # of its XML parser, and mistakes of its own
        return None
    return asked[0]


@pytest.mark.parametrize("kind", TYPES, ids=str)
def test_the_grant_type_is_that_of_msal_python(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """A token type that the library does not know is an error, and not SAML 2."""
    expected = ask_original(monkeypatch, rstr(kind))
    if expected is None:
        with pytest.raises(ProtocolFailure, match="unknown type"):
            wstrust.read_rstr(rstr(kind), MSAL_PYTHON_TOKEN_TYPES)
    else:
        assert wstrust.read_rstr(rstr(kind), MSAL_PYTHON_TOKEN_TYPES).grant_type == expected


def test_the_assertion_is_that_of_msal_python() -> None:
    """The same element with the same text, by the form that its signature is about (exclusive canonical XML)."""
    theirs = parse_response(rstr().decode())["token"]
    ours = wstrust.read_rstr(rstr(), MSAL_PYTHON_TOKEN_TYPES).xml
    canonical = [etree.tostring(etree.fromstring(each), method="c14n", exclusive=True) for each in (ours, theirs)]
    assert canonical[0] == canonical[1]


@pytest.mark.parametrize("body", [soap_fault("no"), b"<a/>", b"", b"<html>"], ids=["fault", "other", "empty", "html"])
def test_what_is_no_assertion_is_none_for_both(monkeypatch: pytest.MonkeyPatch, body: bytes) -> None:
    """A fault, a document of something else, and no document lead to no token request."""
    assert ask_original(monkeypatch, body) is None
    with pytest.raises(Failure):
        wstrust.read_rstr(body, MSAL_PYTHON_TOKEN_TYPES)


@pytest.mark.parametrize("kind", TYPES[1:], ids=str)
def test_msal_dotnet_takes_every_other_type_for_saml_2(kind: str) -> None:
    """MSAL.NET knows SAML 1.0 by its URN, and takes anything else for SAML 2 (WsTrustResponse.cs)."""
    assert wstrust.read_rstr(rstr(kind)).grant_type == "urn:ietf:params:oauth:grant-type:saml2-bearer"
