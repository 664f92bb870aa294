"""One HTTP exchange as a function: from a ``Call`` to an ``HttpReply`` and a record in the trace. No socket is used.

Theory of operation
-------------------

The parts, from the outside to the inside:

- ``run_exchange`` is the whole exchange. It applies the effect of a fault, calls the responder, and writes the trace.
- ``_apply_effect`` decides, from the ``HttpEffect`` of the active faults, whether the responder is called at all.
- A ``Responder`` is the application of a host. ``dispatch`` is the responder of the identity provider: it finds the
  route, checks the size of the request, calls the handler, and renders every error in the style of the endpoint.
- ``serve`` is ``run_exchange`` without faults, for tests and in-memory use.

The server (``app.py``) reads the request, waits for the delay of a fault, calls ``run_exchange`` and sends the reply.
The forecast of DNS changes calls the same function without a server.

Rules that always hold:

- The reply depends only on the call (which contains its time, ``call.now``), on estate, settings and keys, on the state
  of the provider (its replay cache and its device codes), and on random ids. Nothing waits and nothing reads a socket;
  a clock is read only to measure ``elapsed_ms``.
- Each call leads to exactly one ``HttpExchange`` event, also if there is no reply (``status`` 0) or the handler fails.
- A handler never writes to the trace. It appends events to ``call.trace_buffer``; they are recorded after it returns,
  in order, directly before the ``HttpExchange`` event. If the handler fails with an unexpected exception, its events
  are discarded, because it is unknown whether they took place.
- The credentials in a call that its recipient must not have are recorded directly after the ``HttpExchange`` event, one
  event each. Who answers does not matter: they were sent.
- ``step`` depends on host and path only. A fault cannot change it.
- ``dispatch`` never raises. A request that is refused is an ``AadstsError``, which it catches; any other exception is
  logged with the trace id and becomes reply 500 with AADSTS50000. Responders and ``change`` functions must not raise
  either: ``run_exchange`` does not catch their exceptions.

How a fault shows: an effect with ``silent``, ``reply`` or ``error`` keeps the request from the responder, so that no
token is issued and no ticket is checked. The provider has then not looked at the credentials, and ``guess_auth`` reads
the authentication method from the headers and the body. An effect with ``change`` lets the provider handle the request
and changes the reply; the events of the handler are true and are recorded. The ``HttpExchange`` event is marked
``injected`` unless the effect stands for a failure of the service itself (``from_service``).

What can go wrong: text of the request reaches the trace, so host, method and path are cut to fixed lengths (a request
line may have 32 KB). The query never reaches the trace, because it may contain codes and tokens. ``guess_auth`` can be
wrong for a body that merely contains the text ``password=``.
"""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Literal

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Auth, Call, HttpReply
from ssosim.entra.core.provider import Provider
from ssosim.entra.core.service_clocks import is_about_date
from ssosim.entra.core.settings import HEADER_LIMIT, SOAP_LIMIT
from ssosim.entra.http.cors import allow_origin
from ssosim.entra.http.fault_error import render_fault_error
from ssosim.entra.http.http_sys import refuse_long_head
from ssosim.entra.http.routing import Route, error_style_of, find_route, step_of
from ssosim.entra.oauth.error_responses import ErrorStyle, render_error
from ssosim.trace import CredentialExposed, HttpExchange, SignInStep

__all__ = [
    "Responder",
    "dispatch",
    "headers_of",
    "make_unreadable_event",
    "own_headers_of",
    "refuse_misdirected",
    "run_exchange",
    "serve",
]

_log = logging.getLogger(__name__)
_FIRST_ERROR = 400  # the lowest status of an error
_HOST, _METHOD, _PATH, _DESCRIPTION = 253, 16, 512, 1024  # characters in the trace

Responder = Callable[[Call], HttpReply]
"""Handles the calls for a host; it never raises."""


def serve(provider: Provider, call: Call, client: str) -> HttpReply:
    """Answer ``call`` without faults and record it for the client named ``client``. Never raises."""
    reply = run_exchange(provider, call, client, None)
    assert reply is not None  # noqa: S101 - only a fault can suppress the reply
    return reply


def run_exchange(
    provider: Provider,
    call: Call,
    client: str,
    effect: HttpEffect | None,
    respond: Responder | None = None,
    step: SignInStep | None = None,
) -> HttpReply | None:
    """Answer ``call``, apply ``effect``, and record the exchange for the client named ``client``.

    ``effect`` is the effect of the active faults, or None. ``respond`` is the application of the host, by default the
    identity provider. ``step`` is the step of the request, by default that of the identity provider at that host and
    path. Returns None if no reply is to be sent. Never raises.
    """
    started = time.perf_counter()
    trace_buffer = call.trace_buffer
    trace_buffer.client = client
    ahead = provider.clocks.find_service_offset(call.host)
    if ahead:
        call = dataclasses.replace(call, now=call.now + ahead)
    if effect is not None:
        reply = _apply_effect(provider, call, effect, partial(dispatch, provider) if respond is None else respond)
    else:
        reply = dispatch(provider, call) if respond is None else respond(call)
    if step is None:
        step = trace_buffer.step or step_of(provider, call)
    injected = effect is not None and _is_injected(effect)
    find = provider.find_exposures
    exposed = () if find is None else find(call, step, in_place=injected and effect is not None and effect.answers)
    code = reply.code if reply else None
    # An answer in the service's place says nothing about what the service knows.
    asked = effect is None or not (effect.silent or effect.answers)
    faults = provider.find_estate_faults(call, step, code) if asked else ()
    refused_date = trace_buffer.refused_date or (reply is not None and is_about_date(code, reply.error_description))
    if asked and refused_date:
        faults = tuple(dict.fromkeys((*faults, *provider.clocks.explain_refused_date(client, call.host))))
    exchange = HttpExchange(
        # Cut: a request line may be 32 KB long, and the trace is stored.
        host=call.host[:_HOST],
        method=call.method[:_METHOD],
        path=_name_path(call, exposed),
        status=reply.status if reply else 0,
        auth=trace_buffer.auth,
        code=code,
        error_description=_safe_description(provider, reply) if reply and reply.error_description else "",
        request_id=call.correlation_id,
        elapsed_ms=(time.perf_counter() - started) * 1000,
        scheme=call.scheme,
        port=call.port,
        injected=injected,
        step=step,
        dropped=effect is not None and effect.dropped,
        mutual_token=trace_buffer.auth == "kerberos" and reply is not None and _has_mutual_token(reply),
        client_credential=_read_credential_kind(call) if step is SignInStep.TOKEN else "",
        not_checked=trace_buffer.not_checked if reply and code is None and reply.status < _FIRST_ERROR else (),
        faults=(*effect.faults, *faults) if effect else faults,
    )
    provider.trace.record_in_turn(client, (*trace_buffer.events, exchange, *exposed))
    return reply


def _has_mutual_token(reply: HttpReply) -> bool:
    """Return whether ``reply`` has a token of the service for the client (RFC 4559, section 4.2)."""
    return any(
        name.lower() == "www-authenticate" and value.strip()[:10].lower() == "negotiate "
        for name, value in reply.headers
    )


def _name_path(call: Call, exposed: Sequence[CredentialExposed]) -> str:
    if exposed and any(each.part == "path" for each in exposed):
        return "/(redacted)"
    return f"/{'/'.join(call.path)}"[:_PATH]


def _safe_description(provider: Provider, reply: HttpReply) -> str:
    """Return the text of the error for the trace, without secrets: a client may send its password as a user name."""
    text = reply.error_description
    for secret in provider.directory.secrets:
        text = text.replace(secret, "(redacted)")
    return text[:_DESCRIPTION]


def make_unreadable_event(status: int) -> HttpExchange:
    """Make the event for input that is not a valid HTTP request and was answered with ``status``."""
    return HttpExchange(host="", method="unreadable", path="", status=status, step=SignInStep.UNKNOWN)


def headers_of(provider: Provider, call: Call, reply: HttpReply) -> tuple[tuple[str, str], ...]:
    """Return the header fields that are sent with ``reply``, except those that describe its body."""
    return (*reply.headers, *own_headers_of(provider, call))


def own_headers_of(provider: Provider, call: Call) -> tuple[tuple[str, str], ...]:
    """Return the header fields that the identity provider adds to each of its replies."""
    if call.host not in provider.service_by_host:  # another service; only the provider sends these fields
        return ()
    field = ("x-ms-request-id", call.trace_id)
    if call.headers.get("return-client-request-id", "").lower() == "true":
        return field, ("client-request-id", call.correlation_id)
    return (field,)


def _apply_effect(provider: Provider, call: Call, effect: HttpEffect, respond: Responder) -> HttpReply | None:
    if effect.silent or effect.answers:
        call.trace_buffer.auth = guess_auth(call)
        if effect.silent:
            return None
        if effect.error is not None:
            return render_fault_error(provider, call, effect.error, effect.error_headers)
        return effect.reply
    reply = respond(call)
    return effect.change(reply) if effect.change else reply


def _is_injected(effect: HttpEffect) -> bool:
    """Whether a fault, and not the service, has produced what the client gets."""
    return effect.decides and not effect.from_service


def guess_auth(call: Call) -> Auth:
    """Guess the authentication method from headers and body, for a request that the provider does not handle."""
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "negotiate":
        return "ntlm" if token.startswith("TlRMTVNTUA") else "kerberos"
    return "password" if b"password=" in call.body or b":Password" in call.body else "none"


def _read_credential_kind(call: Call) -> Literal["", "client_secret", "client_assertion"]:
    """Return what a request for an application's own token carries as proof of the application; empty for others."""
    if b"grant_type=client_credentials" not in call.body:
        return ""
    if b"client_assertion=" in call.body:
        return "client_assertion"
    basic = call.headers.get("Authorization", "").lower().startswith("basic ")
    return "client_secret" if basic or b"client_secret=" in call.body else ""


def dispatch(provider: Provider, call: Call) -> HttpReply:
    """Answer ``call`` with the handler of its route. Its events are in ``call.trace_buffer``. Never raises."""
    provider = provider.at(call.host)
    service = provider.service_by_host.get(call.host)
    if service is None:
        return refuse_misdirected(call)
    if service == "federation" and (refusal := refuse_long_head(provider.federation_by_host[call.host], call)):
        call.trace_buffer.auth = guess_auth(call)
        return refusal
    return _answer(provider, call, service)


def _answer(provider: Provider, call: Call, service: str) -> HttpReply:
    """Answer ``call`` to a host with this ``service`` with the handler of its route. Never raises."""
    style: ErrorStyle = error_style_of(service)
    cross_origin = False
    try:
        found = find_route(provider, call)
        if found is None:
            return HttpReply(404, b"Not found.\n", "text/plain; charset=utf-8")
        route, captured = found
        if isinstance(route, Route):
            style = route.error_style
            if call.method != "HEAD":  # its step is that of the path
                call.trace_buffer.step = route.step
            cross_origin = route.cross_origin and "Origin" in call.headers
            if call.too_large or call.header_bytes > provider.settings.header_limit:
                _check_size(call, route)
            if call.header_bytes > HEADER_LIMIT:
                call.trace_buffer.note_not_checked("settings.header_limit")
            if len(call.body) > SOAP_LIMIT and route.error_style in ("soap", "adfs"):
                call.trace_buffer.note_not_checked("settings.soap_limit")
            reply = route.handler(provider, call, captured)
            return allow_origin(reply) if cross_origin else reply
        return _refuse_method(provider, call, route, service)
    except AadstsError as error:
        reply = render_error(error, call, style, provider.settings)
        return allow_origin(reply) if cross_origin else reply
    except Exception:  # noqa: BLE001  an error of this program must not stop the lab
        call.trace_buffer.events.clear()
        call.trace_buffer.not_checked = ()
        _log.exception("trace id %s: %s https://%r failed", call.trace_id, call.method, call.host)
        return render_error(AadstsError(50000), call, style, provider.settings)


def _refuse_method(provider: Provider, call: Call, allowed: tuple[str, ...], service: str) -> HttpReply:
    """Refuse a method that the endpoint does not have: with a page for GET, since a browser sent it."""
    style: ErrorStyle = "page" if service == "login" and call.method in ("GET", "HEAD") else error_style_of(service)
    error = AadstsError(900561, allowed=", ".join(allowed), method=call.method[:16])
    reply = render_error(error, call, style, provider.settings)
    return dataclasses.replace(reply, headers=(*reply.headers, ("Allow", ", ".join(allowed))))


def _check_size(call: Call, route: Route) -> None:
    """Refuse a request whose body or headers are too large."""
    if call.too_large:
        raise AadstsError(81016 if route.error_style == "soap" else 9002313, reason="The request body is too large.")
    if not route.checks_header_size:
        raise AadstsError(
            81016 if route.error_style == "soap" else 9002313, reason="The request headers are too large."
        )


def refuse_misdirected(call: Call) -> HttpReply:
    """Return 421 (Misdirected Request) for a host that no service at this listener has."""
    text = f"The lab serves no host {call.host[:253]!r} here.\n"
    return HttpReply(421, text.encode(errors="replace"), "text/plain; charset=utf-8")
