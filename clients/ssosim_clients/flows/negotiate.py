"""HTTP Negotiate (RFC 4559): respond to a challenge with a Kerberos token, as an SPN rule says."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from functools import lru_cache
from urllib.parse import urlsplit

from ssosim_clients.failures import DnsFailure, NetworkFailure, Stage, TicketFailure, during
from ssosim_clients.flows import wstrust
from ssosim_clients.ports import Device, HttpResponse
from ssosim_clients.spn.rule import NegotiateAbandoned, OnUnknown, SpnRule

__all__ = ["ChallengeResponse", "Send", "exchange", "is_challenge", "respond_to_challenge", "send_with_ticket"]

Send = Callable[[str | None], Awaitable[HttpResponse]]
"""Sends the client's request with this value of the Authorization header; None: without the header."""


@dataclass(frozen=True, slots=True)
class ChallengeResponse:
    """How a client responds to a challenge.

    ``repeat``: whether it sends the request again. ``header``: the value of the Authorization header, None if the
    client has none to send.
    """

    header: str | None = field(default=None, repr=False)
    repeat: bool = False


def is_challenge(response: HttpResponse) -> bool:
    """Whether ``response`` is a 401 that offers Negotiate."""
    offered = response.headers.get("WWW-Authenticate", "")
    return response.status == 401 and any(part.split()[:1] == ["negotiate"] for part in offered.lower().split(","))


async def exchange(device: Device, rule: SpnRule, url: str, send: Send, *, challenges: int = 1) -> HttpResponse:
    """Send a request; on a challenge get a ticket and send it again. Return the last response.

    ``challenges`` is how many challenges in a row the client responds to: a server that refuses a ticket without a
    token of its own sends a challenge again. If the first response is 200, it is returned. Raises ``StageFailure`` of
    the stage challenge (no response, or neither 200 nor a challenge), ticket (no ticket; the 401 is the result for the
    caller), or trust (no response).
    """
    with during(Stage.CHALLENGE):
        first = await send(None)
        if first.status != 200 and not is_challenge(first):
            raise wstrust.read_fault(first)
    last = first
    for _ in range(challenges):
        if not is_challenge(last):
            break
        with during(Stage.TICKET):
            reply = await respond_to_challenge(device, rule, url)
            if not reply.repeat:
                raise wstrust.read_fault(last)
        with during(Stage.TRUST):
            last = await send(reply.header)
    return last


async def send_with_ticket(device: Device, rule: SpnRule, url: str, send: Send) -> HttpResponse:
    """Get a ticket and send it with the first request, without waiting for a challenge. Return the response.

    Raises ``StageFailure`` of the stage ticket (no name or no ticket, as ``rule`` says) or trust (no response).
    """
    with during(Stage.TICKET):
        reply = await respond_to_challenge(device, rule, url)
    with during(Stage.TRUST):
        return await send(reply.header)


async def respond_to_challenge(device: Device, rule: SpnRule, url: str) -> ChallengeResponse:
    """Form the SPN for ``url``, get a ticket, and fall back as ``rule`` says.

    Only an SPN that the KDC does not know leads to the next candidate and finally to NTLM. If no KDC is reachable,
    Windows does not use NTLM (source: Microsoft support, Kerberos failures in Internet Explorer). Raises
    ``NetworkFailure`` if the rule raises the error of a failed look-up, ``TicketFailure`` if the rule raises that.
    """
    host, port = _read_host_and_port(url)
    tls_host = host if rule.channel_bindings and url.lower().startswith("https:") else ""
    failed_key = f"negotiate-failed:{host}"
    if rule.remembers_failure and device.memory.recall(failed_key, bool, device.clock.now()):
        return ChallengeResponse()
    try:
        token = await _request_token(device, rule, host, port, tls_host)
    except NegotiateAbandoned:
        return ChallengeResponse()
    except DnsFailure as failure:
        raise NetworkFailure.from_dns(failure) from failure
    except TicketFailure as failure:
        if rule.remembers_failure:
            device.memory.keep(failed_key, value=True)
        return await _respond_without_ticket(device, rule, failure)
    return _with_token(token)


@lru_cache(maxsize=64)
def _read_host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


async def _request_token(device: Device, rule: SpnRule, host: str, port: int, tls_host: str) -> bytes:
    """A token for the first candidate that the KDC knows. A race of the rule is resolved anew for each call."""
    rule = rule.resolve_race(device.random)
    unknown: dict[str, TicketFailure] = {}
    for pair in rule.form_pairs:
        spn = await rule.form_spn(pair, host, device.resolver, port=port, search_domain=device.search_domain)
        if spn in unknown:
            continue
        try:
            # A port of users without channel bindings takes one argument.
            bound_to = (tls_host,) if tls_host else ()
            return await device.kerberos.negotiate_token(spn, *bound_to)
        except TicketFailure as failure:
            if failure.kind != "server-unknown":
                raise
            unknown[spn] = failure
    raise list(unknown.values())[-1]


async def _respond_without_ticket(device: Device, rule: SpnRule, failure: TicketFailure) -> ChallengeResponse:
    if rule.on_unknown is OnUnknown.ERROR:
        raise failure
    if rule.on_unknown is OnUnknown.NTLM and failure.kind == "server-unknown":
        return _with_token(await device.kerberos.ntlm_token())
    return ChallengeResponse(repeat=rule.on_unknown is OnUnknown.RESEND_PLAIN)


def _with_token(token: bytes) -> ChallengeResponse:
    return ChallengeResponse(f"Negotiate {base64.b64encode(token).decode('ascii')}", repeat=True)
