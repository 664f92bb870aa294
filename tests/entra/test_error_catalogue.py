"""Every AADSTS code at every endpoint, as programs read it."""

import json
import re
from urllib.parse import parse_qs, urlencode, urlsplit

import msal
import pytest
from lxml import etree
from multidict import CIMultiDict

from ssosim.entra import Call
from ssosim.entra.core.errors import CATALOGUE, AadstsError, find_row
from ssosim.entra.http.exchange import run_exchange
from ssosim.faults import HttpStatus
from ssosim.trace import HttpExchange

LOGIN = "login.microsoftonline.com"
AUTOLOGON = "autologon.microsoftazuread-sso.com"
CLI = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
SCOPE = "https://management.azure.com/user_impersonation"
FORM = {
    "client_id": CLI,
    "grant_type": "refresh_token",
    "refresh_token": "r",
    "scope": SCOPE,
    "username": "a@b.example",
}
FIELDS = ["error", "error_description", "error_codes", "timestamp", "trace_id", "correlation_id", "error_uri"]
CODES = sorted(CATALOGUE)
# RFC 6749 section 4.1.2.1, OpenID Connect Core 3.1.2.6, RFC 8707 section 2, Entra auth-code document
AUTHORIZE_ERRORS = {
    "invalid_target",
    "invalid_request",
    "unauthorized_client",
    "access_denied",
    "unsupported_response_type",
    "invalid_scope",
    "server_error",
    "temporarily_unavailable",
    "interaction_required",
    "login_required",
    "account_selection_required",
    "consent_required",
    "invalid_resource",
}


def ask(site, fault, target, *, host=LOGIN, method="POST", form=FORM):
    """One exchange under ``fault``."""
    body = urlencode(form).encode() if method == "POST" else b""
    headers = CIMultiDict({"Content-Type": "application/x-www-form-urlencoded"})
    call = Call.read(method, host, target, headers=headers, body=body, now=site.clock.now())
    effect = fault.effect_on(call) if fault is not None else None
    reply = run_exchange(site.provider, call, "desk-1", effect)
    assert reply is not None
    return reply


@pytest.mark.parametrize("code", CODES)
@pytest.mark.parametrize("endpoint", ["token", "devicecode"])
@pytest.mark.parametrize("version", ["1.0", "2.0"])
def test_body_of_each_code(site, code, endpoint, version):
    """At token and device code endpoint: the seven fields with the right types, then suberror and claims of the row."""
    row = CATALOGUE[code]
    path = f"/contoso.com/oauth2{'/v2.0' if version == '2.0' else ''}/{endpoint}"
    reply = ask(site, HttpStatus(code=code), path)
    assert (reply.status, reply.content_type) == (row.status, "application/json; charset=utf-8")
    body = json.loads(reply.body)
    further = [name for name, has in (("suberror", row.suberror), ("claims", row.claims)) if has]
    assert list(body) == FIELDS + further
    assert body["error"] == (row.v1_error if version == "1.0" and row.v1_error else row.error)
    assert body["error_codes"] == [*row.outer_codes, code]
    assert body["error_uri"] == f"https://login.microsoftonline.com/error?code={code}"
    text = re.sub(r" Trace ID: \S+ Correlation ID: \S+ Timestamp: \S+ \S+Z\Z", "", body["error_description"])
    assert f"AADSTS{code}: " in text
    assert text == site.events(HttpExchange)[-1].error_description
    assert "{" not in text
    if row.claims:
        (policies,) = json.loads(body["claims"])["access_token"].items()
        assert policies[0] == ("polids" if version == "1.0" else "capolids")
        assert policies[1]["essential"] is True


@pytest.mark.parametrize("code", CODES)
def test_page_of_each_code(site, code):
    """At the authorization endpoint a page: status 200 unless the service itself fails, and the error in $Config."""
    row = CATALOGUE[code]
    reply = ask(site, HttpStatus(code=code), f"/common/oauth2/v2.0/authorize?client_id={CLI}", method="GET")
    assert reply.content_type.startswith("text/html")
    assert reply.status == (row.status if row.status >= 500 else 200)
    found = re.search(r"\$Config=(\{.+\});\n", reply.body.decode())
    config = json.loads(found[1])
    assert (config["sErrorCode"], config["iErrorCode"], config["pgid"]) == (str(code), code, row.page)
    assert f"AADSTS{code}: " in config["sErrTxt"]
    assert config["strServiceExceptionMessage"].startswith(config["sErrTxt"] + " Trace ID: ")
    assert config["iHttpErrorCode"] == row.status


@pytest.mark.parametrize("code", CODES)
def test_authorization_response_of_each_code(site, code):
    """With prompt=none the application gets the error, with an OAuth value that this endpoint has."""
    query = {"client_id": CLI, "redirect_uri": "http://localhost:8400", "response_type": "code", "prompt": "none"}
    target = "/common/oauth2/v2.0/authorize?" + urlencode({**query, "state": "s1", "scope": SCOPE})
    reply = ask(site, HttpStatus(code=code), target, method="GET")
    assert (reply.status, reply.code) == (302, code)
    sent = parse_qs(urlsplit(dict(reply.headers)["Location"]).query)
    row = CATALOGUE[code]
    if row.error in ("invalid_grant", "invalid_client"):
        assert sent["error"][0] in AUTHORIZE_ERRORS
    assert sent["error"] == [row.error_at("authorize", "2.0")]
    assert f"AADSTS{code}: " in sent["error_description"][0]
    assert sent["state"] == ["s1"]


def test_grant_errors_of_the_token_endpoint_are_not_sent_to_applications():
    """RFC 6749 has invalid_grant and invalid_client at the token endpoint only."""
    values = {row.error_at("authorize", "2.0") for row in CATALOGUE.values() if row.error.startswith("invalid_")}
    assert values <= AUTHORIZE_ERRORS | {"invalid_instance"}


@pytest.mark.parametrize("code", CODES)
def test_soap_fault_of_each_code(site, code):
    """At WS-Trust: a SOAP fault with the text in psf:text; 5xx stay what they are."""
    reply = ask(site, HttpStatus(code=code), "/contoso.com/winauth/trust/2005/usernamemixed", host=AUTOLOGON)
    assert reply.status == (CATALOGUE[code].status if CATALOGUE[code].status >= 405 else 400)
    text = etree.fromstring(reply.body).find(".//{http://schemas.microsoft.com/Passport/SoapServices/SOAPFault}text")
    assert f"AADSTS{code}: " in text.text


def test_status_of_a_fault_is_what_it_says(site):
    """``status`` overrides that of the code, at each endpoint; Retry-After stands beside it."""
    fault = HttpStatus(code=50196, status=429, retry_after=60)
    reply = ask(site, fault, "/contoso.com/oauth2/v2.0/token")
    assert (reply.status, dict(reply.headers)["Retry-After"]) == (429, "60")
    assert json.loads(reply.body)["error"] == "invalid_grant"
    assert ask(site, fault, "/common/oauth2/v2.0/authorize", method="GET").status == 429
    assert ask(site, fault, "/x/winauth/trust/2005/usernamemixed", host=AUTOLOGON).status == 429


def test_a_host_without_codes_sends_the_status_alone(site):
    """AD FS has no AADSTS codes."""
    reply = ask(site, HttpStatus(code=50076), "/adfs/services/trust/2005/usernamemixed", host=site.STS)
    assert (reply.status, reply.body, reply.code) == (400, b"", None)


def test_an_unknown_code_names_near_ones():
    """A code that the catalogue does not have is refused, with codes that are like it."""
    with pytest.raises(ValueError, match=r"AADSTS50077 is not in the catalogue.*try 50076, 50079"):
        HttpStatus(code=50077)
    with pytest.raises(ValueError, match=r"try 28000, .*9002327"):
        find_row(1)


def test_provider_and_fault_answer_alike(make_site):
    """A rehearsed MFA request is the same as one of the provider itself, but for ids."""
    site = make_site(user={"mfa_required": True})
    form = {"client_id": CLI, "grant_type": "password", "username": "alice@contoso.com", "scope": SCOPE}
    form["password"] = "Alice-lab-password-1"
    own, rehearsed = (
        json.loads(ask(site, fault, "/organizations/oauth2/v2.0/token", form=form).body)
        for fault in (None, HttpStatus(code=50076))
    )
    varying = {"error_description", "timestamp", "trace_id", "correlation_id"}
    assert {k: v for k, v in own.items() if k not in varying} == {
        k: v for k, v in rehearsed.items() if k not in varying
    }


def test_a_password_typed_as_a_name_is_not_in_the_trace(site):
    """The text of an error may repeat what the client sent; secrets of the estate are removed from the record."""
    site.token({**FORM, "grant_type": "password", "username": "Alice-lab-password-1@contoso.com", "password": "x"})
    event = site.events(HttpExchange)[-1]
    assert event.code == 50034
    assert "Alice-lab-password-1" not in event.error_description
    assert "does not exist in the" in event.error_description


class Response:
    """What MSAL Python reads of a response."""

    def __init__(self, reply):
        self.status_code, self.text = reply.status, reply.body.decode()
        self.headers = dict(reply.headers)

    def raise_for_status(self):
        """Raise for an error, as requests does."""
        assert self.status_code < 400, self.text


class Transport:
    """The HTTP client of MSAL Python, without a socket; ``fault`` strikes the token endpoint."""

    def __init__(self, site):
        self.site, self.fault = site, None

    def post(self, url, data=None, **_):
        """Send a form."""
        fault = self.fault if url.endswith("/token") else None
        return Response(ask(self.site, fault, urlsplit(url).path, form=data or {}))

    def get(self, url, params=None, **_):
        """Send a query."""
        parts = urlsplit(url)
        query = "&".join(filter(None, (parts.query, urlencode(params or {}))))
        return Response(ask(self.site, None, f"{parts.path}?{query}", method="GET"))

    def close(self):
        """Do nothing."""


@pytest.mark.filterwarnings("ignore:This API has been deprecated")
@pytest.mark.parametrize(
    ("code", "error", "classification"),
    [
        (50076, "invalid_grant", "basic_action"),
        (50079, "invalid_grant", "basic_action"),
        (50074, "invalid_grant", "basic_action"),
        (53000, "invalid_grant", "message_only"),
        (53003, "invalid_grant", "message_only"),
        (65001, "invalid_grant", "consent_required"),
        (50055, "invalid_grant", "user_password_expired"),
        (70043, "invalid_grant", ""),  # token_expired, which MSAL hides
        (700082, "invalid_grant", ""),  # bad_token, which MSAL hides
        (50173, "invalid_grant", ""),
        (700016, "unauthorized_client", ""),
        (7000222, "invalid_client", ""),
    ],
)
def test_msal_classifies_as_with_the_real_service(site, code, error, classification):
    """MSAL Python's silent call gives the error, its classification, codes and claims of the real service."""
    http = Transport(site)
    app = msal.PublicClientApplication(
        CLI, authority=f"https://{LOGIN}/contoso.com", http_client=http, instance_discovery=False
    )
    first = app.acquire_token_by_username_password("alice@contoso.com", "Alice-lab-password-1", [SCOPE])
    assert "access_token" in first, first
    http.fault = HttpStatus(code=code)
    (account,) = app.get_accounts()
    result = app.acquire_token_silent_with_error([SCOPE], account, force_refresh=True)
    assert (result["error"], result["error_codes"]) == (error, [code])
    assert result.get("classification", "") == classification
    assert ("claims" in result) == CATALOGUE[code].claims


def test_suberror_of_a_stale_error_is_that_of_its_row():
    """An override of the OAuth value leaves the rest of the row."""
    assert AadstsError(70016, error="slow_down").row.error == "authorization_pending"
