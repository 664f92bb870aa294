"""From a Call to an HttpReply, with its place in the trace: the whole provider without a socket."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from ssosim.entra.core.errors import AadstsError
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Auth, Call, HttpReply
from ssosim.entra.core.provider import Provider
from ssosim.entra.http.routing import Route, error_style_of, find_route, step_of
from ssosim.entra.oauth.error_responses import ErrorStyle, render_error
from ssosim.trace import HttpExchange

__all__ = ["Responder", "dispatch", "refuse_misdirected", "run_exchange", "serve"]

_log = logging.getLogger(__name__)
_HOST, _METHOD, _PATH = 253, 16, 512  # characters in the trace

Responder = Callable[[Call], HttpReply]
"""An application that answers for a host; it never raises."""


def serve(provider: Provider, call: Call, client: str) -> HttpReply:
    """Answer ``call`` and record it as caused by ``client``. Never raises."""
    reply = run_exchange(provider, call, client, None)
    assert reply is not None  # noqa: S101 - only a fault keeps an answer back
    return reply


def run_exchange(
    provider: Provider, call: Call, client: str, effect: HttpEffect | None, respond: Responder | None = None
) -> HttpReply | None:
    """Answer ``call``, as ``injected`` by a fault, and record it as caused by ``client``; None: nothing is to be sent.

    ``respond`` is who answers, by default the provider itself. Never raises.
    """
    started = time.perf_counter()
    reply = _apply_effect(call, effect, respond or partial(dispatch, provider))
    trace, trace_buffer = provider.trace, call.trace_buffer
    for event in trace_buffer.events:
        trace.record(client, event)
    trace.record(
        client,
        HttpExchange(
            # Cut, for a request line may be 128 KB long, and a trace is kept.
            host=call.host[:_HOST],
            method=call.method[:_METHOD],
            path=("/" + "/".join(call.path))[:_PATH],
            status=reply.status if reply else 0,
            auth=trace_buffer.auth,
            code=reply.code if reply else None,
            request_id=call.correlation_id,
            elapsed_ms=(time.perf_counter() - started) * 1000,
            scheme=call.scheme,
            port=call.port,
            injected=_is_injected(effect),
            step=step_of(provider, call),
        ),
    )
    return reply


def _apply_effect(call: Call, effect: HttpEffect | None, respond: Responder) -> HttpReply | None:
    if effect is None:
        return respond(call)
    if effect.silent or effect.reply is not None:
        call.trace_buffer.auth = guess_auth(call)
        return None if effect.silent else effect.reply
    reply = respond(call)
    return effect.change(reply) if effect.change else reply


def _is_injected(effect: HttpEffect | None) -> bool:
    """Whether what comes from the service is not what it says."""
    if effect is None or effect.from_service:
        return False
    return effect.silent or effect.reply is not None or effect.change is not None


def guess_auth(call: Call) -> Auth:
    """What a request carries, by its looks: the provider, who would know, is not asked."""
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "negotiate":
        return "ntlm" if token.startswith("TlRMTVNTUA") else "kerberos"
    return "password" if b"password=" in call.body or b":Password" in call.body else "none"


def dispatch(provider: Provider, call: Call) -> HttpReply:
    """Answer ``call``; what it did is in ``call.trace_buffer``. Never raises."""
    service = provider.service_by_host.get(call.host)
    if service is None:
        return refuse_misdirected(call)
    style: ErrorStyle = error_style_of(service)
    try:
        found = find_route(provider, call)
        if found is None:
            return HttpReply(404, b"Not found.\n", "text/plain; charset=utf-8")
        route, captured = found
        if isinstance(route, Route):
            style = route.error_style
            _check_size(provider, call, route)
            return route.handler(provider, call, captured)
        error = AadstsError(900561, allowed=" or ".join(route), method=call.method[:16])
        reply = render_error(error, call, style, provider.settings)
        headers = (*reply.headers, ("Allow", ", ".join(route)))
        return HttpReply(405, reply.body, reply.content_type, headers, reply.code)
    except AadstsError as error:
        return render_error(error, call, style, provider.settings)
    except Exception:  # noqa: BLE001  the last line: our own mistake must not take the lab down
        call.trace_buffer.events.clear()
        _log.exception("trace id %s: %s https://%s failed", call.trace_id, call.method, call.host)
        return render_error(AadstsError(50000), call, style, provider.settings)


def _check_size(provider: Provider, call: Call, route: Route) -> None:
    if call.too_large:
        raise AadstsError(81016 if route.error_style == "soap" else 9002313, reason="The request body is too large.")
    if call.header_bytes > provider.settings.header_limit and not route.checks_header_size:
        raise AadstsError(
            81016 if route.error_style == "soap" else 9002313, reason="The request headers are too large."
        )


def refuse_misdirected(call: Call) -> HttpReply:
    """The answer to a request for a host that is not here."""
    text = f"The lab serves no host {call.host[:253]!r} here.\n"
    return HttpReply(421, text.encode(errors="replace"), "text/plain; charset=utf-8")
