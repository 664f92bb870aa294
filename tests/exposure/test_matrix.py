"""Every credential, in every way, to every host that has no business with it; and to those that have."""

from __future__ import annotations

import dataclasses
import json

import pytest

from ssosim.exposure import ExposureFinder, parts_of_raw_request
from ssosim.kerberos.carried_tickets import read_ticket_service
from ssosim.trace.export import record_to_json
from tests.exposure.secrets_of_lab import (
    AUTOLOGON,
    LOGIN,
    OFFICE,
    STS,
    UNKNOWN,
    WAYS,
    Letter,
    SecretLab,
    b64url,
    text_of,
)

_ELSEWHERE = (STS, AUTOLOGON, UNKNOWN)
WRONG = {
    "password": _ELSEWHERE,
    "client secret": _ELSEWHERE,
    "ticket": (LOGIN, STS, UNKNOWN),
    "assertion": _ELSEWHERE,
    "client assertion": _ELSEWHERE,
    "federated token": _ELSEWHERE,
    "refresh token": _ELSEWHERE,
    "access token": _ELSEWHERE,
    "authorization code": _ELSEWHERE,
    "code verifier": _ELSEWHERE,
    "device code": _ELSEWHERE,
    "private key": (LOGIN, *_ELSEWHERE),
}
TARGETS = {
    LOGIN: "/common/oauth2/v2.0/token",
    STS: "/adfs/services/trust/2005/usernamemixed",
    AUTOLOGON: "/contoso.com/winauth/trust/2005/windowstransport",
    UNKNOWN: "/login",
}
"""A step that each host serves: a known path is no excuse."""

PASSWORD_PATH = "/contoso.com/winauth/trust/2005/usernamemixed"


@pytest.fixture(scope="module")
def lab():
    """One lab for all tests: nothing in them changes it."""
    return SecretLab()


def _at(letter: Letter, host: str) -> Letter:
    """Move a request to the path of a step that the host serves, if the path is not the way itself."""
    known = TARGETS[host]
    if letter.target == "/x":
        return dataclasses.replace(letter, target=known)
    if letter.target.startswith("/x?"):
        return dataclasses.replace(letter, target=known + letter.target[2:])
    return letter


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("kind", WRONG)
def test_a_credential_to_a_host_without_business_is_an_exposure(lab, kind, way):
    """Whatever the encoding and the path, known or not: the trace names kind and host, and not the secret."""
    secret = lab.secrets[kind]
    for host in WRONG[kind]:
        for letter in (WAYS[way](secret), _at(WAYS[way](secret), host)):
            found = lab.send(host, letter)
            assert kind in {event.credential for event in found}, (host, letter.target[:60])
            assert {event.host for event in found} == {host}
    text = text_of(secret)
    assert not [r for r in lab.lab.trace.since(lab.lab.trace.last_seq - 40) if text in record_to_json(r)]


@pytest.mark.parametrize("kind", [kind for kind in WRONG if kind != "ticket"])
def test_clear_text_is_an_exposure_also_to_the_right_host(lab, kind):
    """RFC 6749, section 3.2, and RFC 6750, section 5.3: credentials go over TLS only."""
    found = lab.send(LOGIN, WAYS["form"](lab.secrets[kind]), scheme="http")
    assert kind in {event.credential for event in found}
    assert kind == "private key" or "clear text" in found[0].reason


@pytest.mark.parametrize("scheme", ["https", "http"])
@pytest.mark.parametrize("kind", WRONG)
def test_a_foreign_host_must_have_nothing(lab, kind, scheme):
    """A client that does not check the certificate of a wrong address gives everything away."""
    finder = ExposureFinder(lab.lab.provider, lab.lab.services, read_ticket_service)
    letter = WAYS["form"](lab.secrets[kind])
    head = f"POST {letter.target} HTTP/1.1\r\nHost: {LOGIN}\r\nContent-Length: {len(letter.body)}\r\n\r\n"
    if kind == "code verifier":
        finder = lab.lab.provider.find_exposures.__self__
    request = parts_of_raw_request(head.encode() + letter.body, host=LOGIN, address="203.0.113.5", scheme=scheme)
    found = finder.examine_foreign(request)
    assert kind in {event.credential for event in found}
    assert found[0].address == "203.0.113.5"


@pytest.mark.parametrize(
    ("host", "letter", "kind"),
    [
        (LOGIN, Letter("/common/oauth2/v2.0/token", body=b"grant_type=password&password={}"), "password"),
        (LOGIN, Letter("/contoso.com/login", body=b"passwd={}"), "password"),
        (LOGIN, Letter("/common/oauth2/v2.0/token", body=b"client_secret={}"), "client secret"),
        (LOGIN, Letter("/common/oauth2/v2.0/token", body=b"refresh_token={}"), "refresh token"),
        (LOGIN, Letter("/common/oauth2/v2.0/token", body=b"code={}"), "authorization code"),
        (LOGIN, Letter("/common/oauth2/v2.0/token", body=b"code_verifier={}"), "code verifier"),
        (LOGIN, Letter("/common/oauth2/v2.0/token", body=b"device_code={}"), "device code"),
        (LOGIN, Letter(TARGETS[LOGIN], body=b"requested_token_use=on_behalf_of&assertion={}"), "access token"),
        (LOGIN, Letter("/common/oauth2/v2.0/token", body=b"assertion={}"), "assertion"),
        (LOGIN, Letter("/common/oauth2/v2.0/token", body=b"client_assertion={}"), "client assertion"),
        (LOGIN, Letter("/common/oauth2/v2.0/token", body=b"client_assertion={}"), "federated token"),
        (AUTOLOGON, Letter(PASSWORD_PATH, body=b"<o:Password>{}</o:Password>"), "password"),
    ],
)  # fmt: skip
def test_a_credential_to_its_own_host_is_none(lab, host, letter, kind):
    """The table of recipients is not stricter than the protocols."""
    body = letter.body.replace(b"{}", lab.secrets[kind])
    assert lab.send(host, dataclasses.replace(letter, body=body)) == ()


@pytest.mark.parametrize(
    ("host", "target", "why"),
    [
        (STS, "/adfs/services/trust/2005/usernamemixed", "domain"),
        (AUTOLOGON, "/contoso.com/winauth/other", "password"),
        (AUTOLOGON, "/", "password"),
        (UNKNOWN, "/", "none of the services"),
    ],
)
def test_the_password_of_a_managed_user_elsewhere(lab, host, target, why):
    """The cases of the issue: the federation host, unknown paths of autologon, Basic."""
    basic = WAYS["basic"](b"Bob-lab-password-1")
    for letter in (Letter(target, body=b"password=Bob-lab-password-1"), dataclasses.replace(basic, target=target)):
        (found,) = lab.send(host, letter)
        assert (found.credential, found.owner) == ("password", "bob@contoso.com")
        assert why in found.reason


def test_the_password_of_a_federated_user_belongs_to_its_federation_service(lab):
    """To the federation host of the domain it may go, to the login host it may not."""
    password = b"Frank-lab-password-1"
    assert lab.send(STS, Letter(TARGETS[STS], body=b"<o:Password>" + password + b"</o:Password>")) == ()
    (found,) = lab.send(LOGIN, Letter(TARGETS[LOGIN], body=b"grant_type=password&password=" + password))
    assert found.reason == "the user's password belongs to a federation service"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"grant_type=refresh_token&refresh_token=not-one-of-ours-0123456789012345678901234567890123456789",
        b"password=wrong-password&username=bob%40contoso.com",
        b"\x00\xff" * 5000,
        b"%" * 4000,
        b"A" * 100_000,
        b"&#" * 5000,
        b"\\u12" * 4000,
    ],
)
def test_other_bytes_are_no_credential(lab, body):
    """Neither rubbish nor values that only look like a credential are reported, and nothing raises."""
    for host in TARGETS:
        assert lab.send(host, Letter("/" + OFFICE, body=body)) == ()


IN_BODIES_ONLY = ["password", "client secret", "client assertion", "federated token", "refresh token", "access token"]


@pytest.mark.parametrize("kind", IN_BODIES_ONLY)
def test_a_secret_in_a_url_is_an_exposure_also_at_the_right_host(lab, kind):
    """RFC 6749, section 2.3.1, and RFC 6750, section 5.3: URLs are kept by browsers, proxies and logs (BoltAuth 52)."""
    for way in ("query", "path", "query-percent"):
        found = lab.send(LOGIN, _at(WAYS[way](lab.secrets[kind]), LOGIN))
        assert [(event.credential, "URL" in event.reason) for event in found] == [(kind, True)]
    code = lab.secrets["authorization code"].decode()
    assert lab.send(LOGIN, Letter(f"/common/oauth2/nativeclient?code={code}")) == ()


def test_a_refresh_token_inside_a_signed_header_is_found(lab):
    """The header ``x-ms-RefreshTokenCredential`` holds a JWT with the token in its claims (common-for-android 3199)."""
    claims = json.dumps({"refresh_token": lab.secrets["refresh token"].decode(), "request_nonce": "n"})
    jwt = f"{b64url(json.dumps({'alg': 'HS256', 'ctx': 'x'}).encode())}.{b64url(claims.encode())}.c2lnbmF0dXJl"
    letter = Letter("/?sso_nonce=x", headers={"x-ms-RefreshTokenCredential": jwt}, method="GET")
    assert [event.credential for event in lab.send(UNKNOWN, letter)] == ["refresh token"]
    assert lab.send(LOGIN, dataclasses.replace(letter, target="/common/oauth2/authorize?sso_nonce=x")) == ()


def test_a_federated_password_beside_its_assertion_is_an_exposure(lab):
    """MSAL for Go 1.10.1 (``FromSamlGrant``) adds the password to the token request that has the assertion."""
    assertion = b64url(lab.secrets["assertion"])
    form = f"grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Asaml1_1-bearer&assertion={assertion}"
    assert lab.send(LOGIN, Letter(TARGETS[LOGIN], body=form.encode())) == ()
    (found,) = lab.send(LOGIN, Letter(TARGETS[LOGIN], body=f"{form}&password=Frank-lab-password-1".encode()))
    assert (found.credential, found.owner) == ("password", "frank@fabrikam.com")
