"""A page of a service on this device's own port 8080, which asks Chromium for a ticket."""

import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

sys.path.insert(0, sys.argv[1])
from browser import Chromium


class Service(BaseHTTPRequestHandler):
    """Takes no ticket."""

    def do_GET(self) -> None:
        """The challenge."""
        self.send_response(401)
        self.send_header("WWW-Authenticate", "Negotiate")
        self.send_header("Content-Length", "0")
        self.end_headers()


server = HTTPServer(("127.0.0.1", 8080), Service)
threading.Thread(target=server.serve_forever, daemon=True).start()
with Chromium() as browser:
    browser.open("http://localhost:8080/", 60)
