"""Where an authorization answer may go, and how it gets there.

Sources: Entra reply-URL document (loopback ports), auth-code document (response modes), OAuth 2.0 Form Post Response
Mode, RFC 8252 section 7.3.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.messages import Answer, Call, new_guid
from ssosim.entra.core.pages import NO_STORE, form_post_page
from ssosim.entra.oauth.authorization_codes import Flow
from ssosim.entra.oauth.error_responses import described
from ssosim.estate import Application

__all__ = ["redirect_refusal", "registered_redirect", "send_back"]

_LOOPBACK = re.compile(r"(http://(?:localhost|127\.0\.0\.1|\[::1\]))(?::([0-9]{1,5}))?(/[A-Za-z0-9._~/-]*)?")
_LAST_PORT = 65535
_ERROR_URI = "https://login.microsoftonline.com/error?code="


def registered_redirect(application: Application, given: str) -> str:
    """The address to answer to; raises Refusal 50011 for one that ``application`` has not registered.

    Addresses are compared letter by letter; the port of a loopback address is ignored, and an empty path is ``/``. An
    application with one address may leave it out.
    """
    if not given and len(application.redirect_uris) == 1:
        return application.redirect_uris[0]
    if given and any(given == known or _same_loopback(given, known) for known in application.redirect_uris):
        return given
    raise Refusal(50011, redirect=given[:256], client=application.client_id)


def _same_loopback(given: str, known: str) -> bool:
    one, other = _LOOPBACK.fullmatch(given), _LOOPBACK.fullmatch(known)
    if one is None or other is None or not 1 <= int(one[2] or 80) <= _LAST_PORT:
        return False
    return (one[1], one[3] or "/") == (other[1], other[3] or "/")


def send_back(flow: Flow, fields: dict[str, str]) -> Answer:
    """The answer that carries ``fields`` and the state to the flow's redirect address, by its response mode."""
    if flow.state is not None:
        fields = {**fields, "state": flow.state}
    if flow.response_mode == "form_post":
        return form_post_page(flow.redirect_uri, fields)
    mark = "#" if flow.response_mode == "fragment" else "&" if "?" in flow.redirect_uri else "?"
    location = f"{flow.redirect_uri}{mark}{urlencode({**fields, 'session_state': new_guid()})}"
    return Answer(302, headers=(("Location", location), *NO_STORE))


def redirect_refusal(flow: Flow, refusal: Refusal, call: Call, separator: str) -> Answer:
    """The "no" as the application gets it (RFC 6749, section 4.1.2.1)."""
    fields = {
        "error": refusal.row.error,
        "error_description": described(refusal, call, separator),
        "error_uri": f"{_ERROR_URI}{refusal.code}",
    }
    answer = send_back(flow, fields)
    return Answer(answer.status, answer.body, answer.content_type, answer.headers, refusal.code)
