"""Realm discovery, version 1: whose the user's domain is, and whether it offers WS-Trust.

Source: MSAL.NET WsTrust/WsTrustWebRequestManager.cs, Internal/Requests/IntegratedWindowsAuthRequest.cs.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final
from urllib.parse import quote

from ssosim_clients.failures import HttpFailure, InteractionRequired, ProtocolFailure
from ssosim_clients.flows.uri import is_absolute
from ssosim_clients.ports import Device

__all__ = [
    "AUDIENCE",
    "Answer",
    "ClientHeaders",
    "Realm",
    "ask",
    "conclude",
    "discover",
    "metadata_url",
    "parse",
    "read",
]

AUDIENCE: Final = "urn:federation:MicrosoftOnline"
"""For whom assertions are made out where the answer names nobody."""


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
class Answer:
    """What the service says of a user's domain, before a client draws its conclusions from it.

    ``account_type`` keeps its spelling, since some clients compare it exactly. URLs are None where they are missing or
    cannot be dialled.
    """

    account_type: str = ""
    domain: str = ""
    protocol: str = ""
    metadata_url: str | None = None
    active_url: str | None = None
    audience: str = AUDIENCE


@dataclass(frozen=True, slots=True)
class Realm:
    """Where the user's domain keeps its WS-Trust endpoints, and for whom the assertion is to be made out."""

    metadata_url: str
    audience: str = AUDIENCE
    protocol: str = ""


async def ask(device: Device, login_host: str, headers: ClientHeaders | None, *, safe: str = "@") -> Answer:
    """GET ``/common/userrealm/{upn}``. ``headers`` None sends no ``x-client-*`` header, as MSAL Python does.

    ``safe`` are the characters of the user's name that the client leaves unescaped. Raises ``NetworkFailure``,
    ``HttpFailure`` (any status but 200) and ``ProtocolFailure``.
    """
    url = f"https://{login_host}/common/userrealm/{quote(device.upn, safe=safe)}?api-version=1.0"
    fields = {"Accept": "application/json", "client-request-id": device.new_id()}
    response = await device.http.request("GET", url, fields | (headers.fields() if headers else {}), b"")
    if response.status != 200:
        raise HttpFailure(response.status, "realm discovery failed")
    return parse(response.body)


async def discover(device: Device, login_host: str, headers: ClientHeaders | None, *, safe: str = "@") -> Realm:
    """Ask, and conclude as MSAL.NET's integrated sign-in does. Raises as ``ask`` and ``conclude``."""
    return conclude(await ask(device, login_host, headers, safe=safe))


def read(body: bytes) -> Realm:
    """The realm in an answer's ``body``. Raises ``ProtocolFailure`` and, as ``conclude``, ``InteractionRequired``."""
    return conclude(parse(body))


@lru_cache(maxsize=64)
def parse(body: bytes) -> Answer:
    """The fields of an answer's ``body``, which a client asks for again and again. Raises ``ProtocolFailure``."""
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise ProtocolFailure(f"the realm answer is not JSON: {error}") from error
    if not isinstance(answer, dict):
        raise ProtocolFailure("the realm answer is not a JSON object")
    return Answer(
        account_type=_text(answer, "account_type"),
        domain=_text(answer, "domain_name"),
        protocol=_text(answer, "federation_protocol"),
        metadata_url=_url(answer, "federation_metadata_url"),
        active_url=_url(answer, "federation_active_auth_url"),
        audience=_text(answer, "cloud_audience_urn") or AUDIENCE,
    )


def conclude(answer: Answer) -> Realm:
    """Where to sign in with a ticket. Raises ``InteractionRequired`` for a managed or unknown user, ``ProtocolFailure``."""
    account = answer.account_type.lower()
    if answer.domain.lower() == "live.com":
        raise InteractionRequired("personal accounts have no integrated sign-in")
    if account == "managed":
        raise InteractionRequired("the user is managed and the tenant offers no integrated sign-in")
    if account != "federated":
        raise InteractionRequired(f"unknown user type {account!r}")
    return Realm(metadata_url(answer), answer.audience, answer.protocol)


def metadata_url(answer: Answer) -> str:
    """The address of the MEX document. Raises ``ProtocolFailure`` where there is none that can be dialled."""
    if answer.metadata_url is None:
        raise ProtocolFailure("the realm answer has no federation_metadata_url that can be dialled")
    return answer.metadata_url


def _text(answer: Mapping[str, object], key: str) -> str:
    value = answer.get(key)
    return value if isinstance(value, str) else ""


def _url(answer: Mapping[str, object], key: str) -> str | None:
    value = _text(answer, key)
    return value if is_absolute(value) else None
