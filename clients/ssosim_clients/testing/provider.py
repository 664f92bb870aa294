"""A scripted identity provider: the login host, autologon, and a federated domain's own service, in bare shapes.

It answers as a healthy service does to good requests and refuses bad ones, so that a client's mistakes show. What a
scenario wants else it puts into ``World.answers``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import TYPE_CHECKING, Final
from urllib.parse import parse_qs, unquote

from ssosim_clients.ports import Headers, HttpResponse
from ssosim_clients.testing.documents import mex_document, rstr, soap_fault

if TYPE_CHECKING:
    from ssosim_clients.testing.world import World

__all__ = ["Request", "Step", "serve", "step_of"]


class Step(StrEnum):
    """What a request is for, by its path."""

    REALM = "realm"
    PAGE = "page"
    """GetCredentialType, the sign-in page's question"""
    MEX = "mex"
    WINDOWS = "windowstransport"
    PASSWORD = "usernamemixed"  # noqa: S105 - a step's name
    BROWSER = "sso"
    TOKEN = "token"  # noqa: S105 - a step's name
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as the provider sees it. ``host`` and ``path`` without port and query."""

    method: str
    host: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def negotiate_token(self) -> bytes | None:
        """What the Authorization header carries, if anything."""
        value = self.headers.get("Authorization")
        return None if value is None else base64.b64decode(value.removeprefix("Negotiate "))


_BY_END: Final[Mapping[str, Step]] = {
    "mex": Step.MEX,
    "windowstransport": Step.WINDOWS,
    "usernamemixed": Step.PASSWORD,
    "sso": Step.BROWSER,
    "token": Step.TOKEN,
    "getcredentialtype": Step.PAGE,
}


def step_of(path: str) -> Step:
    """The step that a request for ``path`` belongs to."""
    parts = path.lower().strip("/").split("/")
    return Step.REALM if "userrealm" in parts else _BY_END.get(parts[-1], Step.OTHER)


def serve(world: World, request: Request, step: Step) -> HttpResponse:
    """The answer of a service that is well."""
    answer = _STEPS.get(step)
    if answer is None or request.host not in world.serves(step):
        return HttpResponse(404)
    return answer(world, request)


def _realm(world: World, request: Request) -> HttpResponse:
    upn = unquote(request.path.rpartition("/")[2])
    sees = any(name.lower() == "x-client-sku" for name in request.headers)
    return _realm_answer(upn, *world.realm_of(upn, sees_desktop_sso=sees))


@lru_cache(maxsize=64)
def _realm_answer(upn: str, kind: str, metadata: str | None, active: str | None) -> HttpResponse:
    answer = {"ver": "1.0", "account_type": kind, "domain_name": upn.rpartition("@")[2]}
    if metadata is not None:
        answer |= {"federation_protocol": "WSTrust", "cloud_audience_urn": "urn:federation:MicrosoftOnline"}
        answer |= {"federation_metadata_url": metadata, "federation_active_auth_url": active or ""}
    return _json(answer)


def _page(world: World, request: Request) -> HttpResponse:
    upn = json.loads(request.body)["username"]
    kind, metadata, _ = world.realm_of(upn, sees_desktop_sso=True)
    silent = kind == "Federated" and world.autologon in (metadata or "")
    return _json({"Username": upn, "EstsProperties": {"DesktopSsoEnabled": True} if silent else {"DomainType": 3}})


def _mex(world: World, request: Request) -> HttpResponse:
    windows, password = world.trust_urls(request.host)
    return HttpResponse(200, body=mex_document(windows, password))


def _windows(world: World, request: Request) -> HttpResponse:  # noqa: ARG001 - the shape of a step
    if b"urn:federation:MicrosoftOnline" not in request.body:
        return HttpResponse(400, body=soap_fault("AppliesTo names no known relying party"))
    return _with_ticket(request, rstr())


def _browser(world: World, request: Request) -> HttpResponse:  # noqa: ARG001 - the shape of a step
    return _with_ticket(request, b"dsso-token")


def _with_ticket(request: Request, good: bytes) -> HttpResponse:
    token = request.negotiate_token
    if token is None:
        return HttpResponse(401, Headers([("www-authenticate", "Negotiate")]))
    if token != f"ticket HTTP/{request.host}".encode():
        return HttpResponse(403)
    return HttpResponse(200, body=good)


def _password(world: World, request: Request) -> HttpResponse:
    if f"Password>{world.password}</".encode() not in request.body:
        return HttpResponse(500, body=soap_fault("ID3242: The security token could not be authenticated."))
    return HttpResponse(200, body=rstr())


def _token(world: World, request: Request) -> HttpResponse:
    form = {key: values[0] for key, values in parse_qs(request.body.decode()).items()}
    assertion = base64.b64decode(form.get("assertion", ""))
    earned = {
        "password": form.get("password") == world.password,
        "refresh_token": form.get("refresh_token") == "rt",
        "client_credentials": form.get("client_secret") == world.app_secret,
    }.get(form.get("grant_type", ""), b"<DesktopSsoToken>opaque</DesktopSsoToken>" in assertion)
    if earned:
        tokens = {"token_type": "Bearer", "expires_in": 4500, "access_token": "at"}
        return _json(tokens | ({"refresh_token": "rt"} if "offline_access" in form.get("scope", "") else {}))
    refusal = {"error": "invalid_grant", "error_codes": [50126], "error_description": "AADSTS50126: wrong"}
    return _json(refusal, 400)


def _json(value: Mapping[str, object], status: int = 200) -> HttpResponse:
    return HttpResponse(status, body=json.dumps(value).encode())


_STEPS: Final[Mapping[Step, Callable[[World, Request], HttpResponse]]] = {
    Step.REALM: _realm,
    Step.PAGE: _page,
    Step.MEX: _mex,
    Step.WINDOWS: _windows,
    Step.PASSWORD: _password,
    Step.BROWSER: _browser,
    Step.TOKEN: _token,
}
