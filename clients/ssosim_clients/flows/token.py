"""The OAuth token endpoint: an assertion, a password, a refresh token or an application's secret in, tokens out.

Source: MSAL.NET OAuth2/TokenClient.cs, OAuth2Client.cs; RFC 6749, RFC 7522.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from ssosim_clients.failures import HttpFailure, OauthFailure, ProtocolFailure
from ssosim_clients.flows.realm import ClientHeaders
from ssosim_clients.flows.wstrust import Assertion
from ssosim_clients.ports import Device, HttpResponse

__all__ = ["Application", "Tokens", "by_assertion", "by_password", "by_refresh_token", "by_secret", "read"]


@dataclass(frozen=True, slots=True)
class Application:
    """Who asks: a public client, the tenant of its authority, and what it wants. The default is Microsoft Office.

    With a ``resource`` it speaks version 1 of the endpoint, as ADAL does, and ``scope`` goes along unchanged.
    """

    client_id: str = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
    scope: str = "openid offline_access profile"
    tenant: str = "organizations"
    login_host: str = "login.microsoftonline.com"
    headers: ClientHeaders | None = field(default_factory=ClientHeaders)
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """What the sign-in was for. ``expires_in`` is in seconds. Secrets do not show in its repr."""

    access_token: str = field(repr=False)
    expires_in: float
    id_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)


async def by_assertion(device: Device, app: Application, assertion: Assertion) -> Tokens:
    """The assertion grant. Standard base64 with padding, as MSAL.NET encodes it. Raises as ``read``."""
    encoded = base64.b64encode(assertion.xml).decode("ascii")
    return await _grant(device, app, {"grant_type": assertion.grant_type, "assertion": encoded})


async def by_password(device: Device, app: Application, password: str) -> Tokens:
    """The resource owner password grant. Raises as ``read``."""
    form = {"grant_type": "password", "username": device.upn, "password": password}
    return await _grant(device, app, form)


async def by_refresh_token(device: Device, app: Application, refresh_token: str) -> Tokens:
    """The refresh grant; a new refresh token comes back. Raises as ``read``."""
    return await _grant(device, app, {"grant_type": "refresh_token", "refresh_token": refresh_token})


async def by_secret(device: Device, app: Application, secret: str) -> Tokens:
    """The client credentials grant: the application as itself. Raises as ``read``."""
    return await _grant(device, app, {"grant_type": "client_credentials", "client_secret": secret})


async def _grant(device: Device, app: Application, form: Mapping[str, str]) -> Tokens:
    path = "oauth2/token" if app.resource else "oauth2/v2.0/token"
    url = f"https://{app.login_host}/{quote(app.tenant, safe='')}/{path}"
    last = {"resource": app.resource} if app.resource else {"client_info": "1"}
    body = {"client_id": app.client_id, **form, "scope": app.scope, **last}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
        "client-request-id": device.new_id(),
    } | (app.headers.fields() if app.headers else {})
    return read(await device.http.request("POST", url, headers, urlencode(body).encode("ascii")))


def read(response: HttpResponse) -> Tokens:
    """The tokens in an answer.

    Raises ``OauthFailure`` for an OAuth error whatever its status, ``HttpFailure`` for any other refusal,
    ``ProtocolFailure`` for a success that cannot be read.
    """
    answer = _object(response.body)
    if answer is not None and isinstance(answer.get("error"), str):
        codes = answer.get("error_codes")
        code = codes[0] if isinstance(codes, list) and codes and isinstance(codes[0], int) else None
        text = str(answer.get("error_description", "")).splitlines()[:1]
        raise OauthFailure(str(answer["error"]), code, "".join(text), str(answer.get("suberror", "")))
    if response.status != 200:
        raise HttpFailure(response.status, "the token endpoint refused")
    if answer is None:
        raise ProtocolFailure("the token answer is not a JSON object")
    access, kind = answer.get("access_token"), answer.get("token_type")
    if not isinstance(access, str) or not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProtocolFailure("the token answer holds no bearer token")
    return Tokens(access, _seconds(answer.get("expires_in")), _text(answer, "id_token"), _text(answer, "refresh_token"))


def _object(body: bytes) -> dict[str, object] | None:
    try:
        answer = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return answer if isinstance(answer, dict) else None


def _text(answer: Mapping[str, object], key: str) -> str | None:
    value = answer.get(key)
    return value if isinstance(value, str) else None


def _seconds(value: object) -> float:
    """Version 2 sends a number, version 1 a string; both are read."""
    try:
        return float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
