"""Error bodies, the catalogue, and what is recorded of an exchange."""

import json
import re
import uuid
from urllib.parse import urlencode

import msgspec
import pytest

from ssosim.entra import Settings
from ssosim.entra.core.aadsts_rows import ROWS
from ssosim.entra.core.errors import CATALOGUE, AadstsError, describe, list_error_codes
from ssosim.trace import HttpExchange

FIELD = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\dZ\Z")


def ropc(site, **changes):
    """A password request at the v2 endpoint; status and body."""
    form = {
        "client_id": site.CLI,
        "grant_type": "password",
        "username": "alice@contoso.com",
        "password": "x",
        "scope": "openid",
    }
    return site.token({key: value for key, value in (form | changes).items() if value is not None})


def test_error_body_is_exact(site):
    """All fields of an error, integer codes, ids of the right shape, error_uri by code (GO-006)."""
    status, body = ropc(site)
    assert status == 400
    assert list(body) == [
        "error",
        "error_description",
        "error_codes",
        "timestamp",
        "trace_id",
        "correlation_id",
        "error_uri",
    ]
    assert (body["error"], body["error_codes"]) == ("invalid_grant", [50126])
    assert FIELD.match(body["timestamp"])
    assert uuid.UUID(body["trace_id"])
    assert body["trace_id"].endswith("00")
    assert body["error_uri"] == "https://login.microsoftonline.com/error?code=50126"
    assert body["error_description"] == (
        "AADSTS50126: Error validating credentials due to invalid username or password. "
        f"Trace ID: {body['trace_id']} Correlation ID: {body['correlation_id']} Timestamp: {body['timestamp']}"
    )


def test_older_captures_have_crlf(make_site):
    """The separator before 2024 was CRLF: a setting."""
    _, body = ropc(make_site(settings=Settings(error_separator="\r\n")))
    assert len(body["error_description"].split("\r\n")) == 4


def test_correlation_id_is_the_callers(site):
    """client-request-id is the correlation_id of the answer and the request_id in the trace (GO-007)."""
    own = str(uuid.uuid4())
    answer = site.ask("POST", site.LOGIN, "/common/oauth2/token", headers={"Client-Request-Id": own})
    assert json.loads(answer.body)["correlation_id"] == own
    assert site.events(HttpExchange)[-1].request_id == own


def test_mfa_differs_between_versions(make_site):
    """50076 in v2 is invalid_grant with capolids, in v1 interaction_required with polids; both have the suberror."""
    site = make_site(user={"mfa_required": True})
    form = {
        "client_id": site.CLI,
        "grant_type": "password",
        "username": "alice@contoso.com",
        "password": "Alice-lab-password-1",
        "scope": "openid",
    }
    _, v2 = site.token(form)
    assert (v2["error"], v2["suberror"]) == ("invalid_grant", "basic_action")
    assert list(json.loads(v2["claims"])["access_token"]) == ["capolids"]
    _, v1 = site.token(form | {"resource": "https://graph.microsoft.com"}, v1=True)
    assert (v1["error"], v1["suberror"]) == ("interaction_required", "basic_action")
    assert list(json.loads(v1["claims"])["access_token"]) == ["polids"]


@pytest.mark.parametrize(
    ("changes", "code", "error"),
    [
        ({"grant_type": None}, 900144, "invalid_request"),
        ({"client_id": None}, 900144, "invalid_request"),
        ({"scope": None}, 900144, "invalid_request"),
        ({"password": None}, 900144, "invalid_request"),
        ({"username": " "}, 900144, "invalid_request"),
        ({"grant_type": "magic"}, 70003, "unsupported_grant_type"),
        ({"client_id": "11111111-1111-1111-1111-111111111111"}, 700016, "unauthorized_client"),
        ({"scope": "https://a.example/x https://b.example/y"}, 28000, "invalid_request"),
        ({"scope": "https://"}, 70011, "invalid_scope"),
        ({"username": "alice@nowhere.example"}, 50059, "invalid_request"),
        ({"grant_type": "refresh_token", "refresh_token": "rubbish"}, 9002313, "invalid_grant"),
        ({"grant_type": "client_credentials"}, 7000216, "invalid_client"),
    ],
)
def test_bad_requests(site, changes, code, error):
    """Each missing or wrong parameter has its code."""
    status, body = ropc(site, **changes)
    assert (body["error_codes"], body["error"]) == ([code], error)
    assert status == (401 if error == "invalid_client" else 400)


def test_public_client_with_a_secret(site):
    """A public client that sends a secret is 700025; Basic is read as well as the form."""
    assert ropc(site, client_secret="x")[1]["error_codes"] == [700025]
    body = urlencode({"grant_type": "client_credentials", "scope": "https://graph.microsoft.com/.default"}).encode()
    headers = site.FORM | {"Authorization": "Basic N2MxYzJiNGUtM2I1Ny00ZjBhLThmOGUtMmE5ZDRkNmU1YjAxOndyb25n"}
    answer = site.ask("POST", site.LOGIN, "/contoso.com/oauth2/v2.0/token", headers=headers, body=body)
    assert (answer.status, answer.code) == (401, 7000215)
    answer = site.ask(
        "POST",
        site.LOGIN,
        "/contoso.com/oauth2/v2.0/token",
        headers=site.FORM | {"Authorization": "Basic %"},
        body=body,
    )
    assert answer.code == 9002313


@pytest.mark.parametrize("tenant", ["common", "consumers"])
def test_password_over_common(site, tenant):
    """ROPC is not for /common or /consumers: 9001023 (protocol 10.6)."""
    form = {
        "client_id": site.CLI,
        "grant_type": "password",
        "username": "a@contoso.com",
        "password": "x",
        "scope": "openid",
    }
    assert site.token(form, tenant)[1]["error_codes"] == [9001023]


@pytest.mark.parametrize(
    "body", [b"\xff\xfe", b"grant_type", b"grant_type=password&client_", b"&" * 500, b"=" * 10, b"a=b&" * 200]
)
def test_truncated_forms(site, body):
    """A form that stops half-way is a 400 with a code."""
    answer = site.ask("POST", site.LOGIN, "/organizations/oauth2/v2.0/token", body=body)
    assert answer.status == 400
    assert answer.code in (900144, 9002313)


def test_wrong_method_host_and_path(site):
    """An error page for GET and 405 for other methods, with Allow; 404; 421 for a host that the lab does not have."""
    for method, status in (("GET", 200), ("PUT", 405)):
        answer = site.ask(method, site.LOGIN, "/common/oauth2/v2.0/token")
        assert (answer.status, answer.code, dict(answer.headers)["Allow"]) == (status, 900561, "POST, OPTIONS")
        assert f"The endpoint only accepts POST, OPTIONS requests. Received a {method} request.".encode() in answer.body
    assert site.ask("GET", site.LOGIN, "/").status == 404
    assert site.ask("GET", site.AUTOLOGON, "/common/userrealm/alice@contoso.com").status == 404
    assert site.ask("GET", "evil.example", "/common/userrealm/alice@contoso.com").status == 421
    assert site.ask("GET", "LOGIN.microsoftonline.com.:8443", "/common/discovery/keys").status == 200


def test_oversized_requests_are_protocol_errors(site):
    """Too large a body or headers: the endpoint's own kind of error, never 500."""
    answer = site.ask("POST", site.LOGIN, "/common/oauth2/token", too_large=True)
    assert (answer.status, answer.code) == (400, 9002313)
    answer = site.ask("POST", site.AUTOLOGON, "/contoso.com/winauth/trust/2005/usernamemixed", too_large=True)
    assert (answer.status, answer.code) == (400, 81016)
    assert site.ask("GET", site.LOGIN, "/common/discovery/keys", header_bytes=60_000).status == 400


def test_an_internal_mistake_is_one_500_and_one_log_line(site, caplog):
    """An unexpected exception becomes a generic 500 with the trace id; it is logged once and not shown."""

    class Broken:
        def accept(self, _token, _bindings=None):
            raise RuntimeError("secret detail")

    site.provider.acceptors = {site.AUTOLOGON: Broken()}
    answer = site.windows("ok:alice")
    assert (answer.status, answer.code) == (500, 50000)
    assert b"AADSTS50000" in answer.body
    assert b"secret detail" not in answer.body
    assert len(caplog.records) == 1
    assert caplog.records[0].getMessage().split()[2].rstrip(":").encode() in answer.body


def test_no_secret_reaches_the_trace(site):
    """Neither tickets nor passwords nor tokens are in any event."""
    assertion = site.extract_assertion(site.windows("ok:alice@CORP.CONTOSO.COM"))
    _, body = site.token(site.saml_form(assertion))
    site.mixed("alice@contoso.com", "Alice-lab-password-1")
    ropc(site, password="Alice-lab-password-1")
    text = repr([msgspec.structs.asdict(record.event) for record in site.provider.trace])
    for secret in (
        "Alice-lab-password-1",
        assertion[60:90],
        body["access_token"],
        body["refresh_token"],
        "b2s6YWxpY2U",
    ):
        assert secret not in text
    events = site.events(HttpExchange)
    assert [event.auth for event in events] == ["kerberos", "none", "password", "password"]
    assert "?" not in events[0].path


@pytest.mark.parametrize("code", sorted(CATALOGUE))
def test_catalogue_rows_are_complete(code):
    """Every row names an error, a text, a source and outer_codes codes that exist; its text renders without details."""
    row = CATALOGUE[code]
    assert row.error
    assert row.source
    assert all(outer_codes in CATALOGUE for outer_codes in row.outer_codes)
    assert (row.status == 401) == (row.error == "invalid_client")
    text = describe(AadstsError(code))
    assert text.startswith(f"AADSTS{list_error_codes(AadstsError(code))[0]}: ")
    assert "{" not in text


def test_each_code_has_one_row():
    """No code has two rows, so every part of the provider answers the same error for it."""
    codes = [row.code for row in ROWS]
    assert len(codes) == len(set(codes)) == len(CATALOGUE)
