"""What pages of other sites may read (CORS): the token endpoint, and the documents that libraries for browsers fetch.

The documents are open to every site. The token endpoint is open to single-page applications: the answer to any other
client that sends ``Origin`` (AADSTS9002326) has no header of CORS, so that the page sees a network error instead of it.

Sources: azure-sdk-for-python pull request 18884 (a recording of instance discovery: ``Access-Control-Allow-Origin: *``
and ``GET, OPTIONS``), Entra auth-code document (the browser's message for a redirect URI that is not of type SPA). The
header of the token endpoint, and the headers of its preflight, are unconfirmed.
"""

from __future__ import annotations

import dataclasses

from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.provider import Provider

__all__ = ["allow_origin", "handle_document_preflight", "handle_token_preflight"]

_CROSS_ORIGIN = 9002326
_PREFLIGHT_AGE_S = 86_400
_MOST_HEADERS = 1024  # characters of Access-Control-Request-Headers that are repeated


def handle_token_preflight(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """OPTIONS of the token endpoint."""
    return _allow(call, "POST, OPTIONS")


def handle_document_preflight(provider: Provider, call: Call, captured: tuple[str, ...]) -> HttpReply:  # noqa: ARG001  the signature of a Handler
    """OPTIONS of instance discovery, OpenID configuration and keys."""
    return _allow(call, "GET, OPTIONS")


def _allow(call: Call, methods: str) -> HttpReply:
    asked = call.headers.get("Access-Control-Request-Headers", "")
    named = asked if len(asked) <= _MOST_HEADERS and asked.isascii() and asked.isprintable() else ""
    headers = [
        ("Access-Control-Allow-Origin", "*"),
        ("Access-Control-Allow-Methods", methods),
        ("Access-Control-Max-Age", str(_PREFLIGHT_AGE_S)),
    ]
    if named:
        headers.append(("Access-Control-Allow-Headers", named))
    return HttpReply(200, headers=tuple(headers))


def allow_origin(reply: HttpReply) -> HttpReply:
    """Return the reply of an endpoint that is open to pages, with the header that lets them read it."""
    if reply.code == _CROSS_ORIGIN:
        return reply
    return dataclasses.replace(reply, headers=(*reply.headers, ("Access-Control-Allow-Origin", "*")))
