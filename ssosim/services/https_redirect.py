"""Port 80 of the identity provider's hosts: it sends clients to ``https:`` and reads nothing.

A client that is given an ``http:`` address by mistake reaches this port, and what it sends is in clear text. The lab
must see that. The redirect of GET is what browsers get from the login hosts; what the real hosts do with a POST, and
whether the autologon and federation hosts answer at all, is unconfirmed.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from msgspec import Struct

from ssosim.entra import Call, HttpReply
from ssosim.services.service import Service, ServiceContext
from ssosim.trace import SignInStep

__all__ = ["HTTPS_REDIRECT", "HttpsRedirect", "add_https_redirects", "step_at_redirect"]

HTTPS_REDIRECT = "https-redirect"
"""The name of the service. A host does not list it: it comes with the services of the identity provider."""

_OF = frozenset({"login", "autologon", "federation"})
_PORT = 80


class HttpsRedirect(Struct, frozen=True):
    """Answers every request with 301 and the same address with ``https:``."""

    @classmethod
    def start(cls, _: ServiceContext) -> HttpsRedirect:
        """Create the application."""
        return cls()

    def handle(self, call: Call) -> HttpReply:
        """Answer one request."""
        target = call.target if call.target.startswith("/") else "/"
        location = f"https://{call.host}{target}".encode("ascii", "ignore").decode()
        return HttpReply(301, b"", "text/html; charset=us-ascii", (("Location", location),))


def add_https_redirects(services: Iterable[Service]) -> tuple[Service, ...]:
    """Return ``services`` and, after them, port 80 of the identity provider's hosts where nothing else has it."""
    found = tuple(services)
    taken = {each.address for each in found if each.port == _PORT}
    return (
        *found,
        *(
            dataclasses.replace(
                each, name=HTTPS_REDIRECT, port=_PORT, tls=False, keys=None, application=HttpsRedirect.start
            )
            for each in found
            if each.name in _OF and each.tls and each.address not in taken
        ),
    )


def step_at_redirect(_: Call) -> SignInStep:
    """Return the step of every request: a redirect is no step of a sign-in, whatever the path."""
    return SignInStep.OTHER
