"""Sign in with the browser as Az.Accounts does: a listener on the first free port from 8400 on, PKCE, the code.

The requests are those of MSAL for Python. Listener and browser are here, as Az.Accounts and MSAL.NET have them.
Sources: Azure/azure-powershell src/Accounts/Authenticators/InteractiveUserAuthenticator.cs, MSAL.NET
NetCorePlatformProxy.
"""
# ruff: noqa: INP001  a program, not a package

from __future__ import annotations

import queue
import shutil
import signal
import subprocess
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import msal

PORTS = range(8400, 9000)
OPENERS = ("xdg-open", "gnome-open", "kfmclient", "microsoft-edge", "wslview")
NO_BROWSER = (
    "Unable to open a web page using xdg-open. See inner exception for details. Possible causes for this error are: "
    "xdg-open is not installed or it cannot find a way to open an url - make sure you can open a web page by invoking "
    "from a terminal: xdg-open https://www.bing.com"
)
_PAGE = b"<html><body>Your credentials have been authenticated by the lab. You may close this page.</body></html>"


class BrowserUnavailableError(Exception):
    """There is no program that opens a browser."""


class _Listener(HTTPServer):
    """A listener for the one request that brings the answer of the authorization endpoint."""

    allow_reuse_address = False

    def __init__(self, port: int) -> None:
        self.answers: queue.SimpleQueue[dict[str, str]] = queue.SimpleQueue()
        super().__init__(("127.0.0.1", port), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Listener

    def do_GET(self) -> None:
        """Take the answer from the query, and show a page that has nothing of it."""
        found = {name: values[0] for name, values in parse_qs(urlsplit(self.path).query).items()}
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/html")
        self.send_header("Referrer-Policy", "no-referrer")
        self.end_headers()
        self.wfile.write(_PAGE if found else b"")
        if found:
            self.server.answers.put(found)

    def log_message(self, *_: Any) -> None:
        """Write no log: a line of it would have the code."""


def listen(ports: range, report: Callable[[str], None]) -> _Listener:
    """Listen on the first free port. ``report`` gets a line for each that is taken. Raises OSError if all are."""
    for port in ports:
        try:
            return _Listener(port)
        except OSError as error:
            report(f"Port {port} is taken with exception '{error.strerror}'; trying to connect to the next port.")
    raise OSError("Cannot find an open port.")


def open_browser(url: str) -> None:
    """Start the first program there is that opens a URL, and do not wait for it. Raises BrowserUnavailableError.

    Whether it succeeds is not looked at, as in MSAL.NET: a command that is there and opens nothing leaves the caller
    waiting.
    """
    for name in OPENERS:
        if path := shutil.which(name):
            nowhere = subprocess.DEVNULL
            subprocess.Popen([path, url], stdin=nowhere, stdout=nowhere, stderr=nowhere)  # noqa: S603
            return
    raise BrowserUnavailableError(NO_BROWSER)


def sign_in(
    app: msal.PublicClientApplication,
    scopes: list[str],
    *,
    report: Callable[[str], None],
    interruptible: bool,
    ports: range = PORTS,
    wait_without_browser: bool = False,
) -> dict[str, Any]:
    """Sign in with the browser, and return the answer of the token endpoint, or an error in that form.

    It waits as long as the page is open. CTRL+C ends the wait if it is ``interruptible``. With
    ``wait_without_browser`` it waits even where there is no browser. Raises BrowserUnavailableError, OSError and
    KeyboardInterrupt.
    """
    before = signal.signal(signal.SIGINT, signal.default_int_handler if interruptible else signal.SIG_IGN)
    listener = None
    try:
        listener = listen(ports, report)
        url = f"http://localhost:{listener.server_port}"
        flow = app.initiate_auth_code_flow(scopes, redirect_uri=url, prompt="select_account")
        if "auth_uri" not in flow:
            return dict(flow)
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        try:
            open_browser(flow["auth_uri"])
        except BrowserUnavailableError:
            if not wait_without_browser:
                raise
        answer = listener.answers.get()
        if answer.get("state") != flow["state"]:
            return {"error": "state_mismatch", "error_description": "the answer is not to this request"}
        return dict(app.acquire_token_by_auth_code_flow(flow, answer))
    finally:
        if listener is not None:
            listener.server_close()
        signal.signal(signal.SIGINT, before)
