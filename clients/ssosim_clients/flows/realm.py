"""Realm discovery, version 1: whether the user's domain is managed or federated, and whether it offers WS-Trust.

Source: MSAL.NET WsTrust/WsTrustWebRequestManager.cs, Internal/Requests/IntegratedWindowsAuthRequest.cs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from msgspec import Struct

from ssosim_clients.failures import HttpFailure, InteractionRequired, ProtocolFailure
from ssosim_clients.flows.uri import is_absolute
from ssosim_clients.ports import Device

__all__ = [
    "AUDIENCE",
    "ClientHeaders",
    "FederatedRealm",
    "RealmResponse",
    "discover",
    "parse_response",
    "read_federated_realm",
    "request_realm",
    "require_federated",
    "require_metadata_url",
]

AUDIENCE: Final = "urn:federation:MicrosoftOnline"
"""The audience of assertions if the response has none."""


class ClientHeaders(Struct, frozen=True):
    """The ``x-client-*`` headers. If they are present, a Seamless SSO tenant is reported as ``Federated``.

    Source: ADAL.NET pull requests 1640 and 1646; MSAL.NET issues 820 and 1860.
    """

    sku: str = "MSAL.Desktop"
    version: str = "4.87.0.0"
    os: str = "Windows 10"

    def fields(self) -> dict[str, str]:
        """The header fields by name."""
        return {"x-client-SKU": self.sku, "x-client-Ver": self.version, "x-client-OS": self.os}


class RealmResponse(Struct, frozen=True):
    """The fields of a response of realm discovery.

    ``account_type`` keeps its upper and lower case, because some clients compare it exactly. A URL is None if it is
    missing or is not an absolute HTTP URL.
    """

    account_type: str = ""
    domain: str = ""
    protocol: str = ""
    metadata_url: str | None = None
    active_url: str | None = None
    audience: str = AUDIENCE


class FederatedRealm(Struct, frozen=True):
    """A realm with WS-Trust: the URL of its MEX document, the audience of assertions and the federation protocol."""

    metadata_url: str
    audience: str = AUDIENCE
    protocol: str = ""


async def request_realm(
    device: Device, login_host: str, headers: ClientHeaders | None, *, unescaped: str = "@"
) -> RealmResponse:
    """Send GET ``/common/userrealm/{upn}``.

    ``headers`` None sends no ``x-client-*`` header, as MSAL Python does. ``unescaped``: the characters of the user name
    that the client does not percent-encode. Raises ``NetworkFailure``, ``HttpFailure`` (any status but 200) and
    ``ProtocolFailure``.
    """
    url = f"https://{login_host}/common/userrealm/{quote(device.upn, safe=unescaped)}?api-version=1.0"
    fields = {"Accept": "application/json", "client-request-id": device.new_id()}
    response = await device.http.request("GET", url, fields | (headers.fields() if headers else {}), b"")
    if response.status != 200:
        raise HttpFailure(response.status, "realm discovery failed")
    return parse_response(response.body)


async def discover(
    device: Device, login_host: str, headers: ClientHeaders | None, *, unescaped: str = "@"
) -> FederatedRealm:
    """Realm discovery of MSAL.NET's integrated sign-in. Raises as ``request_realm`` and ``require_federated``."""
    return require_federated(await request_realm(device, login_host, headers, unescaped=unescaped))


def read_federated_realm(body: bytes) -> FederatedRealm:
    """The realm in the ``body`` of a response. Raises ``ProtocolFailure`` and ``InteractionRequired``."""
    return require_federated(parse_response(body))


@lru_cache(maxsize=64)
def parse_response(body: bytes) -> RealmResponse:
    """Parse the ``body`` of a response. Cached, because a client requests it again and again.

    Raises ``ProtocolFailure``.
    """
    try:
        document = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolFailure(f"the realm response is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise ProtocolFailure("the realm response is not a JSON object")
    return RealmResponse(
        account_type=_read_text(document, "account_type"),
        domain=_read_text(document, "domain_name"),
        protocol=_read_text(document, "federation_protocol"),
        metadata_url=_read_url(document, "federation_metadata_url"),
        active_url=_read_url(document, "federation_active_auth_url"),
        audience=_read_text(document, "cloud_audience_urn") or AUDIENCE,
    )


def require_federated(response: RealmResponse) -> FederatedRealm:
    """The realm with WS-Trust that ``response`` describes.

    Raises ``InteractionRequired`` for a managed or unknown user, ``ProtocolFailure`` for a missing URL.
    """
    account = response.account_type.lower()
    if response.domain.lower() == "live.com":
        raise InteractionRequired("personal accounts have no integrated sign-in")
    if account == "managed":
        raise InteractionRequired("the user is managed and the tenant offers no integrated sign-in")
    if account != "federated":
        raise InteractionRequired(f"unknown user type {account!r}")
    return FederatedRealm(require_metadata_url(response), response.audience, response.protocol)


def require_metadata_url(response: RealmResponse) -> str:
    """The URL of the MEX document. Raises ``ProtocolFailure`` if there is no absolute HTTP URL."""
    if response.metadata_url is None:
        raise ProtocolFailure("the realm response has no absolute HTTP URL as federation_metadata_url")
    return response.metadata_url


def _read_text(document: Mapping[str, object], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _read_url(document: Mapping[str, object], key: str) -> str | None:
    value = _read_text(document, key)
    return value if is_absolute(value) else None
