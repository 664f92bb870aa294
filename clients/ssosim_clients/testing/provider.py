"""A scripted identity provider: the login host, autologon, and a federated domain's own service, in bare shapes.

It answers as a healthy service does to good requests and refuses bad ones, so that a client's mistakes show. What a
scenario wants else it puts into ``World.answers``.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Final
from urllib.parse import parse_qs, unquote

from ssosim_clients.ports import Headers, HttpResponse
from ssosim_clients.testing.documents import mex_document, rstr, soap_fault
from ssosim_clients.testing.request import Request, Step
from ssosim_clients.testing.surroundings import Surroundings

__all__ = ["serve"]


def serve(world: Surroundings, request: Request, step: Step) -> HttpResponse:
    """The answer of a service that is well."""
    answer = _STEPS.get(step)
    if answer is None or request.host not in world.serves(step):
        return HttpResponse(404)
    return answer(world, request)


def _realm(world: Surroundings, request: Request) -> HttpResponse:
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


def _instance(world: Surroundings, request: Request) -> HttpResponse:  # noqa: ARG001 - the shape of a step
    return _json({"tenant_discovery_endpoint": f"https://{request.host}/common/.well-known/openid-configuration"})


def _page(world: Surroundings, request: Request) -> HttpResponse:
    upn = json.loads(request.body)["username"]
    kind, metadata, _ = world.realm_of(upn, sees_desktop_sso=True)
    silent = kind == "Federated" and world.autologon in (metadata or "")
    return _json({"Username": upn, "EstsProperties": {"DesktopSsoEnabled": True} if silent else {"DomainType": 3}})


def _mex(world: Surroundings, request: Request) -> HttpResponse:
    windows, password = world.trust_urls(request.host)
    return HttpResponse(200, body=mex_document(windows, password))


def _windows(world: Surroundings, request: Request) -> HttpResponse:  # noqa: ARG001 - the shape of a step
    if b"urn:federation:MicrosoftOnline" not in request.body:
        return HttpResponse(400, body=soap_fault("AppliesTo names no known relying party"))
    return _with_ticket(request, rstr())


def _browser(world: Surroundings, request: Request) -> HttpResponse:  # noqa: ARG001 - the shape of a step
    return _with_ticket(request, b"dsso-token")


def _with_ticket(request: Request, good: bytes) -> HttpResponse:
    token = request.negotiate_token
    if token is None:
        return HttpResponse(401, Headers([("www-authenticate", "Negotiate")]))
    if token != f"ticket HTTP/{request.host}".encode():
        return HttpResponse(403)
    return HttpResponse(200, body=good)


def _password(world: Surroundings, request: Request) -> HttpResponse:
    if f"Password>{world.password}</".encode() not in request.body:
        return HttpResponse(500, body=soap_fault("ID3242: The security token could not be authenticated."))
    return HttpResponse(200, body=rstr())


def _token(world: Surroundings, request: Request) -> HttpResponse:
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


_STEPS: Final[Mapping[Step, Callable[[Surroundings, Request], HttpResponse]]] = {
    Step.REALM: _realm,
    Step.PAGE: _page,
    Step.INSTANCE: _instance,
    Step.MEX: _mex,
    Step.WINDOWS: _windows,
    Step.PASSWORD: _password,
    Step.BROWSER: _browser,
    Step.TOKEN: _token,
}
