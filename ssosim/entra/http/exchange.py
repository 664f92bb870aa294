"""From a Call to an Answer, with its place in the trace: the whole provider without a socket."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import partial

from ssosim.entra.core.errors import Refusal
from ssosim.entra.core.fault_effect import HttpEffect
from ssosim.entra.core.messages import Answer, Auth, Call
from ssosim.entra.core.provider import Provider
from ssosim.entra.http.routing import Route, find_route, step_of, style_of
from ssosim.entra.oauth.error_responses import Style, render_refusal
from ssosim.trace import HttpExchange, SignInStep

__all__ = ["Respond", "answer", "exchange", "headers_of", "misdirected", "serve", "unreadable"]

_log = logging.getLogger(__name__)
_HOST, _METHOD, _PATH = 253, 16, 512  # characters in the trace

Respond = Callable[[Call], Answer]
"""An application that answers for a host; it never raises."""


def serve(provider: Provider, call: Call, client: str) -> Answer:
    """Answer ``call`` and record it as caused by ``client``. Never raises."""
    reply = exchange(provider, call, client, None)
    assert reply is not None  # noqa: S101 - only a fault keeps an answer back
    return reply


def exchange(
    provider: Provider, call: Call, client: str, struck: HttpEffect | None, respond: Respond | None = None
) -> Answer | None:
    """Answer ``call``, as ``injected`` by a fault, and record it as caused by ``client``; None: nothing is to be sent.

    ``respond`` is who answers, by default the provider itself. Never raises.
    """
    started = time.perf_counter()
    reply = _struck(call, struck, respond or partial(answer, provider))
    trace, journal = provider.trace, call.journal
    for event in journal.events:
        trace.record(client, event)
    trace.record(
        client,
        HttpExchange(
            # Cut, for a request line may be 128 KB long, and a trace is kept.
            host=call.host[:_HOST],
            method=call.method[:_METHOD],
            path=("/" + "/".join(call.path))[:_PATH],
            status=reply.status if reply else 0,
            auth=journal.auth,
            code=reply.code if reply else None,
            request_id=call.correlation_id,
            elapsed_ms=(time.perf_counter() - started) * 1000,
            scheme=call.scheme,
            port=call.port,
            injected=_not_its_own(struck),
            step=step_of(provider, call),
            dropped=struck is not None and struck.dropped,
        ),
    )
    return reply


def unreadable(status: int) -> HttpExchange:
    """What the trace has of bytes that are no request, which were answered with ``status``."""
    return HttpExchange(host="", method="unreadable", path="", status=status, step=SignInStep.UNKNOWN)


def headers_of(provider: Provider, call: Call, reply: Answer) -> tuple[tuple[str, str], ...]:
    """The header fields that go out with ``reply``, those of its body apart."""
    if call.host not in provider.hosts:  # another service, which has no such fields
        return reply.headers
    headers = (*reply.headers, ("x-ms-request-id", call.trace_id))
    if call.headers.get("return-client-request-id", "").lower() == "true":
        return (*headers, ("client-request-id", call.correlation_id))
    return headers


def _struck(call: Call, struck: HttpEffect | None, respond: Respond) -> Answer | None:
    if struck is None:
        return respond(call)
    if struck.silent or struck.answer is not None:
        call.journal.auth = carried(call)
        return None if struck.silent else struck.answer
    reply = respond(call)
    return struck.change(reply) if struck.change else reply


def _not_its_own(struck: HttpEffect | None) -> bool:
    """Whether what comes from the service is not what it says."""
    if struck is None or struck.own:
        return False
    return struck.silent or struck.answer is not None or struck.change is not None


def carried(call: Call) -> Auth:
    """What a request carries, by its looks: the provider, who would know, is not asked."""
    scheme, _, token = call.headers.get("Authorization", "").partition(" ")
    if scheme.lower() == "negotiate":
        return "ntlm" if token.startswith("TlRMTVNTUA") else "kerberos"
    return "password" if b"password=" in call.body or b":Password" in call.body else "none"


def answer(provider: Provider, call: Call) -> Answer:
    """Answer ``call``; what it did is in ``call.journal``. Never raises."""
    service = provider.hosts.get(call.host)
    if service is None:
        return misdirected(call)
    style: Style = style_of(service)
    try:
        found = find_route(provider, call)
        if found is None:
            return Answer(404, b"Not found.\n", "text/plain; charset=utf-8")
        route, captured = found
        if isinstance(route, Route):
            style = route.style
            _check_size(provider, call, route)
            return route.endpoint(provider, call, captured)
        refusal = Refusal(900561, allowed=" or ".join(route), method=call.method[:16])
        reply = render_refusal(refusal, call, style, provider.settings)
        headers = (*reply.headers, ("Allow", ", ".join(route)))
        return Answer(405, reply.body, reply.content_type, headers, reply.code)
    except Refusal as refusal:
        return render_refusal(refusal, call, style, provider.settings)
    except Exception:  # noqa: BLE001  the last line: our own mistake must not take the lab down
        call.journal.events.clear()
        _log.exception("trace id %s: %s https://%r failed", call.trace_id, call.method, call.host)
        return render_refusal(Refusal(50000), call, style, provider.settings)


def _check_size(provider: Provider, call: Call, route: Route) -> None:
    if call.too_large:
        raise Refusal(81016 if route.style == "soap" else 9002313, reason="The request body is too large.")
    if call.header_bytes > provider.settings.header_limit and not route.takes_tickets:
        raise Refusal(81016 if route.style == "soap" else 9002313, reason="The request headers are too large.")


def misdirected(call: Call) -> Answer:
    """The answer to a request for a host that is not here."""
    text = f"The lab serves no host {call.host[:253]!r} here.\n"
    return Answer(421, text.encode(errors="replace"), "text/plain; charset=utf-8")
