"""The access that a request asks for: the parameters ``resource`` (version 1) and ``scope`` (version 2).

Sources: Entra document "Scopes and permissions in the Microsoft identity platform" (``/.default``, two slashes);
aad_oauth issue 328 (28000 is said at the token endpoint only), msgraph-sample-android issue 11 and
DataverseDevTools-VSCode issue 84 (70011: a scope is a URI or GUID with a name, or a name alone); omniauth-office365
issue 1 and EVE-IPH pull request 110 (scopes that another character separates).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from msgspec import Struct

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.estate import Cloud
from ssosim.estate.first_party import GRAPH_URIS, cloud_name_of

__all__ = [
    "DEFAULT_SCOPE",
    "OIDC_SCOPES",
    "RequestedAccess",
    "list_resources",
    "read_requested_access",
    "read_scopes",
    "refuse_mixed_scopes",
    "require_parameter",
]

OIDC_SCOPES = frozenset({"openid", "profile", "email", "offline_access"})
DEFAULT_SCOPE = ".default"
"""The name of the scope that stands for everything that was consented to for an API."""

_OLD_GRAPH = "https://graph.windows.net"  # what v1 means when no resource is named; unconfirmed
_SCOPE_LIMIT = 200
_NEXT_SCOPE = re.compile(" *+([^ ]+)")
_LONGEST_KEPT = 512  # characters of a scope parameter whose reading is kept
_NAME = re.compile(r"[A-Za-z0-9._:-]{1,120}")
_RESOURCE = re.compile(
    r"[A-Za-z][A-Za-z0-9+.-]*:[^\s\"<>\\^`{|}]+|[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}"
)


class RequestedAccess(Struct, frozen=True, cache_hash=True):
    """The access that a request asks for: one resource, its scopes, and whether it includes id and refresh tokens.

    ``resource`` is as sent. ``scopes`` are the scopes as sent, empty in version 1, which asks for everything that was
    consented to.
    """

    resource: str
    scopes: tuple[str, ...]
    id_token: bool
    refresh_token: bool

    @property
    def scope_names(self) -> tuple[str, ...]:
        """The names of the API's scopes that the request asks for one by one; empty if it asks for all."""
        names = (scope.rpartition("/")[2] for scope in self.scopes if scope not in OIDC_SCOPES)
        return tuple(name for name in names if name != DEFAULT_SCOPE)


def require_parameter(form: Mapping[str, str], name: str) -> str:
    """Return the parameter ``name``; raises AadstsError 900144 if it is absent or empty."""
    value = form.get(name, "")
    if not value.strip():
        raise AadstsError(900144, name=name)
    return value


def read_requested_access(
    form: Mapping[str, str], version: TokenVersion, cloud: Cloud | None = None, *, several: bool = False
) -> RequestedAccess:
    """Read the requested access. v1 has ``resource``, v2 has the resource in ``scope``.

    A scope without a resource is one of Microsoft Graph in ``cloud`` (default: the public cloud). With ``several``
    the scopes may be of several resources, as at the authorization endpoint; the first is the one of the result.
    Raises AadstsError 900144, 70011 for a malformed scope, 28000 for scopes of several resources.
    """
    if version == "1.0":
        resource = form.get("resource", "")
        resource = resource if resource.strip() else _OLD_GRAPH
        if not _RESOURCE.fullmatch(resource):
            raise AadstsError(500011, resource=resource[:256], tenant="")
        return RequestedAccess(resource, (), id_token=True, refresh_token=True)
    text = require_parameter(form, "scope")
    if len(text) > _LONGEST_KEPT:
        return _read_scope_text(text, cloud, several)
    return _read_kept_scope_text(text, cloud, several)


def _read_scope_text(text: str, cloud: Cloud | None, several: bool) -> RequestedAccess:
    # Only a blank separates scopes (RFC 6749, section 3.3); a scope with another one in it is malformed (70011).
    asked, at = list[str](), 0
    while len(asked) <= _SCOPE_LIMIT and (found := _NEXT_SCOPE.match(text, at)):  # the text may be of 1 MiB
        asked.append(found[1])
        at = found.end()
    if len(asked) > _SCOPE_LIMIT:
        raise AadstsError(70011, reason=f"More than {_SCOPE_LIMIT} scopes are asked for.")
    return read_scopes(tuple(dict.fromkeys(asked)), cloud, several=several)


_read_kept_scope_text = lru_cache(maxsize=256)(_read_scope_text)  # an application asks for the same scopes each time


def read_scopes(scopes: tuple[str, ...], cloud: Cloud | None = None, *, several: bool = False) -> RequestedAccess:
    """Read the requested access from the scopes of a request; raises AadstsError as ``read_requested_access``."""
    graph = _graph_of(cloud)
    resources: dict[str, str] = {}
    for scope in scopes:
        if scope in OIDC_SCOPES:
            continue
        resource, _ = _split(scope, graph)
        resources.setdefault(resource.lower(), resource)
    if not several:
        if len(resources) > 1:
            raise AadstsError(28000, scope=" ".join(scopes)[:512])
        refuse_mixed_scopes(scopes)
    return RequestedAccess(
        next(iter(resources.values()), graph),
        scopes,
        id_token="openid" in scopes,
        refresh_token="offline_access" in scopes,
    )


def refuse_mixed_scopes(scopes: tuple[str, ...]) -> None:
    """Raise AadstsError 70011 if ``/.default`` is asked for beside a scope by name (Entra document "Scopes")."""
    names = {scope.rpartition("/")[2] for scope in scopes if scope not in OIDC_SCOPES}
    if DEFAULT_SCOPE in names and len(names) > 1:
        raise AadstsError(
            70011,
            reason=f"The scope {' '.join(scopes)[:512]} is not valid. .default scope can't be combined with "
            "resource-specific scopes.",
        )


def list_resources(access: RequestedAccess, cloud: Cloud | None = None) -> tuple[str, ...]:
    """Return the resources of all scopes of a request that may have several, the one of the token first."""
    graph = _graph_of(cloud)
    named = (_split(scope, graph)[0] for scope in access.scopes if scope not in OIDC_SCOPES)
    return tuple({each.lower(): each for each in (access.resource, *named)}.values())


def _graph_of(cloud: Cloud | None) -> str:
    return GRAPH_URIS[cloud_name_of(cloud.cloud_instance_name) if cloud else "public"]


def _split(scope: str, graph: str) -> tuple[str, str]:
    """Split a scope into resource and name: at its last slash; a name without a slash is one of Microsoft Graph."""
    resource, slash, name = scope.rpartition("/")
    if not slash:
        resource = graph
    if not _NAME.fullmatch(name) or not _RESOURCE.fullmatch(resource) or resource.rstrip("/").endswith(":"):
        raise AadstsError(
            70011,
            reason=f"The scope {scope[:256]} is not valid. The scope format is invalid. Scope must be in a valid URI "
            "form <https://example/scope> or a valid Guid <guid/scope>.",
        )
    return resource, name
