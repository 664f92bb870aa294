"""Parsing of token requests: client, grant type, credential. The grants are in ``token_endpoint``."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from ssosim.entra.core.application_rules import require_client
from ssosim.entra.core.directory import Authority, Directory
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, read_fields
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.settings import Settings
from ssosim.entra.oauth.client_authentication import ClientCredential, read_client_credential
from ssosim.entra.oauth.requested_access import (
    OIDC_SCOPES,
    RequestedAccess,
    read_requested_access,
    require_parameter,
)
from ssosim.estate import Application, Tenant

__all__ = [
    "OIDC_SCOPES",
    "ClientCredential",
    "ClientType",
    "RequestedAccess",
    "TokenRequest",
    "authority_name",
    "read_form",
    "read_requested_access",
    "read_token_form",
    "read_token_request",
    "require_parameter",
]

_FIELD_LIMIT = 100
_FORM = "application/x-www-form-urlencoded"


ClientType = Literal["public", "confidential", "spa"]
"""What a client is in one request: public (no credential), confidential, or a single-page application."""


class TokenRequest(Struct, frozen=True):
    """A token request whose client is known.

    ``client_type`` and ``confidential`` (whether the client has proved who it is) are set by ``authenticate_as``.
    """

    version: TokenVersion
    authority: Authority
    grant_type: str
    application: Application
    credential: ClientCredential
    form: Mapping[str, str]
    client_type: ClientType = "public"
    confidential: bool = False


def authority_name(authority: Authority) -> str:
    """Return the id of a tenant, or the name of a shared authority."""
    return authority.id if isinstance(authority, Tenant) else authority


def read_form(body: bytes, repeated: list[str] | None = None) -> dict[str, str]:
    """Read the fields of a form. ``repeated`` receives the names that occur more than once.

    Raises AadstsError 9002313 if the body is not a form. A truncated form has fewer fields.
    """
    try:
        return read_fields(body.decode("utf-8"), _FIELD_LIMIT, repeated)
    except UnicodeDecodeError:
        raise AadstsError(9002313, reason="The body is not a form.") from None
    except ValueError as error:
        raise AadstsError(9002313, reason=f"The form is not accepted: {error}.") from None


def read_token_form(call: Call, settings: Settings) -> dict[str, str]:
    """Read the parameters in the body of a request to an OAuth endpoint.

    A body with another media type than that of a form has no parameters: the real service reports the first parameter
    of JSON and of multipart/form-data as missing (microsoft-graph-docs issue 20272, microsoft-graph-docs-contrib issue
    1378). Raises AadstsError 9002313 if the body is not a form, and 9000411 for a repeated parameter (RFC 6749, section
    3.2).
    """
    given = call.headers.get("Content-Type", "")
    kind = given.partition(";")[0].strip().lower()
    if kind != _FORM and (given or not settings.untyped_form):
        return {}
    if not given:
        call.trace_buffer.note_not_checked("settings.untyped_form")
    repeated: list[str] = []
    form = read_form(call.body, repeated)
    if repeated:
        raise AadstsError(9000411, name=repeated[0][:64])
    return form


def read_token_request(
    directory: Directory,
    *,
    version: TokenVersion,
    tenant: str,
    form: Mapping[str, str],
    headers: Mapping[str, str],
) -> TokenRequest:
    """Check tenant, grant type and client of a token request.

    Raises AadstsError: 90002 and 900023 (tenant), 900144 (parameter missing), 700016, 50194 and 7000112 (application).
    The credential of the client is checked by ``authenticate_as``.
    """
    authority = directory.find_authority(tenant)
    grant_type = require_parameter(form, "grant_type")
    client_id, credential = read_client_credential(form, headers)
    # Client credentials at a shared authority are refused for want of a tenant (azure-docs issue 24064), not by 50194.
    without_user = grant_type == "client_credentials"
    application = require_client(directory, client_id, authority, without_user=without_user)
    return TokenRequest(version, authority, grant_type, application, credential, form)
