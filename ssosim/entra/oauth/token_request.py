"""Parsing of token requests: client, grant type, and the requested access. The grants are in ``token_endpoint``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ssosim.entra.core.directory import Authority
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, read_fields
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.settings import Settings
from ssosim.entra.oauth.client_authentication import authenticate_presented, read_presented_credentials
from ssosim.estate import Application, Tenant

__all__ = [
    "OIDC_SCOPES",
    "RequestedAccess",
    "TokenRequest",
    "authority_name",
    "read_form",
    "read_requested_access",
    "read_token_form",
    "read_token_request",
    "require_parameter",
]

OIDC_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
_GRAPH = "https://graph.microsoft.com"
_OLD_GRAPH = "https://graph.windows.net"  # what v1 means when no resource is named; unconfirmed
_FIELD_LIMIT = 100
_SCOPE_LIMIT = 200
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class RequestedAccess:
    """The access that a request asks for: one resource, its scopes, and whether it includes id and refresh tokens."""

    resource: str
    scopes: tuple[str, ...]
    id_token: bool
    refresh_token: bool


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """A token request whose client is known. ``confidential``: whether the client has proved who it is."""

    version: TokenVersion
    authority: Authority
    grant_type: str
    application: Application
    confidential: bool
    form: Mapping[str, str]


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
    repeated: list[str] = []
    form = read_form(call.body, repeated)
    if repeated:
        raise AadstsError(9000411, name=repeated[0][:64])
    return form


def require_parameter(form: Mapping[str, str], name: str) -> str:
    """Return the parameter ``name``; raises AadstsError 900144 if it is absent or empty."""
    value = form.get(name, "")
    if not value.strip():
        raise AadstsError(900144, name=name)
    return value


def read_token_request(
    provider: Provider, call: Call, *, version: TokenVersion, tenant: str, form: Mapping[str, str]
) -> TokenRequest:
    """Check tenant, grant type and client of a token request.

    Raises AadstsError: 90002 and 900023 (tenant), 900144 (parameter missing), 700016 (no such application), 700025 and
    7000218 (a credential that is not expected or missing), and the codes of ``authenticate_client``.
    """
    authority = provider.directory.find_authority(tenant)
    grant_type = require_parameter(form, "grant_type").strip()
    presented = read_presented_credentials(form, call.headers)
    application = provider.directory.find_application(presented.client_id)
    if application is None:
        raise AadstsError(700016, client=presented.client_id[:64], tenant=authority_name(authority))
    if not application.is_confidential:
        if not presented.is_empty:
            raise AadstsError(700025)
    elif presented.is_empty:
        raise AadstsError(7000218)
    else:
        authenticate_presented(provider, call, application, presented, authority)
    return TokenRequest(version, authority, grant_type, application, application.is_confidential, form)


def read_requested_access(form: Mapping[str, str], version: TokenVersion) -> RequestedAccess:
    """Read the requested access. v1 has ``resource``, v2 has the resource in ``scope``.

    Raises AadstsError 900144, 70011.
    """
    if version == "1.0":
        resource = form.get("resource", "").strip() or _OLD_GRAPH
        return RequestedAccess(resource, ("user_impersonation",), id_token=True, refresh_token=True)
    asked = require_parameter(form, "scope").split(None, _SCOPE_LIMIT)
    if len(asked) > _SCOPE_LIMIT:
        raise AadstsError(70011, reason=f"More than {_SCOPE_LIMIT} scopes are asked for.")
    scopes = tuple(dict.fromkeys(asked))
    resources = {resource_of(scope) for scope in scopes if scope not in OIDC_SCOPES}
    if len(resources) > 1:
        raise AadstsError(70011, reason="The scopes are for more than one resource.")
    return RequestedAccess(
        resources.pop() if resources else _GRAPH,
        scopes,
        id_token="openid" in scopes,
        refresh_token="offline_access" in scopes,
    )


def resource_of(scope: str) -> str:
    """Return the resource of one scope: the text before its last slash, or Microsoft Graph for a name without slash."""
    resource, separator, name = scope.rpartition("/")
    if not separator:
        return _GRAPH
    if not resource or not name or resource.endswith(":/"):
        raise AadstsError(70011, reason="A scope is malformed.")
    return resource
