"""The bodies of token endpoints of hosts. Each host has its own form of errors; the tokens are alike.

Sources: Entra document "How to use managed identities on an Azure VM to acquire an access token" (error table), Azure
App Service document "Use managed identities", Service Fabric document "Use a managed identity with an application".
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

from ssosim.entra import HttpReply
from ssosim.entra.core.messages import make_guid, make_json_reply
from ssosim.entra.oauth.managed_identity_tokens import HostToken
from ssosim.trace import redact

__all__ = ["refuse_as_app_service", "refuse_as_fabric", "refuse_as_imds", "refuse_as_text", "reply_with_token"]

_NO_STORE = (("Cache-Control", "no-store"),)


def reply_with_token(
    token: HostToken, now: float, *, numbers: bool = False, expires_in: bool = True, in_words: bool = False
) -> HttpReply:
    """Return the token. All values are strings, as IMDS sends them; with ``numbers`` ``expires_on`` is a number.

    App Service and Service Fabric send no ``expires_in``. With ``in_words`` ``expires_on`` is a date, as version
    2017-09-01 of App Service writes it (azure-identity for Python 1.3, ``_parse_app_service_expires_on``: on Linux
    ``06/20/2019 02:57:58 +00:00``). A program that expects a number fails there.
    """
    body: dict[str, Any] = {
        "access_token": token.access_token,
        "client_id": token.client_id,
        "expires_on": token.expires_on if numbers else str(token.expires_on),
        "not_before": str(token.not_before),
        "resource": token.resource,
        "token_type": "Bearer",
    }
    if in_words:
        body["expires_on"] = f"{datetime.fromtimestamp(token.expires_on, UTC):%m/%d/%Y %H:%M:%S} +00:00"
    if expires_in:
        left = str(max(0, token.expires_on - int(now)))
        body |= {"expires_in": left, "ext_expires_in": left}
    else:
        del body["not_before"]
    return make_json_reply(body, headers=_NO_STORE)


def refuse_as_imds(text: str, error: str = "invalid_request", status: int = 400) -> HttpReply:
    """Return an error of IMDS: ``error`` and ``error_description``."""
    return _with_text(make_json_reply({"error": error, "error_description": text}, status), text)


def refuse_as_app_service(text: str, status: int = 400) -> HttpReply:
    """Return an error of App Service: ``statusCode``, ``message`` and a correlation id."""
    body = {"statusCode": status, "message": text, "correlationId": make_guid()}
    return _with_text(make_json_reply(body, status), text)


def refuse_as_fabric(code: str, text: str, status: int = 400) -> HttpReply:
    """Return an error of Service Fabric: the object ``error`` with ``code``, ``correlationId`` and ``message``."""
    body = {"error": {"correlationId": make_guid(), "code": code, "message": text}}
    return _with_text(make_json_reply(body, status), text)


def refuse_as_text(text: str, status: int) -> HttpReply:
    """Return an error as one line of plain text, as NMI sends it."""
    return _with_text(HttpReply(status, f"{text}\n".encode(), "text/plain; charset=utf-8"), text)


def _with_text(reply: HttpReply, text: str) -> HttpReply:
    """Return ``reply`` with ``text`` for the trace, without what looks like a secret."""
    return dataclasses.replace(reply, error_description=redact(text))
