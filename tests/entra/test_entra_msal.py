"""MSAL for Python, unmodified, with each kind of application: the right set-up signs in, the wrong one gets its code.

Its HTTP client is one that calls the provider without a socket.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

import msal
import pytest

from .conftest import ALICE, PASSWORD
from .estate_of_applications import (
    API,
    API_ID,
    ASSIGNED,
    BOB,
    BOB_PASSWORD,
    BOTH,
    CLI,
    CONTOSO,
    DAEMON,
    DAEMON_OBJECT,
    GRAPH,
    LENA,
    LENA_PASSWORD,
    LITWARE,
    MULTI,
    PUBLIC,
    SECRET,
    STRANGER,
    WEB,
    claims_of,
    make_estate,
)

# MSAL warns of passwords; they are the shortest way to a user's token here.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Answer:
    """An answer in the shape of that of ``requests``, as MSAL reads it."""

    def __init__(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.status_code, self.text, self.headers = status, body.decode(), headers

    def raise_for_status(self) -> None:
        """Raise for an error status."""
        if self.status_code >= 400:
            raise OSError(self.status_code)


class Http:
    """The HTTP client for MSAL: it calls the provider of a site."""

    def __init__(self, site: Any) -> None:
        self._site = site

    def get(self, url: str, params: Any = None, headers: Any = None, **_: Any) -> Answer:
        """GET."""
        return self._send("GET", url + (f"?{urlencode(params)}" if params else ""), headers or {}, b"")

    def post(self, url: str, data: Any = None, headers: Any = None, params: Any = None, **_: Any) -> Answer:
        """POST of a form."""
        if isinstance(data, dict):
            data = {name: value for name, value in data.items() if value is not None}  # as requests does
        body = urlencode(data or {}, doseq=True).encode() if not isinstance(data, (str, bytes)) else data
        form = {"Content-Type": "application/x-www-form-urlencoded"} | dict(headers or {})
        url += f"?{urlencode(params)}" if params else ""
        return self._send("POST", url, form, body.encode() if isinstance(body, str) else body)

    def close(self) -> None:
        """Nothing to close."""

    def _send(self, method: str, url: str, headers: dict[str, str], body: bytes) -> Answer:
        host, _, path = url.removeprefix("https://").partition("/")
        answer = self._site.ask(method, host, f"/{path}", headers=headers, body=body)
        return Answer(answer.status, answer.body, dict(answer.headers))


@pytest.fixture
def apps(make_site: Any) -> Any:
    """A site with applications of each kind."""
    return make_site(make_estate())


def public(site: Any, client: str, tenant: str = CONTOSO) -> Any:
    """A public client application of MSAL."""
    return msal.PublicClientApplication(
        client, authority=f"https://{site.LOGIN}/{tenant}", http_client=Http(site), instance_discovery=False
    )


def confidential(site: Any, client: str, tenant: str = CONTOSO, secret: Any = SECRET) -> Any:
    """A confidential client application of MSAL."""
    return msal.ConfidentialClientApplication(
        client, secret, authority=f"https://{site.LOGIN}/{tenant}", http_client=Http(site), instance_discovery=False
    )


@pytest.mark.parametrize(
    ("client", "tenant", "scope", "code"),
    [
        (DAEMON, CONTOSO, f"{API}/.default", None),
        (DAEMON, LITWARE, f"{GRAPH}/.default", 700016),
        (MULTI, LITWARE, f"{GRAPH}/.default", None),
        (MULTI, CONTOSO, f"{GRAPH}/.default", 7000229),
        (DAEMON, CONTOSO, f"{GRAPH}/User.Read", 1002012),
        (DAEMON, CONTOSO, "https://nothing.example/.default", 500011),
        (PUBLIC, CONTOSO, f"{API}/.default", 700025),
    ],
)
def test_client_credentials_of_msal(apps, client, tenant, scope, code):
    """Application tokens with MSAL: its subject is the service principal; each wrong set-up has its code.

    A registration is in its home tenant alone (CONNECT-005); that of the API says which claims its tokens have
    (CONNECT-008).
    """
    got = confidential(apps, client, tenant).acquire_token_for_client([scope])
    assert got.get("error_codes") == (None if code is None else [code])
    if (client, scope) == (DAEMON, f"{API}/.default"):
        claims = claims_of(got["access_token"])
        assert (claims["sub"], claims["aud"], claims["roles"]) == (DAEMON_OBJECT, API_ID, ["Orders.Job"])
        assert claims["idtyp"] == "app", "an optional claim of the registration of the API"


@pytest.mark.parametrize(
    ("client", "tenant", "scope", "user", "code"),
    [
        (CLI, "organizations", f"{GRAPH}/.default", (ALICE, PASSWORD), None),
        (CLI, LITWARE, f"{GRAPH}/.default", (LENA, LENA_PASSWORD), None),
        (CLI, "organizations", "User.Read", (ALICE, PASSWORD), 65002),
        (PUBLIC, CONTOSO, f"{API}/Orders.Write", (ALICE, PASSWORD), None),
        (PUBLIC, CONTOSO, "Mail.Read", (ALICE, PASSWORD), 65001),
        (ASSIGNED, CONTOSO, "User.Read", (ALICE, PASSWORD), None),
        (ASSIGNED, CONTOSO, "User.Read", (BOB, BOB_PASSWORD), 50105),
        (PUBLIC, LITWARE, f"{API}/Orders.Read", (LENA, LENA_PASSWORD), 700016),
        (PUBLIC, "organizations", f"{API}/Orders.Read", (ALICE, PASSWORD), 50194),
        (STRANGER, CONTOSO, "User.Read", (ALICE, PASSWORD), 65001),
        (WEB, CONTOSO, "User.Read", (ALICE, PASSWORD), 7000218),
    ],
)
def test_passwords_of_msal(apps, client, tenant, scope, user, code):
    """User tokens with MSAL's password grant: each wrong set-up has its code; consent_required where MSAL reads it.

    Which permissions an application may have is registered (CONNECT-007), and its service principal says who may sign
    in (CONNECT-010).
    """
    got = public(apps, client, tenant).acquire_token_by_username_password(*user, scopes=[scope])
    assert got.get("error_codes") == (None if code is None else [code]), got
    if code == 65001:
        assert (got["error"], got["suberror"]) == ("invalid_grant", "consent_required")


def test_msal_finds_what_was_granted_in_its_cache(apps):
    """The scope of the answer is such that the next silent request needs no request to the provider."""
    app = public(apps, PUBLIC)
    assert "access_token" in app.acquire_token_by_username_password(ALICE, PASSWORD, [f"{API}/Orders.Read"])
    account = app.get_accounts()[0]
    for scope in (f"{API}/Orders.Read", f"{API}/Orders.Write"):
        assert app.acquire_token_silent([scope], account)["token_source"] == "cache"
    cli = public(apps, CLI, "organizations")
    cli.acquire_token_by_username_password(ALICE, PASSWORD, [f"{GRAPH}/.default"])
    assert cli.acquire_token_silent([f"{GRAPH}/.default"], cli.get_accounts()[0])["token_source"] == "cache"


def test_device_code_and_refresh_of_msal(apps, make_browser):
    """An application with a secret and public flows: MSAL's public client signs in and refreshes by itself."""
    app = public(apps, BOTH)
    flow = app.initiate_device_flow(["User.Read"])
    browser = make_browser(apps)
    browser.sign_in(browser.enter(flow["user_code"]))
    assert "access_token" in app.acquire_token_by_device_flow(flow)
    account = app.get_accounts()[0]
    assert "access_token" in app.acquire_token_silent([f"{API}/Orders.Read"], account)
    refused = app.acquire_token_silent_with_error(["Mail.Read"], account)
    assert refused["error_codes"] == [65001]
    # The same application as a confidential client cannot use this refresh token.
    refresh = next(iter(app.token_cache.search("RefreshToken")))["secret"]
    other = confidential(apps, BOTH).acquire_token_by_refresh_token(refresh, ["User.Read"])
    assert other["error_codes"] == [700025]
