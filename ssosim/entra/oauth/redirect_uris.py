"""The redirect addresses of authorization responses: which are allowed, and how the response is sent there.

Sources: Entra reply-URL document (loopback ports), auth-code document (response modes), OAuth 2.0 Form Post Response
Mode, RFC 8252 section 7.3.
"""

from __future__ import annotations

import re
from urllib.parse import urlencode

from ssosim.entra.core.aadsts_row import EndpointVersion
from ssosim.entra.core.errors import AadstsError, build_error_description, claims_of, mark_error
from ssosim.entra.core.messages import Call, HttpReply, make_guid
from ssosim.entra.core.pages import NO_STORE, render_form_post_page
from ssosim.entra.oauth.authorization_codes import SignInFlow
from ssosim.estate import Application
from ssosim.estate.applications import RedirectUriType

__all__ = ["check_redirect_uri", "find_redirect_type", "redirect_error", "redirect_to_application"]

_LOOPBACK = re.compile(r"(http://(?:localhost|127\.0\.0\.1))(?::([0-9]{1,5}))?(/[A-Za-z0-9._~/-]*)?")
_LAST_PORT = 65535


def check_redirect_uri(application: Application, given: str) -> str:
    """Return the redirect address of the response; raises AadstsError 50011 if ``application`` has not registered it.

    AADSTS500113 says that it has registered none. Addresses must be equal; only the port of a loopback address is
    ignored, and its empty path is ``/``. An application with one address may omit it.
    """
    registered = application.list_redirect_uris()
    if not registered:
        raise AadstsError(500113)
    if not given and len(registered) == 1:
        return registered[0].uri
    if given and find_redirect_type(application, given) is not None:
        return given
    raise AadstsError(50011, redirect=given[:256], client=application.client_id)


def find_redirect_type(application: Application, uri: str) -> RedirectUriType | None:
    """Return the type with which ``uri`` is registered; None if it is not. An equal address is preferred."""
    registered = application.list_redirect_uris()
    equal = next((each.type for each in registered if each.uri == uri), None)
    return equal or next((each.type for each in registered if _same_loopback(uri, each.uri)), None)


def _same_loopback(given: str, known: str) -> bool:
    one, other = _LOOPBACK.fullmatch(given), _LOOPBACK.fullmatch(known)
    if one is None or other is None or not 1 <= int(one[2] or 80) <= _LAST_PORT:
        return False
    return (one[1], one[3] or "/") == (other[1], other[3] or "/")


def redirect_to_application(flow: SignInFlow, fields: dict[str, str]) -> HttpReply:
    """Return the reply that sends ``fields`` and the state to the flow's redirect address, by its response mode."""
    if flow.state is not None:
        fields = {**fields, "state": flow.state}
    if flow.response_mode == "form_post":
        return render_form_post_page(flow.redirect_uri, fields)
    mark = "#" if flow.response_mode == "fragment" else "&" if "?" in flow.redirect_uri else "?"
    location = f"{flow.redirect_uri}{mark}{urlencode({**fields, 'session_state': make_guid()})}"
    return HttpReply(302, headers=(("Location", location), *NO_STORE))


def redirect_error(flow: SignInFlow, error: AadstsError, call: Call, separator: str) -> HttpReply:
    """Return the error response that is sent to the application (RFC 6749, section 4.1.2.1)."""
    row = error.row
    version: EndpointVersion = "1.0" if flow.version == "1.0" else "2.0"
    fields = {
        "error": error.error or row.error_at("authorize", version),
        "error_description": build_error_description(error, call, separator),
        "error_uri": row.error_uri,
    }
    if row.error_subcode is not None:
        fields["error_subcode"] = row.error_subcode
    if row.suberror is not None:
        fields["suberror"] = row.suberror
    claims = claims_of(error, version)
    if claims is not None:
        fields["claims"] = claims
    return mark_error(redirect_to_application(flow, fields), error)
