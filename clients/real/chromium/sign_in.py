# ruff: noqa: INP001 - a program, started by path
"""Sign in with Chromium, once, in one of three ways.

``winauth-sso``   open the autologon host's own address: nothing but challenge and ticket
``sign-in-page``  an application opens the authorize page in the browser and waits for the code at a loopback address
``first-start``   the same from a profile that has never seen a Negotiate header

The person at the browser is the device's (``$SSOSIM_PERSON``): whoever would type into a window types into this one.
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

from browser import BrowserError, Chromium

AUTOLOGON: Final = "https://autologon.microsoftazuread-sso.com"
AUTHORITY: Final = "https://login.microsoftonline.com/organizations/oauth2/v2.0"
CLIENT_ID: Final = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"  # Azure CLI: a public client with a loopback address
SCOPE: Final = "openid profile offline_access https://graph.microsoft.com/.default"
PATIENCE_S: Final = 90.0  # a KDC that does not answer holds Chromium up for most of a minute
_FORM: Final = """(form => form && form.checkVisibility() ? document.getElementById("error")?.textContent ?? "" : null)(
    document.getElementById("signin"))"""
"""The text of the refusal that the form shows, ``""`` for none; null while no form is in sight."""

_SENT: Final = "document.personHasPosted"
_STRANGE: Final = "document.readyState === 'complete' && !document.getElementById('signin')"
_PUZZLED: Final = 40  # looks at another page, 50 ms apart, until the person gives up
_ENOUGH: Final = {"types-wrong-password": 3}
"""How often a person of this behaviour tries, if not once."""


class SignInError(Exception):
    """It came to no sign-in."""


def winauth_sso(user: str) -> str:
    """GET /winauth/sso as a page. A 200 holds a token for whose ticket it was."""
    domain = user.rpartition("@")[2]
    with Chromium() as browser:
        trouble = browser.open(f"{AUTOLOGON}/{domain}/winauth/sso?desktopsso=true&isAdalRequest=False", PATIENCE_S)
        if trouble or browser.status != 200:
            raise SignInError(trouble or f"{AUTOLOGON} answered {browser.status}")
    return user


def sign_in_page(user: str, *, seen: bool = True) -> str:
    """The whole of it: authorize page, silent attempt or form, code at the loopback address, tokens."""
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
    with listener, Chromium(seen=seen) as browser:
        trouble = browser.open(f"{AUTHORITY}/authorize?{urllib.parse.urlencode(query)}", PATIENCE_S)
        if trouble:
            raise SignInError(trouble)
        be_the_person(browser, listener)
        answer = listener.answer
        if answer.get("state") != query["state"] or "code" not in answer:
            raise SignInError(answer.get("error_description") or answer.get("error") or "no code came back")
        return redeem(answer["code"], listener.address, verifier)


def first_start(user: str) -> str:
    """``sign_in_page`` from a profile that has never seen a Negotiate header."""
    return sign_in_page(user, seen=False)


def be_the_person(browser: Chromium, listener: Listener) -> None:
    """Until the application has its answer: when a form comes into sight, do what this device's person does."""
    who = json.loads(Path(os.environ["SSOSIM_PERSON"]).read_text(encoding="utf-8"))
    behaviour, tried, end = who["behaviour"], 0, time.monotonic() + PATIENCE_S
    strange = 0
    while not listener.heard.wait(0.05):
        strange = strange + 1 if browser.js(_STRANGE) else 0
        if strange == _PUZZLED or time.monotonic() > end:
            raise SignInError("what the browser shows is no sign-in page" if strange else "nobody signed in")
        if browser.js(_FORM) is None or browser.js(_SENT):
            continue
        if behaviour in ("walks-away", "no-browser") or tried == _ENOUGH.get(behaviour, 1):
            raise SignInError("the page asks for a password, and nobody types one")
        tried += 1
        fill_in(browser, who, behaviour)


def fill_in(browser: Chromium, who: dict[str, Any], behaviour: str) -> None:
    """Name, password, Enter; or the button that cancels. The page is marked, so that it is done only once."""
    browser.js(f"{_SENT} = true")
    if behaviour == "refuses":
        browser.js("document.querySelector('button[name=cancel]').click()")
        return
    browser.type("#login", who["upn"])
    browser.type("#passwd", ("not-" if behaviour == "types-wrong-password" else "") + who["password"])
    browser.press_enter()


class Listener:
    """The application's loopback address, which the browser is sent back to."""

    def __init__(self) -> None:
        self.answer: dict[str, str] = {}
        self.heard = threading.Event()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:  # the name that http.server asks for
                fields = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.path).query))
                body = b"You may close this window."
                self.send_response(200 if fields else 404)
                self.send_header("Content-Type", "text/plain")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)
                if fields:
                    outer.answer = fields
                    outer.heard.set()

            def log_message(self, *_: object) -> None:
                """Nothing: codes are secrets."""

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://localhost:{self._server.server_port}"

    def __enter__(self) -> None:
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


def redeem(code: str, address: str, verifier: str) -> str:
    """The application's own request, without the browser; the name in the token."""
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
    """The exit code: 0 signed in, 1 not, 2 wrong usage."""
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
