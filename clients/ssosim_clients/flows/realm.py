"""Realm discovery, version 1: whose the user's domain is, and whether it offers WS-Trust.

Source: MSAL.NET WsTrust/WsTrustWebRequestManager.cs, Internal/Requests/IntegratedWindowsAuthRequest.cs.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from urllib.parse import quote

from ssosim_clients.failures import HttpFailure, NotOffered, ProtocolFailure
from ssosim_clients.flows.uri import is_absolute
from ssosim_clients.ports import Device

__all__ = ["ClientHeaders", "Realm", "discover"]


@dataclass(frozen=True, slots=True)
class ClientHeaders:
    """The ``x-client-*`` headers. Their mere presence makes a Seamless SSO tenant answer ``Federated``.

    Source: ADAL.NET pull requests 1640 and 1646; MSAL.NET issues 820 and 1860.
    """

    sku: str = "MSAL.Desktop"
    version: str = "4.87.0.0"
    os: str = "Windows 10"

    def fields(self) -> dict[str, str]:
        """The headers by name."""
        return {"x-client-SKU": self.sku, "x-client-Ver": self.version, "x-client-OS": self.os}


@dataclass(frozen=True, slots=True)
class Realm:
    """Where the user's domain keeps its WS-Trust endpoints, and for whom the assertion is to be made out."""

    metadata_url: str
    audience: str = "urn:federation:MicrosoftOnline"


async def discover(device: Device, login_host: str, headers: ClientHeaders | None) -> Realm:
    """Ask ``/common/userrealm/{upn}``. ``headers`` None sends no ``x-client-*`` header, as MSAL Python does.

    Raises ``NetworkFailure``, ``HttpFailure`` (any status but 200), ``ProtocolFailure`` and, for a managed or unknown
    user, ``NotOffered``.
    """
    url = f"https://{login_host}/common/userrealm/{quote(device.upn, safe='@')}?api-version=1.0"
    fields = {"Accept": "application/json", "client-request-id": device.new_id()}
    response = await device.http.request("GET", url, fields | (headers.fields() if headers else {}), b"")
    if response.status != 200:
        raise HttpFailure(response.status, "realm discovery failed")
    return read(response.body)


def read(body: bytes) -> Realm:
    """The realm in an answer's ``body``. Raises ``ProtocolFailure`` and ``NotOffered``."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolFailure(f"the realm answer is not JSON: {error}") from error
    if not isinstance(answer, dict):
        raise ProtocolFailure("the realm answer is not a JSON object")
    account = str(answer.get("account_type", "")).lower()
    if str(answer.get("domain_name", "")).lower() == "live.com":
        raise NotOffered("personal accounts have no integrated sign-in")
    if account == "managed":
        raise NotOffered("the user is managed and the tenant offers no integrated sign-in")
    if account != "federated":
        raise NotOffered(f"unknown user type {account!r}")
    url = answer.get("federation_metadata_url")
    if not isinstance(url, str) or not is_absolute(url):
        raise ProtocolFailure("the realm answer has no federation_metadata_url that can be dialled")
    audience = answer.get("cloud_audience_urn")
    return Realm(url, audience) if isinstance(audience, str) and audience else Realm(url)
