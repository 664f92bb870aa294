"""A program that signs in with the browser or by device code, as its author might have written it: nothing of the lab.

Prints one line of JSON: what came back at the listener and from the token endpoint.
"""

import base64
import hashlib
import http.server
import json
import secrets
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import webbrowser
from pathlib import Path

BASE = "https://login.microsoftonline.com/organizations/oauth2/v2.0"
CLIENT = "04b07795-8ddb-461a-bbee-02f9e1bf7b46"
SCOPE = "openid offline_access https://graph.microsoft.com/User.Read.All"


def post(path, **form):
    """POST a form; the JSON answer, whatever the status."""
    data = urllib.parse.urlencode({"client_id": CLIENT, **form}).encode()
    try:
        with urllib.request.urlopen(f"{BASE}/{path}", data, timeout=60) as answer:  # noqa: S310  always HTTPS
            return json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return json.load(error)


def by_browser(mode, patience, ends=None):
    """The authorization code flow with PKCE over a loopback listener; the file ``ends`` ends the patience early."""
    got = {}

    class Listener(http.server.BaseHTTPRequestHandler):
        def answer(self, text):
            got.update(urllib.parse.parse_qsl(text), method=self.command)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"You may close this window.")

        def do_GET(self):
            self.answer(urllib.parse.urlsplit(self.path).query)

        def do_POST(self):
            self.answer(self.rfile.read(int(self.headers["Content-Length"])).decode())

        def log_message(self, *_):
            pass

    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as server:
        redirect = f"http://localhost:{server.server_port}"
        verifier, state = secrets.token_urlsafe(48), secrets.token_urlsafe(16)
        digest = hashlib.sha256(verifier.encode()).digest()
        question = {
            "client_id": CLIENT,
            "response_type": "code",
            "redirect_uri": redirect,
            "scope": SCOPE,
            "state": state,
            "response_mode": mode,
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        if not webbrowser.open(f"{BASE}/authorize?{urllib.parse.urlencode(question)}"):
            return {"error": "browser_unavailable"}
        server.timeout, end = 0.1, time.monotonic() + patience
        while not got and time.monotonic() < end and not (ends and ends.exists()):
            server.handle_request()
    if not got:
        return {"error": "timeout"}
    if got.get("state") != state:
        return {"error": "state_mismatch"}
    if "code" not in got:
        return {"listener": got["method"], "error": got["error"]}
    body = post(
        "token",
        grant_type="authorization_code",
        code=got["code"],
        redirect_uri=redirect,
        code_verifier=verifier,
        scope=SCOPE,
    )
    return {"listener": got["method"], "error": body.get("error"), "fields": sorted(body)}


def by_device_code(patience):
    """The device code flow, polled faster than it says, to spare the test's time."""
    code = post("devicecode", scope=SCOPE)["device_code"]
    end = time.monotonic() + patience
    while time.monotonic() < end:
        body = post("token", grant_type="device_code", device_code=code)
        if body.get("error") != "authorization_pending":
            return {"error": body.get("error"), "fields": sorted(body)}
        time.sleep(0.05)
    return {"error": "timeout"}


if __name__ == "__main__":
    how, patience = sys.argv[1], float(sys.argv[2])
    print(
        json.dumps(by_device_code(patience) if how == "device" else by_browser(how, patience, *map(Path, sys.argv[3:])))
    )
