"""Rendering of an AadstsError in the format of each kind of endpoint."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any, Literal

from ssosim.entra.core.aadsts_row import EndpointVersion
from ssosim.entra.core.errors import AadstsError, build_error_description, claims_of, list_error_codes, mark_error
from ssosim.entra.core.messages import JSON_NO_STORE, Call, HttpReply, make_json_reply
from ssosim.entra.core.settings import Settings
from ssosim.entra.core.timestamps import format_oauth_time
from ssosim.entra.oauth.error_page import render_error_page
from ssosim.entra.wstrust.adfs import render_adfs_error
from ssosim.entra.wstrust.rstr import SOAP_TYPE, render_fault

__all__ = ["ErrorStyle", "build_oauth_error", "render_error"]

ErrorStyle = Literal["oauth-v1", "oauth", "page", "soap", "adfs", "text"]
"""The format of an endpoint's errors."""

_RETRY_AFTER = "60"  # seconds (azure-sdk-for-net issue 23324)


def build_oauth_error(error: AadstsError, call: Call, *, version: EndpointVersion, separator: str) -> dict[str, Any]:
    """Build the JSON body of an error of the token or the device code endpoint.

    ``error_codes`` are integers, ``claims`` is a *string* of JSON, ``timestamp`` has a blank and no T. Both versions
    have ``suberror`` (MSOLSpray issue 5 and vscode-azure-account issue 673 show it in version 1.0). Sources: Entra
    auth-code document, ADAL Python issue 79, MSAL Go and msal4j parsers, botframework-sdk issue 6221 (``error_uri``).
    """
    row = error.row
    body: dict[str, Any] = {
        "error": error.error or row.error_at("token", version),
        "error_description": build_error_description(error, call, separator),
        "error_codes": list(list_error_codes(error)),
        "timestamp": format_oauth_time(call.now),
        "trace_id": call.trace_id,
        "correlation_id": call.correlation_id,
        "error_uri": row.error_uri,
    }
    if row.suberror is not None:
        body["suberror"] = row.suberror
    claims = claims_of(error, version)
    if claims is not None:
        body["claims"] = claims
    return body


def render_error(error: AadstsError, call: Call, style: ErrorStyle, settings: Settings) -> HttpReply:
    """Render the error in the format of the endpoint."""
    if style == "page":
        return render_error_page(error, call)
    status = error.http_status
    if style == "soap":
        body = render_fault(
            error.code,
            build_error_description(error, call, settings.error_separator),
            now=call.now,
            trace_id=call.trace_id,
        )
        status = settings.fault_status if error.status is None and status < 405 else status
        return mark_error(HttpReply(status, body, SOAP_TYPE), error)
    if style == "adfs":
        if error.status == HTTPStatus.UNSUPPORTED_MEDIA_TYPE:  # the text is in the status line (MSAL.NET issue 2193)
            return HttpReply(415, b"", "text/html; charset=utf-8", error_description=error.details.get("reason", ""))
        return HttpReply(error.status or 500, render_adfs_error(error, call), SOAP_TYPE)
    if style == "text":
        text = build_error_description(error, call, "\r\n")
        return mark_error(HttpReply(status, text.encode(), "text/plain; charset=utf-8"), error)
    version: EndpointVersion = "1.0" if style == "oauth-v1" else "2.0"
    body_json = build_oauth_error(error, call, version=version, separator=settings.error_separator)
    headers: tuple[tuple[str, str], ...] = JSON_NO_STORE
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        headers = (*headers, ("Retry-After", _RETRY_AFTER))
    return mark_error(make_json_reply(body_json, status, headers), error)
