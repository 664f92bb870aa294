# ruff: noqa: INP001 - a program, started by path
"""One sign-in with the browser of ``browser.py``, in one of three flows.

``winauth-sso``   open the URL of the autologon host as a page: only challenge and ticket
``sign-in-page``  an application opens the authorize page in the browser and waits for the code at a loopback URL
``first-start``   the same with a profile that has never received a Negotiate header

The scripted user of the device (``$SSOSIM_PERSON``) types into the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
import secrets
import sys
import threading
import time
import urllib.parse
import urllib.request
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Final

from browser import Browser, BrowserError

AUTOLOGON: Final = "https://autologon.microsoftazuread-sso.com"
AUTHORITY: Final = "https://login.microsoftonline.com/organizations/oauth2/v2.0"
CLIENT_ID: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # Azure CLI: a public client with a loopback redirect URI
SCOPE: Final = "openid profile offline_access https://graph.microsoft.com/.default"
TIMEOUT_S: Final = 90.0  # a KDC that does not answer blocks Chromium for almost a minute
_FIND_FORM: Final = "(document.getElementById('signin') ?? document.getElementById('loginForm'))"
_FORM: Final = f"""(form => form && form.checkVisibility()
    ? (document.getElementById("error") ?? document.getElementById("errorText"))?.textContent ?? "" : null)(
    {_FIND_FORM})"""
"""The error text in the sign-in form, ``""`` for none; null while no form is visible."""

_IS_ADFS: Final = "!!document.getElementById('loginForm')"
_PAGE: Final = "performance.timeOrigin"
"""When the page was opened: it tells a page from the next one, also while that one is on its way.

A property that a script sets on the document would not do: Firefox may forget it while the form is being sent.
"""
_PAGE_WITH_FORM: Final = f"({_FORM}) === null ? null : {_PAGE}"
"""The page, null if it has no visible form. In one step: between two, the next page can take the place of this one."""

_IS_OTHER_PAGE: Final = f"document.readyState === 'complete' && !{_FIND_FORM}"
_MAX_OTHER_PAGES: Final = 200  # how often another page is seen, 50 ms apart: a busy machine takes seconds to redirect
_ATTEMPTS: Final = {"types-wrong-password": 3}
"""How often a user with this behaviour tries; once for the others."""


class SignInError(Exception):
    """The sign-in failed."""


def winauth_sso(user: str) -> str:
    """Open /winauth/sso as a page. A 200 has a token for the user of the ticket."""
    domain = user.rpartition("@")[2]
    with Browser() as browser:
        trouble = browser.open(f"{AUTOLOGON}/{domain}/winauth/sso?desktopsso=true&isAdalRequest=False", TIMEOUT_S)
        if trouble or browser.status != 200:
            raise SignInError(trouble or f"{AUTOLOGON} answered {browser.status}")
    return user


def sign_in_page(user: str, **options: bool) -> str:
    """The complete flow: authorize page, silent attempt or form, code at the loopback URL, tokens."""
    listener = Listener()
    verifier = secrets.token_urlsafe(48)
    query = {
        "client_id": CLIENT_ID,
        "response_type": "code",
        "redirect_uri": listener.address,
        "scope": SCOPE,
        "state": secrets.token_urlsafe(16),
        "login_hint": user,
        "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode(),
        "code_challenge_method": "S256",
    }
    with listener, Browser(**options) as browser:
        trouble = browser.open(f"{AUTHORITY}/authorize?{urllib.parse.urlencode(query)}", TIMEOUT_S)
        if trouble:
            raise SignInError(trouble)
        act_as_user(browser, listener)
        answer = listener.answer
        if answer.get("state") != query["state"] or "code" not in answer:
            raise SignInError(answer.get("error_description") or answer.get("error") or "no code came back")
        return redeem(answer["code"], listener.address, verifier)


def first_start(user: str) -> str:
    """``sign_in_page`` with a profile that has never received a Negotiate header."""
    return sign_in_page(user, seen_negotiate=False)


def act_as_user(browser: Browser, listener: Listener) -> None:
    """Act as the scripted user whenever a sign-in form is visible, until the application has its response."""
    script = json.loads(Path(os.environ["SSOSIM_PERSON"]).read_text(encoding="utf-8"))
    behaviour, tried, end = script["behaviour"], 0, time.monotonic() + TIMEOUT_S
    other_pages, sent = 0, None
    while not listener.received.wait(0.05):
        other_pages = other_pages + 1 if browser.js(_IS_OTHER_PAGE) else 0
        if other_pages == _MAX_OTHER_PAGES or time.monotonic() > end:
            raise SignInError("what the browser shows is no sign-in page" if other_pages else "nobody signed in")
        if browser.js(_PAGE_WITH_FORM) in (None, sent):
            continue
        if behaviour in ("walks-away", "no-browser", "browser-fails") or tried == _ATTEMPTS.get(behaviour, 1):
            raise SignInError("the page asks for a password, and nobody types one")
        tried += 1
        sent = fill_in_form(browser, script, behaviour)


def fill_in_form(browser: Browser, script: dict[str, Any], behaviour: str) -> float | None:
    """Type name and password and press Enter, or press Cancel. Return the page, in which this is done only once."""
    if behaviour == "refuses":
        page: float | None = browser.js(_PAGE)
        browser.js("document.querySelector('button[name=cancel]').click()")
        return page
    name, password = ("#userNameInput", "#passwordInput") if browser.js(_IS_ADFS) else ("#login", "#passwd")
    browser.type(name, script["upn"])
    browser.type(password, ("not-" if behaviour == "types-wrong-password" else "") + script["password"])
    page = browser.js(_PAGE)
    browser.press_enter()
    return page


class Listener:
    """The loopback redirect URI of the application."""

    def __init__(self) -> None:
        self.answer: dict[str, str] = {}
        self.received = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # http.server requires this name
                fields = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                body = b"You may close this window."
                self.send_response(200 if fields else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                if fields:
                    outer.answer = fields
                    outer.received.set()

            def log_message(self, *_: object) -> None:
                """Log nothing: codes are secrets."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def redeem(code: str, address: str, verifier: str) -> str:
    """Redeem the code without the browser, and return the user name in the ID token."""
    form = {
        "client_id": CLIENT_ID,
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": address,
        "code_verifier": verifier,
        "scope": SCOPE,
    }
    body = urllib.parse.urlencode(form).encode()
    with urllib.request.urlopen(f"{AUTHORITY}/token", body, timeout=30) as answer:  # noqa: S310 - it is https
        tokens = json.load(answer)
    claims = tokens["id_token"].split(".")[1]
    return str(json.loads(base64.urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["preferred_username"])


FLOWS: Final = {
    "winauth-sso": winauth_sso,
    "sign-in-page": sign_in_page,
    "first-start": first_start,
}


def main(arguments: list[str]) -> int:
    """Run one flow. The exit code is 0 if signed in, 1 if not, 2 for wrong usage."""
    if len(arguments) != 1 or arguments[0] not in FLOWS:
        print(f"usage: sign_in.py {'|'.join(FLOWS)}", file=sys.stderr)
        return 2
    try:
        print(f"signed in as {FLOWS[arguments[0]](os.environ['SSOSIM_USER'])}")
    except (SignInError, BrowserError, OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
