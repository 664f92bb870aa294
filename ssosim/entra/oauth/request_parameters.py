"""Parameters of OAuth requests that change what is granted, beside ``scope`` and those of a grant: none is ignored.

A parameter that asks for another kind of token than the one that is issued here is refused, so that nobody takes the
answer for the real one. Parameters that no standard and no document defines are ignored (RFC 6749, section 3.1).

Sources: OpenID Connect Core, sections 5.5 (``claims``), 6 (``request``, ``request_uri``) and 3.1.2.6 (the errors for
what is not supported); the Entra error page of AADSTS50117; TracecatHQ/tracecat issue 2466 and
microsoft/powerbi-modeling-mcp issue 68 (9010010: another resource than that of the scopes, since March 2026; 901002
before), microsoft/azure-devops-mcp issue 1601 (the same resource is accepted); MSAL.NET and MSAL Go
(``token_type=pop``, ``req_cnf``, ``fmi_path``), Entra on-behalf-of document (``requested_token_type``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from types import MappingProxyType

from ssosim.entra.core.directory import Directory
from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.openid_discovery import TokenVersion
from ssosim.entra.oauth.requested_access import OIDC_SCOPES

__all__ = ["check_claims_parameter", "check_parameters", "check_resource_parameter"]

_CLAIMS_MEMBERS = ("userinfo", "id_token", "access_token")
_CLAIMS_LIMIT = 8 * 1024  # bytes; challenges have about 100
_MAX_AGE_DIGITS = 9
_NOT_SUPPORTED = MappingProxyType(
    {
        "request": "request_not_supported",
        "request_uri": "request_uri_not_supported",
        "registration": "registration_not_supported",
        "requested_token_type": None,
        "req_cnf": None,
        "fmi_path": None,
        "user_federated_identity_credential": None,
    }
)
"""Parameters that ask for something that is not made here, with the OAuth error of OpenID Connect Core, if it has one.

Which code the real service has for a malformed one is unconfirmed.
"""
_CHECKED = frozenset({*_NOT_SUPPORTED, "token_type", "max_age", "claims", "resource"})
"""All parameters that ``check_parameters`` looks at; most requests have none of them."""


def check_parameters(directory: Directory, form: Mapping[str, str], version: TokenVersion) -> None:
    """Check the parameters of a request to the token, the device code or the authorization endpoint.

    Raises AadstsError: 9002313 (a kind of request or token that is not made here; ``max_age`` that is no number),
    50117 (``claims``), 9010010 (``resource`` in version 2.0).
    """
    if _CHECKED.isdisjoint(form):
        return
    for name, error in _NOT_SUPPORTED.items():
        if form.get(name, "").strip():
            raise AadstsError(9002313, error=error, reason=f"The parameter '{name}' is not supported here.")
    kind = form.get("token_type", "").strip()
    if kind and kind.lower() != "bearer":
        raise AadstsError(9002313, reason=f"Tokens of the type '{kind[:32]}' are not made here.")
    age = form.get("max_age", "").strip()
    if age and not (age.isascii() and age.isdigit() and len(age) <= _MAX_AGE_DIGITS):
        raise AadstsError(9002313, reason="The max_age is not a number of seconds.")
    check_claims_parameter(form.get("claims", ""))
    if version == "2.0":
        check_resource_parameter(directory, form)


def check_claims_parameter(text: str) -> None:
    """Check the parameter ``claims``: a JSON object; empty text is none (RFC 6749, section 3.1).

    Its members ``userinfo``, ``id_token`` and ``access_token`` contain for each claim null or an object; other members
    are ignored (OpenID Connect Core, section 5.5). Raises AadstsError 50117.
    """
    if not text.strip():
        return
    try:
        if len(text) > _CLAIMS_LIMIT:
            raise AadstsError(50117)
        value = json.loads(text, object_pairs_hook=_read_once, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise AadstsError(50117) from None
    members = [value.get(name) for name in _CLAIMS_MEMBERS] if isinstance(value, dict) else [False]
    for member in members:
        if member is None:
            continue
        if not isinstance(member, dict) or not all(each is None or isinstance(each, dict) for each in member.values()):
            raise AadstsError(50117)
        if not all(isinstance((each or {}).get("values", []), list) for each in member.values()):
            raise AadstsError(50117)
        if not all(isinstance((each or {}).get("essential", False), bool) for each in member.values()):
            raise AadstsError(50117)


def _read_once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not JSON")


def check_resource_parameter(directory: Directory, form: Mapping[str, str]) -> None:
    """Check ``resource`` in version 2.0: it must name the API that the scopes are of.

    A request without a scope of an API has no such resource (a capture of the authorization endpoint, September 2026).
    Raises AadstsError 9010010.
    """
    resource = form.get("resource", "").strip()
    if not resource:
        return
    scopes = [scope for scope in form.get("scope", "").split() if scope not in OIDC_SCOPES]
    if not scopes:
        raise AadstsError(9010010)
    api = directory.find_api(resource)
    for scope in scopes:
        named = scope.rpartition("/")[0]
        same_text = named.rstrip("/").lower() == resource.rstrip("/").lower()  # an unknown API is 500011 later
        if not same_text and (api is None or not named or directory.find_api(named) is not api):
            raise AadstsError(9010010)
