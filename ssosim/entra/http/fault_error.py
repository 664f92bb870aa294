"""The answer of an endpoint with an AADSTS code that a fault chose, in the form that the endpoint itself has for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import parse_qsl

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.messages import Call, HttpReply
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.timestamps import format_xml_time
from ssosim.entra.http.routing import Route, find_route
from ssosim.entra.oauth.authorize_endpoint import refuse_silent_request
from ssosim.entra.oauth.error_responses import ErrorStyle, render_error
from ssosim.trace import SignInStep

__all__ = ["HOSTS_WITH_CODES", "render_fault_error"]

HOSTS_WITH_CODES = ("login", "autologon")
"""The services of the provider whose errors have AADSTS codes. Those of a federation service have none."""

_DAY = 86_400
_TEXT = 256  # characters of a request's text in an error
_FIELDS = {
    "client": ("client_id",),
    "user": ("username", "login_hint"),
    "scope": ("scope",),
    "resource": ("resource", "scope"),
    "redirect": ("redirect_uri",),
    "grant": ("grant_type",),
}


def render_fault_error(
    provider: Provider, call: Call, error: AadstsError, headers: tuple[tuple[str, str], ...]
) -> HttpReply:
    """Return the reply that the endpoint of ``call`` gives for ``error``, with further ``headers``.

    The texts of the catalogue are filled with what the request says, and with plausible times. The authorization
    endpoint sends the error to the application if the request has ``prompt=none``, and shows a page otherwise. A host
    without AADSTS codes sends the status alone.
    """
    if provider.service_by_host.get(call.host) not in HOSTS_WITH_CODES:
        return HttpReply(error.http_status, b"", "text/plain; charset=utf-8", headers)
    filled = AadstsError(
        error.code,
        status=error.status,
        claims=error.claims,
        error=error.error,
        **{**_read_details(provider, call), **error.details},
    )
    route = _route_of(provider, call)
    reply = None
    if route is not None and route.step is SignInStep.AUTHORIZE and error.status is None:
        reply = refuse_silent_request(provider, call, filled)
    if reply is None:
        reply = render_error(filled, call, _style_of(provider, call, route), provider.settings)
    return dataclasses.replace(reply, headers=(*reply.headers, *headers))


def _route_of(provider: Provider, call: Call) -> Route | None:
    found = find_route(provider, call)
    return found[0] if found is not None and isinstance(found[0], Route) else None


def _style_of(provider: Provider, call: Call, route: Route | None) -> ErrorStyle:
    if route is not None:
        return route.error_style
    return "soap" if provider.service_by_host.get(call.host) == "autologon" else "oauth"


def _read_details(provider: Provider, call: Call) -> dict[str, str]:
    fields = _read_parameters(call)
    details = {}
    for detail, names in _FIELDS.items():
        details[detail] = next((fields[name][:_TEXT] for name in names if fields.get(name)), "")
    provider = provider.at(call.host)
    application = provider.directory.find_application(details["client"])
    return {
        **details,
        "name": application.name if application is not None else details["client"],
        "tenant": call.path[0][:_TEXT] if call.path else "",
        "method": call.method[:16],
        "origin": call.headers.get("Origin", "")[:_TEXT],
        "now": format_xml_time(call.now),
        "issued": format_xml_time(call.now - _DAY),
        "valid_from": format_xml_time(call.now - 3600),
        "expires": format_xml_time(call.now - 60),
        "lifetime": str(_DAY),
        "inactive": f"{provider.estate.cloud.refresh_token_lifetime // _DAY}.00:00:00",
    }


def _read_parameters(call: Call) -> Mapping[str, str]:
    """Return the parameters of query and form. Only those that ``_FIELDS`` names are used, which are not secret."""
    with suppress(ValueError):
        return {**call.query, **dict(parse_qsl(call.body.decode("utf-8", "replace"), max_num_fields=100))}
    return call.query
