"""The OAuth token endpoint: request tokens with an assertion, a password, a refresh token or a certificate.

Source: MSAL.NET OAuth2/TokenClient.cs, OAuth2Client.cs; RFC 6749, RFC 7522.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import quote, urlencode

from msgspec import Struct

from ssosim_clients.failures import HttpFailure, OauthFailure, ProtocolFailure
from ssosim_clients.flows.realm import ClientHeaders
from ssosim_clients.flows.wstrust import Assertion
from ssosim_clients.ports import AppCredentials, Device, HttpResponse

__all__ = [
    "Application",
    "Tokens",
    "read_tokens",
    "request_with_assertion",
    "request_with_certificate",
    "request_with_password",
    "request_with_refresh_token",
]


_ASSERTION_LIFETIME_S = 600


class Application(Struct, frozen=True):
    """The application that requests tokens: client id, scope, tenant and login host. The default is Microsoft Office.

    ``headers``: the ``x-client-*`` headers that it sends, None for none. With a ``resource`` it uses version 1 of the
    endpoint, as ADAL does, and sends ``scope`` too.
    """

    client_id: str = "d3590ed6-52b3-4102-aeff-aad2292ab01c"
    scope: str = "openid offline_access profile"
    tenant: str = "organizations"
    login_host: str = "login.microsoftonline.com"
    headers: ClientHeaders | None = ClientHeaders()
    resource: str = ""


@dataclass(frozen=True, slots=True)
class Tokens:
    """The tokens of a sign-in. ``expires_in`` is in seconds. The repr contains no token."""

    access_token: str = field(repr=False)
    expires_in: float
    id_token: str | None = field(default=None, repr=False)
    refresh_token: str | None = field(default=None, repr=False)


async def request_with_assertion(device: Device, app: Application, assertion: Assertion) -> Tokens:
    """The assertion grant, in standard base64 with padding as in MSAL.NET. Raises as ``read_tokens``."""
    encoded = base64.b64encode(assertion.xml).decode("ascii")
    return await _request(device, app, {"grant_type": assertion.grant_type, "assertion": encoded})


async def request_with_password(device: Device, app: Application, password: str) -> Tokens:
    """The resource owner password grant. Raises as ``read_tokens``."""
    form = {"grant_type": "password", "username": device.upn, "password": password}
    return await _request(device, app, form)


async def request_with_refresh_token(device: Device, app: Application, refresh_token: str) -> Tokens:
    """The refresh token grant; the result has a new refresh token. Raises as ``read_tokens``."""
    return await _request(device, app, {"grant_type": "refresh_token", "refresh_token": refresh_token})


async def request_with_certificate(device: Device, app: Application, credentials: AppCredentials) -> Tokens:
    """The client credentials grant: the application signs in as itself. Raises as ``read_tokens``.

    The assertion has the claims of MSAL.NET, with dates in strings, and is valid for ten minutes (JsonWebToken.cs).
    """
    now = int(device.read_date())
    claims = {
        "aud": _token_endpoint(app),
        "iss": app.client_id,
        "sub": app.client_id,
        "jti": device.new_id(),
        "nbf": str(now),
        "exp": str(now + _ASSERTION_LIFETIME_S),
    }
    form = {
        "grant_type": "client_credentials",
        "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "client_assertion": credentials.sign_assertion(claims),
    }
    return await _request(device, app, form)


def _token_endpoint(app: Application) -> str:
    path = "oauth2/token" if app.resource else "oauth2/v2.0/token"
    return f"https://{app.login_host}/{quote(app.tenant, safe='')}/{path}"


async def _request(device: Device, app: Application, form: Mapping[str, str]) -> Tokens:
    url = _token_endpoint(app)
    last = {"resource": app.resource} if app.resource else {"client_info": "1"}
    body = {"client_id": app.client_id, **form, "scope": app.scope, **last}
    headers = {
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "application/json",
        "client-request-id": device.new_id(),
    } | (app.headers.fields() if app.headers else {})
    return read_tokens(await device.http.request("POST", url, headers, urlencode(body).encode("ascii")))


def read_tokens(response: HttpResponse) -> Tokens:
    """The tokens in a response of the token endpoint.

    Raises ``OauthFailure`` for an OAuth error of any status, ``HttpFailure`` for any other status but 200, and
    ``ProtocolFailure`` for a 200 that cannot be parsed.
    """
    document = _parse_object(response.body)
    if document is not None and isinstance(document.get("error"), str):
        codes = document.get("error_codes")
        code = codes[0] if isinstance(codes, list) and codes and isinstance(codes[0], int) else None
        text = str(document.get("error_description", "")).splitlines()[:1]
        raise OauthFailure(str(document["error"]), code, "".join(text), str(document.get("suberror", "")))
    if response.status != 200:
        raise HttpFailure(response.status, "the token endpoint refused the request")
    if document is None:
        raise ProtocolFailure("the token response is not a JSON object")
    access, kind = document.get("access_token"), document.get("token_type")
    if not isinstance(access, str) or not isinstance(kind, str) or kind.lower() != "bearer":
        raise ProtocolFailure("the token response contains no bearer token")
    return Tokens(
        access,
        _read_seconds(document.get("expires_in")),
        _read_text(document, "id_token"),
        _read_text(document, "refresh_token"),
    )


def _parse_object(body: bytes) -> dict[str, object] | None:
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return document if isinstance(document, dict) else None


def _read_text(document: Mapping[str, object], key: str) -> str | None:
    value = document.get(key)
    return value if isinstance(value, str) else None


def _read_seconds(value: object) -> float:
    """Read a number (version 2 of the endpoint) or a string (version 1)."""
    try:
        return float(value) if isinstance(value, int | float | str) else 0.0
    except (ValueError, OverflowError):
        return 0.0
