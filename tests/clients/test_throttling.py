"""MSAL Python's cache of responses beside the library itself: which requests are not sent again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest
from msal.throttled_http_client import ThrottledHttpClient
from ssosim_clients.flows.throttle import MsalPythonCache

from .scripted import ScriptedDevice, finish, response

TOKEN, REALM = "https://login.example/t/oauth2/v2.0/token", "https://login.example/common/userrealm/a"
FORM = {"client_id": "app", "scope": "openid", "username": "alice", "password": "1"}


@dataclass
class Original:
    """MSAL Python's own throttled client over a script of statuses, with a clock that a test moves."""

    monkeypatch: pytest.MonkeyPatch
    status: int
    retry_after: str | None
    sent: int = 0
    now: float = 1_740_000_000.0
    client: Any = field(init=False)

    def __post_init__(self) -> None:
        self.client = ThrottledHttpClient(self, default_throttle_time=60)
        self.monkeypatch.setattr("msal.individual_cache.time.time", lambda: self.now)

    def post(self, *_: object, **__: object) -> object:
        """Answer a request of the library."""
        self.sent += 1
        headers = {} if self.retry_after is None else {"Retry-After": self.retry_after}

        class Reply:
            status_code = self.status
            text = "{}"

        Reply.headers = headers  # type: ignore[attr-defined]
        return Reply()

    get = post


def encode(form: dict[str, str]) -> bytes:
    """The form as the client models send it."""
    return "&".join(f"{name}={value}" for name, value in form.items()).encode()


@pytest.mark.parametrize("status", [200, 302, 400, 401, 403, 404, 429, 500, 503, 599])
@pytest.mark.parametrize("retry_after", [None, "0", "5", "100", "4000", "Wed, 19 Feb 2025 22:20:00 GMT"])
def test_a_post_is_sent_again_when_the_library_sends_it(
    monkeypatch: pytest.MonkeyPatch, status: int, retry_after: str | None
) -> None:
    """The same POST a while later: the model asks the server if and only if MSAL Python does."""
    for later in (4, 6, 59, 61, 99, 3599, 3601):
        original = Original(monkeypatch, status, retry_after)
        scripted = ScriptedDevice([response(status, retry_after)])
        cached = MsalPythonCache().wrap(scripted.device)
        for _ in range(2):
            original.client.post(TOKEN, data=FORM, headers={})
            scripted.send(cached, "POST", TOKEN, encode(FORM))
            original.now += later
            scripted.moment += later
        assert (later, len(scripted.sent)) == (later, original.sent)


@pytest.mark.parametrize("status", [200, 204, 299, 300, 304, 400, 404, 429, 500])
@pytest.mark.parametrize("later", [86_399, 86_401])
def test_a_get_is_sent_again_when_the_library_sends_it(
    monkeypatch: pytest.MonkeyPatch, status: int, later: int
) -> None:
    """A good answer to a GET holds for a day, and no other answer holds."""
    original = Original(monkeypatch, status, None)
    scripted = ScriptedDevice([response(status)])
    cached = MsalPythonCache().wrap(scripted.device)
    for _ in range(2):
        original.client.get(REALM, headers={})
        scripted.send(cached, "GET", REALM)
        original.now += later
        scripted.moment += later
    assert len(scripted.sent) == original.sent


@pytest.mark.parametrize("changed", ["client_id", "scope", "username", "refresh_token", "password", "url"])
@pytest.mark.parametrize("status", [400, 429, 503])
def test_which_other_request_gets_the_stored_error(monkeypatch: pytest.MonkeyPatch, status: int, changed: str) -> None:
    """The key of a stored error is that of the library, which leaves the user name out of it."""
    other = FORM | {changed: "other"} if changed != "url" else FORM
    url = f"{TOKEN}2" if changed == "url" else TOKEN
    original = Original(monkeypatch, status, None)
    original.client.post(TOKEN, data=FORM, headers={})
    original.client.post(url, data=other, headers={})
    scripted = ScriptedDevice([response(status)])
    cached = MsalPythonCache().wrap(scripted.device)
    scripted.send(cached, "POST", TOKEN, encode(FORM))
    scripted.send(cached, "POST", url, encode(other))
    assert len(scripted.sent) == original.sent


def test_an_error_of_a_soap_request_is_that_of_every_user(monkeypatch: pytest.MonkeyPatch) -> None:
    """WS-Trust is posted as text: the key of a 5xx is the URL alone, that of a 400 has the text."""
    for status, expected in ((503, 1), (400, 2)):
        original = Original(monkeypatch, status, None)
        scripted = ScriptedDevice([response(status)])
        cached = MsalPythonCache().wrap(scripted.device)
        for text in ("<alice/>", "<bob/>"):
            original.client.post(TOKEN, data=text, headers={})
            finish(cached.request("POST", TOKEN, {"Content-Type": "application/soap+xml"}, text.encode()))
        assert len(scripted.sent) == original.sent == expected
