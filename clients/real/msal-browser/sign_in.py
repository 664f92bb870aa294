# ruff: noqa: INP001 - a program, started by path
"""One sign-in of a single-page application with MSAL for browsers, in a real Chromium.

``redirect``      the page goes to the authorize page, and the authorize page comes back
``popup``         the authorize page is in a window of its own
``silent-frame``  ``redirect``, and then a second token in a hidden frame with ``prompt=none``

The program serves the page on a loopback port. The scripted user of the device (``$SSOSIM_PERSON``) types into the
authorize page if that asks for a password.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
import urllib.parse
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

from browser import BrowserError, Chromium

FLOWS: Final = ("redirect", "popup", "silent-frame")
TIMEOUT_S: Final = 90.0
HOME: Final = Path(__file__).parent
LIBRARY: Final = HOME / "node_modules/@azure/msal-browser/lib"
FILES: Final = {
    "/": (HOME / "page/index.html", "text/html"),
    "/redirect.html": (HOME / "page/redirect.html", "text/html"),
    "/app.js": (HOME / "page/app.js", "text/javascript"),
    "/msal-browser.min.js": (LIBRARY / "msal-browser.min.js", "text/javascript"),
    "/msal-redirect-bridge.min.js": (LIBRARY / "redirect-bridge/msal-redirect-bridge.min.js", "text/javascript"),
}
FORM: Final = "document.getElementById('signin')?.checkVisibility() ?? false"
SENT: Final = "document.userHasPosted"
REFUSED: Final = "document.getElementById('exceptionMessageContainer')?.textContent ?? ''"


class SignInError(Exception):
    """The sign-in failed."""


class Page(BaseHTTPRequestHandler):
    """Serves the files of the application."""

    def do_GET(self) -> None:  # http.server requires this name
        """Answer with a file."""
        file, kind = FILES.get(urllib.parse.urlsplit(self.path).path, (None, ""))
        body = b"" if file is None else file.read_bytes()
        self.send_response(404 if file is None else 200)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing: codes are secrets."""


@contextmanager
def serve() -> Iterator[str]:
    """Serve the application on a loopback port; give its origin."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def sign_in(flow: str, user: str) -> str:
    """Sign in by ``flow`` and return the name of the account."""
    with serve() as origin, Chromium() as browser:
        query = urllib.parse.urlencode({"flow": flow, "user": user})
        if trouble := browser.open(f"{origin}/?{query}", TIMEOUT_S):
            raise SignInError(trouble)
        if flow == "popup":
            wait(browser, "window.ready === true")
            browser.send("Runtime.evaluate", expression="window.openPopup()", userGesture=True)
        answer = await_answer(browser, flow)
    if "error" in answer:
        raise SignInError(" ".join(answer["error"].split()))
    return answer["user"]


def wait(browser: Chromium, expression: str) -> None:
    """Wait until a JavaScript expression in the page is true."""
    end = time.monotonic() + TIMEOUT_S
    while not browser.js(expression):
        if time.monotonic() > end:
            raise SignInError(f"the page does not come to {expression}")
        time.sleep(0.05)


def await_answer(browser: Chromium, flow: str) -> dict[str, str]:
    """Act as the scripted user at a sign-in page, until the application has its result."""
    script = json.loads(Path(os.environ["SSOSIM_PERSON"]).read_text(encoding="utf-8"))
    main, popup, end, typed = browser.session, "", time.monotonic() + TIMEOUT_S, False
    while time.monotonic() < end:
        browser.session = main
        answer = browser.js("window.answer")
        if isinstance(answer, dict):
            return answer
        if flow == "popup":
            popup = popup or find_popup(browser, main)
            browser.session = popup or main
        if text := browser.js(REFUSED):
            return {"error": text}
        if browser.js(FORM) and not browser.js(SENT):
            if typed or script["behaviour"] != "signs-in":
                return {"error": "the page asks for a password, and nobody types one"}
            typed = True
            browser.js(f"{SENT} = true")
            browser.type("#login", script["upn"])
            browser.type("#passwd", script["password"])
            browser.press_enter()
        time.sleep(0.05)
    raise SignInError("the application has no result")


def find_popup(browser: Chromium, main: str) -> str:
    """Return the debugging session of the window that the page has opened; empty while there is none."""
    browser.session = ""
    pages = [each for each in browser.send("Target.getTargets")["targetInfos"] if each["type"] == "page"]
    opened = next((each["targetId"] for each in pages if each.get("openerId")), "")
    found = browser.send("Target.attachToTarget", targetId=opened, flatten=True)["sessionId"] if opened else ""
    browser.session = main
    return str(found)


def main(arguments: list[str]) -> int:
    """Run one flow. The exit code is 0 if signed in, 1 if not, 2 for wrong usage."""
    if len(arguments) != 1 or arguments[0] not in FLOWS:
        print(f"usage: sign_in.py {'|'.join(FLOWS)}", file=sys.stderr)
        return 2
    try:
        print(f"signed in as {sign_in(arguments[0], os.environ['SSOSIM_USER'])}")
    except (SignInError, BrowserError, OSError, ValueError) as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
