"""Errors of Azure Resource Manager, in its own words, and the header fields of its replies.

Sources: active-directory-dotnetcore-daemon-v2 issue 145 (InvalidAuthenticationTokenAudience), issue 20867 of
terraform-provider-azurerm (ExpiredAuthenticationToken, ``x-ms-failure-cause``), azure-sdk-for-python
``ARMChallengeAuthenticationPolicy`` (claims challenge), Azure document "Troubleshoot common Azure deployment errors",
Azure Resource Manager REST documentation (header fields of replies).
"""

from __future__ import annotations

import dataclasses
import time
from typing import Any

from ssosim.entra import Call, HttpReply
from ssosim.entra.core.messages import make_guid, make_json_reply
from ssosim.estate import Tenant
from ssosim.resource_servers.access_tokens import Caller, TokenRefusedError
from ssosim.resource_servers.application import ResourceError

__all__ = ["ArmError", "format_time", "refuse_token", "reply", "reply_error"]


class ArmError(ResourceError):
    """A request that Azure Resource Manager refuses, with its status and code."""

    @classmethod
    def forbidden(cls, caller: Caller, action: str, scope: str) -> ArmError:
        """Return the refusal for a caller without a role that allows ``action``."""
        return cls(
            403,
            "AuthorizationFailed",
            f"The client '{caller.name}' with object id '{caller.object_id}' does not have authorization to perform "
            f"action '{action}' over scope '{scope}' or the scope is invalid. If access was recently granted, please "
            "refresh your credentials.",
        )


def reply(call: Call, value: Any, status: int = 200, headers: tuple[tuple[str, str], ...] = ()) -> HttpReply:
    """Return ``value`` as JSON with the header fields that every reply has; None is an empty body."""
    fields = (*headers, *_ids(call))
    return HttpReply(status, b"", "", fields) if value is None else make_json_reply(value, status, fields)


def reply_error(call: Call, error: ResourceError, headers: tuple[tuple[str, str], ...] = ()) -> HttpReply:
    """Return the error as Azure Resource Manager writes it."""
    body = {"error": {"code": error.code, "message": error.message}}
    failure = (("x-ms-failure-cause", "gateway"),) if error.status in (401, 403, 404) else ()
    found = reply(call, body, error.status, (*headers, *failure))
    return dataclasses.replace(found, error_description=f"{error.code}: {error.message}")


def refuse_token(
    call: Call, refused: TokenRefusedError, tenant: Tenant | None, audiences: tuple[str, ...]
) -> HttpReply:
    """Return the 401 for a token that was refused, with the challenge that says where to get a better one.

    ``tenant`` is that of the subscription in the path; None: the path names none.
    """
    code, text = _describe(call, refused, tenant, audiences)
    authority = f"https://login.windows.net/{tenant.id if tenant else 'common'}"
    challenge = f'Bearer authorization_uri="{authority}", error="invalid_token", error_description="{text}"'
    if refused.claims:
        claims = f'error="insufficient_claims", claims="{refused.claims}"'
        challenge = f'Bearer realm="", authorization_uri="{authority}", {claims}'
    return reply_error(call, ArmError(401, code, text), (("WWW-Authenticate", challenge),))


def _describe(
    call: Call, refused: TokenRefusedError, tenant: Tenant | None, audiences: tuple[str, ...]
) -> tuple[str, str]:
    """Return code and text of a refusal."""
    code, text = "InvalidAuthenticationToken", "The access token is invalid."
    match refused.reason:
        case "missing":
            code, text = "AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing."
        case "audience":
            code = "InvalidAuthenticationTokenAudience"
            allowed = ",".join(f"'{each}'" for each in audiences)
            text = (
                f"The access token has been obtained for wrong audience or resource '{_quote(refused.found)}'. It "
                f"should exactly match with one of the allowed audiences {allowed}."
            )
        case "expired":
            code, expired = "ExpiredAuthenticationToken", format_time(refused.expires)
            now = format_time(call.now)
            text = f"The access token expiry UTC time '{expired}' is earlier than current UTC time '{now}'."
        case "revoked":
            code = "TokenIssuedBeforeRevocationTimestamp"
            text = "The presented access token was issued before the revocation timestamp of the user."
        case "second_factor":  # code and text are unconfirmed; clients act on the claims challenge
            text = "Multifactor authentication is required to create, update or delete resources."
        case "issuer" | "version":
            code = "InvalidAuthenticationTokenTenant"
            text = f"The access token is from the wrong issuer '{_quote(refused.found)}'."
            if tenant is not None:
                text += _MUST_MATCH.format(tenant=tenant.id)
    return code, text


_MUST_MATCH = (
    " It must match the tenant 'https://sts.windows.net/{tenant}/' associated with this subscription. Please use the "
    "authority (URL) 'https://login.windows.net/{tenant}' to get the token."
)


def _quote(text: str) -> str:
    """Return text of a token so that it can stand in a header field."""
    return "".join(letter for letter in text if " " <= letter <= "~" and letter not in "\"\\'")[:256]


def format_time(moment: float) -> str:
    """Format a time as Azure Resource Manager does: ``3/19/2023 8:55:46 AM``."""
    parts = time.gmtime(moment)
    hour = parts.tm_hour % 12 or 12
    half = "AM" if parts.tm_hour < 12 else "PM"
    return f"{parts.tm_mon}/{parts.tm_mday}/{parts.tm_year} {hour}:{parts.tm_min:02}:{parts.tm_sec:02} {half}"


def _ids(call: Call) -> tuple[tuple[str, str], ...]:
    request = make_guid()
    routing = time.strftime("WESTEUROPE:%Y%m%dT%H%M%SZ:", time.gmtime(call.now))
    return (
        ("Cache-Control", "no-cache"),
        ("x-ms-request-id", request),
        ("x-ms-correlation-request-id", request),
        ("x-ms-routing-request-id", f"{routing}{request}"),
    )
