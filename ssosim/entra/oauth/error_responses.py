"""How each kind of endpoint says no."""

from __future__ import annotations

from typing import Any, Literal

from ssosim.entra.core.errors import Refusal, chain, describe
from ssosim.entra.core.messages import Answer, Call, json_answer
from ssosim.entra.core.settings import Settings
from ssosim.entra.core.timestamps import body_time
from ssosim.entra.wstrust.adfs import AUTHENTICATION_FAILED
from ssosim.entra.wstrust.rstr import SOAP_TYPE, render_adfs_fault, render_fault

__all__ = ["Style", "described", "oauth_error", "render_refusal"]

Style = Literal["oauth-v1", "oauth", "soap", "adfs", "text"]
"""How an endpoint's errors look."""

_ERROR_URI = "https://login.microsoftonline.com/error?code="
_ADFS_TEXT = "ID3242: The security token could not be authenticated or authorized."


def described(refusal: Refusal, call: Call, separator: str) -> str:
    """The ``error_description``: text with its codes, ids and time stamp, with ``separator`` between them."""
    return separator.join(
        (
            describe(refusal),
            f"Trace ID: {call.trace_id}",
            f"Correlation ID: {call.correlation_id}",
            f"Timestamp: {body_time(call.now)}",
        )
    )


def oauth_error(refusal: Refusal, call: Call, *, v1: bool, separator: str) -> dict[str, Any]:
    """The JSON body of an error.

    ``error_codes`` are integers, ``claims`` is a *string* of JSON, ``timestamp`` has a blank and no T. Sources: Entra
    auth-code document, ADAL Python issue 79, MSAL Go and msal4j parsers, botframework-sdk issue 6221 (``error_uri``).
    """
    row = refusal.row
    body: dict[str, Any] = {
        "error": row.v1_error if v1 and row.v1_error else row.error,
        "error_description": described(refusal, call, separator),
        "error_codes": list(chain(refusal)),
        "timestamp": body_time(call.now),
        "trace_id": call.trace_id,
        "correlation_id": call.correlation_id,
        "error_uri": f"{_ERROR_URI}{refusal.code}",
    }
    if row.suberror is not None and not v1:
        body["suberror"] = row.suberror
    if refusal.claims is not None:
        body["claims"] = refusal.claims
    return body


def render_refusal(refusal: Refusal, call: Call, style: Style, settings: Settings) -> Answer:
    """The answer in the endpoint's own language."""
    status = refusal.http_status
    if style == "soap":
        body = render_fault(
            refusal.code,
            described(refusal, call, settings.error_lines),
            now=call.now,
            trace_id=call.trace_id,
        )
        status = settings.fault_status if refusal.status is None and status < 405 else status
        return Answer(status, body, SOAP_TYPE, code=refusal.code)
    if style == "adfs":
        if refusal.code == AUTHENTICATION_FAILED:
            return Answer(500, render_adfs_fault("FailedAuthentication", _ADFS_TEXT), SOAP_TYPE)
        text = refusal.details.get("reason") or "The request is invalid or malformed."
        return Answer(refusal.status or 500, render_adfs_fault("InvalidRequest", text), SOAP_TYPE)
    if style == "text":
        text = described(refusal, call, "\r\n")
        return Answer(status, text.encode(), "text/plain; charset=utf-8", code=refusal.code)
    body_json = oauth_error(refusal, call, v1=style == "oauth-v1", separator=settings.error_lines)
    answer = json_answer(body_json, status)
    return Answer(answer.status, answer.body, answer.content_type, (("Cache-Control", "no-store"),), refusal.code)
